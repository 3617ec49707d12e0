//! Lists that are read to their end: one snapshot, a bounded number of rows in memory at a time.
//!
//! A cursor on the server and not pages: a page begins with all that comes before it, and a list that is
//! sorted by what no index has would be sorted once for every page. An export is a transaction that stays
//! open as long as its reader reads; it holds no lock that anybody waits for but a migration, which gives way
//! ([`crate::database`]).

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Execute as _, FromRow, PgConnection, Postgres, QueryBuilder};

use crate::error::StoreError;
use crate::tenant::TenantScope;
use crate::tx::Tx;

/// How long an export may be read: its transaction is kept for as long, however slowly somebody reads.
pub const READ_WITHIN: Duration = Duration::from_secs(3_600);
/// What the server waits besides, so that whoever reads notices first.
const GRACE: Duration = Duration::from_secs(60);
/// Rows that are read at once.
const ROWS_A_TIME: u32 = 2_000;

/// How much of each row an export reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// All that its list shows.
    All,
    /// What a table has cells for. What is wide and in none of them, such as descriptions and reasons, is empty
    /// then: reading it takes longer than all the rest.
    Cells,
}

/// The rows of a list, some at a time. Dropped before the end, its transaction is rolled back.
#[derive(Debug)]
pub(crate) struct Rows {
    tx: Tx,
    company_key: i64,
    is_over: bool,
}

impl Rows {
    /// Opens a list whose `$1` is the company.
    pub(crate) async fn open(
        scope: &TenantScope,
        name: &'static str,
        query: QueryBuilder<Postgres>,
    ) -> Result<Self, StoreError> {
        Self::of(snapshot(scope, name).await?, scope.key(), query).await
    }

    /// The same in a snapshot that was asked something before.
    pub(crate) async fn of(
        mut tx: Tx,
        company_key: i64,
        mut query: QueryBuilder<Postgres>,
    ) -> Result<Self, StoreError> {
        #[cfg(test)]
        crate::page::note(&query);
        let sql = format!("DECLARE exported NO SCROLL CURSOR FOR {}", query.sql().as_str());
        let arguments = query.build().take_arguments();
        let arguments = arguments.map_err(sqlx::Error::Encode)?.unwrap_or_default();
        sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *tx).await?;
        Ok(Self { tx, company_key, is_over: false })
    }

    /// The next rows; nothing at the end.
    pub(crate) async fn fetch<R>(&mut self) -> Result<Vec<R>, StoreError>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        if self.is_over {
            return Ok(Vec::new());
        }
        let sql = format!("FETCH FORWARD {ROWS_A_TIME} FROM exported");
        // Never kept prepared: the same words give another list's columns in the next transaction.
        let rows =
            sqlx::query_as(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut *self.tx).await?;
        self.is_over = rows.len() < ROWS_A_TIME as usize;
        Ok(rows)
    }

    /// The transaction, for what is asked beside a list's rows.
    pub(crate) fn tx(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    pub(crate) const fn company(&self) -> i64 {
        self.company_key
    }
}

/// A transaction that sees one moment, for cursors that are read to their ends.
pub(crate) async fn snapshot(scope: &TenantScope, name: &'static str) -> Result<Tx, StoreError> {
    let mut tx = scope.begin_whole(name).await?;
    // One snapshot for the cursor and what is counted beside it, and a plan for all rows: a cursor's
    // is otherwise made for the first tenth of them.
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(&mut *tx)
        .await?;
    sqlx::query("SET LOCAL cursor_tuple_fraction = 1.0").execute(&mut *tx).await?;
    // Between two pieces nothing is asked for as long as a slow reader takes for them. One that reads no more is noticed
    // by whoever reads for it, and a node that is gone by the connection; this is for one that hangs.
    let idle_ms = (READ_WITHIN + GRACE).as_millis();
    let idle = format!("SET LOCAL idle_in_transaction_session_timeout = {idle_ms}");
    sqlx::query(AssertSqlSafe(idle)).execute(&mut *tx).await?;
    Ok(tx)
}

/// Prefers plans whose first rows come at once, for a cursor whose order an index has: what reads the rows works beside the
/// database from the beginning on, and nothing is sorted.
pub(crate) async fn along_index(tx: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SET LOCAL cursor_tuple_fraction = 0.01").execute(tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
