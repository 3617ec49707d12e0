//! A company goes by its job, in two passes, and what waits in a queue of it goes nowhere.

use serde_json::Value;
use store::audit::{self, EntryFilter};
use store::companies::deletion;
use store::jobs::{self as rows, JobFilter, JobState, ListedJob, NewJob};
use store::page::PageRequest;
use store::tenant::TenantScope;

use super::*;
use crate::jobs::tests::Node;
use crate::pipeline::testing::lodash;

async fn ask(node: &Node, scope: &TenantScope, name: &str, wait: Duration) {
    let (operator, now) = (node.database.store().local_operator(), node.jobs.clock.now());
    deletion::ask(&operator, scope.company(), name, wait, now).await.unwrap().unwrap();
}

async fn newest(node: &Node) -> ListedJob {
    let (operator, page) = (node.database.store().local_operator(), PageRequest::first(1));
    rows::list(&operator, &JobFilter::default(), &page).await.unwrap().items.remove(0)
}

async fn rows_of(node: &Node, scope: &TenantScope) -> i64 {
    let id = scope.company();
    let sql = format!(
        "SELECT count(*) FROM agents a JOIN companies c ON c.key = a.company_key WHERE c.id = '{id}'"
    );
    node.database.number(&sql).await
}

#[tokio::test]
async fn a_company_is_swept_twice_and_then_gone() {
    let node = Node::new().await;
    let (going, staying) =
        (node.store(1, vec![lodash("1.0.0")]).await, node.store(2, vec![lodash("1.0.0")]).await);
    ask(&node, &going, "Company 1", Duration::ZERO).await;
    assert!(node.take().await);
    assert_eq!(rows_of(&node, &going).await, 0);
    let job = newest(&node).await;
    // Whoever was in the middle of something may have written behind the first pass.
    assert_eq!((job.state, job.error), (JobState::Queued, None));
    assert!(job.run_after > node.jobs.clock.now() + Duration::from_secs(200));
    assert!(!node.take().await, "its time has not come");
    let companies = node.database.number("SELECT count(*) FROM companies").await;
    assert_eq!(companies, 2);

    node.hand.advance(SETTLED_AFTER);
    let earlier = "UPDATE companies SET erasing_since = erasing_since - interval '1 hour'
                   WHERE erasing_since IS NOT NULL";
    node.database.execute(earlier).await;
    assert!(node.take().await);
    assert_eq!(newest(&node).await.state, JobState::Done);
    assert_eq!(node.database.number("SELECT count(*) FROM companies").await, 1);
    assert_eq!(rows_of(&node, &staying).await, 1);
    let operator = node.database.store().local_operator();
    let (filter, page) = (EntryFilter::default(), PageRequest::first(1));
    let log = audit::list_of_operators(&operator, &filter, &page).await.unwrap();
    assert_eq!(log.items[0].action, "company.erased");
    assert_eq!(log.items[0].after.as_ref().unwrap()["rows"]["agents"], 1);
}

#[tokio::test]
async fn rows_of_tables_that_a_newer_release_made_go_as_well() {
    let node = Node::new().await;
    let (going, staying) =
        (node.store(1, vec![lodash("1.0.0")]).await, node.store(2, vec![lodash("1.0.0")]).await);
    node.database
        .execute(
            "CREATE TABLE newer (company_key bigint NOT NULL, host uuid NOT NULL) PARTITION BY HASH (company_key);
             SELECT muster_company_table('newer', 2);
             INSERT INTO newer SELECT key, gen_random_uuid() FROM companies",
        )
        .await;
    ask(&node, &going, "Company 1", Duration::ZERO).await;
    assert!(node.take().await);
    let left = async |scope: &TenantScope| {
        let id = scope.company();
        let sql = format!(
            "SELECT count(*) FROM newer n JOIN companies c ON c.key = n.company_key WHERE c.id = '{id}'"
        );
        node.database.number(&sql).await
    };
    assert_eq!((left(&going).await, left(&staying).await), (0, 1));
}

#[tokio::test]
async fn a_node_whose_clock_is_ahead_erases_nothing_before_its_time() {
    let node = Node::new().await;
    let scope = node.store(1, vec![lodash("1.0.0")]).await;
    ask(&node, &scope, "Company 1", Duration::from_secs(7 * 86_400)).await;
    node.hand.advance(Duration::from_secs(8 * 86_400));
    assert!(node.take().await);
    assert_eq!(rows_of(&node, &scope).await, 1);
    let job = newest(&node).await;
    assert_eq!(job.state, JobState::Queued);
    assert!(job.run_after > node.jobs.clock.now());
}

#[tokio::test]
async fn what_was_given_up_is_asked_for_once_more() {
    let node = Node::new().await;
    let scope = node.store(1, vec![lodash("1.0.0")]).await;
    ask(&node, &scope, "Company 1", Duration::ZERO).await;
    node.database.execute("UPDATE jobs SET state = 'failed', finished_at = now()").await;
    let now = node.jobs.clock.now();
    let look = NewJob {
        kind: erase::JOB,
        tick: "every hour",
        payload: &Value::Null,
        run_after: now,
        company: None,
    };
    rows::enqueue(&node.jobs.store, &look, now).await.unwrap();
    assert!(node.take().await);
    assert!(node.take().await);
    assert_eq!(rows_of(&node, &scope).await, 0);
}
