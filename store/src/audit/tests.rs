//! What the log holds, and for whom.

use serde_json::json;

use super::*;
use crate::page::PageRequest;
use crate::test_fixtures::{World, at, company};

async fn entries(world: &World, filter: &EntryFilter) -> Vec<Entry> {
    list(&world.scope, filter, &PageRequest::first(100)).await.unwrap().items
}

async fn note(scope: &TenantScope, change: Change, seconds: i64) {
    let mut tx = scope.begin("test").await.unwrap();
    record(&mut tx, scope, change, at(seconds)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_change_stands_there_with_its_actor_what_was_and_what_is() {
    let world = World::new().await;
    let actor = Actor::Key { id: crate::test_fixtures::id(), name: "reporting".to_owned() };
    let address = Some([203, 0, 113, 9].into());
    let origin = Origin::of_request(actor.clone(), address, "r1".to_owned());
    let scope = world.scope.clone().on_behalf_of(origin);
    let change = Change::edited("label.update", 7, json!({ "a": 1 }), json!({ "a": 2 }));
    note(&scope, change, 5).await;
    let found = entries(&world, &EntryFilter::default()).await;
    let [entry] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((entry.actor_kind.as_str(), entry.actor_id), ("api_key", actor.id()));
    assert_eq!((entry.action.as_str(), entry.object.as_str()), ("label.update", "7"));
    assert_eq!(entry.before, Some(json!({ "a": 1 })));
    assert_eq!(entry.after, Some(json!({ "a": 2 })));
    assert_eq!(entry.address.as_deref(), Some("203.0.113.9"));
    assert_eq!((entry.request_id.as_str(), entry.at), ("r1", at(5)));
}

#[tokio::test]
async fn what_was_not_done_is_not_there() {
    let world = World::new().await;
    let mut tx = world.scope.begin("test").await.unwrap();
    let change = Change::done("host.revoke", "x");
    record(&mut tx, &world.scope, change, at(1)).await.unwrap();
    // The change itself went wrong after it.
    tx.rollback().await.unwrap();
    assert_eq!(entries(&world, &EntryFilter::default()).await, []);
}

#[tokio::test]
async fn filters_find_by_action_kind_object_and_time() {
    let world = World::new().await;
    for (action, object, seconds) in [
        ("label.create", "1", 10),
        ("label.delete", "1", 20),
        ("labels_rule.create", "1", 30),
        ("host.revoke", "2", 40),
    ] {
        note(&world.scope, Change::done(action, object), seconds).await;
    }
    let count = async |filter| entries(&world, &filter).await.len();
    let action =
        |text: &str| EntryFilter { action: Some(text.to_owned()), ..EntryFilter::default() };
    assert_eq!(count(action("label.create")).await, 1);
    assert_eq!(count(action("label")).await, 2, "not what only begins like it");
    let object = EntryFilter {
        object: Some("1".to_owned()),
        since: Some(at(20)),
        until: Some(at(30)),
        ..EntryFilter::default()
    };
    assert_eq!(count(object).await, 1);
}

#[tokio::test]
async fn pages_go_from_new_to_old_and_miss_nothing() {
    let world = World::new().await;
    for seconds in 0..7 {
        // Two at each instant, so that the id has to decide.
        note(&world.scope, Change::done("x.y", seconds), seconds / 2).await;
    }
    let mut page = PageRequest::first(3);
    let mut objects = Vec::new();
    loop {
        let found = list(&world.scope, &EntryFilter::default(), &page).await.unwrap();
        objects.extend(found.items.into_iter().map(|entry| entry.object));
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(objects[0], "6");
    objects.sort_unstable();
    assert_eq!(objects, ["0", "1", "2", "3", "4", "5", "6"]);
}

#[tokio::test]
async fn another_companys_and_the_operators_logs_are_their_own() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    note(&world.scope, Change::done("host.revoke", "x"), 1).await;
    let page = PageRequest::first(10);
    let theirs = list(&other, &EntryFilter::default(), &page).await.unwrap();
    assert_eq!(theirs.items, []);
    let operator = world.store().local_operator();
    let made = list_of_operators(&operator, &EntryFilter::default(), &page).await.unwrap();
    let actions: Vec<_> = made.items.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["company.create", "company.create"]);
}

#[tokio::test]
async fn what_is_old_is_forgotten_a_part_at_a_time() {
    let world = World::new().await;
    for seconds in 0..5 {
        note(&world.scope, Change::done("x.y", seconds), seconds).await;
    }
    assert_eq!(purge(&world.scope, at(4), 3).await.unwrap(), 3);
    assert_eq!(purge(&world.scope, at(4), 3).await.unwrap(), 1);
    assert_eq!(entries(&world, &EntryFilter::default()).await.len(), 1);
}
