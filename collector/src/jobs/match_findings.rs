//! Judges software again that was judged with another index than the present one.
//!
//! Page by page through every company, each page in one transaction. It writes what the present
//! index says and nothing of its own, so it may be stopped anywhere and done again.

use std::sync::Arc;

use anyhow::Context as _;
use enrichment::evaluation::Evaluation;
use protocol::fingerprint::SoftwareKey;
use protocol::ids::CompanyId;
use serde_json::Value;
use store::companies;
use store::findings::{self, Replaced};
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use store::software::{SoftwareToJudge, page_for_evaluation};
use store::tenant::TenantScope;

use super::Jobs;
use crate::pipeline::matcher::{Judge, NO_INDEX};

/// Software of one page, which is judged and written in one transaction.
const PAGE_SOFTWARE: u32 = 500;
/// Passes over one company; after the first, only what came in during it is left.
const PASSES_MAX: u32 = 3;

/// The payload of a job that is asked for when an index comes into use.
pub(super) fn payload(generation: u64) -> Value {
    serde_json::json!({ "generation": format!("{generation:016x}") })
}

fn generation_of(payload: &Value) -> Option<u64> {
    let text = payload.get("generation")?.as_str()?;
    u64::from_str_radix(text, 16).ok()
}

/// Judges everything that the present index has not judged.
pub(super) async fn run(jobs: &Jobs, payload: &Value) -> anyhow::Result<()> {
    let judge = jobs.matcher.judge();
    let generation = judge.generation();
    if let Some(asked) = generation_of(payload).filter(|asked| *asked != generation) {
        // Another node asked. Either this one notices the new index soon, or the index that was
        // asked for is old by now and the new one has a job of its own.
        anyhow::bail!("index {asked:016x} is not in use on this node, {generation:016x} is");
    }
    if generation == NO_INDEX {
        return Ok(());
    }
    let mut total = Replaced::default();
    let mut page = PageRequest::first(PAGE_ITEMS_MAX);
    loop {
        let found = companies::list(&jobs.store.local_operator(), None, &page)
            .await
            .context("list companies")?;
        for company in found.items {
            let replaced = judge_company(jobs, company.id, &judge)
                .await
                .with_context(|| format!("judge the software of company {}", company.id))?;
            add(&mut total, replaced);
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    tracing::info!(generation, ?total, "judged software with the present index");
    Ok(())
}

async fn judge_company(jobs: &Jobs, company: CompanyId, judge: &Judge) -> anyhow::Result<Replaced> {
    let mut total = Replaced::default();
    let Some(scope) = jobs.store.pipeline_scope(company).await? else {
        return Ok(total);
    };
    for _pass in 0..PASSES_MAX {
        let (replaced, pages) = pass(jobs, &scope, judge).await?;
        add(&mut total, replaced);
        if pages == 0 {
            break;
        }
    }
    Ok(total)
}

/// Goes once through a company's software; gives what came of it, and in how many pages.
async fn pass(jobs: &Jobs, scope: &TenantScope, judge: &Judge) -> anyhow::Result<(Replaced, u32)> {
    let mut total = Replaced::default();
    let mut pages = 0;
    let mut after = None;
    loop {
        let page = page_for_evaluation(scope, judge.generation(), after, PAGE_SOFTWARE).await?;
        let Some(last) = page.last() else {
            return Ok((total, pages));
        };
        after = Some(last.key);
        pages += 1;
        let judged = judge_page(page, judge.clone()).await?;
        let now = jobs.clock.now();
        let replaced = findings::replace(scope, &judged, judge.generation(), now).await?;
        add(&mut total, replaced);
    }
}

/// Judging is work for a processor, so it goes where it delays nobody's I/O.
async fn judge_page(
    page: Vec<SoftwareToJudge>,
    judge: Judge,
) -> anyhow::Result<Vec<(SoftwareKey, Evaluation)>> {
    let judging = tokio::task::spawn_blocking(move || {
        page.iter()
            .map(|software| {
                let evaluation = judge.evaluate(&software.record, &software.platform, software.key);
                (software.key, Arc::unwrap_or_clone(evaluation))
            })
            .collect()
    });
    judging.await.context("judge a page of software")
}

const fn add(total: &mut Replaced, more: Replaced) {
    total.opened += more.opened;
    total.resolved += more.resolved;
    total.changed += more.changed;
    total.unchanged += more.unchanged;
}
