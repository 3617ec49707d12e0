//! What a user would miss of exports and of the past: every row of the list once, in its order, and
//! what was there then.

use crate::cves::{self, CveFilter, CveSort};
use crate::export::{Columns, READ_WITHIN, snapshot};
use crate::findings::{self, FindingFilter, FindingSort, FindingState, replace};
use crate::hosts::{self, HostFilter, HostSoftwareFilter, HostSort};
use crate::page::PageRequest;
use crate::software::{self, SoftwareFilter, SoftwareSort};
use crate::test_fixtures::{Endpoint, World, agent, at, evaluation, key, record};

/// All that an export gives, with the sizes of its pieces.
macro_rules! whole {
    ($export:expr) => {{
        let mut export = $export.await.unwrap();
        let (mut all, mut sizes) = (Vec::new(), Vec::new());
        loop {
            let some = export.next().await.unwrap();
            if some.is_empty() {
                break;
            }
            sizes.push(some.len());
            all.extend(some);
        }
        (all, sizes)
    }};
}

/// All pages of a list.
macro_rules! pages {
    ($list:expr) => {{
        let mut page = PageRequest::first(500);
        let mut all = Vec::new();
        loop {
            let found = $list(page.clone()).await.unwrap();
            all.extend(found.items);
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        all
    }};
}

/// A host with so many pieces of software, each with a finding.
async fn world(count: usize) -> (World, Endpoint) {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let records = (0..count).map(|n| record(&format!("bad{n}"), "1"));
    world.apply(&endpoint.snapshot(records, 100)).await;
    // As PostgreSQL does by itself within a minute, where it is let.
    let url = world.database.url();
    let mut owner = <sqlx::PgConnection as sqlx::Connection>::connect(url).await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut owner).await.unwrap();
    (world, endpoint)
}

#[tokio::test]
async fn an_export_has_the_rows_of_all_pages_in_their_order_a_few_at_a_time() {
    let (world, endpoint) = world(4_500).await;
    let scope = &world.scope;
    let any = FindingFilter::default();
    for sort in [FindingSort::Severity, FindingSort::Hosts] {
        let (exported, sizes) = whole!(findings::export(scope, &any, sort, Columns::All));
        let listed = pages!(|page| {
            let any = &any;
            async move { findings::list(scope, any, sort, &page).await }
        });
        assert_eq!(exported, listed);
        assert_eq!(sizes, [2_000, 2_000, 500]);
    }
    let any = SoftwareFilter::default();
    let (exported, _) = whole!(software::export(scope, &any, SoftwareSort::Name));
    let listed = pages!(|page| {
        let any = &any;
        async move { software::list(scope, any, SoftwareSort::Name, &page).await }
    });
    assert_eq!(exported, listed);
    let any = HostSoftwareFilter::default();
    let (exported, _) = whole!(hosts::export_software(scope, endpoint.agent, &any));
    let listed = pages!(|page| {
        let any = &any;
        async move { hosts::software(scope, endpoint.agent, any, &page).await }
    });
    assert_eq!(exported, listed);
    let any = CveFilter::default();
    let (exported, _) = whole!(cves::export(scope, &any, CveSort::Hosts));
    assert_eq!(exported.len(), 4_500);
}

#[tokio::test]
async fn an_export_shows_one_moment_whatever_is_written_meanwhile() {
    let (world, mut endpoint) = world(2_100).await;
    let any = SoftwareFilter::default();
    let mut export = software::export(&world.scope, &any, SoftwareSort::Name).await.unwrap();
    let first = export.next().await.unwrap();
    assert_eq!(first.len(), 2_000);
    let more = (0..50).map(|n| record(&format!("zz{n}"), "1"));
    world.apply(&[endpoint.delta(more.collect(), &[])]).await;
    let rest = export.next().await.unwrap();
    assert_eq!(rest.len(), 100);
    assert_eq!(export.next().await.unwrap(), []);
}

#[tokio::test]
async fn an_export_is_kept_for_as_long_as_somebody_may_read_it_however_slowly() {
    let world = World::new().await;
    let mut tx = snapshot(&world.scope, "test").await.unwrap();
    let idle = "SELECT extract(epoch FROM
        current_setting('idle_in_transaction_session_timeout')::interval)::bigint";
    let idle_s: i64 = sqlx::query_scalar(idle).fetch_one(&mut *tx).await.unwrap();
    assert!(idle_s.unsigned_abs() > READ_WITHIN.as_secs(), "{idle_s} s");
}

