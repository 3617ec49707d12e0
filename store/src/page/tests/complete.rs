//! Every list, in every order, page by page: each row once, in order, though most of them are equal
//! in what they are sorted by.

use std::collections::BTreeSet;
use std::fmt::Debug;

use protocol::frame::{Frame, Packing};
use protocol::ids::{Position, TokenId};

use super::super::*;
use crate::cves::{self, CveFilter, CveSort};
use crate::dead_letters::{self, NewDeadLetter};
use crate::enrolment_tokens;
use crate::findings::{self, FindingFilter, FindingSort};
use crate::hosts::{self, HostFilter, HostSoftwareFilter, HostSort};
use crate::software::{self, SoftwareFilter, SoftwareSort};
use crate::test_fixtures::{Endpoint, World, agent, at, id, record};

/// Seven hosts of two names, each with eleven pieces of software of three names, of which some have
/// findings, all at one instant.
async fn world() -> (World, Endpoint) {
    let world = World::new().await;
    let mut last = None;
    for number in 0..7 {
        // Equal for the order by name, which does not look at case: only the key behind it tells
        // rows apart, and a page that forgets it loses or doubles rows at its edge.
        let name = if number % 2 == 0 { "host" } else { "HOST" };
        let mut endpoint = Endpoint::new(agent(&world.scope, name).await);
        let records = (0..11).map(|n| record(&format!("bad{}", n % 3), &format!("{n}.1")));
        world.apply(&endpoint.snapshot(records, 100)).await;
        last = Some(endpoint);
    }
    (world, last.unwrap())
}

/// Walks a list in pages of `limit`, as a client does, cursor by cursor through JSON.
async fn walk<T: Debug, F>(limit: u32, fetch: impl Fn(PageRequest) -> F) -> Vec<T>
where
    F: Future<Output = Result<Page<T>, StoreError>>,
{
    let mut items = Vec::new();
    let mut request = PageRequest::first(limit);
    loop {
        let page = fetch(request.clone()).await.unwrap();
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        items.extend(page.items);
        let Some(next) = page.next else { return items };
        // Through text and back: a score that came back a millionth smaller would show a row twice.
        let json = serde_json::to_string(&next).unwrap();
        request.after = Some(serde_json::from_str(&json).unwrap());
    }
}

/// Checks that pages of any size come to the whole list, in the same order.
async fn check<T: Debug + PartialEq, F>(expected: usize, fetch: impl Fn(PageRequest) -> F)
where
    F: Future<Output = Result<Page<T>, StoreError>>,
{
    let whole = walk(PAGE_ITEMS_MAX, &fetch).await;
    assert_eq!(whole.len(), expected);
    let distinct: BTreeSet<String> = whole.iter().map(|item| format!("{item:?}")).collect();
    assert_eq!(distinct.len(), expected, "a row came twice");
    // One, so that every row is an edge once; the others do not divide the lists' lengths.
    for limit in [1, 3, 4] {
        assert_eq!(walk(limit, &fetch).await, whole, "in pages of {limit}");
    }
}

#[tokio::test]
async fn pages_of_hosts_are_complete_in_every_order() {
    let (world, _) = world().await;
    let filter = &HostFilter::default();
    let scope = &world.scope;
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
        check(7, |page| async move { hosts::list(scope, filter, sort, &page).await }).await;
    }
}

#[tokio::test]
async fn pages_of_software_are_complete_in_every_order() {
    let (world, endpoint) = world().await;
    let scope = &world.scope;
    let filter = &SoftwareFilter::default();
    for sort in
        [SoftwareSort::Name, SoftwareSort::Hosts, SoftwareSort::Findings, SoftwareSort::FirstSeen]
    {
        check(11, |page| async move { software::list(scope, filter, sort, &page).await }).await;
    }
    let filter = &HostSoftwareFilter::default();
    let host = endpoint.agent;
    check(11, |page| async move { hosts::software(scope, host, filter, &page).await }).await;
}

#[tokio::test]
async fn pages_of_findings_and_cves_are_complete_in_every_order() {
    let (world, _) = world().await;
    let scope = &world.scope;
    let filter = &FindingFilter::default();
    for sort in [
        FindingSort::Severity,
        FindingSort::Epss,
        FindingSort::Kev,
        FindingSort::Opened,
        FindingSort::Hosts,
    ] {
        check(22, |page| async move { findings::list(scope, filter, sort, &page).await }).await;
    }
    let filter = &CveFilter::default();
    for sort in [CveSort::Severity, CveSort::Epss, CveSort::Kev, CveSort::Hosts, CveSort::Published]
    {
        check(6, |page| async move { cves::list(scope, filter, sort, &page).await }).await;
    }
}

#[tokio::test]
async fn pages_of_tokens_and_dead_letters_are_complete() {
    let (world, endpoint) = world().await;
    let scope = &world.scope;
    let letters: Vec<NewDeadLetter> = (0..9)
        .map(|n| NewDeadLetter {
            id: id(),
            agent: endpoint.agent,
            position: Position::new(5, n + 1),
            reason: "test".to_owned(),
            detail: "a byte of \0 in a text".to_owned(),
            frame: Frame { packing: Packing::Zstd1, payload: vec![0; 10] },
            received_at: at(1),
        })
        .collect();
    dead_letters::add(scope, &letters, at(2)).await.unwrap();
    check(7, |page| async move { enrolment_tokens::list(scope, &page).await }).await;
    check(9, |page| async move { dead_letters::list(scope, &page).await }).await;
}

#[tokio::test]
async fn a_place_of_another_list_is_refused_and_not_guessed() {
    let (world, _) = world().await;
    let scope = &world.scope;
    let refused = |after: After| async move {
        let page = PageRequest { limit: 5, after: Some(after) };
        let list = hosts::list(scope, &HostFilter::default(), HostSort::Hostname, &page).await;
        matches!(list, Err(StoreError::InvalidCursor))
    };
    let id = TokenId(id()).to_string();
    let text = SortValue::Text("host".to_owned());
    assert!(refused(After { value: SortValue::Integer(1), id: id.clone(), seen: 0 }).await);
    assert!(refused(After { value: text.clone(), id: "CVE-2024-0001".to_owned(), seen: 0 }).await);
    assert!(!refused(After { value: text, id, seen: 0 }).await);
}
