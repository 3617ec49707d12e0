//! Many transactions at once: they may wait for each other, never in a circle, and what two bring is
//! there once.

use tokio::task::JoinSet;

use super::super::*;
use crate::test_fixtures::{Endpoint, GENERATION, World, at, judge, record, stored};

#[tokio::test(flavor = "multi_thread")]
async fn many_agents_bring_the_same_new_software_at_once() {
    let world = World::new().await;
    let mut tasks = JoinSet::new();
    for number in 0..12 {
        let mut endpoint = Endpoint::new(world.agent().await);
        let scope = world.scope.clone();
        // Each brings the same software, in parts of another size and so in another order.
        let records = (0..120).map(|n| record(&format!("bad{n}"), "1.1"));
        let batch = endpoint.snapshot(records, 20 + number);
        tasks.spawn(async move {
            let mut software = 0;
            for report in batch {
                let applied = apply(&scope, &[report], &judge, GENERATION, at(0)).await.unwrap();
                assert_eq!(applied.asked, []);
                software += applied.software;
            }
            software
        });
    }
    let software: u32 = tasks.join_all().await.into_iter().sum();

    assert_eq!(software, 120, "each is new to one of them");
    // Two of each, for its two version parts. Twice that would be two nodes' judgements side by
    // side.
    let rows = "SELECT count(*) FROM findings WHERE company_key = $1";
    assert_eq!(world.number(rows).await, 240);
    let rows = "SELECT count(*) FROM installations WHERE company_key = $1";
    assert_eq!(world.number(rows).await, 12 * 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_report_on_two_nodes_at_once_is_stored_once() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let batch = endpoint.snapshot((0..50).map(|n| record(&format!("p{n}"), "1")), 100);
    let mut tasks = JoinSet::new();
    for _ in 0..6 {
        let (scope, batch) = (world.scope.clone(), batch.clone());
        tasks.spawn(async move {
            apply(&scope, &batch, &judge, GENERATION, at(0)).await.unwrap().reports[0]
        });
    }
    let outcomes = tasks.join_all().await;
    let duplicates = outcomes.iter().filter(|outcome| **outcome == Applied::Duplicate).count();
    assert_eq!(duplicates, 5);
    assert_eq!(outcomes.iter().filter(|o| matches!(o, Applied::Stored(_))).count(), 1);
    let rows = "SELECT count(*) FROM installations WHERE company_key = $1";
    assert_eq!(world.number(rows).await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_many_agents_in_any_order_do_not_wait_in_a_circle() {
    let world = World::new().await;
    let mut endpoints = Vec::new();
    for _ in 0..8 {
        endpoints.push(Endpoint::new(world.agent().await));
    }
    for round in 0..4 {
        let mut tasks = JoinSet::new();
        // Each agent is in one batch a round; the batches hold the agents in opposite orders.
        let mut batches = [Vec::new(), Vec::new()];
        for (number, endpoint) in endpoints.iter_mut().enumerate() {
            let records = (0..30).map(|n| record(&format!("r{round}-{}", (n + number) % 40), "1"));
            let report = endpoint.delta(records.collect(), &[]);
            batches[number % 2].push(report);
        }
        batches[1].reverse();
        for batch in batches {
            let scope = world.scope.clone();
            tasks.spawn(async move {
                apply(&scope, &batch, &judge, GENERATION, at(0)).await.unwrap().reports
            });
        }
        for report in tasks.join_all().await.into_iter().flatten() {
            assert_eq!(stored(&report).digest_agrees, Some(true));
        }
    }
}
