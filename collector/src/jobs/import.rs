//! Applies a document (SBOM) to its asset: reads it, judges what the company has not had before, and puts all
//! of it in the place of what the asset had, in one transaction.
//!
//! Until that transaction the asset has what it had, so that an import may be cancelled, may fail and may be
//! done twice. What is wrong with a document is said when it comes; here it can only fail for us.

use anyhow::Context as _;
use enrichment::sbom::SbomError;
use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::software::SoftwareRecord;
use store::imports::{self, Outcome, Payload, Work};
use store::jobs::Job;
use store::reports::{self, Applied, IncomingReport};
use store::tenant::TenantScope;

use super::runner::ATTEMPTS_MAX;
use super::{Jobs, aside};
use crate::imports::{self as documents, Asset};
use crate::pipeline::matcher::Judge;

/// Reports after which progress is said: 500 pieces of software.
const REPORTS_A_TIME: usize = 5;
/// What whoever brought the document is told when the fault is ours. The log has the reason.
const TRIED_AGAIN: &str = "it did not work, and is tried again";
const GIVEN_UP: &str = "it did not work, and was given up: the collector's log has the reason";

/// Why a document is not applied.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// It cannot be read. It could be when it came, so another release reads it.
    #[error(transparent)]
    Document(#[from] SbomError),
    /// Something that may pass.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Applies the document that a job is about, if it is still wanted.
pub(super) async fn run(jobs: &Jobs, job: &Job) -> anyhow::Result<()> {
    let payload: Payload =
        serde_json::from_value(job.payload.clone()).context("read which import it is")?;
    let Some(scope) = jobs.store.pipeline_scope(payload.company).await? else {
        return Ok(());
    };
    let began = imports::begin(&scope, payload.import, job.attempts, jobs.clock.now()).await?;
    let Some(work) = began else {
        return Ok(());
    };
    let trouble = match import(jobs, &scope, &work).await {
        Ok(()) => return Ok(()),
        Err(trouble) => trouble,
    };
    let is_given_up = matches!(trouble, Trouble::Document(_)) || job.attempts >= ATTEMPTS_MAX;
    let told = match &trouble {
        Trouble::Document(error) => error.to_string(),
        Trouble::Other(_) if is_given_up => GIVEN_UP.to_owned(),
        Trouble::Other(_) => TRIED_AGAIN.to_owned(),
    };
    let noted = imports::stumble(&scope, work.id, &told, is_given_up, jobs.clock.now()).await;
    match trouble {
        // It would be as broken the next time.
        Trouble::Document(_) => Ok(noted?),
        // The first error is the one to be told of.
        Trouble::Other(error) => Err(error.context(format!("import {}", work.id))),
    }
}

async fn import(jobs: &Jobs, scope: &TenantScope, work: &Work) -> Result<(), Trouble> {
    let document = work.document.clone();
    let listed = aside::run("import", move || documents::read(&document)).await??;
    let at = jobs.clock.now();
    let asset = Asset { host: work.host, name: &work.name, epoch: work.epoch, at };
    let reports = listed.reports(asset);
    // One index for the whole of it, whatever is swapped in meanwhile.
    let judge = jobs.matcher.judge();
    if !bring_ahead(jobs, scope, work, (&reports, &judge)).await? {
        tracing::info!(import = %work.id, "an import is not wanted any more");
        return Ok(());
    }
    let evaluate = evaluate(&judge);
    let applied = reports::apply(scope, &reports, &evaluate, judge.generation(), jobs.clock.now())
        .await
        .context("put the document in place")?;
    let outcome = outcome(&applied.reports);
    imports::finish(scope, work.id, outcome, jobs.clock.now()).await.context("end the import")?;
    tracing::info!(
        import = %work.id, company = %scope.company(), software = listed.records.len(), ?outcome,
        "imported a document"
    );
    Ok(())
}

fn evaluate(
    judge: &Judge,
) -> impl Fn(&SoftwareRecord, &Platform, SoftwareKey) -> enrichment::evaluation::Evaluation + Sync {
    |record, platform, key| judge.evaluate(record, platform, key).as_ref().clone()
}

/// Judges what is new to the company, some at a time; whether the import is still wanted.
async fn bring_ahead(
    jobs: &Jobs,
    scope: &TenantScope,
    work: &Work,
    (all, judge): (&[IncomingReport], &Judge),
) -> anyhow::Result<bool> {
    let evaluate = evaluate(judge);
    let mut judged = 0_usize;
    for some in all.chunks(REPORTS_A_TIME) {
        let mut findings = 0;
        for report in some {
            let generation = judge.generation();
            let ahead =
                reports::bring_ahead(scope, report, &evaluate, generation, jobs.clock.now());
            findings += u64::from(ahead.await.context("judge the document's software")?.findings);
            judged += report.keys.len();
        }
        let judged = u64::try_from(judged).unwrap_or(u64::MAX);
        if !imports::progress(scope, work.id, judged, findings)
            .await
            .context("say how far it is")?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the reports came to; `None` when an attempt before had put them in place.
fn outcome(applied: &[Applied]) -> Option<Outcome> {
    let mut outcome = None;
    for one in applied {
        if let Applied::Stored(stored) = one {
            let sum: &mut Outcome = outcome.get_or_insert_default();
            sum.opened += u64::from(stored.opened);
            sum.closed += u64::from(stored.closed);
            sum.unchanged += u64::from(stored.unchanged) + u64::from(stored.changed);
        }
    }
    outcome
}

#[cfg(test)]
mod tests;
