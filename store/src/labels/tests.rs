//! What a user would miss of labels: on the hosts that they are for, off those that they are not, and
//! found by them.

mod writing;

use protocol::ids::AgentId;

use super::rule::SoftwareCondition;
use super::*;
use crate::agents;
use crate::hosts::{self, HostFilter, HostSort};
use crate::page::PageRequest;
use crate::test_fixtures::{Endpoint, World, agent, at, facts, id, record};

/// `web-1` with `nginx` 1.18 and `bad1`, `web-2` with `nginx` 1.26, `db-1` on another release.
async fn world() -> (World, Vec<Endpoint>) {
    let world = World::new().await;
    let mut endpoints = Vec::new();
    for (name, records) in [
        ("web-1", vec![record("nginx", "1.18.0"), record("bad1", "1")]),
        ("web-2", vec![record("nginx", "1.26.1")]),
        ("db-1", vec![]),
    ] {
        let mut endpoint = Endpoint::new(agent(&world.scope, name).await);
        let mut batch = endpoint.snapshot(records, 100);
        let mut said = facts(name);
        "x86_64".clone_into(&mut said.arch);
        "0.1.0".clone_into(&mut said.agent_version);
        if name == "db-1" {
            "11".clone_into(&mut said.platform.version);
        }
        batch[0].report.facts = Some(Box::new(said));
        world.apply(&batch).await;
        endpoints.push(endpoint);
    }
    (world, endpoints)
}

async fn make(world: &World, name: &str, rule: Option<&str>) -> Label {
    let rule: Option<Condition> = rule.map(|rule| serde_json::from_str(rule).unwrap());
    let new = NewLabel { id: id(), name, description: "", rule: rule.as_ref() };
    create(&world.scope, &new, at(1)).await.unwrap()
}

async fn carriers(world: &World, label: &Label) -> Vec<String> {
    let filter = HostFilter { label: Some(label.id), ..HostFilter::default() };
    let page = PageRequest::first(10);
    let hosts = hosts::list(&world.scope, &filter, HostSort::Hostname, &page);
    let hosts = hosts.await.unwrap().items;
    assert_eq!(hosts.len() as u64, get(&world.scope, label.id).await.unwrap().unwrap().hosts);
    hosts.into_iter().map(|host| host.hostname).collect()
}

