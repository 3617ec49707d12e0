//! Who may work where, and what a second factor is good for.

mod roles;

use super::*;
use crate::audit::Origin;
use crate::invitations::tests::member;
use crate::test_fixtures::{World, at, company, id};

async fn operator(world: &World, email: &str) -> Uuid {
    let new = NewOperator { id: id(), email, name: "Op", password: "$argon2id$x" };
    let operators = world.store().local_operator();
    assert!(create_operator(&operators, &new, at(0)).await.unwrap());
    new.id
}

#[tokio::test]
async fn an_address_is_one_persons_however_it_is_written() {
    let world = World::new().await;
    let made = operator(&world, "Op@Example.org").await;
    let found = by_email(world.store(), " op@EXAMPLE.org").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].is_operator), (made, true));
    let again =
        NewOperator { id: id(), email: "OP@example.org", name: "Op", password: "$argon2id$x" };
    let operators = world.store().local_operator();
    assert!(!create_operator(&operators, &again, at(1)).await.unwrap());
    assert!(by_email(world.store(), "nobody@example.org").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_company_sees_its_own_people_and_no_others() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    let ann = member(&world.scope, "ann@example.org", Role::Analyst).await;
    member(&other, "bob@example.org", Role::Admin).await;
    operator(&world, "op@example.org").await;
    let emails = list_members(&world.scope).await.unwrap();
    let emails: Vec<_> = emails.iter().map(|member| member.email.as_str()).collect();
    assert_eq!(emails, ["ann@example.org"]);
    assert_eq!(find_member(&other, ann).await.unwrap(), None);
    let change = set_role(&other, ann, Role::Viewer, None, at(1)).await.unwrap();
    assert_eq!(change, RoleChange::Unknown);
    assert_eq!(remove_member(&other, ann, at(1)).await.unwrap(), RoleChange::Unknown);
}

#[tokio::test]
async fn a_company_cannot_touch_the_person_only_the_membership() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Admin).await;
    let mut tx = world.tx().await;
    let done = sqlx::query("UPDATE users SET password = 'mine', is_operator = true WHERE id = $1")
        .bind(ann)
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(done.rows_affected(), 0);
    for table in ["sessions", "idempotent_requests"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let seen: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(seen, 0, "{table}");
    }
}

#[tokio::test]
async fn the_last_admin_neither_goes_nor_becomes_less() {
    let world = World::new().await;
    let ann = member(&world.scope, "ann@example.org", Role::Admin).await;
    let less = set_role(&world.scope, ann, Role::Viewer, None, at(1)).await.unwrap();
    assert_eq!(less, RoleChange::LastAdmin);
    assert_eq!(remove_member(&world.scope, ann, at(1)).await.unwrap(), RoleChange::LastAdmin);
    let bob = member(&world.scope, "bob@example.org", Role::Viewer).await;
    let more = set_role(&world.scope, bob, Role::Operator, Some(1), at(1)).await.unwrap();
    let RoleChange::Done(now) = more else {
        panic!("{more:?}");
    };
    // No company makes an operator.
    assert_eq!((now.role, now.revision), (Role::Admin, 2));
    let old = set_role(&world.scope, bob, Role::Viewer, Some(1), at(2)).await.unwrap();
    assert_eq!(old, RoleChange::Stale);
    let gone = remove_member(&world.scope, ann, at(3)).await.unwrap();
    assert!(matches!(gone, RoleChange::Done(_)), "{gone:?}");
}

#[tokio::test]
async fn a_step_and_a_recovery_code_are_spent_once() {
    let world = World::new().await;
    let (store, user) = (world.store(), operator(&world, "op@example.org").await);
    let origin = Origin::local();
    assert!(begin_totp(store, user, b"secret").await.unwrap());
    let account = by_id(store, user).await.unwrap().unwrap();
    assert_eq!((account.totp_secret, account.totp_pending), (None, Some(b"secret".to_vec())));
    assert!(!spend_step(store, user, 5).await.unwrap(), "it is not confirmed");
    let hashes = [vec![1; 32], vec![2; 32]];
    assert!(confirm_totp(store, user, 10, &hashes, &origin, at(1)).await.unwrap());
    assert!(!confirm_totp(store, user, 11, &hashes, &origin, at(1)).await.unwrap());
    assert!(!begin_totp(store, user, b"other").await.unwrap(), "one that counts stays");
    for (step, expected) in [(10, false), (12, true), (12, false), (11, false), (13, true)] {
        assert_eq!(spend_step(store, user, step).await.unwrap(), expected, "{step}");
    }
    for expected in [true, false] {
        assert_eq!(spend_recovery(store, user, &[2; 32]).await.unwrap(), expected);
    }
    let account = by_id(store, user).await.unwrap().unwrap();
    assert_eq!((account.totp_secret.is_some(), account.recovery_codes), (true, 1));
    drop_totp(store, user, &origin, at(2)).await.unwrap();
    assert!(by_id(store, user).await.unwrap().unwrap().totp_secret.is_none());
}
