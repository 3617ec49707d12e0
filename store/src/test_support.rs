//! Fresh databases for tests: one each, gone afterwards, on the server that `DATABASE_URL` names.
//!
//! The schema is made once a server and copied from there, because making it takes longer than most
//! tests. Nothing here is for anything but tests.
#![expect(clippy::expect_used, clippy::panic, reason = "a test without a database can only fail")]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::database::{Store, StoreConfig};

/// Partitions of a test's tables: enough to see that the others are left alone.
const PARTITIONS: u16 = 4;

/// Held while the template is made; any number that nothing else takes.
const LOCK: i64 = 0x006d_7573_7465_7274;

/// A database of a test's own. Dropping it drops the database.
#[derive(Debug)]
pub struct FreshDatabase {
    name: String,
    url: String,
    store: Store,
}

impl FreshDatabase {
    /// Makes a database with the present schema and nothing in it.
    ///
    /// # Panics
    ///
    /// When `DATABASE_URL` is missing or its server does not let the role make databases.
    pub async fn create() -> Self {
        let server = server();
        let template = template(&server).await;
        let name = format!("muster_test_{}", Uuid::new_v4().simple());
        execute(
            &server,
            // PostgreSQL copies the template as it is, which takes a fraction of what the migrations
            // take. It refuses while anybody is connected to the template, so nobody ever is.
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        let url = beside(&server, &name);
        let store = connect(&url).await;
        Self { name, url, store }
    }

    /// Makes a database with nothing in it at all, not even the schema.
    ///
    /// # Panics
    ///
    /// As [`Self::create`].
    pub async fn create_empty() -> Self {
        let server = server();
        let name = format!("muster_test_{}", Uuid::new_v4().simple());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let url = beside(&server, &name);
        let store = connect(&url).await;
        Self { name, url, store }
    }

    /// The store on it.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Runs SQL as the owner of the schema, for tests that break something.
    ///
    /// # Panics
    ///
    /// When the server refuses it.
    pub async fn execute(&self, sql: &str) {
        execute(&self.url, sql).await;
    }

    /// A number that a query gives, as the owner of the schema.
    ///
    /// # Panics
    ///
    /// When the server refuses it, or it gives something else.
    pub async fn number(&self, sql: &str) -> i64 {
        let numbers = self.numbers(sql).await;
        *numbers.first().unwrap_or_else(|| panic!("{sql}: no row"))
    }

    /// The numbers that a query gives, a row each, as the owner of the schema.
    ///
    /// # Panics
    ///
    /// When the server refuses it, or it gives something else.
    pub async fn numbers(&self, sql: &str) -> Vec<i64> {
        let mut connection =
            PgConnection::connect(&self.url).await.expect("the server that DATABASE_URL names");
        // Numbers of every size.
        let wide = format!("SELECT n::bigint FROM ({sql}) AS numbers (n)");
        let numbers = sqlx::query_scalar(AssertSqlSafe(wide.clone()))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{wide}: {error}"));
        connection.close().await.ok();
        numbers
    }

    /// Keeps the database as it is now, for [`Self::go_back`]. Nobody may be at work on it.
    ///
    /// # Panics
    ///
    /// When the server refuses it.
    pub async fn keep(&self) -> Moment {
        let kept = format!("{}_kept", self.name);
        let server = server();
        // Nobody may be connected to what is copied; whoever was is again when they next ask.
        let alone = format!(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        );
        execute(&server, &alone).await;
        execute(&server, &format!("CREATE DATABASE {kept} TEMPLATE {}", self.name)).await;
        Moment(kept)
    }

    /// Puts the database back to a moment, as a restore does: everything since then is gone.
    ///
    /// # Panics
    ///
    /// When the server refuses it.
    pub async fn go_back(&self, moment: Moment) {
        let (server, Moment(kept)) = (server(), moment);
        execute(&server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
        execute(&server, &format!("ALTER DATABASE {kept} RENAME TO {}", self.name)).await;
    }

    /// All rows that are a company's or its people's, in order, each with its table's name before it: whatever is
    /// changed of a company shows in them. None, when there is no such company.
    ///
    /// # Panics
    ///
    /// When the server refuses it.
    pub async fn rows_of(&self, company: Uuid) -> Vec<String> {
        let mut connection =
            PgConnection::connect(&self.url).await.expect("the server that DATABASE_URL names");
        // Row-level security holds for the owner too.
        let seen = "SET muster.operator = 'on'";
        sqlx::raw_sql(seen).execute(&mut connection).await.expect(seen);
        let key: Option<i64> = sqlx::query_scalar("SELECT key FROM companies WHERE id = $1")
            .bind(company)
            .fetch_optional(&mut connection)
            .await
            .expect("the list of companies");
        let Some(key) = key else { return Vec::new() };
        let seen = format!("SET muster.company_key = '{key}'");
        sqlx::raw_sql(AssertSqlSafe(seen)).execute(&mut connection).await.expect("a setting");
        // Those that the next migration makes are among them.
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE a.attname = 'company_key' AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
               AND NOT c.relispartition
               AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'agents'::regclass)",
        )
        .fetch_all(&mut connection)
        .await
        .expect("the list of tables");
        let people = format!("(SELECT user_id FROM memberships WHERE company_key = {key})");
        let mut parts = vec![
            ("companies", format!("key = {key}")),
            ("users", format!("id IN {people}")),
            ("sessions", format!("user_id IN {people}")),
            ("jobs", format!("company = '{company}'")),
        ];
        let own = tables.iter().map(String::as_str).filter(|table| *table != "sessions");
        parts.extend(own.map(|table| (table, format!("company_key = {key}"))));
        let part = |(table, of): &(&str, String)| {
            format!("SELECT '{table} ' || t::text FROM {table} t WHERE {of}")
        };
        let parts: Vec<String> = parts.iter().map(part).collect();
        let all = format!("{} ORDER BY 1", parts.join(" UNION ALL "));
        let rows = sqlx::query_scalar(AssertSqlSafe(all.clone()))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{all}: {error}"));
        connection.close().await.ok();
        rows
    }

