//! Erasing a company: every row of every table, in transactions of bounded size, and one line of proof.
//!
//! It goes in passes, each over all tables. From its beginning on the company is given to nobody
//! ([`Store::pipeline_scope`]), but a node may be in the middle of something: so the last pass begins
//! [`SETTLED_AFTER`] later, and only it ends with the company's own row. What went is counted in that row with
//! every step, so that a node that dies on the way makes the count no smaller.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::ids::CompanyId;
use serde_json::json;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::deletion::only_here;
use crate::audit::{self, Change, Origin};
use crate::commands::{self, Revoked};
use crate::counts::COUNTED_WITHIN;
use crate::cve_history::RECORDED_WITHIN;
use crate::database::{KNOWN_FOR, Store};
use crate::distribute::{COMPANY_TABLES, LOCAL_TABLES};
use crate::error::StoreError;
use crate::jobs::{self, NewJob};
use crate::statistics::MEASURED_WITHIN;
use crate::tenant::{OPERATORS, OperatorScope};
use crate::tx::{self, Settings, Tx};

/// The kind of job that erases a company.
pub const JOB: &str = "erase_company";

/// How long whoever had the company before may still write: longer than its key is known, than a statement, a
/// lease or a request lasts, and than what reads all of a company before it writes.
pub const SETTLED_AFTER: Duration = Duration::from_secs(2_700);
const _: () = {
    // What was begun with the key at the end of that time, and the one statement that is under way at its own end.
    let grace_s = 2 * KNOWN_FOR.as_secs() + 600;
    assert!(SETTLED_AFTER.as_secs() > MEASURED_WITHIN.as_secs() + grace_s);
    assert!(SETTLED_AFTER.as_secs() > COUNTED_WITHIN.as_secs() + grace_s);
    assert!(SETTLED_AFTER.as_secs() > RECORDED_WITHIN.as_secs() + grace_s);
};

/// Rows that go in one transaction.
const ROWS_A_TIME: i64 = 10_000;

/// What lets people and hosts in, in the order in which they go.
const CREDENTIALS: [&str; 7] = [
    "oidc_identities",
    "oidc_providers",
    "invitations",
    "enrolment_tokens",
    "api_keys",
    "sessions",
    "memberships",
];

/// Rows that went, by table.
pub type Erased = BTreeMap<String, u64>;

/// Whether a company can be erased now.
#[derive(Debug)]
pub enum Begun {
    /// There is no such company, or it was kept.
    NotWanted,
    /// Its time has not come; it does in so long, by the database's clock.
    NotYet(Duration),
    /// It is given to nobody any more.
    Erasing(Eraser),
}

/// A company whose rows go.
#[derive(Debug)]
pub struct Eraser {
    scope: OperatorScope,
    company: CompanyId,
    key: i64,
    /// For how long it has been given to nobody.
    age: Duration,
}

