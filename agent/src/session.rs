//! The session: when an agent connects, what it sends, what it does with every answer, when it scans.
//!
//! A pure state machine. Whoever drives it hands it what happened and the time, and executes the
//! actions that it gives back before handing it the next event; so a month of lost connections,
//! rejects and reordered answers runs in a test without a socket. It must never read a clock, and
//! never send the same position with other bytes: bytes come from the spool alone.

mod action;
mod answers;
mod certificate;
mod link;
mod scans;
#[cfg(test)]
mod tests;
mod visits;

use std::time::Duration;

use protocol::fingerprint::InventoryDigest;
use protocol::ids::Position;
use protocol::limits::REPORTS_IN_FLIGHT_MAX;
use protocol::message::{Attendance, Heartbeat, Settings};

pub use self::action::{Action, Event, LinkState, Parting, StartOver};
use self::link::{Link, Open};
use self::scans::{Resync, Scans};
use crate::backoff::{Backoff, Jitter};
use crate::delta::following;

/// How long a collector may take to answer the hello.
const WELCOME_WITHIN: Duration = Duration::from_secs(15);
/// How long a report may stay without an answer before the connection counts as broken.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// A connection that held this long was a good one: its end is no failure.
const STEADY_AFTER: Duration = Duration::from_secs(60);
/// The first and the longest wait between two attempts to connect.
const RECONNECT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// The longest time over which agents spread that lost the same collector.
const SPREAD_MAX: Duration = Duration::from_secs(30);
/// The shortest and longest wait after an answer that another try will hardly change.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(3_600));
/// The first and the longest pause after a report that may be taken later.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How long a certificate that was asked for may take to come, before it is asked for again.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(3_600);
/// How long another identity that was asked for may take to come, before it is asked for again.
const REKEY_AGAIN_AFTER: Duration = Duration::from_secs(120);
/// How long a visit goes on for a certificate that was asked for.
const CERTIFICATE_WITHIN: Duration = Duration::from_secs(20);
/// A heartbeat that comes this much too late is one of a machine that slept.
const SLEPT_FOR: Duration = Duration::from_secs(30);
/// How long after that the loss of the connection is taken for a consequence of it.
const WAKING_FOR: Duration = Duration::from_secs(30);
/// The longest wait of a machine that woke up and found its connection gone.
const WAKE_WITHIN: Duration = Duration::from_secs(2);
/// How long the agent stops sending after its spool could not be read or written.
const SPOOL_PAUSE: Duration = Duration::from_secs(60);

/// What the session has to know of the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolView {
    /// The last report that a collector acknowledged; zero when none.
    pub acknowledged: Position,
    /// The digest of the inventory as of that report; `None` while a snapshot is under way.
    pub digest: Option<InventoryDigest>,
    /// The last position that was given to a report; zero when none.
    pub last: Position,
    /// The first and the last report that wait for an answer, all of one epoch.
    pub pending: Option<(Position, Position)>,
    /// Whether the next scan begins an epoch.
    pub is_snapshot_due: bool,
}

/// What a session begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The agent's version, for people.
    pub agent_version: String,
    /// How many attempts it takes until every address of a collector was tried, which are made before the
    /// session waits: 1 for whoever tries all of them in one.
    pub addresses: usize,
    /// How the collector told the agent to behave when it last could.
    pub settings: Settings,
    /// The spool.
    pub spool: SpoolView,
    /// The last scan that was asked for and done.
    pub scan_done: u64,
    /// When the certificate is to be renewed, on the clock of `now`.
    pub renew_at: Duration,
}

/// The state machine. See the module's documentation for how to drive it.
#[derive(Debug)]
pub struct Session {
    agent_version: String,
    addresses: usize,
    settings: Settings,
    spool: SpoolView,
    scans: Scans,
    resync: Resync,
    renew_at: Duration,
    /// No certificate is asked for before, whatever else is said of it.
    renew_not_before: Duration,
    /// When it is renewed because another authority signs now, if that comes first.
    renew_by: Option<Duration>,
    link: Link,
    attendance: Attendance,
    /// Whether the fleet's visits are spread already.
    is_spread: bool,
    attempts: usize,
    reconnect: Backoff,
    patience: Backoff,
    pause: Backoff,
    jitter: Jitter,
    actions: Vec<Action>,
}

impl Session {
    /// A session that connects and scans at once.
    #[must_use]
    pub fn new(now: Duration, beginning: Beginning, jitter: Jitter) -> Self {
        Self {
            agent_version: beginning.agent_version,
            addresses: beginning.addresses.max(1),
            settings: beginning.settings.clamped(),
            spool: beginning.spool,
            scans: Scans::new(now, beginning.scan_done),
            resync: Resync::default(),
            renew_at: beginning.renew_at,
            renew_not_before: Duration::ZERO,
            renew_by: None,
            link: Link::Waiting { until: now },
            attendance: Attendance::default(),
            is_spread: false,
            attempts: 0,
            reconnect: Backoff::new(RECONNECT.0, RECONNECT.1),
            patience: Backoff::new(PATIENCE.0, PATIENCE.1),
            pause: Backoff::new(PAUSE.0, PAUSE.1),
            jitter,
            actions: Vec::new(),
        }
    }

