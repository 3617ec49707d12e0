//! Measures how each company stands, once an hour: the statistics that pages and reports show, and on how many
//! hosts each CVE is. What revoked hosts have still is ended before, or it would count.
//!
//! The clock asks every few minutes and a company is passed over when its hour is measured, so that a new
//! company has numbers at once and an hour in which no node worked is made up for. One company whose rows
//! cannot be read keeps no other from being measured.

use anyhow::Context as _;
use protocol::ids::CompanyId;
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use store::tenant::OperatorScope;
use store::{agents, companies, cve_history, statistics};

use super::Jobs;

/// Revoked hosts whose software is ended in one transaction; each has some thousand pieces at most.
pub(super) const HOSTS_A_TIME: u32 = 50;

/// Measures every company whose hour has no measurement yet.
pub(super) async fn run(jobs: &Jobs) -> anyhow::Result<()> {
    let operator = jobs.store.local_operator();
    let mut page = PageRequest::first(PAGE_ITEMS_MAX);
    let (mut measured, mut failed) = (0_u64, None);
    loop {
        let found = companies::list(&operator, None, &page).await.context("list companies")?;
        for company in found.items {
            match measure(jobs, &operator, company.id).await {
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
async fn measure(
    jobs: &Jobs,
    operator: &OperatorScope,
    company: CompanyId,
) -> anyhow::Result<bool> {
    let now = jobs.clock.now();
    let Some(scope) = operator.scope(company).await? else {
        return Ok(false);
    };
    if !statistics::is_due(&scope, now).await.context("ask whether the hour is measured")? {
        return Ok(false);
    }
    let emptied =
        empty_revoked(jobs, operator, company).await.context("end what revoked hosts had");
    // Asked for anew here and below: each takes its time, and who erases the company counts on no more than one such time.
    let Some(scope) = operator.scope(company).await? else {
        return Ok(false);
    };
    // First, because a company is passed over once its hour is measured.
    let recorded = cve_history::record(&scope, now).await.context("record the hosts of CVEs");
    let Some(scope) = operator.scope(company).await? else {
        return Ok(false);
    };
    statistics::measure(&scope, now).await.context("measure")?;
    recorded.and(emptied)?;
    Ok(true)
}

/// Ends what revoked hosts have still: those that a release before this one let go, or of which a report came late.
async fn empty_revoked(
    jobs: &Jobs,
    operator: &OperatorScope,
    company: CompanyId,
) -> anyhow::Result<()> {
    while let Some(scope) = operator.scope(company).await? {
        let done = agents::empty_revoked(&scope, HOSTS_A_TIME, jobs.clock.now()).await?;
        if done < u64::from(HOSTS_A_TIME) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use store::jobs::{self as rows, NewJob};
    use store::statistics::{Range, Step};
    use store::tenant::TenantScope;
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
    /// The days of a CVE, up to today.
    async fn spread(node: &Node, scope: &TenantScope) -> Vec<u64> {
        let today = cve_history::day_of(node.jobs.clock.now());
        let (from, before) = (today - Duration::days(9), today + Duration::DAY);
        let history = cve_history::list(scope, "CVE-2020-8203", from, before).await.unwrap();
        history.days.iter().map(|day| day.hosts).collect()
    }

    #[tokio::test]
    async fn the_hosts_of_each_cve_are_recorded_with_every_measurement() {
        let node = Node::new().await;
        write_index(&node.path(), &["CVE-2020-8203"]);
        node.watch().look().await;
        let first = node.store(1, vec![lodash("4.17.15")]).await;
        let second = node.store(2, vec![lodash("4.17.21")]).await;
        assert_eq!(spread(&node, &first).await, [0; 0]);
        tick(&node).await;
        assert_eq!(spread(&node, &first).await, [1]);
        assert_eq!(spread(&node, &second).await, [0]);
        node.hand.advance(std::time::Duration::from_secs(24 * 3_600));
        tick(&node).await;
        assert_eq!(spread(&node, &first).await, [1, 1]);
    }

    #[tokio::test]
    async fn what_hosts_have_that_were_revoked_before_is_ended_and_counts_no_more() {
        let node = Node::new().await;
        write_index(&node.path(), &["CVE-2020-8203"]);
        node.watch().look().await;
        let scope = node.store(1, vec![lodash("4.17.15")]).await;
        // As a release before this one left it.
        node.database.execute("UPDATE agents SET revoked_at = enrolled_at").await;
        tick(&node).await;
        assert_eq!(spread(&node, &scope).await, [0]);
        assert_eq!(agents::empty_revoked(&scope, 9, node.jobs.clock.now()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_company_whose_cves_cannot_be_recorded_is_measured_all_the_same() {
        let node = Node::new().await;
        write_index(&node.path(), &["CVE-2020-8203"]);
        node.watch().look().await;
        let scope = node.store(1, vec![lodash("4.17.15")]).await;
        node.break_rows(&scope, "cve_history").await;
        tick(&node).await;
        assert_eq!(hours(&scope).await, [(1, 1)]);
    }
}