/// Begins to erase a company whose time has come, or goes on with it. It cannot be kept any more.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn begin(operator: &OperatorScope, id: CompanyId) -> Result<Begun, StoreError> {
    let mut tx = operator.begin("companies.begin_erasing").await?;
    let row = sqlx::query!(
        r#"SELECT key, erasing_since IS NULL AS "is_first!",
                  extract(epoch FROM deletion_due_at - clock_timestamp())::float8 AS "due_in_s!",
                  extract(epoch FROM clock_timestamp() - coalesce(erasing_since, clock_timestamp()))::float8
                      AS "age_s!"
           FROM companies WHERE id = $1 AND deletion_due_at IS NOT NULL FOR UPDATE"#,
        id.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(Begun::NotWanted) };
    if row.is_first && row.due_in_s > 0.0 {
        return Ok(Begun::NotYet(seconds(row.due_in_s)));
    }
    if row.is_first {
        sqlx::query!(
            "UPDATE companies SET erasing_since = clock_timestamp() WHERE key = $1",
            row.key
        )
        .execute(&mut *tx)
        .await?;
        // Long since done, unless it was to be deleted at once.
        commands::announce_revocation(&mut tx, Revoked::Company(id)).await?;
    }
    tx.commit().await?;
    let age = seconds(row.age_s);
    Ok(Begun::Erasing(Eraser { scope: operator.clone(), company: id, key: row.key, age }))
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Asks once more for the jobs of companies that are to be erased and have none: one was given up, or forgotten.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn ask_again(operator: &OperatorScope, now: OffsetDateTime) -> Result<u64, StoreError> {
    let mut tx = operator.begin("companies.ask_erasing_again").await?;
    let lost = sqlx::query_scalar!(
        "SELECT c.id FROM companies c
         WHERE c.deletion_due_at < clock_timestamp()
           AND NOT EXISTS (SELECT FROM jobs j WHERE j.company = c.id AND j.kind = $1
                           AND j.state IN ('queued', 'running'))",
        JOB
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut asked = 0;
    for id in lost.into_iter().map(CompanyId) {
        let tick = format!("{id} again {}", now.unix_timestamp_nanos());
        let payload = json!({ "company": id });
        let job =
            NewJob { kind: JOB, tick: &tick, payload: &payload, run_after: now, company: Some(id) };
        asked += u64::from(jobs::enqueue_within(&mut tx, &job, now).await?);
    }
    tx.commit().await?;
    Ok(asked)
}

impl Eraser {
    /// How long to wait until a pass may be the last one; nothing when this one may.
    #[must_use]
    pub fn settles_in(&self, after: Duration) -> Option<Duration> {
        after.checked_sub(self.age).filter(|left| !left.is_zero())
    }

    async fn begin(&self, name: &'static str) -> Result<Tx, StoreError> {
        let settings = Settings {
            company: Some(self.key),
            operator: true,
            by_key_only: true,
            ..Settings::default()
        };
        tx::begin(self.store().transactions(), name, settings).await
    }

    const fn store(&self) -> &Store {
        self.scope.store()
    }

    /// Takes the company's rows out of every table; gives how many went.
    ///
    /// # Errors
    ///
    /// When the database cannot be used. What went before that is gone and counted.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the running step is taken back.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let mut gone = 0;
        for table in COMPANY_TABLES {
            gone += self.take(table).await?;
        }
        for table in self.newer_tables().await? {
            gone += self.take(&table).await?;
        }
        Ok(gone)
    }

    /// Tables with rows of companies that a newer release made, whose nodes work beside this one: no job would look for
    /// what is left in them once the company is gone.
    async fn newer_tables(&self) -> Result<Vec<String>, StoreError> {
        let known: Vec<String> =
            COMPANY_TABLES.iter().chain(&LOCAL_TABLES).map(|name| (*name).to_owned()).collect();
        let newer = sqlx::query_scalar!(
            r#"SELECT quote_ident(c.relname) AS "name!" FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE a.attname = 'company_key' AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
                 AND NOT c.relispartition AND c.relname::text <> ALL ($1)
                 AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'agents'::regclass)
               ORDER BY 1"#,
            &known
        );
        Ok(newer.fetch_all(self.store().pool()).await?)
    }

    /// Takes the company's rows out of a table, some in a transaction.
    async fn take(&self, table: &str) -> Result<u64, StoreError> {
        let mut gone = 0;
        loop {
            let some = tx::retrying("companies.erase", || self.step(table)).await?;
            gone += some;
            if some == 0 {
                return Ok(gone);
            }
        }
    }

    async fn step(&self, table: &str) -> Result<u64, StoreError> {
        let mut tx = self.begin("companies.erase").await?;
        let gone = if table == "agents" {
            agents(&mut tx, self.key).await?
        } else {
            // Rows of one partition by their places. Where that one is split further, a place may be two
            // rows': both are the company's.
            let sql = format!(
                "DELETE FROM {table} WHERE company_key = $1 AND ctid = ANY (ARRAY(
                     SELECT ctid FROM {table} WHERE company_key = $1 LIMIT $2))"
            );
            let done = sqlx::query(AssertSqlSafe(sql)).bind(self.key).bind(ROWS_A_TIME);
            done.execute(&mut *tx).await?.rows_affected()
        };
        note(&mut tx, self.key, table, gone).await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// Takes what is left: who may come in, people who worked nowhere else, jobs, and the company itself, and
    /// says in the operators' log what went. `None` when another node was first.
    ///
    /// # Errors
    ///
    /// When the database cannot be used, or rows of the company are still there.
    pub async fn finish(self, now: OffsetDateTime) -> Result<Option<Erased>, StoreError> {
        let mut tx = self.begin("companies.finish_erasing").await?;
        let row = sqlx::query!(
            r#"SELECT name, deletion_asked_by, deletion_asked_at FROM companies
               WHERE key = $1 FOR UPDATE"#,
            self.key
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        credentials(&mut tx, self.key).await?;
        self.signals(&mut tx).await?;
        let erased = sqlx::query_scalar!(
            r#"SELECT erased AS "erased: Json<Erased>" FROM companies WHERE key = $1"#,
            self.key
        );
        let erased = erased.fetch_one(&mut *tx).await?.0;
        sqlx::query!("DELETE FROM companies WHERE key = $1", self.key).execute(&mut *tx).await?;
        // From here on it is the operators': a statement and no function, which would stay on one server.
        let of_operators = format!("SET LOCAL muster.company_key = '{OPERATORS}'");
        sqlx::raw_sql(AssertSqlSafe(of_operators)).execute(&mut *tx).await?;
        let said = json!({ "name": row.name, "asked_by": row.deletion_asked_by,
                           "asked_at": row.deletion_asked_at.map(|at| at.unix_timestamp()),
                           "rows": erased });
        let change = Change::made("company.erased", self.company, said);
        audit::insert(&mut tx, OPERATORS, &Origin::system(), change, now).await?;
        tx.commit().await?;
        Ok(Some(erased))
    }

    /// Forgets what nodes were told of the company, and its jobs but for this one.
    async fn signals(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let id = self.company.0;
        sqlx::query!("DELETE FROM company_changes WHERE company = $1", id)
            .execute(&mut *tx)
            .await?;
        let done = sqlx::query!("DELETE FROM jobs WHERE company = $1 AND kind <> $2", id, JOB)
            .execute(&mut *tx)
            .await?;
        note(tx, self.key, "jobs", done.rows_affected()).await
    }
}

