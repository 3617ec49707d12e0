//! The connection as the session sees it: how it begins, and how long the agent waits after its end.

use std::time::Duration;

use protocol::ids::Position;
use protocol::message::{Attendance, Capabilities, Hello, VERSION_MAX, VERSION_MIN, Welcome};

use super::action::{Action, Parting, StartOver};
use super::visits::VISIT_QUIET;
use super::{SPREAD_MAX, STEADY_AFTER, Session, WAKE_WITHIN, WAKING_FOR, WELCOME_WITHIN};

/// How far the connection is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Link {
    Waiting {
        until: Duration,
    },
    /// Between two visits; unlike a wait, it ends early for something to say.
    Away {
        until: Duration,
    },
    Connecting,
    Greeting {
        until: Duration,
    },
    Open(Open),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) since: Duration,
    pub(super) capabilities: Capabilities,
    pub(super) heartbeat_at: Duration,
    /// The last report sent over this connection that was not taken back by a reject.
    pub(super) sent: Option<Position>,
    /// No report is sent before.
    pub(super) paused_until: Option<Duration>,
    /// When the missing answers mean that the connection is broken.
    pub(super) silent_at: Option<Duration>,
    /// The collector has said in this session that it is a visit.
    pub(super) is_visit: bool,
    /// A visit does not end before.
    pub(super) stay_until: Duration,
    /// When another identity is asked for again, where the collector has told the agent over this connection to take one.
    pub(super) rekey_at: Option<Duration>,
    /// When the machine was found to have slept.
    pub(super) woke_at: Option<Duration>,
}

impl Open {
    /// Something was said.
    pub(super) fn stays(&mut self, now: Duration) {
        self.stays_for(now, VISIT_QUIET);
    }

    /// Whether the machine slept until a moment ago.
    fn is_waking(&self, now: Duration) -> bool {
        self.woke_at.is_some_and(|at| now.saturating_sub(at) < WAKING_FOR)
    }

    pub(super) fn stays_for(&mut self, now: Duration, time: Duration) {
        self.stay_until = self.stay_until.max(now + time);
    }
}

impl Session {
    pub(super) fn greet(&mut self, now: Duration) {
        // The attempt was given up while its answer was on the way here.
        if !matches!(self.link, Link::Connecting) {
            return;
        }
        self.link = Link::Greeting { until: now + WELCOME_WITHIN };
        self.actions.push(Action::Greet(Hello {
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            capabilities: Capabilities::current(),
            agent_version: self.agent_version.clone(),
            acknowledged: self.spool.acknowledged,
            scan_done: self.scans.done(),
            extension: Vec::new(),
        }));
    }

    pub(super) fn welcomed(&mut self, now: Duration, welcome: Welcome) {
        // What cannot be understood must not be guessed at.
        if !(VERSION_MIN..=VERSION_MAX).contains(&welcome.version) {
            self.violated(now, "a version that the agent did not offer");
            return;
        }
        self.attempts = 0;
        self.patience.reset();
        self.link = Link::Open(Open {
            since: now,
            capabilities: welcome.capabilities.common(Capabilities::current()),
            // The first heartbeat brings the digest that the collector compares at once.
            heartbeat_at: now,
            sent: None,
            paused_until: None,
            silent_at: None,
            is_visit: false,
            stay_until: now + VISIT_QUIET,
            rekey_at: None,
            woke_at: None,
        });
        let overtaken = welcome.applied().filter(|at| *at > self.spool.last);
        // After the link, for it moves the heartbeat of the one that was just made.
        self.use_settings(now, welcome.settings);
        if let Some(applied) = overtaken {
            self.start_over(now, StartOver::Overtaken(applied));
        }
    }

    pub(super) fn connect_failed(&mut self, now: Duration) {
        self.attempts = self.attempts.wrapping_add(1);
        // Only when every address was tried once there is a reason to wait.
        let wait = if self.attempts.is_multiple_of(self.addresses) {
            self.reconnect.next(&mut self.jitter)
        } else {
            Duration::ZERO
        };
        self.link = Link::Waiting { until: now + wait };
    }

    /// Takes the next address for the next attempt. A collector that shakes hands and is then of no
    /// use, because its database hangs or a balancer answers in its place, must not keep its agents
    /// from another one that is well.
    pub(super) const fn look_elsewhere(&mut self) {
        self.attempts = self.attempts.wrapping_add(1);
    }

    /// The connection ended by itself. An agent of a large fleet, which has long heartbeats, gives
    /// the others time.
    pub(super) fn lost(&mut self, now: Duration) {
        let wait = match self.link {
            // It slept, and the collector has not waited: nobody else comes back for that reason, so
            // there is nothing to spread, and somebody has just opened a laptop.
            Link::Open(open) if open.is_waking(now) => {
                self.reconnect.reset();
                self.jitter.between(Duration::ZERO, WAKE_WITHIN)
            }
            Link::Open(open) if now.saturating_sub(open.since) >= STEADY_AFTER => {
                self.reconnect.reset();
                // A steady connection mostly ends because its collector restarts: then everybody
                // comes back at once, and this spreads them without making a small fleet wait.
                let spread = self.return_within();
                self.jitter.between(Duration::ZERO, spread)
            }
            Link::Open(_) | Link::Greeting { .. } | Link::Connecting => {
                self.look_elsewhere();
                self.reconnect.next(&mut self.jitter)
            }
            // The session has ended it itself and knows already.
            Link::Waiting { .. } | Link::Away { .. } => return,
        };
        self.link = Link::Waiting { until: now + wait };
    }

    /// Over how long agents that lost the same collector come back.
    fn return_within(&self) -> Duration {
        match self.attendance {
            // The collector knows how many it has, and how many it can welcome at once.
            Attendance::Hold { return_within_s: told @ 1.. } => Duration::from_secs(told.into()),
            Attendance::Hold { return_within_s: 0 } | Attendance::Visit { .. } => {
                (self.heartbeat_every() / 10).min(SPREAD_MAX)
            }
        }
    }

    pub(super) fn violated(&mut self, now: Duration, what: &'static str) {
        if matches!(self.link, Link::Greeting { .. } | Link::Open(_)) {
            self.look_elsewhere();
            let wait = self.reconnect.next(&mut self.jitter);
            self.part(now, Parting::Violation(what), wait);
        }
    }

    pub(super) fn part(&mut self, now: Duration, parting: Parting, wait: Duration) {
        self.actions.push(Action::Disconnect(parting));
        // From here on nothing that the old connection still brings is listened to: see `received`.
        self.link = Link::Waiting { until: now + wait };
    }
}
