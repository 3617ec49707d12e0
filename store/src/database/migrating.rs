//! Bringing the schema up to date beside nodes that are at work.
//!
//! A change of a table waits until nobody uses it, an export of some minutes for example, and everybody who comes
//! later waits behind the change. So it waits for some seconds alone, gives way to who stands behind it, and
//! comes again.

use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{ConnectError, MIGRATIONS, Store, pooler, take_role};

/// How patient a migration is, and how patient others have to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long it waits for a lock at once, with others behind it.
    pub(super) lock_timeout: Duration,
    /// How long it gives way before it comes again.
    pub(super) pause: Duration,
    /// How long it goes on like this in all.
    pub(super) within: Duration,
}

/// Others' statements may take a minute ([`super::StoreConfig::statement_timeout`]), and reports wait for much less.
pub(super) const PATIENCE: Patience = Patience {
    lock_timeout: Duration::from_secs(3),
    pause: Duration::from_secs(10),
    within: Duration::from_secs(3_600),
};

impl Store {
    /// Brings the schema up to date. Several nodes may do it at once: one does, the others wait. It gives way to
    /// whoever uses a table that is to be changed, and comes again, for an hour.
    ///
    /// # Errors
    ///
    /// When the database cannot be used, when its schema is newer than this program's, when an
    /// applied migration is not the one that this program knows, when a table is in use for all that time, or
    /// when queries would run as a role that row-level security does not hold for.
    pub async fn migrate(&self) -> Result<(), ConnectError> {
        self.migrate_by(None, PATIENCE).await
    }

    /// The same up to a migration, with that patience.
    pub(super) async fn migrate_by(
        &self,
        last: Option<i64>,
        patience: Patience,
    ) -> Result<(), ConnectError> {
        let mut connection = self.owner().await.map_err(ConnectError::Unreachable)?;
        let partitions = self.inner.partitions.max(1);
        // A setting and no parameter, because migrations are plain files that are sent as they are.
        // Of the session and not `LOCAL`: each migration is a transaction of its own.
        sqlx::raw_sql(AssertSqlSafe(format!("SET muster.partitions = '{partitions}'")))
            .execute(&mut connection)
            .await
            .map_err(ConnectError::Unreachable)?;
        run(&mut connection, last, patience).await.map_err(ConnectError::Migration)?;
        // Only afterwards, because a migration makes the role.
        let privileged = take_role(&mut connection).await.map_err(ConnectError::Unreachable)?;
        // The migration stands whether or not the goodbye is heard. With the session its locks end.
        let _closed = connection.close().await;
        match privileged {
            Some(role) => Err(role.into()),
            None => match &self.inner.pooler {
                Some(pooler) => pooler::check(pooler).await.map_err(ConnectError::Pooler),
                None => Ok(()),
            },
        }
    }
}

async fn run(
    connection: &mut PgConnection,
    last: Option<i64>,
    patience: Patience,
) -> Result<(), MigrateError> {
    for alike in MIGRATIONS.iter().as_slice().chunk_by(|one, next| one.no_tx == next.no_tx) {
        let Some((first, end)) = alike.first().zip(alike.last()) else { continue };
        if last.is_some_and(|last| last < first.version) {
            break;
        }
        // What is no transaction builds an index concurrently: that waits for others and lets everybody pass,
        // and given up halfway it would leave an index that is none.
        let timeout_ms = if first.no_tx { 0 } else { patience.lock_timeout.as_millis() };
        sqlx::raw_sql(AssertSqlSafe(format!("SET lock_timeout = {timeout_ms}")))
            .execute(&mut *connection)
            .await?;
        let until = last.map_or(end.version, |last| last.min(end.version));
        run_until(connection, until, patience).await?;
    }
    Ok(())
}

async fn run_until(
    connection: &mut PgConnection,
    last: i64,
    patience: Patience,
) -> Result<(), MigrateError> {
    let mut waited = Duration::ZERO;
    loop {
        // sqlx takes an advisory lock of the database for it, which is how the other nodes wait. It is kept
        // between two tries: another node would come at once, and nobody would get through.
        let Err(error) = MIGRATIONS.run_direct(Some(last), connection, false).await else {
            return Ok(());
        };
        if !is_about_locks(&error) || waited >= patience.within {
            return Err(error);
        }
        waited += patience.lock_timeout;
        // The server ends what failed once it hears something.
        connection.ping().await?;
        if let MigrateError::ExecuteMigration(_, version) = &error {
            tracing::warn!(
                version,
                waited_s = waited.as_secs(),
                "a table that a migration changes is in use: it gives way and comes again"
            );
            tokio::time::sleep(patience.pause).await;
            waited += patience.pause;
        } else {
            tracing::info!(waited_s = waited.as_secs(), "another node migrates the schema");
        }
    }
}

/// Whether somebody else had a lock for too long, or a deadlock was ended: then nothing was done.
fn is_about_locks(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}
