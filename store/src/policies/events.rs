//! What changed about policies, in order, for whoever tells others; as events of findings are read.

use protocol::ids::AgentId;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::PolicyState;
use crate::error::StoreError;
use crate::events::EventPlace;
use crate::page::PAGE_ITEMS_MAX;
use crate::tenant::TenantScope;

/// A policy that came to something else for a host.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyEvent {
    /// Its place in the order of all of the company's events of policies.
    pub place: EventPlace,
    /// When it was found.
    pub at: OffsetDateTime,
    /// The policy.
    pub policy: Uuid,
    /// The host; `None` when it is gone.
    pub host: Option<AgentId>,
    /// What it came to before; unknown where it had not been computed.
    pub was: PolicyState,
    /// What it comes to.
    pub state: PolicyState,
    /// Which software and which CVE.
    pub reason: Option<Value>,
}

/// The events after a place, or from the oldest that is kept, at most `limit`; in the order and with the
/// promise of [`crate::events::after`].
///
/// # Errors
///
/// When the database cannot be used.
pub async fn events_after(
    scope: &TenantScope,
    place: Option<EventPlace>,
    limit: u32,
) -> Result<Vec<PolicyEvent>, StoreError> {
    let (xact, id) = place.map_or((-1, -1), EventPlace::parts);
    let mut tx = scope.begin_by_key("policies.events_after").await?;
    let ended_before = sqlx::query_scalar!(
        r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "xact!""#
    )
    .fetch_one(&mut *tx)
    .await?;
    let rows = sqlx::query!(
        r#"SELECT e.xact, e.id, e.at, e.policy, a.id AS "host?", e.was, e.state, e.reason
           FROM policy_events e
           LEFT JOIN agents a ON a.company_key = $1 AND a.key = e.agent_key
           WHERE e.company_key = $1 AND (e.xact, e.id) > ($2, $3) AND e.xact < $4
           ORDER BY e.xact, e.id LIMIT $5"#,
        scope.key(),
        xact,
        id,
        ended_before,
        i64::from(limit.clamp(1, PAGE_ITEMS_MAX))
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter()
        .map(|row| {
            let state = |name: &str| {
                PolicyState::parse(name)
                    .ok_or_else(|| StoreError::inconsistent("policy_events", "state", name))
            };
            Ok(PolicyEvent {
                place: EventPlace::new(row.xact, row.id),
                at: row.at,
                policy: row.policy,
                host: row.host.map(AgentId),
                was: state(&row.was)?,
                state: state(&row.state)?,
                reason: row.reason,
            })
        })
        .collect()
}

/// Forgets the oldest events, at most `limit`, as far as they are from before an instant; gives how
/// many. Less than `limit` means that none is left.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge_events(
    scope: &TenantScope,
    before: OffsetDateTime,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin_by_key("policies.purge_events").await?;
    let done = sqlx::query!(
        "DELETE FROM policy_events
         WHERE company_key = $1 AND at < $2 AND (xact, id) IN (
             SELECT xact, id FROM policy_events WHERE company_key = $1
             ORDER BY xact, id LIMIT $3
         )",
        scope.key(),
        before,
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}
