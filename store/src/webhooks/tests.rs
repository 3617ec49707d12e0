//! What a webhook is told: every event once it is on, in messages that are never too many, by one turn at
//! a time, and nothing of another company's.

mod restored;
mod writing;

use std::time::Duration;

use super::*;
use crate::events::EventPlace;
use crate::events::company::tests::{happen, until};
use crate::events::company::{self};
use crate::page::PageRequest;
use crate::test_fixtures::{World, at, company as other_company, id};

const LEASE: Duration = Duration::from_secs(60);
const OPENED: &[CompanyEventKind] = &[CompanyEventKind::FindingOpened];

fn change<'a>(name: &'a str, kinds: &'a [CompanyEventKind]) -> WebhookChange<'a> {
    WebhookChange {
        name,
        url: "https://hooks.example/T0/secret",
        template: Template::Generic,
        kinds,
        only: Only::default(),
        is_enabled: true,
    }
}

async fn webhook(world: &World, name: &str, kinds: &[CompanyEventKind]) -> Uuid {
    let new = NewWebhook { id: id(), secret: b"sealed", webhook: change(name, kinds) };
    create(&world.scope, &new, at(0)).await.unwrap().id
}

/// Takes the one webhook that has something to be told, once it shows, and makes messages of it all.
async fn tell(world: &World, now: i64) -> Uuid {
    let turn_id = id();
    let claimed = until(1, || claim(&world.scope, turn_id, LEASE, at(now))).await;
    let webhook = claimed[0].id;
    while turn(&world.scope, webhook, turn_id, &id, at(now)).await.unwrap() == Turned::More {}
    release(&world.scope, webhook, turn_id).await.unwrap();
    webhook
}

async fn shows(world: &World, count: usize) {
    let first = EventPlace::new(0, 0);
    until(count, || company::after(&world.scope, first, 1_000)).await;
}

async fn messages(world: &World, state: Option<DeliveryState>) -> Vec<Delivery> {
    let filter = DeliveryFilter { webhook: None, state };
    let page = PageRequest::first(1_000);
    let found = list_deliveries(&world.scope, filter, &page).await;
    found.unwrap().items
}

fn attempt(outcome: Outcome) -> Attempt {
    Attempt { outcome, status: Some(500), answer: Some("no\0t now".to_owned()), error: None }
}

#[tokio::test]
async fn a_webhook_is_told_what_it_asks_for_from_its_making_on() {
    let world = World::new().await;
    happen(&world, "opened", 1, 0).await;
    shows(&world, 1).await;
    let hook = webhook(&world, "ours", OPENED).await;
    happen(&world, "opened", 2, 0).await;
    happen(&world, "resolved", 2, 0).await;
    shows(&world, 5).await;
    assert_eq!(tell(&world, 0).await, hook);
    let all = messages(&world, None).await;
    assert_eq!((all.len(), all[0].events), (1, 2));
    assert_eq!(all[0].kind, "finding.opened");
    // All is told: nobody has anything to do.
    let due = pending(&world.scope, hook, 10).await.unwrap();
    settle(&world.scope, due[0].id, &attempt(Outcome::Delivered), at(1)).await.unwrap();
    let none = claim(&world.scope, id(), LEASE, at(2)).await.unwrap();
    assert_eq!(none, []);
}

#[tokio::test]
async fn a_storm_comes_in_messages_of_a_hundred_and_what_waits_is_bounded() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    happen(&world, "opened", 250, 0).await;
    shows(&world, 250).await;
    tell(&world, 0).await;
    let sizes: Vec<u64> = messages(&world, None).await.iter().map(|m| m.events).collect();
    assert_eq!(sizes, [50, 100, 100]);
    for _ in 0..PENDING_MAX {
        test(&world.scope, hook, id(), at(0)).await.unwrap();
    }
    happen(&world, "opened", 1, 0).await;
    shows(&world, 251).await;
    let waiting = messages(&world, None).await.len();
    tell(&world, 0).await;
    assert_eq!(messages(&world, None).await.len(), waiting);
}

