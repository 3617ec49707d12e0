//! Takes jobs and does them, one at a time a runner.
//!
//! A job is leased, and the lease is renewed while it works; when it cannot be, another node has
//! the job, and the work here stops.

use std::time::Duration;

use metrics::{counter, histogram};
use store::error::StoreError;
use store::jobs::{self as rows, Ending, Job};
use store::software::generations;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::wake::Wake;
use super::{
    Jobs, Kind, erase_company, feed_sync, import, keep_counts, keep_rules, make_reports,
    match_findings, measure, send_mail, ticks, tidy,
};
use crate::causes::Causes;
use crate::metrics::{JOB_SECONDS, JOBS, LABEL_JOB, LABEL_OUTCOME};
use crate::pipeline::unwind::catch_panic;

/// For how long a job is taken.
const LEASE: Duration = Duration::from_secs(60);
/// How often that is said anew: as soon a job stops that was cancelled.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long the database may take for what is asked of it between jobs.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How often a job is tried.
pub(super) const ATTEMPTS_MAX: u32 = 8;
const RETRY_MIN: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(1_800);

/// A runner.
#[derive(Debug)]
pub(super) struct Runner {
    jobs: Jobs,
    wake: Wake,
    does: Does,
}

/// What a runner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Whatever waits.
    All,
    /// What is the whole site's alone.
    OfTheSite,
}

/// How a job's work ended.
#[derive(Debug)]
enum Worked {
    Done,
    /// A part of it is done; the rest is for an instant.
    Later(OffsetDateTime),
    Failed(String),
    /// The process stops: another node may take it.
    Stopped,
    /// Another node has it, or it was cancelled.
    Lost,
}

impl Runner {
    pub(super) const fn new(jobs: Jobs, wake: Wake, does: Does) -> Self {
        Self { jobs, wake, does }
    }

    /// Takes jobs until `stopping` is cancelled.
    pub(super) async fn run(&self, stopping: &CancellationToken) {
        while !stopping.is_cancelled() {
            match self.take_one(stopping).await {
                Ok(true) => {}
                Ok(false) => self.wake.sleep(self.does, stopping).await,
                Err(error) => {
                    tracing::debug!(%error, "taking a job");
                    self.wake.sleep(self.does, stopping).await;
                }
            }
        }
    }

    /// Takes a job and does it; whether there was one.
    pub(super) async fn take_one(&self, stopping: &CancellationToken) -> Result<bool, StoreError> {
        let kinds = self.kinds().await?;
        let now = self.jobs.clock.now();
        let taking = rows::take(&self.jobs.store, &kinds, LEASE, now);
        let Some(job) = in_time(taking).await? else {
            return Ok(false);
        };
        // There may be more than one.
        self.wake.ring();
        let began = self.jobs.clock.instant();
        let worked = self.work(&job, stopping).await;
        let outcome = self.end(&job, worked).await?;
        counter!(JOBS, LABEL_JOB => job.kind.clone(), LABEL_OUTCOME => outcome).increment(1);
        histogram!(JOB_SECONDS, LABEL_JOB => job.kind).record(self.jobs.clock.instant() - began);
        Ok(true)
    }

