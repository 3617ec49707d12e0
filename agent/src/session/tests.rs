//! The session in virtual time, against a spool of numbers and a collector of a few lines.

mod connecting;
mod moving;
mod rejects;
mod renewal;
mod scanning;
mod sending;
mod settings;
mod snapshots;
mod visits;

use std::collections::VecDeque;

use protocol::reject::RejectReason;

use super::*;
use protocol::message::{Capabilities, CollectorMessage, Welcome};
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
        Self::with(SpoolView { is_snapshot_due: true, ..SpoolView::default() })
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
            self.spool.pending =
                Some((Position::new(self.epoch, 1), Position::new(self.epoch, reports)));
        } else if reports > 0 {
            let last = self.spool.pending.map_or(self.spool.acknowledged, |(_, last)| last);
            let first = self.spool.pending.map_or_else(|| following(last), |(first, _)| first);
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
fn a_failing_spool_pauses_the_session_and_ends_nothing() {
    let mut bench = Bench::open(3);
    bench.give(Event::SpoolFailed);
    assert!(bench.done.contains(&Action::Disconnect(Parting::SpoolFailed)));
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
                dice.between(Duration::ZERO, Duration::from_millis(sides - 1)).as_millis(),
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
