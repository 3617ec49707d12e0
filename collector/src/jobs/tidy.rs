//! Forgets what nobody needs any more: jobs that ended, signals that everyone has heard, events that
//! are old.

use std::time::Duration;

use anyhow::Context as _;
use store::companies;
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use store::software::generations;
use store::{commands, events, jobs as rows};
use time::OffsetDateTime;

use super::Jobs;

/// How long jobs that ended are kept for people to look at. Longer than any schedule's time from
/// tick to tick, because a tick that is forgotten can be asked for again.
const JOBS_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long signals of revocations are kept; nodes look back some minutes.
const REVOCATIONS_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// How long changes of the match index are kept: a node that was away for longer has all software
/// judged again when it brings a new one.
const CHANGES_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long events are kept for readers that were away.
const EVENTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Events that are forgotten in one transaction.
const EVENTS_A_TIME: u32 = 10_000;

/// Forgets.
pub(super) async fn run(jobs: &Jobs) -> anyhow::Result<()> {
    let now = jobs.clock.now();
    let ended = rows::purge(&jobs.store, now - JOBS_KEPT)
        .await
        .context("forget jobs that ended")?;
    let revocations = commands::purge_revocations(&jobs.store, REVOCATIONS_KEPT)
        .await
        .context("forget signals of revocations")?;
    let changes = generations::purge(&jobs.store, now - CHANGES_KEPT)
        .await
        .context("forget changes of the match index")?;
    let events = forget_events(jobs, now - EVENTS_KEPT).await?;
    tracing::info!(
        jobs = ended,
        revocations,
        changes,
        events,
        "tidied the database"
    );
    Ok(())
}

/// Forgets every company's old events; gives how many.
async fn forget_events(jobs: &Jobs, before: OffsetDateTime) -> anyhow::Result<u64> {
    let operator = jobs.store.local_operator();
    let mut page = PageRequest::first(PAGE_ITEMS_MAX);
    let mut forgotten = 0;
    loop {
        let found = companies::list(&operator, None, &page)
            .await
            .context("list companies")?;
        for company in found.items {
            let Some(scope) = operator.scope(company.id).await? else {
                continue;
            };
            loop {
                let some = events::purge(&scope, before, EVENTS_A_TIME)
                    .await
                    .context("forget events")?;
                forgotten += some;
                if some < u64::from(EVENTS_A_TIME) {
                    break;
                }
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(forgotten),
        }
    }
}
