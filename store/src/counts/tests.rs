//! What a user would miss of kept counts: the lists of a large company are those of a small one, nothing
//! that is new is missing before it is counted, and what stays is not written.

mod exports;
mod filtered;
mod meanwhile;
mod of_hosts;

use enrichment::cve::KevEntry;
use protocol::fingerprint::SoftwareKey;

use super::make::count_by;
use super::*;
use crate::cves::{self, CveFilter, CveSort, Severity};
use crate::findings::{self, FindingFilter, FindingSort};
use crate::hosts::{self, HostFilter, HostSort};
use crate::page::{Page, PageRequest};
use crate::software::{self, SoftwareFilter, SoftwareSort};
use crate::tenant::TenantScope;
use crate::test_fixtures::{Endpoint, World, at, company, evaluation, key, published, record};

/// Four hosts: `bad1` 1.1 and `good` are on all, `bad1` 2.1 on two, `bad2` on one.
async fn world() -> (World, Vec<Endpoint>) {
    let world = World::new().await;
    let mut endpoints = Vec::new();
    for host in 0..4 {
        let mut records = vec![record("bad1", "1.1"), record("good", "1")];
        if host < 2 {
            records.push(record("bad1", "2.1"));
        }
        if host < 1 {
            records.push(record("bad2", "1.1"));
        }
        let mut endpoint = Endpoint::new(world.agent().await);
        world.apply(&endpoint.snapshot(records, 100)).await;
        endpoints.push(endpoint);
    }
    let records = [
        published("CVE-2024-90010", 5.0, "medium"),
        published("CVE-2024-90011", 7.5, "high"),
        published("CVE-2024-90020", 9.8, "critical"),
    ];
    cves::upsert(world.store(), &records).await.unwrap();
    (world, endpoints)
}

async fn count_at(world: &World, seconds: i64) -> Counted {
    count(&world.scope, at(seconds), || 0.5).await.unwrap()
}

/// All rows of a list that is read two by two.
async fn rows_of<T, F>(list: impl Fn(PageRequest) -> F) -> Vec<T>
where
    F: Future<Output = Result<Page<T>, StoreError>>,
{
    let mut page = PageRequest::first(2);
    let mut rows = Vec::new();
    loop {
        let found = list(page.clone()).await.unwrap();
        rows.extend(found.items);
        match found.next {
            Some(next) => page.after = Some(next),
            None => return rows,
        }
    }
}

async fn findings_by(
    scope: &TenantScope,
    sort: FindingSort,
    filter: &FindingFilter,
) -> Vec<(String, SoftwareKey, u64)> {
    let rows = rows_of(async |page| findings::list(scope, filter, sort, &page).await).await;
    rows.into_iter().map(|row| (row.cve.id, row.software, row.hosts)).collect()
}

async fn cves_by(
    scope: &TenantScope,
    sort: CveSort,
    filter: &CveFilter,
) -> Vec<(String, u64, u64)> {
    let rows = rows_of(async |page| cves::list(scope, filter, sort, &page).await).await;
    rows.into_iter().map(|row| (row.cve.id, row.software, row.hosts)).collect()
}

async fn software_by(scope: &TenantScope, sort: SoftwareSort) -> Vec<(SoftwareKey, u64, u64)> {
    let filter = SoftwareFilter::default();
    let rows = rows_of(async |page| software::list(scope, &filter, sort, &page).await).await;
    rows.into_iter().map(|row| (row.software.key, row.hosts, row.findings.open)).collect()
}

