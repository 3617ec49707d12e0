//! The clock's part: at each tick it asks for a job under the tick's name, and nothing else.
//!
//! Every node does so at the same time, and the database makes one row of it.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use store::jobs::{self as rows, NewJob};
use time::OffsetDateTime;
use tokio_cron_scheduler::{Job, JobScheduler};

use super::{Jobs, Kind, keep_rules};

/// A job that comes again and again.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    kind: Kind,
    /// Second, minute, hour, day, month, day of the week; in UTC.
    cron: &'static str,
    /// The time from tick to tick, which a tick is named after.
    every: Duration,
    /// What its job is told.
    payload: fn() -> Value,
}

const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

const SCHEDULES: [Schedule; 10] = [
    // What was stored while an index was swapped in may have been judged with the one before.
    Schedule { kind: Kind::MatchFindings, cron: "0 7 * * * *", every: HOUR, payload: nothing },
    Schedule { kind: Kind::Tidy, cron: "0 37 3 * * *", every: DAY, payload: nothing },
    // A look at which companies are to be erased, and by nobody.
    Schedule { kind: Kind::EraseCompany, cron: "0 27 * * * *", every: HOUR, payload: nothing },
    // A look at what is due; a feed's own interval says when that is.
    Schedule { kind: Kind::FeedSync, cron: "0 2/5 * * * *", every: FIVE_MINUTES, payload: nothing },
    // A look at which companies' hour is not measured yet.
    Schedule { kind: Kind::Measure, cron: "30 1/5 * * * *", every: FIVE_MINUTES, payload: nothing },
    // A look at which schedules of reports are due.
    Schedule { kind: Kind::MakeReports, cron: "50 * * * * *", every: MINUTE, payload: nothing },
    // A look at which digests are due, and which messages.
    Schedule { kind: Kind::SendMail, cron: "35 * * * * *", every: MINUTE, payload: nothing },
    Schedule { kind: Kind::KeepRules, cron: "20 * * * * *", every: MINUTE, payload: nothing },
    Schedule { kind: Kind::KeepCounts, cron: "5 * * * * *", every: MINUTE, payload: nothing },
    // Another period, hence another tick than the one of the same minute.
    Schedule {
        kind: Kind::KeepRules,
        cron: "40 17 * * * *",
        every: HOUR,
        payload: keep_rules::whole,
    },
];

const fn nothing() -> Value {
    Value::Null
}

/// The running clock.
pub(super) struct Ticks(JobScheduler);

impl std::fmt::Debug for Ticks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticks")
    }
}

impl Ticks {
    /// Starts the clock.
    pub(super) async fn start(jobs: &Jobs) -> anyhow::Result<Self> {
        let scheduler = JobScheduler::new().await.context("make the job clock")?;
        let kinds = jobs.kinds();
        for schedule in SCHEDULES {
            if !kinds.contains(&schedule.kind) {
                continue;
            }
            let jobs = jobs.clone();
            let job = Job::new_async(schedule.cron, move |_, _| {
                let jobs = jobs.clone();
                Box::pin(async move { tick(&jobs, schedule).await })
            });
            let job = job.with_context(|| format!("schedule {}", schedule.cron))?;
            scheduler.add(job).await.context("schedule a job")?;
        }
        scheduler.start().await.context("start the job clock")?;
        Ok(Self(scheduler))
    }

    /// Stops the clock.
    pub(super) async fn stop(mut self) {
        if let Err(error) = self.0.shutdown().await {
            tracing::debug!(%error, "stopping the job clock");
        }
    }
}

async fn tick(jobs: &Jobs, schedule: Schedule) {
    let now = jobs.clock.now();
    if let Err(error) = ask(jobs, schedule, now).await {
        // The next tick asks again, and so do the other nodes.
        tracing::warn!(%error, job = schedule.kind.as_str(), "asking for a job");
    }
}

