//! How long a session is good, and for whom.

use super::*;
use crate::invitations::tests::member;
use crate::permission::Permission;
use crate::tenant::Role;
use crate::test_fixtures::{World, at, company, id};
use crate::users::{remove_member, set_password};

const LASTING: Lasting =
    Lasting { idle: Duration::seconds(100), absolute: Duration::seconds(1_000) };

async fn begun(world: &World, user: Uuid, secret: u8, seconds: i64) -> PresentedKey {
    begun_instead(world, user, secret, seconds, None).await
}

async fn begun_instead(
    world: &World,
    user: Uuid,
    secret: u8,
    seconds: i64,
    replaces: Option<&PresentedKey>,
) -> PresentedKey {
    let key = PresentedKey::new(id(), [secret; 32]);
    let origin = Origin::local();
    let new = NewSession {
        key: &key,
        user,
        replaces,
        address: Some([203, 0, 113, 9].into()),
        agent: "a browser",
        origin: &origin,
        only: None,
    };
    begin(world.store(), &new, LASTING, at(seconds)).await.unwrap();
    key
}

async fn lets_in(world: &World, key: &PresentedKey, seconds: i64) -> bool {
    let found = world.store().authenticate_session(key, LASTING, at(seconds));
    found.await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_lets_in_until_it_is_idle_or_over() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    let idle = begun(&world, ann, 1, 0).await;
    assert!(lets_in(&world, &idle, 99).await, "noted as used now");
    assert!(lets_in(&world, &idle, 198).await);
    assert!(!lets_in(&world, &idle, 298).await);
    let kept = begun(&world, ann, 2, 0).await;
    for seconds in (90..1_000).step_by(90) {
        assert!(lets_in(&world, &kept, seconds).await, "{seconds}");
    }
    assert!(!lets_in(&world, &kept, 1_000).await, "however busy it is");
    let forged = PresentedKey::new(kept.id(), [3; 32]);
    assert!(!lets_in(&world, &forged, 1).await);
}

#[tokio::test]
async fn what_was_revoked_taken_over_or_of_an_old_password_is_over() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    let bob = member(&world.scope, "bob@example.org", Role::Viewer).await;
    let (first, second) = (begun(&world, ann, 1, 0).await, begun(&world, ann, 2, 0).await);
    let own = list(world.store(), (ann, first.id()), LASTING, at(1)).await.unwrap();
    assert_eq!(own.len(), 2);
    let ended = async |whose| {
        let origin = Origin::local();
        revoke(world.store(), (whose, second.id()), first.id(), &origin, at(1)).await.unwrap()
    };
    assert!(!ended(bob).await, "not one's own");
    assert!(ended(ann).await);
    assert!(!ended(ann).await, "once");
    assert!(!lets_in(&world, &first, 2).await);
    let third = begun(&world, ann, 3, 2).await;
    let keep = Some(third.id());
    let origin = Origin::local();
    set_password(world.store(), ann, "new", keep, &origin, at(3)).await.unwrap();
    assert!(!lets_in(&world, &second, 4).await);
    assert!(lets_in(&world, &third, 4).await, "the one that changed it stays");
}

#[tokio::test]
async fn signing_in_again_ends_the_session_that_the_browser_had_and_no_other() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    let bob = member(&world.scope, "bob@example.org", Role::Viewer).await;
    let of_bob = begun(&world, bob, 1, 0).await;
    // An id is no secret: it stands in lists and in the audit log.
    let forged = PresentedKey::new(of_bob.id(), [2; 32]);
    let first = begun_instead(&world, ann, 3, 0, Some(&forged)).await;
    assert!(lets_in(&world, &of_bob, 1).await);
    let second = begun_instead(&world, ann, 4, 1, Some(&first)).await;
    assert!(!lets_in(&world, &first, 2).await);
    assert!(lets_in(&world, &second, 2).await);
}

#[tokio::test]
async fn a_person_is_what_they_are_now_in_each_company() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    let ann = member(&world.scope, "ann@example.org", Role::Analyst).await;
    member(&world.scope, "bob@example.org", Role::Admin).await;
    member(&other, "cat@example.org", Role::Admin).await;
    assert_eq!(member(&other, "ann@example.org", Role::Viewer).await, ann);
    let key = begun(&world, ann, 1, 0).await;
    let who = async || {
        let found = world.store().authenticate_session(&key, LASTING, at(1));
        found.await.unwrap().unwrap()
    };
    let (here, there) = (world.scope.company(), other.company());
    let before = who().await;
    assert_eq!(before.company(), None, "of two, one has to be named");
    assert!(before.may(Permission::ScanHosts, here) && !before.may(Permission::ScanHosts, there));
    assert!(before.may(Permission::ReadInventory, there));
    assert!(before.operator(&Origin::local()).is_none());
    remove_member(&world.scope, ann, at(2)).await.unwrap();
    let after = who().await;
    assert_eq!((after.role_in(here), after.company()), (None, Some(there)));
    let scope = after.scope(here, &Origin::local()).await.unwrap();
    assert!(scope.is_none(), "at once, in the same session");
}

#[tokio::test]
async fn an_address_is_known_by_who_was_let_in_from_it() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    begun(&world, ann, 1, 10).await;
    let knows = async |user, last: u8, since| {
        let address = [203, 0, 113, last].into();
        let known = knows_address(world.store(), &[id(), user], address, at(since)).await.unwrap();
        assert!(known.is_empty() || known == [user]);
        !known.is_empty()
    };
    assert!(knows(ann, 9, 0).await);
    assert!(!knows(ann, 8, 0).await && !knows(id(), 9, 0).await && !knows(ann, 9, 11).await);
    assert_eq!(purge(world.store(), at(2_000)).await.unwrap(), 1);
}
