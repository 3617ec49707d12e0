//! The limits of waits, whatever is drawn and however often something fails.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn waits_longer_after_every_failure_and_never_past_the_limit() {
    let mut jitter = Jitter::seeded(1);
    let mut backoff = Backoff::new(SECOND, 60 * SECOND);
    for failure in 0..100 {
        let step = SECOND * 2_u32.pow(failure.min(6));
        let step = step.min(60 * SECOND);
        let wait = backoff.next(&mut jitter);
        assert!(wait >= step / 2 && wait <= step, "{wait:?} after {failure} failures");
    }
}

#[test]
fn begins_again_after_a_success() {
    let mut jitter = Jitter::seeded(1);
    let mut backoff = Backoff::new(SECOND, 60 * SECOND);
    for _ in 0..10 {
        backoff.next(&mut jitter);
    }
    backoff.reset();
    assert!(backoff.next(&mut jitter) <= SECOND);
}

#[test]
fn spreads_a_fleet_over_the_whole_range() {
    let waits: Vec<_> =
        (0..1_000).map(|seed| Jitter::seeded(seed).between(Duration::ZERO, 10 * SECOND)).collect();
    for tenth in 0..10 {
        let range = tenth * SECOND..(tenth + 1) * SECOND;
        let inside = waits.iter().filter(|wait| range.contains(*wait)).count();
        assert!(inside > 50, "{inside} of 1000 in second {tenth}");
    }
}

#[test]
fn never_comes_earlier_than_a_collector_asked() {
    let mut jitter = Jitter::seeded(7);
    for _ in 0..100 {
        let wait = jitter.asked(5_000);
        assert!(wait >= 5 * SECOND && wait <= 8 * SECOND);
    }
}

#[test]
fn does_not_let_a_collector_send_it_away_for_good() {
    assert!(Jitter::seeded(7).asked(u32::MAX) <= Duration::from_secs(5_400));
}

#[test]
fn has_no_range_that_it_cannot_draw_from() {
    let mut jitter = Jitter::seeded(7);
    assert_eq!(jitter.between(SECOND, SECOND), SECOND);
    assert_eq!(jitter.between(SECOND, Duration::ZERO), SECOND);
    assert!(jitter.between(Duration::ZERO, Duration::MAX) <= Duration::MAX);
}

/// Half an hour in milliseconds and a few values at the ends of what a wait can be.
fn wait() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0_u64..1_800_000).prop_map(Duration::from_millis),
        proptest::sample::select(vec![
            Duration::ZERO,
            Duration::from_nanos(1),
            SECOND,
            Duration::MAX
        ]),
    ]
}

proptest! {
    #[test]
    fn a_wait_between_two_bounds_is_between_them(seed: u64, from in wait(), to in wait()) {
        let drawn = Jitter::seeded(seed).between(from, to);
        prop_assert!(drawn >= from);
        prop_assert!(drawn <= to.max(from), "{drawn:?} is not in {from:?} to {to:?}");
    }

    #[test]
    fn a_wait_around_a_middle_is_within_a_tenth_of_it(seed: u64, ms in 0_u64..100_000_000) {
        let middle = Duration::from_millis(ms);
        let drawn = Jitter::seeded(seed).around(middle);
        prop_assert!(drawn >= middle - middle / 10 && drawn <= middle + middle / 10);
    }

    #[test]
    fn a_wait_that_was_asked_for_is_never_shorter_and_at_most_half_as_long_again(seed: u64, ms: u32) {
        let drawn = Jitter::seeded(seed).asked(ms);
        let asked = Duration::from_millis(ms.min(RETRY_AFTER_MS_MAX).into());
        prop_assert!(drawn >= asked && drawn <= asked + asked / 2);
    }

    #[test]
    fn a_wait_grows_to_its_limit_and_stays_there_however_often_it_fails(
        seed: u64, first_ms in 1_u64..10_000, longest_ms in 1_u64..10_000_000, failures in 0_u32..200,
    ) {
        let (first, longest) = (Duration::from_millis(first_ms), Duration::from_millis(longest_ms));
        let mut backoff = Backoff::new(first, longest);
        let mut jitter = Jitter::seeded(seed);
        for _ in 0..failures {
            backoff.next(&mut jitter);
        }
        let step = first.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
        let wait = backoff.next(&mut jitter);
        prop_assert!(wait >= step / 2 && wait <= step, "{wait:?} after {failures}, a step of {step:?}");
    }
}

#[test]
fn the_same_seed_draws_the_same_waits_and_another_one_others() {
    let drawn = |seed| {
        let mut jitter = Jitter::seeded(seed);
        (0..20).map(|_| jitter.draw()).collect::<Vec<_>>()
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
    // `SplitMix64` of the paper, from its reference implementation.
    assert_eq!(drawn(1_234_567)[0], 6_457_827_717_110_365_317);
}

#[test]
fn failures_without_end_do_not_bring_short_waits_back() {
    let mut backoff = Backoff { first: SECOND, longest: 60 * SECOND, failures: u32::MAX - 1 };
    let mut jitter = Jitter::seeded(1);
    for _ in 0..5 {
        assert!(backoff.next(&mut jitter) >= 30 * SECOND);
    }
    backoff.reset();
    assert!(backoff.next(&mut jitter) <= SECOND);
}
