//! Holding and visiting, in virtual time.

use protocol::limits::VISIT_QUIET_S;
use protocol::message::Attendance;

use super::*;

const QUIET: Duration = Duration::from_secs(VISIT_QUIET_S as u64);
const EVERY: Duration = Duration::from_secs(900);

/// An agent with nothing to report that is told in its session to visit.
fn visitor() -> Bench {
    let mut bench = Bench::open(1);
    bench.send();
    bench.tell(ack(bench.at(1)));
    bench.tell(visit());
    bench.done.clear();
    bench
}

const fn visit() -> CollectorMessage {
    CollectorMessage::Attend(Attendance::Visit { every_s: 900 })
}

const fn hold(return_within_s: u32) -> CollectorMessage {
    CollectorMessage::Attend(Attendance::Hold { return_within_s })
}

const fn is_connect(action: &Action) -> bool {
    matches!(action, Action::Connect { .. })
}

impl Bench {
    fn away_until(&self) -> Option<Duration> {
        match self.session.link_state() {
            LinkState::Away { until } => Some(until),
            LinkState::Waiting { .. } | LinkState::Connecting | LinkState::Connected { .. } => None,
        }
    }

    /// Lets the next visit begin; how long it was until then.
    fn next_visit(&mut self) -> Duration {
        let from = self.now;
        while self.session.link_state() != LinkState::Connecting {
            // Scans of the meantime find nothing new.
            if self.session.is_scanning() {
                self.scanned(0);
            }
            self.sleep();
        }
        self.now - from
    }
}

#[test]
fn a_visitor_leaves_when_all_is_quiet_and_says_nothing_of_a_problem() {
    let mut bench = visitor();
    bench.sleep_for(QUIET);
    let left = bench.done.iter().find(|action| is_disconnect(action));
    assert_eq!(left, Some(&Action::Disconnect(Parting::Visited)));
    assert!(!Parting::Visited.is_problem());
    assert!(bench.away_until().is_some());
}

#[test]
fn every_visit_brings_a_heartbeat_and_takes_what_waits() {
    let mut bench = visitor();
    bench.sleep_for(QUIET);
    bench.next_visit();
    bench.done.clear();
    bench.connect();
    bench.tell(CollectorMessage::ScanNow { request: 7 });
    bench.tell(visit());
    assert_eq!(bench.count(is_heartbeat), 1);
    assert_eq!(bench.count(is_scan), 1);
    // It stays for the scan, whose report would be another handshake otherwise.
    bench.sleep_for(4 * QUIET);
    assert_eq!(bench.count(is_disconnect), 0);
    bench.scanned(1);
    assert_eq!(bench.send(), [bench.at(2)]);
    bench.tell(ack(bench.at(2)));
    bench.sleep_for(2 * QUIET);
    assert_eq!(bench.count(is_disconnect), 1);
}

#[test]
fn a_word_of_the_collectors_makes_the_visit_longer() {
    let mut bench = visitor();
    bench.sleep_for(QUIET - SECOND);
    bench.tell(CollectorMessage::Settings(Settings::default()));
    bench.sleep_for(QUIET - SECOND);
    assert_eq!(bench.count(is_disconnect), 0);
    bench.sleep_for(SECOND);
    assert_eq!(bench.count(is_disconnect), 1);
}

#[test]
fn nobody_leaves_while_a_report_has_no_answer() {
    let mut bench = Bench::open(1);
    bench.send();
    bench.tell(visit());
    bench.sleep_for(4 * QUIET);
    assert_eq!(bench.count(is_disconnect), 0);
    bench.tell(ack(bench.at(1)));
    bench.sleep_for(QUIET);
    assert_eq!(bench.count(is_disconnect), 1);
}

#[test]
fn a_change_is_not_delayed_to_the_next_visit() {
    let mut bench = visitor();
    bench.sleep_for(QUIET);
    bench.done.clear();
    bench.give(Event::ScanRequested);
    bench.scanned(1);
    assert_eq!(bench.count(is_connect), 1);
    assert_eq!(bench.session.link_state(), LinkState::Connecting);
}

#[test]
fn a_scan_that_finds_nothing_begins_no_visit() {
    let mut bench = visitor();
    bench.sleep_for(QUIET);
    bench.done.clear();
    bench.give(Event::ScanRequested);
    bench.scanned(0);
    assert_eq!(bench.count(is_connect), 0);
}

