//! A newer version's columns beside a node that goes on: rolling upgrades change the schema first.

use crate::cves::{self, CveFilter, CveSort};
use crate::findings::{self, FindingFilter, FindingSort};
use crate::hosts::{self, ChangeFilter, HostFilter, HostSoftwareFilter, HostSort};
use crate::page::PageRequest;
use crate::software::{self, SoftwareFilter, SoftwareSort, TitleFilter, TitleSort};
use crate::test_fixtures::{Endpoint, World, at, key, published, record};
use crate::{companies, counts, summary};

/// Gives every table a column that this version does not know.
const NEWER: &str = "DO $$ DECLARE t regclass; BEGIN
    FOR t IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN of_a_newer_version bigint DEFAULT 7', t);
    END LOOP;
END $$";

/// How many rows each list has, asked on the same session every time.
async fn lists(world: &World, endpoint: &Endpoint) -> Vec<(String, usize)> {
    let (scope, page) = (&world.scope, PageRequest::first(10));
    let mut found = Vec::new();
    for sort in [
        HostSort::Hostname,
        HostSort::LastSeen,
        HostSort::Silent,
        HostSort::Enrolled,
        HostSort::Software,
        HostSort::Findings,
        HostSort::Critical,
        HostSort::Kev,
    ] {
        let list = hosts::list(scope, &HostFilter::default(), sort, &page).await.unwrap();
        found.push((format!("hosts by {sort:?}"), list.items.len()));
    }
    for sort in
        [SoftwareSort::Name, SoftwareSort::Hosts, SoftwareSort::Findings, SoftwareSort::FirstSeen]
    {
        let list = software::list(scope, &SoftwareFilter::default(), sort, &page).await.unwrap();
        found.push((format!("software by {sort:?}"), list.items.len()));
    }
    for sort in [CveSort::Severity, CveSort::Epss, CveSort::Kev, CveSort::Hosts, CveSort::Published]
    {
        let list = cves::list(scope, &CveFilter::default(), sort, &page).await.unwrap();
        found.push((format!("CVEs by {sort:?}"), list.items.len()));
    }
    for sort in [
        FindingSort::Severity,
        FindingSort::Epss,
        FindingSort::Kev,
        FindingSort::Opened,
        FindingSort::Hosts,
    ] {
        let list = findings::list(scope, &FindingFilter::default(), sort, &page).await.unwrap();
        found.push((format!("findings by {sort:?}"), list.items.len()));
    }
    let agent = endpoint.agent;
    let (any, by_name) = (TitleFilter::default(), TitleSort::Name);
    let titles = software::titles(scope, &any, by_name, &page).await.unwrap();
    let changes = hosts::changes(scope, agent, &ChangeFilter::default(), &page).await.unwrap();
    let moments = hosts::timeline(scope, agent, None, &page).await.unwrap();
    let held = hosts::software(scope, agent, &HostSoftwareFilter::default(), &page).await.unwrap();
    let companies = companies::list(&world.store().local_operator(), None, &page).await.unwrap();
    found.extend([
        ("titles".to_owned(), titles.items.len()),
        ("changes".to_owned(), changes.items.len()),
        ("moments".to_owned(), moments.items.len()),
        ("software of a host".to_owned(), held.items.len()),
        ("companies".to_owned(), companies.items.len()),
    ]);
    assert!(hosts::get(scope, agent).await.unwrap().is_some());
    assert!(software::get(scope, key(&record("bad1", "1.1"))).await.unwrap().is_some());
    assert!(cves::get(scope, "CVE-2024-90010").await.unwrap().is_some());
    summary::summary(scope).await.unwrap();
    found
}

#[tokio::test]
async fn a_session_that_listed_before_a_newer_version_added_columns_lists_afterwards() {
    for is_counted in [false, true] {
        let world = World::new().await;
        let mut endpoint = Endpoint::new(world.agent().await);
        let records = vec![record("bad1", "1.1"), record("good", "1")];
        world.apply(&endpoint.snapshot(records, 10)).await;
        cves::upsert(world.store(), &[published("CVE-2024-90010", 5.0, "medium")]).await.unwrap();
        if is_counted {
            counts::count(&world.scope, at(30), || 0.5).await.unwrap();
        }
        let before = lists(&world, &endpoint).await;
        assert!(before.iter().all(|(_, rows)| *rows > 0), "{before:?}");
        world.database.execute(NEWER).await;
        assert_eq!(lists(&world, &endpoint).await, before);
        world.apply(&[endpoint.delta(vec![record("bad2", "1.1")], &[])]).await;
        let after = lists(&world, &endpoint).await;
        let software = |found: &[(String, usize)]| {
            found.iter().find(|(list, _)| list == "software of a host").map(|(_, rows)| *rows)
        };
        assert_eq!((software(&before), software(&after)), (Some(2), Some(3)));
    }
}