/// Every list in every order.
async fn lists(scope: &TenantScope) -> Vec<String> {
    let mut lists = Vec::new();
    for sort in [
        FindingSort::Severity,
        FindingSort::Epss,
        FindingSort::Kev,
        FindingSort::Opened,
        FindingSort::Hosts,
    ] {
        for filter in [
            FindingFilter::default(),
            FindingFilter { severity_min: Some(Severity::High), ..FindingFilter::default() },
            FindingFilter { kev: Some(false), ..FindingFilter::default() },
            FindingFilter { kev: Some(true), ..FindingFilter::default() },
            FindingFilter { on_hosts: Some(true), ..FindingFilter::default() },
            FindingFilter { on_hosts: Some(false), ..FindingFilter::default() },
        ] {
            let rows = findings_by(scope, sort, &filter).await;
            lists.push(format!("findings by {sort:?} of {filter:?}: {rows:?}"));
        }
    }
    for sort in [CveSort::Severity, CveSort::Epss, CveSort::Kev, CveSort::Hosts, CveSort::Published]
    {
        for filter in [
            CveFilter::default(),
            CveFilter { severity_min: Some(Severity::High), ..CveFilter::default() },
            CveFilter { kev: Some(true), ..CveFilter::default() },
            CveFilter { on_hosts: Some(true), ..CveFilter::default() },
            CveFilter { text: Some("90020".to_owned()), ..CveFilter::default() },
        ] {
            let rows = cves_by(scope, sort, &filter).await;
            lists.push(format!("CVEs by {sort:?} of {filter:?}: {rows:?}"));
        }
    }
    for sort in
        [SoftwareSort::Name, SoftwareSort::Hosts, SoftwareSort::Findings, SoftwareSort::FirstSeen]
    {
        let rows = software_by(scope, sort).await;
        lists.push(format!("software by {sort:?}: {rows:?}"));
    }
    lists
}

#[tokio::test]
async fn lists_by_kept_counts_are_those_that_count_when_asked() {
    let (world, _) = world().await;
    let asked = lists(&world.scope).await;
    assert_eq!(count_at(&world, 10).await, Counted { software: 4, cves: 4, hosts: 4 });
    let kept = lists(&world.scope).await;
    for (asked, kept) in asked.iter().zip(&kept) {
        assert_eq!(asked, kept);
    }
    let by_hosts = software_by(&world.scope, SoftwareSort::Hosts).await;
    let hosts: Vec<u64> = by_hosts.iter().map(|(_, hosts, _)| *hosts).collect();
    assert_eq!(hosts, [4, 4, 2, 1]);
}

#[tokio::test]
async fn exploited_findings_of_a_large_company_are_those_of_a_small_one_in_every_order() {
    let (world, _) = world().await;
    let mut exploited = published("CVE-2024-90010", 5.0, "medium");
    exploited.kev = Some(KevEntry {
        cve: exploited.id,
        name: "X".to_owned(),
        added_on: "2024-02-03".to_owned(),
        due_on: String::new(),
        required_action: String::new(),
        ransomware: false,
    });
    cves::upsert(world.store(), &[exploited]).await.unwrap();
    for severity_min in [None, Some(Severity::Low), Some(Severity::High)] {
        let filter = FindingFilter { kev: Some(true), severity_min, ..FindingFilter::default() };
        let found = async || {
            let mut found = Vec::new();
            for sort in
                [FindingSort::Severity, FindingSort::Epss, FindingSort::Opened, FindingSort::Hosts]
            {
                found.push(findings_by(&world.scope, sort, &filter).await);
            }
            found
        };
        world.database.execute("DELETE FROM company_counts").await;
        let asked = found().await;
        // Two versions of `bad1` have it.
        let expected = if severity_min == Some(Severity::High) { 0 } else { 2 };
        assert!(asked.iter().all(|rows| rows.len() == expected), "{asked:?}");
        count_at(&world, 10).await;
        assert_eq!(found().await, asked);
    }
}

#[tokio::test]
async fn one_host_of_a_large_company_has_the_findings_that_it_has_now() {
    let (world, mut endpoints) = world().await;
    let host = endpoints[3].agent;
    let found = async || hosts::get(&world.scope, host).await.unwrap().unwrap().host.findings.open;
    count_at(&world, 10).await;
    assert_eq!(found().await, 2);
    world.apply(&[endpoints[3].delta(vec![record("bad3", "1.1")], &[])]).await;
    // In a list it has them with the next count.
    let (filter, page) = (HostFilter::default(), PageRequest::first(1));
    let listed = hosts::list(&world.scope, &filter, HostSort::Enrolled, &page).await.unwrap();
    assert_eq!((found().await, listed.items[0].findings.open), (4, 2));
    // Of what has many findings the kept ones.
    let set = "UPDATE software_counts SET open = 1000 WHERE hosts = 4 AND open > 0";
    world.database.execute(set).await;
    assert_eq!(found().await, 1_002);
}

