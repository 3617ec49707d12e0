//! What a user would miss of lists by name: rows and their order, whether or not an older release wrote some.

use super::*;
use crate::hosts::{self, HostFilter, HostSort};
use crate::page::PageRequest;
use crate::software::{self, SoftwareFilter, SoftwareSort, TitleFilter, TitleSort};
use crate::test_fixtures::{Endpoint, World, agent, record};

const NAMES: [&str; 5] = ["alpha", "Beta", "beta-2", "GAMMA", "gamma"];

/// A host of each name that has software of that name.
async fn world() -> World {
    let world = World::new().await;
    for name in NAMES {
        let mut endpoint = Endpoint::new(agent(&world.scope, name).await);
        world.apply(&endpoint.snapshot([record(name, "1")], 100)).await;
    }
    world
}

/// The lists by name, read two by two.
async fn lists(world: &World) -> [Vec<String>; 3] {
    let scope = &world.scope;
    let mut lists = [const { Vec::new() }; 3];
    let mut page = PageRequest::first(2);
    loop {
        let filter = HostFilter::default();
        let found = hosts::list(scope, &filter, HostSort::Hostname, &page).await.unwrap();
        lists[0].extend(found.items.into_iter().map(|host| host.hostname));
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    loop {
        let filter = SoftwareFilter::default();
        let found = software::list(scope, &filter, SoftwareSort::Name, &page).await.unwrap();
        lists[1].extend(found.items.into_iter().map(|item| item.software.record.name));
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    loop {
        let filter = TitleFilter::default();
        let found = software::titles(scope, &filter, TitleSort::Name, &page).await.unwrap();
        lists[2].extend(found.items.into_iter().map(|title| title.name));
        page.after = found.next;
        if page.after.is_none() {
            return lists;
        }
    }
}

fn in_small_letters(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}

#[tokio::test]
async fn rows_of_a_release_before_are_in_every_list_and_are_filled() {
    let world = world().await;
    let written = lists(&world).await;
    assert_eq!(in_small_letters(&written[0]), ["alpha", "beta", "beta-2", "gamma", "gamma"]);
    assert_eq!(in_small_letters(&written[1]), in_small_letters(&written[0]));
    // Of one source: one title whatever the letters.
    assert_eq!(in_small_letters(&written[2]), ["alpha", "beta", "beta-2", "gamma"]);
    assert_eq!(fill(&world.scope).await.unwrap(), 0, "whoever writes a name writes it here");
    for older in [
        "UPDATE agents SET hostname_low = NULL WHERE hostname IN ('alpha', 'gamma')",
        "UPDATE software SET name_low = NULL WHERE name = 'GAMMA'",
    ] {
        world.database.execute(older).await;
        assert_eq!(lists(&world).await, written);
    }
    let exact = async || {
        let filter = SoftwareFilter { name: Some("Gamma".to_owned()), ..SoftwareFilter::default() };
        let page = PageRequest::first(10);
        let found = software::list(&world.scope, &filter, SoftwareSort::Hosts, &page).await;
        found.unwrap().items.len()
    };
    assert_eq!(exact().await, 2);
    assert_eq!(fill(&world.scope).await.unwrap(), 3);
    assert_eq!(lists(&world).await, written);
    assert_eq!(exact().await, 2);
}
