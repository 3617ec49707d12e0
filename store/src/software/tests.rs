//! What a user would miss of software: found by name, source and state, counted over hosts.

use protocol::software::Source;

use super::*;
use crate::page::PageRequest;
use crate::test_fixtures::{Endpoint, World, at, key, record};

/// Two hosts: both have `good`, one has `bad1` and an application; `left` was removed.
async fn world() -> World {
    let world = World::new().await;
    let app = SoftwareRecord {
        source: Source::Snap,
        vendor: "Umbrella".to_owned(),
        epoch: Some(3),
        ..record("app", "2")
    };
    // Removed again: it has a row for good, and is on no host.
    let left = record("left", "1");
    for mut records in [vec![record("bad1", "1.1"), app, left.clone()], vec![]] {
        records.push(record("good", "1"));
        let mut endpoint = Endpoint::new(world.agent().await);
        world.apply(&endpoint.snapshot(records, 100)).await;
        world.apply(&[endpoint.delta(vec![], std::slice::from_ref(&left))]).await;
    }
    world
}

async fn find(world: &World, filter: &SoftwareFilter, sort: SoftwareSort) -> Vec<SoftwareItem> {
    list(&world.scope, filter, sort, &PageRequest::first(10)).await.unwrap().items
}

#[tokio::test]
async fn finds_software_by_name_vendor_source_state_and_findings() {
    let world = world().await;
    let with = |set: fn(&mut SoftwareFilter)| {
        let mut filter = SoftwareFilter::default();
        set(&mut filter);
        filter
    };
    for (filter, expected) in [
        (with(|_| {}), &["app", "bad1", "good"][..]),
        (with(|f| f.gone = true), &["app", "bad1", "good", "left"]),
        (with(|f| f.text = Some("AD".to_owned())), &["bad1"]),
        (with(|f| f.text = Some("umbrella".to_owned())), &["app"]),
        (with(|f| f.source = Some(Source::Snap)), &["app"]),
        (with(|f| f.status = Some(Status::Evaluated)), &["app", "bad1", "good"]),
        (with(|f| f.status = Some(Status::Unmapped)), &[]),
        (with(|f| f.vulnerable = Some(true)), &["bad1"]),
        (with(|f| f.vulnerable = Some(false)), &["app", "good"]),
    ] {
        let found = find(&world, &filter, SoftwareSort::Name).await;
        let names: Vec<_> = found.iter().map(|item| item.software.record.name.as_str()).collect();
        assert_eq!(names, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn counts_hosts_and_findings_and_sorts_by_them() {
    let world = world().await;
    let by_hosts = find(&world, &SoftwareFilter::default(), SoftwareSort::Hosts).await;
    assert_eq!((by_hosts[0].software.record.name.as_str(), by_hosts[0].hosts), ("good", 2));
    let by_findings = find(&world, &SoftwareFilter::default(), SoftwareSort::Findings).await;
    assert_eq!(by_findings[0].software.record.name, "bad1");
    assert_eq!(by_findings[0].findings.open, 2);
    let one = get(&world.scope, by_findings[0].software.key).await.unwrap();
    // A row of the list and the page of one are two queries.
    assert_eq!(one.as_ref(), Some(&by_findings[0]));
    let gone = get(&world.scope, key(&record("left", "1"))).await.unwrap().unwrap();
    assert_eq!(gone.hosts, 0);
    assert_eq!(get(&world.scope, SoftwareKey(1)).await.unwrap(), None);
}

#[tokio::test]
async fn keeps_every_field_that_makes_software_what_it_is() {
    let world = world().await;
    for item in find(&world, &SoftwareFilter::default(), SoftwareSort::Name).await {
        let software = item.software;
        assert_eq!(SoftwareKey::of(&software.record, &software.platform), software.key);
        assert_eq!(software.first_seen_at, at(0));
        assert_eq!(software.rule, "test");
        assert_eq!(software.cpes.len(), 1);
        assert_eq!(software.generation, crate::test_fixtures::GENERATION);
    }
}

#[tokio::test]
async fn the_summary_counts_what_the_lists_show() {
    let world = world().await;
    let summary = crate::summary::summary(&world.scope).await.unwrap();
    assert_eq!((summary.agents, summary.software, summary.installations), (2, 4, 4));
    assert_eq!(summary.findings.open, 2);
    let pipeline = crate::summary::pipeline(&world.scope).await.unwrap();
    assert_eq!((pipeline.reports, pipeline.behind, pipeline.dead_letters), (4, 0, 0));
    assert_eq!(pipeline.records, 7);
    let all = crate::summary::pipelines(&world.store().local_operator()).await.unwrap();
    assert_eq!(all, [(world.scope.company(), pipeline)]);
}

#[tokio::test]
async fn a_kernel_that_runs_and_one_that_waits_are_two_rows_and_are_judged_again_as_such() {
    let world = World::new().await;
    let kernel =
        |running| SoftwareRecord { running, ..record("linux-image-6.1.0-41-amd64", "6.1.158-1") };
    // The mark is part of what makes software what it is: of two hosts with the same package one
    // may run it.
    let marks = [Some(true), Some(false), None];
    for mark in marks {
        let mut endpoint = Endpoint::new(world.agent().await);
        world.apply(&endpoint.snapshot([kernel(mark)], 100)).await;
    }
    for mark in marks {
        let item = get(&world.scope, key(&kernel(mark))).await.unwrap().unwrap();
        assert_eq!(item.software.record, kernel(mark));
        assert_eq!(item.hosts, 1);
    }
    let again = page_for_evaluation(&world.scope, &[], None, 10).await.unwrap();
    let mut given: Vec<_> = again.into_iter().map(|software| software.record.running).collect();
    given.sort_unstable();
    assert_eq!(given, [None, Some(false), Some(true)]);
}
