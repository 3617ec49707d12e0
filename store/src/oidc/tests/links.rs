//! Whom a provider's word means once people left and came back, and how people of a domain are found.

use sqlx::AssertSqlSafe;

use super::*;
use crate::audit::Came;
use crate::invitations::{self, Accepting};

/// Accepts an invitation by its link, as somebody.
async fn accept(world: &World, key: &PresentedKey, who: Accepting<'_>) -> Option<uuid::Uuid> {
    invitations::accept(world.store(), key, who, Came::default(), at(5)).await.unwrap()
}

/// Ann's account, which another company opened; she works here as well and came by our provider, and left.
async fn ann_left(world: &World) -> (TenantScope, uuid::Uuid) {
    let other = company(world.store(), "Other").await;
    set_up(&world.scope, &PLAIN).await;
    let theirs = member(&other, "ann@example.org", Role::Viewer).await;
    assert_eq!(member(&world.scope, "ann@example.org", Role::Viewer).await, theirs);
    let came = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap();
    assert_eq!(came.user, theirs);
    users::remove_member(&world.scope, theirs, at(3)).await.unwrap();
    (other, theirs)
}

#[tokio::test]
async fn who_comes_back_with_a_new_account_is_let_into_that_by_the_provider() {
    let world = World::new().await;
    let (_, theirs) = ann_left(&world).await;
    let key = invite(&world.scope, "ann@example.org", Role::Analyst).await;
    let new = Accepting::New { id: id(), name: "Ann", password: "$argon2id$y" };
    let ann = accept(&world, &key, new).await.unwrap();
    assert_ne!(ann, theirs);
    // Also while another invitation is open, which would let the account that left in beside the new one.
    invite(&world.scope, "ann@example.org", Role::Viewer).await;
    let back = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap();
    assert_eq!((back.user, role(&world.scope, &back).await), (ann, Some(Role::Analyst)));
    let members = users::list_members(&world.scope).await.unwrap();
    assert_eq!(members.iter().map(|one| one.id).collect::<Vec<_>>(), [ann]);
}

#[tokio::test]
async fn who_comes_back_with_the_account_of_before_is_whom_the_provider_means() {
    let world = World::new().await;
    let (other, theirs) = ann_left(&world).await;
    // What another company's provider says of the account is that company's.
    set_up(&other, &PLAIN).await;
    arrive(&other, "s7", "ann@example.org", &[]).await.unwrap();
    let key = invite(&world.scope, "ann@example.org", Role::Analyst).await;
    assert_eq!(accept(&world, &key, Accepting::Known(theirs)).await, Some(theirs));
    // Under an address of which nobody knows but by the link.
    for (scope, subject) in [(&world.scope, "s1"), (&other, "s7")] {
        let back = arrive(scope, subject, "ann.new@example.org", &[]).await.unwrap();
        assert_eq!(back.user, theirs, "{subject}");
    }
}

#[tokio::test]
async fn people_of_a_domain_are_found_by_the_index() {
    let world = World::new().await;
    let mut tx = users::as_operator(world.store(), "test").await.unwrap();
    let sql = include_str!("../by_domain.sql");
    for statement in [
        "SET LOCAL enable_seqscan = off".to_owned(),
        "SET LOCAL enable_bitmapscan = off".to_owned(),
        format!("PREPARE by_domain (text) AS {sql}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *tx).await.unwrap();
    }
    let explain = "EXPLAIN EXECUTE by_domain ('example.org')";
    let lines: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut *tx).await.unwrap();
    sqlx::raw_sql("DEALLOCATE by_domain").execute(&mut *tx).await.unwrap();
    let plan = lines.join("\n");
    assert!(plan.contains("users_domain"), "{plan}");
    assert!(plan.contains("Index Cond: (domain = 'example.org'"), "{plan}");
}