    /// Keeps everybody else from writing to a table until it is dropped.
    ///
    /// # Panics
    ///
    /// When the server refuses it.
    pub async fn lock(&self, table: &str) -> Locked {
        let mut connection =
            PgConnection::connect(&self.url).await.expect("the server that DATABASE_URL names");
        // Plain reads go on in this mode; the lock ends with the connection.
        let sql = format!("BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE");
        sqlx::raw_sql(AssertSqlSafe(sql.clone()))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        Locked(connection)
    }

    /// Loads rows in the text format of COPY; `target` is the table and its columns.
    ///
    /// # Panics
    ///
    /// When the server refuses them.
    pub async fn copy_in(&self, target: &str, rows: &[u8]) {
        let mut connection =
            PgConnection::connect(&self.url).await.expect("the server that DATABASE_URL names");
        let statement = format!("COPY {target} FROM STDIN");
        let mut copy = connection
            .copy_in_raw(&statement)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        copy.send(rows).await.expect("rows to be taken");
        let loaded = copy.finish().await;
        loaded.unwrap_or_else(|error| panic!("{statement}: {error}"));
        connection.close().await.ok();
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// What a database was at a moment.
#[derive(Debug)]
pub struct Moment(String);

/// A table that nobody else can write to.
#[derive(Debug)]
#[expect(dead_code, reason = "the connection is the lock")]
pub struct Locked(PgConnection);

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread of its own, because a runtime may be running on this one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime of one thread");
            runtime.block_on(execute(&server(), &sql));
        });
        // A database that is left behind is no reason to fail a test that passed.
        let _left = dropping.join();
    }
}

/// The server for tests.
fn server() -> String {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration but this")]
    let url = std::env::var("DATABASE_URL");
    url.unwrap_or_else(|_| {
        panic!(
            "DATABASE_URL is missing: name a PostgreSQL server whose role may create databases, \
             or run the tests through make test"
        )
    })
}

/// The same database through what a variable names as the parameters of an address, if it does.
fn through(variable: &str, url: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration but this")]
    let parameters = std::env::var(variable).ok()?;
    let database = url.split_once('?').map_or(url, |(database, _)| database);
    Some(format!("{database}?{parameters}"))
}

/// The same server, another database: what stands between the host and the question mark.
fn beside(url: &str, database: &str) -> String {
    let (base, options) = url.split_once('?').unwrap_or((url, ""));
    let host = base.find("://").map_or(0, |at| at + 3);
    let end = base[host..].find('/').map_or(base.len(), |at| host + at);
    format!("{}/{database}?{options}", &base[..end])
}

async fn connect(url: &str) -> Store {
    connect_through(through("MUSTER_TEST_POOLER", url), url).await
}

async fn connect_through(pooler_url: Option<String>, url: &str) -> Store {
    let replica_url = through("MUSTER_TEST_REPLICA", url);
    let config =
        StoreConfig { partitions: PARTITIONS, pooler_url, replica_url, ..StoreConfig::new(url) };
    Store::connect(&config).await.expect("a database that was just made")
}

async fn execute(server: &str, sql: &str) {
    let mut connection =
        PgConnection::connect(server).await.expect("the server that DATABASE_URL names");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.ok();
}

/// The name of a database with the present schema, made if it is not there.
async fn template(server: &str) -> String {
    let mut hasher = DefaultHasher::new();
    // By content: a migration that was edited makes another template, and old ones are left to
    // whoever wipes the server.
    for migration in crate::database::MIGRATIONS.iter() {
        migration.checksum.hash(&mut hasher);
    }
    let name = format!("muster_template_{:016x}_{PARTITIONS}", hasher.finish());
    let mut connection =
        PgConnection::connect(server).await.expect("the server that DATABASE_URL names");
    // The lock is this connection's and ends with it.
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await
        .expect("an advisory lock");
    let is_there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&name)
            .fetch_one(&mut connection)
            .await
            .expect("the list of databases");
    if !is_there {
        // It gets its name when it is whole, so a run that was cut short leaves nothing to trust.
        let making = format!("{name}_making");
        execute(server, &format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)")).await;
        execute(server, &format!("CREATE DATABASE {making}")).await;
        // Not through a pooler, which would keep a connection, and the name could not be changed.
        let store = connect_through(None, &beside(server, &making)).await;
        store.migrate().await.expect("migrations");
        store.close().await;
        execute(server, &format!("ALTER DATABASE {making} RENAME TO {name}")).await;
    }
    connection.close().await.ok();
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_another_database_in_an_address() {
        for (url, expected) in [
            ("postgres://u@h:1/a?x=1", "postgres://u@h:1/b?x=1"),
            ("postgres:///a?host=/s&user=u", "postgres:///b?host=/s&user=u"),
            ("postgres://u@h", "postgres://u@h/b?"),
        ] {
            assert_eq!(beside(url, "b"), expected);
        }
    }
}
