//! The session in virtual time, against a spool of numbers and a collector of a few lines.

mod moving;
mod visits;

use std::collections::VecDeque;

use protocol::reject::RejectReason;

use super::*;
use protocol::message::{CollectorMessage, Welcome};
use protocol::software::Source;

const SECOND: Duration = Duration::from_secs(1);

/// A session, its time, and a spool that does what the real one does.
struct Bench {
    session: Session,
    now: Duration,
    spool: SpoolView,
    epoch: u32,
    done: VecDeque<Action>,
}

impl Bench {
    fn new() -> Self {
        Self::with(SpoolView {
            is_snapshot_due: true,
            ..SpoolView::default()
        })
    }

    fn with(spool: SpoolView) -> Self {
        let now = Duration::from_secs(1_000);
        let beginning = Beginning {
            agent_version: "1.2.3".to_owned(),
            addresses: 1,
            settings: Settings::default(),
            spool,
            scan_done: 0,
            renew_at: now + Duration::from_secs(86_400 * 20),
        };
        let mut bench = Self {
            session: Session::new(now, beginning, Jitter::seeded(42)),
            now,
            spool,
            epoch: 1,
            done: VecDeque::new(),
        };
        bench.give(Event::Tick);
        bench
    }

    /// A session that was welcomed, with `reports` reports of one epoch spooled after its scan.
    fn open(reports: u32) -> Self {
        let mut bench = Self::new();
        bench.scanned(reports);
        bench.connect();
        bench.done.clear();
        bench
    }

    fn give(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.session.handle(self.now, event) {
                if let Action::Acknowledge(position) = &action {
                    self.spool.acknowledged = *position;
                    self.spool.pending = self
                        .spool
                        .pending
                        .map(|(_, last)| (following(*position), last))
                        .filter(|(first, last)| first <= last);
                    // A snapshot has a digest with its last part; that it stands for nothing here
                    // is of no interest to the session.
                    if self.spool.pending.is_none() {
                        self.spool.digest = Some(InventoryDigest::default());
                    }
                    events.push_back(Event::SpoolChanged(self.spool));
                }
                if let Action::StartOver(_) = &action {
                    self.spool.pending = None;
                    self.spool.is_snapshot_due = true;
                    events.push_back(Event::SpoolChanged(self.spool));
                }
                self.done.push_back(action);
            }
        }
    }

    fn tell(&mut self, message: CollectorMessage) {
        self.give(Event::Received(message));
    }

    /// Ends the running scan with so many reports; a new epoch where one is due.
    fn scanned(&mut self, reports: u32) {
        if self.spool.is_snapshot_due {
            self.epoch += 1;
            self.spool.is_snapshot_due = false;
            self.spool.digest = None;
            self.spool.pending = Some((
                Position::new(self.epoch, 1),
                Position::new(self.epoch, reports),
            ));
        } else if reports > 0 {
            let last = self
                .spool
                .pending
                .map_or(self.spool.acknowledged, |(_, last)| last);
            let first = self
                .spool
                .pending
                .map_or_else(|| following(last), |(first, _)| first);
            let last = Position::new(last.epoch.0, last.seq.0 + reports);
            self.spool.pending = Some((first, last));
        }
        self.give(Event::SpoolChanged(self.spool));
        self.give(Event::ScanFinished { recorded: true });
    }

    fn connect(&mut self) {
        self.give(Event::Connected);
        self.tell(welcome(Settings::default()));
    }

    /// Lets time pass up to the next deadline.
    fn sleep(&mut self) {
        let deadline = self.session.deadline().expect("something is due");
        self.now = self.now.max(deadline);
        self.give(Event::Tick);
    }

    fn sleep_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.session.deadline().is_some_and(|at| at <= end) {
            self.sleep();
        }
        self.now = end;
        self.give(Event::Tick);
    }

    /// What may be sent now.
    fn send(&mut self) -> Vec<Position> {
        std::iter::from_fn(|| self.session.next_report(self.now)).collect()
    }

    fn count(&self, wanted: fn(&Action) -> bool) -> usize {
        self.done.iter().filter(|action| wanted(action)).count()
    }

    fn at(&self, seq: u32) -> Position {
        Position::new(self.epoch, seq)
    }

    fn reject(&mut self, position: Position, reason: RejectReason, retry_after_ms: u32) {
        self.tell(CollectorMessage::Reject {
            position,
            reason,
            detail: String::new(),
            retry_after_ms,
        });
    }

    fn waits_until(&self) -> Duration {
        let state = self.session.link_state();
        let LinkState::Waiting { until } = state else {
            panic!("the session does not wait: {state:?}");
        };
        until
    }
}

