//! Lives of processes: they end at the poll that was named, keep their clocks and count for themselves.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_process_dies_at_the_await_that_was_named_and_never_goes_on() {
    let life = Life::begin(Random::new(3), None);
    let steps = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&steps);
    let task = life.run(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    life.end_after(20);
    // A dead task is never ready, so something else has to end the wait.
    tokio::select! {
        biased;
        () = task => {}
        () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
    }
    // Fewer than the polls, by those that were only made to wait.
    let done = steps.load(Ordering::Relaxed);
    assert!(done > 10 && done <= 20, "{done}");
    assert!(!life.is_alive());
}

#[tokio::test(start_paused = true)]
async fn a_process_sees_the_time_of_the_run() {
    let (clock, hand) = collector::clock::Clock::manual(time::OffsetDateTime::UNIX_EPOCH);
    let life = Life::begin(Random::new(3), Some(hand));
    life.run(async {
        tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    })
    .await;
    life.set_clock();
    assert_eq!(clock.now_ms() / 1_000, 7);
}

/// How far a task of one process gets that counts its steps, when it dies after so many polls.
async fn steps(seed: u64, polls: Option<u64>) -> u64 {
    let life = Life::begin(Random::new(seed), None);
    let steps = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&steps);
    let task = life.run(async move {
        for _ in 0..1_000 {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    if let Some(polls) = polls {
        life.end_after(polls);
    }
    let hour = std::time::Duration::from_secs(3_600);
    // A task that is dead waits for ever.
    tokio::time::timeout(hour, task).await.ok();
    steps.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn a_seed_says_how_far_a_process_gets() {
    assert_eq!(steps(3, Some(300)).await, steps(3, Some(300)).await);
    let all: std::collections::BTreeSet<u64> = {
        let mut all = std::collections::BTreeSet::new();
        for seed in 0..10 {
            all.insert(steps(seed, Some(300)).await);
        }
        all
    };
    assert!(all.len() > 1, "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tenth_of_the_polls_let_others_go_first() {
    let got = steps(1, Some(900)).await;
    // 810, give or take 9: five times that is not luck.
    assert!((765..=855).contains(&got), "{got} of 900 polls");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_not_told_to_die_comes_to_its_end() {
    assert_eq!(steps(1, None).await, 1_000);
}

#[tokio::test(start_paused = true)]
async fn one_that_dies_at_once_does_nothing_at_all() {
    assert_eq!(steps(1, Some(0)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_process_die_together() {
    let life = Life::begin(Random::new(1), None);
    let reached = Arc::new(AtomicU64::new(0));
    let task = |after_s: u64| {
        let reached = Arc::clone(&reached);
        life.run(async move {
            tokio::time::sleep(std::time::Duration::from_secs(after_s)).await;
            reached.fetch_add(1, Ordering::Relaxed);
        })
    };
    let (early, late) = (task(1), task(100));
    let killing = async {
        tokio::time::sleep(std::time::Duration::from_secs(50)).await;
        life.end();
    };
    let all = async { tokio::join!(early, late, killing) };
    let hour = std::time::Duration::from_secs(3_600);
    assert!(tokio::time::timeout(hour, all).await.is_err());
    assert_eq!(reached.load(Ordering::Relaxed), 1);
    assert!(!life.is_alive());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_wrong_stays_as_wrong_as_it_is() {
    let (clock, hand) = collector::clock::Clock::manual(time::OffsetDateTime::UNIX_EPOCH);
    let life = Life::begin(Random::new(3), Some(hand.clone()));
    hand.jump(time::Duration::hours(1));
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    life.set_clock();
    assert_eq!(clock.now_ms(), 3_610_000);
    life.set_clock();
    assert_eq!(clock.now_ms(), 3_610_000, "no time went by");
}

#[tokio::test(start_paused = true)]
async fn what_a_task_counts_is_counted_for_its_own_process() {
    let lives = [1, 2].map(|seed| Life::begin(Random::new(seed), None));
    for (times, life) in (1..).zip(&lives) {
        life.run(async move {
            metrics::counter!(collector::metrics::PIPELINE_UNENDED).increment(times);
        })
        .await;
    }
    let counted =
        lives.each_ref().map(|life| life.counts().sum(collector::metrics::PIPELINE_UNENDED));
    assert_eq!(counted, [1, 2]);
}
