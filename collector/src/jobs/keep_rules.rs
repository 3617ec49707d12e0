//! Keeps what companies' labels, exceptions and policies come to: ends what has ended, and computes what
//! hosts, findings or the mere time have changed.
//!
//! Every minute it looks at what is due: hosts that reported since their labels were computed, exceptions
//! whose time is over. Once an hour, and after a change of exceptions, everything is computed again, because
//! some causes leave no trace here: a CVE with another score, a finding that was being stored while an
//! exception was made. Whatever is done is done by pages in short transactions and may be done twice. One company
//! whose rules cannot be kept, or take too long, keeps no other from it.

use anyhow::Context as _;
use protocol::ids::CompanyId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::error::StoreError;
use store::jobs::{self as rows, Job, NewJob};
use store::tenant::TenantScope;
use store::{companies, exceptions, labels, policies};
use time::{Duration, OffsetDateTime};

use super::{Jobs, Kind};
use crate::causes::Causes;

/// Hosts whose labels are computed in one transaction.
const HOSTS_A_TIME: u32 = 500;
/// How often policies are computed when nothing else asks for it.
const POLICIES_EVERY_S: i64 = 300;
/// How long one company's rules may take; others wait for them.
const COMPANY_WITHIN: std::time::Duration = std::time::Duration::from_secs(120);
/// How long after a change of exceptions everything is looked at once more: when the transactions of
/// that moment have ended.
const LOOK_AGAIN_AFTER: Duration = Duration::seconds(60);

/// What a job is about.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Payload {
    /// One company; all that have rules when absent.
    #[serde(default)]
    company: Option<CompanyId>,
    /// Whether everything is computed, or what is due.
    #[serde(default)]
    whole: bool,
}

/// What was done in a company.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kept {
    labels: u64,
    findings: u64,
    results: u64,
}

/// The payload of the hourly job.
pub(super) fn whole() -> Value {
    serde_json::json!({ "whole": true })
}

/// Asks for a look at a company's exceptions once the transactions of this moment have ended.
///
/// # Errors
///
/// When the database cannot be used.
pub(crate) async fn look_again(
    store: &store::database::Store,
    company: CompanyId,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let payload = Payload { company: Some(company), whole: true };
    let job = NewJob {
        kind: Kind::KeepRules.as_str(),
        // One for all changes of a minute.
        tick: &format!("{company} after {}", now.unix_timestamp().div_euclid(60)),
        payload: &serde_json::to_value(payload).unwrap_or_default(),
        run_after: now + LOOK_AGAIN_AFTER,
        company: None,
    };
    rows::enqueue(store, &job, now).await.map(|_| ())
}

/// Keeps the rules of all companies that have some, or of one.
pub(super) async fn run(jobs: &Jobs, job: &Job) -> anyhow::Result<()> {
    let payload: Payload = serde_json::from_value(job.payload.clone()).unwrap_or_default();
    let companies = match payload.company {
        Some(company) => vec![company],
        None => companies::with_rules(&jobs.store.local_operator())
            .await
            .context("list companies with rules")?,
    };
    let (mut total, mut failed) = (Kept::default(), None);
    for company in companies {
        let Some(scope) = jobs.store.pipeline_scope(company).await? else {
            continue;
        };
        match in_time(keep(jobs, &scope, payload.whole)).await {
            Ok(kept) => {
                total.labels += kept.labels;
                total.findings += kept.findings;
                total.results += kept.results;
            }
            Err(error) => {
                let error = error.context(format!("keep the rules of company {company}"));
                tracing::warn!("{}", Causes(&error));
                failed = Some(error);
            }
        }
    }
    if total != Kept::default() {
        tracing::info!(?total, whole = payload.whole, "kept labels, exceptions and policies");
    }
    // What was kept has nothing to change when the job is tried again.
    failed.map_or(Ok(()), Err)
}

/// Waits for one company's rules, and for no longer than the others can wait: what was done of them stays, and the
/// database gives up a statement by itself that takes longer than any may.
async fn in_time(keeping: impl Future<Output = anyhow::Result<Kept>>) -> anyhow::Result<Kept> {
    let kept = tokio::time::timeout(COMPANY_WITHIN, keeping).await;
    kept.unwrap_or_else(|_| Err(anyhow::anyhow!("they take longer than {COMPANY_WITHIN:?}")))
}

/// Labels first, then exceptions, then policies: each may ask for what comes before it.
async fn keep(jobs: &Jobs, scope: &TenantScope, whole: bool) -> anyhow::Result<Kept> {
    let now = jobs.clock.now();
    let labels = keep_labels(scope, whole, now).await.context("labels")?;
    let findings = keep_exceptions(scope, whole, now).await.context("exceptions")?;
    // Time alone changes some of them, in days: every few minutes is often enough for those.
    let is_due = now.unix_timestamp().rem_euclid(POLICIES_EVERY_S) < 60;
    let results = if whole || is_due || labels > 0 || findings > 0 {
        policies::evaluate_all(scope, now).await.context("policies")?.changed
    } else {
        0
    };
    Ok(Kept { labels, findings, results })
}

async fn keep_labels(
    scope: &TenantScope,
    whole: bool,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    loop {
        let done = labels::evaluate_due(scope, HOSTS_A_TIME, now).await?;
        changed += done.gained + done.lost;
        if done.hosts < u64::from(HOSTS_A_TIME) {
            break;
        }
    }
    if whole {
        let done = labels::evaluate_all(scope, now).await?;
        changed += done.gained + done.lost;
    }
    Ok(changed)
}

async fn keep_exceptions(
    scope: &TenantScope,
    whole: bool,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let ended = exceptions::expire(scope, now).await?;
    if ended == 0 && !whole {
        return Ok(0);
    }
    let mut changed = 0;
    loop {
        let settled = exceptions::settle(scope, now).await?;
        changed += settled.suppressed + settled.reopened;
        if !settled.has_more {
            return Ok(changed);
        }
    }
}

#[cfg(test)]
mod tests;
