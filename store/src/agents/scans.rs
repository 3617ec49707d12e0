//! Scans now, of one host or of many at once.

use protocol::ids::AgentId;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::commands;
use crate::error::StoreError;
use crate::hosts::{HostFilter, push_host_filter};
use crate::page::within_key;
use crate::tenant::TenantScope;
use crate::tx;

/// Hosts that are asked by one request. Each is told by itself, and all scan at once: they may share a machine or a line.
pub const SCANS_MAX: u32 = 2_000;

/// Which hosts are asked for a scan. Those that were revoked or have no agent are passed over.
#[derive(Clone, Copy, Debug)]
pub enum ScanOf<'a> {
    /// These; such that the company does not have are passed over.
    Hosts(&'a [AgentId]),
    /// All of a filter.
    Filter(&'a HostFilter),
}

/// Asks an agent to scan now, wherever it is connected. Gives the request's number, which grows
/// with every request; `None` when there is no such agent, it was revoked, or the host has none.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn request_scan(scope: &TenantScope, agent: AgentId) -> Result<Option<u64>, StoreError> {
    let mut tx = scope.begin("agents.request_scan").await?;
    let request = sqlx::query_scalar!(
        // Above what was done as well: a database that was restored from a backup may know of fewer
        // requests than its agents.
        "UPDATE agents SET scan_requested = greatest(scan_requested, scan_done) + 1
         WHERE company_key = $1 AND id = $2 AND revoked_at IS NULL AND kind = 'agent'
         RETURNING scan_requested",
        scope.key(),
        agent.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(request) = request {
        commands::queue(&mut tx, "scan_now", &[(agent, request)]).await?;
    }
    tx.commit().await?;
    // The column only counts up from zero, so nothing is turned around here.
    Ok(request.map(i64::unsigned_abs))
}

/// Asks many agents to scan now; gives how many. `None` when they are more than [`SCANS_MAX`]: then none is asked.
///
/// # Errors
///
/// When the database cannot be used.
///
/// # Cancel safety
///
/// Dropped before it ends, all are asked or none; they may be asked again.
pub async fn request_scans(scope: &TenantScope, of: ScanOf<'_>) -> Result<Option<u64>, StoreError> {
    tx::retrying("agents.request_scans", || attempt(scope, of)).await
}

async fn attempt(scope: &TenantScope, of: ScanOf<'_>) -> Result<Option<u64>, StoreError> {
    let mut query = select(scope, of)?;
    #[cfg(test)]
    crate::page::note(&query);
    let mut tx = scope.begin("agents.request_scans").await?;
    let keys: Vec<i64> = query.build_query_scalar().fetch_all(&mut *tx).await?;
    if keys.len() as u64 > u64::from(SCANS_MAX) {
        return Ok(None);
    }
    let asked = sqlx::query!(
        "UPDATE agents SET scan_requested = greatest(scan_requested, scan_done) + 1
         WHERE company_key = $1 AND key = ANY($2)
         RETURNING id, scan_requested",
        scope.key(),
        &keys
    )
    .fetch_all(&mut *tx)
    .await?;
    let asked: Vec<(AgentId, i64)> =
        asked.into_iter().map(|row| (AgentId(row.id), row.scan_requested)).collect();
    commands::queue(&mut tx, "scan_now", &asked).await?;
    tx.commit().await?;
    Ok(Some(asked.len() as u64))
}

/// Their keys and at most one too many, locked in their order, as reports lock them.
fn select(scope: &TenantScope, of: ScanOf<'_>) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within_key(
        scope.key(),
        "SELECT a.key FROM agents a
         WHERE a.company_key = $1 AND a.kind = 'agent' AND a.revoked_at IS NULL",
    )?;
    match of {
        ScanOf::Hosts(hosts) => {
            let ids: Vec<Uuid> = hosts.iter().map(|host| host.0).collect();
            query.push(" AND a.id = ANY(").push_bind(ids).push(")");
        }
        ScanOf::Filter(filter) => push_host_filter(&mut query, filter),
    }
    query.push(" ORDER BY a.key LIMIT ").push_bind(i64::from(SCANS_MAX) + 1);
    query.push(" FOR NO KEY UPDATE");
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::revoke;
    use crate::commands::Command;
    use crate::labels::{self, NewLabel};
    use crate::test_fixtures::{World, agent, asset, at, company, id};

    async fn asked(world: &World, agents: &[AgentId]) -> Vec<AgentId> {
        let mut found = Vec::new();
        for (agent, command) in commands::pending(world.store(), agents).await.unwrap() {
            assert!(matches!(command, Command::ScanNow { .. }), "{command:?}");
            found.push(agent);
        }
        found.sort_unstable();
        found
    }

    #[tokio::test]
    async fn all_hosts_of_a_label_are_asked_and_no_others() {
        let world = World::new().await;
        let (one, two, gone) = (world.agent().await, world.agent().await, world.agent().await);
        let beside = world.agent().await;
        let shop = asset(&world.scope, "shop").await;
        let other = company(world.store(), "Other").await;
        let theirs = agent(&other, "theirs").await;
        let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
        let label = labels::create(&world.scope, &new, at(1)).await.unwrap().id;
        let carry = [one, two, gone, shop];
        labels::assign(&world.scope, label, &carry, true, at(2)).await.unwrap();
        revoke(&world.scope, gone, at(3)).await.unwrap();
        let filter = HostFilter { label: Some(label), ..HostFilter::default() };
        for _ in 0..2 {
            let count = request_scans(&world.scope, ScanOf::Filter(&filter)).await.unwrap();
            assert_eq!(count, Some(2));
        }
        let all = [one, two, gone, beside, shop, theirs];
        assert_eq!(asked(&world, &all).await, [one, two]);
        assert_eq!(request_scan(&world.scope, one).await.unwrap(), Some(3));
        let named = [beside, gone, theirs];
        let count = request_scans(&world.scope, ScanOf::Hosts(&named)).await.unwrap();
        assert_eq!(count, Some(1));
        assert_eq!(asked(&world, &all).await, [one, two, beside]);
    }

    #[tokio::test]
    async fn more_hosts_than_may_scan_at_once_are_not_asked_at_all() {
        let world = World::new().await;
        let host = world.agent().await;
        world
            .database
            .execute(
                "INSERT INTO agents (company_key, id, hostname, agent_version, enrolled_at)
                 SELECT a.company_key, gen_random_uuid(), 'copy', '0.1.0', a.enrolled_at
                 FROM agents a, generate_series(1, 2000)",
            )
            .await;
        let any = HostFilter::default();
        let refused = request_scans(&world.scope, ScanOf::Filter(&any)).await.unwrap();
        assert_eq!(refused, None);
        assert_eq!(asked(&world, &[host]).await, []);
        let one = request_scans(&world.scope, ScanOf::Hosts(&[host])).await.unwrap();
        assert_eq!(one, Some(1));
    }
}
