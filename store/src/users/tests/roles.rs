//! Roles that are changed by several at once, and people who work in several companies.

use super::*;
use crate::api_keys::{self, NewApiKey, PresentedKey};
use crate::audit::{self, Actor, EntryFilter};
use crate::page::PageRequest;
use crate::tenant::{OperatorScope, Principal, TenantScope};

async fn role_of(scope: &TenantScope, user: Uuid) -> Option<Role> {
    let found = find_member(scope, user).await.unwrap();
    found.map(|member| member.role)
}

#[tokio::test]
async fn two_admins_cannot_take_each_others_role_at_once() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Admin).await;
    let bob = member(&world.scope, "bob@example.org", Role::Admin).await;
    let (one, other) = tokio::join!(
        set_role(&world.scope, ann, Role::Viewer, None, at(1)),
        set_role(&world.scope, bob, Role::Viewer, None, at(1))
    );
    let results = [one.unwrap(), other.unwrap()];
    let refused = results.iter().filter(|one| **one == RoleChange::LastAdmin);
    assert_eq!(refused.count(), 1, "{results:?}");
    let left = [role_of(&world.scope, ann).await, role_of(&world.scope, bob).await];
    assert!(left.contains(&Some(Role::Admin)), "{left:?}");
    // Nor can one go while the other becomes less.
    let admin = if left[0] == Some(Role::Admin) { ann } else { bob };
    let gone = remove_member(&world.scope, admin, at(2)).await.unwrap();
    assert_eq!(gone, RoleChange::LastAdmin);
}

#[tokio::test]
async fn a_role_is_of_one_company_and_going_leaves_the_others() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    assert_eq!(member(&other, "ann@example.org", Role::Analyst).await, ann);
    member(&world.scope, "bob@example.org", Role::Admin).await;
    let more = set_role(&world.scope, ann, Role::Admin, Some(1), at(1)).await;
    assert!(matches!(more.unwrap(), RoleChange::Done(_)));
    assert_eq!(role_of(&other, ann).await, Some(Role::Analyst));
    let gone = remove_member(&world.scope, ann, at(2)).await.unwrap();
    assert!(matches!(gone, RoleChange::Done(_)), "{gone:?}");
    assert_eq!(role_of(&world.scope, ann).await, None);
    assert_eq!(role_of(&other, ann).await, Some(Role::Analyst));
    let again = remove_member(&world.scope, ann, at(3)).await.unwrap();
    assert_eq!(again, RoleChange::Unknown);
    assert!(by_id(world.store(), ann).await.unwrap().is_some(), "the person stays");
}

#[tokio::test]
async fn every_change_of_a_role_is_a_revision_and_in_the_log() {
    let world = World::new().await;
    member(&world.scope, "boss@example.org", Role::Admin).await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    for (revision, role, seconds) in [
        (Some(1), Role::Analyst, 10),
        (Some(1), Role::Admin, 11),
        (Some(2), Role::Analyst, 12),
        (None, Role::Viewer, 13),
    ] {
        set_role(&world.scope, ann, role, revision, at(seconds)).await.unwrap();
    }
    let found = find_member(&world.scope, ann).await.unwrap().unwrap();
    assert_eq!((found.role, found.revision), (Role::Viewer, 4));
    remove_member(&world.scope, ann, at(20)).await.unwrap();
    let filter = EntryFilter { action: Some("user".to_owned()), ..EntryFilter::default() };
    let entries = audit::list(&world.scope, &filter, &PageRequest::first(10)).await;
    let told: Vec<_> = entries
        .unwrap()
        .items
        .into_iter()
        .map(|entry| {
            let role = |state: Option<serde_json::Value>| {
                state.and_then(|state| state["role"].as_str().map(str::to_owned))
            };
            (entry.action, role(entry.before), role(entry.after))
        })
        .collect();
    let line = |action: &str, before: &str, after: Option<&str>| {
        (action.to_owned(), Some(before.to_owned()), after.map(str::to_owned))
    };
    assert_eq!(
        told,
        [
            line("user.remove", "viewer", None),
            line("user.set_role", "analyst", Some("viewer")),
            line("user.set_role", "analyst", Some("analyst")),
            line("user.set_role", "viewer", Some("analyst")),
        ]
    );
}

#[tokio::test]
async fn people_are_listed_by_address_and_operators_apart() {
    let world = World::new().await;
    for email in ["zoe@example.org", "ann@example.org", "Max@Example.org"] {
        member(&world.scope, &email.to_lowercase(), Role::Viewer).await;
    }
    let first = operator(&world, "z-op@example.org").await;
    operator(&world, "a-op@example.org").await;
    let emails = |members: Vec<Member>| -> Vec<String> {
        members.into_iter().map(|member| member.email).collect()
    };
    let own = emails(list_members(&world.scope).await.unwrap());
    assert_eq!(own, ["ann@example.org", "max@example.org", "zoe@example.org"]);
    let operators = world.store().local_operator();
    let all = emails(list_operators(&operators).await.unwrap());
    assert_eq!(all, ["a-op@example.org", "z-op@example.org"]);
    assert!(remove_operator(&operators, first, at(1)).await.unwrap());
    assert!(!remove_operator(&operators, first, at(2)).await.unwrap());
    let left = emails(list_operators(&operators).await.unwrap());
    assert_eq!(left, ["a-op@example.org"]);
    // A company's person is none of the operators' to refuse.
    let zoe = by_email(world.store(), "zoe@example.org").await.unwrap();
    assert!(!remove_operator(&operators, zoe[0].id, at(3)).await.unwrap());
}

#[tokio::test]
async fn nobody_has_an_address_that_no_row_can_hold() {
    let world = World::new().await;
    operator(&world, "op@example.org").await;
    for email in ["\0", "op@example.org\0", "op\0@example.org", "", " "] {
        let found = by_email(world.store(), email).await.unwrap();
        assert!(found.is_empty(), "{email:?}");
    }
}

#[tokio::test]
async fn another_password_is_a_persons_who_is_there() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    let origin = Origin::local();
    let set = async |user| {
        let done = set_password(world.store(), user, "$argon2id$new", None, &origin, at(5));
        done.await.unwrap()
    };
    assert!(set(ann).await);
    assert!(!set(id()).await);
    let account = by_id(world.store(), ann).await.unwrap().unwrap();
    assert_eq!(account.password, "$argon2id$new");
    assert!(!format!("{account:?}").contains("argon2id"));
}

#[tokio::test]
async fn an_operator_who_is_refused_leaves_no_key_of_operators_behind() {
    let world = World::new().await;
    let op = operator(&world, "op@example.org").await;
    let local = world.store().local_operator();
    let key = async |maker: &OperatorScope, secret: u8| {
        let key = PresentedKey::new(id(), [secret; 32]);
        let new = NewApiKey { key: &key, name: "key", expires_at: None };
        api_keys::create_operator(maker, &new, at(0)).await.unwrap();
        key
    };
    let actor = Actor::User { id: op, email: "op@example.org".to_owned() };
    let origin = Origin::of_request(actor.clone(), None, String::new());
    let as_op = Principal::of_operators(world.store().clone(), actor).operator(&origin).unwrap();
    let (own, others) = (key(&as_op, 1).await, key(&local, 2).await);
    assert!(remove_operator(&local, op, at(1)).await.unwrap());
    assert!(world.store().authenticate(&own, at(2)).await.unwrap().is_none());
    assert!(world.store().authenticate(&others, at(2)).await.unwrap().is_some());
}
