//! What a company keeps is what it said, and other companies keep what they did.

use store::companies::{self, Retention};
use store::hosts::{self, HostFilter, HostSort};
use store::report_files::{self, NewReport, ReportFormat, ReportKind, ReportState, Spec};
use store::software::{self, SoftwareFilter, SoftwareSort};
use time::OffsetDateTime;

use super::*;

const DAY_S: u64 = 86_400;

/// How much software a company's hosts had at an instant.
async fn had(scope: &TenantScope, at: OffsetDateTime) -> usize {
    let filter = SoftwareFilter { as_of: Some(at), ..SoftwareFilter::default() };
    let page = PageRequest::first(10);
    software::list(scope, &filter, SoftwareSort::Name, &page).await.unwrap().items.len()
}

async fn hosts(scope: &TenantScope) -> usize {
    let page = PageRequest::first(10);
    let filter = HostFilter::default();
    hosts::list(scope, &filter, HostSort::Hostname, &page).await.unwrap().items.len()
}

/// A company whose only host lost its only software a day after it came.
async fn company(node: &Node, number: u128) -> TenantScope {
    let scope = node.store(number, vec![lodash("1.0.0")]).await;
    let agent = AgentId(uuid::Uuid::from_u128(number));
    let (report, later) = (testing::report(Position::new(2, 1), Vec::new()), later(1));
    let incoming = IncomingReport { agent, keys: Vec::new(), report, received_at: later };
    let judge = node.jobs.matcher.judge();
    reports::apply(
        &scope,
        &[incoming],
        &|record, platform, key| judge.evaluate(record, platform, key).as_ref().clone(),
        judge.generation(),
        later,
    )
    .await
    .unwrap();
    scope
}

fn later(days: u64) -> OffsetDateTime {
    DAY + Duration::from_secs(days * DAY_S)
}

async fn tidy(node: &Node, tick: &str) {
    let now = node.jobs.clock.now();
    let job = NewJob { kind: "tidy", tick, payload: &Value::Null, run_after: now, company: None };
    assert!(rows::enqueue(&node.jobs.store, &job, now).await.unwrap());
    assert!(node.take().await);
}

#[tokio::test]
async fn what_ended_is_forgotten_when_its_company_says_and_not_when_others_do() {
    let node = Node::new().await;
    let (shorter, as_ever) = (company(&node, 1).await, company(&node, 2).await);
    let then = DAY + Duration::from_secs(3_600);
    assert_eq!((had(&shorter, then).await, had(&shorter, later(2)).await), (1, 0));
    let own = Retention { history_days: Some(5), silent_hosts_days: None };
    companies::set_retention(&shorter, own, None, DAY).await.unwrap();
    node.hand.advance(Duration::from_secs(10 * DAY_S));
    tidy(&node, "1").await;
    assert_eq!((had(&shorter, then).await, had(&as_ever, then).await), (0, 1));
    // No company keeps more than the collector does.
    let longer = Retention { history_days: Some(3_650), ..own };
    companies::set_retention(&as_ever, longer, None, DAY).await.unwrap();
    node.hand.advance(Duration::from_secs(30 * DAY_S));
    tidy(&node, "2").await;
    assert_eq!(had(&as_ever, then).await, 0);
}

#[tokio::test]
async fn silent_hosts_are_let_go_where_their_company_wants_that() {
    let node = Node::new().await;
    let (wants, keeps) = (company(&node, 1).await, company(&node, 2).await);
    let own = Retention { history_days: None, silent_hosts_days: Some(7) };
    companies::set_retention(&wants, own, None, DAY).await.unwrap();
    node.hand.advance(Duration::from_secs(30 * DAY_S));
    tidy(&node, "1").await;
    assert_eq!(hosts(&wants).await, 1, "the collector may have been away itself");
    node.hand.advance(Duration::from_secs(DAY_S));
    tidy(&node, "2").await;
    assert_eq!((hosts(&wants).await, hosts(&keeps).await), (0, 1));
}

#[tokio::test]
async fn a_report_whose_job_is_gone_is_given_up_a_day_later() {
    let node = Node::new().await;
    let scope = testing::company(node.database.store(), 1).await;
    let spec = Spec {
        kind: ReportKind::Findings,
        format: ReportFormat::Csv,
        severity_min: None,
        kev: None,
        label: None,
    };
    let new = NewReport { id: uuid::Uuid::new_v4(), name: "lost", spec };
    report_files::create(&scope, &new, DAY).await.unwrap();
    node.database.execute("DELETE FROM jobs").await;
    let state = async || report_files::get(&scope, new.id).await.unwrap().unwrap().state;
    node.hand.advance(Duration::from_secs(DAY_S - 60));
    tidy(&node, "first").await;
    assert_eq!(state().await, ReportState::Waiting);
    node.hand.advance(Duration::from_secs(120));
    tidy(&node, "second").await;
    assert_eq!(state().await, ReportState::Failed);
}

#[tokio::test]
async fn a_company_that_cannot_be_tidied_keeps_no_other_from_it() {
    let node = Node::new().await;
    let (broken, other) = (company(&node, 1).await, company(&node, 2).await);
    let then = DAY + Duration::from_secs(3_600);
    assert_eq!(had(&other, then).await, 1);
    node.break_rows(&broken, "finding_events").await;
    node.hand.advance(Duration::from_secs(40 * DAY_S));
    let error = format!("{:#}", tidy::run(&node.jobs).await.unwrap_err());
    assert!(error.contains(&broken.company().to_string()), "{error}");
    assert_eq!(had(&other, then).await, 0, "what ended is forgotten");
}
