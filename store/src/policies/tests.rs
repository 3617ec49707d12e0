//! What a user would miss of policies: which hosts fail, why, since when, and being told.

mod writing;

use protocol::ids::AgentId;
use protocol::software::{SoftwareRecord, Source};
use serde_json::Value;

use super::*;
use crate::cves as metadata;
use crate::exceptions::{self, About, Claim, Hosts, NewException, VexStatus};
use crate::findings::replace;
use crate::hosts::{self, HostFilter, HostSort};
use crate::labels::{self, NewLabel};
use crate::page::PageRequest;
use crate::test_fixtures::{Endpoint, World, agent, at, evaluation, id, key, published, record};

const DAY: i64 = 86_400;
const CVE: &str = "CVE-2024-90010";

/// `a` with `bad1` 1 and `ssl` 1.0, `b` with `ssl` 3.1, `c` that never reported.
async fn world() -> (World, Vec<Endpoint>) {
    let world = World::new().await;
    let mut endpoints = Vec::new();
    for (name, records) in [
        ("a", Some(vec![record("bad1", "1"), record("ssl", "1.0")])),
        ("b", Some(vec![record("ssl", "3.1")])),
        ("c", None),
    ] {
        let mut endpoint = Endpoint::new(agent(&world.scope, name).await);
        if let Some(records) = records {
            world.apply(&endpoint.snapshot(records, 100)).await;
        }
        endpoints.push(endpoint);
    }
    (world, endpoints)
}

fn rule(text: &str) -> PolicyRule {
    serde_json::from_str(text).unwrap()
}

async fn make(world: &World, name: &str, text: &str, seconds: i64) -> Policy {
    make_for(world, name, text, None, seconds).await
}

async fn make_for(
    world: &World,
    name: &str,
    text: &str,
    label: Option<Uuid>,
    seconds: i64,
) -> Policy {
    let new = NewPolicy {
        id: id(),
        policy: PolicyChange { name, description: "", rule: &rule(text), label, is_enabled: true },
    };
    create(&world.scope, &new, at(seconds)).await.unwrap()
}

/// Each host's state, by name.
async fn states(world: &World, policy: Uuid) -> Vec<(String, &'static str)> {
    let page = PageRequest::first(10);
    let results = results(&world.scope, policy, ResultFilter::default(), &page);
    let results = results.await.unwrap().items;
    results.into_iter().map(|result| (result.hostname, result.state.as_str())).collect()
}

