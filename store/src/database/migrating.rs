//! Bringing the schema up to date beside nodes that are at work.
//!
//! A change of a table waits until nobody uses it, an export of some minutes for example, and everybody who comes
//! later waits behind the change. So it waits for some seconds alone, gives way to who stands behind it, and
//! comes again. Nodes that wait for another one ask for the lock now and then: a session that stands in line for it
//! has a snapshot, and an index that is built concurrently waits for all of those.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{ConnectError, MIGRATIONS, Store, pooler, take_role};

/// Held by the session that migrates; any number that nothing else takes.
const LOCK: i64 = 0x6d75_7374_6572_0001;

/// How often a node asks whether another one has migrated, at most.
const ASK_EVERY: Duration = Duration::from_secs(1);

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
        self.migrate_with(MIGRATIONS.iter().as_slice(), last, patience).await
    }

    /// The same with those migrations.
    pub(super) async fn migrate_with(
        &self,
        migrations: &[Migration],
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
        if !be_the_one(&mut connection, patience).await.map_err(ConnectError::Unreachable)? {
            return Err(ConnectError::MigratedElsewhere);
        }
        run(&mut connection, migrations, last, patience).await.map_err(ConnectError::Migration)?;
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

/// Waits until no other session migrates; `false` when one does for all that time. The lock is kept to the session's
/// end, between two tries as well: another node would come at once, and nobody would get through.
async fn be_the_one(
    connection: &mut PgConnection,
    patience: Patience,
) -> Result<bool, sqlx::Error> {
    let mut waited = Duration::ZERO;
    loop {
        let is_ours = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "is_ours!""#, LOCK)
            .fetch_one(&mut *connection)
            .await?;
        if is_ours || waited >= patience.within {
            return Ok(is_ours);
        }
        if waited.is_zero() {
            tracing::info!("another node migrates the schema: waiting for it");
        }
        let pause = patience.pause.min(ASK_EVERY);
        tokio::time::sleep(pause).await;
        waited += pause;
    }
}

async fn run(
    connection: &mut PgConnection,
    migrations: &[Migration],
    last: Option<i64>,
    patience: Patience,
) -> Result<(), MigrateError> {
    let mut migrator = Migrator::with_migrations(migrations.to_vec());
    // Its own lock is one that nodes stand in line for.
    migrator.set_locking(false);
    for alike in migrations.chunk_by(|one, next| one.no_tx == next.no_tx) {
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
        run_until(connection, &migrator, alike, until, patience).await?;
    }
    Ok(())
}

async fn run_until(
    connection: &mut PgConnection,
    migrator: &Migrator,
    alike: &[Migration],
    last: i64,
    patience: Patience,
) -> Result<(), MigrateError> {
    let mut waited = Duration::ZERO;
    loop {
        for migration in alike.iter().filter(|migration| migration.no_tx) {
            drop_half_built(connection, migration.sql.as_str()).await?;
        }
        let Err(error) = migrator.run_direct(Some(last), connection, false).await else {
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
        }
        tokio::time::sleep(patience.pause).await;
        waited += patience.pause;
    }
}

/// Drops the indexes of a migration that were not built to the end, as when a node was ended while it waited: they are in
/// the way of those of their name.
async fn drop_half_built(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    let left = sqlx::query_scalar!(
        // Not those of partitioned tables, which are invalid until all partitions have theirs.
        r#"SELECT format('%I.%I', n.nspname, c.relname) AS "name!"
           FROM pg_index i
           JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
           JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE NOT i.indisvalid AND $1 ~ ('\m' || c.relname || '\M')"#,
        sql
    )
    .fetch_all(&mut *connection)
    .await?;
    for name in left {
        tracing::warn!(index = name, "an index was not built to the end: building it again");
        sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX CONCURRENTLY {name}")))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Whether somebody else had a lock for too long, or a deadlock was ended: then nothing was done.
fn is_about_locks(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}
