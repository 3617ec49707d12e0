//! Measures how each company stands, once an hour: the statistics that pages and reports show.
//!
//! The clock asks every few minutes and a company is passed over when its hour is measured, so that a new
//! company has numbers at once and an hour in which no node worked is made up for. One company whose rows
//! cannot be read keeps no other from being measured.

use anyhow::Context as _;
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use store::tenant::TenantScope;
use store::{companies, statistics};

use super::Jobs;

/// Measures every company whose hour has no measurement yet.
pub(super) async fn run(jobs: &Jobs) -> anyhow::Result<()> {
    let operator = jobs.store.local_operator();
    let mut page = PageRequest::first(PAGE_ITEMS_MAX);
    let (mut measured, mut failed) = (0_u64, None);
    loop {
        let found = companies::list(&operator, None, &page).await.context("list companies")?;
        for company in found.items {
            let Some(scope) = operator.scope(company.id).await? else {
                continue;
            };
            match measure(jobs, &scope).await {
                Ok(is_new) => measured += u64::from(is_new),
                Err(error) => {
                    tracing::warn!(company = %company.id, error = %crate::causes::Causes(&error), "measuring a company");
                    failed = Some(error);
                }
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    if measured > 0 {
        tracing::debug!(companies = measured, "measured");
    }
    // Those that were measured are passed over when the job is tried again.
    failed.map_or(Ok(()), Err)
}

/// Measures a company, unless that was done in this hour; whether it was done now.
async fn measure(jobs: &Jobs, scope: &TenantScope) -> anyhow::Result<bool> {
    let now = jobs.clock.now();
    if !statistics::is_due(scope, now).await.context("ask whether the hour is measured")? {
        return Ok(false);
    }
    statistics::measure(scope, now).await.context("measure")?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use store::jobs::{self as rows, NewJob};
    use store::statistics::{Range, Step};
    use time::Duration;

    use super::*;
    use crate::jobs::Kind;
    use crate::jobs::tests::Node;
    use crate::pipeline::testing::{DAY, lodash, write_index};

    async fn tick(node: &Node) {
        let now = node.jobs.clock.now();
        let tick = now.to_string();
        let kind = Kind::Measure.as_str();
        let job =
            NewJob { kind, tick: &tick, payload: &Value::Null, run_after: now, company: None };
        rows::enqueue(node.database.store(), &job, now).await.unwrap();
        while node.take().await {}
    }

    async fn hours(scope: &TenantScope) -> Vec<(u64, u64)> {
        let range =
            Range { step: Step::Hour, from: DAY - Duration::DAY, to: DAY + Duration::days(9) };
        let rows = statistics::list(scope, range).await.unwrap();
        rows.iter().map(|row| (row.hosts, row.groups.all.open)).collect()
    }

    #[tokio::test]
    async fn every_company_is_measured_once_an_hour() {
        let node = Node::new().await;
        write_index(&node.path(), &["CVE-2020-8203"]);
        node.watch().look().await;
        let first = node.store(1, vec![lodash("4.17.15")]).await;
        let second = node.store(2, vec![lodash("4.17.21")]).await;
        tick(&node).await;
        node.hand.advance(std::time::Duration::from_secs(301));
        tick(&node).await;
        assert_eq!(hours(&first).await, [(1, 1)]);
        assert_eq!(hours(&second).await, [(1, 0)]);
        node.hand.advance(std::time::Duration::from_secs(3_600));
        tick(&node).await;
        assert_eq!(hours(&first).await.len(), 2);
    }
}
