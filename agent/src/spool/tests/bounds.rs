//! What waits is bounded to the byte, before a restart and after it, and room comes back with every answer.

use super::*;

/// What one report with a payload of 100 bytes takes.
fn one() -> u64 {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..1), 1, 100).expect("recorded");
    spool.waiting().1
}

fn open_with(path: &Path, bytes_max: u64) -> Spool {
    Spool::open(path, bytes_max).expect("a spool")
}

#[test]
fn a_spool_holds_exactly_as_many_bytes_as_it_may() {
    for (bytes_max, fits) in [(3 * one(), true), (3 * one() - 1, false), (3 * one() + 1, true)] {
        let (_folder, path) = place();
        let mut spool = open_with(&path, bytes_max);
        assert!(scan(&mut spool, &records(0..2), 2, 100).expect("recorded"));
        assert_eq!(
            scan(&mut spool, &records(0..3), 1, 100).expect("an answer"),
            fits,
            "{bytes_max}"
        );
        let waiting = if fits { 3 } else { 2 };
        assert_eq!(spool.waiting(), (waiting, u64::from(waiting) * one()));
    }
}

#[test]
fn a_snapshot_that_just_fits_is_taken_and_one_byte_more_is_an_error_that_says_how_much() {
    let (_folder, path) = place();
    let mut spool = open_with(&path, 2 * one() - 1);
    let error = scan(&mut spool, &records(0..2), 2, 100).expect_err("too small");
    assert!(error.to_string().contains(&(2 * one()).to_string()), "{error}");
    assert_eq!((spool.waiting(), spool.view().is_snapshot_due), ((0, 0), true));
    drop(spool);
    let mut spool = open_with(&path, 2 * one());
    assert!(scan(&mut spool, &records(0..2), 2, 100).expect("recorded"));
}

#[test]
fn room_comes_back_with_each_answer_and_with_no_other_report() {
    let (_folder, path) = place();
    let mut spool = open_with(&path, 3 * one());
    assert!(scan(&mut spool, &records(0..3), 3, 100).expect("recorded"));
    let first = spool.view().pending.expect("they wait").0;
    assert!(!scan(&mut spool, &records(0..4), 1, 100).expect("an answer"));
    spool.acknowledge(first).expect("written");
    spool.acknowledge(first).expect("heard twice, done once");
    assert_eq!(spool.waiting(), (2, 2 * one()));
    assert!(scan(&mut spool, &records(0..4), 1, 100).expect("recorded"));
    assert!(!scan(&mut spool, &records(0..5), 1, 100).expect("an answer"));
    let last = spool.last();
    spool.acknowledge(last).expect("written");
    assert_eq!((spool.waiting(), spool.view().pending), ((0, 0), None));
    assert!(scan(&mut spool, &records(0..5), 3, 100).expect("recorded"));
}

#[test]
fn a_bound_that_was_made_smaller_keeps_what_waits_and_takes_nothing_more() {
    let (_folder, path) = place();
    let mut spool = open_with(&path, 10 * one());
    assert!(scan(&mut spool, &records(0..5), 5, 100).expect("recorded"));
    let view = spool.view();
    drop(spool);
    let mut spool = open_with(&path, 2 * one());
    assert_eq!((spool.view(), spool.waiting().0), (view, 5));
    for position in 1..=5 {
        let frame = spool.frame(Position::new(view.last.epoch.0, position)).expect("readable");
        assert!(frame.is_some(), "report {position} is still to be sent");
    }
    assert!(!scan(&mut spool, &records(0..6), 1, 100).expect("an answer"));
    // A snapshot does not share the room with what it replaces.
    spool.start_over(Position::default()).expect("written");
    assert!(scan(&mut spool, &records(0..6), 2, 100).expect("recorded"));
    assert_eq!(spool.waiting(), (2, 2 * one()));
}

#[test]
fn a_scan_without_reports_is_taken_by_a_full_spool() {
    let (_folder, path) = place();
    let mut spool = open_with(&path, one());
    assert!(scan(&mut spool, &records(0..1), 1, 100).expect("recorded"));
    assert!(
        scan(&mut spool, &records(0..1), 0, 0).expect("recorded"),
        "it is done, and that is told"
    );
    assert_eq!(spool.waiting(), (1, one()));
}

#[test]
fn what_does_not_wait_has_no_frame() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..3), 3, 10).expect("recorded");
    let (first, last) = spool.view().pending.expect("they wait");
    spool.acknowledge(first).expect("written");
    let epoch = last.epoch.0;
    for (position, waits) in [
        (Position::default(), false),
        (first, false),
        (Position::new(epoch, 2), true),
        (last, true),
        (Position::new(epoch, 4), false),
        (Position::new(epoch + 1, 2), false),
        (Position::new(u32::MAX, u32::MAX), false),
    ] {
        assert_eq!(spool.frame(position).expect("readable").is_some(), waits, "{position}");
    }
}

#[test]
fn an_epoch_is_behind_the_last_one_and_the_clock_and_never_at_the_end_of_the_numbers() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    assert_eq!(spool.next_epoch(0).0, 1);
    assert_eq!(spool.next_epoch(1_720_000_000_999).0, 1_720_000_000);
    // A clock that is centuries ahead is not believed.
    for now_ms in [0xf000_0001 * 1_000, u64::MAX] {
        assert_eq!(spool.next_epoch(now_ms).0, 1, "{now_ms}");
    }
    assert_eq!(spool.next_epoch(0xf000_0000 * 1_000).0, 0xf000_0000);
    spool.start_over(Position::new(2_000_000_000, 3)).expect("written");
    assert_eq!(spool.next_epoch(1_720_000_000_999).0, 2_000_000_001);
    spool.start_over(Position::new(u32::MAX, 3)).expect("written");
    assert_eq!(spool.next_epoch(0).0, u32::MAX, "there is none behind it");
}
