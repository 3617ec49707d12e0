//! Webhooks that are written and changed: what each change keeps, and from when on they are told.

use serde_json::json;

use super::*;
use crate::audit::{self, EntryFilter};

/// What a webhook is to be, with another address.
fn at_address<'a>(name: &'a str, url: &'a str) -> WebhookChange<'a> {
    WebhookChange { url, ..change(name, OPENED) }
}

#[tokio::test]
async fn a_change_keeps_the_secret_the_place_and_what_waits() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    test(&world.scope, hook, id(), at(1)).await.unwrap();
    happen(&world, "opened", 1, 2).await;
    shows(&world, 1).await;
    let to = at_address("still ours", "https://other.example/");
    let changed = super::super::change(&world.scope, hook, &to, Some(1), at(3)).await;
    let changed = changed.unwrap().unwrap();
    assert_eq!((changed.revision, changed.created_at, changed.changed_at), (2, at(0), at(3)));
    assert_eq!(changed.messages, MessageCounts { pending: 1, dead: 0 });
    assert_eq!(changed.url, "https://other.example/");
    // What happened before the change is told after it, to the address of now.
    let turn_id = id();
    let claimed = claim(&world.scope, turn_id, LEASE, at(4)).await.unwrap();
    assert_eq!(claimed[0].url, "https://other.example/");
    assert_eq!(claimed[0].secrets, [b"sealed"]);
    assert_ne!(turn(&world.scope, hook, turn_id, &id, at(4)).await.unwrap(), Turned::Lost);
    assert_eq!(messages(&world, None).await.len(), 2);
}

#[tokio::test]
async fn who_is_turned_on_again_is_told_nothing_of_what_happened_meanwhile() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    let on = change("ours", OPENED);
    let off = WebhookChange { is_enabled: false, ..on.clone() };
    let set = async |to: &WebhookChange<'_>, seconds| {
        let changed = super::super::change(&world.scope, hook, to, None, at(seconds)).await;
        changed.unwrap().unwrap()
    };
    set(&off, 1).await;
    happen(&world, "opened", 2, 2).await;
    shows(&world, 2).await;
    assert!(set(&on, 3).await.is_enabled);
    happen(&world, "opened", 3, 4).await;
    shows(&world, 5).await;
    tell(&world, 5).await;
    let told: Vec<u64> = messages(&world, None).await.iter().map(|m| m.events).collect();
    assert_eq!(told, [3]);
    // On while it is on changes nothing of that: what is not told yet is still told.
    happen(&world, "opened", 1, 6).await;
    shows(&world, 6).await;
    set(&on, 7).await;
    tell(&world, 8).await;
    let told: Vec<u64> = messages(&world, None).await.iter().map(|m| m.events).collect();
    assert_eq!(told, [1, 3]);
}

#[tokio::test]
async fn other_kinds_are_told_from_the_change_on() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    happen(&world, "resolved", 2, 1).await;
    shows(&world, 2).await;
    let resolved = [CompanyEventKind::FindingResolved];
    let to = change("ours", &resolved);
    super::super::change(&world.scope, hook, &to, None, at(2)).await.unwrap();
    happen(&world, "opened", 4, 3).await;
    shows(&world, 6).await;
    tell(&world, 4).await;
    let all = messages(&world, None).await;
    // Its place had not passed the first two, which are of the kind that it asks for now.
    assert_eq!((all.len(), all[0].events), (1, 2));
    assert_eq!(all[0].kind, "finding.resolved");
}

#[tokio::test]
async fn of_two_changes_of_one_revision_one_is_done_and_a_rotation_is_one_as_well() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    let (one, other) = (change("one", OPENED), change("other", OPENED));
    let (first, second) = tokio::join!(
        super::super::change(&world.scope, hook, &one, Some(1), at(1)),
        super::super::change(&world.scope, hook, &other, Some(1), at(1))
    );
    let results = [first, second];
    assert_eq!(results.iter().filter(|one| one.is_ok()).count(), 1, "{results:?}");
    let rotated = rotate_secret(&world.scope, hook, b"new", at(9), at(2)).await;
    assert_eq!(rotated.unwrap().unwrap().revision, 3);
    let late = super::super::change(&world.scope, hook, &one, Some(2), at(3)).await;
    assert!(matches!(late, Err(ChangeError::Changed)), "{late:?}");
}

#[tokio::test]
async fn a_second_rotation_ends_the_secret_before_the_last() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    for secret in [b"second", b"third!"] {
        rotate_secret(&world.scope, hook, secret, at(100), at(1)).await.unwrap();
    }
    test(&world.scope, hook, id(), at(2)).await.unwrap();
    let claimed = claim(&world.scope, id(), LEASE, at(3)).await.unwrap();
    assert_eq!(claimed[0].secrets, [b"third!".to_vec(), b"second".to_vec()]);
    let nobody = rotate_secret(&world.scope, id(), b"x", at(9), at(3)).await;
    assert_eq!(nobody.unwrap(), None);
}

#[tokio::test]
async fn a_name_that_is_taken_leaves_the_webhook_as_it_was() {
    let world = World::new().await;
    webhook(&world, "theirs", OPENED).await;
    let hook = webhook(&world, "ours", OPENED).await;
    let before = get(&world.scope, hook).await.unwrap();
    let to = at_address("THEIRS", "https://other.example/");
    let taken = super::super::change(&world.scope, hook, &to, Some(1), at(1)).await;
    assert!(matches!(taken, Err(ChangeError::NameTaken)), "{taken:?}");
    assert_eq!(get(&world.scope, hook).await.unwrap(), before);
}

#[tokio::test]
async fn the_log_shows_where_messages_go_without_what_lets_one_send_there() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    for (seconds, url) in [
        (1, "https://hooks.example:8443/services/T0/B0/x?token=y"),
        (2, "https://hooks.example"),
        (3, "https://hooks.example/?token=y"),
    ] {
        let to = at_address("ours", url);
        super::super::change(&world.scope, hook, &to, None, at(seconds)).await.unwrap();
    }
    assert!(delete(&world.scope, hook, at(4)).await.unwrap());
    assert!(!delete(&world.scope, hook, at(5)).await.unwrap());
    let filter = EntryFilter { action: Some("webhook".to_owned()), ..EntryFilter::default() };
    let entries = audit::list(&world.scope, &filter, &PageRequest::first(10)).await;
    let entries = entries.unwrap().items;
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| {
            (entry.action.as_str(), entry.after.clone().map(|after| after["host"].clone()))
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("webhook.delete", None),
            ("webhook.update", Some(json!("https://hooks.example"))),
            ("webhook.update", Some(json!("https://hooks.example"))),
            ("webhook.update", Some(json!("https://hooks.example:8443"))),
            ("webhook.create", Some(json!("https://hooks.example"))),
        ]
    );
}

#[tokio::test]
async fn webhooks_are_listed_by_name_a_page_at_a_time() {
    let world = World::new().await;
    for name in ["b", "A", "c", "B2"] {
        webhook(&world, name, OPENED).await;
    }
    let mut request = PageRequest::first(3);
    let first = list(&world.scope, &request).await.unwrap();
    request.after = first.next;
    let second = list(&world.scope, &request).await.unwrap();
    let names: Vec<_> =
        first.items.iter().chain(&second.items).map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["A", "b", "B2", "c"]);
    assert_eq!(second.next, None);
}
