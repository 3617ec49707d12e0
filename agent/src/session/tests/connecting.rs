//! When the session connects, whom it leaves, and how long it waits before it comes again.

use super::*;

#[test]
fn connects_and_scans_at_once() {
    let bench = Bench::new();
    assert_eq!(
        Vec::from(bench.done),
        [Action::Connect { attempt: 0 }, Action::StartScan { request: 0 }]
    );
}

#[test]
fn a_collector_that_answers_nothing_is_left() {
    let mut bench = Bench::open(1);
    bench.send();
    bench.sleep_for(ANSWER_WITHIN - SECOND);
    assert_eq!(bench.count(is_disconnect), 0);
    bench.sleep_for(SECOND);
    assert_eq!(
        bench.done.iter().find(|action| is_disconnect(action)),
        Some(&Action::Disconnect(Parting::NoAnswer))
    );
}

#[test]
fn a_collector_that_does_not_welcome_is_left() {
    let mut bench = Bench::new();
    bench.give(Event::Connected);
    bench.sleep_for(WELCOME_WITHIN);
    assert!(bench.done.contains(&Action::Disconnect(Parting::NoWelcome)));
}

#[test]
fn waits_longer_after_every_attempt_that_fails() {
    let mut bench = Bench::new();
    bench.scanned(1);
    let mut longest = Duration::ZERO;
    for _ in 0..12 {
        bench.give(Event::ConnectFailed);
        longest = longest.max(bench.waits_until() - bench.now);
        bench.now = bench.waits_until();
        bench.give(Event::Tick);
    }
    assert!(longest >= RECONNECT.1 / 2 && longest <= RECONNECT.1, "{longest:?}");
}

#[test]
fn tries_every_address_before_it_waits() {
    let mut bench = Bench::new();
    bench.session.addresses = 3;
    bench.done.clear();
    bench.give(Event::ConnectFailed);
    bench.give(Event::ConnectFailed);
    bench.give(Event::ConnectFailed);
    let attempts: Vec<_> =
        bench
            .done
            .iter()
            .filter_map(|action| {
                if let Action::Connect { attempt } = action { Some(*attempt) } else { None }
            })
            .collect();
    assert_eq!(attempts, [1, 2]);
    assert!(bench.waits_until() > bench.now);
}

#[test]
fn a_collector_that_answers_and_is_of_no_use_does_not_keep_its_agents_from_another() {
    type Trouble = fn(&mut Bench);
    let troubles: [(&str, Trouble); 5] = [
        ("no welcome", |bench| bench.sleep_for(WELCOME_WITHIN)),
        ("the end before the welcome", |bench| {
            bench.give(Event::Closed);
        }),
        ("the end right after it", |bench| {
            bench.tell(welcome(Settings::default()));
            bench.give(Event::Closed);
        }),
        ("nonsense", |bench| bench.give(Event::Garbled)),
        ("no answer to a report", |bench| {
            bench.tell(welcome(Settings::default()));
            bench.send();
            bench.sleep_for(ANSWER_WITHIN);
        }),
    ];
    for (what, trouble) in troubles {
        let mut bench = Bench::new();
        bench.session.addresses = 2;
        bench.scanned(1);
        bench.give(Event::Connected);
        bench.done.clear();
        trouble(&mut bench);
        bench.sleep_for(RECONNECT.0);
        let next = bench.done.iter().find_map(|action| {
            if let Action::Connect { attempt } = action { Some(attempt % 2) } else { None }
        });
        assert_eq!(next, Some(1), "after {what}");
    }
}

#[test]
fn a_steady_connection_that_ends_is_made_again_soon() {
    let mut bench = Bench::open(0);
    bench.sleep_for(STEADY_AFTER * 3);
    bench.give(Event::Closed);
    assert!(bench.waits_until() - bench.now <= SPREAD_MAX);
}

#[test]
fn connections_that_end_at_once_are_made_ever_more_slowly() {
    let mut bench = Bench::open(0);
    let mut wait = Duration::ZERO;
    for _ in 0..10 {
        bench.give(Event::Closed);
        wait = bench.waits_until() - bench.now;
        bench.now = bench.waits_until();
        bench.give(Event::Tick);
        bench.connect();
    }
    assert!(wait >= RECONNECT.1 / 4, "{wait:?}");
}

#[test]
fn leaves_a_collector_that_breaks_the_protocol_with_growing_patience() {
    let before_welcome = [
        ack(Position::new(1, 1)),
        CollectorMessage::SendSnapshot,
        CollectorMessage::ScanNow { request: 1 },
    ];
    for message in before_welcome {
        let mut bench = Bench::new();
        bench.give(Event::Connected);
        bench.tell(message);
        assert_eq!(bench.count(is_disconnect), 1);
    }
    let mut bench = Bench::open(0);
    bench.tell(welcome(Settings::default()));
    assert_eq!(bench.count(is_disconnect), 1);
    let mut bench = Bench::open(0);
    bench.give(Event::Garbled);
    assert_eq!(bench.count(is_disconnect), 1);
    let mut bench = Bench::new();
    bench.give(Event::Connected);
    bench.tell(CollectorMessage::Welcome(Welcome {
        version: 2,
        capabilities: Capabilities::current(),
        now_ms: 0,
        settings: Settings::default(),
        extension: Vec::new(),
    }));
    assert_eq!(bench.count(is_disconnect), 1);
}

#[test]
fn a_revoked_agent_asks_again_ever_more_rarely() {
    let mut bench = Bench::new();
    bench.scanned(1);
    let mut wait = Duration::ZERO;
    for _ in 0..6 {
        bench.give(Event::Connected);
        bench.tell(CollectorMessage::Refuse {
            reason: RejectReason::AgentRevoked,
            detail: "revoked by an administrator".to_owned(),
            retry_after_ms: 0,
        });
        wait = bench.waits_until() - bench.now;
        bench.now = bench.waits_until();
        bench.give(Event::Tick);
    }
    assert!(wait >= PATIENCE.1 / 2 && wait <= PATIENCE.1, "{wait:?}");
    assert!(bench.spool.pending.is_some());
}
