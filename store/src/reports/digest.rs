//! What happens when an agent and the rows do not come to the same digest.
//!
//! The stored digest is only a running sum. Before an agent is troubled it is counted again from the
//! rows; then either the sum was wrong and is set right, or the rows are and a snapshot is asked for.

use protocol::fingerprint::{InventoryDigest, RecordFingerprint};
use protocol::ids::AgentId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::agents::queue_snapshots;
use crate::error::StoreError;

/// An agent whose rows are in doubt. Its row is locked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) agent_key: i64,
    /// What the agent says that the rows come to; `None` when the rows are known to be behind.
    pub(crate) claimed: Option<InventoryDigest>,
}

/// Sets stored digests right and gives the agents that were asked for a snapshot.
pub(crate) async fn settle_digests(
    tx: &mut PgConnection,
    company_key: i64,
    claims: &[Claim],
    now: OffsetDateTime,
) -> Result<Vec<AgentId>, StoreError> {
    let mut wrong = Vec::new();
    for claim in claims {
        let Some(claimed) = claim.claimed else {
            wrong.push(claim.agent_key);
            continue;
        };
        if count_again(tx, company_key, claim.agent_key).await? != claimed {
            wrong.push(claim.agent_key);
        }
    }
    queue_snapshots(tx, company_key, &wrong, now).await
}

/// Computes an agent's digest from its rows and stores it. Rare, so a statement an agent is no loss.
pub(super) async fn count_again(
    tx: &mut PgConnection,
    company_key: i64,
    agent_key: i64,
) -> Result<InventoryDigest, StoreError> {
    // `NOT isfinite` for the reason that `open_rows.sql` gives.
    let rows = sqlx::query_scalar!(
        "SELECT fingerprint FROM installations
         WHERE company_key = $1 AND agent_key = $2 AND NOT isfinite(closed_at)",
        company_key,
        agent_key
    )
    .fetch_all(&mut *tx)
    .await?;
    // A sum, which does not depend on the order: none was asked for.
    let digest: InventoryDigest = rows.into_iter().map(RecordFingerprint::from_uuid).collect();
    // Written only where it differs: an update makes a new version of the row even when it says the
    // same.
    sqlx::query!(
        "UPDATE agents SET digest_count = $3, digest_sum = $4
         WHERE company_key = $1 AND key = $2 AND (digest_count, digest_sum) IS DISTINCT FROM ($3, $4)",
        company_key,
        agent_key,
        i64::from(digest.count),
        RecordFingerprint(digest.sum).to_uuid()
    )
    .execute(tx)
    .await?;
    Ok(digest)
}