#[tokio::test]
async fn a_rule_finds_hosts_by_what_they_are_and_what_they_have() {
    let (world, _) = world().await;
    for (number, (rule, expected)) in [
        (r#"{"hostname":"WEB-?"}"#, &["web-1", "web-2"][..]),
        (r#"{"hostname":"%"}"#, &[]),
        (r#"{"platform":"debian"}"#, &["db-1", "web-1", "web-2"]),
        (r#"{"platform":"windows"}"#, &[]),
        (r#"{"os_version":"< 12"}"#, &["db-1"]),
        (r#"{"os_version":">= 9"}"#, &["db-1", "web-1", "web-2"]),
        (r#"{"arch":"x86_64"}"#, &["db-1", "web-1", "web-2"]),
        (r#"{"agent_version":">= 0.2"}"#, &[]),
        (r#"{"enrolment_label":{"name":"site","value":"north"}}"#, &["db-1", "web-1", "web-2"]),
        (
            r#"{"not":{"enrolment_label":{"name":"other","value":"x"}}}"#,
            &["db-1", "web-1", "web-2"],
        ),
        (r#"{"software":{"name":"NGINX"}}"#, &["web-1", "web-2"]),
        (r#"{"software":{"name":"nginx","version":"< 1.20"}}"#, &["web-1"]),
        (r#"{"software":{"name":"nginx","source":"rpm"}}"#, &[]),
        (r#"{"not":{"software":{"name":"nginx"}}}"#, &["db-1"]),
        (r#"{"all":[{"hostname":"web-*"},{"not":{"software":{"name":"bad*"}}}]}"#, &["web-2"]),
        (r#"{"any":[{"hostname":"db-*"},{"software":{"name":"bad1"}}]}"#, &["db-1", "web-1"]),
        (r#"{"all":[]}"#, &["db-1", "web-1", "web-2"]),
        (r#"{"any":[]}"#, &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let label = make(&world, &format!("label {number}"), Some(rule)).await;
        assert_eq!(carriers(&world, &label).await, expected, "{rule}");
    }
}

#[tokio::test]
async fn a_host_that_changes_gets_and_loses_labels_and_others_are_not_looked_at() {
    let (world, mut endpoints) = world().await;
    let label =
        make(&world, "old nginx", Some(r#"{"software":{"name":"nginx","version":"< 1.20"}}"#))
            .await;
    let first = evaluate_due(&world.scope, 10, at(2)).await.unwrap();
    assert_eq!((first.hosts, first.gained, first.lost), (3, 0, 0));
    let idle = evaluate_due(&world.scope, 10, at(3)).await.unwrap();
    assert_eq!(idle, Evaluated::default());
    let update = endpoints[0].delta(vec![record("nginx", "1.27.0")], &[record("nginx", "1.18.0")]);
    world.apply(&[update]).await;
    let downgrade = endpoints[2].delta(vec![record("nginx", "1.14.2")], &[]);
    world.apply(&[downgrade]).await;
    let done = evaluate_due(&world.scope, 10, at(4)).await.unwrap();
    assert_eq!((done.hosts, done.gained, done.lost), (2, 1, 1));
    assert_eq!(carriers(&world, &label).await, ["db-1"]);
}

#[tokio::test]
async fn hosts_that_are_due_are_taken_a_page_at_a_time() {
    let (world, _) = world().await;
    make(&world, "all", Some(r#"{"all":[]}"#)).await;
    let mut pages = Vec::new();
    loop {
        let done = evaluate_due(&world.scope, 2, at(2)).await.unwrap();
        pages.push(done.hosts);
        if done.hosts < 2 {
            break;
        }
    }
    assert_eq!(pages, [2, 1]);
}

#[tokio::test]
async fn a_revoked_host_carries_no_label_of_a_rule_any_more() {
    let (world, endpoints) = world().await;
    let label = make(&world, "web", Some(r#"{"hostname":"web-*"}"#)).await;
    agents::revoke(&world.scope, endpoints[0].agent, at(2)).await.unwrap();
    // The number beside the label is that of the list behind it, before the job came by as well.
    assert_eq!(carriers(&world, &label).await, ["web-2"]);
    let done = evaluate_all(&world.scope, at(3)).await.unwrap();
    assert_eq!((done.gained, done.lost), (0, 1));
    assert_eq!(carriers(&world, &label).await, ["web-2"]);
}

#[tokio::test]
async fn people_give_labels_to_hosts_and_to_all_of_a_filter() {
    let (world, endpoints) = world().await;
    let label = make(&world, "lab", None).await;
    let hosts = [endpoints[2].agent, AgentId(id())];
    for (carries, expected) in [(true, 1), (true, 0), (false, 1), (false, 0)] {
        let done = assign(&world.scope, label.id, &hosts, carries, at(2)).await;
        assert_eq!(done.unwrap().changed, expected);
    }
    let web = HostFilter { text: Some("web".to_owned()), ..HostFilter::default() };
    for (carries, expected) in [(true, 2), (true, 0), (false, 2)] {
        let done = assign_filtered(&world.scope, label.id, &web, carries, at(2)).await;
        assert_eq!(done.unwrap().changed, expected);
    }
    assert_eq!(carriers(&world, &label).await, [""; 0]);
}

#[tokio::test]
async fn nobody_gives_what_a_rule_gives() {
    let (world, endpoints) = world().await;
    let label = make(&world, "web", Some(r#"{"hostname":"web-*"}"#)).await;
    let hosts = [endpoints[2].agent];
    let refused = assign(&world.scope, label.id, &hosts, true, at(2)).await;
    assert!(matches!(refused, Err(AssignError::HasRule)));
}

#[tokio::test]
async fn a_changed_rule_has_its_hosts_at_once_and_an_old_revision_changes_nothing() {
    let (world, _) = world().await;
    let label = make(&world, "web", Some(r#"{"hostname":"web-*"}"#)).await;
    let rule: Condition = serde_json::from_str(r#"{"hostname":"db-*"}"#).unwrap();
    let to = LabelChange {
        name: "db",
        description: "databases",
        rule: Some(&rule),
        revision: Some(label.revision),
    };
    let changed = change(&world.scope, label.id, &to, at(2)).await.unwrap().unwrap();
    assert_eq!((changed.revision, changed.hosts), (2, 1));
    assert_eq!(carriers(&world, &changed).await, ["db-1"]);
    let late = change(&world.scope, label.id, &to, at(3)).await;
    assert!(matches!(late, Err(ChangeError::Changed)));
    let none = change(&world.scope, id(), &to, at(3)).await.unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn names_are_taken_whatever_their_case() {
    let (world, _) = world().await;
    make(&world, "Web", None).await;
    let new = NewLabel { id: id(), name: "wEB", description: "", rule: None };
    let refused = create(&world.scope, &new, at(2)).await;
    assert!(matches!(refused, Err(ChangeError::NameTaken)));
    let found = find(&world.scope, "WEB").await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn a_rule_that_cannot_be_taken_makes_no_label() {
    let (world, _) = world().await;
    let rule =
        Condition::Software(SoftwareCondition { name: String::new(), source: None, version: None });
    let new = NewLabel { id: id(), name: "bad", description: "", rule: Some(&rule) };
    let refused = create(&world.scope, &new, at(2)).await;
    assert!(matches!(refused, Err(ChangeError::Rule(_))));
    let page = PageRequest::first(10);
    assert_eq!(list(&world.scope, &page).await.unwrap().items, []);
}

#[tokio::test]
async fn a_host_says_which_labels_it_carries() {
    let (world, endpoints) = world().await;
    make(&world, "b", Some(r#"{"hostname":"web-1"}"#)).await;
    make(&world, "A", Some(r#"{"all":[]}"#)).await;
    let ids: Vec<AgentId> = endpoints.iter().map(|endpoint| endpoint.agent).collect();
    let labels = of_hosts(&world.scope, &ids).await.unwrap();
    let names = |at: usize| -> Vec<&str> {
        labels[&ids[at]].iter().map(|label| label.name.as_str()).collect()
    };
    assert_eq!((names(0), names(1)), (vec!["A", "b"], vec!["A"]));
}
