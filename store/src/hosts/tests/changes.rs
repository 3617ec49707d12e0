//! What came onto a host and went from it.

use std::slice;

use super::*;
use crate::test_fixtures::company;

/// Every change of a host as `seconds kind name version`, a page of `limit` at a time.
async fn told(world: &World, host: AgentId, limit: u32) -> Vec<String> {
    let mut page = PageRequest::first(limit);
    let mut told = Vec::new();
    loop {
        let found = changes(&world.scope, host, &ChangeFilter::default(), &page).await.unwrap();
        told.extend(found.items.iter().map(|change| {
            let (record, seconds) = (&change.software.record, (change.at - at(0)).whole_seconds());
            format!("{seconds} {} {} {}", change.kind.as_str(), record.name, record.version)
        }));
        page.after = found.next;
        if page.after.is_none() {
            return told;
        }
    }
}

#[tokio::test]
async fn what_came_and_what_went_is_told_newest_first_with_versions_beside_each_other() {
    let world = World::new().await;
    let mut host = Endpoint::new(agent(&world.scope, "web-1").await);
    let (one, two) = (record("a", "1"), record("a", "2"));
    world.apply(&host.snapshot([one.clone(), record("b", "1")], 100)).await;
    let update = host.delta(vec![two.clone(), record("c", "1")], slice::from_ref(&one));
    world.apply(&[update]).await;
    let back = host.delta(vec![one], &[two]);
    world.apply(&[back]).await;
    let all = told(&world, host.agent, 100).await;
    assert_eq!(all.len(), 7);
    let instants: Vec<&str> =
        all.iter().filter_map(|line| line.split_once(' ')).map(|(at, _)| at).collect();
    assert_eq!(instants, ["3", "3", "2", "2", "2", "1", "1"]);
    assert!(all[0].contains(" a ") && all[1].contains(" a "), "{all:?}");
    assert_eq!(all[2], "2 installed c 1");
    let first: Vec<&str> = all[5..].iter().map(String::as_str).collect();
    assert_eq!(first, ["1 installed b 1", "1 installed a 1"]);
    assert_eq!(all.iter().filter(|line| line.contains("removed a")).count(), 2);
    // However it is cut, nothing is lost and nothing comes twice.
    for limit in 1..=7 {
        assert_eq!(told(&world, host.agent, limit).await, all, "{limit} at a time");
    }
}

#[tokio::test]
async fn another_companys_host_has_no_past() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    let mut host = Endpoint::new(agent(&world.scope, "web-1").await);
    world.apply(&host.snapshot([record("a", "1")], 100)).await;
    let page = PageRequest::first(10);
    let whole = ChangeFilter::default();
    assert_eq!(changes(&world.scope, host.agent, &whole, &page).await.unwrap().items.len(), 1);
    assert_eq!(changes(&other, host.agent, &whole, &page).await.unwrap().items, []);
    for (since, until, expected) in [(0, 1, 1), (1, 1, 1), (1, 9, 1), (2, 9, 0), (0, 0, 0)] {
        let filter = ChangeFilter { since: Some(at(since)), until: Some(at(until)) };
        let found = changes(&world.scope, host.agent, &filter, &page).await.unwrap();
        assert_eq!(found.items.len(), expected, "{since} to {until}");
    }
}
