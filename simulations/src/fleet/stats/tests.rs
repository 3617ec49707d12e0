//! Figures of a fleet: percentiles at their edges, rates, and what was never measured.

use super::*;
use crate::clock::Clock;

#[test]
fn nothing_measured_is_zero_and_not_an_error() {
    let measured = Stats::new().expect("stats").measured();
    assert_eq!(measured.ack_ms.count, 0);
    assert!(measured.ack_ms.max == 0.0 && measured.seconds == 0.0);
}

#[test]
fn counts_records_reports_and_what_they_waited() {
    let stats = Stats::new().expect("stats");
    let began = Clock.now();
    stats.sent(100, false, began);
    stats.sent(100, true, began);
    let lane = |ms| {
        if ms <= 50 { Lane::Snapshot } else { Lane::Delta }
    };
    let waited = (1..=100).map(|ms| (lane(ms), Duration::from_millis(ms)));
    let settled = Settled { records: 4_000, waited: waited.collect() };
    stats.settled(&settled, began + Duration::from_secs(2));
    let measured = stats.measured();
    assert_eq!(stats.records_acked.get(), 4_000);
    assert_eq!(stats.reports_acked.get(), 100);
    assert_eq!((stats.bytes_sent.get(), stats.reports_resent.get()), (200, 1));
    assert!((measured.ack_ms.p50 - 50.0).abs() < 1.0);
    assert!((measured.ack_ms.max - 100.0).abs() < 1.0);
    assert_eq!(measured.change_ack_ms.count, 50);
    assert!((measured.change_ack_ms.p50 - 75.0).abs() < 1.0);
    assert!((measured.seconds - 2.0).abs() < 0.001);
}

#[test]
fn a_turn_begins_the_latencies_anew_and_forgets_no_reason() {
    let stats = Stats::new().expect("stats");
    stats.welcomed(Duration::from_millis(3));
    stats.seen(Duration::from_millis(40));
    stats.rejected(RejectReason::QueueFull);
    let first = stats.turn();
    assert_eq!((first.welcome_ms.count, first.end_to_end_ms.count), (1, 1));
    let second = stats.measured();
    assert_eq!((second.welcome_ms.count, second.end_to_end_ms.count), (0, 0));
    assert_eq!(second.rejects["queue_full"], 1);
}

#[test]
fn keeps_a_bounded_number_of_error_texts() {
    let stats = Stats::new().expect("stats");
    for number in 0..1_000 {
        stats.error(format!("error {number}"));
    }
    let errors = stats.measured().errors;
    assert_eq!(errors.len(), ERRORS_MAX + 1);
    assert_eq!(errors.values().sum::<u64>(), 1_000);
}

#[test]
fn a_rate_without_time_is_none_and_not_infinite() {
    assert!((quotient(600, 2.0) - 300.0).abs() < f64::EPSILON);
    assert!(quotient(600, 0.0).abs() < f64::EPSILON);
    assert!(quotient(0, 0.0).abs() < f64::EPSILON);
}

/// The percentiles of some latencies in milliseconds.
fn of(waited_ms: impl IntoIterator<Item = u64>) -> Percentiles {
    let stats = Stats::new().expect("stats");
    for ms in waited_ms {
        stats.seen(Duration::from_millis(ms));
    }
    stats.measured().end_to_end_ms
}

#[track_caller]
fn assert_near(value: f64, expected: f64) {
    // Three digits, as the histogram keeps them.
    assert!((value - expected).abs() <= expected / 500.0, "{value}, by hand {expected}");
}

#[test]
fn of_one_value_every_percentile_is_that_value() {
    let one = of([250]);
    assert_eq!(one.count, 1);
    for value in [one.p50, one.p90, one.p99, one.p999, one.max] {
        assert_near(value, 250.0);
    }
}

#[test]
fn percentiles_are_those_that_the_definition_gives() {
    let thousand = of(1..=1_000);
    assert_eq!(thousand.count, 1_000);
    assert_near(thousand.p50, 500.0);
    assert_near(thousand.p90, 900.0);
    assert_near(thousand.p99, 990.0);
    assert_near(thousand.p999, 999.0);
    assert_near(thousand.max, 1_000.0);
    let two = of([10, 1_000]);
    assert_near(two.p50, 10.0);
    assert_near(two.p90, 1_000.0);
}

#[test]
fn one_slow_one_in_a_hundred_is_the_longest_and_not_the_usual() {
    let mostly = of(std::iter::repeat_n(5, 99).chain([60_000]));
    assert_near(mostly.p50, 5.0);
    assert_near(mostly.p99, 5.0);
    assert_near(mostly.p999, 60_000.0);
    assert_near(mostly.max, 60_000.0);
}

#[test]
fn the_order_of_latencies_does_not_matter() {
    assert_eq!(of(1..=500), of((1..=500).rev()));
}

#[test]
fn what_took_no_time_and_what_took_more_than_an_hour_is_counted() {
    let edges = of([0, 7_200_000]);
    assert_eq!(edges.count, 2);
    assert!(edges.p50.abs() < f64::EPSILON, "{edges:?}");
    // The longest that it can say.
    assert_near(edges.max, 3_600_000.0);
}

#[test]
fn seconds_count_from_the_first_report_whoever_sent_it() {
    let stats = Stats::new().expect("stats");
    let began = Clock.now();
    let later = |s| began + Duration::from_secs(s);
    assert!(stats.seconds_until(later(9)).abs() < f64::EPSILON, "none was sent");
    stats.sent(10, false, later(1));
    stats.sent(10, false, later(5));
    assert!((stats.seconds_until(later(9)) - 8.0).abs() < 1e-9);
    stats.first_snapshot(later(3));
    stats.first_snapshot(later(7));
    let measured = stats.measured();
    assert!((measured.snapshot_seconds - 6.0).abs() < 1e-9, "until the last of them");
    assert!(measured.seconds.abs() < f64::EPSILON, "nothing was acknowledged");
}

#[test]
fn reasons_are_counted_by_their_names_and_the_unseen_by_their_number() {
    let stats = Stats::new().expect("stats");
    for reason in [RejectReason::Gap, RejectReason::QueueFull, RejectReason::Gap] {
        stats.rejected(reason);
    }
    stats.unseen();
    stats.unseen();
    let measured = stats.measured();
    assert_eq!(measured.rejects[RejectReason::Gap.as_str()], 2);
    assert_eq!(measured.rejects[RejectReason::QueueFull.as_str()], 1);
    assert_eq!(measured.unseen, 2);
    assert_eq!(measured.end_to_end_ms.count, 0, "what was not seen has no latency");
}

#[test]
fn an_error_that_is_known_is_counted_under_its_text_however_many_there_are() {
    let stats = Stats::new().expect("stats");
    stats.error("the first".to_owned());
    for number in 0..100 {
        stats.error(format!("error {number}"));
    }
    stats.error("the first".to_owned());
    let errors = stats.measured().errors;
    assert_eq!(errors["the first"], 2);
    assert_eq!(errors["others"], 101 - ERRORS_MAX as u64);
}

#[test]
fn counts_become_figures_and_no_time_gives_no_rate() {
    assert!((float(1 << 53) - 9_007_199_254_740_992.0).abs() < 1.0);
    assert!(float(u64::MAX) > 1.8e19);
    assert!(quotient(10, -1.0).abs() < f64::EPSILON, "no time is no rate");
}