#[tokio::test]
async fn a_webhook_is_one_turns_until_that_ends_or_is_late() {
    let world = World::new().await;
    webhook(&world, "ours", OPENED).await;
    happen(&world, "opened", 1, 0).await;
    let (first, second) = (id(), id());
    let claimed = until(1, || claim(&world.scope, first, LEASE, at(0))).await;
    let hook = claimed[0].id;
    assert_eq!(claimed[0].secrets, [b"sealed"]);
    assert_eq!(claim(&world.scope, second, LEASE, at(59)).await.unwrap(), []);
    let taken = claim(&world.scope, second, LEASE, at(60)).await.unwrap();
    assert_eq!(taken.len(), 1);
    // Whoever comes back late makes no messages, and gives nothing away.
    let late = turn(&world.scope, hook, first, &id, at(60)).await.unwrap();
    assert_eq!(late, Turned::Lost);
    release(&world.scope, hook, first).await.unwrap();
    assert_eq!(claim(&world.scope, first, LEASE, at(61)).await.unwrap(), []);
}

#[tokio::test]
async fn what_was_given_up_is_sent_again_before_what_came_later() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    for round in 1..=2 {
        happen(&world, "opened", 1, round).await;
        shows(&world, usize::try_from(round).unwrap()).await;
        tell(&world, round).await;
    }
    let waiting = pending(&world.scope, hook, 10).await.unwrap();
    assert_eq!(waiting[0].objects, waiting[1].objects, "one finding twice");
    let (first, later) = (waiting[0].id, at(9));
    settle(&world.scope, first, &attempt(Outcome::Dead), later).await.unwrap();
    let dead = messages(&world, Some(DeliveryState::Dead)).await;
    assert_eq!((dead.len(), dead[0].id, dead[0].attempts), (1, first, 1));
    assert_eq!(dead[0].answer.as_deref(), Some("not now"));
    assert!(replay(&world.scope, hook, first, later).await.unwrap());
    let waiting = pending(&world.scope, hook, 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].id), (2, first));
    assert_eq!((waiting[0].attempts, waiting[0].next_at), (0, later));
    assert!(!replay(&world.scope, hook, id(), later).await.unwrap());
}

#[tokio::test]
async fn the_past_is_told_again_since_an_instant_and_nothing_is_left_out() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    for round in 1..=3_i32 {
        happen(&world, "opened", round, i64::from(round) * 100).await;
    }
    shows(&world, 6).await;
    tell(&world, 300).await;
    assert!(replay_since(&world.scope, hook, at(150), at(400)).await.unwrap());
    tell(&world, 400).await;
    let sizes: Vec<u64> = messages(&world, None).await.iter().map(|m| m.events).collect();
    assert_eq!(sizes, [5, 6]);
    // What was not told yet stays to be told, however late the instant is.
    happen(&world, "opened", 2, 500).await;
    happen(&world, "opened", 1, 600).await;
    shows(&world, 9).await;
    replay_since(&world.scope, hook, at(550), at(700)).await.unwrap();
    tell(&world, 700).await;
    assert_eq!(messages(&world, None).await[0].events, 3);
}

#[tokio::test]
async fn a_webhook_that_is_off_is_told_nothing_and_not_afterwards() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    let off = WebhookChange { is_enabled: false, ..change("ours", OPENED) };
    super::change(&world.scope, hook, &off, Some(1), at(1)).await.unwrap();
    happen(&world, "opened", 1, 2).await;
    shows(&world, 1).await;
    assert_eq!(claim(&world.scope, id(), LEASE, at(3)).await.unwrap(), []);
    let tried = test(&world.scope, hook, id(), at(3)).await;
    assert!(matches!(tried, Err(ReplayError::Off)));
    let on = change("ours", OPENED);
    let stale = super::change(&world.scope, hook, &on, Some(1), at(4)).await;
    assert!(matches!(stale, Err(ChangeError::Changed)));
    super::change(&world.scope, hook, &on, None, at(4)).await.unwrap();
    assert_eq!(claim(&world.scope, id(), LEASE, at(5)).await.unwrap(), []);
}

