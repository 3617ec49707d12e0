//! Signals to whichever node holds an agent's connection: what to tell it, and whom to let go.
//!
//! They stand in global tables with opaque ids, so that a node can watch them without seeing a
//! company's rows. `NOTIFY` makes them quick and is allowed to get lost: a node also polls. Their
//! instants are the database's, never a node's: what a node with a slow clock wrote would be too old
//! for every poll.

use std::time::Duration;

use protocol::ids::{AgentId, CompanyId};
use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::database::Store;
use crate::error::StoreError;

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
}

impl Command {
    /// The name in the database.
    const fn kind(self) -> &'static str {
        match self {
            Self::ScanNow { .. } => "scan_now",
            Self::SendSnapshot => "send_snapshot",
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
    rows.into_iter()
        .map(|row| Ok((AgentId(row.agent), command(&row.kind, row.request)?)))
        .collect()
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
    Ok(rows
        .into_iter()
        .map(|row| (CompanyId(row.company), row.revision.unsigned_abs()))
        .collect())
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

/// Something that another session said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// There is something to tell this agent: ask [`pending`].
    Command(AgentId),
    /// Somebody was let go.
    Revoked(Revoked),
    /// A job waits.
    Job,
    /// Findings of this company were opened, resolved or changed: read [`crate::events`].
    Findings(CompanyId),
    /// What this company's agents are told has changed.
    Settings(CompanyId),
    /// The connection was lost meanwhile, and signals with it: poll everything.
    Missed,
}

/// A connection that hears signals.
#[derive(Debug)]
pub struct Signals {
    listener: PgListener,
}

impl Store {
    /// Listens for signals on a connection of its own.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn signals(&self) -> Result<Signals, StoreError> {
        // It holds one of the pool's connections for as long as it listens.
        let mut listener = PgListener::connect_with(self.pool()).await?;
        listener
            .listen_all([COMMANDS, REVOCATIONS, JOBS, FINDINGS, SETTINGS])
            .await?;
        Ok(Signals { listener })
    }
}

impl Signals {
    /// Asks the connection whether it is still one. Nothing is sent on it otherwise, so one whose
    /// other end is gone without a word would be listened to for ever.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        sqlx::query_scalar!(r#"SELECT 1 AS "one!""#)
            .fetch_one(&mut self.listener)
            .await?;
        Ok(())
    }

    /// The next signal. What no signal is, is passed over.
    ///
    /// # Errors
    ///
    /// When the database cannot be used and the connection cannot be made again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped: a signal that was read is returned at once.
    pub async fn next(&mut self) -> Result<Signal, StoreError> {
        loop {
            // `try_recv` gives `None` when the connection was lost: until there is a new one, what is
            // said is said to nobody.
            let Some(notification) = self.listener.try_recv().await? else {
                return Ok(Signal::Missed);
            };
            if let Some(signal) = signal(notification.channel(), notification.payload()) {
                return Ok(signal);
            }
        }
    }
}

fn signal(channel: &str, payload: &str) -> Option<Signal> {
    match channel {
        COMMANDS => payload.parse().ok().map(Signal::Command),
        REVOCATIONS => {
            let (kind, id) = payload.split_once(' ')?;
            let revoked = match kind {
                "agent" => Revoked::Agent(id.parse().ok()?),
                "company" => Revoked::Company(id.parse().ok()?),
                // A newer release may send kinds that this one does not know; its poll finds what
                // concerns it.
                _ => return None,
            };
            Some(Signal::Revoked(revoked))
        }
        JOBS => Some(Signal::Job),
        FINDINGS => payload.parse().ok().map(Signal::Findings),
        SETTINGS => payload.parse().ok().map(Signal::Settings),
        _ => None,
    }
}

fn command(kind: &str, request: i64) -> Result<Command, StoreError> {
    match kind {
        "scan_now" => Ok(Command::ScanNow {
            request: request.unsigned_abs(),
        }),
        "send_snapshot" => Ok(Command::SendSnapshot),
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
    let (agents, requests): (Vec<Uuid>, Vec<i64>) = commands
        .iter()
        .map(|(agent, request)| (agent.0, *request))
        .unzip();
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
    sqlx::query!("SELECT pg_notify($1, '')", JOBS)
        .fetch_all(tx)
        .await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_over_what_is_no_signal() {
        let id = Uuid::from_u128(7);
        assert_eq!(
            signal(COMMANDS, &id.to_string()),
            Some(Signal::Command(AgentId(id)))
        );
        assert_eq!(
            signal(REVOCATIONS, &format!("company {id}")),
            Some(Signal::Revoked(Revoked::Company(CompanyId(id))))
        );
        assert_eq!(
            signal(FINDINGS, &id.to_string()),
            Some(Signal::Findings(CompanyId(id)))
        );
        assert_eq!(
            signal(SETTINGS, &id.to_string()),
            Some(Signal::Settings(CompanyId(id)))
        );
        for (channel, payload) in [
            (COMMANDS, "everyone"),
            (REVOCATIONS, "agent"),
            (REVOCATIONS, "planet 0"),
            (FINDINGS, "everyone's"),
            ("other", ""),
        ] {
            assert_eq!(signal(channel, payload), None, "{channel} {payload}");
        }
    }
}
