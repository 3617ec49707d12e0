//! What a host had that is refused from now on: it ends, as nobody will ever say that it is gone.
//!
//! Its history stays and says what it had. All that counts hosts goes by what is installed now, so a host that is
//! refused counts nowhere from then on (decision 55).

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::tenant::TenantScope;
use crate::tx;

/// Ends what revoked hosts have, of at most `limit` of them in one transaction; gives of how many.
///
/// For those that are let go many at a time, that a release before this one let go, and of which a report was still
/// on its way. What they had ends now, so that it is forgotten no sooner than what ends today.
///
/// # Errors
///
/// When the database cannot be used.
///
/// # Cancel safety
///
/// Dropped before it ends, all of it is in the rows or nothing; it may be done again.
pub async fn empty_revoked(
    scope: &TenantScope,
    limit: u32,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    tx::retrying("agents.empty_revoked", || async {
        let mut tx = scope.begin("agents.empty_revoked").await?;
        // In the order of their keys, as reports lock them. What a host has is counted in its digest.
        let agents = sqlx::query_scalar!(
            "SELECT key FROM agents
             WHERE company_key = $1 AND revoked_at IS NOT NULL AND digest_count > 0
             ORDER BY key LIMIT $2 FOR NO KEY UPDATE",
            scope.key(),
            i64::from(limit)
        )
        .fetch_all(&mut *tx)
        .await?;
        empty(&mut tx, scope.key(), &agents, now).await?;
        tx.commit().await?;
        Ok(u64::try_from(agents.len()).unwrap_or(u64::MAX))
    })
    .await
}

/// The same of hosts whose rows the caller has locked.
pub(super) async fn empty(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[i64],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if agents.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE installations SET closed_at = greatest($3, opened_at)
         WHERE company_key = $1 AND agent_key = ANY($2) AND NOT isfinite(closed_at)",
        company_key,
        agents,
        now
    )
    .execute(&mut *tx)
    .await?;
    // If it is ever let in again, its digest does not agree, and it is asked for a snapshot.
    sqlx::query!(
        "UPDATE agents SET digest_count = 0, digest_sum = '00000000-0000-0000-0000-000000000000'
         WHERE company_key = $1 AND key = ANY($2)",
        company_key,
        agents
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::{depart, revoke};
    use crate::cves;
    use crate::hosts::{self, HostFilter, HostSoftwareFilter, HostSort};
    use crate::page::PageRequest;
    use crate::summary::summary;
    use crate::test_fixtures::{Endpoint, World, at, key, record};
    use crate::{findings, software};

    const CVE: &str = "CVE-2024-90010";

    /// On how many hosts a CVE, its finding and its software are said to be, and how many hosts are listed for it.
    async fn counted(world: &World) -> [u64; 4] {
        let (scope, page) = (&world.scope, PageRequest::first(10));
        let with = HostFilter { cve: Some(CVE.to_owned()), ..HostFilter::default() };
        let listed = hosts::list(scope, &with, HostSort::Hostname, &page).await.unwrap();
        let (filter, sort) = (findings::FindingFilter::default(), findings::FindingSort::Hosts);
        let found = findings::list(scope, &filter, sort, &page).await.unwrap();
        let one = software::get(scope, key(&record("bad1", "1"))).await.unwrap().unwrap();
        [
            cves::get(scope, CVE).await.unwrap().unwrap().hosts,
            found.items[0].hosts,
            one.hosts,
            u64::try_from(listed.items.len()).unwrap(),
        ]
    }

    async fn host(world: &World) -> Endpoint {
        let mut endpoint = Endpoint::new(world.agent().await);
        world.apply(&endpoint.snapshot([record("bad1", "1"), record("good", "1")], 10)).await;
        endpoint
    }

    #[tokio::test]
    async fn a_revoked_host_and_one_that_left_count_nowhere() {
        let world = World::new().await;
        let (revoked, left) = (host(&world).await, host(&world).await);
        host(&world).await;
        assert_eq!(counted(&world).await, [3; 4]);
        assert!(revoke(&world.scope, revoked.agent, at(5)).await.unwrap());
        assert_eq!(counted(&world).await, [2; 4]);
        depart(&world.scope, left.agent, at(6)).await.unwrap();
        assert_eq!(counted(&world).await, [1; 4]);
        let all = summary(&world.scope).await.unwrap();
        assert_eq!((all.agents, all.installations), (1, 2));
        // As it was, it can still be asked for.
        let page = PageRequest::first(10);
        for (as_of, expected) in [(Some(at(4)), 2), (Some(at(5)), 0), (None, 0)] {
            let then = HostSoftwareFilter { as_of, ..HostSoftwareFilter::default() };
            let had = hosts::software(&world.scope, revoked.agent, &then, &page).await.unwrap();
            assert_eq!(had.items.len(), expected, "{as_of:?}");
        }
    }

    #[tokio::test]
    async fn what_was_revoked_before_is_emptied_in_steps_and_so_is_what_comes_late() {
        let world = World::new().await;
        let mut late = host(&world).await;
        for _ in 0..2 {
            host(&world).await;
        }
        // As a release before this one left it.
        world.database.execute("UPDATE agents SET revoked_at = enrolled_at").await;
        assert_eq!(empty_revoked(&world.scope, 2, at(9)).await.unwrap(), 2);
        assert_eq!(empty_revoked(&world.scope, 2, at(9)).await.unwrap(), 1);
        assert_eq!(empty_revoked(&world.scope, 2, at(9)).await.unwrap(), 0);
        let open =
            "SELECT count(*) FROM installations WHERE company_key = $1 AND closed_at = 'infinity'";
        assert_eq!(world.number(open).await, 0);
        let ended = "SELECT count(*) FROM installations WHERE company_key = $1
                     AND closed_at = '2026-11-21 08:00:09+00'";
        assert_eq!(world.number(ended).await, 6);
        world.apply(&[late.delta(vec![record("bad2", "1")], &[])]).await;
        assert_eq!(world.number(open).await, 1);
        assert_eq!(empty_revoked(&world.scope, 2, at(10)).await.unwrap(), 1);
        assert_eq!(world.number(open).await, 0);
    }

    #[tokio::test]
    async fn a_host_that_is_let_in_again_has_its_software_back_with_its_next_snapshot() {
        let world = World::new().await;
        let mut endpoint = host(&world).await;
        assert!(revoke(&world.scope, endpoint.agent, at(5)).await.unwrap());
        // By no call: by whoever puts the row back.
        world.database.execute("UPDATE agents SET revoked_at = NULL").await;
        let said = world.apply(&[endpoint.delta(vec![record("new", "1")], &[])]).await;
        assert_eq!(said.asked, [endpoint.agent], "its digest does not agree");
        let records: Vec<_> = endpoint.held.values().cloned().collect();
        world.apply(&endpoint.snapshot(records, 10)).await;
        assert_eq!(counted(&world).await, [1; 4]);
    }
}
