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
use enrichment::index::ChangedKeys;
use enrichment::lookup_key::LookupKey;
use metrics::counter;
use protocol::ids::CompanyId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::jobs::{self as rows, Job, NewJob};
use store::software;
use store::software::generations::{self, Change};
use tokio::task::JoinSet;

use self::company::{Judged, Judging};
use super::{Jobs, Kind};
use crate::metrics::MATCH_JUDGED_AGAIN;
use crate::pipeline::matcher::NO_INDEX;

/// Companies that are judged side by side.
const COMPANIES_A_TIME: usize = 4;
/// For how long after a change software is looked for that was being stored, with the index before,
/// while the change was made. Far longer than a transaction can take.
const LOOK_BACK: Duration = Duration::from_secs(2 * 3_600);
/// When it is looked for: after the transactions of that moment have ended.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What a job is about and how far it has got, in its row.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// The last change that it is about.
    #[serde(default)]
    through: i64,
    /// The company up to which all is done, in the order of their making.
    #[serde(default)]
    after: Option<i64>,
    /// Whether it is about new changes alone, and looks back at none that was finished.
    #[serde(default)]
    only_new: bool,
}

/// The payload of a job that follows a new index. Of feeds that come every five minutes, those of
/// the last two hours would be asked about 24 times over in every company before the new one is done.
pub(super) fn only_new() -> Value {
    serde_json::json!({ "only_new": true })
}

/// What a job has come to.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    /// Companies that were asked whether they are concerned.
    asked: usize,
    /// Companies that were.
    visited: usize,
    judged: Judged,
}

/// Judges what the changes up to the present index concern.
pub(super) async fn run(jobs: &Jobs, job: &Job) -> anyhow::Result<()> {
    let judge = jobs.matcher.judge();
    if judge.generation() == NO_INDEX {
        return Ok(());
    }
    let began = jobs.clock.now();
    // A payload of another release that cannot be read is no progress: all is done again.
    let progress: Progress = serde_json::from_value(job.payload.clone()).unwrap_or_default();
    let finished_since = (!progress.only_new).then(|| began - LOOK_BACK);
    let changes =
        generations::unfinished(&jobs.store, finished_since).await.context("read what changed")?;
    // Read after the changes: none of them is then newer than the index that counts.
    let counts = generations::current(&jobs.store).await?;
    if counts != Some(judge.generation()) {
        tracing::info!(?counts, "another match index counts by now, and has its own job");
        return Ok(());
    }
    let progress = progress.about(changes.last().map_or(0, |change| change.ordinal));
    let judging = Judging::new(jobs.clone(), judge, changes);
    let Some(total) = every_company(jobs, job, &judging, progress).await? else {
        tracing::info!("a newer match index came into use meanwhile, and has its own job");
        return Ok(());
    };
    let (now, through) = (jobs.clock.now(), progress.through);
    // Whether something was finished: a job that only looked again must not ask for another look,
    // and so on without an end.
    if generations::finish(&jobs.store, through, now).await? {
        look_again(jobs, through).await?;
    }
    counter!(MATCH_JUDGED_AGAIN).increment(total.judged.software);
    let ms = (now - began).whole_milliseconds();
    tracing::info!(through, ?total, ms, "judged software with the present index");
    Ok(())
}

impl Progress {
    /// The same job's progress on these changes: what was done for others is not done for them.
    fn about(self, through: i64) -> Self {
        Self { through, after: self.after.filter(|_| self.through == through), ..self }
    }
}

/// Goes through all companies that are concerned; `None` when another index counts by now.
async fn every_company(
    jobs: &Jobs,
    job: &Job,
    judging: &Judging,
    mut progress: Progress,
) -> anyhow::Result<Option<Total>> {
    let keys = keys_of(judging.changes());
    let operator = jobs.store.local_operator();
    let mut total = Total::default();
    loop {
        let concerned = software::concerned(&operator, keys.as_deref(), progress.after)
            .await
            .context("ask which companies are concerned")?;
        total.asked += concerned.asked;
        total.visited += concerned.companies.len();
        let Some(judged) = side_by_side(judging, concerned.companies).await? else {
            return Ok(None);
        };
        total.judged.add(judged);
        let Some(next) = concerned.next else {
            return Ok(Some(total));
        };
        progress.after = Some(next);
        // Whether it is still this runner's job is not asked: another one that took it does the
        // same work, and passes over what is done.
        rows::note(&jobs.store, job, &serde_json::to_value(progress)?).await?;
    }
}

/// All keys of the changes, which name the companies to be visited; `None` when one of them is
/// everything.
fn keys_of(changes: &[Change]) -> Option<Vec<LookupKey>> {
    let mut all = Vec::new();
    for change in changes {
        match &change.changed {
            ChangedKeys::These(keys) => all.extend_from_slice(keys),
            ChangedKeys::Everything => return None,
        }
    }
    all.sort_unstable();
    // Changes that follow each other often name the same product.
    all.dedup();
    Some(all)
}

/// Judges companies, some at a time; `None` when another index counts by now.
async fn side_by_side(
    judging: &Judging,
    companies: Vec<CompanyId>,
) -> anyhow::Result<Option<Judged>> {
    let mut companies = companies.into_iter();
    let mut total = Judged::default();
    // Dropped with this future, it ends the work on every company.
    let mut working = JoinSet::new();
    loop {
        while working.len() < COMPANIES_A_TIME
            && let Some(company) = companies.next()
        {
            let judging = judging.clone();
            working.spawn(async move {
                let judged = judging.company(company).await;
                judged.with_context(|| format!("judge the software of company {company}"))
            });
        }
        let Some(judged) = working.join_next().await else {
            return Ok(Some(total));
        };
        match judged.context("judge a company")?? {
            Some(judged) => total.add(judged),
            None => return Ok(None),
        }
    }
}

/// Asks for the job once more, for what was being stored while the index changed.
async fn look_again(jobs: &Jobs, through: i64) -> anyhow::Result<()> {
    let now = jobs.clock.now();
    let job = NewJob {
        kind: Kind::MatchFindings.as_str(),
        tick: &format!("look again after change {through}"),
        payload: &Value::Null,
        run_after: now + LOOK_AGAIN_AFTER,
        company: None,
    };
    rows::enqueue(&jobs.store, &job, now).await.context("ask for another look")?;
    Ok(())
}

#[cfg(test)]
mod tests;
