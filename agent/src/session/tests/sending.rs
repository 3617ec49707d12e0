//! What is sent when, and what acknowledgements change.

use super::*;

#[test]
fn says_hello_with_what_it_knows_and_sends_nothing_before_the_welcome() {
    let mut bench = Bench::with(SpoolView {
        acknowledged: Position::new(4, 9),
        pending: Some((Position::new(4, 10), Position::new(4, 11))),
        ..SpoolView::default()
    });
    bench.give(Event::Connected);
    let Some(Action::Greet(hello)) = bench.done.back() else {
        panic!("no hello: {:?}", bench.done);
    };
    assert_eq!(hello.acknowledged, Position::new(4, 9));
    assert_eq!(bench.send(), []);
    bench.tell(welcome(Settings::default()));
    assert_eq!(bench.send(), [Position::new(4, 10), Position::new(4, 11)]);
}

#[test]
fn sends_in_order_and_keeps_within_the_window() {
    let mut bench = Bench::open(100);
    let sent = bench.send();
    assert_eq!(sent.len(), REPORTS_IN_FLIGHT_MAX);
    assert_eq!(sent[0], bench.at(1));
    bench.tell(ack(bench.at(5)));
    assert_eq!(bench.send(), (33..=37).map(|seq| bench.at(seq)).collect::<Vec<_>>());
}

#[test]
fn an_ack_covers_the_reports_before_it() {
    let mut bench = Bench::open(10);
    bench.send();
    bench.tell(ack(bench.at(10)));
    assert_eq!(bench.spool.pending, None);
    assert_eq!(bench.count(is_disconnect), 0);
}

#[test]
fn an_ack_that_comes_twice_or_late_changes_nothing() {
    let mut bench = Bench::open(10);
    bench.send();
    bench.tell(ack(bench.at(7)));
    bench.done.clear();
    bench.tell(ack(bench.at(7)));
    bench.tell(ack(bench.at(3)));
    assert!(bench.done.is_empty(), "{:?}", bench.done);
    assert_eq!(bench.spool.acknowledged, bench.at(7));
}

#[test]
fn parts_from_a_collector_that_acknowledges_what_was_never_sent() {
    let mut bench = Bench::open(50);
    bench.send();
    bench.tell(ack(bench.at(40)));
    assert_eq!(bench.count(is_disconnect), 1);
    assert_eq!(bench.spool.acknowledged, Position::default());
}

#[test]
fn sends_again_from_the_first_unanswered_report_over_the_next_connection() {
    let mut bench = Bench::open(5);
    bench.send();
    bench.tell(ack(bench.at(2)));
    bench.give(Event::Closed);
    assert_eq!(bench.send(), []);
    bench.sleep();
    bench.connect();
    assert_eq!(bench.send(), [bench.at(3), bench.at(4), bench.at(5)]);
}

#[test]
fn what_a_closed_connection_left_behind_is_not_heard() {
    let mut bench = Bench::open(3);
    bench.send();
    bench.give(Event::Closed);
    bench.done.clear();
    bench.tell(ack(bench.at(1)));
    bench.give(Event::Garbled);
    bench.give(Event::Closed);
    assert!(bench.done.is_empty(), "{:?}", bench.done);
}
