//! What a database looks like to whoever asks why something is wrong with it.
//!
//! It only looks: nothing is migrated, granted or repaired, and a database that was never migrated is an
//! answer and no error. What is wrong, and what to do about it, is the caller's to say.

use std::collections::BTreeMap;

use sqlx::{Connection as _, PgConnection};
use time::OffsetDateTime;

use crate::database::{MIGRATIONS, Store, take_role};
use crate::distribute::COMPANY_TABLES;
use crate::error::StoreError;

/// A database as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The server's version, as it writes it.
    pub version: String,
    /// Its present.
    pub now: OffsetDateTime,
    /// Whether it waits for its disk before it says that something is committed.
    pub is_durable: bool,
    /// Connections that it takes in all.
    pub connections_max: u32,
    /// Connections that are open, of everybody.
    pub connections: u32,
    /// Bytes of the database.
    pub bytes: u64,
    /// The role that logs in.
    pub login: String,
    /// The role that queries run as.
    pub role: String,
    /// Whether row-level security does not hold for that one.
    pub is_privileged: bool,
    /// The schema beside the one that this program knows.
    pub schema: Schema,
    /// Companies' tables that are there.
    pub tables: Vec<Table>,
}

/// Migrations, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Those that this program knows and the database has not.
    pub missing: Vec<i64>,
    /// Those that the database has and this program does not know.
    pub unknown: Vec<i64>,
    /// Those that were applied with another text, or not to their end.
    pub different: Vec<i64>,
}

impl Schema {
    /// Whether it is the one that this program works with.
    #[must_use]
    pub const fn is_current(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty() && self.different.is_empty()
    }
}

/// A table of companies' data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Whether row-level security holds for it, its owner included, and has a policy.
    pub is_protected: bool,
    /// Whether the role that queries run as may read and write it.
    pub is_granted: bool,
    /// Its hash partitions.
    pub partitions: u32,
    /// How many it should have; 0 where it has none, as on Citus.
    pub modulus: u32,
    /// Partitions that show their rows to whoever names them.
    pub open_partitions: u32,
}

impl Store {
    /// Looks at the database.
    ///
    /// # Errors
    ///
    /// When it gives no answer.
    pub async fn inspect(&self) -> Result<Inspection, StoreError> {
        let mut connection = self.owner().await?;
        let schema = schema(&mut connection).await?;
        // Afterwards, because the table of migrations is the login role's own.
        let is_privileged = take_role(&mut connection).await?.is_some();
        let server = sqlx::query!(
            r#"SELECT current_setting('server_version') AS "version!",
                      clock_timestamp() AS "now!",
                      current_setting('fsync') = 'on'
                          AND current_setting('synchronous_commit') <> 'off' AS "is_durable!",
                      current_setting('max_connections')::int AS "connections_max!",
                      (SELECT count(*) FROM pg_stat_activity)::int AS "connections!",
                      pg_database_size(current_database()) AS "bytes!",
                      session_user::text AS "login!",
                      current_user::text AS "role!""#
        )
        .fetch_one(&mut connection)
        .await?;
        let tables = tables(&mut connection).await?;
        // The answer is here whether or not the goodbye is heard.
        let _closed = connection.close().await;
        Ok(Inspection {
            version: server.version,
            now: server.now,
            is_durable: server.is_durable,
            connections_max: server.connections_max.unsigned_abs(),
            connections: server.connections.unsigned_abs(),
            bytes: server.bytes.unsigned_abs(),
            login: server.login,
            role: server.role,
            is_privileged,
            schema,
            tables,
        })
    }
}

async fn schema(connection: &mut PgConnection) -> Result<Schema, StoreError> {
    let mut known: BTreeMap<i64, &[u8]> =
        MIGRATIONS.iter().map(|migration| (migration.version, &*migration.checksum)).collect();
    let mut schema = Schema::default();
    // Not checked while compiling: the table is made by the migrator and stands in no migration.
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if is_there {
        let applied: Vec<(i64, Vec<u8>, bool)> = sqlx::query_as(
            "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version",
        )
        .fetch_all(connection)
        .await?;
        for (version, checksum, is_whole) in applied {
            match known.remove(&version) {
                None => schema.unknown.push(version),
                Some(expected) if expected != checksum || !is_whole => {
                    schema.different.push(version);
                }
                Some(_) => {}
            }
        }
    }
    schema.missing = known.into_keys().collect();
    Ok(schema)
}

