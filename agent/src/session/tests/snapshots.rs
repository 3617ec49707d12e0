//! When an inventory is sent whole: wished for, lost, overtaken, or not to be recorded.

use super::*;

/// A welcome of a collector whose rows have reports up to this one.
fn welcome_at(applied: Position) -> CollectorMessage {
    let CollectorMessage::Welcome(welcome) = welcome(Settings::default()) else {
        unreachable!("it is one");
    };
    CollectorMessage::Welcome(Welcome { extension: Welcome::extension_of(applied), ..welcome })
}

#[test]
fn answers_a_wish_for_a_snapshot_once() {
    let mut bench = Bench::open(2);
    bench.send();
    bench.tell(ack(bench.at(2)));
    bench.done.clear();
    bench.tell(CollectorMessage::SendSnapshot);
    bench.tell(CollectorMessage::SendSnapshot);
    assert_eq!(bench.count(is_start_over), 1);
    assert_eq!(bench.count(is_scan), 1);
    bench.scanned(3);
    bench.tell(CollectorMessage::SendSnapshot);
    assert_eq!(bench.count(is_start_over), 1);
    assert_eq!(bench.send(), [bench.at(1), bench.at(2), bench.at(3)]);
}

#[test]
fn a_wish_for_a_snapshot_in_the_middle_of_one_does_not_begin_it_again() {
    let mut bench = Bench::open(40);
    bench.send();
    bench.tell(ack(bench.at(5)));
    bench.tell(CollectorMessage::SendSnapshot);
    assert_eq!(bench.count(is_start_over), 0, "the rest is on its way");
    bench.send();
    bench.tell(ack(bench.at(37)));
    bench.send();
    bench.tell(ack(bench.at(40)));
    // From here on only changes wait, and the wish is about what they are added to.
    let waiting = (bench.at(41), bench.at(42));
    bench.spool.pending = Some(waiting);
    bench.give(Event::SpoolChanged(bench.spool));
    bench.tell(CollectorMessage::SendSnapshot);
    assert_eq!(bench.count(is_start_over), 1);
}

#[test]
fn a_second_wish_for_a_snapshot_waits() {
    let mut bench = Bench::open(1);
    for _ in 0..2 {
        bench.send();
        bench.tell(ack(bench.at(1)));
        bench.tell(CollectorMessage::SendSnapshot);
        if bench.session.is_scanning() {
            bench.scanned(1);
        }
    }
    assert!(!bench.session.is_scanning());
    assert!(bench.spool.is_snapshot_due);
    bench.sleep_for(Duration::from_secs(121));
    assert!(bench.session.is_scanning());
}

#[test]
fn a_spool_that_was_lost_is_filled_again_at_once() {
    let mut bench = Bench::open(3);
    bench.give(Event::SpoolChanged(SpoolView { is_snapshot_due: true, ..SpoolView::default() }));
    assert_eq!(bench.count(is_scan), 1);
}

#[test]
fn a_snapshot_refused_while_its_scan_ends_is_made_again() {
    let mut bench = Bench::new();
    bench.connect();
    // The scan has put its snapshot into the spool, which the collector's answer empties again
    // before the session hears of the scan's end.
    bench.spool.is_snapshot_due = true;
    bench.give(Event::SpoolChanged(bench.spool));
    bench.done.clear();
    bench.give(Event::ScanFinished { recorded: true });
    assert_eq!(bench.count(is_scan), 1);
}

#[test]
fn a_snapshot_that_cannot_be_recorded_does_not_keep_the_agent_busy() {
    let mut bench = Bench::new();
    let end = bench.now + Duration::from_secs(86_400);
    let mut scans = 0;
    while bench.now < end {
        if bench.session.is_scanning() {
            bench.give(Event::ScanFinished { recorded: false });
            bench.give(Event::ConnectFailed);
            scans += 1;
        }
        bench.sleep();
    }
    assert!(scans < 60, "{scans} scans a day");
}

#[test]
fn a_spool_that_was_lost_or_is_an_old_copy_begins_behind_what_the_collector_has() {
    // An old copy: the collector has more of the same epoch, which would be taken for sent again.
    // A lost spool under a clock that is wrong: a later epoch.
    for applied in [Position::new(2, 4), Position::new(900, 1)] {
        let mut bench = Bench::with(SpoolView {
            acknowledged: Position::new(2, 3),
            last: Position::new(2, 3),
            ..SpoolView::default()
        });
        bench.give(Event::Connected);
        bench.tell(welcome_at(applied));
        let overtaken = Action::StartOver(StartOver::Overtaken(applied));
        assert!(bench.done.contains(&overtaken), "{applied}");
        assert_eq!(StartOver::Overtaken(applied).seen(), applied);
    }
}

#[test]
fn a_collector_that_has_what_this_spool_gave_is_no_reason_to_begin_anew() {
    // Stored and not yet acknowledged, because the connection ended before the answer.
    let mut bench = Bench::with(SpoolView {
        acknowledged: Position::new(2, 3),
        last: Position::new(2, 5),
        pending: Some((Position::new(2, 4), Position::new(2, 5))),
        ..SpoolView::default()
    });
    bench.give(Event::Connected);
    bench.tell(welcome_at(Position::new(2, 5)));
    let starts_over = |action: &Action| matches!(action, Action::StartOver(_));
    assert!(!bench.done.iter().any(starts_over));
}
