//! Signals to whichever node holds an agent's connection: what to tell it, and whom to let go.
//!
//! They stand in global tables with opaque ids, so that a node can watch them without seeing a
//! company's rows. `NOTIFY` makes them quick and is allowed to get lost: a node also polls. Their
//! instants are the database's, never a node's: what a node with a slow clock wrote would be too old
//! for every poll.

mod signals;

use std::time::Duration;

use protocol::ids::{AgentId, CompanyId};
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::database::Store;
use crate::error::StoreError;

pub use self::signals::{Signal, Signals};

// Names of channels are the whole server's: another program beside this one must not be woken.
const COMMANDS: &str = "muster_commands";
const REVOCATIONS: &str = "muster_revocations";
const JOBS: &str = "muster_jobs";
const FINDINGS: &str = "muster_findings";
const SETTINGS: &str = "muster_settings";

/// What an agent is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Scan now; the number grows with every request.
    ScanNow {
        /// The request.
        request: u64,
    },
    /// Begin a new epoch with a snapshot. It stays until the snapshot's first part is stored.
    SendSnapshot,
    /// Become another agent: several machines are this one. It stays for as long as any of them might come.
    Rekey,
}

impl Command {
    /// The name in the database.
    const fn kind(self) -> &'static str {
        match self {
            Self::ScanNow { .. } => "scan_now",
            Self::SendSnapshot => "send_snapshot",
            Self::Rekey => "rekey",
        }
    }
}

/// Who is to be let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One agent.
    Agent(AgentId),
    /// Every agent of a suspended company.
    Company(CompanyId),
}

/// What one or more agents are to be told, oldest first.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn pending(
    store: &Store,
    agents: &[AgentId],
) -> Result<Vec<(AgentId, Command)>, StoreError> {
    let agents: Vec<Uuid> = agents.iter().map(|agent| agent.0).collect();
    let rows = sqlx::query!(
        "SELECT agent, kind, request FROM agent_commands WHERE agent = ANY($1) ORDER BY created_at",
        &agents
    )
    .fetch_all(store.pool())
    .await?;
    rows.into_iter().map(|row| Ok((AgentId(row.agent), command(&row.kind, row.request)?))).collect()
}

/// A command as a poll finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queued {
    /// Whose.
    pub agent: AgentId,
    /// What it is to be told.
    pub command: Command,
    /// When it was asked for last, by the database's clock. The same agent, command and instant are
    /// the same request.
    pub asked_at: OffsetDateTime,
}

/// What any agent was asked for within a time until now, oldest first, at most `limit` after a place.
/// Fewer than `limit` means that there are no more.
///
/// A poll goes back further than the poll before, because a transaction is seen when it commits.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn queued_within(
    store: &Store,
    within: Duration,
    after: Option<&Queued>,
    limit: u32,
) -> Result<Vec<Queued>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT agent, kind, request, created_at FROM agent_commands
         WHERE created_at >= clock_timestamp() - make_interval(secs => $1)
           AND (created_at, agent, kind) > (coalesce($2::timestamptz, '-infinity'), $3::uuid, $4::text)
         ORDER BY created_at, agent, kind LIMIT $5"#,
        within.as_secs_f64(),
        after.map(|queued| queued.asked_at),
        after.map_or(Uuid::nil(), |queued| queued.agent.0),
        after.map_or("", |queued| queued.command.kind()),
        i64::from(limit)
    )
    .fetch_all(store.pool())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Queued {
                agent: AgentId(row.agent),
                command: command(&row.kind, row.request)?,
                asked_at: row.created_at,
            })
        })
        .collect()
}

/// Who was let go within a time until now; what is said of [`queued_within`] holds here as well.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn revoked_within(store: &Store, within: Duration) -> Result<Vec<Revoked>, StoreError> {
    let rows = sqlx::query!(
        "SELECT kind, subject FROM revocations
         WHERE created_at >= clock_timestamp() - make_interval(secs => $1) ORDER BY key",
        within.as_secs_f64()
    )
    .fetch_all(store.pool())
    .await?;
    rows.into_iter()
        .map(|row| match row.kind.as_str() {
            "agent" => Ok(Revoked::Agent(AgentId(row.subject))),
            "company" => Ok(Revoked::Company(CompanyId(row.subject))),
            kind => Err(StoreError::inconsistent("revocations", "kind", kind)),
        })
        .collect()
}