#[tokio::test]
async fn an_export_that_nobody_reads_to_its_end_keeps_no_connection() {
    let (world, _) = world(10).await;
    let any = HostFilter::default();
    // Far more than the pool has.
    for _ in 0..64 {
        let export = hosts::export(&world.scope, &any, HostSort::Hostname);
        drop(export.await.unwrap());
    }
}

/// `web` had `bad1` 1.1 from 1 to 3 s, and has `good`; `late` came at 100 s. One finding was resolved
/// at 50 s.
async fn history() -> (World, Endpoint) {
    let world = World::new().await;
    let mut web = Endpoint::new(agent(&world.scope, "web").await);
    let (bad, good) = (record("bad1", "1.1"), record("good", "1"));
    world.apply(&web.snapshot([bad.clone(), good], 100)).await;
    world.apply(&[web.delta(vec![record("x", "1")], &[])]).await;
    world.apply(&[web.delta(vec![], std::slice::from_ref(&bad))]).await;
    let judged = [(key(&bad), evaluation(&["CVE-2024-90010"]))];
    replace(&world.scope, &judged, 2, at(50)).await.unwrap();
    (world, web)
}

#[tokio::test]
async fn hosts_are_shown_with_what_they_had() {
    let (world, web) = history().await;
    for (then, software, open) in [(0, 0, 0), (1, 2, 2), (2, 3, 2), (3, 2, 0), (60, 2, 0)] {
        let filter = HostFilter { as_of: Some(at(then)), ..HostFilter::default() };
        let page = PageRequest::first(10);
        let listed = hosts::list(&world.scope, &filter, HostSort::Hostname, &page);
        let host = listed.await.unwrap().items.remove(0);
        assert_eq!(host.id, web.agent);
        assert_eq!((host.software, host.findings.open), (software, open), "{then}");
    }
    for (then, expected) in [(2, 1), (3, 0)] {
        let filter = HostFilter {
            cve: Some("CVE-2024-90010".to_owned()),
            as_of: Some(at(then)),
            ..HostFilter::default()
        };
        let page = PageRequest::first(10);
        let listed = hosts::list(&world.scope, &filter, HostSort::Hostname, &page);
        assert_eq!(listed.await.unwrap().items.len(), expected, "{then}");
    }
    let before = HostFilter { as_of: Some(at(-1)), ..HostFilter::default() };
    let (none, _) = whole!(hosts::export(&world.scope, &before, HostSort::Hostname));
    assert_eq!(none, []);
}

#[tokio::test]
async fn software_and_what_one_host_had_are_shown_as_they_were() {
    let (world, web) = history().await;
    for (then, expected) in
        [(1, &["bad1", "good"][..]), (2, &["bad1", "good", "x"]), (3, &["good", "x"])]
    {
        let filter = SoftwareFilter { as_of: Some(at(then)), ..SoftwareFilter::default() };
        let (all, _) = whole!(software::export(&world.scope, &filter, SoftwareSort::Name));
        let names: Vec<_> = all.iter().map(|item| item.software.record.name.as_str()).collect();
        assert_eq!(names, expected, "{then}");
        assert!(all.iter().all(|item| item.hosts == 1));
        let filter = HostSoftwareFilter { as_of: Some(at(then)), ..HostSoftwareFilter::default() };
        let (all, _) = whole!(hosts::export_software(&world.scope, web.agent, &filter));
        let names: Vec<_> = all.iter().map(|item| item.software.record.name.as_str()).collect();
        assert_eq!(names, expected, "{then}");
    }
}

#[tokio::test]
async fn findings_are_shown_as_they_stood() {
    let (world, web) = history().await;
    for (then, host, state, expected) in [
        (49, None, FindingState::Open, 2),
        (50, None, FindingState::Open, 1),
        (50, None, FindingState::Resolved, 1),
        (49, None, FindingState::Resolved, 0),
        (2, Some(web.agent), FindingState::Open, 2),
        (3, Some(web.agent), FindingState::Open, 0),
        (-1, None, FindingState::Any, 0),
    ] {
        let filter =
            FindingFilter { state, host, as_of: Some(at(then)), ..FindingFilter::default() };
        let (all, _) =
            whole!(findings::export(&world.scope, &filter, FindingSort::Opened, Columns::All));
        assert_eq!(all.len(), expected, "{then} {state:?}");
        for finding in all {
            let expected = match state {
                FindingState::Resolved => "resolved",
                FindingState::Open | FindingState::Suppressed | FindingState::Any => "open",
            };
            assert_eq!(finding.state(filter.as_of), expected);
        }
    }
}
