//! The store itself: connections, the role they work under, and migrations.
//!
//! Migrations run on a connection of their own under the login role, which owns the tables.
//! Everything else runs under the role `muster_app`, which owns nothing, or as the login role
//! where that one may not use `muster_app`; a role that row-level security does not hold for is
//! refused. So a superuser, an owner with `CREATEROLE` (what the collector's private server is
//! given) and an ordinary owner all do; the first two leave queries without the right to change the
//! schema.

mod addresses;
mod companies;
mod migrating;
mod pool;
mod pooler;
mod primary;
mod replica;
mod turns;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, PgPool};
use time::OffsetDateTime;

use self::companies::CompanyKeys;
pub(crate) use self::companies::KNOWN_FOR;
use self::pool::{is_usable, working};
pub use self::pooler::SESSIONS_MAX;
use self::primary::Servers;
use self::replica::Replica;
pub use self::replica::{READS, Replication};
pub(crate) use self::turns::Turn;
use self::turns::Turns;
use crate::error::StoreError;
use crate::events::Announced;
use crate::known::KnownSoftware;
use crate::tx::Transactions;
pub use crate::tx::{ROLLBACKS, TRANSACTION_SECONDS};

/// The oldest PostgreSQL that the schema works with, as `server_version_num` writes it.
const SERVER_VERSION_MIN: i32 = 150_000;

/// How long the database may take to say that it answers.
const PING_WITHIN: Duration = Duration::from_secs(5);

/// Every migration, in order.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How a collector reaches its database.
#[derive(Clone)]
pub struct StoreConfig {
    /// The address, `postgres://user@host/database` or with `?host=/socket/directory`; several hosts
    /// with commas between them, of which the one that takes writes is used. A secret: it may hold a
    /// password.
    pub url: String,
    /// The address of a PgBouncer before that server that pools transactions, if they go through one. A
    /// secret as well.
    pub pooler_url: Option<String>,
    /// The address of a standby of that server that lists, exports and statistics are read from, if there is one. A
    /// secret as well.
    pub replica_url: Option<String>,
    /// Connections at most; to the pooler, if there is one.
    pub connections_max: u32,
    /// How long a query waits for a connection.
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How long one statement may take that reads for a request: less than the request may, so that nobody works
    /// for who is gone.
    pub read_timeout: Duration,
    /// Hash partitions of each company table, when this migration makes them.
    pub partitions: u16,
    /// Software rows that are remembered to exist, about 40 bytes each.
    pub known_software_max: usize,
}

impl StoreConfig {
    /// The defaults for a database at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            pooler_url: None,
            replica_url: None,
            connections_max: 16,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(60),
            read_timeout: Duration::from_secs(25),
            partitions: 16,
            known_software_max: 1_000_000,
        }
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("connections_max", &self.connections_max)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("read_timeout", &self.read_timeout)
            .field("partitions", &self.partitions)
            .field("known_software_max", &self.known_software_max)
            .finish_non_exhaustive()
    }
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is none.
    #[error("the database's address is not valid: {0}")]
    Address(#[source] sqlx::Error),
    /// Nobody answers there, or not to this role.
    #[error(
        "no session with the database: {0}; is it running at that address, and may this role log in?"
    )]
    Unreachable(#[source] sqlx::Error),
    /// Every server is a standby, or set to read only.
    #[error("the database takes no writes: it is a standby, or set to read only")]
    ReadOnly,
    /// The server is too old.
    #[error("the database server is PostgreSQL {0}, 15 or newer is needed")]
    TooOld(String),
    /// The schema cannot be brought up to date.
    #[error("the schema cannot be migrated: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Another node has been at it for as long as this one waits.
    #[error(
        "another node has been migrating the schema for an hour: what does it wait for? (pg_stat_activity)"
    )]
    MigratedElsewhere,
    /// Transactions do not pass the pooler.
    #[error(
        "no transaction through the pooler: {0}; does it pool transactions and reset its sessions \
         (server_reset_query_always), and may this role become muster_app?"
    )]
    Pooler(#[source] sqlx::Error),
    /// Row-level security does not hold for the role that queries would run as.
    #[error(transparent)]
    Privileged(#[from] PrivilegedRole),
}

/// A login role that row-level security does not hold for.
#[derive(Debug, thiserror::Error)]
#[error(
    "role {0:?} passes row-level security and may not become muster_app: run the migration as a \
     superuser, or log in as an ordinary owner of the database"
)]
pub struct PrivilegedRole(String);

