//! One host, with everything that is known of it but its software.

use protocol::fingerprint::InventoryDigest;
use protocol::host::HostFacts;
use protocol::ids::{AgentId, Position, TokenId};
use protocol::software::SourceStatus;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list::HostRow;
use super::{Host, counted};
use crate::agents::{digest, position};
use crate::enrolment_tokens::Labels;
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// Everything that is known of a host but its software.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostDetail {
    /// What lists show of it.
    pub host: Host,
    /// What it is labelled with.
    pub labels: Labels,
    /// What it says of itself; `None` before its first report.
    pub facts: Option<HostFacts>,
    /// How the last scan of each source went, by the sources' names.
    pub sources: Vec<SourceStatus>,
    /// When that was said.
    pub sources_at: Option<OffsetDateTime>,
    /// The token that it was enrolled with.
    pub enrolled_with: Option<TokenId>,
    /// When its certificate ends.
    pub certificate_expires_at: Option<OffsetDateTime>,
    /// The last report that is in the rows.
    pub applied: Position,
    /// When it came.
    pub applied_at: Option<OffsetDateTime>,
    /// What the rows come to.
    pub digest: InventoryDigest,
    /// The last scan that was asked for; 0 when none was.
    pub scan_requested: u64,
    /// The last scan that was asked for and done.
    pub scan_done: u64,
    /// When a snapshot was asked for and did not come yet, or did not agree.
    pub snapshot_asked_at: Option<OffsetDateTime>,
    /// How its agent reaches the collector, and why not by QUIC: words of [`protocol::way`].
    pub connection: Connection,
    /// Since when it is an agent no longer, by its own word.
    pub uninstalled_at: Option<OffsetDateTime>,
    /// Since when several machines are known to have its identity.
    pub cloned_at: Option<OffsetDateTime>,
    /// The agent in whose place it came, when that one was on several machines.
    pub rekeyed_from: Option<AgentId>,
}

/// How an agent reaches its collector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// The way of its last connection; `None` while it has said nothing of it.
    pub transport: Option<String>,
    /// Why that is not QUIC.
    pub not_quic: Option<String>,
}

/// One host; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, agent: AgentId) -> Result<Option<HostDetail>, StoreError> {
    let mut tx = scope.begin_look("hosts.get").await?;
    let row = sqlx::query_as!(
        DetailRow,
        "SELECT a.key, a.id, a.kind, a.hostname, a.platform_family, a.platform_id, a.platform_version,
                  a.os_name, a.agent_version, a.enrolled_at, a.last_seen_at, a.revoked_at,
                  a.digest_count, a.digest_sum, a.enrolled_with, a.certificate_expires_at,
                  a.applied_epoch, a.applied_seq, a.applied_at, a.scan_requested, a.scan_done,
                  a.snapshot_asked_at, a.seen_every_s, a.transport, a.not_quic,
                  a.uninstalled_at, a.cloned_at, a.rekeyed_from
           FROM agents a
           WHERE a.company_key = $1 AND a.id = $2",
        scope.key(),
        agent.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // A row of their own: heartbeats and reports update `agents` all the time, and PostgreSQL writes
    // a row anew whole.
    let facts = sqlx::query_as!(
        FactsRow,
        "SELECT labels, facts, sources, sources_at FROM agent_facts
         WHERE company_key = $1 AND agent_key = $2",
        scope.key(),
        row.key
    )
    .fetch_optional(&mut *tx)
    .await?;
    let mut findings = counted::now(&mut tx, scope.key(), &[agent.0]).await?;
    tx.commit().await?;
    let mut detail = HostDetail::new(row, facts)?;
    detail.host.findings = findings.remove(&agent).unwrap_or_default();
    Ok(Some(detail))
}

struct DetailRow {
    key: i64,
    id: Uuid,
    kind: String,
    hostname: String,
    platform_family: String,
    platform_id: String,
    platform_version: String,
    os_name: String,
    agent_version: String,
    enrolled_at: OffsetDateTime,
    last_seen_at: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
    digest_count: i64,
    digest_sum: Uuid,
    enrolled_with: Option<Uuid>,
    certificate_expires_at: Option<OffsetDateTime>,
    applied_epoch: i64,
    applied_seq: i64,
    applied_at: Option<OffsetDateTime>,
    scan_requested: i64,
    scan_done: i64,
    snapshot_asked_at: Option<OffsetDateTime>,
    seen_every_s: i64,
    transport: Option<String>,
    not_quic: Option<String>,
    uninstalled_at: Option<OffsetDateTime>,
    cloned_at: Option<OffsetDateTime>,
    rekeyed_from: Option<Uuid>,
}

struct FactsRow {
    labels: Value,
    facts: Option<Value>,
    sources: Value,
    sources_at: Option<OffsetDateTime>,
}

impl HostDetail {
    fn new(row: DetailRow, facts: Option<FactsRow>) -> Result<Self, StoreError> {
        let (labels, said, sources, sources_at) = match facts {
            Some(row) => (read(row.labels), row.facts, statuses(row.sources), row.sources_at),
            None => (None, None, Vec::new(), None),
        };
        Ok(Self {
            labels: labels.unwrap_or_default(),
            facts: said.and_then(read),
            sources,
            sources_at,
            enrolled_with: row.enrolled_with.map(TokenId),
            certificate_expires_at: row.certificate_expires_at,
            applied: position(row.applied_epoch, row.applied_seq)?,
            applied_at: row.applied_at,
            digest: digest(row.digest_count, row.digest_sum)?,
            scan_requested: row.scan_requested.unsigned_abs(),
            scan_done: row.scan_done.unsigned_abs(),
            snapshot_asked_at: row.snapshot_asked_at,
            connection: Connection { transport: row.transport, not_quic: row.not_quic },
            uninstalled_at: row.uninstalled_at,
            cloned_at: row.cloned_at,
            rekeyed_from: row.rekeyed_from.map(AgentId),
            host: Host::from(HostRow {
                id: row.id,
                kind: row.kind,
                hostname: row.hostname,
                platform_family: row.platform_family,
                platform_id: row.platform_id,
                platform_version: row.platform_version,
                os_name: row.os_name,
                agent_version: row.agent_version,
                enrolled_at: row.enrolled_at,
                last_seen_at: row.last_seen_at,
                revoked_at: row.revoked_at,
                digest_count: row.digest_count,
                seen_every_s: row.seen_every_s,
            }),
        })
    }
}

/// Facts that another version wrote and this one does not know are as good as none.
fn read<T: serde::de::DeserializeOwned>(value: Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

/// The statuses of the sources that this version knows.
fn statuses(sources: Value) -> Vec<SourceStatus> {
    let Value::Object(sources) = sources else {
        return Vec::new();
    };
    sources.into_iter().filter_map(|(_, status)| read(status)).collect()
}