async fn ask(
    jobs: &Jobs,
    schedule: Schedule,
    now: OffsetDateTime,
) -> Result<bool, store::error::StoreError> {
    let job = NewJob {
        kind: schedule.kind.as_str(),
        tick: &tick_name(schedule.every, now),
        payload: &(schedule.payload)(),
        run_after: now,
        company: None,
    };
    // Not beside the one before: work that takes longer than the time between two ticks would pile up, on all nodes.
    rows::enqueue_in_turn(&jobs.store, &job, &series_name(schedule.every), now).await
}

/// What the names of all ticks of a period begin with.
fn series_name(every: Duration) -> String {
    format!("every {} s, ", every.as_secs())
}

/// The time between two ticks, of a job that is one; `None` of what somebody asked for.
pub(super) fn period(tick: &str) -> Option<Duration> {
    let (seconds, _) = tick.strip_prefix("every ")?.split_once(" s, ")?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// The name of the tick that an instant belongs to. Ticks fall some minutes after the turn of the
/// hour, so nodes whose clocks differ a little agree on it.
fn tick_name(every: Duration, now: OffsetDateTime) -> String {
    let every_s = i64::try_from(every.as_secs()).unwrap_or(i64::MAX).max(1);
    let number = now.unix_timestamp().div_euclid(every_s);
    format!("{}number {number}", series_name(every))
}

#[cfg(test)]
mod tests {
    use store::test_support::FreshDatabase;

    use super::*;
    use crate::clock::Clock;
    use crate::jobs::tests::jobs_on;

    #[test]
    fn instants_of_one_hour_share_a_tick_and_those_of_the_next_do_not() {
        let at = |minute: i64| OffsetDateTime::UNIX_EPOCH + time::Duration::minutes(minute);
        assert_eq!(tick_name(HOUR, at(67)), tick_name(HOUR, at(68)));
        assert_ne!(tick_name(HOUR, at(67)), tick_name(HOUR, at(127)));
        assert_ne!(tick_name(HOUR, at(67)), tick_name(DAY, at(67)));
    }

    #[tokio::test]
    async fn the_clocks_of_several_nodes_make_one_job_of_a_tick() {
        let database = FreshDatabase::create().await;
        let (clock, _hand) = Clock::manual(OffsetDateTime::UNIX_EPOCH);
        let jobs = jobs_on(database.store(), &clock);
        let now = clock.now();
        let mut new = 0;
        for _node in 0..3 {
            new += u32::from(ask(&jobs, SCHEDULES[0], now).await.unwrap());
        }
        assert_eq!(new, 1);
    }

    #[tokio::test]
    async fn a_job_that_takes_longer_than_its_minute_is_not_asked_for_again() {
        let database = FreshDatabase::create().await;
        let (clock, _hand) = Clock::manual(OffsetDateTime::UNIX_EPOCH);
        let jobs = jobs_on(database.store(), &clock);
        let counts = SCHEDULES.iter().find(|one| one.kind == Kind::KeepCounts).unwrap();
        let at = |minute: i64| clock.now() + time::Duration::minutes(minute);
        assert!(ask(&jobs, *counts, at(0)).await.unwrap());
        assert!(!ask(&jobs, *counts, at(1)).await.unwrap());
        // Both of a kind that has two schedules.
        for rules in SCHEDULES.iter().filter(|one| one.kind == Kind::KeepRules) {
            assert!(ask(&jobs, *rules, at(1)).await.unwrap(), "{rules:?}");
        }
    }

    #[test]
    fn a_tick_says_how_long_it_is_to_the_next() {
        assert_eq!(period(&tick_name(MINUTE, OffsetDateTime::UNIX_EPOCH)), Some(MINUTE));
        assert_eq!(period("once"), None);
    }

    #[tokio::test]
    async fn every_schedule_is_one_that_the_clock_understands() {
        let database = FreshDatabase::create().await;
        let jobs = jobs_on(database.store(), &Clock::system());
        let ticks = Ticks::start(&jobs).await.unwrap();
        ticks.stop().await;
    }
}
