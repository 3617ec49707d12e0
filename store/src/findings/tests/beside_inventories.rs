//! Judging again and storing inventories work on the same hosts at the same time, and neither waits
//! for the other, however long that one takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use enrichment::evaluation::Evaluation;
use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::software::SoftwareRecord;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::super::*;
use crate::reports::apply;
use crate::test_fixtures::{
    Endpoint, GENERATION, World, at, evaluation, judge, key, record, stored,
};

/// Long enough for any transaction here, short enough to fail a test that waits for a lock.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20);

fn names() -> impl Iterator<Item = SoftwareRecord> {
    (0..40).map(|n| record(&format!("bad{n}"), "1.1"))
}

/// A judgement of all that [`names`] has.
fn judged(cve: &str) -> Vec<(SoftwareKey, Evaluation)> {
    names().map(|record| (key(&record), evaluation(&[cve]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn inventories_do_not_wait_for_rows_that_are_being_judged_again() {
    let world = World::new().await;
    let mut first = Endpoint::new(world.agent().await);
    world.apply(&first.snapshot(names(), 100)).await;
    // What a judgement holds until it commits: the software's rows, its findings, its keys.
    let mut judging = world.tx().await;
    for sql in [
        "SELECT FROM software WHERE company_key = $1 FOR NO KEY UPDATE",
        "UPDATE findings SET why = why WHERE company_key = $1",
        "UPDATE software SET generation = generation + 1 WHERE company_key = $1",
    ] {
        sqlx::query(sql).bind(world.scope.key()).execute(&mut *judging).await.unwrap();
    }
    let storing = async {
        // Another host has the same software, this one loses some and gets some more.
        let mut second = Endpoint::new(world.agent().await);
        world.apply(&second.snapshot(names(), 100)).await;
        let gone: Vec<_> = names().take(20).collect();
        let delta = first.delta(vec![record("new", "2")], &gone);
        stored(&world.apply(&[delta]).await.reports[0]).digest_agrees
    };
    let agrees = tokio::time::timeout(DEADLINE, storing).await;
    assert_eq!(agrees.expect("an inventory waits"), Some(true));
    judging.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn judging_again_does_not_wait_for_an_inventory_that_is_being_stored() {
    let world = World::new().await;
    let mut first = Endpoint::new(world.agent().await);
    world.apply(&first.snapshot(names(), 100)).await;
    // Held where it judges what is new: before its transaction, with its company's turn taken.
    let (is_inside, go_on) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let mut second = Endpoint::new(world.agent().await);
    let batch = second.snapshot(names().chain([record("new", "2")]), 100);
    let mut storing = JoinSet::new();
    storing.spawn({
        let (scope, is_inside, go_on) = (world.scope.clone(), is_inside.clone(), go_on.clone());
        async move {
            let hold = |record: &SoftwareRecord, platform: &Platform, key: SoftwareKey| {
                is_inside.notify_one();
                // On a thread of its own: whoever holds a worker may hold its sockets and timers.
                tokio::task::block_in_place(|| {
                    while !go_on.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                });
                judge(record, platform, key)
            };
            apply(&scope, &batch, &hold, GENERATION, at(0)).await
        }
    });
    is_inside.notified().await;
    let judged = judged("CVE-2026-1");
    let replacing = replace(&world.scope, &judged, 2, at(1));
    let replaced = tokio::time::timeout(DEADLINE, replacing).await;
    go_on.store(true, Ordering::Release);
    let replaced = replaced.expect("a judgement waits").unwrap().unwrap();
    assert_eq!(replaced.opened, 40);
    let applied = storing.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(stored(&applied.reports[0]).digest_agrees, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_of_both_at_once_never_wait_in_a_circle_and_come_to_one_result() {
    let world = World::new().await;
    let mut hosts = Vec::new();
    for _ in 0..6 {
        let mut host = Endpoint::new(world.agent().await);
        world.apply(&host.snapshot(names(), 100)).await;
        hosts.push(host);
    }
    let mut tasks = JoinSet::new();
    for (number, mut host) in hosts.into_iter().enumerate() {
        let scope = world.scope.clone();
        tasks.spawn(async move {
            for round in 0..8 {
                // Software that all bring at once, and that all had before.
                let new =
                    (0..10).map(|n| record(&format!("bad-{round}-{}", (n + number) % 10), "1"));
                let gone = names().skip(round * 4).take(4).collect::<Vec<_>>();
                let delta = host.delta(new.collect(), &gone);
                let applied = apply(&scope, &[delta], &judge, GENERATION, at(0)).await.unwrap();
                assert_eq!(stored(&applied.reports[0]).digest_agrees, Some(true));
            }
        });
    }
    for node in 0..2 {
        let scope = world.scope.clone();
        tasks.spawn(async move {
            for round in 0..8 {
                // The other node has them in the opposite order.
                let mut judged = judged(&format!("CVE-2026-{round}"));
                if node == 1 {
                    judged.reverse();
                }
                replace(&scope, &judged, 2, at(round)).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let open = "SELECT count(DISTINCT cve) FROM findings WHERE company_key = $1
                AND resolved_at = 'infinity' AND cve LIKE 'CVE-2026-%'";
    assert_eq!(world.number(open).await, 1, "the last judgement alone holds");
    // The server counts circles that it had to break, also those that a retry made up for; sessions
    // hand in their counts when they end.
    let url = world.database.url().to_owned();
    world.store().close().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let broken: i64 = sqlx::query_scalar(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(broken, 0);
}
