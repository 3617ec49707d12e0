//! What a reader would miss of digests: each once, at its time, to whom is still there, and of their company alone.

use time::Duration;
use time::macros::datetime;

use super::*;
use crate::exceptions::{self, About, Claim, Hosts, NewException, VexStatus};
use crate::invitations::tests::member;
use crate::page::PageRequest;
use crate::reports::apply;
use crate::tenant::Role;
use crate::test_fixtures::{Endpoint, GENERATION, World, at, company, id, judge, record};
use crate::users;

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

fn every(minute: u16, time_zone: &str) -> Every {
    Every { weekday: None, minute, time_zone: time_zone.to_owned() }
}

async fn have(world: &World, user: Uuid, every: &Every) -> Result<Digest, PutError> {
    let change = DigestChange { every, sections: &Section::ALL, when_quiet: false };
    put(&world.scope, (user, id()), &change, None, at(2)).await
}

fn message(id: Uuid) -> NewMessage<'static> {
    NewMessage { id, subject: "Acme: 1 new finding", text: "One.", html: "<p>One.</p>" }
}

async fn states(world: &World) -> Vec<(MessageState, Option<String>)> {
    let page = PageRequest::first(10);
    let page = list_messages(&world.scope, MessageFilter::default(), &page).await.unwrap();
    page.items.into_iter().map(|message| (message.state, message.error)).collect()
}

#[tokio::test]
async fn a_digest_is_its_persons_and_is_changed_from_what_was_seen() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    let made = have(&world, ann, &every(540, "UTC")).await.unwrap();
    // The test's day begins at eight.
    assert_eq!((made.next_at, made.revision), (at(3_600), 1));
    let berlin = every(540, "Europe/Berlin");
    let change = DigestChange { every: &berlin, sections: &[Section::Silent], when_quiet: true };
    let changed = put(&world.scope, (ann, id()), &change, Some(1), at(3)).await.unwrap();
    assert_eq!((changed.id, changed.revision, changed.when_quiet), (made.id, 2, true));
    assert_eq!(changed.sections, [Section::Silent]);
    let stale = put(&world.scope, (ann, id()), &change, Some(1), at(4)).await;
    assert!(matches!(stale, Err(PutError::Changed)), "{stale:?}");
    let nowhere = have(&world, ann, &every(0, "Europe/Atlantis")).await;
    assert!(matches!(nowhere, Err(PutError::NoTimeZone)), "{nowhere:?}");
    let other = company(world.store(), "Other").await;
    let stranger = member(&other, "bob@example.org", Role::Admin).await;
    let refused = have(&world, stranger, &berlin).await;
    assert!(matches!(refused, Err(PutError::NotOurs)), "{refused:?}");
    assert!(delete(&world.scope, ann, at(5)).await.unwrap());
    assert_eq!(of_user(&world.scope, ann).await.unwrap(), None);
}

