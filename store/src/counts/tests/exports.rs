//! Exports of a large company: the rows of a small one in the same order, with the numbers of the last count, and what came
//! since with its own.

use super::*;
use crate::cves::CveItem;
use crate::export::Columns;
use crate::findings::Finding;
use crate::hosts::{Host, HostSort};
use crate::software::SoftwareItem;

/// All that an export gives.
macro_rules! whole {
    ($export:expr) => {{
        let mut export = $export.await.unwrap();
        let mut all = Vec::new();
        loop {
            let some = export.next().await.unwrap();
            if some.is_empty() {
                break all;
            }
            all.extend(some);
        }
    }};
}

/// Every export in every order.
#[derive(Debug, PartialEq)]
struct Exports {
    findings: Vec<Vec<Finding>>,
    cves: Vec<Vec<CveItem>>,
    software: Vec<Vec<SoftwareItem>>,
    hosts: Vec<Vec<Host>>,
}

async fn exports(scope: &TenantScope) -> Exports {
    let (mut findings, mut cves) = (Vec::new(), Vec::new());
    let (mut software, mut hosts) = (Vec::new(), Vec::new());
    for sort in [
        FindingSort::Severity,
        FindingSort::Epss,
        FindingSort::Kev,
        FindingSort::Opened,
        FindingSort::Hosts,
    ] {
        let any = FindingFilter::default();
        findings.push(whole!(findings::export(scope, &any, sort, Columns::All)));
    }
    for sort in [CveSort::Severity, CveSort::Epss, CveSort::Kev, CveSort::Hosts, CveSort::Published]
    {
        cves.push(whole!(cves::export(scope, &CveFilter::default(), sort)));
    }
    for sort in
        [SoftwareSort::Name, SoftwareSort::Hosts, SoftwareSort::Findings, SoftwareSort::FirstSeen]
    {
        software.push(whole!(software::export(scope, &SoftwareFilter::default(), sort)));
    }
    for sort in [
        HostSort::Hostname,
        HostSort::LastSeen,
        HostSort::Enrolled,
        HostSort::Software,
        HostSort::Findings,
        HostSort::Critical,
    ] {
        hosts.push(whole!(hosts::export(scope, &HostFilter::default(), sort)));
    }
    Exports { findings, cves, software, hosts }
}

#[tokio::test]
async fn exports_by_kept_counts_are_those_that_count_when_asked() {
    let (world, _) = world().await;
    let asked = exports(&world.scope).await;
    count_at(&world, 10).await;
    assert_eq!(exports(&world.scope).await, asked);
    let hosts: Vec<u64> = asked.software[1].iter().map(|item| item.hosts).collect();
    assert_eq!(hosts, [4, 4, 2, 1]);
}

#[tokio::test]
async fn what_came_after_the_count_is_in_every_export_with_all_its_numbers() {
    let (world, mut endpoints) = world().await;
    count_at(&world, 10).await;
    let new = record("bad3", "1.1");
    let mut late = Endpoint::new(crate::test_fixtures::agent(&world.scope, "late").await);
    world.apply(&late.snapshot([new.clone()], 100)).await;
    world.apply(&[endpoints[3].delta(vec![new.clone(), record("fine", "1")], &[])]).await;
    let kept = exports(&world.scope).await;
    for findings in &kept.findings {
        let found = findings.iter().filter(|finding| finding.software == key(&new));
        assert_eq!(found.map(|finding| finding.hosts).collect::<Vec<_>>(), [2, 2]);
    }
    for cves in &kept.cves {
        let found = cves.iter().filter(|item| item.cve.id.starts_with("CVE-2024-9003"));
        let found: Vec<_> = found.map(|item| (item.software, item.hosts)).collect();
        assert_eq!(found, [(1, 2), (1, 2)]);
    }
    for software in &kept.software {
        assert_eq!(software.len(), 6);
        let found = software.iter().find(|item| item.software.key == key(&new)).unwrap();
        assert_eq!((found.hosts, found.findings.open), (2, 2));
        let fine = key(&record("fine", "1"));
        let fine = software.iter().find(|item| item.software.key == fine).unwrap();
        assert_eq!((fine.hosts, fine.findings.open), (1, 0));
    }
    for hosts in &kept.hosts {
        let found = hosts.iter().find(|host| host.id == late.agent).unwrap();
        assert_eq!((found.software, found.findings.open), (1, 2));
    }
}

#[tokio::test]
async fn an_export_shows_the_numbers_of_the_last_count_however_few() {
    let (world, mut endpoints) = world().await;
    count_at(&world, 10).await;
    let (one, other) = (record("bad1", "1.1"), record("bad2", "1.1"));
    world.apply(&[endpoints[0].delta(vec![], &[one.clone(), other.clone()])]).await;
    let kept = exports(&world.scope).await;
    let finding = kept.findings[0].iter().find(|finding| finding.software == key(&one)).unwrap();
    let item = kept.software[0].iter().find(|item| item.software.key == key(&one)).unwrap();
    assert_eq!((finding.hosts, item.hosts), (4, 4));
    // What no host has any more is in no export of what hosts have.
    assert!(kept.software[0].iter().all(|item| item.software.key != key(&other)));
    count_at(&world, 20).await;
    let kept = exports(&world.scope).await;
    let finding = kept.findings[0].iter().find(|finding| finding.software == key(&one)).unwrap();
    assert_eq!(finding.hosts, 3);
}

#[tokio::test]
async fn an_export_of_the_past_counts_what_was_there_then() {
    let (world, mut endpoints) = world().await;
    count_at(&world, 10).await;
    let one = record("bad1", "1.1");
    world.apply(&[endpoints[0].delta(vec![], std::slice::from_ref(&one))]).await;
    count_at(&world, 20).await;
    let then = FindingFilter { as_of: Some(at(1)), ..FindingFilter::default() };
    let all = findings::export(&world.scope, &then, FindingSort::Severity, Columns::All);
    let then = whole!(all).into_iter().find(|finding| finding.software == key(&one)).unwrap();
    assert_eq!(then.hosts, 4);
}

#[tokio::test]
async fn without_what_is_wide_an_export_has_all_that_a_table_shows() {
    let (world, _) = world().await;
    let any = FindingFilter::default();
    for _ in 0..2 {
        let all = findings::export(&world.scope, &any, FindingSort::Severity, Columns::All);
        let mut all = whole!(all);
        assert!(
            all.iter().any(|finding| !finding.why.is_null() && !finding.cve.summary.is_empty())
        );
        for finding in &mut all {
            let cve = &mut finding.cve;
            for wide in [&mut cve.status, &mut cve.summary, &mut cve.severity_source] {
                wide.clear();
            }
            (cve.vector, cve.modified_at) = (None, None);
            if let Some(epss) = &mut cve.epss {
                epss.percentile = 0.0;
            }
            finding.why = serde_json::Value::Null;
        }
        let cells = findings::export(&world.scope, &any, FindingSort::Severity, Columns::Cells);
        assert_eq!(whole!(cells), all);
        count_at(&world, 10).await;
    }
}