#[tokio::test]
async fn what_is_found_after_the_count_is_in_every_list_before_the_next() {
    let (world, mut endpoints) = world().await;
    count_at(&world, 10).await;
    let new = record("bad3", "1");
    world.apply(&[endpoints[3].delta(vec![new.clone()], &[])]).await;
    for sort in [FindingSort::Severity, FindingSort::Epss, FindingSort::Opened, FindingSort::Hosts]
    {
        let rows = findings_by(&world.scope, sort, &FindingFilter::default()).await;
        let found = rows.iter().find(|(cve, ..)| cve == "CVE-2024-90030");
        assert_eq!(found, Some(&("CVE-2024-90030".to_owned(), key(&new), 1)), "{sort:?}");
    }
    for sort in [CveSort::Severity, CveSort::Epss, CveSort::Kev, CveSort::Hosts, CveSort::Published]
    {
        let rows = cves_by(&world.scope, sort, &CveFilter::default()).await;
        assert!(rows.contains(&("CVE-2024-90030".to_owned(), 1, 1)), "{sort:?}: {rows:?}");
    }
    for sort in [SoftwareSort::Hosts, SoftwareSort::Findings] {
        let rows = software_by(&world.scope, sort).await;
        assert!(rows.contains(&(key(&new), 1, 1)), "{sort:?}: {rows:?}");
    }
}

#[tokio::test]
async fn software_that_is_new_and_has_no_findings_is_in_every_list_before_the_next_count() {
    let (world, mut endpoints) = world().await;
    count_at(&world, 10).await;
    let new = record("fine", "1");
    world.apply(&[endpoints[3].delta(vec![new.clone()], &[])]).await;
    for sort in
        [SoftwareSort::Name, SoftwareSort::Hosts, SoftwareSort::Findings, SoftwareSort::FirstSeen]
    {
        let rows = software_by(&world.scope, sort).await;
        assert_eq!(rows.len(), 5, "{sort:?}");
        assert!(rows.contains(&(key(&new), 1, 0)), "{sort:?}: {rows:?}");
    }
}

#[tokio::test]
async fn a_company_is_counted_once_all_that_differs_is_written() {
    let (world, mut endpoints) = world().await;
    let asked = lists(&world.scope).await;
    let counted = count_by(&world.scope, 1, at(10), || 0.5).await.unwrap();
    assert_eq!(counted, Counted { software: 4, cves: 4, hosts: 4 });
    assert_eq!(lists(&world.scope).await, asked);
    let (gone, new) = (record("bad1", "2.1"), record("bad4", "1.1"));
    world.apply(&[endpoints[0].delta(vec![new], std::slice::from_ref(&gone))]).await;
    count_by(&world.scope, 1, at(20), || 0.5).await.unwrap();
    assert_eq!(count_at(&world, 30).await, Counted::default());
}

#[tokio::test]
async fn software_that_was_clean_until_now_is_among_the_findings_by_hosts() {
    let (world, _) = world().await;
    count_at(&world, 10).await;
    let good = key(&record("good", "1"));
    let judged = [(good, evaluation(&["CVE-2024-7777"]))];
    findings::replace(&world.scope, &judged, 2, at(20)).await.unwrap();
    let rows = findings_by(&world.scope, FindingSort::Hosts, &FindingFilter::default()).await;
    assert!(rows.contains(&("CVE-2024-7777".to_owned(), good, 4)), "{rows:?}");
}

#[tokio::test]
async fn what_is_resolved_or_on_no_host_any_more_is_in_no_list_and_then_in_no_count() {
    let (world, mut endpoints) = world().await;
    count_at(&world, 10).await;
    let bad2 = record("bad2", "1.1");
    world.apply(&[endpoints[0].delta(vec![], std::slice::from_ref(&bad2))]).await;
    let judged = [(key(&bad2), evaluation(&[""; 0]))];
    findings::replace(&world.scope, &judged, 2, at(20)).await.unwrap();
    let before = lists(&world.scope).await;
    for list in &before {
        assert!(!list.contains("CVE-2024-90020"), "{list}");
    }
    assert_eq!(count_at(&world, 30).await, Counted { software: 1, cves: 2, hosts: 1 });
    assert_eq!(lists(&world.scope).await, before);
}

#[tokio::test]
async fn counting_again_writes_only_what_differs() {
    let (world, mut endpoints) = world().await;
    count_at(&world, 10).await;
    assert_eq!(count_at(&world, 20).await, Counted::default());
    let record = record("bad1", "2.1");
    world.apply(&[endpoints[0].delta(vec![], std::slice::from_ref(&record))]).await;
    // The software, and the CVEs that no host has any more but through others: those of `bad1` stay on four.
    assert_eq!(count_at(&world, 30).await, Counted { software: 1, cves: 0, hosts: 1 });
}

