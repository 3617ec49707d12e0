//! What an agent is told about how to behave and how to keep in touch, at its greeting and whenever it
//! changes.

use std::sync::Arc;

use protocol::message::{Attendance, Capabilities, CollectorMessage};
use tokio::io::AsyncWrite;

use super::{Parting, Session};
use crate::ingest::registry::{Registration, Told};

impl<W: AsyncWrite + Unpin> Session<'_, W> {
    /// The last word of the greeting: whether to hold the connection.
    pub(super) async fn attend(
        &mut self,
        capabilities: Capabilities,
        registration: &Registration,
    ) -> Result<(), Parting> {
        if capabilities.has(Capabilities::ATTEND) {
            let attendance = self.decided(false);
            self.say_attendance(attendance, registration).await
        } else {
            // An agent of before decision 27 knows no visits: it stays, and counts as one that
            // does.
            registration.set_held(true);
            Ok(())
        }
    }

    /// Tells the agent what its company's agents are told now.
    pub(super) async fn tell(
        &mut self,
        told: Arc<Told>,
        registration: &Registration,
    ) -> Result<(), Parting> {
        // Read before this session was greeted with something later.
        if told.settings.revision < self.told.settings.revision {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.told, told);
        if before.settings != self.told.settings {
            let settings = self.told.settings.clone();
            self.send(&CollectorMessage::Settings(settings)).await?;
        }
        self.reconsider(registration).await
    }

    /// Tells the agent whether its connection is held, if that is another answer than it has.
    pub(super) async fn reconsider(&mut self, registration: &Registration) -> Result<(), Parting> {
        if let Some(attendance) = self.attendance {
            let is_held = matches!(attendance, Attendance::Hold { .. });
            let now = self.decided(is_held);
            // How long to take for coming back changes with every agent that comes, and is not worth
            // waking this one.
            if !(is_held && matches!(now, Attendance::Hold { .. })) && now != attendance {
                self.say_attendance(now, registration).await?;
            }
        }
        Ok(())
    }

    /// Tells the agent to visit, because the node holds too much.
    pub(super) async fn send_away(&mut self, registration: &Registration) -> Result<(), Parting> {
        let told = &self.told;
        let away = self.shared.rules.sent_away(&told.settings, told.visits);
        match (self.attendance, away) {
            (Some(Attendance::Hold { .. }), Some(visit)) => {
                self.say_attendance(visit, registration).await
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// Time to the agent's next sign of life, in seconds; 0 while nobody could say.
    pub(super) fn heartbeat_every_s(&self) -> u32 {
        match self.attendance {
            Some(Attendance::Visit { every_s }) => every_s,
            Some(Attendance::Hold { .. }) | None if self.is_told() => {
                self.told.settings.clone().clamped().heartbeat_every_s
            }
            Some(Attendance::Hold { .. }) | None => 0,
        }
    }

    fn is_told(&self) -> bool {
        !Arc::ptr_eq(&self.told, &self.shared.nothing_told)
    }

    fn decided(&self, is_held: bool) -> Attendance {
        let told = &self.told;
        let load = self.shared.load();
        self.shared.rules.attendance(&told.settings, told.visits, is_held, load)
    }

    async fn say_attendance(
        &mut self,
        attendance: Attendance,
        registration: &Registration,
    ) -> Result<(), Parting> {
        // Before it is sent: a connection that breaks while it is told is dropped with its
        // registration.
        self.attendance = Some(attendance);
        registration.set_held(matches!(attendance, Attendance::Hold { .. }));
        self.send(&CollectorMessage::Attend(attendance)).await
    }
}
