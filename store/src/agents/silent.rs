//! Letting go of hosts that have said nothing for long. Assets without an agent say nothing, ever, and are none
//! of them.
//!
//! In two steps, a day apart: when the collector itself was away for long, every host has been silent, and
//! those that are there say so within that day.

use protocol::ids::AgentId;
use time::{Duration, OffsetDateTime};

use crate::audit::{self, Change};
use crate::commands::{self, Revoked};
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// How long a host that was found silent may still speak. Less than a day, because tidying comes once a day and
/// not to the second.
const GRACE: Duration = Duration::hours(20);

/// Lets go of at most `limit` hosts that were found silent a day ago and have said nothing since, and notes those
/// that were heard before `before` the last time. How many were let go.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn revoke_silent(
    scope: &TenantScope,
    before: OffsetDateTime,
    limit: u32,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin("agents.revoke_silent").await?;
    let gone = sqlx::query_scalar!(
        "SELECT id FROM agents
         WHERE company_key = $1 AND kind = 'agent' AND revoked_at IS NULL
           AND silent_noted_at <= $3 AND coalesce(last_seen_at, enrolled_at) < $2
         ORDER BY key LIMIT $4 FOR NO KEY UPDATE",
        scope.key(),
        before,
        now - GRACE,
        i64::from(limit)
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE agents SET revoked_at = $3 WHERE company_key = $1 AND id = ANY($2)",
        scope.key(),
        &gone,
        now
    )
    .execute(&mut *tx)
    .await?;
    for id in &gone {
        let agent = AgentId(*id);
        commands::announce_revocation(&mut tx, Revoked::Agent(agent)).await?;
        audit::record(&mut tx, scope, Change::done("host.revoke", agent), now).await?;
    }
    tx.commit().await?;
    note(scope, before, now).await?;
    Ok(u64::try_from(gone.len()).unwrap_or(u64::MAX))
}

/// Notes who is silent, and forgets it where one spoke again: the next silence begins anew.
///
/// In a transaction of its own: rows are locked in the order of their keys, as heartbeats do it, and those that
/// were let go are none of them any more.
async fn note(
    scope: &TenantScope,
    before: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut tx = scope.begin("agents.note_silent").await?;
    sqlx::query!(
        "WITH locked AS (
             SELECT key FROM agents
             WHERE company_key = $1 AND kind = 'agent' AND revoked_at IS NULL
               AND (silent_noted_at IS NULL) = (coalesce(last_seen_at, enrolled_at) < $2)
             ORDER BY key FOR NO KEY UPDATE
         )
         UPDATE agents a SET silent_noted_at =
                CASE WHEN coalesce(a.last_seen_at, a.enrolled_at) < $2 THEN $3::timestamptz END
         FROM locked l WHERE a.company_key = $1 AND a.key = l.key",
        scope.key(),
        before,
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::ids::Position;

    use super::*;
    use crate::agents::{BEHIND_AFTER, HeartbeatSeen, record_heartbeats};
    use crate::test_fixtures::{World, agent, asset, at, company};

    const DAY_S: i64 = 86_400;

    async fn is_in(scope: &TenantScope, id: AgentId) -> bool {
        let host = crate::hosts::get(scope, id).await.unwrap().unwrap();
        host.host.revoked_at.is_none()
    }

    async fn speaks(scope: &TenantScope, agent: AgentId, seconds: i64) {
        let seen = HeartbeatSeen {
            agent,
            at: at(seconds),
            acknowledged: Position::new(0, 0),
            digest: None,
            scan_done: 0,
            every_s: 300,
            presence: None,
            is_repeat: false,
        };
        record_heartbeats(scope, &[seen], BEHIND_AFTER, at(seconds)).await.unwrap();
    }

    #[tokio::test]
    async fn a_host_is_let_go_a_day_after_it_was_found_silent_unless_it_speaks() {
        let world = World::new().await;
        let (lost, back) = (world.agent().await, world.agent().await);
        let other = company(world.store(), "Other").await;
        let theirs = agent(&other, "theirs").await;
        // Ten days after all were heard the last time, as after an outage.
        let tidy = async |day: i64| {
            let (before, now) = (at((day - 7) * DAY_S), at(day * DAY_S));
            revoke_silent(&world.scope, before, 10, now).await.unwrap()
        };
        assert_eq!(tidy(10).await, 0, "found, and not let go");
        assert_eq!(tidy(10).await, 0, "however often is looked");
        speaks(&world.scope, back, 10 * DAY_S + 60).await;
        assert_eq!(tidy(11).await, 1);
        assert!(!is_in(&world.scope, lost).await && is_in(&world.scope, back).await);
        assert!(is_in(&other, theirs).await);
        // Its next silence begins anew.
        assert_eq!(tidy(18).await, 0);
        assert_eq!(tidy(19).await, 1);
        let log = "SELECT count(*) FROM audit_log
                   WHERE company_key = $1 AND action = 'host.revoke' AND actor_kind = 'system'";
        assert_eq!(world.number(log).await, 2);
    }
    #[tokio::test]
    async fn an_asset_without_an_agent_is_silent_for_ever_and_is_not_let_go() {
        let world = World::new().await;
        let shop = asset(&world.scope, "web-shop").await;
        for day in [10, 11, 12] {
            let (before, now) = (at((day - 7) * DAY_S), at(day * DAY_S));
            assert_eq!(revoke_silent(&world.scope, before, 10, now).await.unwrap(), 0, "{day}");
        }
        assert!(is_in(&world.scope, shop).await);
        // The next document is for the same one.
        assert_eq!(asset(&world.scope, "Web-Shop").await, shop);
    }
}
