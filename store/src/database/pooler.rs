//! PgBouncer before the server, which lends a session for each transaction and takes it back.
//!
//! Nothing belongs to a session there: neither a role nor a setting, nor a statement that was prepared.
//! So transactions alone go through it, each with its role and its settings, and whatever needs a
//! session (migrations, signals, single statements) goes straight to the server (decision 44).

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};

use super::pool::{self, CHECK_WITHIN, is_usable};
use super::primary::Servers;
use super::{ConnectError, PING_WITHIN, Store, StoreConfig, addresses};
use crate::tx::Transactions;

/// Sessions of a node with the server itself where it has a pooler: those that wait for signals, and room for the
/// single statements of leases and signs of life.
pub const SESSIONS_MAX: u32 = 8;

/// How to reach a pooler.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, ConnectError> {
    let poolers = addresses::servers(url).map_err(ConnectError::Address)?;
    // An address without a host is one with the default, so there is always a first.
    let pooler = poolers.into_iter().next().ok_or(ConnectError::ReadOnly)?;
    // No settings with the startup message, which a pooler does not pass on, and no statement that is
    // believed to be there in the next transaction.
    Ok(pooler.application_name("muster-collector").statement_cache_capacity(0))
}

/// A few sessions with the server, and transactions through the pooler.
pub(super) fn open(
    config: &StoreConfig,
    pooler: &PgConnectOptions,
    servers: &Arc<Servers>,
) -> (PgPool, Transactions) {
    let few = StoreConfig { connections_max: SESSIONS_MAX, ..config.clone() };
    let borrowed = PgPoolOptions::new()
        .max_connections(config.connections_max)
        .acquire_timeout(config.acquire_timeout)
        // In place of the pool's own, as for sessions; the role is each transaction's.
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async {
                tokio::time::timeout(CHECK_WITHIN, is_usable(connection))
                    .await
                    .map_err(|_| sqlx::Error::PoolTimedOut)?
            })
        })
        .connect_lazy_with(pooler.clone());
    let transactions = Transactions::on_borrowed(borrowed, config.statement_timeout);
    (pool::open(&few, servers), transactions)
}

impl Store {
    /// Sends transactions through a pooler as a start does, whatever else the store is; a role that they run as has
    /// to be there, so [`Self::migrate`] comes first.
    ///
    /// # Errors
    ///
    /// When its address is none, or one does not pass within a few seconds.
    pub async fn try_pooler(url: &str) -> Result<(), ConnectError> {
        let pooler = options(url)?;
        let trying = check(&pooler);
        let tried = match tokio::time::timeout(PING_WITHIN, trying).await {
            Ok(tried) => tried,
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        };
        tried.map_err(ConnectError::Pooler)
    }
}

/// Sends a transaction with a prepared statement through the pooler, twice: the second connection names
/// its statement as the first did, which a server whose session was not reset refuses.
pub(super) async fn check(pooler: &PgConnectOptions) -> Result<(), sqlx::Error> {
    for _ in 0..2 {
        let mut connection = PgConnection::connect_with(pooler).await?;
        sqlx::raw_sql("BEGIN; SET LOCAL ROLE muster_app").execute(&mut connection).await?;
        sqlx::query("SELECT $1::int").bind(1).execute(&mut connection).await?;
        sqlx::raw_sql("ROLLBACK").execute(&mut connection).await?;
        // The answers are here whether or not the goodbye is heard.
        let _closed = connection.close().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::FreshDatabase;
    use crate::tx::{self, Settings};

    /// A store whose transactions are sent as through a pooler. What a pooler does with them is seen by
    /// the tests of the whole store behind a real one.
    async fn through(database: &FreshDatabase) -> Store {
        let url = database.url();
        let pooler_url = Some(url.to_owned());
        let config = StoreConfig { pooler_url, ..StoreConfig::new(url) };
        let store = Store::connect(&config).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    #[tokio::test]
    async fn what_a_session_keeps_elsewhere_is_said_in_each_transaction_and_ends_with_it() {
        let database = FreshDatabase::create().await;
        let store = through(&database).await;
        let mut tx = tx::begin(store.transactions(), "test", Settings::default()).await.unwrap();
        let question =
            "SELECT current_user || ' ' || current_setting('statement_timeout') || ' ' ||
                        current_setting('jit')";
        let said: String = sqlx::query_scalar(question).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(said, "muster_app 1min off");
        tx.commit().await.unwrap();
        let mut session = store.transactions().pool().acquire().await.unwrap();
        let said: String = sqlx::query_scalar(question).fetch_one(&mut *session).await.unwrap();
        assert!(!said.starts_with("muster_app"), "{said}");
    }

    #[tokio::test]
    async fn a_role_that_may_not_become_the_working_one_is_told_at_the_start() {
        let database = FreshDatabase::create().await;
        let role = format!("stranger_{}", uuid::Uuid::new_v4().simple());
        database.execute(&format!("CREATE ROLE {role} LOGIN")).await;
        let stranger = options(database.url()).unwrap().username(&role);
        let pooler_url = Some(sqlx::ConnectOptions::to_url_lossy(&stranger).to_string());
        let config = StoreConfig { pooler_url, ..StoreConfig::new(database.url()) };
        let refused = Store::connect(&config).await.unwrap().migrate().await.unwrap_err();
        database.execute(&format!("DROP ROLE {role}")).await;
        assert!(matches!(refused, ConnectError::Pooler(_)), "{refused}");
        assert!(refused.to_string().contains("server_reset_query_always"), "{refused}");
    }

    #[tokio::test]
    async fn a_pooler_that_is_away_is_no_database_that_answers() {
        let database = FreshDatabase::create().await;
        // Taken and given back: nobody listens there.
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let pooler_url = format!("postgres://nobody@{gone}/nothing");
        let refused = Store::try_pooler(&pooler_url).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Pooler(_)), "{refused}");
        let config = StoreConfig {
            pooler_url: Some(pooler_url),
            acquire_timeout: std::time::Duration::from_millis(100),
            ..StoreConfig::new(database.url())
        };
        let store = Store::connect(&config).await.unwrap();
        store.now().await.unwrap();
        let refused = store.ping().await.unwrap_err();
        assert!(refused.is_away(), "{refused}");
        store.close().await;
    }

    #[tokio::test]
    async fn a_pooler_that_pools_is_found_to_be_there() {
        let database = FreshDatabase::create().await;
        let store = through(&database).await;
        store.ping().await.unwrap();
        Store::try_pooler(database.url()).await.unwrap();
    }

    #[test]
    fn an_address_that_is_none_is_told() {
        assert!(matches!(options("mysql://h/d"), Err(ConnectError::Address(_))));
    }
}
