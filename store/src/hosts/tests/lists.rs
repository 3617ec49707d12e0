//! Lists of hosts: their orders, pages that go on while hosts change, and how they were before.

use time::Duration;

use super::*;
use crate::labels::{self, NewLabel};
use crate::page::{After, SortValue};
use crate::tenant::TenantScope;
use crate::test_fixtures::{asset, company, id};

async fn host(world: &World, name: &str, records: &[(&str, &str)]) -> Endpoint {
    let mut endpoint = Endpoint::new(agent(&world.scope, name).await);
    let records = records.iter().map(|(name, version)| record(name, version));
    world.apply(&endpoint.snapshot(records, 100)).await;
    endpoint
}

async fn sorted(world: &World, sort: HostSort) -> Vec<String> {
    let page = PageRequest::first(100);
    let filter = HostFilter::default();
    let hosts = list(&world.scope, &filter, sort, &page).await.unwrap();
    hosts.items.into_iter().map(|host| host.hostname).collect()
}

async fn seen(world: &World, host: AgentId, seconds: i64) {
    let mut tx = world.tx().await;
    sqlx::query("UPDATE agents SET last_seen_at = $3 WHERE company_key = $1 AND id = $2")
        .bind(world.scope.key())
        .bind(host.0)
        .bind(at(seconds))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn each_order_puts_first_what_it_says_and_decides_ties_by_the_id() {
    let world = World::new().await;
    // Ids grow in the order of making; by name and by amount of software the two `b` are equal.
    let first = host(&world, "b", &[("x", "1")]).await;
    host(&world, "A", &[("x", "1"), ("y", "1")]).await;
    let third = host(&world, "B", &[("z", "1")]).await;
    host(&world, "c", &[]).await;
    assert_eq!(sorted(&world, HostSort::Hostname).await, ["A", "b", "B", "c"]);
    assert_eq!(sorted(&world, HostSort::Software).await, ["A", "B", "b", "c"]);
    assert_eq!(sorted(&world, HostSort::Enrolled).await, ["c", "B", "A", "b"]);
    seen(&world, first.agent, 500).await;
    seen(&world, third.agent, 400).await;
    let by_last_seen = sorted(&world, HostSort::LastSeen).await;
    assert_eq!(by_last_seen[..2], ["b", "B"]);
    // Those that never said anything have been silent since they came; an asset is not waited for.
    asset(&world.scope, "shop").await;
    let by_silence = sorted(&world, HostSort::Silent).await;
    assert_eq!(by_silence[2..], ["B", "b", "shop"]);
}

#[tokio::test]
async fn a_host_is_missed_after_the_second_sign_of_life_that_did_not_come() {
    let world = World::new().await;
    let endpoint = host(&world, "a", &[]).await;
    let overdue = async |every_s: i64| {
        let mut tx = world.tx().await;
        sqlx::query("UPDATE agents SET seen_every_s = $2 WHERE company_key = $1")
            .bind(world.scope.key())
            .bind(every_s)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let detail = get(&world.scope, endpoint.agent).await.unwrap();
        detail.unwrap().host.overdue_at
    };
    seen(&world, endpoint.agent, 1_000).await;
    // Nobody told it how often.
    assert_eq!(overdue(0).await, None);
    assert_eq!(overdue(60).await, Some(at(1_000 + 2 * 60 + 60)));
    assert_eq!(overdue(86_400).await, Some(at(1_000 + 2 * 86_400 + 60)));
    // However long: it is never an error.
    assert_eq!(overdue(i64::MAX / 4).await, None);
    for (every_s, now, expected) in
        [(60, 1_180, 0), (60, 1_181, 1), (0, 9_999, 0), (i64::MAX / 4, 9_999, 0)]
    {
        overdue(every_s).await;
        let filter = HostFilter { overdue_at: Some(at(now)), ..HostFilter::default() };
        let page = list(&world.scope, &filter, HostSort::Silent, &PageRequest::first(9)).await;
        assert_eq!(page.unwrap().items.len(), expected, "{every_s} {now}");
        let counted = how_many(&world.scope, &filter).await.unwrap();
        assert_eq!(counted, u64::try_from(expected).unwrap());
    }
}

#[tokio::test]
async fn pages_go_on_behind_the_host_that_they_ended_with_though_it_is_gone() {
    let world = World::new().await;
    let mut hosts = Vec::new();
    for name in ["h1", "h2", "h3", "h4", "h5"] {
        hosts.push(host(&world, name, &[]).await.agent);
    }
    let filter = HostFilter::default();
    let mut request = PageRequest::first(2);
    let mut names = Vec::new();
    for step in 0..3 {
        let page = list(&world.scope, &filter, HostSort::Hostname, &request).await.unwrap();
        names.extend(page.items.into_iter().map(|host| host.hostname));
        request.after = page.next;
        if step == 0 {
            agents::revoke(&world.scope, hosts[1], at(9)).await.unwrap();
            host(&world, "h0", &[]).await;
            host(&world, "h21", &[]).await;
        }
    }
    assert_eq!(names, ["h1", "h2", "h21", "h3", "h4", "h5"]);
    assert_eq!(request.after, None);
}

#[tokio::test]
async fn a_place_that_nobody_gave_is_a_place_in_ones_own_list() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    host(&world, "mine", &[]).await;
    let from = |value: &str| PageRequest {
        limit: 10,
        after: Some(After {
            value: SortValue::Text(value.to_owned()),
            id: "ffffffff-ffff-ffff-ffff-ffffffffffff".to_owned(),
            seen: u64::MAX,
        }),
    };
    let filter = HostFilter::default();
    let count = async |scope: &TenantScope, value: &str| {
        let page = from(value);
        let page = list(scope, &filter, HostSort::Hostname, &page).await.unwrap();
        page.items.len()
    };
    assert_eq!(count(&world.scope, "a").await, 1);
    assert_eq!(count(&world.scope, "z").await, 0);
    assert_eq!(count(&other, "a").await, 0);
}

