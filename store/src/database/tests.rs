//! Setting up: from nothing, again, and under every kind of role that a database may be given with.

mod makers;
mod newer;
mod splitting;

use std::str::FromStr as _;

use sqlx::migrate::{Migration, MigrationType};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::migrating::{PATIENCE, Patience};
use super::*;
use crate::reports::apply;
use crate::test_fixtures::{Endpoint, company, record};
use crate::test_support::FreshDatabase;

async fn admin(database: &FreshDatabase, sql: String) {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
}

/// The same database under another role.
fn url_as(database: &FreshDatabase, role: &str) -> String {
    let options = PgConnectOptions::from_str(database.url()).unwrap().username(role);
    sqlx::ConnectOptions::to_url_lossy(&options).to_string()
}

async fn connect(url: &str) -> Store {
    Store::connect(&StoreConfig::new(url)).await.unwrap()
}

/// A report goes in and is seen.
async fn works(store: &Store) {
    let scope = company(store, "Acme").await;
    let mut endpoint = Endpoint::new(crate::test_fixtures::agent(&scope, "host").await);
    let batch = endpoint.snapshot([record("bad1", "1")], 100);
    let now = crate::test_fixtures::at(0);
    let applied = apply(&scope, &batch, &crate::test_fixtures::judge, 1, now).await.unwrap();
    assert_eq!((applied.software, applied.findings), (1, 1));
}

#[tokio::test]
async fn migrates_from_nothing_and_again_without_harm() {
    let database = FreshDatabase::create_empty().await;
    database.store().migrate().await.unwrap();
    works(database.store()).await;
    database.store().migrate().await.unwrap();
    let partitions: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'installations'::regclass",
    )
    .fetch_one(database.store().pool())
    .await
    .unwrap();
    // What the tests' stores ask for; the second migration must not have made more.
    assert_eq!(partitions, 4);
}

#[tokio::test]
async fn several_nodes_may_migrate_at_once() {
    let database = FreshDatabase::create_empty().await;
    let other = connect(database.url()).await;
    // Two nodes of a release that start together, as `systemctl` on several hosts does it. One waits for much
    // longer than for a lock.
    let (one, two) = tokio::join!(
        database.store().migrate_by(None, HASTY),
        other.migrate_by(None, Patience { lock_timeout: Duration::from_millis(5), ..HASTY })
    );
    one.unwrap();
    two.unwrap();
    works(&other).await;
    other.close().await;
}

/// As a migration is, but for a test that waits for it.
const HASTY: Patience = Patience {
    lock_timeout: Duration::from_millis(500),
    pause: Duration::from_millis(100),
    ..PATIENCE
};

#[tokio::test]
async fn a_migration_keeps_nobody_from_a_table_that_somebody_uses_for_long() {
    // The next one changes `agents`, which every report and heartbeat needs.
    const BEFORE: i64 = 20_261_122_000_049;
    const CHANGED: &str = "SELECT count(*) FROM information_schema.columns
                           WHERE table_name = 'agents' AND column_name = 'authority_sha256'";
    let database = FreshDatabase::create_empty().await;
    database.store().migrate_by(Some(BEFORE), PATIENCE).await.unwrap();
    let mut export = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM agents").execute(&mut export).await.unwrap();
    let impatient = Patience { within: Duration::ZERO, ..HASTY };
    let refused = database.store().migrate_by(None, impatient).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Migration(_)), "{refused}");

    let mut migrating = tokio::task::JoinSet::new();
    let store = database.store().clone();
    migrating.spawn(async move { store.migrate_by(None, HASTY).await });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'agents'::regclass";
    while database.number(waits).await == 0 {
        tokio::task::yield_now().await;
    }
    let report = database.number("SELECT count(*) FROM agents");
    let answered = tokio::time::timeout(Duration::from_secs(20), report).await;
    assert_eq!(answered, Ok(0), "whoever comes later does not wait for the export");
    assert_eq!(database.number(CHANGED).await, 0);
    sqlx::raw_sql("COMMIT").execute(&mut export).await.unwrap();
    for done in migrating.join_all().await {
        done.unwrap();
    }
    assert_eq!(database.number(CHANGED).await, 1);
    works(database.store()).await;
}

/// The schema's migrations, and one that builds an index concurrently.
fn with_index(sql: &'static str) -> Vec<Migration> {
    let mut migrations: Vec<_> = MIGRATIONS.iter().cloned().collect();
    let (kind, sql) = (MigrationType::Simple, sql.into_sql_str());
    migrations.push(Migration::new(99_999_999_999_999, "index".into(), kind, sql, true));
    migrations
}

#[tokio::test]
async fn an_index_is_built_concurrently_while_another_node_waits_for_the_migration() {
    const INDEX: &str = "CREATE INDEX CONCURRENTLY test_hostnames ON agents_p0 (hostname)";
    const IS_THERE: &str = "SELECT count(*) FROM pg_index
                            WHERE indexrelid = to_regclass('test_hostnames') AND indisvalid";
    let database = FreshDatabase::create().await;
    let other = connect(database.url()).await;
    let mut export = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM agents")
        .execute(&mut export)
        .await
        .unwrap();
    let mut migrating = tokio::task::JoinSet::new();
    let migrate =
        |store: Store| async move { store.migrate_with(&with_index(INDEX), None, HASTY).await };
    let until = async |which: &str| {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '{which}'"
        );
        while database.number(&sql).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    migrating.spawn(migrate(database.store().clone()));
    until("CREATE INDEX CONCURRENTLY%").await;
    migrating.spawn(migrate(other.clone()));
    until("%advisory_lock%").await;
    sqlx::raw_sql("COMMIT").execute(&mut export).await.unwrap();
    for done in migrating.join_all().await {
        done.unwrap();
    }
    assert_eq!(database.number(IS_THERE).await, 1);
    other.close().await;
}

