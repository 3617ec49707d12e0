//! Erases companies whose deletion was asked for, when the time in which they could be kept is over.
//!
//! One job a company, which sits in the list of jobs until then: cancelling it keeps the company. Two passes over
//! all tables, three quarters of an hour apart (`store::companies::erase`); a node that dies in one is followed by another.

use std::time::Duration;

use anyhow::Context as _;
use protocol::ids::CompanyId;
use serde::Deserialize;
use store::companies::erase::{self, Begun, SETTLED_AFTER};
use store::jobs::Job;
use time::OffsetDateTime;

use super::Jobs;

/// After how long at most a company is looked at again whose time has not come by the database's clock, though it
/// has by this node's.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// What a job is about.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Payload {
    /// Which company; where there is none, those whose job was lost.
    #[serde(default)]
    company: Option<CompanyId>,
}

/// Erases one company, or asks for what was lost. Gives when there is more to do.
pub(super) async fn run(jobs: &Jobs, job: &Job) -> anyhow::Result<Option<OffsetDateTime>> {
    let payload: Payload = serde_json::from_value(job.payload.clone()).unwrap_or_default();
    let operator = jobs.store.local_operator();
    let Some(company) = payload.company else {
        let asked = erase::ask_again(&operator, jobs.clock.now()).await;
        let asked = asked.context("look for companies that nobody erases")?;
        if asked > 0 {
            tracing::warn!(companies = asked, "asked again to erase what was given up");
        }
        return Ok(None);
    };
    let later = |wait: Duration| Some(jobs.clock.now() + wait);
    let eraser = match erase::begin(&operator, company).await.context("begin to erase a company")? {
        Begun::NotWanted => return Ok(None),
        Begun::NotYet(wait) => return Ok(later(wait.min(LOOK_AGAIN_AFTER))),
        Begun::Erasing(eraser) => eraser,
    };
    let rows = eraser.sweep().await.context("erase a company's rows")?;
    tracing::info!(%company, rows, "erased rows of a company");
    if let Some(wait) = eraser.settles_in(SETTLED_AFTER) {
        return Ok(later(wait));
    }
    if let Some(erased) = eraser.finish(jobs.clock.now()).await.context("end a company")? {
        tracing::info!(%company, ?erased, "a company is erased");
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
