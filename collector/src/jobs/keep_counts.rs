//! Keeps the counts of large companies, which their lists are ordered by (decision 46).
//!
//! Every minute it fills in the names that lists are ordered by, where a release before wrote none (decision 60), and
//! asks of each company whether its counts are due; counting takes some seconds for fifteen
//! million installations, and locks nothing that inventories write. One company that cannot be counted keeps no
//! other from it.

use anyhow::Context as _;
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use store::tenant::TenantScope;
use store::{companies, counts, feeds, names};
use time::OffsetDateTime;

use super::Jobs;
use crate::causes::Causes;

/// Counts every company whose counts are due.
pub(super) async fn run(jobs: &Jobs) -> anyhow::Result<()> {
    let operator = jobs.store.local_operator();
    // Scores order lists, and come without an event.
    let refreshed_at = feeds::list(&jobs.store)
        .await
        .context("ask when feeds were imported")?
        .into_iter()
        .filter(|feed| feed.changed > 0)
        .filter_map(|feed| feed.last_success_at)
        .max();
    let mut page = PageRequest::first(PAGE_ITEMS_MAX);
    let mut failed = None;
    loop {
        let found = companies::list(&operator, None, &page).await.context("list companies")?;
        for company in found.items {
            let Some(scope) = jobs.store.pipeline_scope(company.id).await? else {
                continue;
            };
            if let Err(error) = count_due(jobs, &scope, refreshed_at).await {
                let error = error.context(format!("count company {}", company.id));
                tracing::warn!("{}", Causes(&error));
                failed = Some(error);
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    // Those that were counted are passed over when the job is tried again.
    failed.map_or(Ok(()), Err)
}

async fn count_due(
    jobs: &Jobs,
    scope: &TenantScope,
    refreshed_at: Option<OffsetDateTime>,
) -> anyhow::Result<()> {
    // Where a release before this one wrote names; lists by name are slow until then.
    let filled = names::fill(scope).await.context("fill names in small letters")?;
    if filled > 0 {
        tracing::info!(company = %scope.company(), filled, "filled names in small letters");
    }
    // Before the question: what changes while it is asked is counted the next time.
    let now = jobs.clock.now();
    if !counts::is_due(scope, refreshed_at, now).await? {
        return Ok(());
    }
    let began = jobs.clock.instant();
    let counted =
        counts::count(scope, now, || (jobs.clock.instant() - began).as_secs_f64()).await?;
    let took_ms = (jobs.clock.instant() - began).as_millis();
    tracing::debug!(
        company = %scope.company(),
        software = counted.software,
        cves = counted.cves,
        hosts = counted.hosts,
        took_ms,
        "counted a large company"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::tests::Node;
    use crate::pipeline::testing;

    #[tokio::test]
    async fn a_company_that_cannot_be_counted_keeps_no_other_from_it() {
        let node = Node::new().await;
        let mut scopes = Vec::new();
        for number in 1..=3 {
            let scope = testing::company(node.database.store(), number).await;
            testing::agent(node.database.store(), &scope, number).await;
            scopes.push(scope);
        }
        // What makes a company large.
        node.database.execute("UPDATE agents SET digest_count = 30000").await;
        node.break_rows(&scopes[0], "company_counts").await;
        let error = format!("{:#}", run(&node.jobs).await.unwrap_err());
        assert!(error.contains(&scopes[0].company().to_string()), "{error}");
        let counted = "SELECT count(*) FROM company_counts";
        assert_eq!(node.database.number(counted).await, 2);
    }
}
