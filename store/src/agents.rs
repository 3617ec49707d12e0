//! Agents: one row a host, from its enrolment to its revocation.
//!
//! A row is never deleted here: what a revoked agent had stays readable as its past. What an agent reported
//! is written by [`crate::reports`]; what people ask about hosts is in `hosts`.

mod emptied;
mod enrol;
mod heartbeats;
mod lineage;
mod rekey;
mod scans;
mod silent;

use std::time::Duration;

use protocol::fingerprint::InventoryDigest;
use protocol::ids::{AgentId, Position};
use protocol::message::Settings;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::emptied::empty_revoked;
pub use self::enrol::{EnrolError, Enrolled, Enrolment, enrol};
pub use self::heartbeats::{HeartbeatSeen, Noted, record_heartbeats};
pub use self::rekey::{Issue, Rekeying, depart, rekey};
pub use self::scans::{SCANS_MAX, ScanOf, request_scan, request_scans};
pub use self::silent::revoke_silent;
use crate::audit::{self, Change};
use crate::commands::{self, Revoked};
use crate::companies;
use crate::error::StoreError;
use crate::imports;
use crate::tenant::TenantScope;

/// How long an acknowledgement may be ahead of the rows, without any progress, before a snapshot is
/// asked for.
// Longer than a backlog after an outage takes to show progress, and short beside the hours after
// which people look: a report that a lost disk took is made up for within a quarter of an hour.
pub const BEHIND_AFTER: Duration = Duration::from_secs(15 * 60);

/// What the database keeps of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its serial number, big endian.
    pub serial: Vec<u8>,
    /// SHA-256 of its DER.
    pub sha256: [u8; 32],
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// What has to be known of an agent before its session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Since when it is refused.
    pub revoked_at: Option<OffsetDateTime>,
    /// Since when several machines are known to be it.
    pub cloned_at: Option<OffsetDateTime>,
    /// Since when its whole company is.
    pub suspended_at: Option<OffsetDateTime>,
    /// SHA-256 of the certificate that it got last; an older one that is still valid is as good.
    pub certificate_sha256: Option<[u8; 32]>,
    /// The last report that is in the rows.
    pub applied: Position,
    /// What it is to be told.
    pub settings: Settings,
    /// Whether its company wants visits; see [`companies::Company::visits`].
    pub visits: Option<bool>,
}

/// What has to be known of an agent before its session begins; `None` when the company has no such
/// agent.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn admission(
    scope: &TenantScope,
    agent: AgentId,
) -> Result<Option<Admission>, StoreError> {
    let mut tx = scope.begin("agents.admission").await?;
    let row = sqlx::query!(
        "SELECT a.revoked_at, a.cloned_at, a.certificate_sha256, a.applied_epoch, a.applied_seq,
                c.suspended_at, c.settings_revision, c.heartbeat_every_s, c.scan_every_s,
                c.sources_off, c.visits
         FROM agents a JOIN companies c ON c.key = a.company_key
         WHERE a.company_key = $1 AND a.id = $2",
        scope.key(),
        agent.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Admission {
        revoked_at: row.revoked_at,
        cloned_at: row.cloned_at,
        suspended_at: row.suspended_at,
        certificate_sha256: row.certificate_sha256.and_then(|hash| hash.try_into().ok()),
        applied: position(row.applied_epoch, row.applied_seq)?,
        settings: companies::settings(
            row.settings_revision,
            row.heartbeat_every_s,
            row.scan_every_s,
            &row.sources_off,
        )?,
        visits: row.visits,
    }))
}

/// Notes the certificate that an agent got, at its renewal, by the authority whose own certificate has that SHA-256;
/// whether there is such an agent that was not revoked.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn record_certificate(
    scope: &TenantScope,
    agent: AgentId,
    certificate: &Certificate,
    authority_sha256: [u8; 32],
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("agents.record_certificate").await?;
    let done = sqlx::query!(
        // Whoever had come over and is given a certificate of another authority has gone back, or comes over anew.
        "UPDATE agents SET certificate_serial = $3, certificate_sha256 = $4,
                certificate_expires_at = $5,
                authority_sha256 = CASE WHEN authority_sha256 = $6 THEN authority_sha256 END
         WHERE company_key = $1 AND id = $2 AND revoked_at IS NULL",
        scope.key(),
        agent.0,
        &certificate.serial,
        &certificate.sha256[..],
        certificate.expires_at,
        &authority_sha256[..]
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// Notes by which authority's certificate an agent comes, once it trusts that one.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn record_authority(
    scope: &TenantScope,
    agent: AgentId,
    sha256: [u8; 32],
) -> Result<(), StoreError> {
    let mut tx = scope.begin("agents.record_authority").await?;
    sqlx::query!(
        "UPDATE agents SET authority_sha256 = $3
         WHERE company_key = $1 AND id = $2 AND authority_sha256 IS DISTINCT FROM $3",
        scope.key(),
        agent.0,
        &sha256[..]
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Agents of a company by the authority that they are of: how many have come with a certificate of this one, and
/// how many have a certificate that has not ended and come by another one's.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn by_authority(
    scope: &TenantScope,
    sha256: [u8; 32],
    now: OffsetDateTime,
) -> Result<(u64, u64), StoreError> {
    let mut tx = scope.begin("agents.by_authority").await?;
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE authority_sha256 = $2) AS "present!",
                  count(*) FILTER (WHERE authority_sha256 IS DISTINCT FROM $2) AS "former!"
           FROM agents
           WHERE company_key = $1 AND revoked_at IS NULL AND uninstalled_at IS NULL
                 AND certificate_expires_at > $3"#,
        scope.key(),
        &sha256[..],
        now
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok((row.present.unsigned_abs(), row.former.unsigned_abs()))
}