/// A welcome of a collector whose rows have reports up to this one.
fn welcome_at(applied: Position) -> CollectorMessage {
    let CollectorMessage::Welcome(welcome) = welcome(Settings::default()) else {
        unreachable!("it is one");
    };
    CollectorMessage::Welcome(Welcome {
        extension: Welcome::extension_of(applied),
        ..welcome
    })
}

fn welcome(settings: Settings) -> CollectorMessage {
    CollectorMessage::Welcome(Welcome {
        version: 1,
        capabilities: Capabilities::current(),
        now_ms: 0,
        settings,
        extension: Vec::new(),
    })
}

fn ack(position: Position) -> CollectorMessage {
    CollectorMessage::Ack { position }
}

const fn is_heartbeat(action: &Action) -> bool {
    matches!(action, Action::Beat(_))
}

const fn is_scan(action: &Action) -> bool {
    matches!(action, Action::StartScan { .. })
}

const fn is_start_over(action: &Action) -> bool {
    matches!(action, Action::StartOver(_))
}

const fn is_disconnect(action: &Action) -> bool {
    matches!(action, Action::Disconnect(_))
}

#[test]
fn connects_and_scans_at_once() {
    let bench = Bench::new();
    assert_eq!(
        Vec::from(bench.done),
        [
            Action::Connect { attempt: 0 },
            Action::StartScan { request: 0 }
        ]
    );
}

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
    assert_eq!(
        bench.send(),
        (33..=37).map(|seq| bench.at(seq)).collect::<Vec<_>>()
    );
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
    assert!(
        longest >= RECONNECT.1 / 2 && longest <= RECONNECT.1,
        "{longest:?}"
    );
}

