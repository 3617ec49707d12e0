//! Forgets what nobody needs any more: jobs that ended, signals that everyone has heard, events that
//! are old, dead letters that nobody looked at.

use std::time::Duration;

use anyhow::Context as _;
use store::error::StoreError;
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use store::software::generations;
use store::tenant::TenantScope;
use store::{
    audit, commands, companies, dead_letters, events, history, idempotency, jobs as rows, nodes,
    policies, sessions, webhooks,
};
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

/// Closed intervals of either kind that are forgotten in one transaction. Each step reads the company's
/// rows from the beginning, so there are to be few.
const INTERVALS_A_TIME: u32 = 100_000;

/// How long messages of webhooks are kept that were delivered. Those that were given up are kept as long as
/// other dead letters.
const DELIVERED_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Dead letters that are forgotten in one transaction; each is as large as a report.
const LETTERS_A_TIME: u32 = 100;
/// How long nodes are kept that are not heard of any more, for people to see that they are missing.
const NODES_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How long sessions that are over are kept: their addresses say from where an account is used.
const SESSIONS_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long the audit log is kept.
const AUDIT_KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);

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
    let nodes = nodes::purge(&jobs.store, NODES_KEPT)
        .await
        .context("forget nodes")?;
    let sessions = sessions::purge(&jobs.store, now - SESSIONS_KEPT)
        .await
        .context("forget sessions that are over")?;
    let answers = idempotency::purge(&jobs.store, now)
        .await
        .context("forget answers that nobody asks for again")?;
    let forgotten = forget_of_companies(jobs, now).await?;
    tracing::info!(
        jobs = ended,
        revocations,
        changes,
        nodes,
        sessions,
        answers,
        audit = forgotten.audit,
        events = forgotten.events,
        dead_letters = forgotten.letters,
        messages = forgotten.messages,
        intervals = forgotten.intervals,
        "tidied the database"
    );
    Ok(())
}

/// What was forgotten of companies.
#[derive(Debug, Default)]
struct Forgotten {
    events: u64,
    letters: u64,
    messages: u64,
    audit: u64,
    intervals: u64,
}

/// Forgets every company's old events and dead letters.
async fn forget_of_companies(jobs: &Jobs, now: OffsetDateTime) -> anyhow::Result<Forgotten> {
    let operator = jobs.store.local_operator();
    let mut page = PageRequest::first(PAGE_ITEMS_MAX);
    let mut forgotten = Forgotten::default();
    loop {
        let found = companies::list(&operator, None, &page)
            .await
            .context("list companies")?;
        for company in found.items {
            let Some(scope) = operator.scope(company.id).await? else {
                continue;
            };
            forgotten.events += forget_events(&scope, now - EVENTS_KEPT)
                .await
                .context("forget events")?;
            forgotten.events += forget_policy_events(&scope, now - EVENTS_KEPT)
                .await
                .context("forget events of policies")?;
            forgotten.audit += forget_audit(&scope, now - AUDIT_KEPT)
                .await
                .context("forget of the audit log")?;
            forgotten.intervals += forget_intervals(&scope, now - jobs.history_kept)
                .await
                .context("forget what ended")?;
            forgotten.messages += forget_messages(jobs, &scope, now)
                .await
                .context("forget messages of webhooks")?;
            forgotten.letters += forget_letters(&scope, now - jobs.dead_letters_kept)
                .await
                .context("forget dead letters")?;
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(forgotten),
        }
    }
}

async fn forget_events(scope: &TenantScope, before: OffsetDateTime) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let some = events::purge(scope, before, EVENTS_A_TIME).await?;
        forgotten += some;
        if some < u64::from(EVENTS_A_TIME) {
            return Ok(forgotten);
        }
    }
}

async fn forget_policy_events(
    scope: &TenantScope,
    before: OffsetDateTime,
) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let some = policies::purge_events(scope, before, EVENTS_A_TIME).await?;
        forgotten += some;
        if some < u64::from(EVENTS_A_TIME) {
            return Ok(forgotten);
        }
    }
}

async fn forget_intervals(scope: &TenantScope, before: OffsetDateTime) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let some = history::purge(scope, before, INTERVALS_A_TIME).await?;
        forgotten += some.installations + some.findings;
        if some.installations.max(some.findings) < u64::from(INTERVALS_A_TIME) {
            return Ok(forgotten);
        }
    }
}

async fn forget_audit(scope: &TenantScope, before: OffsetDateTime) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let some = audit::purge(scope, before, EVENTS_A_TIME).await?;
        forgotten += some;
        if some < u64::from(EVENTS_A_TIME) {
            return Ok(forgotten);
        }
    }
}

async fn forget_letters(scope: &TenantScope, before: OffsetDateTime) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let some = dead_letters::purge(scope, before, LETTERS_A_TIME).await?;
        forgotten += some;
        if some < u64::from(LETTERS_A_TIME) {
            return Ok(forgotten);
        }
    }
}

async fn forget_messages(
    jobs: &Jobs,
    scope: &TenantScope,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let (delivered, dead) = (now - DELIVERED_KEPT, now - jobs.dead_letters_kept);
    let mut forgotten = 0;
    loop {
        let some = webhooks::purge(scope, delivered, dead, LETTERS_A_TIME).await?;
        forgotten += some;
        if some < u64::from(LETTERS_A_TIME) {
            return Ok(forgotten);
        }
    }
}