/// Companies whose settings were set within a time until now, each with its last revision; what is said of
/// [`queued_within`] holds here as well.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn settings_set_within(
    store: &Store,
    within: Duration,
) -> Result<Vec<(CompanyId, u64)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT company, revision FROM company_changes
         WHERE changed_at >= clock_timestamp() - make_interval(secs => $1) ORDER BY changed_at",
        within.as_secs_f64()
    )
    .fetch_all(store.pool())
    .await?;
    Ok(rows.into_iter().map(|row| (CompanyId(row.company), row.revision.unsigned_abs())).collect())
}

/// Forgets signals of revocations that are older than that. The truth stays with agents and companies.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge_revocations(store: &Store, older_than: Duration) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM revocations WHERE created_at < clock_timestamp() - make_interval(secs => $1)",
        older_than.as_secs_f64()
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected())
}

fn command(kind: &str, request: i64) -> Result<Command, StoreError> {
    match kind {
        "scan_now" => Ok(Command::ScanNow { request: request.unsigned_abs() }),
        "send_snapshot" => Ok(Command::SendSnapshot),
        "rekey" => Ok(Command::Rekey),
        kind => Err(StoreError::inconsistent("agent_commands", "kind", kind)),
    }
}

/// Writes commands of one kind and announces them when the transaction commits. The rows of their
/// agents are locked by the caller, so that two transactions never wait for each other here.
pub(crate) async fn queue(
    tx: &mut PgConnection,
    kind: &'static str,
    commands: &[(AgentId, i64)],
) -> Result<(), StoreError> {
    if commands.is_empty() {
        return Ok(());
    }
    let (agents, requests): (Vec<Uuid>, Vec<i64>) =
        commands.iter().map(|(agent, request)| (agent.0, *request)).unzip();
    // One row an agent and kind: a scan that is asked for ten times is one scan, with the last number.
    sqlx::query!(
        "WITH queued AS (
             INSERT INTO agent_commands (agent, kind, request, created_at)
             SELECT agent, $1, request, clock_timestamp()
             FROM UNNEST($2::uuid[], $3::bigint[]) AS c (agent, request)
             ON CONFLICT (agent, kind)
             DO UPDATE SET request = excluded.request, created_at = excluded.created_at
             RETURNING agent
         )
         SELECT pg_notify($4, agent::text) FROM queued",
        kind,
        &agents,
        &requests,
        COMMANDS
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}

/// Takes back requests for snapshots that are on their way.
pub(crate) async fn snapshots_came(
    tx: &mut PgConnection,
    agents: &[Uuid],
) -> Result<(), StoreError> {
    if agents.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM agent_commands WHERE agent = ANY($1) AND kind = 'send_snapshot'",
        agents
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Says that somebody is to be let go, when the transaction commits.
pub(crate) async fn announce_revocation(
    tx: &mut PgConnection,
    revoked: Revoked,
) -> Result<(), StoreError> {
    let (kind, subject) = match revoked {
        Revoked::Agent(agent) => ("agent", agent.0),
        Revoked::Company(company) => ("company", company.0),
    };
    sqlx::query!(
        "WITH announced AS (
             INSERT INTO revocations (kind, subject, created_at) VALUES ($1, $2, clock_timestamp())
             RETURNING kind, subject
         )
         SELECT pg_notify($3, kind || ' ' || subject) FROM announced",
        kind,
        subject,
        REVOCATIONS
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}

/// Says that a company's agents are told something else, when the transaction commits.
pub(crate) async fn announce_settings(
    tx: &mut PgConnection,
    company: CompanyId,
    revision: u64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH changed AS (
             INSERT INTO company_changes (company, revision, changed_at)
             VALUES ($1, $2, clock_timestamp())
             ON CONFLICT (company)
             DO UPDATE SET revision = excluded.revision, changed_at = excluded.changed_at
             RETURNING company
         )
         SELECT pg_notify($3, company::text) FROM changed",
        company.0,
        // Counted up from zero by the database, one at a time.
        i64::try_from(revision).unwrap_or(i64::MAX),
        SETTINGS
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}

/// Says that a job waits, when the transaction commits.
pub(crate) async fn announce_job(tx: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_notify($1, '')", JOBS).fetch_all(tx).await?;
    Ok(())
}

/// Says that a company's findings changed, when the transaction commits.
pub(crate) async fn announce_findings(
    connection: impl PgExecutor<'_>,
    company: CompanyId,
) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_notify($1, $2)", FINDINGS, company.to_string())
        .fetch_all(connection)
        .await?;
    Ok(())
}
