//! The running agent's status.

use std::time::Duration;

use protocol::message::Attendance;

use super::Agent;
use crate::logging::rfc3339;
use crate::session::LinkState;
use crate::status::{Costs, Enrolment, SpoolStatus, State, Status};

impl Agent {
    /// How the agent stands.
    pub(super) fn status(&self) -> Status {
        let mut connection = self.seen.connection.clone();
        connection.count(self.uplink.traffic());
        connection.visits_every_s = match self.session.attendance() {
            Attendance::Visit { every_s } => Some(every_s),
            Attendance::Hold { .. } => None,
        };
        let state = match self.session.link_state() {
            LinkState::Waiting { until } => {
                connection.next_attempt_at = Some(self.date(until));
                State::Waiting
            }
            LinkState::Away { until } => {
                connection.next_attempt_at = Some(self.date(until));
                State::Away
            }
            LinkState::Connecting => State::Connecting,
            LinkState::Connected { since } => {
                connection.since = Some(self.date(since));
                State::Connected
            }
        };
        let settings = self.session.settings();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state,
            running_since: Some(rfc3339(self.seen.started_at_ms)),
            enrolment: Some(Enrolment::of(self.identity.certificate())),
            connection,
            spool: SpoolStatus {
                problem: self.seen.spool_problem.clone(),
                ..SpoolStatus::of(&self.spool())
            },
            is_scanning: self.session.is_scanning(),
            last_scan: self.seen.last_scan.clone(),
            next_scan_at: self.session.next_scan_at().map(|at| self.date(at)),
            sources: self.seen.sources.clone(),
            heartbeat_every_s: settings.heartbeat_every_s,
            scan_every_s: settings.scan_every_s,
            costs: Costs::own(),
        }
    }

    /// A moment of the elapsed time as a date.
    fn date(&self, at: Duration) -> String {
        // By the distance from now on both clocks: the host's may have been set since the moment
        // was planned, and people look at the host's.
        let (now, now_ms) = (self.clock.elapsed(), self.clock.now_ms());
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        rfc3339(if at >= now {
            now_ms.saturating_add(ms(at - now))
        } else {
            now_ms.saturating_sub(ms(now - at))
        })
    }
}
