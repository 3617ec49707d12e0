//! What a user would miss of hosts: found by what they are and what they have, counted as they are.

mod changes;
mod lists;
mod timeline;

use super::*;
use crate::agents;
use crate::cves;
use crate::page::PageRequest;
use crate::test_fixtures::{Endpoint, World, agent, at, facts, key, published, record};

/// `web-1` has `bad1` and `good`; `db-1` has `good`; `old` was revoked.
async fn world() -> (World, [AgentId; 3]) {
    let world = World::new().await;
    let mut ids = Vec::new();
    let good = record("good", "1");
    for (name, records) in [
        ("web-1", vec![record("bad1", "1.1"), good.clone()]),
        ("db-1", vec![good]),
        ("old", vec![]),
    ] {
        let mut endpoint = Endpoint::new(agent(&world.scope, name).await);
        let mut batch = endpoint.snapshot(records, 100);
        let mut said = facts(name);
        if name == "db-1" {
            said.platform.id = "ubuntu".to_owned();
        }
        batch[0].report.facts = Some(Box::new(said));
        world.apply(&batch).await;
        ids.push(endpoint.agent);
    }
    agents::revoke(&world.scope, ids[2], at(9)).await.unwrap();
    (world, ids.try_into().unwrap())
}

async fn names(world: &World, filter: HostFilter) -> Vec<String> {
    let page = PageRequest::first(10);
    let hosts = list(&world.scope, &filter, HostSort::Hostname, &page).await.unwrap();
    hosts.items.into_iter().map(|host| host.hostname).collect()
}

#[tokio::test]
async fn finds_hosts_by_what_they_are_and_what_they_have() {
    let (world, _) = world().await;
    let with = |set: fn(&mut HostFilter)| {
        let mut filter = HostFilter::default();
        set(&mut filter);
        filter
    };
    for (filter, expected) in [
        (with(|_| {}), &["db-1", "web-1"][..]),
        (with(|f| f.revoked = true), &["db-1", "old", "web-1"]),
        (with(|f| f.text = Some("WEB".to_owned())), &["web-1"]),
        (with(|f| f.text = Some("%".to_owned())), &[]),
        (with(|f| f.platform = Some("linux".to_owned())), &["db-1", "web-1"]),
        (with(|f| f.platform = Some("ubuntu".to_owned())), &["db-1"]),
        (with(|f| f.os_version = Some("12".to_owned())), &["db-1", "web-1"]),
        (with(|f| f.os_version = Some("1".to_owned())), &[]),
        (with(|f| f.cve = Some("CVE-2024-90010".to_owned())), &["web-1"]),
        (with(|f| f.cve = Some("CVE-2024-9999".to_owned())), &[]),
        (with(|f| f.software = Some(key(&record("good", "1")))), &["db-1", "web-1"]),
        (with(|f| f.software = Some(key(&record("bad1", "1.1")))), &["web-1"]),
        (with(|f| f.silent_since = Some(at(1))), &[]),
        (with(|f| f.silent_since = Some(at(2))), &["db-1", "web-1"]),
    ] {
        assert_eq!(names(&world, filter.clone()).await, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn counts_software_and_findings_of_each_host() {
    let (world, [web, db, _]) = world().await;
    let records =
        [published("CVE-2024-90010", 9.8, "critical"), published("CVE-2024-90011", 7.5, "high")];
    cves::upsert(world.store(), &records).await.unwrap();
    let page = PageRequest::first(10);
    let filter = HostFilter::default();
    let hosts = list(&world.scope, &filter, HostSort::Software, &page).await.unwrap();
    let counts: Vec<_> = hosts
        .items
        .iter()
        .map(|host| {
            let found = host.findings;
            (host.id, host.software, (found.open, found.critical, found.high, found.kev))
        })
        .collect();
    assert_eq!(counts, [(web, 2, (2, 1, 1, 0)), (db, 1, (0, 0, 0, 0))]);
    let detail = get(&world.scope, web).await.unwrap().unwrap();
    assert_eq!(detail.host, hosts.items[0]);
    assert_eq!(detail.facts.unwrap().cpu_count, 2);
}

#[tokio::test]
async fn shows_what_is_on_a_host_and_what_of_it_is_vulnerable() {
    let (world, [web, ..]) = world().await;
    let page = PageRequest::first(10);
    for (vulnerable, text, expected) in [
        (None, None, &["bad1", "good"][..]),
        (Some(true), None, &["bad1"]),
        (Some(false), None, &["good"]),
        (None, Some("OO"), &["good"]),
    ] {
        let filter = HostSoftwareFilter { text: text.map(str::to_owned), vulnerable, as_of: None };
        let installed = software(&world.scope, web, &filter, &page).await.unwrap().items;
        let names: Vec<_> = installed.iter().map(|i| i.software.record.name.as_str()).collect();
        assert_eq!(names, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_removed_piece_of_software_is_gone_from_the_host_and_its_exposure() {
    let (world, [web, ..]) = world().await;
    let mut endpoint = Endpoint::new(web);
    endpoint.position = protocol::ids::Position::new(1, 1);
    world.apply(&[endpoint.delta(vec![], &[record("bad1", "1.1")])]).await;
    let detail = get(&world.scope, web).await.unwrap().unwrap();
    assert_eq!((detail.host.software, detail.host.findings.open), (1, 0));
    let exposed = HostFilter { cve: Some("CVE-2024-90010".to_owned()), ..HostFilter::default() };
    assert!(names(&world, exposed).await.is_empty());
}
