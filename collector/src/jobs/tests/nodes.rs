//! Several nodes on one database: who has a job, for how long, and when it is tried again.

use store::jobs::Job;

use super::*;

const LEASE: Duration = Duration::from_secs(60);

/// A job that a node has taken and neither ends nor renews, as when it was killed.
async fn taken_by_a_node_that_dies(node: &Node) -> Job {
    enqueue(node, "tidy", &Value::Null).await;
    let now = node.jobs.clock.now();
    let taken = rows::take(&node.jobs.store, &["tidy"], LEASE, now).await;
    taken.unwrap().unwrap()
}

/// Another node with a clock of its own, which is so far ahead of the first one's.
fn another(node: &Node, ahead: Duration) -> Runner {
    let (clock, hand) = Clock::manual(DAY);
    hand.advance(ahead);
    Runner::new(jobs_on(&node.jobs.store, &clock), Wake::default(), Does::All)
}

async fn takes_one(runner: &Runner) -> bool {
    let stopping = CancellationToken::new();
    runner.take_one(&stopping).await.unwrap()
}

async fn lease_runs_out(node: &Node) {
    let sql = "UPDATE jobs SET leased_until = clock_timestamp() - interval '1 millisecond'";
    node.database.execute(sql).await;
}

#[tokio::test]
async fn what_a_dead_node_had_is_done_by_another_once_its_lease_is_over() {
    let node = Node::new().await;
    let job = taken_by_a_node_that_dies(&node).await;
    let other = another(&node, Duration::ZERO);
    assert!(!takes_one(&other).await, "somebody may still be at it");
    lease_runs_out(&node).await;
    assert!(takes_one(&other).await);
    assert!(!takes_one(&other).await, "it is done");
    // The first one was only slow, and its word comes late.
    let now = node.jobs.clock.now();
    let done = rows::end(&node.jobs.store, &job, store::jobs::Ending::Done, now);
    assert!(!done.await.unwrap());
    assert!(!rows::extend(&node.jobs.store, &job, LEASE).await.unwrap());
}

#[tokio::test]
async fn a_node_whose_clock_is_ahead_takes_nothing_that_another_works_at() {
    let node = Node::new().await;
    taken_by_a_node_that_dies(&node).await;
    for ahead in [61, 3_600, 365 * 86_400] {
        let other = another(&node, Duration::from_secs(ahead));
        assert!(!takes_one(&other).await, "{ahead} s ahead");
    }
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_after_ever_longer_waits() {
    let node = Node::new().await;
    node.break_tidying().await;
    enqueue(&node, "tidy", &Value::Null).await;
    for wait in [5, 20, 80, 320, 1_280, 1_800, 1_800] {
        assert!(node.take().await);
        assert!(!node.take().await, "at once");
        node.hand.advance(Duration::from_secs(wait - 1));
        assert!(!node.take().await, "before its {wait} seconds are over");
        node.hand.advance(Duration::from_secs(1));
    }
    assert!(node.take().await, "the eighth and last time");
    node.hand.advance(Duration::from_secs(86_400));
    assert!(!node.take().await, "it is given up");
}

#[tokio::test]
async fn a_job_that_another_node_gave_back_can_be_taken_at_once_by_any() {
    let node = Node::new().await;
    enqueue(&node, "tidy", &Value::Null).await;
    let stopping = CancellationToken::new();
    stopping.cancel();
    // The one that stops is a moment behind the other.
    assert!(node.runner().take_one(&stopping).await.unwrap());
    assert!(takes_one(&another(&node, Duration::from_secs(1))).await);
}

#[tokio::test]
async fn a_job_of_a_kind_that_nobody_knows_waits_for_a_release_that_does() {
    let node = Node::new().await;
    enqueue(&node, "tidy_more", &Value::Null).await;
    assert!(!node.take().await);
    let sql = "UPDATE jobs SET kind = 'tidy'";
    node.database.execute(sql).await;
    assert!(node.take().await, "nothing was counted against it");
}