#[test]
fn tries_every_address_before_it_waits() {
    let mut bench = Bench::new();
    bench.session.addresses = 3;
    bench.done.clear();
    bench.give(Event::ConnectFailed);
    bench.give(Event::ConnectFailed);
    bench.give(Event::ConnectFailed);
    let attempts: Vec<_> = bench
        .done
        .iter()
        .filter_map(|action| {
            if let Action::Connect { attempt } = action {
                Some(*attempt)
            } else {
                None
            }
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
            if let Action::Connect { attempt } = action {
                Some(attempt % 2)
            } else {
                None
            }
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
fn every_reason_of_a_reject_has_its_consequence() {
    for reason in RejectReason::ALL {
        let mut bench = Bench::open(5);
        bench.send();
        bench.reject(bench.at(1), reason, 2_000);
        let (over, parted) = (bench.count(is_start_over), bench.count(is_disconnect));
        let may_come_again = [
            RejectReason::RateLimited,
            RejectReason::QueueFull,
            RejectReason::StorageUnavailable,
            RejectReason::Internal,
        ];
        let never = [
            RejectReason::Gap,
            RejectReason::FrameTooLarge,
            RejectReason::Undecodable,
            RejectReason::TooManyRecords,
            RejectReason::InvalidRecord,
        ];
        let is_refused = !may_come_again.contains(&reason) && !never.contains(&reason);
        let expected = (
            usize::from(never.contains(&reason)),
            usize::from(is_refused),
        );
        assert_eq!((over, parted), expected, "{reason}");
        assert_eq!(bench.send(), [], "{reason}: nothing is sent at once");
        if over == 0 {
            assert!(bench.spool.pending.is_some(), "{reason}: nothing is lost");
        }
        if parted == 1 {
            assert!(bench.waits_until() >= bench.now + 2 * SECOND, "{reason}");
        }
    }
}

#[test]
fn sends_the_same_reports_again_after_the_pause_that_was_asked_for() {
    let mut bench = Bench::open(5);
    bench.send();
    bench.tell(ack(bench.at(1)));
    bench.reject(bench.at(2), RejectReason::RateLimited, 5_000);
    bench.sleep_for(5 * SECOND - Duration::from_millis(1));
    assert_eq!(bench.send(), []);
    bench.sleep_for(4 * SECOND);
    assert_eq!(
        bench.send(),
        (2..=5).map(|seq| bench.at(seq)).collect::<Vec<_>>()
    );
}

#[test]
fn rejects_that_follow_the_first_one_are_not_news() {
    let mut bench = Bench::open(5);
    bench.send();
    bench.reject(bench.at(2), RejectReason::QueueFull, 1_000);
    bench.done.clear();
    for seq in 3..=5 {
        bench.reject(bench.at(seq), RejectReason::Gap, 0);
    }
    assert!(bench.done.is_empty(), "{:?}", bench.done);
    assert!(!bench.spool.is_snapshot_due);
}

#[test]
fn fills_a_gap_from_the_spool_where_it_can() {
    let mut bench = Bench::open(5);
    bench.send();
    bench.reject(bench.at(4), RejectReason::Gap, 0);
    assert_eq!(bench.count(is_start_over), 0);
    bench.sleep_for(2 * SECOND);
    assert_eq!(bench.send().first(), Some(&bench.at(1)));
}

#[test]
fn begins_an_epoch_where_the_gap_was_acknowledged_before() {
    let mut bench = Bench::open(5);
    bench.send();
    bench.tell(ack(bench.at(3)));
    bench.reject(bench.at(4), RejectReason::Gap, 0);
    assert!(bench.done.contains(&Action::StartOver(StartOver::Rejected(
        bench.at(4),
        RejectReason::Gap
    ))));
    assert_eq!(bench.count(is_scan), 1);
}

#[test]
fn a_report_that_is_never_taken_does_not_keep_the_agent_busy() {
    let mut bench = Bench::open(1);
    let end = bench.now + Duration::from_secs(86_400);
    let mut epochs = 0;
    while bench.now < end {
        if let Some(position) = bench.send().first() {
            bench.reject(*position, RejectReason::InvalidRecord, 0);
            epochs += 1;
        }
        if bench.session.is_scanning() {
            bench.scanned(1);
        } else {
            bench.sleep();
        }
    }
    assert!((5..=20).contains(&epochs), "{epochs} snapshots a day");
}

#[test]
fn a_report_that_a_collector_cannot_even_read_is_not_sent_for_ever() {
    let refuse = |reason| CollectorMessage::Refuse {
        reason,
        detail: String::new(),
        retry_after_ms: 0,
    };
    let mut bench = Bench::open(3);
    bench.send();
    bench.tell(refuse(RejectReason::Undecodable));
    assert_eq!(bench.count(is_start_over), 1);
    assert_eq!(bench.count(is_disconnect), 1);

    let mut idle = Bench::open(3);
    idle.tell(refuse(RejectReason::Undecodable));
    assert_eq!(idle.count(is_start_over), 0, "it was not about a report");
    let mut revoked = Bench::open(3);
    revoked.send();
    revoked.tell(refuse(RejectReason::AgentRevoked));
    assert_eq!(revoked.count(is_start_over), 0);
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
fn ignores_answers_to_an_epoch_that_is_over() {
    let mut bench = Bench::open(2);
    bench.send();
    let old = bench.at(2);
    bench.tell(CollectorMessage::SendSnapshot);
    assert_eq!(bench.count(is_start_over), 0, "a snapshot is under way");
    bench.reject(bench.at(1), RejectReason::InvalidRecord, 0);
    bench.scanned(2);
    bench.send();
    bench.done.clear();
    bench.tell(ack(old));
    bench.reject(old, RejectReason::InvalidRecord, 0);
    assert!(bench.done.is_empty(), "{:?}", bench.done);
}

#[test]
fn scans_once_for_a_request_however_often_it_comes() {
    let mut bench = Bench::open(0);
    for _ in 0..3 {
        bench.tell(CollectorMessage::ScanNow { request: 7 });
    }
    assert_eq!(bench.count(is_scan), 1);
    bench.scanned(0);
    bench.tell(CollectorMessage::ScanNow { request: 7 });
    bench.tell(CollectorMessage::ScanNow { request: 6 });
    assert_eq!(bench.count(is_scan), 1);
    bench.tell(CollectorMessage::ScanNow { request: 8 });
    assert_eq!(bench.count(is_scan), 2);
}

#[test]
fn tells_at_once_that_a_requested_scan_is_done() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::ScanNow { request: 7 });
    bench.done.clear();
    bench.scanned(0);
    let Some(Action::Beat(heartbeat)) = bench.done.front() else {
        panic!("no heartbeat: {:?}", bench.done);
    };
    assert_eq!(heartbeat.scan_done, 7);
}

#[test]
fn a_request_during_a_scan_is_done_by_the_next_one() {
    let mut bench = Bench::new();
    bench.connect();
    bench.tell(CollectorMessage::ScanNow { request: 7 });
    assert_eq!(bench.count(is_scan), 1);
    bench.scanned(1);
    assert_eq!(
        bench.done.iter().rfind(|action| is_scan(action)),
        Some(&Action::StartScan { request: 7 })
    );
    assert_eq!(bench.session.scans.done(), 0);
    bench.scanned(0);
    assert_eq!(bench.session.scans.done(), 7);
}

#[test]
fn a_scan_that_could_not_be_recorded_is_tried_again_within_minutes_and_not_called_done() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::ScanNow { request: 7 });
    bench.give(Event::ScanFinished { recorded: false });
    assert_eq!(bench.session.scans.done(), 0);
    bench.done.clear();
    bench.sleep_for(61 * SECOND);
    assert_eq!(
        bench.done.iter().find(|action| is_scan(action)),
        Some(&Action::StartScan { request: 7 })
    );
}