/// Takes some agents, with what waits for them to be told.
async fn agents(tx: &mut PgConnection, company_key: i64) -> Result<u64, StoreError> {
    let gone: Vec<Uuid> = sqlx::query_scalar!(
        "DELETE FROM agents WHERE company_key = $1 AND key = ANY (ARRAY(
             SELECT key FROM agents WHERE company_key = $1 LIMIT $2)) RETURNING id",
        company_key,
        ROWS_A_TIME
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM agent_commands WHERE agent = ANY ($1)", &gone)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("DELETE FROM revocations WHERE kind = 'agent' AND subject = ANY ($1)", &gone)
        .execute(tx)
        .await?;
    Ok(gone.len() as u64)
}

/// Takes all that lets somebody in, and the people who worked nowhere else.
async fn credentials(tx: &mut PgConnection, company_key: i64) -> Result<(), StoreError> {
    let people = only_here(tx, company_key, true).await?;
    sqlx::query!(
        // What was answered to them; it is sealed, and forgotten after a day anyway.
        "DELETE FROM idempotent_requests WHERE principal = ANY ($2)
            OR principal IN (SELECT id FROM api_keys WHERE company_key = $1)",
        company_key,
        &people
    )
    .execute(&mut *tx)
    .await?;
    for table in CREDENTIALS {
        let sql = format!("DELETE FROM {table} WHERE company_key = $1");
        let done = sqlx::query(AssertSqlSafe(sql)).bind(company_key).execute(&mut *tx).await?;
        note(tx, company_key, table, done.rows_affected()).await?;
    }
    // With what hangs on them: sessions, and who they are at other companies' providers, which is nobody.
    let done =
        sqlx::query!("DELETE FROM users WHERE id = ANY ($1)", &people).execute(&mut *tx).await?;
    note(tx, company_key, "users", done.rows_affected()).await
}

/// Counts what went out of a table, in the transaction that takes it.
async fn note(
    tx: &mut PgConnection,
    company_key: i64,
    table: &str,
    rows: u64,
) -> Result<(), StoreError> {
    if rows == 0 {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE companies SET erased = jsonb_set(erased, ARRAY[$2::text],
                to_jsonb(coalesce((erased ->> $2::text)::bigint, 0) + $3::bigint))
         WHERE key = $1",
        company_key,
        table,
        rows.cast_signed()
    )
    .execute(tx)
    .await?;
    Ok(())
}
