//! What a user would miss of titles: each counted once, found by what it is and has, and pages that begin where the index says.

use protocol::software::SoftwareRecord;

use super::*;
use crate::counts;
use crate::exceptions::{self, About, Claim, Hosts, NewException, VexStatus};
use crate::labels::{self, NewLabel};
use crate::page::{After, SortValue, explain};
use crate::test_fixtures::{Endpoint, World, at, company, id, record};

/// Two hosts with `bad1` 1.1 and 2.1, one with both, `Bad1` of another source, and `gone` on none.
async fn world() -> World {
    let world = World::new().await;
    let snap = SoftwareRecord { source: Source::Snap, ..record("Bad1", "1.1") };
    let gone = record("gone", "1");
    for mut records in [
        vec![record("bad1", "1.1"), record("bad1", "2.1"), snap],
        vec![record("bad1", "1.1"), record("nginx", "1")],
    ] {
        records.push(gone.clone());
        let mut endpoint = Endpoint::new(world.agent().await);
        world.apply(&endpoint.snapshot(records, 100)).await;
        world.apply(&[endpoint.delta(vec![], std::slice::from_ref(&gone))]).await;
    }
    world
}

#[tokio::test]
async fn a_title_counts_versions_hosts_and_cves_once() {
    let world = world().await;
    let page = PageRequest::first(10);
    let found =
        titles(&world.scope, &TitleFilter::default(), TitleSort::Name, &page).await.unwrap().items;
    let shown: Vec<_> = found
        .iter()
        .map(|title| {
            let source = title.source.as_str();
            (source, title.versions, title.hosts, title.cves.open)
        })
        .collect();
    // Both versions have the same two CVEs.
    let expected = [("deb", 2, 2, 2), ("snap", 1, 1, 0), ("deb", 1, 1, 0)];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn titles_are_found_by_text_and_source_and_go_on_page_by_page() {
    let world = world().await;
    for (text, source, expected) in [
        (Some("AD1"), None, 2),
        (Some("example"), Some(Source::Deb), 2),
        (None, Some(Source::Snap), 1),
        (Some("gone"), None, 0),
    ] {
        let filter =
            TitleFilter { text: text.map(str::to_owned), source, ..TitleFilter::default() };
        let page = PageRequest::first(10);
        let found = titles(&world.scope, &filter, TitleSort::Name, &page).await;
        assert_eq!(found.unwrap().items.len(), expected, "{text:?} {source:?}");
    }
    let mut page = PageRequest::first(1);
    let mut names = Vec::new();
    loop {
        let found =
            titles(&world.scope, &TitleFilter::default(), TitleSort::Name, &page).await.unwrap();
        names.extend(found.items.into_iter().map(|title| title.name));
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(names, ["bad1", "Bad1", "nginx"]);
    let other = company(world.store(), "Other").await;
    let page = PageRequest::first(10);
    let none = titles(&other, &TitleFilter::default(), TitleSort::Name, &page).await;
    assert_eq!(none.unwrap().items, []);
}

#[tokio::test]
async fn a_page_of_titles_deep_in_the_list_begins_where_the_index_says() {
    let world = World::new().await;
    let value = SortValue::Text("libc6".to_owned());
    let after = After { value, id: "deb".to_owned(), seen: 50_000 };
    let page = PageRequest { limit: 100, after: Some(after) };
    let along = Along { sort: TitleSort::Name, is_low: true, is_kept: false };
    let query = select(&world.scope, &TitleFilter::default(), along, &page).unwrap();
    let plan = explain(&world.scope, query).await;
    let begins = plan.lines().find(|line| line.contains("name_low >= ")).unwrap_or_default();
    assert!(begins.contains("Index Cond"), "{plan}");
}

/// The names of titles with the hosts of each, in the order of a list that is read one by one.
async fn names(world: &World, filter: &TitleFilter, sort: TitleSort) -> Vec<(String, u64)> {
    let mut page = PageRequest::first(1);
    let mut names = Vec::new();
    loop {
        let found = titles(&world.scope, filter, sort, &page).await.unwrap();
        names.extend(found.items.into_iter().map(|title| (title.name, title.hosts)));
        match found.next {
            Some(next) => page.after = Some(next),
            None => return names,
        }
    }
}

#[tokio::test]
async fn titles_are_by_hosts_with_and_without_counts_that_are_kept() {
    let world = world().await;
    let mut third = Endpoint::new(world.agent().await);
    world.apply(&third.snapshot([record("nginx", "1"), record("nginx", "2")], 100)).await;
    // nginx 1 twice and 2 once, bad1 1.1 twice and 2.1 once: the names decide, the last first.
    let expected =
        [("nginx", 2), ("bad1", 2), ("Bad1", 1)].map(|(name, hosts)| (name.to_owned(), hosts));
    let any = TitleFilter::default();
    assert_eq!(names(&world, &any, TitleSort::Hosts).await, expected);
    counts::count(&world.scope, at(10), || 0.5).await.unwrap();
    assert_eq!(names(&world, &any, TitleSort::Hosts).await, expected);
    let page = PageRequest::first(10);
    for (sort, counted_at) in [(TitleSort::Hosts, Some(at(10))), (TitleSort::Name, None)] {
        let found = titles(&world.scope, &any, sort, &page).await.unwrap();
        assert_eq!(found.counted_at, counted_at, "{sort:?}");
    }
    let text = TitleFilter { text: Some("ngi".to_owned()), ..any };
    assert_eq!(names(&world, &text, TitleSort::Hosts).await, expected[..1]);
}

#[tokio::test]
async fn titles_are_found_by_whether_they_are_vulnerable_and_by_a_label() {
    let world = world().await;
    let mut third = Endpoint::new(world.agent().await);
    world.apply(&third.snapshot([record("bad1", "1.1"), record("other", "1")], 100)).await;
    let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(5)).await.unwrap().id;
    labels::assign(&world.scope, label, &[third.agent], true, at(6)).await.unwrap();
    let of = |vulnerable, label| TitleFilter { vulnerable, label, ..TitleFilter::default() };
    let found = async |filter: TitleFilter| {
        let mut of_sorts = Vec::new();
        for sort in [TitleSort::Name, TitleSort::Hosts] {
            let found = names(&world, &filter, sort).await.into_iter();
            let mut found: Vec<String> = found.map(|(name, _)| name).collect();
            found.sort_unstable();
            of_sorts.push(found);
        }
        assert_eq!(of_sorts[0], of_sorts[1]);
        of_sorts.remove(0)
    };
    assert_eq!(found(of(Some(true), None)).await, ["bad1"]);
    assert_eq!(found(of(Some(false), None)).await, ["Bad1", "nginx", "other"]);
    assert_eq!(found(of(None, Some(label))).await, ["bad1", "other"]);
    assert_eq!(found(of(Some(true), Some(label))).await, ["bad1"]);
    let claim = Claim {
        status: VexStatus::Affected,
        justification: None,
        note: String::new(),
        action: String::new(),
        suppresses: true,
    };
    let about = About { product: Some("bad1".to_owned()), ..About::default() };
    let new = NewException {
        id: id(),
        name: None,
        about: &about,
        hosts: Hosts::Label(label),
        claim: &claim,
        expires_at: None,
        origin: None,
    };
    exceptions::create(&world.scope, &new, at(10)).await.unwrap();
    assert_eq!(found(of(Some(true), Some(label))).await, [""; 0]);
    assert_eq!(found(of(Some(false), Some(label))).await, ["bad1", "other"]);
    assert_eq!(found(of(Some(true), None)).await, ["bad1"]);
}
