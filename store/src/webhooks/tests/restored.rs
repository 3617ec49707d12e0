//! Webhooks of a database that was brought back on another server, whose transactions have other numbers.

use super::*;

/// Makes all that happened, and what was told of it, another server's with greater numbers of transactions.
async fn comes_from_elsewhere(world: &World) {
    let mut tx = world.tx().await;
    for sql in [
        "UPDATE finding_events SET xact = xact + 1000000000000",
        "UPDATE policy_events SET xact = xact + 1000000000000",
        "UPDATE webhooks SET xact = xact + 1000000000000",
    ] {
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_webhook_that_was_restored_is_told_what_it_was_not_told_before_and_what_happens_then() {
    let world = World::new().await;
    webhook(&world, "ours", OPENED).await;
    happen(&world, "opened", 2, 0).await;
    shows(&world, 2).await;
    tell(&world, 0).await;
    happen(&world, "opened", 1, 1).await;
    shows(&world, 3).await;
    comes_from_elsewhere(&world).await;
    assert_eq!(world.store().renumber_events().await.unwrap(), 3);
    happen(&world, "opened", 4, 2).await;
    shows(&world, 7).await;
    tell(&world, 3).await;
    let told: Vec<u64> = messages(&world, None).await.iter().map(|m| m.events).collect();
    assert_eq!(told, [5, 2]);
}

#[tokio::test]
async fn what_happened_on_this_server_keeps_its_order() {
    let world = World::new().await;
    let hook = webhook(&world, "ours", OPENED).await;
    happen(&world, "opened", 2, 0).await;
    shows(&world, 2).await;
    assert_eq!(world.store().renumber_events().await.unwrap(), 0);
    assert_eq!(tell(&world, 0).await, hook);
    let told: Vec<u64> = messages(&world, None).await.iter().map(|m| m.events).collect();
    assert_eq!(told, [2]);
    assert_eq!(world.store().renumber_events().await.unwrap(), 0);
}
