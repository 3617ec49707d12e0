//! One company's software: found by what changed, judged, written.

use std::sync::Arc;

use anyhow::Context as _;
use enrichment::evaluation::Evaluation;
use enrichment::index::ChangedKeys;
use protocol::fingerprint::SoftwareKey;
use protocol::ids::CompanyId;
use store::findings::{self, Replaced};
use store::software::generations::Change;
use store::software::{self, SoftwareToJudge};
use store::tenant::TenantScope;

use crate::jobs::Jobs;
use crate::pipeline::matcher::Judge;

/// Software of one page, which is judged and written in one transaction.
const PAGE_SOFTWARE: u16 = 500;

/// The work on any company. A clone is the same work.
#[derive(Clone, Debug)]
pub(super) struct Judging {
    jobs: Jobs,
    judge: Judge,
    changes: Arc<[Change]>,
}

/// What judging again has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// Pieces of software that were judged.
    pub(super) software: u64,
    /// What became of their findings.
    pub(super) findings: Replaced,
}

impl Judged {
    pub(super) const fn add(&mut self, more: Self) {
        self.software += more.software;
        self.findings.opened += more.findings.opened;
        self.findings.resolved += more.findings.resolved;
        self.findings.changed += more.findings.changed;
        self.findings.unchanged += more.findings.unchanged;
    }
}

impl Judging {
    pub(super) fn new(jobs: Jobs, judge: Judge, changes: Vec<Change>) -> Self {
        Self { jobs, judge, changes: changes.into() }
    }

    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Judges a company's software that the changes concern or that came late; `None` when another
    /// index counts by now.
    pub(super) async fn company(&self, company: CompanyId) -> anyhow::Result<Option<Judged>> {
        let mut total = Judged::default();
        // Deleted since the question.
        let Some(scope) = self.jobs.store.pipeline_scope(company).await? else {
            return Ok(Some(total));
        };
        // Oldest first. Software that several concern is judged once: it then names a generation
        // that has them.
        for change in self.changes.iter() {
            let judged = match &change.changed {
                ChangedKeys::These(keys) => {
                    // Keys alone, 16 bytes each: the rows are read page by page below.
                    let software = software::that_looked_up(&scope, keys).await?;
                    self.these(&scope, &software, &change.has_it).await?
                }
                ChangedKeys::Everything => self.all(&scope, &change.has_it).await?,
            };
            match judged {
                Some(judged) => total.add(judged),
                None => return Ok(None),
            }
        }
        let Some(late) = self.late(&scope).await? else {
            return Ok(None);
        };
        total.add(late);
        Ok(Some(total))
    }

    async fn these(
        &self,
        scope: &TenantScope,
        software: &[SoftwareKey],
        has_it: &[u64],
    ) -> anyhow::Result<Option<Judged>> {
        let mut total = Judged::default();
        for software in software.chunks(PAGE_SOFTWARE.into()) {
            let page = software::not_judged_with(scope, software, has_it).await?;
            match self.page(scope, page).await? {
                Some(judged) => total.add(judged),
                None => return Ok(None),
            }
        }
        Ok(Some(total))
    }

    async fn all(&self, scope: &TenantScope, has_it: &[u64]) -> anyhow::Result<Option<Judged>> {
        let mut total = Judged::default();
        let mut after = None;
        loop {
            let limit = PAGE_SOFTWARE.into();
            let page = software::page_for_evaluation(scope, has_it, after, limit).await?;
            let Some(last) = page.last() else {
                return Ok(Some(total));
            };
            after = Some(last.key);
            match self.page(scope, page).await? {
                Some(judged) => total.add(judged),
                None => return Ok(None),
            }
        }
    }

    async fn late(&self, scope: &TenantScope) -> anyhow::Result<Option<Judged>> {
        let mut total = Judged::default();
        loop {
            let page = software::that_came_late(scope, PAGE_SOFTWARE.into()).await?;
            let is_last = page.len() < PAGE_SOFTWARE.into();
            match self.page(scope, page).await? {
                Some(judged) => total.add(judged),
                None => return Ok(None),
            }
            // What is judged is late no more, so the next page is another one.
            if is_last {
                return Ok(Some(total));
            }
        }
    }

    async fn page(
        &self,
        scope: &TenantScope,
        page: Vec<SoftwareToJudge>,
    ) -> anyhow::Result<Option<Judged>> {
        if page.is_empty() {
            return Ok(Some(Judged::default()));
        }
        let judged = judge_page(page, self.judge.clone()).await?;
        let now = self.jobs.clock.now();
        let generation = self.judge.generation();
        let replaced = findings::replace(scope, &judged, generation, now).await?;
        Ok(replaced.map(|findings| Judged { software: judged.len() as u64, findings }))
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
                // The cache may have it as well, and then it is copied.
                (software.key, Arc::unwrap_or_clone(evaluation))
            })
            .collect()
    });
    judging.await.context("judge a page of software")
}
