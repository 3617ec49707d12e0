//! Who has a turn when, under virtual time.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::rc::Rc;

use tokio::time::Instant;

use super::*;

/// What an attempt does: nothing for ever, or after so many milliseconds fail or succeed.
#[derive(Clone, Copy, Debug)]
enum Does {
    Nothing,
    Fail(u64),
    Succeed(u64),
}

/// When each attempt began, in milliseconds.
type Begun = Rc<RefCell<Vec<u64>>>;

#[expect(clippy::disallowed_methods, reason = "virtual time")]
fn now() -> Instant {
    Instant::now()
}

fn ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).expect("not long")
}

fn attempts(all: &[Does]) -> (Stagger<usize, usize, &'static str>, Begun) {
    let begun = Begun::default();
    let start = now();
    let attempts = all.iter().copied().enumerate().map(|(number, does)| {
        let begun = Rc::clone(&begun);
        let attempt: Attempt<usize, &'static str> = Box::pin(async move {
            begun.borrow_mut().push(ms(start));
            let (after, outcome) = match does {
                Does::Nothing => std::future::pending().await,
                Does::Fail(after) => (after, Err("no")),
                Does::Succeed(after) => (after, Ok(number)),
            };
            tokio::time::sleep(Duration::from_millis(after)).await;
            outcome
        });
        (number, attempt)
    });
    let stagger = Stagger::new(attempts, LEAD, |_| false);
    (stagger, begun)
}

#[tokio::test(start_paused = true)]
async fn what_is_dead_costs_a_quarter_of_a_second() {
    let (mut stagger, begun) = attempts(&[Does::Nothing, Does::Succeed(30), Does::Nothing]);
    let began = now();
    assert_eq!(stagger.run().await, Some(1));
    assert_eq!(ms(began), 280);
    // The third never had a turn.
    assert_eq!(*begun.borrow(), [0, 250]);
}

#[tokio::test(start_paused = true)]
async fn what_fails_costs_nothing_but_its_own_time() {
    let (mut stagger, begun) = attempts(&[Does::Fail(10), Does::Fail(0), Does::Succeed(5)]);
    let began = now();
    assert_eq!(stagger.run().await, Some(2));
    assert_eq!(ms(began), 15);
    assert_eq!(*begun.borrow(), [0, 10, 10]);
    assert_eq!(stagger.failed, [(0, "no"), (1, "no")]);
}

#[tokio::test(start_paused = true)]
async fn what_is_slow_still_wins_where_the_others_are_slower() {
    let (mut stagger, begun) = attempts(&[Does::Succeed(700), Does::Succeed(900)]);
    let began = now();
    assert_eq!(stagger.run().await, Some(0));
    assert_eq!(ms(began), 700);
    assert_eq!(*begun.borrow(), [0, 250]);
}

#[tokio::test(start_paused = true)]
async fn one_that_answers_in_time_is_left_alone() {
    let (mut stagger, begun) = attempts(&[Does::Succeed(249), Does::Succeed(0)]);
    assert_eq!(stagger.run().await, Some(0));
    assert_eq!(*begun.borrow(), [0]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_few_run_at_once_and_a_failure_makes_room() {
    let mut all = vec![Does::Nothing; AT_ONCE_MAX - 1];
    all.extend([Does::Fail(2_000), Does::Nothing, Does::Succeed(1)]);
    let (mut stagger, begun) = attempts(&all);
    let limit = tokio::time::timeout(Duration::from_secs(60), stagger.run());
    assert!(limit.await.is_err(), "the last one has no room");
    assert_eq!(*begun.borrow(), [0, 250, 500, 750, 2_750]);
    assert_eq!((stagger.running.len(), stagger.waiting.len()), (AT_ONCE_MAX, 1));
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_nobody_waits() {
    let (mut stagger, _) = attempts(&[Does::Fail(0), Does::Fail(0), Does::Fail(3)]);
    let began = now();
    assert_eq!(stagger.run().await, None);
    assert_eq!(ms(began), 3);
    assert_eq!(attempts(&[]).0.run().await, None);
}

#[tokio::test(start_paused = true)]
async fn what_makes_the_next_useless_lets_what_runs_go_on() {
    let (stagger, begun) = attempts(&[Does::Succeed(700), Does::Fail(10), Does::Succeed(0)]);
    let mut stagger = Stagger { is_final: |_| true, ..stagger };
    let began = now();
    assert_eq!(stagger.run().await, Some(0));
    assert_eq!(ms(began), 700);
    assert_eq!(*begun.borrow(), [0, 250], "the third is not begun");
    let (stagger, begun) = attempts(&[Does::Fail(10), Does::Succeed(0)]);
    let mut stagger = Stagger { is_final: |_| true, ..stagger };
    assert_eq!(stagger.run().await, None);
    assert_eq!(*begun.borrow(), [0]);
}

fn sockets(count: u16) -> Vec<SocketAddr> {
    (1..=count).map(|port| (Ipv4Addr::LOCALHOST, port).into()).collect()
}

async fn said(attempt: fn(u16) -> WayError) -> WayError {
    let outcome = first_of(sockets(3), |socket| -> Attempt<(), WayError> {
        Box::pin(std::future::ready(Err(attempt(socket.port()))))
    });
    outcome.await.expect_err("none succeeds")
}

#[tokio::test(start_paused = true)]
async fn of_a_names_addresses_the_first_ones_word_is_told() {
    let refused = |port| if port == 1 { WayError::UdpRefused } else { WayError::NoAnswer };
    assert!(matches!(said(refused).await, WayError::UdpRefused));
    let busy = |port| if port == 2 { WayError::Busy } else { WayError::UdpRefused };
    assert!(matches!(said(busy).await, WayError::Busy));
    let none =
        first_of(Vec::new(), |_| -> Attempt<(), WayError> { Box::pin(std::future::pending()) });
    assert!(matches!(none.await, Err(WayError::NoAnswer)));
}

/// What a name's addresses give of which this one is busy and the others shake hands, each after so long.
async fn first_beside_a_busy_one(busy: u16, took: [u64; 2]) -> u16 {
    let outcome = first_of(sockets(2), |socket| -> Attempt<u16, WayError> {
        let port = socket.port();
        let after = Duration::from_millis(took[usize::from(port - 1)]);
        Box::pin(async move {
            tokio::time::sleep(after).await;
            if port == busy { Err(WayError::Busy) } else { Ok(port) }
        })
    });
    outcome.await.expect("the other one succeeds")
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_busy_leaves_the_names_other_nodes_their_turn() {
    assert_eq!(first_beside_a_busy_one(1, [20, 30]).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_handshake_that_is_refused_does_not_end_the_first() {
    // A node far away, by its two addresses: its limit refuses the second handshake beside the first.
    assert_eq!(first_beside_a_busy_one(2, [600, 300]).await, 1);
}