async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>, StoreError> {
    let names: Vec<String> = COMPANY_TABLES.iter().map(|name| (*name).to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT c.relname::text AS "name!",
                  c.relrowsecurity AND c.relforcerowsecurity
                      AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS "is_protected!",
                  has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                      AND has_table_privilege(c.oid, 'UPDATE')
                      AND has_table_privilege(c.oid, 'DELETE') AS "is_granted!",
                  coalesce(parts.count, 0)::int AS "partitions!",
                  coalesce(parts.modulus, 0)::int AS "modulus!",
                  coalesce(parts.open, 0)::int AS "open!"
           FROM pg_class c
           LEFT JOIN LATERAL (
               SELECT count(*) AS count,
                      max((regexp_match(pg_get_expr(p.relpartbound, p.oid), 'modulus (\d+)'))[1]::int)
                          AS modulus,
                      count(*) FILTER (WHERE NOT p.relrowsecurity) AS open
               FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid
               WHERE i.inhparent = c.oid
           ) parts ON true
           WHERE c.relname = ANY($1::text[]) AND c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid)
           ORDER BY c.relname"#,
        &names[..]
    )
    .fetch_all(connection)
    .await?;
    let tables = rows.into_iter().map(|row| Table {
        name: row.name,
        is_protected: row.is_protected,
        is_granted: row.is_granted,
        partitions: row.partitions.unsigned_abs(),
        modulus: row.modulus.unsigned_abs(),
        open_partitions: row.open.unsigned_abs(),
    });
    Ok(tables.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::FreshDatabase;

    async fn table(database: &FreshDatabase, name: &str) -> Option<Table> {
        let found = database.store().inspect().await.unwrap();
        found.tables.into_iter().find(|table| table.name == name)
    }

    #[tokio::test]
    async fn a_good_database_has_all_tables_protected_granted_and_whole() {
        let database = FreshDatabase::create().await;
        let found = database.store().inspect().await.unwrap();
        assert_eq!(found.schema, Schema::default());
        assert!(found.schema.is_current() && !found.is_privileged);
        assert_eq!(found.role, "muster_app");
        assert_eq!(found.tables.len(), COMPANY_TABLES.len());
        for table in &found.tables {
            assert!(table.is_protected && table.is_granted, "{table:?}");
            assert_eq!((table.partitions, table.open_partitions), (table.modulus, 0), "{table:?}");
        }
        assert!(found.bytes > 0 && found.connections_max >= found.connections);
    }

    #[tokio::test]
    async fn a_database_that_was_never_migrated_is_an_answer() {
        let database = FreshDatabase::create_empty().await;
        let found = database.store().inspect().await.unwrap();
        assert_eq!(found.schema.missing.len(), MIGRATIONS.iter().count());
        assert_eq!(found.tables, []);
    }

    #[tokio::test]
    async fn a_schema_of_another_release_is_told_by_its_migrations() {
        let database = FreshDatabase::create().await;
        database
            .execute(
                "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 20261121000003",
            )
            .await;
        let newer =
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     VALUES (99991231000000, 'newer', true, '\\x00', 0)";
        database.execute(newer).await;
        database.execute("DELETE FROM _sqlx_migrations WHERE version = 20261121000041").await;
        let found = database.store().inspect().await.unwrap();
        let expected = Schema {
            missing: vec![20_261_121_000_041],
            unknown: vec![99_991_231_000_000],
            different: vec![20_261_121_000_003],
        };
        assert_eq!(found.schema, expected);
    }

    #[tokio::test]
    async fn a_table_that_lost_its_protection_a_right_or_a_partition_is_seen() {
        let database = FreshDatabase::create().await;
        database.execute("ALTER TABLE findings NO FORCE ROW LEVEL SECURITY").await;
        database.execute("REVOKE UPDATE ON software FROM muster_app").await;
        database.execute("DROP TABLE installations_p2").await;
        database.execute("ALTER TABLE agents_p1 DISABLE ROW LEVEL SECURITY").await;
        assert!(!table(&database, "findings").await.unwrap().is_protected);
        assert!(!table(&database, "software").await.unwrap().is_granted);
        let installations = table(&database, "installations").await.unwrap();
        assert_eq!((installations.partitions, installations.modulus), (3, 4));
        assert_eq!(table(&database, "agents").await.unwrap().open_partitions, 1);
    }
}
