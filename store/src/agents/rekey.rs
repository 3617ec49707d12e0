//! What becomes of an identity: another agent takes its place, or nobody does.

use protocol::ids::{AgentId, CompanyId};
use protocol::reject::RejectReason;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Certificate;
use super::emptied::empty;
use super::lineage::Lineage;
use crate::error::StoreError;
use crate::tenant::TenantScope;
use crate::tx;

/// Makes a certificate for an identity, or says why not.
pub type Issue<'a, T> =
    &'a (dyn Fn(CompanyId, AgentId) -> Result<(Certificate, T), RejectReason> + Sync);

/// A wish for another identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rekeying {
    /// Whose place is taken.
    pub agent: AgentId,
    /// The process that asks; asking again gives the same agent again.
    pub process: u64,
    /// The id that the new agent gets.
    pub successor: AgentId,
}

/// Makes another agent in the place of one that several machines are, for one process of it; `None` when
/// the agent is not such a one or was revoked.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn rekey<T: Send>(
    scope: &TenantScope,
    company: CompanyId,
    rekeying: Rekeying,
    issue: Issue<'_, T>,
    now: OffsetDateTime,
) -> Result<Option<(AgentId, T)>, StoreError> {
    tx::retrying("agents.rekey", || attempt(scope, company, rekeying, issue, now)).await
}

async fn attempt<T: Send>(
    scope: &TenantScope,
    company: CompanyId,
    rekeying: Rekeying,
    issue: Issue<'_, T>,
    now: OffsetDateTime,
) -> Result<Option<(AgentId, T)>, StoreError> {
    let mut tx = scope.begin("agents.rekey").await?;
    let row = sqlx::query!(
        "SELECT a.key, f.lineage
         FROM agents a JOIN agent_facts f ON f.company_key = a.company_key AND f.agent_key = a.key
         WHERE a.company_key = $1 AND a.id = $2 AND a.cloned_at IS NOT NULL
           AND a.revoked_at IS NULL
         FOR NO KEY UPDATE OF a",
        scope.key(),
        rekeying.agent.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut lineage = Lineage::read(row.lineage);
    // Whoever lost the answer asks again, and must not become a second agent by it.
    let before = lineage.successor(rekeying.process);
    let successor = before.unwrap_or(rekeying.successor);
    let Ok((certificate, issued)) = issue(company, successor) else {
        return Ok(None);
    };
    if before.is_none() {
        lineage.succeed(rekeying.process, successor);
        insert(&mut tx, scope.key(), row.key, successor, now).await?;
        sqlx::query!(
            "UPDATE agent_facts SET lineage = $3 WHERE company_key = $1 AND agent_key = $2",
            scope.key(),
            row.key,
            lineage.written()
        )
        .execute(&mut *tx)
        .await?;
    }
    // For one that asks again as well: its certificate is the one that was just made.
    sqlx::query!(
        "UPDATE agents SET certificate_serial = $3, certificate_sha256 = $4,
                certificate_expires_at = $5
         WHERE company_key = $1 AND id = $2",
        scope.key(),
        successor.0,
        &certificate.serial,
        &certificate.sha256[..],
        certificate.expires_at
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some((successor, issued)))
}

/// A row with what is true of either, until its first report says what is its own.
async fn insert(
    tx: &mut PgConnection,
    company_key: i64,
    agent_key: i64,
    successor: AgentId,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let key = sqlx::query_scalar!(
        "INSERT INTO agents (company_key, id, hostname, agent_version, enrolled_at, enrolled_with,
                             rekeyed_from, hostname_low)
         SELECT $1, $3, hostname, agent_version, $4, enrolled_with, id, lower(hostname)
         FROM agents WHERE company_key = $1 AND key = $2
         RETURNING key",
        company_key,
        agent_key,
        successor.0,
        now
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO agent_facts (company_key, agent_key, labels)
         SELECT $1, $3, labels FROM agent_facts WHERE company_key = $1 AND agent_key = $2",
        company_key,
        agent_key,
        key
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that a host is an agent no longer, by its own word; it is refused from now on, and what it had ends.
///
/// Nothing is noted of an agent that several machines are: one of them leaves, and the others have only its identity to
/// become agents of their own by.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn depart(
    scope: &TenantScope,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut tx = scope.begin("agents.depart").await?;
    // Who departed or was revoked before keeps the time of it.
    let gone = sqlx::query_scalar!(
        "UPDATE agents SET uninstalled_at = coalesce(uninstalled_at, $3),
                revoked_at = coalesce(revoked_at, $3)
         WHERE company_key = $1 AND id = $2 AND cloned_at IS NULL
         RETURNING key",
        scope.key(),
        agent.0,
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    empty(&mut tx, scope.key(), &gone, now).await?;
    tx.commit().await?;
    Ok(())
}
