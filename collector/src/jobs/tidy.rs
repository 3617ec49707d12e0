//! Forgets what nobody needs any more: jobs that ended, signals that everyone has heard, events that
//! are old, dead letters that nobody looked at; lets go of hosts that were silent for too long, where
//! their company wants that; and mends what a database left that went back. One company that cannot be tidied keeps no other from it.

use std::time::Duration;

use anyhow::Context as _;
use store::error::StoreError;
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use store::reports::Share;
use store::software::generations;
use store::tenant::TenantScope;
use store::{
    agents, api_keys, audit, commands, companies, cve_history, dead_letters, digests, events,
    history, idempotency, imports, jobs as rows, nodes, policies, report_files, reports, sessions,
    statistics, webhooks,
};
use time::OffsetDateTime;

use super::Jobs;
use super::measure::HOSTS_A_TIME as HOSTS_EMPTIED;
use crate::causes::Causes;

/// How long jobs that ended are kept for people to look at. Longer than any schedule's time from
/// tick to tick, because a tick that is forgotten can be asked for again.
const JOBS_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long signals of revocations are kept; nodes look back some minutes.
const REVOCATIONS_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// How long changes of the match index are kept: a node that was away for longer has all software
/// judged again when it brings a new one.
const CHANGES_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Events that are forgotten in one transaction.
const EVENTS_A_TIME: u32 = 10_000;

/// Closed intervals of either kind that are forgotten in one transaction. Each step reads the company's
/// rows from the beginning, so there are to be few.
const INTERVALS_A_TIME: u32 = 100_000;
/// Steps of CVEs' histories that are forgotten in one transaction, for the same reason.
const STEPS_A_TIME: u32 = INTERVALS_A_TIME;

/// How long messages of webhooks are kept that were delivered. Those that were given up are kept as long as
/// other dead letters.
const DELIVERED_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Hosts that are let go in one transaction; each is told to all nodes.
const HOSTS_A_TIME: u32 = 200;

/// Dead letters that are forgotten in one transaction; each is as large as a report.
const LETTERS_A_TIME: u32 = 100;
/// Agents whose installations are looked at in one transaction.
const AGENTS_A_TIME: u32 = 20;
/// After how many ticks each agent's were: an agent's take as many questions by key as it has software.
const LOOKS_TICKS: u32 = 7;
/// How long nodes are kept that are not heard of any more, for people to see that they are missing.
const NODES_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How long sessions that are over are kept: their addresses say from where an account is used.
const SESSIONS_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long imports that are over are kept.
const IMPORTS_KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// After how long an import is given up that is not over: its job, which is tried for hours, is not there any
/// more.
const IMPORTS_GIVEN_UP: Duration = Duration::from_secs(24 * 3_600);
/// After how long a report is given up that is not made, for the same reason.
const REPORTS_GIVEN_UP: Duration = IMPORTS_GIVEN_UP;
/// How long API keys that are over are kept for people to look at.
const KEYS_KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How long the operators' log keeps sign-ins that were refused. All else in it stays.
const REFUSALS_KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How long the audit log is kept.
const AUDIT_KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);