#[tokio::test]
async fn the_secret_before_signs_for_a_while() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    rotate_secret(&world.scope, hook, b"new", at(100), at(1)).await.unwrap();
    test(&world.scope, hook, id(), at(2)).await.unwrap();
    let turn_id = id();
    let claimed = claim(&world.scope, turn_id, LEASE, at(99)).await.unwrap();
    assert_eq!(claimed[0].secrets, [b"new".to_vec(), b"sealed".to_vec()]);
    release(&world.scope, hook, turn_id).await.unwrap();
    let claimed = claim(&world.scope, turn_id, LEASE, at(100)).await.unwrap();
    assert_eq!(claimed[0].secrets, [b"new"]);
}

#[tokio::test]
async fn names_are_taken_once_and_there_is_an_end_of_webhooks() {
    let world = World::new().await;
    webhook(&world, "ours", OPENED).await;
    let new = |name| NewWebhook { id: id(), secret: b"sealed", webhook: change(name, OPENED) };
    let taken = create(&world.scope, &new("OURS"), at(0)).await;
    assert!(matches!(taken, Err(ChangeError::NameTaken)));
    for number in 1..WEBHOOKS_MAX {
        webhook(&world, &number.to_string(), OPENED).await;
    }
    let more = create(&world.scope, &new("one more"), at(0)).await;
    assert!(matches!(more, Err(ChangeError::TooMany)));
}

#[tokio::test]
async fn nothing_of_another_companys_webhooks_is_seen_or_changed() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    let message = test(&world.scope, hook, id(), at(0)).await.unwrap().unwrap();
    let other = other_company(world.store(), "Other").await;
    let page = PageRequest::first(10);
    assert_eq!(list(&world.scope, &page).await.unwrap().items.len(), 1);
    assert_eq!(list(&other, &page).await.unwrap().items, []);
    assert_eq!(get(&other, hook).await.unwrap(), None);
    let filter = DeliveryFilter::default();
    let theirs = list_deliveries(&other, filter, &page).await.unwrap();
    assert_eq!(theirs.items, []);
    assert_eq!(delivery(&other, hook, message.id).await.unwrap(), None);
    assert_eq!(events_of(&other, message.id).await.unwrap(), None);
    assert_eq!(pending(&other, hook, 10).await.unwrap(), []);
    assert_eq!(claim(&other, id(), LEASE, at(1)).await.unwrap(), []);
    assert_eq!(oldest_waiting(&other).await.unwrap(), None);
    assert!(!replay(&other, hook, message.id, at(1)).await.unwrap());
    assert!(!replay_since(&other, hook, at(0), at(1)).await.unwrap());
    assert!(test(&other, hook, id(), at(1)).await.unwrap().is_none());
    let rotated = rotate_secret(&other, hook, b"mine", at(9), at(1)).await.unwrap();
    assert!(rotated.is_none());
    let changed = super::change(&other, hook, &change("mine", OPENED), None, at(1)).await;
    assert!(changed.unwrap().is_none());
    settle(&other, message.id, &attempt(Outcome::Dead), at(1)).await.unwrap();
    assert!(!delete(&other, hook, at(1)).await.unwrap());
    let lost = turn(&other, hook, id(), &id, at(1)).await.unwrap();
    assert_eq!(lost, Turned::Lost);
    let still = delivery(&world.scope, hook, message.id).await.unwrap();
    assert_eq!(still, Some(message));
    assert_eq!(oldest_waiting(&world.scope).await.unwrap(), Some(at(0)));
}

#[tokio::test]
async fn what_ended_is_forgotten_after_its_time_and_what_waits_is_not() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    for outcome in [Outcome::Delivered, Outcome::Dead, Outcome::Retry(at(50))] {
        let message = test(&world.scope, hook, id(), at(0)).await.unwrap().unwrap();
        settle(&world.scope, message.id, &attempt(outcome), at(10)).await.unwrap();
    }
    assert_eq!(purge(&world.scope, at(10), at(10), 10).await.unwrap(), 0);
    assert_eq!(purge(&world.scope, at(11), at(10), 10).await.unwrap(), 1);
    assert_eq!(purge(&world.scope, at(11), at(11), 10).await.unwrap(), 1);
    let left = messages(&world, None).await;
    assert_eq!((left.len(), left[0].state), (1, DeliveryState::Pending));
    assert!(delete(&world.scope, hook, at(12)).await.unwrap());
    assert_eq!(messages(&world, None).await, []);
}
