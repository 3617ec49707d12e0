//! Named transactions, and the retry of those that lost against another one.
//!
//! A name stands as a comment before `BEGIN`, so that `pg_stat_activity` and the server's log say
//! what a session is doing, and as a label at how long it took. Nothing here knows a company;
//! [`crate::tenant`] adds it.

mod named;

use std::fmt::Write as _;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};

pub(crate) use self::named::Tx;
use crate::error::{StoreError, is_conflict};

/// The metric of how long transactions take, by the label `transaction`.
pub const TRANSACTION_SECONDS: &str = "muster_database_transaction_seconds";
/// The metric of transactions that were not committed, by the same label.
pub const ROLLBACKS: &str = "muster_database_rollbacks_total";

/// How often a transaction that lost against another one is run in all.
const ATTEMPTS_MAX: u32 = 5;

/// What a transaction may see and how it plans, as settings that end with it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    /// The company whose rows can be seen.
    pub(crate) company: Option<i64>,
    /// The one credential whose row can be seen before its company is known.
    pub(crate) credential: Option<uuid::Uuid>,
    /// Whether the operator's own objects can be seen.
    pub(crate) operator: bool,
    /// Whether every row is found by its key. A plan that was made while a table was small would
    /// read all of it, and be kept when it has grown.
    pub(crate) by_key_only: bool,
    /// How long one statement may take, where it is not what holds for all.
    pub(crate) statement_timeout: Option<Duration>,
}

/// Where transactions are begun.
#[derive(Clone, Debug)]
pub(crate) struct Transactions {
    pool: PgPool,
    /// What each begins with, where no session of its own keeps it.
    preamble: String,
}

impl Transactions {
    /// On sessions that were set up when they were made.
    pub(crate) const fn on(pool: PgPool) -> Self {
        Self { pool, preamble: String::new() }
    }

    /// On sessions that are others' between two transactions, behind a pooler: what holds for a
    /// session elsewhere is said at the beginning of each transaction.
    pub(crate) fn on_borrowed(pool: PgPool, statement_timeout: Duration) -> Self {
        let timeout_ms = statement_timeout.as_millis();
        let preamble = format!(
            "; SET LOCAL ROLE muster_app; SET LOCAL statement_timeout = {timeout_ms}; \
             SET LOCAL idle_in_transaction_session_timeout = {timeout_ms}; SET LOCAL jit = off"
        );
        Self { pool, preamble }
    }

    /// The pool of connections.
    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// Begins a transaction with its settings in one round trip.
pub(crate) async fn begin(
    transactions: &Transactions,
    name: &'static str,
    settings: Settings,
) -> Result<Tx, StoreError> {
    // `SET LOCAL` ends with the transaction, so a connection goes back to the pool without a
    // company, also after a panic.
    let mut sql = format!("/* {name} */ BEGIN{}", transactions.preamble);
    // Nothing here comes from outside: a number, a UUID and constants.
    if let Some(company) = settings.company {
        append(&mut sql, format_args!("; SET LOCAL muster.company_key = '{company}'"));
    }
    if let Some(credential) = settings.credential {
        append(&mut sql, format_args!("; SET LOCAL muster.credential = '{credential}'"));
    }
    if settings.operator {
        sql.push_str("; SET LOCAL muster.operator = 'on'");
    }
    if settings.by_key_only {
        // No prohibition: where there is no index PostgreSQL reads the table all the same.
        sql.push_str("; SET LOCAL enable_seqscan = off");
    }
    if let Some(timeout) = settings.statement_timeout {
        let timeout_ms = timeout.as_millis();
        append(&mut sql, format_args!("; SET LOCAL statement_timeout = {timeout_ms}"));
    }
    // One text of several statements goes by the simple protocol, in one round trip.
    let timed = named::Timed::begin(name);
    Ok(Tx::new(transactions.pool.begin_with(AssertSqlSafe(sql)).await?, timed))
}

fn append(sql: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _written = sql.write_fmt(text);
}

/// Runs a whole transaction, again when it lost against another one.
///
/// # Cancel safety
///
/// Dropping it rolls the running attempt back.
pub(crate) async fn retrying<T, F>(
    name: &'static str,
    attempt: impl Fn() -> F + Send,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>> + Send,
{
    let mut number = 1;
    loop {
        match attempt().await {
            // Only what PostgreSQL says to run again (serialization failures and deadlocks), and
            // the whole transaction: what it had read may not be true any more.
            Err(error) if number < ATTEMPTS_MAX && is_conflict(&error) => {
                tracing::debug!(transaction = name, attempt = number, "lost and is run again");
                // 8 to 64 ms: the other transaction needs about one batch's time to be through.
                tokio::time::sleep(Duration::from_millis(4 << number)).await;
                number += 1;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
