//! Forgetting what ended: closed installations and resolved findings are kept for questions about the
//! past, and no longer than an operator wants.
//!
//! Software stays, because its rows are known by name without asking ([`crate::known`]), and so does what
//! holds, however old it is.

use time::OffsetDateTime;

use crate::error::StoreError;
use crate::tenant::TenantScope;

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Installations that had ended.
    pub installations: u64,
    /// Findings that had been resolved.
    pub findings: u64,
}

/// Forgets what ended before an instant, at most `limit` of either kind in one transaction. Less than
/// that of both means that none is left.
///
/// No index is by the end of an interval, because every batch would have to keep it: a night's worth is
/// found by reading the company's rows once.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(
    scope: &TenantScope,
    before: OffsetDateTime,
    limit: u32,
) -> Result<Forgotten, StoreError> {
    let mut tx = scope.begin("history.purge").await?;
    let installations = sqlx::query!(
        "DELETE FROM installations
         WHERE company_key = $1 AND (agent_key, software_key, opened_at) IN (
             SELECT i.agent_key, i.software_key, i.opened_at FROM installations i
             WHERE i.company_key = $1 AND i.closed_at < $2 LIMIT $3)",
        scope.key(),
        before,
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    let findings = sqlx::query!(
        "DELETE FROM findings
         WHERE company_key = $1 AND (software_key, cve, source, opened_at) IN (
             SELECT f.software_key, f.cve, f.source, f.opened_at FROM findings f
             WHERE f.company_key = $1 AND f.resolved_at < $2 LIMIT $3)",
        scope.key(),
        before,
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Forgotten {
        installations: installations.rows_affected(),
        findings: findings.rows_affected(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::replace;
    use crate::test_fixtures::{Endpoint, World, at, company, evaluation, key, record};

    const INSTALLATIONS: &str = "SELECT count(*) FROM installations WHERE company_key = $1";
    const FINDINGS: &str = "SELECT count(*) FROM findings WHERE company_key = $1";

    /// A host that lost three pieces of software at 2 s and has one; a finding of it was resolved at 50 s.
    async fn world() -> World {
        let world = World::new().await;
        let mut endpoint = Endpoint::new(world.agent().await);
        let lost: Vec<_> = (0..3).map(|n| record(&format!("x{n}"), "1")).collect();
        let bad = record("bad1", "1.1");
        let all = lost.iter().cloned().chain([bad.clone()]);
        world.apply(&endpoint.snapshot(all, 100)).await;
        world.apply(&[endpoint.delta(vec![], &lost)]).await;
        let judged = [(key(&bad), evaluation(&["CVE-2024-90010"]))];
        replace(&world.scope, &judged, 2, at(50)).await.unwrap();
        world
    }

    #[tokio::test]
    async fn what_ended_long_ago_is_forgotten_and_what_holds_is_not() {
        let world = world().await;
        assert_eq!(purge(&world.scope, at(2), 100).await.unwrap(), Forgotten::default());
        let done = purge(&world.scope, at(51), 100).await.unwrap();
        assert_eq!((done.installations, done.findings), (3, 1));
        assert_eq!(world.number(INSTALLATIONS).await, 1);
        assert_eq!(world.number(FINDINGS).await, 1);
        let again = purge(&world.scope, at(10_000), 100).await.unwrap();
        assert_eq!(again, Forgotten::default());
    }

    #[tokio::test]
    async fn no_more_is_forgotten_at_once_than_was_asked_for() {
        let world = world().await;
        let done = purge(&world.scope, at(51), 2).await.unwrap();
        assert_eq!((done.installations, done.findings), (2, 1));
        let rest = purge(&world.scope, at(51), 2).await.unwrap();
        assert_eq!((rest.installations, rest.findings), (1, 0));
    }

    #[tokio::test]
    async fn another_company_forgets_nothing_of_this_one() {
        let world = world().await;
        let other = company(world.store(), "Other").await;
        let done = purge(&other, at(10_000), 100).await.unwrap();
        assert_eq!(done, Forgotten::default());
        assert_eq!(world.number(INSTALLATIONS).await, 4);
    }
}