#[tokio::test]
async fn a_new_score_moves_its_cve_with_the_next_count() {
    let (world, _) = world().await;
    count_at(&world, 10).await;
    let first = async || {
        let rows = cves_by(&world.scope, CveSort::Severity, &CveFilter::default()).await;
        rows[0].0.clone()
    };
    assert_eq!(first().await, "CVE-2024-90020");
    let record = published("CVE-2024-90010", 10.0, "critical");
    cves::upsert(world.store(), &[record]).await.unwrap();
    assert_eq!(count_at(&world, 20).await, Counted { software: 2, cves: 1, hosts: 4 });
    assert_eq!(first().await, "CVE-2024-90010");
}

#[tokio::test]
async fn large_numbers_are_the_kept_ones_and_small_ones_are_of_this_moment() {
    let (world, _) = world().await;
    count_at(&world, 10).await;
    let set =
        "WITH set AS (UPDATE software_counts SET hosts = CASE WHEN hosts = 4 THEN 100 ELSE 99 END
               WHERE company_key = $1 RETURNING 1) SELECT count(*) FROM set";
    let mut tx = world.tx().await;
    let _: i64 = sqlx::query_scalar(set).bind(world.scope.key()).fetch_one(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut shown: Vec<u64> =
        software_by(&world.scope, SoftwareSort::Name).await.iter().map(|row| row.1).collect();
    shown.sort_unstable();
    assert_eq!(shown, [1, 2, 100, 100]);
}

#[tokio::test]
async fn hosts_of_a_cve_are_of_this_moment_while_they_are_few() {
    let (world, mut endpoints) = world().await;
    count_at(&world, 10).await;
    let last = record("bad2", "1.1");
    world.apply(&[endpoints[0].delta(vec![], std::slice::from_ref(&last))]).await;
    world
        .apply(&[endpoints[1].delta(vec![], &[record("bad1", "1.1"), record("bad1", "2.1")])])
        .await;
    let set = "WITH set AS (UPDATE cve_counts SET hosts = CASE cve
                   WHEN 'CVE-2024-90010' THEN 99 WHEN 'CVE-2024-90011' THEN 100 ELSE hosts END
               WHERE company_key = $1 RETURNING 1) SELECT count(*) FROM set";
    let mut tx = world.tx().await;
    let _: i64 = sqlx::query_scalar(set).bind(world.scope.key()).fetch_one(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut shown: Vec<_> = cves_by(&world.scope, CveSort::Severity, &CveFilter::default()).await;
    shown.sort_unstable();
    let shown: Vec<_> = shown.iter().map(|(cve, _, hosts)| (cve.as_str(), *hosts)).collect();
    let expected = [("CVE-2024-90010", 3), ("CVE-2024-90011", 100), ("CVE-2024-90020", 0)];
    assert_eq!(shown[..3], expected);
}

#[tokio::test]
async fn a_small_company_beside_a_large_one_is_counted_when_it_asks() {
    let (world, _) = world().await;
    let small = company(world.store(), "Small").await;
    count_at(&world, 10).await;
    assert!(cves_by(&small, CveSort::Hosts, &CveFilter::default()).await.is_empty());
    let (page, any) = (PageRequest::first(1), FindingFilter::default());
    for (scope, expected) in [(&small, None), (&world.scope, Some(at(10)))] {
        let findings = findings::list(scope, &any, FindingSort::Severity, &page).await.unwrap();
        let cves = cves::list(scope, &CveFilter::default(), CveSort::Hosts, &page).await.unwrap();
        let filter = SoftwareFilter::default();
        let software = software::list(scope, &filter, SoftwareSort::Name, &page).await.unwrap();
        let filter = HostFilter::default();
        let hosts = hosts::list(scope, &filter, HostSort::Hostname, &page).await.unwrap();
        let said = [findings.counted_at, cves.counted_at, software.counted_at, hosts.counted_at];
        assert_eq!(said, [expected; 4]);
    }
    // The past is counted when it is asked for.
    let then = FindingFilter { as_of: Some(at(5)), ..any };
    let then = findings::list(&world.scope, &then, FindingSort::Severity, &page).await.unwrap();
    assert_eq!(then.counted_at, None);
}
