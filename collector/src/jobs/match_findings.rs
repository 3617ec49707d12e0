//! Judges software again that a change of the match index concerns, in every company.
//!
//! A change names the lookups that give something else; each company's software that made one of
//! them is judged with the present index, page by page, each page in one short transaction. What is
//! judged is marked by the generation that judged it, so the work may be stopped anywhere, done
//! twice and shared: whoever goes on passes over what is done. It must never judge with an index
//! that does not count.

mod company;

use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::companies;
use store::findings::Replaced;
use store::jobs::{self as rows, Job, NewJob};
use store::page::{After, PageRequest};
use store::software::generations;
use tokio::task::JoinSet;

use self::company::Judging;
use super::{Jobs, Kind};
use crate::pipeline::matcher::NO_INDEX;

/// Companies that are judged side by side, and after which the job's progress is noted.
const COMPANIES_A_TIME: u32 = 4;
/// For how long after a change software is looked for that was being stored, with the index before,
/// while the change was made. Far longer than a transaction can take.
const LOOK_BACK: Duration = Duration::from_secs(2 * 3_600);
/// When it is looked for: after the transactions of that moment have ended.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How far a job has got, in its row.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// The last change that it is about.
    through: i64,
    /// The company up to which all is done, in the order of their names.
    after: Option<After>,
}

/// Judges what the changes up to the present index concern.
pub(super) async fn run(jobs: &Jobs, job: &Job) -> anyhow::Result<()> {
    let judge = jobs.matcher.judge();
    if judge.generation() == NO_INDEX {
        return Ok(());
    }
    let began = jobs.clock.now();
    let changes = generations::unfinished(&jobs.store, began - LOOK_BACK)
        .await
        .context("read what changed")?;
    // Read after the changes: none of them is then newer than the index that counts.
    let counts = generations::current(&jobs.store).await?;
    if counts != Some(judge.generation()) {
        tracing::info!(
            ?counts,
            "another match index counts by now, and has its own job"
        );
        return Ok(());
    }
    let through = changes.last().map_or(0, |change| change.ordinal);
    let judging = Judging::new(jobs.clone(), judge, changes);
    let Some(total) = every_company(jobs, job, &judging, through).await? else {
        tracing::info!("a newer match index came into use meanwhile, and has its own job");
        return Ok(());
    };
    let now = jobs.clock.now();
    if generations::finish(&jobs.store, through, now).await? {
        look_again(jobs, through).await?;
    }
    tracing::info!(through, ?total, "judged software with the present index");
    Ok(())
}

/// Goes through all companies; `None` when another index counts by now.
async fn every_company(
    jobs: &Jobs,
    job: &Job,
    judging: &Judging,
    through: i64,
) -> anyhow::Result<Option<Replaced>> {
    let mut total = Replaced::default();
    let mut page = PageRequest {
        limit: COMPANIES_A_TIME,
        after: place_of(&job.payload, through),
    };
    loop {
        let found = companies::list(&jobs.store.local_operator(), None, &page)
            .await
            .context("list companies")?;
        // Dropped with this future, it ends the work on every company.
        let mut side_by_side = JoinSet::new();
        for company in found.items {
            let judging = judging.clone();
            side_by_side.spawn(async move {
                let judged = judging.company(company.id).await;
                judged.with_context(|| format!("judge the software of company {}", company.id))
            });
        }
        while let Some(judged) = side_by_side.join_next().await {
            let Some(replaced) = judged.context("judge a company")?? else {
                return Ok(None);
            };
            company::add(&mut total, replaced);
        }
        let Some(next) = found.next else {
            return Ok(Some(total));
        };
        page.after = Some(next.clone());
        let progress = Progress {
            through,
            after: Some(next),
        };
        rows::note(&jobs.store, job, &serde_json::to_value(&progress)?).await?;
    }
}

/// Where an attempt before this one ended, if it was about the same changes.
fn place_of(payload: &Value, through: i64) -> Option<After> {
    let progress: Progress = serde_json::from_value(payload.clone()).ok()?;
    progress.after.filter(|_| progress.through == through)
}

/// Asks for the job once more, for what was being stored while the index changed.
async fn look_again(jobs: &Jobs, through: i64) -> anyhow::Result<()> {
    let now = jobs.clock.now();
    let job = NewJob {
        kind: Kind::MatchFindings.as_str(),
        tick: &format!("look again after change {through}"),
        payload: &Value::Null,
        run_after: now + LOOK_AGAIN_AFTER,
    };
    rows::enqueue(&jobs.store, &job, now)
        .await
        .context("ask for another look")?;
    Ok(())
}

#[cfg(test)]
mod tests;
