//! What a simulated agent does with the collector's messages.

use std::time::Duration;

use protocol::ids::Position;
use protocol::limits::RETRY_AFTER_MS_MAX;
use protocol::message::{CollectorMessage, Settings, Welcome};
use protocol::reject::{RejectReason, Remedy};
use tokio::time::Instant;

use super::{Client, Parted};

/// The middle of the shortest pauses after a report that may be taken later.
const PAUSE: Duration = Duration::from_millis(200);
/// The wait after an answer that another try will hardly change.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a session goes on.
#[derive(Debug)]
pub(super) enum Next {
    /// As before.
    GoOn,
    /// No reports until then.
    PauseUntil(Instant),
    /// With a sign of life.
    Heartbeat,
}

impl Client {
    /// The answer to the hello.
    pub(super) fn welcomed(&mut self, answer: CollectorMessage) -> Result<(), Parted> {
        match answer {
            CollectorMessage::Welcome(Welcome { settings, .. }) => {
                self.settle(settings);
                Ok(())
            }
            CollectorMessage::Refuse { reason, detail, retry_after_ms } => {
                Err(self.refused(reason, &detail, retry_after_ms))
            }
            other @ (CollectorMessage::Ack { .. }
            | CollectorMessage::Reject { .. }
            | CollectorMessage::SendSnapshot
            | CollectorMessage::ScanNow { .. }
            | CollectorMessage::Settings(_)
            | CollectorMessage::Attend(_)
            | CollectorMessage::Gone
            | CollectorMessage::Rekey
            | CollectorMessage::Rekeyed { .. }
            | CollectorMessage::Authorities { .. }
            | CollectorMessage::Certificate { .. }) => Err(unexpected(&other)),
        }
    }

    /// A message after the welcome.
    pub(super) fn answered(&mut self, message: CollectorMessage) -> Result<Next, Parted> {
        match message {
            CollectorMessage::Ack { position } => {
                self.acknowledged(position);
                Ok(Next::GoOn)
            }
            CollectorMessage::Reject { position, reason, detail, retry_after_ms } => {
                self.rejected(position, reason, &detail, retry_after_ms)
            }
            CollectorMessage::SendSnapshot => {
                self.context.stats.snapshots_asked.one();
                // A snapshot that is on its way is the answer.
                if !self.model().is_in_snapshot() {
                    self.start_over()?;
                }
                Ok(Next::GoOn)
            }
            CollectorMessage::ScanNow { request } => {
                // There is nothing to scan: the model is what the host has.
                self.model().scanned(request);
                Ok(Next::Heartbeat)
            }
            CollectorMessage::Settings(settings) => {
                self.settle(settings);
                Ok(Next::GoOn)
            }
            CollectorMessage::Attend(attendance) => {
                self.attendance = attendance.clamped();
                Ok(Next::GoOn)
            }
            CollectorMessage::Refuse { reason, detail, retry_after_ms } => {
                Err(self.refused(reason, &detail, retry_after_ms))
            }
            // It stays what it is: as long as nobody makes a key of its own, both are the one agent, which is
            // what the scenario of clones looks at. Whoever was told so without reason is found by `cloned_at`.
            CollectorMessage::Rekey => Ok(Next::GoOn),
            // A certificate is never asked for: no run lasts as long as one.
            other @ (CollectorMessage::Welcome(_)
            | CollectorMessage::Certificate { .. }
            | CollectorMessage::Gone
            | CollectorMessage::Rekeyed { .. }
            | CollectorMessage::Authorities { .. }) => Err(unexpected(&other)),
        }
    }

    fn settle(&mut self, settings: Settings) {
        let settings = settings.clamped();
        let every = Duration::from_secs(settings.heartbeat_every_s.into());
        self.heartbeat_every = self.habits.heartbeat_every.unwrap_or(every) / self.habits.speed;
    }

    fn acknowledged(&mut self, position: Position) {
        let now = self.context.clock.now();
        let mut model = self.model();
        let settled = model.acknowledge(position, now);
        let is_whole = !model.is_in_snapshot();
        // Let go before the figures' lock is taken, which all clients share.
        drop(model);
        if settled.waited.is_empty() {
            return;
        }
        self.context.stats.settled(&settled, now);
        if is_whole && !self.has_first_snapshot {
            self.has_first_snapshot = true;
            self.context.stats.first_snapshot(now);
        }
    }

    fn rejected(
        &mut self,
        position: Position,
        reason: RejectReason,
        detail: &str,
        retry_after_ms: u32,
    ) -> Result<Next, Parted> {
        if !self.model().is_in_flight(position) {
            // It follows a reject that took this report back as well.
            return Ok(Next::GoOn);
        }
        match reason.remedy() {
            Remedy::Later => {
                self.context.stats.rejected(reason);
                self.model().take_back(position);
                Ok(self.pause(retry_after_ms))
            }
            // A real agent looks into its spool for what is missing. Here everything that waits was
            // sent in order, so a gap means that the collector has lost its place.
            Remedy::Missing | Remedy::Never => {
                self.context.stats.rejected(reason);
                self.context.stats.error(format!("{reason}: {detail}"));
                self.start_over()?;
                Ok(self.pause(retry_after_ms))
            }
            Remedy::Elsewhere | Remedy::NotWelcome => {
                Err(self.refused(reason, detail, retry_after_ms))
            }
        }
    }

    fn pause(&mut self, retry_after_ms: u32) -> Next {
        let wait = self.random.at_least(asked(retry_after_ms), PAUSE);
        Next::PauseUntil(self.context.clock.now() + wait)
    }

    fn refused(&self, reason: RejectReason, detail: &str, retry_after_ms: u32) -> Parted {
        self.context.stats.rejected(reason);
        let own = match reason.remedy() {
            Remedy::NotWelcome => PATIENCE,
            // The back-off between two connections is enough.
            Remedy::Later | Remedy::Elsewhere | Remedy::Missing | Remedy::Never => Duration::ZERO,
        };
        Parted::Broken {
            why: anyhow::anyhow!("refused: {reason}: {detail}"),
            wait: own.max(asked(retry_after_ms)),
        }
    }

    /// Begins the first epoch, where that was left until now.
    pub(super) fn begin(&self) -> Result<(), Parted> {
        let has_begun = self.model().has_begun();
        if has_begun { Ok(()) } else { self.start_over() }
    }

    /// Begins the next epoch with a snapshot.
    fn start_over(&self) -> Result<(), Parted> {
        let now_ms = self.context.clock.unix_ms();
        // The model before the packer, here and wherever both are held.
        let mut model = self.model();
        let (stock, mut packer) = self.context.workshop(self.number);
        let begun = model.begin_epoch(now_ms, (stock, &mut packer));
        begun.map_err(|error| anyhow::Error::new(error).into())
    }
}

fn asked(retry_after_ms: u32) -> Duration {
    Duration::from_millis(retry_after_ms.min(RETRY_AFTER_MS_MAX).into())
}

fn unexpected(message: &CollectorMessage) -> Parted {
    anyhow::anyhow!("the collector says something out of turn: {message:?}").into()
}
