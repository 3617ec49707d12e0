//! What a company would miss if nobody kept its rules: labels of hosts that changed, exceptions that
//! ended, policies that time breaks.

use store::exceptions::{About, Claim, Hosts, NewException, VexStatus};
use store::findings::{self, FindingFilter, FindingSort};
use store::labels::rule::{Condition, SoftwareCondition};
use store::labels::{NewLabel, create};
use store::page::PageRequest;
use store::policies::rule::PolicyRule;
use store::policies::{NewPolicy, PolicyChange};
use uuid::Uuid;

use super::*;
use crate::jobs::tests::Node;
use crate::pipeline::testing::{DAY, lodash, write_index};

async fn tick(node: &Node, payload: Value) {
    let now = node.jobs.clock.now();
    let job = NewJob {
        kind: Kind::KeepRules.as_str(),
        tick: &format!("test {now} {payload}"),
        payload: &payload,
        run_after: now,
        company: None,
    };
    rows::enqueue(node.database.store(), &job, now).await.unwrap();
    while node.take().await {}
}

/// A node with an index, and a company with `lodash`, which has a finding.
async fn node() -> (Node, TenantScope) {
    let node = Node::new().await;
    write_index(&node.path(), &["CVE-2020-8203"]);
    node.watch().look().await;
    let scope = node.store(1, vec![lodash("4.17.15")]).await;
    (node, scope)
}

async fn open(scope: &TenantScope) -> usize {
    let (any, page) = (FindingFilter::default(), PageRequest::first(10));
    let found = findings::list(scope, &any, FindingSort::Epss, &page);
    found.await.unwrap().items.len()
}

#[tokio::test]
async fn an_exception_whose_time_is_over_ends_within_a_minute() {
    let (node, scope) = node().await;
    let all = open(&scope).await;
    assert!(all > 0);
    let about = About { product: Some("lodash".to_owned()), ..About::default() };
    let claim = Claim {
        status: VexStatus::Affected,
        justification: None,
        note: String::new(),
        action: String::new(),
        suppresses: true,
    };
    let new = NewException {
        id: Uuid::from_u128(1),
        name: None,
        about: &about,
        hosts: Hosts::All,
        claim: &claim,
        expires_at: Some(DAY + Duration::minutes(1)),
        origin: None,
    };
    exceptions::create(&scope, &new, DAY).await.unwrap();
    tick(&node, Value::Null).await;
    assert_eq!(open(&scope).await, 0);
    node.hand.advance(std::time::Duration::from_secs(60));
    tick(&node, Value::Null).await;
    assert_eq!(open(&scope).await, all);
}

#[tokio::test]
async fn a_host_that_reported_gets_its_labels_and_a_silent_one_fails() {
    let (node, scope) = node().await;
    let rule = Condition::Software(SoftwareCondition {
        name: "lodash".to_owned(),
        source: None,
        version: None,
    });
    let new = NewLabel {
        id: Uuid::from_u128(2),
        name: "with lodash",
        description: "",
        rule: Some(&rule),
    };
    assert_eq!(create(&scope, &new, DAY).await.unwrap().hosts, 1);
    let store = node.database.store();
    let second = crate::pipeline::testing::agent(store, &scope, 99).await;
    let records = vec![lodash("4.17.15")];
    node.store_judged_by(&node.jobs, &scope, second, records).await;
    let policy = NewPolicy {
        id: Uuid::from_u128(3),
        policy: PolicyChange {
            name: "seen",
            description: "",
            rule: &PolicyRule::SeenWithin { days: 7 },
            label: Some(new.id),
            is_enabled: true,
        },
    };
    let made = policies::create(&scope, &policy, DAY).await.unwrap();
    assert_eq!((made.hosts.pass, made.hosts.fail), (1, 0));
    tick(&node, Value::Null).await;
    let label = labels::get(&scope, new.id).await.unwrap().unwrap();
    assert_eq!(label.hosts, 2);
    node.hand.advance(std::time::Duration::from_secs(8 * 86_400));
    tick(&node, whole()).await;
    let policy = policies::get(&scope, policy.id).await.unwrap().unwrap();
    assert_eq!((policy.hosts.pass, policy.hosts.fail), (0, 2));
}

#[tokio::test]
async fn companies_without_rules_are_not_visited() {
    let (node, _) = node().await;
    let operator = node.database.store().local_operator();
    assert_eq!(companies::with_rules(&operator).await.unwrap(), []);
    tick(&node, Value::Null).await;
}

#[tokio::test]
async fn a_company_whose_rules_go_wrong_keeps_no_other_from_its_own() {
    // The first that is looked at.
    let (node, broken) = node().await;
    let scope = node.store(2, vec![lodash("4.17.15")]).await;
    let about = About { product: Some("lodash".to_owned()), ..About::default() };
    let claim = Claim {
        status: VexStatus::Affected,
        justification: None,
        note: String::new(),
        action: String::new(),
        suppresses: true,
    };
    for (number, scope) in [(1, &broken), (2, &scope)] {
        let new = NewException {
            id: Uuid::from_u128(number),
            name: None,
            about: &about,
            hosts: Hosts::All,
            claim: &claim,
            expires_at: Some(DAY + Duration::minutes(1)),
            origin: None,
        };
        exceptions::create(scope, &new, DAY).await.unwrap();
    }
    assert_eq!(open(&scope).await, 0);
    node.break_rows(&broken, "exceptions").await;
    node.hand.advance(std::time::Duration::from_secs(60));
    let job = Job {
        key: 1,
        kind: Kind::KeepRules.as_str().to_owned(),
        tick: "now".to_owned(),
        payload: Value::Null,
        attempts: 1,
    };
    let error = format!("{:#}", run(&node.jobs, &job).await.unwrap_err());
    assert!(error.contains(&broken.company().to_string()), "{error}");
    assert!(open(&scope).await > 0, "the other's exception has ended");
}

#[tokio::test(start_paused = true)]
async fn rules_that_take_too_long_are_left_for_the_next_time() {
    let error = in_time(std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "they take longer than 120s");
}