#[tokio::test]
async fn a_digest_is_told_once_however_many_nodes_look() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    let made = have(&world, ann, &every(540, "UTC")).await.unwrap();
    assert_eq!(due(&world.scope, 10, at(3_599)).await.unwrap(), []);
    let now = at(3_600 + 30);
    let (one, two) =
        (due(&world.scope, 10, now).await.unwrap(), due(&world.scope, 10, now).await.unwrap());
    assert_eq!((one.len(), one[0].name.as_str()), (1, "Somebody"));
    assert!(tell(&world.scope, &one[0].digest, Some(&message(id())), now).await.unwrap());
    assert!(!tell(&world.scope, &two[0].digest, Some(&message(id())), now).await.unwrap());
    let after = get(&world.scope, made.id).await.unwrap().unwrap();
    let until = now - Duration::MINUTE;
    assert_eq!((after.next_at, after.told_until), (at(3_600) + Duration::DAY, until));
    assert_eq!(states(&world).await, [(MessageState::Pending, None)]);
    // Two nodes that send: one has it.
    let taken = claim(&world.scope, 10, MINUTE, now).await.unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].address, "ann@example.org");
    assert_eq!(claim(&world.scope, 10, MINUTE, now).await.unwrap(), []);
    // Until its lease is over.
    let later = now + Duration::seconds(61);
    assert_eq!(claim(&world.scope, 10, MINUTE, later).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_put_off_waits_and_what_ended_is_kept_for_a_while() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    let made = have(&world, ann, &every(540, "UTC")).await.unwrap();
    let first = id();
    tell(&world.scope, &made, Some(&message(first)), at(3_600)).await.unwrap();
    let again = Outcome::Retry(at(4_000));
    let error = Some("the mailbox\0 is busy".to_owned());
    let attempt = Attempt { outcome: again, code: Some(450), error };
    settle(&world.scope, first, &attempt, at(3_601)).await.unwrap();
    assert_eq!(claim(&world.scope, 10, MINUTE, at(3_999)).await.unwrap(), []);
    let taken = claim(&world.scope, 10, MINUTE, at(4_000)).await.unwrap();
    assert_eq!((taken[0].id, taken[0].attempts), (first, 1));
    assert_eq!(oldest_waiting(&world.scope).await.unwrap(), Some(at(3_600)));
    let sent = Attempt { outcome: Outcome::Sent, code: Some(250), error: None };
    settle(&world.scope, first, &sent, at(4_001)).await.unwrap();
    assert_eq!(states(&world).await, [(MessageState::Sent, None)]);
    assert_eq!(oldest_waiting(&world.scope).await.unwrap(), None);
    assert_eq!(purge(&world.scope, at(4_001), at(9_000), 10).await.unwrap(), 0);
    assert_eq!(purge(&world.scope, at(4_002), at(0), 10).await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_being_committed_while_a_digest_is_written_comes_with_the_next() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    let made = have(&world, ann, &every(540, "UTC")).await.unwrap();
    // Made a moment ago, it tells of nothing yet; never of what was before it.
    assert_eq!(made.until(at(30)), made.told_until);
    let now = at(3_630);
    let told = news(&world.scope, made.told_until, made.until(now)).await.unwrap();
    assert_eq!(told, News::default());
    assert!(tell(&world.scope, &made, None, now).await.unwrap());
    // Their transactions began before the digest was written, and end after it.
    let mut endpoint = Endpoint::new(world.agent().await);
    let batch = endpoint.snapshot([record("bad1", "1")], 100);
    apply(&world.scope, &batch, &judge, GENERATION, at(3_600)).await.unwrap();
    let next = get(&world.scope, made.id).await.unwrap().unwrap();
    let later = next.next_at + Duration::MINUTE;
    let told = news(&world.scope, next.told_until, next.until(later)).await.unwrap();
    assert_eq!(told.opened.all, 1);
}

#[tokio::test]
async fn nobody_is_written_to_who_has_left_or_may_not_sign_in() {
    let world = World::new().await;
    let admin = member(&world.scope, "admin@example.org", Role::Admin).await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    for user in [admin, ann] {
        let made = have(&world, user, &every(540, "UTC")).await.unwrap();
        tell(&world.scope, &made, Some(&message(id())), at(3_600)).await.unwrap();
    }
    users::remove_member(&world.scope, ann, at(3_601)).await.unwrap();
    let sql = "UPDATE users SET disabled_at = now() WHERE email = 'admin@example.org'";
    world.database.execute(sql).await;
    assert_eq!(claim(&world.scope, 10, MINUTE, at(3_602)).await.unwrap(), []);
    for (state, error) in states(&world).await {
        assert_eq!(state, MessageState::Dead);
        assert!(error.unwrap().contains("left"));
    }
    // And their digests end when they would come next.
    assert_eq!(due(&world.scope, 10, at(3_600) + Duration::DAY).await.unwrap(), []);
    assert_eq!(of_user(&world.scope, admin).await.unwrap(), None);
    assert_eq!(of_user(&world.scope, ann).await.unwrap(), None);
}

#[tokio::test]
async fn whoever_ends_a_digest_gets_none_that_waited() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    let made = have(&world, ann, &every(540, "UTC")).await.unwrap();
    for _ in 0..TESTS_MAX {
        assert!(test(&world.scope, &made, &message(id()), at(3)).await.unwrap());
    }
    assert!(!test(&world.scope, &made, &message(id()), at(3)).await.unwrap(), "one too many");
    assert!(unsubscribe(&world.scope, made.id, at(4)).await.unwrap());
    assert_eq!(states(&world).await, []);
    assert!(!unsubscribe(&world.scope, made.id, at(5)).await.unwrap());
    // Begun anew it has another id: an old link ends nothing.
    let anew = have(&world, ann, &every(540, "UTC")).await.unwrap();
    assert!(!unsubscribe(&world.scope, made.id, at(6)).await.unwrap());
    assert_eq!(of_user(&world.scope, ann).await.unwrap().map(|d| d.id), Some(anew.id));
}

#[tokio::test]
async fn news_are_what_came_within_the_while_on_hosts_and_is_left_out_by_nobody() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    world.apply(&endpoint.snapshot([record("bad1", "1")], 100)).await;
    let told = news(&world.scope, at(-1), at(1)).await.unwrap();
    assert_eq!(told.opened.all, 1);
    assert_eq!((told.worst.len(), told.worst[0].hosts), (1, 1));
    assert_eq!(told.worst[0].software, "bad1");
    assert_eq!(news(&world.scope, at(0), at(1)).await.unwrap().opened.all, 0, "told before");
    // A day and a second after its last word.
    let silent = news(&world.scope, at(86_000), at(86_401)).await.unwrap();
    assert_eq!((silent.silent_count, silent.silent[0].hostname.as_str()), (1, "host"));
    assert_eq!(news(&world.scope, at(86_401), at(90_000)).await.unwrap().silent_count, 0);
    let other = company(world.store(), "Other").await;
    assert_eq!(news(&other, at(-1), at(86_401)).await.unwrap(), News::default());

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
        hosts: Hosts::All,
        claim: &claim,
        expires_at: Some(datetime!(2026-11-29 08:00 UTC)),
        origin: None,
    };
    exceptions::create(&world.scope, &new, at(2)).await.unwrap();
    let told = news(&world.scope, at(-1), at(3)).await.unwrap();
    assert_eq!((told.opened.all, told.worst.len()), (0, 0));
    // It ends in eight days, and is told of in the last seven: once as news.
    assert_eq!(told.expiring_count, (0, 0));
    let day = 86_400;
    let told = news(&world.scope, at(0), at(day + 1)).await.unwrap();
    assert_eq!((told.expiring_count, told.expiring[0].about.as_str()), ((1, 1), "bad1"));
    let told = news(&world.scope, at(day + 1), at(2 * day)).await.unwrap();
    assert_eq!(told.expiring_count, (1, 0));
}