#[test]
fn scans_on_schedule_with_the_time_that_the_collector_set() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::Settings(Settings {
        scan_every_s: 600,
        ..Settings::default()
    }));
    for _ in 0..5 {
        bench.done.clear();
        bench.sleep_for(661 * SECOND);
        assert_eq!(bench.count(is_scan), 1);
        bench.scanned(0);
    }
}

#[test]
fn an_idle_hour_is_twelve_heartbeats_and_nothing_else() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::Settings(Settings {
        scan_every_s: 86_400,
        ..Settings::default()
    }));
    bench.sleep();
    bench.done.clear();
    let mut wakes = 0;
    let end = bench.now + Duration::from_secs(3_600);
    while bench.session.deadline().is_some_and(|at| at <= end) {
        bench.sleep();
        wakes += 1;
    }
    assert!((11..=14).contains(&bench.count(is_heartbeat)));
    assert_eq!(wakes, bench.done.len(), "every wake-up is for a heartbeat");
}

#[test]
fn the_first_heartbeat_follows_the_welcome_and_tells_the_digest() {
    let digest = InventoryDigest { count: 3, sum: 9 };
    let mut bench = Bench::with(SpoolView {
        acknowledged: Position::new(4, 9),
        digest: Some(digest),
        ..SpoolView::default()
    });
    bench.connect();
    let heartbeat = bench.done.iter().find(|action| is_heartbeat(action));
    assert_eq!(
        heartbeat,
        Some(&Action::Beat(Heartbeat {
            acknowledged: Position::new(4, 9),
            digest: Some(digest),
            scan_done: 0,
        }))
    );
}

#[test]
fn brings_settings_into_the_limits_before_it_uses_them() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::Settings(Settings {
        revision: 4,
        heartbeat_every_s: 0,
        scan_every_s: u32::MAX,
        sources_off: Vec::new(),
    }));
    let settings = bench.session.settings();
    assert_eq!(settings.heartbeat_every_s, 10);
    assert_eq!(settings.scan_every_s, 604_800);
    assert_eq!(
        bench.done.front(),
        Some(&Action::SaveSettings(settings.clone()))
    );
}