/// The database, shared by everything that uses it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// Sessions of its own: what needs no transaction, and what waits for signals.
    pool: PgPool,
    transactions: Transactions,
    pooler: Option<PgConnectOptions>,
    replica: Option<Replica>,
    servers: Arc<Servers>,
    statement_timeout: Duration,
    read_timeout: Duration,
    turns: Turns,
    partitions: u16,
    known: KnownSoftware,
    announced: Announced,
    /// Keys of companies.
    companies: CompanyKeys,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("connections", &self.inner.pool.size())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Reaches the database once, to be sure that it is there and new enough. [`Self::migrate`]
    /// comes next.
    ///
    /// # Errors
    ///
    /// When the address is none, nobody answers there, or the server is too old.
    pub async fn connect(config: &StoreConfig) -> Result<Self, ConnectError> {
        let all: Vec<PgConnectOptions> = addresses::servers(&config.url)
            .map_err(ConnectError::Address)?
            .into_iter()
            .map(|server| server.application_name("muster-collector"))
            .collect();
        // Once and outside of the pool, whose connections are made when they are first needed: an
        // address with a typing error should stop the start and not the first report.
        let present = first_writable(&all, config.acquire_timeout).await?;
        let servers = Arc::new(Servers::new(all, present));
        let pooler = config.pooler_url.as_deref().map(pooler::options).transpose()?;
        let replica =
            config.replica_url.as_deref().map(|url| Replica::open(config, url)).transpose()?;
        let (pool, transactions) = match &pooler {
            None => {
                let pool = pool::open(config, &servers);
                (pool.clone(), Transactions::on(pool))
            }
            Some(pooler) => pooler::open(config, pooler, &servers),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                pool,
                transactions,
                pooler,
                replica,
                servers,
                statement_timeout: config.statement_timeout,
                read_timeout: config.read_timeout,
                turns: Turns::new(config.connections_max),
                partitions: config.partitions,
                known: KnownSoftware::new(config.known_software_max),
                announced: Announced::default(),
                companies: CompanyKeys::default(),
            }),
        })
    }

    /// A connection of the login role, which owns the tables.
    pub(crate) async fn owner(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(self.inner.servers.present()).await
    }

    /// Answers when the database does and takes writes, under the role that queries run with; and the pooler before
    /// it, where transactions go through one.
    ///
    /// # Errors
    ///
    /// When one of them does not, within a few seconds.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let asking = async {
            if self.inner.pooler.is_some() {
                let mut borrowed = self.transactions().pool().acquire().await?;
                // Asked as well: a pooler takes a connection also while its server takes none.
                if !is_usable(&mut borrowed).await? {
                    return Err(sqlx::Error::PoolTimedOut);
                }
            }
            // Giving a connection out is the question: one that takes no writes is not given out.
            self.pool().acquire().await.map(drop)
        };
        match tokio::time::timeout(PING_WITHIN, asking).await {
            Ok(answered) => answered.map_err(StoreError::from),
            Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
        }
    }

    /// The database's present.
    ///
    /// # Errors
    ///
    /// When it gives no answer.
    pub async fn now(&self) -> Result<OffsetDateTime, StoreError> {
        let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#);
        Ok(now.fetch_one(self.pool()).await?)
    }

    /// Connections that are open, and those of them that nobody uses.
    #[must_use]
    pub fn connections(&self) -> (u32, usize) {
        let pool = self.inner.transactions.pool();
        (pool.size(), pool.num_idle())
    }

    /// Closes every connection once its work is done.
    pub async fn close(&self) {
        if let Some(replica) = &self.inner.replica {
            replica.pool().close().await;
        }
        self.inner.transactions.pool().close().await;
        self.inner.pool.close().await;
    }

    /// Connections that are sessions: for single statements and for signals.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.inner.pool
    }

    /// Where transactions are begun.
    pub(crate) fn transactions(&self) -> &Transactions {
        &self.inner.transactions
    }

    /// A company's next turn to read for a request.
    pub(crate) async fn turn(&self, company_key: i64) -> Result<Turn, StoreError> {
        self.inner.turns.take(company_key).await
    }

    /// How long one statement may take that reads for a request.
    pub(crate) fn read_timeout(&self) -> Duration {
        self.inner.read_timeout
    }

    pub(crate) fn known_software(&self) -> &KnownSoftware {
        &self.inner.known
    }

    pub(crate) fn announced(&self) -> &Announced {
        &self.inner.announced
    }
}