/// Forgets.
pub(super) async fn run(jobs: &Jobs) -> anyhow::Result<()> {
    let now = jobs.clock.now();
    let ended =
        rows::purge(&jobs.store, now - JOBS_KEPT).await.context("forget jobs that ended")?;
    let revocations = commands::purge_revocations(&jobs.store, REVOCATIONS_KEPT)
        .await
        .context("forget signals of revocations")?;
    let changes = generations::purge(&jobs.store, now - CHANGES_KEPT)
        .await
        .context("forget changes of the match index")?;
    let nodes = nodes::purge(&jobs.store, NODES_KEPT).await.context("forget nodes")?;
    let sessions = sessions::purge(&jobs.store, now - SESSIONS_KEPT)
        .await
        .context("forget sessions that are over")?;
    let refusals = sessions::forget_refused(&jobs.store, now - REFUSALS_KEPT)
        .await
        .context("forget sign-ins that were refused")?;
    let answers = idempotency::purge(&jobs.store, now)
        .await
        .context("forget answers that nobody asks for again")?;
    api_keys::name_operators_makers(&jobs.store.local_operator())
        .await
        .context("name who made operators' keys")?;
    let (forgotten, failed) = forget_of_companies(jobs, now).await?;
    tracing::info!(
        jobs = ended,
        revocations,
        changes,
        nodes,
        sessions,
        refusals,
        answers,
        audit = forgotten.audit,
        events = forgotten.events,
        dead_letters = forgotten.letters,
        messages = forgotten.messages,
        imports = forgotten.imports,
        intervals = forgotten.intervals,
        statistics = forgotten.statistics,
        reports = forgotten.reports,
        hosts = forgotten.hosts,
        "tidied the database"
    );
    // What was forgotten is not there when the job is tried again.
    failed.map_or(Ok(()), Err)
}

/// What was forgotten of companies.
#[derive(Debug, Default)]
struct Forgotten {
    events: u64,
    letters: u64,
    messages: u64,
    imports: u64,
    audit: u64,
    intervals: u64,
    statistics: u64,
    reports: u64,
    hosts: u64,
}

fn days(days: u32) -> Duration {
    Duration::from_secs(86_400 * u64::from(days))
}