    /// The kinds of jobs that this node can do. Software is judged again with the index that counts
    /// and no other, so a node that holds another one leaves that to those that hold it.
    async fn kinds(&self) -> Result<Vec<&'static str>, StoreError> {
        let counts = in_time(generations::current(&self.jobs.store)).await?;
        let can_match = counts.is_none_or(|counts| counts == self.jobs.matcher.generation());
        let kinds = self.jobs.kinds().into_iter();
        Ok(kinds
            .filter(|kind| *kind != Kind::MatchFindings || can_match)
            .filter(|kind| self.does == Does::All || kind.is_of_the_site())
            .map(Kind::as_str)
            .collect())
    }

    async fn work(&self, job: &Job, stopping: &CancellationToken) -> Worked {
        tokio::select! {
            () = stopping.cancelled() => Worked::Stopped,
            () = self.keep_lease(job) => Worked::Lost,
            // What it waits for may never come from the server before.
            () = self.jobs.store.moved() => Worked::Stopped,
            result = catch_panic(self.dispatch(job)) => match result {
                Ok(Ok(None)) => Worked::Done,
                Ok(Ok(Some(at))) => Worked::Later(at),
                Ok(Err(error)) => Worked::Failed(Causes(&error).to_string()),
                Err(panic) => Worked::Failed(panic.to_string()),
            },
        }
    }

    /// Does a job; gives when there is more of it to do.
    async fn dispatch(&self, job: &Job) -> anyhow::Result<Option<OffsetDateTime>> {
        match Kind::parse(&job.kind) {
            Some(Kind::EraseCompany) => return Box::pin(erase_company::run(&self.jobs, job)).await,
            Some(Kind::FeedSync) => Box::pin(feed_sync::run(&self.jobs)).await,
            Some(Kind::KeepCounts) => keep_counts::run(&self.jobs).await,
            Some(Kind::Import) => Box::pin(import::run(&self.jobs, job)).await,
            Some(Kind::KeepRules) => Box::pin(keep_rules::run(&self.jobs, job)).await,
            Some(Kind::MakeReports) => Box::pin(make_reports::run(&self.jobs, job)).await,
            Some(Kind::MatchFindings) => match_findings::run(&self.jobs, job).await,
            Some(Kind::Measure) => measure::run(&self.jobs).await,
            Some(Kind::SendMail) => Box::pin(send_mail::run(&self.jobs)).await,
            Some(Kind::Tidy) => tidy::run(&self.jobs).await,
            None => anyhow::bail!("this release does not know the job {:?}", job.kind),
        }?;
        Ok(None)
    }

    /// Returns when the job is not this runner's any more.
    async fn keep_lease(&self, job: &Job) {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            match in_time(rows::extend(&self.jobs.store, job, LEASE)).await {
                Ok(true) => {}
                Ok(false) => return,
                // The lease lasts for some more tries; the work itself will notice a database
                // that stays away.
                Err(error) => tracing::debug!(%error, job = job.key, "renewing a job's lease"),
            }
        }
    }

    async fn end(&self, job: &Job, worked: Worked) -> Result<&'static str, StoreError> {
        let now = self.jobs.clock.now();
        let (ending, outcome) = match &worked {
            Worked::Lost => return Ok("lost"),
            Worked::Done => (Ending::Done, "done"),
            Worked::Later(at) => (Ending::Later { at: *at }, "postponed"),
            Worked::Stopped => {
                let error = "the node stopped, or the database moved";
                (Ending::Retry { at: now, error }, "retried")
            }
            Worked::Failed(error) if job.attempts < ATTEMPTS_MAX => {
                let at = now + retry_after(job);
                (Ending::Retry { at, error }, "retried")
            }
            Worked::Failed(error) => (Ending::Failed { error }, "failed"),
        };
        if let Worked::Failed(error) = &worked {
            let (kind, attempt) = (&job.kind, job.attempts);
            tracing::warn!(job = kind, attempt, error, "a job does not get done");
        }
        in_time(rows::end(&self.jobs.store, job, ending, now)).await?;
        Ok(outcome)
    }
}

/// Waits for the database, but not for ever: a runner that waits for a connection whose other end is
/// gone without a word would do no job any more.
async fn in_time<T>(asking: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let answer = tokio::time::timeout(ANSWER_WITHIN, asking).await;
    answer.unwrap_or_else(|_| Err(StoreError::no_answer()))
}

/// The wait after an attempt: it grows fourfold with each, up to the time between two ticks, because no other tick comes
/// while this one waits.
fn retry_after(job: &Job) -> Duration {
    let factor = 4_u32.saturating_pow(job.attempts.saturating_sub(1));
    let most = ticks::period(&job.tick).map_or(RETRY_MAX, |period| period.min(RETRY_MAX));
    RETRY_MIN.saturating_mul(factor).min(most)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_comes_every_minute_is_tried_again_within_one() {
        let wait = |tick: &str, attempts| {
            let (kind, tick) = ("keep_rules".to_owned(), tick.to_owned());
            retry_after(&Job { key: 1, kind, tick, payload: Value::Null, attempts })
        };
        assert_eq!(wait("once", 1), RETRY_MIN);
        assert_eq!(wait("once", 7), RETRY_MAX);
        assert_eq!(wait("every 60 s, number 9", 1), RETRY_MIN);
        assert_eq!(wait("every 60 s, number 9", 7), Duration::from_secs(60));
        assert_eq!(wait("every 86400 s, number 9", 7), RETRY_MAX);
    }
}