    /// Takes what happened, and says what is to be done now, in this order.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match event {
            Event::Tick => {}
            Event::Connected => self.greet(now),
            Event::ConnectFailed => self.connect_failed(now),
            Event::Closed => self.lost(now),
            Event::Garbled => self.violated(now, "a frame that cannot be read"),
            Event::Received(message) => self.received(now, message),
            Event::ScanRequested => self.scans.request(now),
            Event::ScanFinished { recorded } => self.scan_finished(now, recorded),
            Event::SpoolChanged(spool) => self.spool_changed(now, spool),
            Event::SpoolFailed => self.spool_failed(now),
            Event::CertificateDue { renew_at } => self.certificate_due(renew_at),
            Event::BetterWay => self.change_ways(now),
            Event::CertificateInstalled { renew_at } => self.certificate_installed(now, renew_at),
            Event::CertificateUnusable => self.renew_not_before(now + RENEW_AGAIN_AFTER),
        }
        // After every event and not on ticks alone: an event may have made something due at once,
        // and a late tick must not delay what is due.
        self.advance(now);
        std::mem::take(&mut self.actions)
    }

    /// The next report to send, when one may be sent; it counts as sent from here on.
    pub fn next_report(&mut self, now: Duration) -> Option<Position> {
        let (first, last) = self.spool.pending?;
        let Link::Open(open) = &mut self.link else {
            return None;
        };
        if open.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        // Positions of an epoch that is over, or that were acknowledged in the meantime, say nothing
        // about what is next.
        let next = match open.sent {
            Some(sent) if sent >= first && sent.epoch == first.epoch => following(sent),
            Some(_) | None => first,
        };
        // Both are of one epoch, so their numbers differ by what is under way.
        let in_flight = usize::try_from(next.seq.0 - first.seq.0).unwrap_or(usize::MAX);
        if next > last || in_flight >= REPORTS_IN_FLIGHT_MAX {
            return None;
        }
        open.paused_until = None;
        open.sent = Some(next);
        // The clock runs from the oldest report without an answer, not from the latest.
        open.silent_at.get_or_insert(now + ANSWER_WITHIN);
        Some(next)
    }

    /// When [`Event::Tick`] is due, unless something happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let link = match &self.link {
            Link::Waiting { until } | Link::Away { until } | Link::Greeting { until } => {
                Some(*until)
            }
            // The attempt has a deadline of its own, and its end is an event.
            Link::Connecting => None,
            Link::Open(open) => [
                Some(open.heartbeat_at),
                open.paused_until,
                open.silent_at,
                self.renewal_at(open),
                open.rekey_at,
                self.leaves_at(open),
            ]
            .into_iter()
            .flatten()
            .min(),
        };
        [link, self.scans.due_at()].into_iter().flatten().min()
    }

    /// How the connection stands, for people.
    #[must_use]
    pub const fn link_state(&self) -> LinkState {
        match &self.link {
            Link::Waiting { until } => LinkState::Waiting { until: *until },
            Link::Away { until } => LinkState::Away { until: *until },
            Link::Connecting | Link::Greeting { .. } => LinkState::Connecting,
            Link::Open(open) => LinkState::Connected { since: open.since },
        }
    }

    /// How the collector told the agent to keep in touch, within the limits.
    #[must_use]
    pub const fn attendance(&self) -> Attendance {
        self.attendance
    }

    /// How the collector told the agent to behave, within the limits.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether a scan runs.
    #[must_use]
    pub const fn is_scanning(&self) -> bool {
        self.scans.is_running()
    }

    /// The next scan, when none runs.
    #[must_use]
    pub fn next_scan_at(&self) -> Option<Duration> {
        self.scans.due_at()
    }

    /// Does everything that is due.
    fn advance(&mut self, now: Duration) {
        match self.link {
            Link::Waiting { until } if now >= until => self.connect(),
            // What there is to say does not wait for the next visit.
            Link::Away { until } if now >= until || self.spool.pending.is_some() => self.connect(),
            Link::Greeting { until } if now >= until => {
                self.look_elsewhere();
                let wait = self.reconnect.next(&mut self.jitter);
                self.part(now, Parting::NoWelcome, wait);
            }
            Link::Open(open) => self.advance_open(now, open),
            Link::Waiting { .. } | Link::Away { .. } | Link::Connecting | Link::Greeting { .. } => {
            }
        }
        if let Some(request) = self.scans.start(now) {
            self.actions.push(Action::StartScan { request });
        }
    }

    fn connect(&mut self) {
        self.actions.push(Action::Connect { attempt: self.attempts });
        self.link = Link::Connecting;
    }

    fn advance_open(&mut self, now: Duration, mut open: Open) {
        if open.silent_at.is_some_and(|at| now >= at) {
            // Silence after reports were sent is counted like a failed attempt: a collector that
            // accepts connections and answers nothing must not get a reconnect a minute from its
            // whole fleet.
            self.look_elsewhere();
            let wait = self.reconnect.next(&mut self.jitter);
            self.part(now, Parting::NoAnswer, wait);
            return;
        }
        if now >= open.heartbeat_at {
            if now - open.heartbeat_at >= SLEPT_FOR {
                open.woke_at = Some(now);
            }
            // From now, not from when it was due: a laptop that slept for a day owes one heartbeat
            // and not three hundred.
            open.heartbeat_at = now + self.jitter.around(self.heartbeat_every());
            open.stays(now);
            self.actions.push(Action::Beat(Heartbeat {
                acknowledged: self.spool.acknowledged,
                digest: self.spool.digest,
                scan_done: self.scans.done(),
            }));
        }
        if self.renewal_at(&open).is_some_and(|at| now >= at) {
            // An answer that never comes must not stop the renewal for good.
            let again = now + self.jitter.around(RENEW_AGAIN_AFTER);
            self.renew_not_before(again);
            open.stays_for(now, CERTIFICATE_WITHIN);
            self.actions.push(Action::Renew);
        }
        self.rekey_if_due(now, &mut open);
        if open.paused_until.is_some_and(|until| now >= until) {
            open.paused_until = None;
        }
        if self.leaves_at(&open).is_some_and(|at| now >= at) {
            self.leave(now);
            return;
        }
        self.link = Link::Open(open);
    }

    fn use_settings(&mut self, now: Duration, settings: Settings) {
        let settings = settings.clamped();
        // Every welcome brings settings, mostly the same; writing them to disk each time would be a
        // write for every connection.
        if settings == self.settings {
            return;
        }
        // A collector whose database is away welcomes agents with the default, which would switch a
        // source on that the company has switched off.
        if settings.revision == 0 && self.settings.revision > 0 {
            return;
        }
        let sources_changed = settings.sources_off != self.settings.sources_off;
        self.settings = settings.clone();
        let heartbeat_by = now + self.jitter.around(self.heartbeat_every());
        // A heartbeat or a scan that is due sooner stays due, however long the new interval is.
        if let Link::Open(open) = &mut self.link {
            open.heartbeat_at = open.heartbeat_at.min(heartbeat_by);
        }
        // A source that was switched off has to leave the collector's rows now, not with the next
        // scan in an hour.
        if sources_changed {
            self.scans.request(now);
        } else {
            self.scans.not_later_than(now + self.jitter.around(self.scan_every()));
        }
        self.actions.push(Action::SaveSettings(settings));
    }

    fn spool_changed(&mut self, now: Duration, spool: SpoolView) {
        if spool.is_snapshot_due && !self.spool.is_snapshot_due {
            self.scans.not_later_than(now);
        }
        self.spool = spool;
    }

    fn scan_finished(&mut self, now: Duration, recorded: bool) {
        let every = self.scan_every();
        let answers_a_request = self.scans.finish(now, recorded, every, &mut self.jitter);
        // The heartbeat tells that the scan is done; whoever asked for it waits for that.
        match &mut self.link {
            Link::Open(open) if answers_a_request => open.heartbeat_at = now,
            Link::Away { until } if answers_a_request => *until = now,
            Link::Open(_)
            | Link::Away { .. }
            | Link::Waiting { .. }
            | Link::Connecting
            | Link::Greeting { .. } => {}
        }
        // The snapshot was refused, or lost, between its recording and this event.
        if recorded && self.spool.is_snapshot_due {
            self.scans.not_later_than(now);
        }
    }

    fn spool_failed(&mut self, now: Duration) {
        if matches!(self.link, Link::Open(_)) {
            // Without a spool nothing can be sent and no answer be kept, so holding the connection
            // would only make the collector resend and the agent forget.
            self.part(now, Parting::SpoolFailed, SPOOL_PAUSE);
        }
    }

    /// Leaves for a connection that is made already.
    fn change_ways(&mut self, now: Duration) {
        if matches!(self.link, Link::Open(_)) {
            // What was sent without an answer is sent again, byte for byte, as after any other end.
            self.part(now, Parting::BetterWay, Duration::ZERO);
        }
    }

    fn heartbeat_every(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings.heartbeat_every_s))
    }

    fn scan_every(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings.scan_every_s))
    }
}
