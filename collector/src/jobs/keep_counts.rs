//! Keeps the counts of large companies, which their lists are ordered by (decision 46).
//!
//! Every minute it asks of each company whether its counts are due; counting takes a second for fifteen
//! million installations, and locks nothing that inventories write.

use anyhow::Context as _;
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use store::tenant::TenantScope;
use store::{companies, counts, feeds};
use time::OffsetDateTime;

use super::Jobs;

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
    loop {
        let found = companies::list(&operator, None, &page).await.context("list companies")?;
        for company in found.items {
            let Some(scope) = jobs.store.pipeline_scope(company.id).await? else {
                continue;
            };
            count_due(jobs, &scope, refreshed_at)
                .await
                .with_context(|| format!("count company {}", company.id))?;
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn count_due(
    jobs: &Jobs,
    scope: &TenantScope,
    refreshed_at: Option<OffsetDateTime>,
) -> anyhow::Result<()> {
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
        took_ms,
        "counted a large company"
    );
    Ok(())
}