/// Forgets every company's old events and dead letters. A company of which nothing can be forgotten keeps no other
/// from it; the last such failure comes beside what was forgotten.
async fn forget_of_companies(
    jobs: &Jobs,
    now: OffsetDateTime,
) -> anyhow::Result<(Forgotten, Option<anyhow::Error>)> {
    let operator = jobs.store.local_operator();
    let mut page = PageRequest::first(PAGE_ITEMS_MAX);
    let (mut forgotten, mut failed) = (Forgotten::default(), None);
    loop {
        let found = companies::list(&operator, None, &page).await.context("list companies")?;
        for company in found.items {
            let Some(scope) = operator.scope(company.id).await? else {
                continue;
            };
            if let Err(error) = forget_of(jobs, &scope, now, &mut forgotten).await {
                let error = error.context(format!("tidy company {}", company.id));
                tracing::warn!("{}", Causes(&error));
                failed = Some(error);
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok((forgotten, failed)),
        }
    }
}

/// Forgets one company's.
async fn forget_of(
    jobs: &Jobs,
    scope: &TenantScope,
    now: OffsetDateTime,
    forgotten: &mut Forgotten,
) -> anyhow::Result<()> {
    let (events, audits) = (now - events::KEPT, now - AUDIT_KEPT);
    let (delivered, dead) = (now - DELIVERED_KEPT, now - jobs.dead_letters_kept);
    forgotten.events += in_steps(EVENTS_A_TIME, || events::purge(scope, events, EVENTS_A_TIME))
        .await
        .context("forget events")?;
    forgotten.events +=
        in_steps(EVENTS_A_TIME, || policies::purge_events(scope, events, EVENTS_A_TIME))
            .await
            .context("forget events of policies")?;
    forgotten.audit += in_steps(EVENTS_A_TIME, || audit::purge(scope, audits, EVENTS_A_TIME))
        .await
        .context("forget of the audit log")?;
    let retention = companies::retention(scope).await.context("ask how long what ended is kept")?;
    let ended = now - jobs.history_kept.min(days(retention.history_days.unwrap_or(u32::MAX)));
    forgotten.intervals += forget_intervals(scope, ended).await.context("forget what ended")?;
    if let Some(silent) = retention.silent_hosts_days {
        let before = now - days(silent);
        let let_go = || agents::revoke_silent(scope, before, HOSTS_A_TIME, now);
        forgotten.hosts +=
            in_steps(HOSTS_A_TIME, let_go).await.context("let go of silent hosts")?;
        let empty = || agents::empty_revoked(scope, HOSTS_EMPTIED, now);
        in_steps(HOSTS_EMPTIED, empty).await.context("end what they had")?;
    }
    forgotten.messages +=
        in_steps(LETTERS_A_TIME, || webhooks::purge(scope, delivered, dead, LETTERS_A_TIME))
            .await
            .context("forget messages of webhooks")?;
    forgotten.messages +=
        in_steps(LETTERS_A_TIME, || digests::purge(scope, delivered, dead, LETTERS_A_TIME))
            .await
            .context("forget messages of digests")?;
    imports::give_up_lost(scope, now - IMPORTS_GIVEN_UP, now).await.context("give up imports")?;
    forgotten.imports +=
        in_steps(LETTERS_A_TIME, || imports::purge(scope, now - IMPORTS_KEPT, LETTERS_A_TIME))
            .await
            .context("forget imports")?;
    forgotten.letters +=
        in_steps(LETTERS_A_TIME, || dead_letters::purge(scope, dead, LETTERS_A_TIME))
            .await
            .context("forget dead letters")?;
    // Before any of them is forgotten that made another.
    api_keys::name_makers(scope).await.context("name who made keys")?;
    api_keys::purge(scope, now - KEYS_KEPT).await.context("forget keys that are over")?;
    forgotten.statistics += statistics::purge(scope, now).await.context("forget old statistics")?;
    forgotten.statistics += in_steps(STEPS_A_TIME, || cve_history::purge(scope, now, STEPS_A_TIME))
        .await
        .context("forget how CVEs spread long ago")?;
    report_files::give_up_lost(scope, now - REPORTS_GIVEN_UP, now)
        .await
        .context("give up reports")?;
    forgotten.reports +=
        report_files::purge(scope, now).await.context("forget reports whose time is over")?;
    mend(scope, now).await.context("mend installations without software")
}

/// Takes out what a share of the company's agents have without software; another share with each day.
async fn mend(scope: &TenantScope, now: OffsetDateTime) -> Result<(), StoreError> {
    let day = u32::try_from(now.date().to_julian_day()).unwrap_or(0);
    let share = Share { of: LOOKS_TICKS, rest: day % LOOKS_TICKS };
    let mut after = 0;
    while let Some(mended) = reports::mend(scope, share, after, AGENTS_A_TIME).await? {
        if mended.installations > 0 {
            tracing::warn!(
                company = %scope.company(),
                agents = mended.agents,
                installations = mended.installations,
                "the database had gone back: installations without software; their agents send snapshots"
            );
        }
        after = mended.last;
    }
    Ok(())
}

/// Forgets in steps, each a short transaction, until one finds fewer rows than it may take.
async fn in_steps<F>(a_time: u32, step: impl Fn() -> F) -> Result<u64, StoreError>
where
    F: Future<Output = Result<u64, StoreError>>,
{
    let mut forgotten = 0;
    loop {
        let some = step().await?;
        forgotten += some;
        if some < u64::from(a_time) {
            return Ok(forgotten);
        }
    }
}

/// As [`in_steps`], for two tables at once: each step takes as many of either.
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// How many rows each step finds that takes ten of so many, and how many went in all.
    async fn steps_of(rows: u64) -> (usize, u64) {
        let (left, asked) = (RefCell::new(rows), RefCell::new(0));
        let step = || async {
            *asked.borrow_mut() += 1;
            let some = (*left.borrow()).min(10);
            *left.borrow_mut() -= some;
            Ok(some)
        };
        let forgotten = in_steps(10, step).await.unwrap();
        (asked.into_inner(), forgotten)
    }

    #[tokio::test]
    async fn rows_go_in_steps_until_one_is_not_full() {
        assert_eq!(steps_of(0).await, (1, 0));
        assert_eq!(steps_of(9).await, (1, 9));
        // A full step may have been the last: only the next one tells.
        assert_eq!(steps_of(10).await, (2, 10));
        assert_eq!(steps_of(25).await, (3, 25));
    }

    #[tokio::test]
    async fn a_step_that_fails_ends_the_forgetting() {
        let step = || async { Err(StoreError::no_answer()) };
        assert!(in_steps(10, step).await.is_err());
    }
}
