//! Rows and agents that do not agree: the rows are counted again, and the agent is asked at once,
//! but not for ever.

use protocol::fingerprint::InventoryDigest;
use time::OffsetDateTime;

use super::super::*;
use crate::commands::{self, Command};
use crate::hosts;
use crate::test_fixtures::{Endpoint, GENERATION, World, at, judge, record, stored};

async fn pending(world: &World, endpoint: &Endpoint) -> Vec<Command> {
    let pending = commands::pending(world.store(), &[endpoint.agent]).await.unwrap();
    pending.into_iter().map(|(_, command)| command).collect()
}

/// A delta whose digest is not what the rows come to.
fn wrong(endpoint: &mut Endpoint) -> IncomingReport {
    let mut report = endpoint.delta(vec![], &[]);
    report.report.digest = Some(InventoryDigest { count: 1, sum: 1 });
    report
}

async fn apply_at(world: &World, report: IncomingReport, now: OffsetDateTime) -> AppliedBatch {
    apply(&world.scope, &[report], &judge, GENERATION, now).await.unwrap()
}

#[tokio::test]
async fn a_digest_that_differs_asks_for_a_snapshot_until_it_comes() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    world.apply(&endpoint.snapshot([record("a", "1")], 100)).await;
    let applied = apply_at(&world, wrong(&mut endpoint), at(10)).await;
    assert_eq!(stored(&applied.reports[0]).digest_agrees, Some(false));
    assert_eq!(applied.asked, [endpoint.agent]);
    assert_eq!(pending(&world, &endpoint).await, [Command::SendSnapshot]);

    let applied = world.apply(&endpoint.snapshot([record("a", "1")], 100)).await;
    assert_eq!(stored(&applied.reports[0]).digest_agrees, Some(true));
    assert_eq!(pending(&world, &endpoint).await, []);
    let host = hosts::get(&world.scope, endpoint.agent).await.unwrap().unwrap();
    assert_eq!(host.snapshot_asked_at, None);
}

#[tokio::test]
async fn a_running_sum_that_went_wrong_is_set_right_without_troubling_the_agent() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    world.apply(&endpoint.snapshot([record("a", "1"), record("b", "1")], 100)).await;
    let mut tx = world.tx().await;
    // As a fault of this program would leave it. Rows are the truth and the sum is a shortcut to
    // them, so the rows are counted before the agent is asked for megabytes.
    sqlx::query("UPDATE agents SET digest_count = 77 WHERE company_key = $1")
        .bind(world.scope.key())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let applied = world.apply(&[endpoint.delta(vec![record("c", "1")], &[])]).await;

    assert_eq!(stored(&applied.reports[0]).digest_agrees, Some(false));
    assert_eq!(applied.asked, []);
    let host = hosts::get(&world.scope, endpoint.agent).await.unwrap().unwrap();
    assert_eq!(host.digest, endpoint.digest());
}

#[tokio::test]
async fn rows_that_went_missing_are_made_up_for() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let all = || (0..5).map(|n| record(&format!("p{n}"), "1"));
    world.apply(&endpoint.snapshot(all(), 100)).await;
    let mut tx = world.tx().await;
    // Some and not all of them, by what is as good as chance.
    sqlx::query("DELETE FROM installations WHERE company_key = $1 AND fingerprint::text < '9'")
        .bind(world.scope.key())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // The sum still stands for all five rows; a report that differs has them counted again.
    apply_at(&world, wrong(&mut endpoint), at(10)).await;
    world.apply(&endpoint.snapshot(all(), 2)).await;

    let host = hosts::get(&world.scope, endpoint.agent).await.unwrap().unwrap();
    assert_eq!(host.digest, endpoint.digest());
    let open =
        "SELECT count(*) FROM installations WHERE company_key = $1 AND closed_at = 'infinity'";
    assert_eq!(world.number(open).await, 5);
}

#[tokio::test]
async fn an_agent_that_never_agrees_is_asked_ever_more_seldom() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    world.apply(&endpoint.snapshot([record("a", "1")], 100)).await;
    let mut asked = Vec::new();
    for minute in 0..64 {
        let report = wrong(&mut endpoint);
        if !apply_at(&world, report, at(minute * 60)).await.asked.is_empty() {
            asked.push(minute);
        }
    }
    // Twice as long each time. An agent that can never agree must not send its inventory every
    // minute.
    assert_eq!(asked, [0, 1, 3, 7, 15, 31, 63]);
}

#[tokio::test]
async fn only_the_end_of_a_batch_says_whether_the_rows_agree() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    // It differs in the middle, and what follows in the same batch sets it right.
    let mut batch = vec![wrong(&mut endpoint)];
    batch.extend(endpoint.snapshot([record("a", "1")], 100));
    let applied = world.apply(&batch).await;
    assert_eq!(stored(&applied.reports[0]).digest_agrees, Some(false));
    assert_eq!(applied.asked, []);
}