#[test]
fn a_change_waits_where_the_collector_asked_for_a_wait() {
    let mut bench = visitor();
    bench.tell(CollectorMessage::Refuse {
        reason: RejectReason::RateLimited,
        detail: String::new(),
        retry_after_ms: 60_000,
    });
    bench.done.clear();
    bench.give(Event::ScanRequested);
    bench.scanned(1);
    assert_eq!(bench.count(is_connect), 0);
    assert!(bench.waits_until() >= bench.now + 60 * SECOND);
}

#[test]
fn a_fleet_that_is_told_in_one_moment_is_spread_over_the_whole_time_between_visits() {
    let firsts: Vec<_> = (0..200)
        .map(|seed| {
            let mut bench = visitor();
            bench.session.jitter = Jitter::seeded(seed);
            bench.sleep_for(QUIET);
            bench.away_until().expect("away") - bench.now
        })
        .collect();
    for tenth in 0..10 {
        let range = EVERY / 10 * tenth..EVERY / 10 * (tenth + 1);
        let inside = firsts.iter().filter(|wait| range.contains(*wait)).count();
        assert!(inside > 5, "{inside} of 200 in tenth {tenth}");
    }
}

#[test]
fn later_visits_keep_their_distance() {
    let mut bench = visitor();
    bench.sleep_for(QUIET);
    for _ in 0..5 {
        bench.next_visit();
        bench.connect();
        bench.tell(visit());
        bench.sleep_for(QUIET);
        let wait = bench.away_until().expect("away") - bench.now;
        assert!(wait >= EVERY * 9 / 10 && wait <= EVERY * 11 / 10, "{wait:?}");
    }
}

#[test]
fn a_visitor_that_is_told_to_hold_stays() {
    let mut bench = visitor();
    bench.sleep_for(QUIET);
    bench.next_visit();
    bench.connect();
    bench.tell(hold(20));
    bench.done.clear();
    bench.sleep_for(20 * QUIET);
    assert_eq!(bench.count(is_disconnect), 0);
    assert_eq!(bench.session.attendance(), Attendance::Hold { return_within_s: 20 });
}

#[test]
fn an_agent_that_holds_leaves_when_it_is_told_to_visit_in_mid_session() {
    let mut bench = Bench::open(1);
    bench.send();
    bench.tell(ack(bench.at(1)));
    bench.tell(hold(20));
    bench.sleep_for(100 * SECOND);
    assert_eq!(bench.count(is_disconnect), 0);
    bench.tell(visit());
    bench.sleep_for(QUIET);
    assert!(bench.away_until().is_some());
}

#[test]
fn a_collector_that_says_nothing_about_it_is_held() {
    let mut bench = visitor();
    bench.sleep_for(QUIET);
    bench.next_visit();
    // An older node, behind the same address.
    bench.connect();
    bench.done.clear();
    bench.sleep_for(20 * QUIET);
    assert_eq!(bench.count(is_disconnect), 0);
}

#[test]
fn failures_before_a_good_visit_are_forgotten() {
    let mut bench = visitor();
    bench.sleep_for(QUIET);
    for _ in 0..8 {
        bench.next_visit();
        bench.give(Event::ConnectFailed);
    }
    assert!(bench.waits_until() > bench.now + 30 * SECOND);
    bench.next_visit();
    bench.connect();
    bench.tell(visit());
    bench.sleep_for(QUIET);
    bench.next_visit();
    bench.give(Event::ConnectFailed);
    assert!(bench.waits_until() <= bench.now + SECOND);
}

#[test]
fn agents_that_lose_their_collector_come_back_within_the_time_that_it_named() {
    let waits: Vec<_> = (0..200)
        .map(|seed| {
            let mut bench = Bench::open(1);
            bench.send();
            bench.tell(ack(bench.at(1)));
            bench.tell(hold(100));
            bench.sleep_for(100 * SECOND);
            bench.session.jitter = Jitter::seeded(seed);
            bench.give(Event::Closed);
            bench.waits_until() - bench.now
        })
        .collect();
    assert!(waits.iter().all(|wait| *wait <= 100 * SECOND));
    let late = waits.iter().filter(|wait| **wait > 50 * SECOND).count();
    assert!((60..=140).contains(&late), "{late} of 200 in the second half");
}

#[test]
fn a_certificate_that_was_asked_for_is_waited_for() {
    let mut bench = visitor();
    bench.session.renew_at = bench.now;
    bench.give(Event::Tick);
    bench.sleep_for(2 * QUIET);
    assert_eq!(bench.count(is_disconnect), 0);
    bench.sleep_for(CERTIFICATE_WITHIN);
    assert_eq!(bench.count(is_disconnect), 1);
}
