//! Making up for many dead letters at once: those of one cause, or of one host.

use std::collections::BTreeSet;

use protocol::ids::AgentId;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::agents::queue_snapshots;
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::tenant::TenantScope;
use crate::tx;

/// Letters that are made up for in one transaction; each leaves a line in the audit log.
pub const LETTERS_A_TIME: u32 = 200;

/// Which dead letters: those that nobody has made up for yet, and of which all that is named holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Which<'a> {
    /// The reason that they have.
    pub reason: Option<&'a str>,
    /// Whose they are.
    pub agent: Option<AgentId>,
}

/// What was made up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeUpFor {
    /// Letters.
    pub letters: u64,
    /// Agents that were asked for a snapshot, one each however many letters they have.
    pub agents: u64,
    /// Whether there may be more: ask again.
    pub has_more: bool,
}

/// Makes up for at most [`LETTERS_A_TIME`] dead letters, the oldest first, as [`super::replay`] does for one.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn replay_many(
    scope: &TenantScope,
    which: Which<'_>,
    now: OffsetDateTime,
) -> Result<MadeUpFor, StoreError> {
    tx::retrying("dead_letters.replay_many", || attempt(scope, which, now)).await
}

async fn attempt(
    scope: &TenantScope,
    which: Which<'_>,
    now: OffsetDateTime,
) -> Result<MadeUpFor, StoreError> {
    let mut tx = scope.begin("dead_letters.replay_many").await?;
    let letters = sqlx::query!(
        "UPDATE dead_letters SET replayed_at = $5 WHERE company_key = $1 AND id IN (
             SELECT id FROM dead_letters
             WHERE company_key = $1 AND replayed_at IS NULL
               AND ($2::text IS NULL OR reason = $2) AND ($3::uuid IS NULL OR agent = $3)
             ORDER BY created_at, id LIMIT $4)
         RETURNING id, agent",
        scope.key(),
        which.reason,
        which.agent.map(|agent| agent.0),
        i64::from(LETTERS_A_TIME),
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    let agents: BTreeSet<Uuid> = letters.iter().map(|letter| letter.agent).collect();
    let agents: Vec<Uuid> = agents.into_iter().collect();
    // In the order of their keys, as everywhere.
    let keys: Vec<i64> = sqlx::query_file!("src/reports/lock_agents.sql", scope.key(), &agents)
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|row| row.key)
        .collect();
    // However lately they were asked: the cause is gone, says whoever asks.
    sqlx::query!(
        "UPDATE agents SET snapshot_asked_at = NULL WHERE company_key = $1 AND key = ANY($2)",
        scope.key(),
        &keys
    )
    .execute(&mut *tx)
    .await?;
    let asked = queue_snapshots(&mut tx, scope.key(), &keys, now).await?;
    for letter in &letters {
        audit::record(&mut tx, scope, Change::done("dead_letter.replay", letter.id), now).await?;
    }
    tx.commit().await?;
    Ok(MadeUpFor {
        letters: letters.len() as u64,
        agents: asked.len() as u64,
        has_more: letters.len() as u64 >= u64::from(LETTERS_A_TIME),
    })
}

#[cfg(test)]
mod tests;
