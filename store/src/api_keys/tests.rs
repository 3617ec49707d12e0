//! Who is let in by a key, and who is not.

mod scopes;

use super::*;
use crate::audit::Origin;
use crate::test_fixtures::{World, at, id};

fn new_key(key: &PresentedKey, expires_at: Option<OffsetDateTime>) -> NewApiKey<'_> {
    NewApiKey { key, name: "reporting", expires_at }
}

async fn lets_in(world: &World, key: &PresentedKey, seconds: i64) -> bool {
    world.store().authenticate(key, at(seconds)).await.unwrap().is_some()
}

#[tokio::test]
async fn a_key_lets_in_until_it_expires_or_is_revoked() {
    let world = World::new().await;
    let key = PresentedKey::new(id(), [1; 32]);
    let new = new_key(&key, Some(at(100)));
    let made = create(&world.scope, &new, Role::Analyst, at(0)).await.unwrap();
    let principal = world.store().authenticate(&key, at(1)).await.unwrap().unwrap();
    let role = principal.role_in(world.scope.company());
    assert_eq!((role, principal.id()), (Some(Role::Analyst), made.id));
    assert!(lets_in(&world, &key, 99).await);
    assert!(!lets_in(&world, &key, 100).await, "it has expired");

    assert!(revoke(&world.scope, made.id, at(50)).await.unwrap());
    assert!(!revoke(&world.scope, made.id, at(51)).await.unwrap());
    assert!(!lets_in(&world, &key, 60).await, "it was revoked");
}

#[tokio::test]
async fn an_unknown_key_and_a_wrong_secret_let_nobody_in() {
    let world = World::new().await;
    let key = PresentedKey::new(id(), [1; 32]);
    create(&world.scope, &new_key(&key, None), Role::Admin, at(0)).await.unwrap();
    // Both look the same from outside: nobody finds out which ids exist.
    assert!(!lets_in(&world, &PresentedKey::new(key.id(), [2; 32]), 1).await);
    assert!(!lets_in(&world, &PresentedKey::new(id(), [1; 32]), 1).await);
    assert!(lets_in(&world, &key, 1).await);
}

#[tokio::test]
async fn no_company_can_make_an_operator() {
    let world = World::new().await;
    let key = PresentedKey::new(id(), [1; 32]);
    let made = create(&world.scope, &new_key(&key, None), Role::Operator, at(0)).await.unwrap();
    // Brought down, not refused: the least that the caller meant. What counts is that no row of a
    // company can hold an operator.
    assert_eq!(made.role, Role::Admin);
    let principal = world.store().authenticate(&key, at(1)).await.unwrap().unwrap();
    assert!(principal.operator(&Origin::system()).is_none());
}

#[tokio::test]
async fn keys_are_listed_where_they_belong_and_operators_revoke_their_own() {
    let world = World::new().await;
    let operator = world.store().local_operator();
    let (own, operators) = (PresentedKey::new(id(), [1; 32]), PresentedKey::new(id(), [2; 32]));
    create(&world.scope, &new_key(&own, None), Role::Viewer, at(0)).await.unwrap();
    create_operator(&operator, &new_key(&operators, None), at(0)).await.unwrap();

    let ids = |keys: Vec<ApiKey>| keys.into_iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!(ids(list(&world.scope).await.unwrap()), [own.id()]);
    assert_eq!(ids(list_operator(&operator).await.unwrap()), [operators.id()]);
    assert!(!revoke_operator(&operator, own.id(), at(1)).await.unwrap());
    assert!(!revoke(&world.scope, operators.id(), at(1)).await.unwrap());
    assert!(revoke_operator(&operator, operators.id(), at(1)).await.unwrap());
    assert!(!lets_in(&world, &operators, 2).await);
}

#[tokio::test]
async fn keys_are_listed_newest_first_whatever_their_ids() {
    let world = World::new().await;
    let operator = world.store().local_operator();
    let (low, high) = (id(), id());
    for (id, seconds) in [(high, 1), (low, 2)] {
        let key = PresentedKey::new(id, [1; 32]);
        create(&world.scope, &new_key(&key, None), Role::Viewer, at(seconds)).await.unwrap();
        // Ids are random in use, so an order by id would be any order; here it is the wrong one for
        // both lists.
        let own = PresentedKey::new(Uuid::from_u128(!id.as_u128()), [1; 32]);
        create_operator(&operator, &new_key(&own, None), at(9 - seconds)).await.unwrap();
    }
    let made = |keys: Vec<ApiKey>| -> Vec<_> { keys.iter().map(|key| key.created_at).collect() };
    assert_eq!(made(list(&world.scope).await.unwrap()), [at(2), at(1)]);
    assert_eq!(made(list_operator(&operator).await.unwrap()), [at(8), at(7)]);
}

#[tokio::test]
async fn notes_when_a_key_was_used_but_not_with_every_request() {
    let world = World::new().await;
    let operator = world.store().local_operator();
    let (own, operators) = (PresentedKey::new(id(), [1; 32]), PresentedKey::new(id(), [2; 32]));
    create(&world.scope, &new_key(&own, None), Role::Viewer, at(0)).await.unwrap();
    create_operator(&operator, &new_key(&operators, None), at(0)).await.unwrap();
    // A write with each request would make a row per request to vacuum, for a time that people read
    // by the day. Once a minute is exact enough.
    for (seconds, noted) in [(10, 10), (40, 10), (70, 70)] {
        assert!(lets_in(&world, &own, seconds).await);
        assert!(lets_in(&world, &operators, seconds).await);
        for keys in [list(&world.scope).await.unwrap(), list_operator(&operator).await.unwrap()] {
            assert_eq!(keys[0].last_used_at, Some(at(noted)));
        }
    }
}

#[test]
fn reads_what_it_writes() {
    // A secret of 0xff bytes is full of underscores in base64url.
    let key = PresentedKey::new(Uuid::from_u128(5), [0xff; 32]);
    assert_eq!(key.expose().parse(), Ok(key));
}

#[test]
fn refuses_what_is_no_key() {
    let whole = PresentedKey::new(Uuid::from_u128(5), [1; 32]).expose();
    for text in ["", "msk_", "msk_5_x", &whole[..whole.len() - 2], &whole[1..]] {
        assert_eq!(text.parse::<PresentedKey>(), Err(InvalidKey), "{text}");
    }
}

#[test]
fn never_shows_its_secret() {
    let key = PresentedKey::new(Uuid::from_u128(5), [7; 32]);
    assert!(!format!("{key:?}").contains("7, 7"));
}

#[tokio::test]
async fn keys_that_are_over_are_forgotten_and_those_that_let_in_are_not() {
    let world = World::new().await;
    let make = async |expires_at| {
        let key = PresentedKey::new(id(), [1; 32]);
        create(&world.scope, &new_key(&key, expires_at), Role::Viewer, at(0)).await.unwrap();
        key
    };
    let (lasting, expired) = (make(None).await, make(Some(at(50))).await);
    let (revoked, late) = (make(None).await, make(Some(at(200))).await);
    revoke(&world.scope, revoked.id(), at(60)).await.unwrap();
    assert_eq!(purge(&world.scope, at(50)).await.unwrap(), 0);
    assert_eq!(purge(&world.scope, at(61)).await.unwrap(), 2);
    let mut left: Vec<Uuid> = list(&world.scope).await.unwrap().iter().map(|key| key.id).collect();
    left.sort_unstable();
    let mut expected = vec![lasting.id(), late.id()];
    expected.sort_unstable();
    assert_eq!(left, expected);
    assert!(lets_in(&world, &lasting, 70).await && !lets_in(&world, &expired, 70).await);
}
