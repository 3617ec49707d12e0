//! What a database needs before a dump of another one is read into it, and after.
//!
//! The dump itself is made and read by PostgreSQL's own programs; it holds no roles, because those
//! belong to a whole server. Nor does the server go on with the numbers of transactions that the other
//! one had, by which events are in order.

use std::time::Duration;

use sqlx::{Connection as _, Row as _};

use crate::database::Store;
use crate::error::StoreError;
use crate::tx::{self, Settings};

/// How long numbering a company's events anew may take: every row of them is written, and nobody waits.
const RENUMBER_WITHIN: Duration = Duration::from_secs(3_600);

/// Whether no table is there. A question to the catalogue alone, which has no schema to be checked
/// against.
const IS_EMPTY: &str = "SELECT NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p'))";

/// As the first migration makes it. A login without CREATEROLE goes on as the tables' owner; the
/// dump's grants then name a role that is missing, and reading it fails with that name.
const MAKE_ROLE: &str = "DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_app') THEN
        CREATE ROLE muster_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT muster_app TO CURRENT_USER;
    END IF;
EXCEPTION
    WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END
$$";

/// Whether a company has an event, or a place among them, of a transaction that was none of this server's: of
/// one that has still to come here.
const IS_FOREIGN: &str = "SELECT coalesce(greatest(
        (SELECT max(xact) FROM finding_events WHERE company_key = $1),
        (SELECT max(xact) FROM policy_events WHERE company_key = $1),
        (SELECT max(xact) FROM webhooks WHERE company_key = $1)
    ) > pg_snapshot_xmax(pg_current_snapshot())::text::bigint, false)";

/// Both kinds of events draw their ids from one sequence, so ids alone are nearly the same order. Where they are
/// not, a webhook is told of some events again, and of all that it was not told.
const KEEP_PLACES: &str = "UPDATE webhooks w SET xact = 0, event = coalesce(
        least(
            (SELECT min(e.id) FROM finding_events e
             WHERE e.company_key = $1 AND (e.xact, e.id) > (w.xact, w.event)),
            (SELECT min(e.id) FROM policy_events e
             WHERE e.company_key = $1 AND (e.xact, e.id) > (w.xact, w.event))
        ) - 1,
        greatest(
            (SELECT max(e.id) FROM finding_events e WHERE e.company_key = $1),
            (SELECT max(e.id) FROM policy_events e WHERE e.company_key = $1)
        ),
        0)
    WHERE w.company_key = $1";

/// Before every transaction that there is.
const RENUMBER: [&str; 2] = [
    "UPDATE finding_events SET xact = 0 WHERE company_key = $1 AND xact > 0",
    "UPDATE policy_events SET xact = 0 WHERE company_key = $1 AND xact > 0",
];

impl Store {
    /// Whether the database has no tables yet.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let mut connection = self.owner().await?;
        let row = sqlx::raw_sql(IS_EMPTY).fetch_one(&mut connection).await?;
        connection.close().await.ok();
        Ok(row.try_get(0)?)
    }

    /// Makes the role that queries run as, if it is not there: grants of a dump name it.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn make_role(&self) -> Result<(), StoreError> {
        let mut connection = self.owner().await?;
        sqlx::raw_sql(MAKE_ROLE).execute(&mut connection).await?;
        connection.close().await.ok();
        Ok(())
    }

    /// Puts events that were written on another server before everything that happens on this one, so that whoever
    /// is told of events is told of what comes. Gives how many; none where the numbers are this server's own, as
    /// after its files were brought back.
    ///
    /// Nothing else may work on the database meanwhile.
    ///
    /// # Errors
    ///
    /// When the database cannot be used; the companies before are done then, and another call does the others.
    pub async fn renumber_events(&self) -> Result<u64, StoreError> {
        let settings = Settings { operator: true, ..Settings::default() };
        let mut tx = tx::begin(self.transactions(), "restore.companies", settings).await?;
        let companies: Vec<i64> = sqlx::query_scalar("SELECT key FROM companies ORDER BY key")
            .fetch_all(&mut *tx)
            .await?;
        tx.commit().await?;
        let mut events = 0;
        for company in companies {
            events += self.renumber_events_of(company).await?;
        }
        Ok(events)
    }

    async fn renumber_events_of(&self, company_key: i64) -> Result<u64, StoreError> {
        let settings = Settings {
            company: Some(company_key),
            statement_timeout: Some(RENUMBER_WITHIN),
            ..Settings::default()
        };
        let mut tx = tx::begin(self.transactions(), "restore.renumber", settings).await?;
        let asking = sqlx::query_scalar(IS_FOREIGN).bind(company_key);
        let is_foreign: bool = asking.fetch_one(&mut *tx).await?;
        let mut events = 0;
        if is_foreign {
            // By the numbers that are still there.
            sqlx::query(KEEP_PLACES).bind(company_key).execute(&mut *tx).await?;
            for statement in RENUMBER {
                let done = sqlx::query(statement).bind(company_key).execute(&mut *tx).await?;
                events += done.rows_affected();
            }
        }
        tx.commit().await?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::FreshDatabase;

    #[tokio::test]
    async fn a_database_is_empty_until_it_has_a_table() {
        let database = FreshDatabase::create_empty().await;
        assert!(database.store().is_empty().await.unwrap());
        database.store().make_role().await.unwrap();
        assert!(database.store().is_empty().await.unwrap(), "a role is no table");
        database.store().migrate().await.unwrap();
        assert!(!database.store().is_empty().await.unwrap());
    }
}
