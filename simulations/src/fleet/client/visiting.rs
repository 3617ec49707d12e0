//! Agents that visit: they connect, say what they have to say, and leave.
//!
//! A held connection costs both sides memory. An agent that leaves has to be sure that what it said
//! last has arrived, and has to come back as soon as there is more.

use std::time::Duration;

use anyhow::Context as _;
use protocol::message::CollectorMessage;
use tokio::select;
use tokio::time::{sleep_until, timeout};

use super::{Client, Parted, Session, until_some};

/// How long a collector may take to notice that nothing more comes.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

impl Client {
    /// Whether nothing more is to be said for now, to a collector that is to be left then.
    pub(super) fn wants_to_leave(&self, session: &Session) -> bool {
        (self.habits.visits || self.is_leaving)
            && session.paused_until.is_none()
            && self.model().unanswered() == 0
    }

    /// Ends a session in order: a sign of life, the end of the stream, and what the collector still
    /// says to that.
    pub(super) async fn take_leave(&mut self, session: &mut Session) -> Parted {
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
        let until = self.context.clock.now() + self.random.around(self.heartbeat_every);
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
