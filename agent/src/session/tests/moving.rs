//! Machines that sleep, move and find a better way, and the certificate that is due by somebody else's clock.

use protocol::ids::AgentId;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// A session that was told to come back within ten minutes when it loses its connection, an hour later.
fn steady(seed: u64) -> Bench {
    let mut bench = Bench::open(0);
    bench.session.jitter = Jitter::seeded(seed);
    bench.tell(CollectorMessage::Attend(Attendance::Hold { return_within_s: 600 }));
    bench.sleep_for(HOUR);
    bench.done.clear();
    bench
}

#[test]
fn a_machine_that_wakes_up_and_finds_its_connection_gone_is_back_at_once() {
    for seed in 0..50 {
        let mut bench = steady(seed);
        // Nothing runs while it sleeps; the next that happens is hours later.
        bench.now += 8 * HOUR;
        bench.give(Event::Tick);
        assert_eq!(bench.count(is_heartbeat), 1, "one, and not a hundred");
        bench.now += SECOND;
        bench.give(Event::Closed);
        assert!(bench.waits_until() - bench.now <= WAKE_WITHIN);
    }
}

#[test]
fn a_machine_that_was_awake_takes_the_time_that_it_was_told() {
    let waits = (0..50).map(|seed| {
        let mut bench = steady(seed);
        bench.give(Event::Closed);
        bench.waits_until() - bench.now
    });
    assert!(waits.max() > Some(60 * SECOND));
}

#[test]
fn a_loss_long_after_waking_is_no_consequence_of_it() {
    let waits = (0..50).map(|seed| {
        let mut bench = steady(seed);
        bench.now += 8 * HOUR;
        bench.give(Event::Tick);
        bench.sleep_for(HOUR);
        bench.give(Event::Closed);
        bench.waits_until() - bench.now
    });
    assert!(waits.max() > Some(60 * SECOND));
}

#[test]
fn sleeps_and_wakes_a_hundred_times_without_a_storm() {
    let mut bench = steady(7);
    for _ in 0..100 {
        bench.now += HOUR;
        bench.give(Event::Tick);
        bench.give(Event::Closed);
        bench.now = bench.waits_until();
        bench.give(Event::Tick);
        bench.connect();
    }
    let is_connect = |action: &Action| matches!(action, Action::Connect { .. });
    assert_eq!(bench.count(is_connect), 100);
}

#[test]
fn a_better_way_is_taken_at_once_and_what_was_unanswered_goes_again() {
    let mut bench = Bench::open(3);
    bench.send();
    bench.done.clear();
    bench.give(Event::BetterWay);
    assert_eq!(bench.done.pop_front(), Some(Action::Disconnect(Parting::BetterWay)));
    assert!(matches!(bench.done.pop_front(), Some(Action::Connect { .. })));
    bench.connect();
    assert_eq!(bench.session.next_report(bench.now), Some(bench.at(1)));
}

#[test]
fn a_better_way_for_a_connection_that_is_over_changes_nothing() {
    let mut bench = Bench::open(0);
    bench.give(Event::Closed);
    bench.done.clear();
    bench.give(Event::BetterWay);
    assert!(bench.done.is_empty(), "{:?}", bench.done);
}

#[test]
fn the_collectors_clock_decides_when_a_certificate_is_due() {
    // By the host's own it was due long ago, or will be in years.
    for own in [Duration::ZERO, Duration::MAX] {
        let mut bench = Bench::new();
        bench.session.renew_at = own;
        let renew_at = bench.now + 20 * 24 * HOUR;
        bench.give(Event::CertificateDue { renew_at });
        bench.scanned(0);
        bench.connect();
        assert!(!bench.done.contains(&Action::Renew));
        bench.now = renew_at;
        bench.give(Event::Tick);
        assert_eq!(bench.count(|action| *action == Action::Renew), 1);
    }
}

#[test]
fn a_certificate_that_never_comes_is_asked_for_hourly_however_often_it_connects() {
    let mut bench = Bench::open(0);
    let end = bench.now + 10 * HOUR;
    while bench.now < end {
        // Due since yesterday, as every welcome says again.
        let renew_at = bench.now;
        bench.give(Event::CertificateDue { renew_at });
        bench.give(Event::Tick);
        bench.give(Event::Closed);
        bench.now = bench.waits_until() + 120 * SECOND;
        bench.give(Event::Tick);
        bench.connect();
    }
    let renewals = bench.count(|action| *action == Action::Renew);
    assert!((8..=12).contains(&renewals), "{renewals}");
}

#[test]
fn another_identity_begins_with_a_snapshot() {
    let mut bench = Bench::open(3);
    bench.tell(CollectorMessage::Rekey);
    assert_eq!(bench.done.back(), Some(&Action::Rekey));
    bench.done.clear();
    bench.tell(CollectorMessage::Rekey);
    assert!(bench.done.is_empty(), "asked for twice, done once");
    let agent = AgentId(uuid::Uuid::from_u128(5));
    bench.tell(CollectorMessage::Rekeyed { agent, chain: vec![vec![1]] });
    assert_eq!(bench.done.pop_front(), Some(Action::BecomeAgent(agent, vec![vec![1]])));
    assert!(bench.done.contains(&Action::StartOver(StartOver::Rekeyed)));
    assert!(bench.spool.is_snapshot_due);
}

#[test]
fn another_identity_that_is_refused_is_asked_for_again_over_the_connection_that_holds() {
    let mut bench = Bench::open(0);
    let asked = |bench: &Bench| bench.count(|action| *action == Action::Rekey);
    bench.tell(CollectorMessage::Rekey);
    bench.reject(Position::default(), RejectReason::Internal, 0);
    bench.sleep_for(REKEY_AGAIN_AFTER + REKEY_AGAIN_AFTER / 10);
    assert_eq!(asked(&bench), 2);
    // Not before the collector wants to hear of it.
    bench.reject(Position::default(), RejectReason::RateLimited, 180_000);
    bench.sleep_for(179 * SECOND);
    assert_eq!(asked(&bench), 2);
    bench.sleep_for(100 * SECOND);
    assert_eq!(asked(&bench), 3);
    assert_eq!(bench.count(is_disconnect), 0);
}

#[test]
fn nobody_asks_for_another_identity_who_was_not_told_to() {
    let mut bench = Bench::open(0);
    bench.reject(Position::default(), RejectReason::RateLimited, 1_000);
    bench.sleep_for(HOUR);
    assert_eq!(bench.count(|action| *action == Action::Rekey), 0);
}

#[test]
fn a_farewell_that_nobody_asked_for_ends_the_session() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::Gone);
    assert_eq!(bench.count(is_disconnect), 1);
}
