//! Who comes in by an invitation, and as what.

use super::*;
use crate::audit::Came;
use crate::test_fixtures::{World, at, company, id};

/// Somebody in a company, by an invitation; who they are.
pub(crate) async fn member(scope: &TenantScope, email: &str, role: Role) -> Uuid {
    let key = invite(scope, email, role).await;
    let known = users::by_email(scope.store(), email).await.unwrap();
    let who = match known.first() {
        Some(account) => Accepting::Known(account.id),
        None => Accepting::New { id: id(), name: "Somebody", password: "$argon2id$x" },
    };
    accept(scope.store(), &key, who, at(1)).await.unwrap().unwrap()
}

pub(crate) async fn invite(scope: &TenantScope, email: &str, role: Role) -> PresentedKey {
    let key = PresentedKey::new(id(), [9; 32]);
    let new = NewInvitation { key: &key, email, expires_at: at(100) };
    create(scope, &new, role, at(0)).await.unwrap();
    key
}

/// Accepts an invitation, wherever from.
async fn accept(
    store: &Store,
    key: &PresentedKey,
    who: Accepting<'_>,
    now: OffsetDateTime,
) -> Result<Option<Uuid>, StoreError> {
    super::accept(store, key, who, Came::default(), now).await
}

fn somebody_new() -> Accepting<'static> {
    Accepting::New { id: id(), name: "Ann", password: "$argon2id$x" }
}

#[tokio::test]
async fn an_invitation_is_good_once_within_its_time_and_until_it_is_taken_back() {
    let world = World::new().await;
    let store = world.store();
    let key = invite(&world.scope, "ann@example.org", Role::Viewer).await;
    let forged = PresentedKey::new(key.id(), [1; 32]);
    assert_eq!(open(store, &forged, at(1)).await.unwrap(), None);
    assert_eq!(open(store, &key, at(100)).await.unwrap(), None, "it is over");
    assert!(open(store, &key, at(99)).await.unwrap().is_some());
    assert!(accept(store, &key, somebody_new(), at(1)).await.unwrap().is_some());
    assert_eq!(accept(store, &key, somebody_new(), at(2)).await.unwrap(), None);
    let back = invite(&world.scope, "bob@example.org", Role::Viewer).await;
    let other = company(store, "Other").await;
    assert!(!revoke(&other, back.id(), at(1)).await.unwrap(), "another company's");
    assert_eq!(list(&world.scope, at(1)).await.unwrap().len(), 1);
    assert!(revoke(&world.scope, back.id(), at(1)).await.unwrap());
    assert_eq!(accept(store, &back, somebody_new(), at(1)).await.unwrap(), None);
    assert_eq!(list(&world.scope, at(1)).await.unwrap(), []);
}

#[tokio::test]
async fn nobody_accepts_for_another_and_no_company_makes_an_operator() {
    let world = World::new().await;
    let store = world.store();
    let bob = member(&world.scope, "bob@example.org", Role::Viewer).await;
    let key = invite(&world.scope, "ann@example.org", Role::Operator).await;
    let invitation = open(store, &key, at(1)).await.unwrap().unwrap();
    assert_eq!(invitation.role, Role::Admin);
    assert_eq!(accept(store, &key, Accepting::Known(bob), at(1)).await.unwrap(), None);
    let ann = accept(store, &key, somebody_new(), at(1)).await.unwrap().unwrap();
    let account = users::by_id(store, ann).await.unwrap().unwrap();
    assert!(!account.is_operator);
}

#[tokio::test]
async fn the_last_admin_who_is_invited_again_stays_one() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Admin).await;
    let again = member(&world.scope, "ann@example.org", Role::Viewer).await;
    assert_eq!(again, ann);
    let found = users::find_member(&world.scope, ann).await.unwrap();
    assert_eq!(found.map(|member| member.role), Some(Role::Admin));
}

#[tokio::test]
async fn an_operator_is_made_by_operators_and_never_out_of_a_companys_person() {
    let world = World::new().await;
    let (store, operator) = (world.store(), world.store().local_operator());
    let ann = member(&world.scope, "ann@example.org", Role::Admin).await;
    for (email, who, is_made) in [
        ("ann@example.org", Accepting::Known(ann), false),
        // A company has an account of the address: the operator's is another.
        ("ann@example.org", somebody_new(), true),
        ("new@example.org", somebody_new(), true),
    ] {
        let key = PresentedKey::new(id(), [9; 32]);
        let new = NewInvitation { key: &key, email, expires_at: at(100) };
        create_operator(&operator, &new, at(0)).await.unwrap();
        let made = accept(store, &key, who, at(1)).await.unwrap();
        assert_eq!(made.is_some(), is_made, "{email}");
    }
    let accounts = users::by_email(store, "new@example.org").await.unwrap();
    assert!(accounts[0].is_operator);
}