#[test]
fn a_source_that_is_switched_off_is_out_of_the_inventory_at_once() {
    let mut bench = Bench::open(0);
    let settings = Settings {
        sources_off: vec![Source::Npm, Source::Npm],
        ..Settings::default()
    };
    bench.tell(CollectorMessage::Settings(settings.clone()));
    assert_eq!(bench.count(is_scan), 1);
    assert_eq!(bench.session.settings().sources_off, [Source::Npm]);
    bench.scanned(1);
    bench.tell(CollectorMessage::Settings(settings));
    assert_eq!(bench.count(is_scan), 1, "the same settings again");
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

#[test]
fn renews_the_certificate_in_time_and_then_uses_it() {
    let mut bench = Bench::open(0);
    bench.session.renew_at = bench.now + 100 * SECOND;
    bench.sleep_for(99 * SECOND);
    assert!(!bench.done.contains(&Action::Renew));
    bench.sleep_for(SECOND);
    assert_eq!(bench.count(|action| *action == Action::Renew), 1);
    let chain = vec![vec![1]];
    bench.tell(CollectorMessage::Certificate {
        chain: chain.clone(),
    });
    assert_eq!(bench.done.back(), Some(&Action::InstallCertificate(chain)));
    let renew_at = bench.now + 1_000_000 * SECOND;
    bench.give(Event::CertificateInstalled { renew_at });
    assert_eq!(
        bench.done.back(),
        Some(&Action::Disconnect(Parting::CertificateRenewed))
    );
    assert!(bench.waits_until() - bench.now <= 5 * SECOND);
}

#[test]
fn a_renewal_that_is_refused_or_forgotten_is_asked_for_hourly() {
    let mut bench = Bench::open(0);
    bench.session.renew_at = bench.now;
    let end = bench.now + Duration::from_secs(10 * 3_600);
    while bench.now < end {
        if bench.session.is_scanning() {
            bench.scanned(0);
        }
        bench.sleep();
        if bench.done.back() == Some(&Action::Renew) {
            bench.reject(Position::default(), RejectReason::InvalidRequest, 0);
        }
    }
    let renewals = bench.count(|action| *action == Action::Renew);
    assert!((8..=12).contains(&renewals), "{renewals}");
    assert_eq!(bench.count(is_disconnect), 0);
}

#[test]
fn does_not_ask_a_collector_that_cannot_renew() {
    let mut bench = Bench::new();
    bench.give(Event::Connected);
    bench.tell(CollectorMessage::Welcome(Welcome {
        version: 1,
        capabilities: Capabilities::default(),
        now_ms: 0,
        settings: Settings::default(),
        extension: Vec::new(),
    }));
    bench.session.renew_at = bench.now;
    bench.sleep_for(3_600 * SECOND);
    assert!(!bench.done.contains(&Action::Renew));
}

#[test]
fn a_spool_that_was_lost_is_filled_again_at_once() {
    let mut bench = Bench::open(3);
    bench.give(Event::SpoolChanged(SpoolView {
        is_snapshot_due: true,
        ..SpoolView::default()
    }));
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
fn a_failing_spool_pauses_the_session_and_ends_nothing() {
    let mut bench = Bench::open(3);
    bench.give(Event::SpoolFailed);
    assert!(
        bench
            .done
            .contains(&Action::Disconnect(Parting::SpoolFailed))
    );
    bench.sleep_for(SPOOL_PAUSE);
    assert_eq!(bench.session.link_state(), LinkState::Connecting);
}

#[test]
fn never_stops_making_progress_whatever_comes() {
    // Random events in any order: the session never panics, and always has something due unless it
    // waits for the driver.
    for seed in 0..200 {
        let mut dice = Jitter::seeded(seed);
        let mut roll = |sides: u64| {
            u64::try_from(
                dice.between(Duration::ZERO, Duration::from_millis(sides - 1))
                    .as_millis(),
            )
            .expect("small")
        };
        let mut bench = Bench::open(40);
        for _ in 0..300 {
            let position = Position::new(
                bench.epoch - u32::try_from(roll(2)).expect("small"),
                u32::try_from(roll(45)).expect("small"),
            );
            let reason = RejectReason::ALL[usize::try_from(roll(20)).expect("small")];
            match roll(14) {
                0 => bench.give(Event::Connected),
                1 => bench.give(Event::ConnectFailed),
                2 => bench.give(Event::Closed),
                3 => bench.give(Event::Garbled),
                4 => bench.tell(welcome(Settings::default())),
                5 => bench.tell(ack(position)),
                6 => bench.reject(position, reason, 10),
                7 => bench.tell(CollectorMessage::SendSnapshot),
                8 => bench.tell(CollectorMessage::ScanNow { request: roll(9) }),
                9 => bench.give(Event::ScanRequested),
                10 if bench.session.is_scanning() => bench.scanned(2),
                11 => bench.give(Event::SpoolFailed),
                12 => {
                    bench.send();
                }
                _ if bench.session.deadline().is_some() => bench.sleep(),
                _ => {}
            }
            if let Some((first, last)) = bench.spool.pending {
                assert!(first <= last && first.epoch == last.epoch);
            }
            let waits_for_driver =
                bench.session.is_scanning() && bench.session.link_state() == LinkState::Connecting;
            assert!(waits_for_driver || bench.session.deadline().is_some());
        }
    }
}

#[test]
fn a_collector_without_its_database_does_not_undo_what_the_company_set() {
    let set = Settings {
        revision: 3,
        sources_off: vec![Source::Npm],
        ..Settings::default()
    };
    let mut bench = Bench::open(1);
    bench.tell(CollectorMessage::Settings(set.clone()));
    bench.give(Event::Closed);
    bench.sleep();
    bench.connect();
    assert_eq!(bench.session.settings(), &set);
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
