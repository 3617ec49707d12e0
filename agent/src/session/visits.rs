//! Visits: when the agent leaves a collector that does not want its connection held, and when it comes
//! again.
//!
//! Every session begins as one that is held, because only the collector knows whether everything was
//! said that waited for the agent; its word on that comes last.

use std::time::Duration;

use protocol::limits::VISIT_QUIET_S;
use protocol::message::Attendance;

use super::Session;
use super::action::{Action, Parting};
use super::link::{Link, Open};

/// How long a visit goes on after the last word.
pub(super) const VISIT_QUIET: Duration = Duration::from_secs(VISIT_QUIET_S as u64);

impl Session {
    /// Takes what the collector says about how to keep in touch.
    pub(super) fn attend(&mut self, attendance: Attendance) {
        let attendance = attendance.clamped();
        if let Link::Open(open) = &mut self.link {
            open.is_visit = matches!(attendance, Attendance::Visit { .. });
        }
        if attendance != self.attendance {
            // Whoever is told at the same time as others has to find a moment of its own again.
            self.is_spread = false;
            self.attendance = attendance;
        }
    }

    /// When the visit ends; `None` while it is none or something of the agent's own is under way.
    pub(super) fn leaves_at(&self, open: &Open) -> Option<Duration> {
        // A scan takes seconds, and what it finds would be another handshake.
        let is_busy = self.spool.pending.is_some() || self.scans.is_running();
        (open.is_visit && !is_busy).then_some(open.stay_until)
    }

    pub(super) fn leave(&mut self, now: Duration) {
        // A visit that went well ends what went wrong before it, as a connection that holds does.
        self.reconnect.reset();
        self.actions.push(Action::Disconnect(Parting::Visited));
        self.link = Link::Away { until: now + self.next_visit_in() };
    }

    fn next_visit_in(&mut self) -> Duration {
        let every = match self.attendance {
            Attendance::Visit { every_s } => Duration::from_secs(every_s.into()),
            // Only a visit is left, so this is never asked; a connection that is held is one now.
            Attendance::Hold { .. } => Duration::ZERO,
        };
        if std::mem::replace(&mut self.is_spread, true) {
            self.jitter.around(every)
        } else {
            // A tenth of jitter would take days to spread a fleet that was told in one moment.
            self.jitter.between(Duration::ZERO, every)
        }
    }
}