/// Refuses an agent from now on and has its connection closed, wherever it is; whether there was
/// one to refuse. What it had ends.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn revoke(
    scope: &TenantScope,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("agents.revoke").await?;
    let revoked = sqlx::query!(
        "UPDATE agents SET revoked_at = $3
         WHERE company_key = $1 AND id = $2 AND revoked_at IS NULL
         RETURNING key, kind",
        scope.key(),
        agent.0,
        now
    )
    .fetch_optional(&mut *tx)
    .await?;
    // An agent that was revoked before is not announced again: its connection is closed already,
    // and its first instant stays.
    let is_revoked = revoked.is_some();
    if let Some(revoked) = revoked {
        if revoked.kind == "sbom" {
            imports::let_go(&mut tx, scope.key(), revoked.key, now).await?;
        }
        emptied::empty(&mut tx, scope.key(), &[revoked.key], now).await?;
        // `NOTIFY` goes out with the commit, so no node can hear of a revocation that it does not
        // find.
        commands::announce_revocation(&mut tx, Revoked::Agent(agent)).await?;
        audit::record(&mut tx, scope, Change::done("host.revoke", agent), now).await?;
    }
    tx.commit().await?;
    Ok(is_revoked)
}

/// Asks agents for a snapshot, such as those whose reports do not follow each other any more. Gives
/// those that were asked: one that was asked a short while ago is not asked again.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn ask_for_snapshots(
    scope: &TenantScope,
    agents: &[AgentId],
    now: OffsetDateTime,
) -> Result<Vec<AgentId>, StoreError> {
    let ids: Vec<Uuid> = agents.iter().map(|agent| agent.0).collect();
    let mut tx = scope.begin("agents.ask_for_snapshots").await?;
    let keys = sqlx::query_scalar!(
        // Locked in the order of their keys, here and everywhere: two transactions over the same
        // agents wait for each other in a row and never in a circle.
        "SELECT key FROM agents WHERE company_key = $1 AND id = ANY($2)
         ORDER BY key FOR NO KEY UPDATE",
        scope.key(),
        &ids
    )
    .fetch_all(&mut *tx)
    .await?;
    let asked = queue_snapshots(&mut tx, scope.key(), &keys, now).await?;
    tx.commit().await?;
    Ok(asked)
}

/// Queues [`commands::Command::SendSnapshot`] for agents whose rows the caller has locked.
///
/// An agent whose inventory cannot be stored as it is would be asked for ever, so the wait between
/// two requests doubles from a minute to seventeen hours, until the digests agree once.
pub(crate) async fn queue_snapshots(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[i64],
    now: OffsetDateTime,
) -> Result<Vec<AgentId>, StoreError> {
    if agents.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<(AgentId, i64)> = sqlx::query!(
        "UPDATE agents SET snapshot_asked_at = $3, snapshot_asks = snapshot_asks + 1
         WHERE company_key = $1 AND key = ANY($2) AND revoked_at IS NULL
           AND (snapshot_asked_at IS NULL OR snapshot_asked_at
                + interval '1 minute' * least(1440, power(2, least(snapshot_asks, 11)) / 2) <= $3)
         RETURNING id, snapshot_asks",
        company_key,
        agents,
        now
    )
    .fetch_all(&mut *tx)
    .await?
    .into_iter()
    .map(|row| (AgentId(row.id), i64::from(row.snapshot_asks)))
    .collect();
    commands::queue(tx, "send_snapshot", &asked).await?;
    Ok(asked.into_iter().map(|(agent, _)| agent).collect())
}

/// A position out of its columns.
pub(crate) fn position(epoch: i64, seq: i64) -> Result<Position, StoreError> {
    match (u32::try_from(epoch), u32::try_from(seq)) {
        (Ok(epoch), Ok(seq)) => Ok(Position::new(epoch, seq)),
        _ => Err(StoreError::inconsistent(
            "agents",
            "applied_epoch, applied_seq",
            &format!("{epoch}.{seq}"),
        )),
    }
}

/// A digest out of its columns.
pub(crate) fn digest(count: i64, sum: Uuid) -> Result<InventoryDigest, StoreError> {
    Ok(InventoryDigest {
        count: u32::try_from(count)
            .map_err(|_| StoreError::inconsistent("agents", "digest_count", &count.to_string()))?,
        sum: sum.as_u128(),
    })
}

#[cfg(test)]
mod tests;