/// The first of some servers that takes writes.
async fn first_writable(
    servers: &[PgConnectOptions],
    within: Duration,
) -> Result<usize, ConnectError> {
    let mut refusal = None;
    for (number, server) in servers.iter().enumerate() {
        // A firewall that drops packets would keep it waiting for as long as the kernel tries, which
        // is minutes without a word.
        let checked = match tokio::time::timeout(within, check_server(server)).await {
            Ok(checked) => checked,
            Err(_) => Err(ConnectError::Unreachable(sqlx::Error::PoolTimedOut)),
        };
        match checked {
            Ok(()) => return Ok(number),
            Err(error) => refusal = Some(error),
        }
    }
    // An address without a host is one with the default, so there is always one that was asked.
    Err(refusal.unwrap_or(ConnectError::ReadOnly))
}

async fn check_server(options: &PgConnectOptions) -> Result<(), ConnectError> {
    let mut connection =
        PgConnection::connect_with(options).await.map_err(ConnectError::Unreachable)?;
    let server = sqlx::query!(
        r#"SELECT current_setting('server_version_num')::int AS "number!",
                  current_setting('server_version') AS "name!",
                  current_setting('transaction_read_only') = 'off' AS "is_writable!""#
    )
    .fetch_one(&mut connection)
    .await
    .map_err(ConnectError::Unreachable)?;
    // The answer is here whether or not the goodbye is heard.
    let _closed = connection.close().await;
    // Before the question of writes: a server that is too old stays so, a standby may be promoted.
    if server.number < SERVER_VERSION_MIN {
        return Err(ConnectError::TooOld(server.name));
    }
    if !server.is_writable {
        return Err(ConnectError::ReadOnly);
    }
    Ok(())
}

/// Becomes `muster_app` where the login role may, and gives the role that it is if row-level security
/// does not hold for that one.
pub(crate) async fn take_role(
    connection: &mut PgConnection,
) -> Result<Option<PrivilegedRole>, sqlx::Error> {
    sqlx::query!(
        // One statement that gives no row where the role is missing or may not be taken. `SET ROLE`
        // would be an error there, and the collector has to work as an ordinary owner, too.
        "SELECT set_config('role', rolname, false) FROM pg_roles
         WHERE rolname = 'muster_app' AND pg_has_role(session_user, oid, 'MEMBER')"
    )
    .fetch_optional(&mut *connection)
    .await?;
    let role = sqlx::query!(
        // Asked of `current_user`, after the change: who logged in may be a superuser.
        r#"SELECT rolname::text AS "name!", rolsuper OR rolbypassrls AS "privileged!"
           FROM pg_roles WHERE rolname = current_user"#
    )
    .fetch_one(connection)
    .await?;
    Ok(role.privileged.then_some(PrivilegedRole(role.name)))
}

#[cfg(test)]
mod tests;
