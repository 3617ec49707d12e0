//! The pool's connections: what every one has to be before it is given out.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor as _, PgConnection, PgPool, Row as _};

use super::primary::Servers;
use super::{StoreConfig, take_role};

/// Outside of a transaction a statement is one of its own, and began when it did.
const IN_NO_TRANSACTION: &str = "SELECT now() = statement_timestamp()";

/// How long a connection may take to show that it is one.
pub(super) const CHECK_WITHIN: Duration = Duration::from_secs(3);

/// A pool that makes its connections when they are first needed.
pub(super) fn open(config: &StoreConfig, servers: &Arc<Servers>) -> PgPool {
    let working = working(servers.present().clone(), config.statement_timeout);
    let servers = Arc::clone(servers);
    PgPoolOptions::new()
        .max_connections(config.connections_max)
        .acquire_timeout(config.acquire_timeout)
        .after_connect(|connection, _| Box::pin(becomes_working(connection)))
        // In place of the pool's own, which only asks whether the connection lives.
        .test_before_acquire(false)
        // `Ok(false)` and an error alike close the connection, and the pool tries the next one or
        // makes one.
        .before_acquire(move |connection, state| {
            // Before anything is asked: a server that stands still would answer no question.
            let was_left = servers.was_left(state.age);
            Box::pin(async move {
                if was_left {
                    return Err(sqlx::Error::Configuration("its server was left".into()));
                }
                // Without it a connection whose other end is gone would use up the whole patience
                // of whoever asks.
                tokio::time::timeout(CHECK_WITHIN, is_usable(connection))
                    .await
                    .map_err(|_| sqlx::Error::PoolTimedOut)?
            })
        })
        // Lazily, because the schema may not be there yet, and with it the role that
        // connections take.
        .connect_lazy_with(working)
}

/// A pool on a server that only reads for us, whether or not it takes writes.
pub(super) fn open_for_reads(config: &StoreConfig, server: PgConnectOptions) -> PgPool {
    let working = working(server, config.statement_timeout);
    PgPoolOptions::new()
        .max_connections(config.connections_max)
        // Nobody waits long for it: the server that takes writes reads in its place.
        .acquire_timeout(CHECK_WITHIN)
        .after_connect(|connection, _| Box::pin(becomes_working(connection)))
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async {
                let row = tokio::time::timeout(CHECK_WITHIN, connection.fetch_one(IN_NO_TRANSACTION));
                row.await.map_err(|_| sqlx::Error::PoolTimedOut)??.try_get(0)
            })
        })
        .connect_lazy_with(working)
}

/// Takes the role that queries run as, at every connection: `SET ROLE` belongs to the session, and one where it was
/// forgotten would pass row-level security.
async fn becomes_working(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    match take_role(connection).await? {
        // The message is told by `migrate`; here the connection is only kept out.
        Some(role) => Err(sqlx::Error::Configuration(Box::new(role))),
        None => Ok(()),
    }
}

/// Whether a connection answers, takes writes and is in no transaction.
///
/// A `BEGIN` whose caller has gone before its answer came leaves the session in a transaction that
/// sqlx does not know of. Whatever was written in it would never be committed.
pub(super) async fn is_usable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // Outside of a transaction the statement is one of its own, and began when it did. By the simple
    // protocol, in which that is one instant.
    let check = "SELECT now() = statement_timestamp() \
                 AND current_setting('transaction_read_only') = 'off'";
    let row = connection.fetch_one(sqlx::raw_sql(check)).await?;
    row.try_get(0)
}

/// How a connection that works for the store is made.
pub(super) fn working(options: PgConnectOptions, statement_timeout: Duration) -> PgConnectOptions {
    let timeout_ms = statement_timeout.as_millis().to_string();
    options.options([
        // Sent with the startup message, so they hold from the first statement and cost no round
        // trip.
        ("statement_timeout", timeout_ms.as_str()),
        // No query here runs for so long that compiling it pays; lists took up to 15 times
        // as long with it.
        ("jit", "off"),
        ("idle_in_transaction_session_timeout", timeout_ms.as_str()),
        // The server's side of a connection whose other end is gone without a word, and with it its
        // locks: a minute in place of two hours.
        ("tcp_keepalives_idle", "20"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "4"),
        ("tcp_user_timeout", "60000"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::FreshDatabase;
    use crate::tx::{self, Settings, Transactions};

    fn pool(database: &FreshDatabase) -> PgPool {
        let config = StoreConfig {
            // One, so that whoever comes next meets what the one before left.
            connections_max: 1,
            ..StoreConfig::new(database.url())
        };
        let all = super::super::addresses::servers(database.url()).unwrap();
        open(&config, &Arc::new(Servers::new(all, 0)))
    }

    #[tokio::test]
    async fn a_transaction_whose_beginning_nobody_waited_for_takes_nothing_with_it() {
        let database = FreshDatabase::create().await;
        let pool = pool(&database);
        let transactions = Transactions::on(pool.clone());
        for patience in 0..400 {
            let beginning = tx::begin(&transactions, "test", Settings::default());
            // Given up after ever more steps, one of which is between the question and its answer.
            tokio::select! {
                biased;
                begun = beginning => drop(begun.unwrap()),
                () = steps(patience) => {}
            }
            let mut connection = pool.acquire().await.unwrap();
            assert!(is_usable(&mut connection).await.unwrap(), "after {patience} steps");
        }
        pool.close().await;
    }

    async fn steps(count: u32) {
        for _ in 0..count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_session_in_a_transaction_is_told_from_one_that_is_in_none() {
        let database = FreshDatabase::create().await;
        let pool = pool(&database);
        let mut connection = pool.acquire().await.unwrap();
        assert!(is_usable(&mut connection).await.unwrap());
        // Past sqlx, which counts transactions by itself and would roll this one back.
        connection.execute(sqlx::raw_sql("BEGIN")).await.unwrap();
        assert!(!is_usable(&mut connection).await.unwrap());
        drop(connection);
        let mut connection = pool.acquire().await.unwrap();
        assert!(is_usable(&mut connection).await.unwrap());
    }

    #[tokio::test]
    async fn a_session_that_takes_no_writes_is_given_to_nobody() {
        let database = FreshDatabase::create().await;
        let pool = pool(&database);
        let mut connection = pool.acquire().await.unwrap();
        let read_only = sqlx::raw_sql("SET default_transaction_read_only = on");
        connection.execute(read_only).await.unwrap();
        drop(connection);
        let mut connection = pool.acquire().await.unwrap();
        assert!(is_usable(&mut connection).await.unwrap());
    }
}