#[tokio::test]
async fn an_account_at_one_company_keeps_nobody_out_of_another() {
    let world = World::new().await;
    let (store, other) = (world.store(), company(world.store(), "Other").await);
    let theirs = member(&other, "ann@example.org", Role::Admin).await;
    let key = invite(&world.scope, "ann@example.org", Role::Viewer).await;
    let ann = accept(store, &key, somebody_new(), at(1)).await.unwrap().unwrap();
    assert_ne!(ann, theirs);
    let role = async |scope: &TenantScope, who| {
        users::find_member(scope, who).await.unwrap().map(|member| member.role)
    };
    assert_eq!(role(&world.scope, ann).await, Some(Role::Viewer));
    assert_eq!((role(&world.scope, theirs).await, role(&other, ann).await), (None, None));
    let found = users::by_email(store, "ann@example.org").await.unwrap();
    assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [theirs, ann]);
}

#[tokio::test]
async fn within_a_company_an_address_is_one_member() {
    let world = World::new().await;
    let (store, other) = (world.store(), company(world.store(), "Other").await);
    let elsewhere = member(&other, "ann@example.org", Role::Viewer).await;
    let first = invite(&world.scope, "ann@example.org", Role::Viewer).await;
    let ann = accept(store, &first, somebody_new(), at(1)).await.unwrap().unwrap();
    let second = invite(&world.scope, "ann@example.org", Role::Admin).await;
    for who in [somebody_new(), Accepting::Known(elsewhere)] {
        assert_eq!(accept(store, &second, who, at(2)).await.unwrap(), None, "{who:?}");
    }
    let members = users::list_members(&world.scope).await.unwrap();
    assert_eq!(members.iter().map(|one| one.id).collect::<Vec<_>>(), [ann]);
}

#[tokio::test]
async fn who_left_and_works_nowhere_comes_back_with_a_new_account_and_nobody_takes_one_that_works()
{
    let world = World::new().await;
    let (store, other) = (world.store(), company(world.store(), "Other").await);
    let before = member(&world.scope, "ann@example.org", Role::Viewer).await;
    member(&other, "ann@example.org", Role::Viewer).await;
    users::remove_member(&world.scope, before, at(2)).await.unwrap();
    let key = invite(&world.scope, "ann@example.org", Role::Viewer).await;
    let taken = accept(store, &key, somebody_new(), at(3)).await.unwrap();
    assert_eq!(taken, None, "it works in another company: its password is asked for");
    users::remove_member(&other, before, at(4)).await.unwrap();
    let ann = accept(store, &key, somebody_new(), at(5)).await.unwrap().unwrap();
    assert_ne!(ann, before);
    assert!(users::by_id(store, before).await.unwrap().is_none());
}

#[tokio::test]
async fn who_comes_by_the_link_and_by_the_provider_at_once_waits_for_one_of_both() {
    let world = World::new().await;
    let key = invite(&world.scope, "ann@example.org", Role::Viewer).await;
    // As one comes by the provider: the address first, and then the invitation.
    let mut by_provider = world.scope.begin_with_operators("test").await.unwrap();
    hold_address(&mut by_provider, world.scope.key(), "ann@example.org").await.unwrap();
    let mut accepting = tokio::task::JoinSet::new();
    let (store, by_link) = (world.store().clone(), key.clone());
    accepting.spawn(async move { accept(&store, &by_link, somebody_new(), at(1)).await });
    let waits = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                 WHERE NOT l.granted AND l.locktype = 'advisory' AND a.datname = current_database()";
    while world.database.number(waits).await == 0 {
        tokio::task::yield_now().await;
    }
    sqlx::query("UPDATE invitations SET accepted_at = $2 WHERE id = $1")
        .bind(key.id())
        .bind(at(1))
        .execute(&mut *by_provider)
        .await
        .unwrap();
    by_provider.commit().await.unwrap();
    let accepted = accepting.join_next().await.unwrap().unwrap();
    assert_eq!(accepted.unwrap(), None, "it counts once");
}