fn of(states: [&'static str; 3]) -> Vec<(String, &'static str)> {
    ["a", "b", "c"].map(str::to_owned).into_iter().zip(states).collect()
}

async fn reason(world: &World, policy: Uuid, host: AgentId) -> Option<Value> {
    let results = of_host(&world.scope, host).await.unwrap();
    let found = results.into_iter().find(|result| result.policy == policy);
    found.and_then(|result| result.reason)
}

#[tokio::test]
async fn each_kind_of_rule_says_which_hosts_fail_and_why() {
    let (world, endpoints) = world().await;
    for (number, (text, expected)) in [
        (r#"{"no_finding":{}}"#, ["fail", "pass", "unknown"]),
        (r#"{"no_finding":{"cve":"CVE-1"}}"#, ["pass", "pass", "unknown"]),
        (r#"{"software_version":{"name":"ssl","version":">= 3.0"}}"#, ["fail", "pass", "unknown"]),
        (r#"{"software_version":{"name":"none","version":">= 3.0"}}"#, ["pass", "pass", "unknown"]),
        (r#"{"no_software":{"name":"BAD*"}}"#, ["fail", "pass", "unknown"]),
        (r#"{"no_software":{"name":"ssl","version":"< 2"}}"#, ["fail", "pass", "unknown"]),
        (r#"{"has_software":{"name":"bad1"}}"#, ["pass", "fail", "unknown"]),
        (r#"{"has_software":{"name":"ssl","version":">= 3"}}"#, ["fail", "pass", "unknown"]),
        (r#"{"seen_within":{"days":1}}"#, ["pass", "pass", "pass"]),
    ]
    .into_iter()
    .enumerate()
    {
        let policy = make(&world, &format!("policy {number}"), text, 10).await;
        assert_eq!(states(&world, policy.id).await, of(expected), "{text}");
        let fails = expected.iter().filter(|state| **state == "fail").count();
        assert_eq!(policy.hosts.fail, fails as u64, "{text}");
        for (endpoint, state) in endpoints.iter().zip(expected) {
            let reason = reason(&world, policy.id, endpoint.agent).await;
            assert_eq!(reason.is_some(), state != "pass" || text.contains("has_"), "{text}");
        }
    }
    let all = of_host(&world.scope, endpoints[0].agent).await.unwrap();
    let finding = all.iter().find(|result| result.name == "policy 0").unwrap();
    let reason = finding.reason.as_ref().unwrap();
    assert_eq!((&reason["cve"], &reason["name"]), (&CVE.into(), &"bad1".into()));
}

#[tokio::test]
async fn a_version_that_nobody_can_compare_is_unknown_beside_one_that_fails() {
    let (world, mut endpoints) = world().await;
    let odd = SoftwareRecord { source: Source::Programs, ..record("ssl", "unknown") };
    for endpoint in &mut endpoints[..2] {
        world.apply(&[endpoint.delta(vec![odd.clone()], &[])]).await;
    }
    let text = r#"{"software_version":{"name":"ssl","version":">= 3.0"}}"#;
    let policy = make(&world, "ssl", text, 10).await;
    // The first has a version that surely fails as well, and that one counts.
    assert_eq!(states(&world, policy.id).await, of(["fail", "unknown", "unknown"]));
    let reason = reason(&world, policy.id, endpoints[0].agent).await.unwrap();
    assert_eq!(reason["version"], "1.0");
}

#[tokio::test]
async fn a_finding_breaks_a_policy_once_it_is_old_enough() {
    let (world, _) = world().await;
    let kev = published(CVE, 9.8, "critical");
    metadata::upsert(world.store(), &[kev]).await.unwrap();
    let text = r#"{"no_finding":{"severity_min":"critical","older_than_days":7}}"#;
    let policy = make(&world, "no old critical", text, DAY).await;
    assert_eq!(states(&world, policy.id).await, of(["pass", "pass", "unknown"]));
    assert_eq!(evaluate(&world.scope, policy.id, at(6 * DAY)).await.unwrap(), 0);
    assert_eq!(evaluate(&world.scope, policy.id, at(8 * DAY)).await.unwrap(), 1);
    assert_eq!(states(&world, policy.id).await, of(["fail", "pass", "unknown"]));
    // Resolved, it is well again.
    let judged = [(key(&record("bad1", "1")), evaluation(&[""; 0]))];
    replace(&world.scope, &judged, 2, at(9 * DAY)).await.unwrap();
    evaluate_all(&world.scope, at(9 * DAY)).await.unwrap();
    assert_eq!(states(&world, policy.id).await, of(["pass", "pass", "unknown"]));
}

#[tokio::test]
async fn an_accepted_risk_breaks_no_policy_where_it_is_accepted() {
    let (world, mut endpoints) = world().await;
    world.apply(&[endpoints[1].delta(vec![record("bad1", "1")], &[])]).await;
    let policy = make(&world, "no findings", r#"{"no_finding":{}}"#, 10).await;
    assert_eq!(states(&world, policy.id).await, of(["fail", "fail", "unknown"]));
    let about = About { cve: Some(CVE.to_owned()), ..About::default() };
    let claim = Claim {
        status: VexStatus::Affected,
        justification: None,
        note: String::new(),
        action: String::new(),
        suppresses: true,
    };
    for (hosts, expected) in [
        (Hosts::One(endpoints[0].agent), ["pass", "fail", "unknown"]),
        (Hosts::All, ["pass", "pass", "unknown"]),
    ] {
        let new = NewException {
            id: id(),
            name: None,
            about: &about,
            hosts,
            claim: &claim,
            expires_at: None,
            origin: None,
        };
        exceptions::create(&world.scope, &new, at(20)).await.unwrap();
        evaluate(&world.scope, policy.id, at(20)).await.unwrap();
        assert_eq!(states(&world, policy.id).await, of(expected), "{hosts:?}");
    }
}

#[tokio::test]
async fn the_worst_finding_that_is_not_left_out_on_the_host_is_the_reason() {
    const NEXT: &str = "CVE-2024-90011";
    let (world, mut endpoints) = world().await;
    let records = [published(CVE, 9.8, "critical"), published(NEXT, 5.0, "medium")];
    metadata::upsert(world.store(), &records).await.unwrap();
    // In place of the version that has the worse one alone; `b` gets it as well.
    let bad = record("bad1", "1.1");
    world.apply(&[endpoints[0].delta(vec![bad.clone()], &[record("bad1", "1")])]).await;
    world.apply(&[endpoints[1].delta(vec![bad], &[])]).await;
    let policy = make(&world, "no findings", r#"{"no_finding":{}}"#, 10).await;
    let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(11)).await.unwrap().id;
    let (a, b) = (endpoints[0].agent, endpoints[1].agent);
    labels::assign(&world.scope, label, &[b], true, at(12)).await.unwrap();
    let claim = Claim {
        status: VexStatus::Affected,
        justification: None,
        note: String::new(),
        action: String::new(),
        suppresses: true,
    };
    for (cve, hosts, expected) in [
        (CVE, Hosts::One(a), [Some(NEXT), Some(CVE)]),
        (CVE, Hosts::Label(label), [Some(NEXT), Some(NEXT)]),
        (NEXT, Hosts::Label(label), [Some(NEXT), None]),
        (NEXT, Hosts::One(a), [None, None]),
    ] {
        let about = About { cve: Some(cve.to_owned()), ..About::default() };
        let new = NewException {
            id: id(),
            name: None,
            about: &about,
            hosts,
            claim: &claim,
            expires_at: None,
            origin: None,
        };
        exceptions::create(&world.scope, &new, at(20)).await.unwrap();
        evaluate(&world.scope, policy.id, at(20)).await.unwrap();
        for (host, expected) in [a, b].into_iter().zip(expected) {
            let reason = reason(&world, policy.id, host).await;
            let is = reason.as_ref().and_then(|reason| reason["cve"].as_str());
            assert_eq!(is, expected, "{cve} {hosts:?}");
        }
    }
}

#[tokio::test]
async fn an_old_finding_of_software_that_the_host_has_had_for_a_day_is_a_day_old_there() {
    let (world, mut endpoints) = world().await;
    let mut late = endpoints[1].delta(vec![record("bad1", "1")], &[]);
    late.received_at = at(8 * DAY);
    world.apply(&[late]).await;
    let text = r#"{"no_finding":{"older_than_days":7}}"#;
    let policy = make(&world, "no old ones", text, 9 * DAY).await;
    assert_eq!(states(&world, policy.id).await, of(["fail", "pass", "unknown"]));
    evaluate(&world.scope, policy.id, at(16 * DAY)).await.unwrap();
    assert_eq!(states(&world, policy.id).await, of(["fail", "fail", "unknown"]));
}

#[tokio::test]
async fn a_silent_host_fails_without_an_inventory() {
    let (world, _) = world().await;
    let policy = make(&world, "seen", r#"{"seen_within":{"days":1}}"#, 2 * DAY).await;
    assert_eq!(states(&world, policy.id).await, of(["fail", "fail", "fail"]));
}

#[tokio::test]
async fn a_policy_for_a_label_has_results_for_its_hosts_alone() {
    let (world, endpoints) = world().await;
    let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(1)).await.unwrap().id;
    labels::assign(&world.scope, label, &[endpoints[0].agent], true, at(1)).await.unwrap();
    let policy = make_for(&world, "lab", r#"{"no_finding":{}}"#, Some(label), 10).await;
    assert_eq!(states(&world, policy.id).await, [("a".to_owned(), "fail")]);
    labels::assign(&world.scope, label, &[endpoints[0].agent], false, at(2)).await.unwrap();
    evaluate(&world.scope, policy.id, at(20)).await.unwrap();
    assert_eq!(states(&world, policy.id).await, []);
    let refused = labels::delete(&world.scope, label, at(40)).await;
    assert!(matches!(refused, Err(labels::ChangeError::InUse("policies"))));
}

#[tokio::test]
async fn what_changes_is_told_once_and_a_good_beginning_is_not() {
    let (world, endpoints) = world().await;
    let policy = make(&world, "no findings", r#"{"no_finding":{}}"#, 10).await;
    evaluate(&world.scope, policy.id, at(11)).await.unwrap();
    let judged = [(key(&record("bad1", "1")), evaluation(&[""; 0]))];
    replace(&world.scope, &judged, 2, at(12)).await.unwrap();
    evaluate(&world.scope, policy.id, at(13)).await.unwrap();
    let reading = async {
        loop {
            let events = events_after(&world.scope, None, 10).await.unwrap();
            if events.len() >= 2 {
                return events;
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    let events = tokio::time::timeout(patience, reading).await.unwrap();
    let told: Vec<_> = events.iter().map(|e| (e.host, e.was, e.state)).collect();
    let host = Some(endpoints[0].agent);
    assert_eq!(
        told,
        [
            (host, PolicyState::Unknown, PolicyState::Fail),
            (host, PolicyState::Fail, PolicyState::Pass),
        ]
    );
    let last = events_after(&world.scope, Some(events[0].place), 10).await.unwrap();
    assert_eq!(last, events[1..]);
    assert_eq!(purge_events(&world.scope, at(13), 10).await.unwrap(), 1);
}

#[tokio::test]
async fn a_result_says_since_when_and_another_reason_is_no_new_result() {
    let (world, mut endpoints) = world().await;
    let policy = make(&world, "no bad", r#"{"no_software":{"name":"bad*"}}"#, 10).await;
    let second = endpoints[0].delta(vec![record("bad0", "1")], &[record("bad1", "1")]);
    world.apply(&[second]).await;
    assert_eq!(evaluate(&world.scope, policy.id, at(20)).await.unwrap(), 1);
    let result = of_host(&world.scope, endpoints[0].agent).await.unwrap().remove(0);
    assert_eq!(result.since, at(10));
    assert_eq!(result.reason.unwrap()["name"], "bad0");
}

#[tokio::test]
async fn the_overview_counts_hosts_and_hosts_are_found_by_what_they_fail() {
    let (world, _) = world().await;
    let policy = make(&world, "no findings", r#"{"no_finding":{}}"#, 10).await;
    make(&world, "seen", r#"{"seen_within":{"days":1}}"#, 10).await;
    let expected = PolicySummary { policies: 2, failing: 1, hosts_failing: 1, hosts_passing: 1 };
    assert_eq!(summary(&world.scope).await.unwrap(), expected);
    let filter = HostFilter { fails: Some(policy.id), ..HostFilter::default() };
    let page = PageRequest::first(10);
    let failing = hosts::list(&world.scope, &filter, HostSort::Hostname, &page);
    let failing = failing.await.unwrap().items;
    assert_eq!(failing.len(), 1);
    assert_eq!(failing[0].hostname, "a");
}

#[tokio::test]
async fn a_policy_that_is_switched_off_has_no_results_and_a_deleted_one_is_gone() {
    let (world, _) = world().await;
    let policy = make(&world, "no findings", r#"{"no_finding":{}}"#, 10).await;
    let off = PolicyChange {
        name: "no findings",
        description: "",
        rule: &policy.rule,
        label: None,
        is_enabled: false,
    };
    let changed = change(&world.scope, policy.id, &off, Some(1), at(20)).await;
    assert_eq!(changed.unwrap().unwrap().hosts, HostCounts::default());
    let late = change(&world.scope, policy.id, &off, Some(1), at(30)).await;
    assert!(matches!(late, Err(ChangeError::Changed)));
    assert!(delete(&world.scope, policy.id, at(40)).await.unwrap());
    assert!(!delete(&world.scope, policy.id, at(40)).await.unwrap());
    assert_eq!(get(&world.scope, policy.id).await.unwrap(), None);
}