#[tokio::test]
async fn lists_are_as_they_were_and_what_ended_since_is_in_them() {
    let world = World::new().await;
    let mut first = host(&world, "a", &[("bad1", "1"), ("good", "1")]).await;
    let page = PageRequest::first(10);
    // Each report comes a second after the one before; the second is at 2 s.
    world.apply(&[first.delta(vec![record("bad2", "1.1")], &[record("bad1", "1")])]).await;
    agents::revoke(&world.scope, first.agent, at(50)).await.unwrap();
    let then = async |seconds: i64| {
        let filter = HostFilter { as_of: Some(at(seconds)), ..HostFilter::default() };
        let found = list(&world.scope, &filter, HostSort::Hostname, &page).await;
        let found = found.unwrap().items;
        found.first().map(|host| (host.software, host.findings.open))
    };
    assert_eq!(then(-1).await, None, "it was no agent yet");
    assert_eq!(then(49).await.map(|(software, _)| software), Some(2));
    assert_eq!(then(50).await, None, "it was refused from then on");
    assert_eq!(names(&world, HostFilter::default()).await, [""; 0]);
    let also_revoked = HostFilter { revoked: true, as_of: Some(at(50)), ..HostFilter::default() };
    assert_eq!(names(&world, also_revoked).await, ["a"]);
}

#[tokio::test]
async fn what_is_asked_of_hosts_holds_together() {
    let (world, [web, db, _]) = world().await;
    let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(1)).await.unwrap().id;
    labels::assign(&world.scope, label, &[web, db], true, at(1)).await.unwrap();
    let lab = || HostFilter { label: Some(label), ..HostFilter::default() };
    assert_eq!(names(&world, lab()).await, ["db-1", "web-1"]);
    let exposed = HostFilter { cve: Some("CVE-2024-90010".to_owned()), ..lab() };
    assert_eq!(names(&world, exposed.clone()).await, ["web-1"]);
    let neither = HostFilter { text: Some("db".to_owned()), ..exposed };
    assert_eq!(names(&world, neither).await, [""; 0]);
    for (pair, expected) in [
        (("site", "north"), &["db-1", "web-1"][..]),
        (("site", "NORTH"), &[]),
        (("Site", "north"), &[]),
        (("", ""), &[]),
    ] {
        let filter =
            HostFilter { enrolled_with: Some((pair.0.to_owned(), pair.1.to_owned())), ..lab() };
        assert_eq!(names(&world, filter).await, expected, "{pair:?}");
    }
    let another_policy = HostFilter { fails: Some(id()), ..lab() };
    assert_eq!(names(&world, another_policy).await, [""; 0]);
}

#[tokio::test]
async fn names_are_searched_for_as_they_are_written() {
    let world = World::new().await;
    for name in ["100%", "a_b", "a\\b", "axb", "Ünder"] {
        host(&world, name, &[]).await;
    }
    for (text, expected) in [
        ("%", &["100%"][..]),
        ("a_b", &["a_b"]),
        ("\\", &["a\\b"]),
        ("A", &["a\\b", "a_b", "axb"]),
        ("nder", &["Ünder"]),
        ("  ", &[]),
    ] {
        let filter = HostFilter { text: Some(text.to_owned()), ..HostFilter::default() };
        let mut found = names(&world, filter).await;
        found.sort_unstable();
        assert_eq!(found, expected, "{text:?}");
    }
}

#[tokio::test]
async fn software_of_a_host_is_as_it_was_and_another_companys_host_has_none() {
    let world = World::new().await;
    let mut endpoint = host(&world, "a", &[("b", "1"), ("A", "1"), ("a", "2")]).await;
    let page = PageRequest::first(2);
    let installed = async |scope: &TenantScope, host: AgentId, page: &PageRequest| {
        let filter = HostSoftwareFilter::default();
        software(scope, host, &filter, page).await.unwrap()
    };
    let first = installed(&world.scope, endpoint.agent, &page).await;
    let next = PageRequest { limit: 2, after: first.next };
    let second = installed(&world.scope, endpoint.agent, &next).await;
    let mut versions: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|one| one.software.record.name.as_str())
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, ["A", "a", "b"], "equal names are told apart by their keys");
    let other = company(world.store(), "Other").await;
    assert_eq!(installed(&other, endpoint.agent, &page).await.items, []);
    assert!(get(&other, endpoint.agent).await.unwrap().is_none());
    world.apply(&[endpoint.delta(vec![], &[record("b", "1")])]).await;
    let left = installed(&world.scope, endpoint.agent, &PageRequest::first(10)).await;
    assert_eq!(left.items.len(), 2);
    let long_ago =
        HostSoftwareFilter { as_of: Some(at(0) - Duration::DAY), ..HostSoftwareFilter::default() };
    let none = software(&world.scope, endpoint.agent, &long_ago, &page).await;
    assert_eq!(none.unwrap().items, []);
}
