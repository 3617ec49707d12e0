//! Agents that visit: they connect, say what they have to say, and leave.
//!
//! A held connection costs both sides memory. An agent that leaves has to be sure that what it said
//! last has arrived, and has to come back as soon as there is more.

use std::time::Duration;

use anyhow::Context as _;
use protocol::limits::VISIT_QUIET_S;
use protocol::message::{Attendance, Capabilities, CollectorMessage};
use tokio::select;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Client, Parted, Session, until_some};
use crate::cli::Touch;

/// How long a collector may take to notice that nothing more comes.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

impl Client {
    /// What it tells a collector that it can do.
    pub(super) fn capabilities(&self) -> Capabilities {
        // It keeps to the authority that it was made with, as agents of before decision 52.
        let all = Capabilities::current().without(Capabilities::AUTHORITIES);
        match self.habits.touch {
            Touch::Told => all,
            // Whoever does as it likes must not be waited for.
            Touch::Hold | Touch::Visit => all.without(Capabilities::ATTEND),
        }
    }

    /// Time between two visits; `None` for one that holds its connection.
    fn visit_every(&self) -> Option<Duration> {
        match (self.habits.touch, self.attendance) {
            (Touch::Visit, _) => Some(self.heartbeat_every),
            (Touch::Told, Attendance::Visit { every_s }) => {
                let every = Duration::from_secs(every_s.into());
                Some(self.habits.heartbeat_every.unwrap_or(every) / self.habits.speed)
            }
            (Touch::Told, Attendance::Hold { .. }) | (Touch::Hold, _) => None,
        }
    }

    /// When a session that has nothing more to say is over; `None` while it has, and for one that is
    /// held.
    pub(super) fn leaves_at(&self, session: &Session) -> Option<Instant> {
        // A pause is a wait for something that is still to be sent.
        if session.paused_until.is_some() || self.model().unanswered() > 0 {
            return None;
        }
        // Whoever does as it is told stays for what its heartbeat leads to (docs/PROTOCOL.md, "A
        // session").
        let quiet = match self.habits.touch {
            _ if self.is_leaving => Duration::ZERO,
            Touch::Told => Duration::from_secs(VISIT_QUIET_S.into()) / self.habits.speed,
            Touch::Hold | Touch::Visit => Duration::ZERO,
        };
        let goes = self.is_leaving || self.visit_every().is_some();
        goes.then(|| session.last_word_at + quiet)
    }

    /// How much later than by its own back-off an agent comes back that has lost a connection which it
    /// held: at any moment within what it was told, so that a fleet does not come at once.
    pub(super) fn spread_after(&mut self) -> Duration {
        match (self.habits.touch, self.attendance) {
            (Touch::Told, Attendance::Hold { return_within_s }) if self.has_held() => {
                let within = Duration::from_secs(return_within_s.into());
                self.random.below_time(within / self.habits.speed)
            }
            (Touch::Told | Touch::Hold | Touch::Visit, _) => Duration::ZERO,
        }
    }

    /// Ends a session in order: a sign of life, the end of the stream, and what the collector still
    /// says to that.
    pub(super) async fn take_leave(&mut self, session: &mut Session) -> Parted {
        // A collector that stands still must not keep a visitor.
        match timeout(LEAVE_WITHIN, self.goodbye(session)).await {
            Ok(Ok(())) => {
                self.context.stats.visits.one();
                Parted::Done
            }
            Ok(Err(parted)) => parted,
            Err(_) => anyhow::anyhow!("the collector does not let go in time").into(),
        }
    }

    async fn goodbye(&mut self, session: &mut Session) -> Result<(), Parted> {
        self.heartbeat(session).await?;
        session.send.finish().context("leave")?;
        // The collector has read everything when its own half ends. What it asks for until then, a
        // snapshot perhaps, is sent at the next visit.
        while let Ok(message) = session.inbox.next(&self.context.unpacker).await {
            let message = CollectorMessage::decode(&message).context("read")?;
            self.answered(message)?;
        }
        Ok(())
    }

    /// Between two visits: until the next sign of life is due, or there is something to say.
    pub(super) async fn rest(&mut self) {
        // One that was told to hold and whose session is done all the same comes back after a
        // heartbeat's time.
        let every = self.visit_every().unwrap_or(self.heartbeat_every);
        let until = self.context.clock.now() + self.random.around(every);
        while self.model().unanswered() == 0 && !self.is_leaving {
            let change_at = self.changes.next_at();
            select! {
                () = sleep_until(until) => return,
                () = until_some(change_at) => self.change(),
                order = self.agent.orders.next() => if self.obey(order) {
                    return;
                },
            }
        }
    }
}