#[tokio::test]
async fn an_index_that_was_not_built_to_the_end_keeps_no_node_from_starting() {
    const INDEX: &str = "CREATE UNIQUE INDEX CONCURRENTLY test_once ON test_numbers (n)";
    let database = FreshDatabase::create().await;
    database
        .execute("CREATE TABLE test_numbers (n int); INSERT INTO test_numbers VALUES (1), (1)")
        .await;
    let migrate = async || database.store().migrate_with(&with_index(INDEX), None, HASTY).await;
    let error = migrate().await.unwrap_err();
    assert!(matches!(error, ConnectError::Migration(_)), "{error}");
    let valid = "SELECT indisvalid::int FROM pg_index WHERE indexrelid = 'test_once'::regclass";
    assert_eq!(database.number(valid).await, 0, "it is left half built");
    database.execute("TRUNCATE test_numbers").await;
    migrate().await.unwrap();
    assert_eq!(database.number(valid).await, 1);
}

#[tokio::test]
async fn an_ordinary_owner_without_the_right_to_make_roles_is_enough() {
    // A database that a provider gives: the schema's owner and nothing more. With CREATEROLE the
    // working role can be made, without it the owner has to do the work itself, and be held by row
    // security as anyone.
    for rights in ["", "CREATEROLE"] {
        let database = FreshDatabase::create_empty().await;
        let role = format!("muster_owner_{}", uuid::Uuid::new_v4().simple());
        admin(
            &database,
            format!("CREATE ROLE {role} LOGIN {rights}; ALTER SCHEMA public OWNER TO {role}"),
        )
        .await;
        let store = connect(&url_as(&database, &role)).await;
        store.migrate().await.unwrap();
        works(&store).await;
        let scope = company(&store, "Other").await;
        let mut tx = scope.begin("test").await.unwrap();
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM installations")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(seen, 0, "an owner has to keep to its company too");
        tx.commit().await.unwrap();
        store.close().await;
        // Roles belong to the server and outlive the test's database.
        let drop = format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
        admin(&database, drop).await;
    }
}

#[tokio::test]
async fn a_role_that_row_level_security_does_not_hold_for_is_refused() {
    let database = FreshDatabase::create_empty().await;
    let role = format!("muster_bypass_{}", uuid::Uuid::new_v4().simple());
    let make = format!("CREATE ROLE {role} LOGIN BYPASSRLS; ALTER SCHEMA public OWNER TO {role}");
    admin(&database, make).await;
    let store = Store::connect(&StoreConfig {
        // The pool makes one connection after the other for as long as that, and refuses each. A busy machine
        // needs most of a second for one.
        acquire_timeout: Duration::from_secs(2),
        ..StoreConfig::new(url_as(&database, &role))
    })
    .await
    .unwrap();
    let error = store.migrate().await.unwrap_err().to_string();
    assert!(error.contains("passes row-level security"), "{error}");
    // A program that goes on after the migration's error must not come to rows either.
    assert!(store.ping().await.is_err(), "and no query may run as it");
    store.close().await;
    admin(&database, format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn says_what_is_wrong_with_an_address() {
    let connect = |url: &'static str| async move {
        Store::connect(&StoreConfig::new(url)).await.unwrap_err()
    };
    assert!(matches!(connect("mysql://x").await, ConnectError::Address(_)));
    let gone = connect("postgres:///x?host=/nonexistent").await;
    assert!(matches!(gone, ConnectError::Unreachable(_)), "{gone}");
}

#[tokio::test]
async fn a_server_that_takes_the_connection_and_says_nothing_is_not_waited_for_for_ever() {
    // Never accepted: the kernel completes the handshake, so the connection stands and nothing
    // answers, as with a server that is stopped with SIGSTOP.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = StoreConfig {
        acquire_timeout: Duration::from_millis(100),
        ..StoreConfig::new(format!("postgres://u@{}/d", deaf.local_addr().unwrap()))
    };
    let connecting = tokio::time::timeout(Duration::from_secs(20), Store::connect(&config));
    let outcome = connecting.await.unwrap();
    assert!(matches!(outcome, Err(ConnectError::Unreachable(_))));
}

#[tokio::test]
async fn a_password_never_shows() {
    let config = StoreConfig::new("postgres://u:hunter2@h/d");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    let database = FreshDatabase::create().await;
    let store = Store::connect(&StoreConfig {
        statement_timeout: Duration::from_millis(50),
        ..StoreConfig::new(database.url())
    })
    .await
    .unwrap();
    let error = sqlx::query("SELECT pg_sleep(30)").execute(store.pool()).await.unwrap_err();
    let error = StoreError::from(error);
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    // A report whose statement took too long is as good as any other: it waits and is tried again.
    assert!(!error.is_permanent());
    store.close().await;
}

#[tokio::test]
async fn waits_no_longer_than_it_may_for_a_connection() {
    let database = FreshDatabase::create().await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(50))
        .connect(database.url())
        .await
        .unwrap();
    let held = pool.acquire().await.unwrap();
    let error = StoreError::from(pool.acquire().await.unwrap_err());
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    drop(held);
    pool.close().await;
}
