//! A session: one connected agent, from its hello to its end.
//!
//! It reads frames, decides what to take and answers in order. Reports are appended to the queue
//! while the next ones are read, so one round trip of the disk carries many of them. Who the agent
//! is comes from its certificate alone; nothing in a message changes it.

mod attend;
mod authorities;
mod greeting;
mod identity;
mod report;
mod trace;

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::counter;
use protocol::frame::Frame;
use protocol::ids::{Epoch, Position};
use protocol::limits::{FRAME_WIRE_BYTES_MAX, REPORTS_IN_FLIGHT_MAX};
use protocol::message::{
    AgentMessage, Attendance, Capabilities, CollectorMessage, Heartbeat, Presence,
};
use protocol::reject::RejectReason;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::Shared;
use super::agents::SeenHeartbeat;
use super::frames::{self, FrameReader, ReadError};
use super::in_flight::InFlight;
use super::line::{Line, Refusal};
use super::registry::{Command, Registration, Told};
use crate::authority::PeerIdentity;
use crate::metrics::{INGEST_BYTES, INGEST_HEARTBEATS, INGEST_REPORTS, LABEL_OUTCOME};

/// How long a stopping collector waits for the disk, to acknowledge what it holds of a session.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a session lasts that began while the database was away: its reports are taken, but
/// nobody knows the agent's settings, what it is to be told and whether it is let in.
const STOPGAP: Duration = Duration::from_secs(300);

/// How a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// The agent closed it.
    Closed,
    /// The agent has a newer one.
    Replaced,
    /// The agent's certificate ended.
    Expired,
    /// The session began without the database, and the agent is to come again.
    Stopgap,
    /// The agent took too long.
    Slow,
    /// The connection broke.
    Broken,
    /// The agent is told to go, and why.
    Refused(Refusal),
}

impl Parting {
    /// The label in metrics.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::Stopgap => "stopgap",
            Self::Slow => "timeout",
            Self::Broken => "error",
            Self::Refused(refusal) => refusal.reason.as_str(),
        }
    }

    fn refused(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(reason, detail))
    }
}

impl From<ReadError> for Parting {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Slow => Self::Slow,
            // Over TCP, silence is an error of the stream; over QUIC it is the connection's own end.
            ReadError::Stream(ref broken) if broken.kind() == std::io::ErrorKind::TimedOut => {
                Self::Slow
            }
            ReadError::Busy
            | ReadError::Stream(_)
            | ReadError::TooLong(..)
            | ReadError::Frame(_) => error.refusal().map_or(Self::Broken, Self::Refused),
        }
    }
}

/// What happens to a session.
enum Event {
    Stopping,
    Expired,
    Stopgap,
    Command(Command),
    Answered,
    Frame(Result<Option<Frame>, ReadError>),
}

/// One connected agent.
struct Session<'a, W> {
    shared: &'a Arc<Shared>,
    peer: &'a PeerIdentity,
    send: W,
    line: Line,
    in_flight: InFlight,
    /// When the first bytes of the last frame came.
    read_from: Option<Instant>,
    /// The epoch in which a snapshot was asked for: it is asked for once in each.
    snapshot_asked_in: Option<Epoch>,
    /// The last scan that was asked for.
    scan_asked: u64,
    /// What the agent was told; the default while nobody could say.
    told: Arc<Told>,
    /// How it was told to keep in touch; `None` for one that holds because it knows nothing else.
    attendance: Option<Attendance>,
    /// Whether the database has said how the agent stands.
    is_standing_known: bool,
    /// What the agent said of its connection and itself.
    presence: Option<Presence>,
    /// What both sides can.
    capabilities: Capabilities,
}

/// Serves an agent until one side ends the session.
pub(super) async fn run<R, W>(
    shared: &Arc<Shared>,
    peer: &PeerIdentity,
    receive: R,
    send: W,
) -> Parting
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    // Before anything is asked about the agent, so that no revocation slips through between.
    let registration = shared.registry.open(peer.company, peer.agent);
    let mut reader = FrameReader::new(receive, FRAME_WIRE_BYTES_MAX, &shared.bytes_in_reading);
    let mut session = Session {
        shared,
        peer,
        send,
        line: Line::behind(Position::default()),
        in_flight: InFlight::default(),
        read_from: None,
        snapshot_asked_in: None,
        scan_asked: 0,
        told: Arc::clone(&shared.nothing_told),
        attendance: None,
        is_standing_known: false,
        presence: None,
        capabilities: Capabilities::default(),
    };
    // Boxed, as all that is not waiting: a session is idle for nearly all of its life, and would carry the
    // room for its largest moment through it.
    let greeted = Box::pin(session.greet(&mut reader, &registration)).await;
    let parting = match greeted {
        Ok(()) => session.serve(&mut reader, &registration).await,
        Err(parting) => parting,
    };
    Box::pin(session.part(&parting)).await;
    parting
}

impl<W: AsyncWrite + Unpin> Session<'_, W> {
    async fn serve<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut FrameReader<R>,
        registration: &Registration,
    ) -> Parting {
        let left = self.peer.not_after - self.shared.clock.now();
        // A certificate that has ended already gives a negative span, which ends the session at
        // once.
        let expired = tokio::time::sleep(left.try_into().unwrap_or_default());
        tokio::pin!(expired);
        let stopgap = tokio::time::sleep(STOPGAP);
        tokio::pin!(stopgap);
        loop {
            let event = tokio::select! {
                // In this order on purpose: a stop and a revocation come before work, and answers
                // before new frames, so an agent that floods cannot keep either from being heard.
                biased;
                () = self.shared.lifecycle.stopping() => Event::Stopping,
                command = registration.next() => Event::Command(command),
                () = self.in_flight.answered(), if !self.in_flight.is_empty() => Event::Answered,
                () = &mut expired => Event::Expired,
                () = &mut stopgap, if !self.is_standing_known => Event::Stopgap,
                // While as many reports as may be are under way, the stream has to wait.
                frame = reader.next(), if self.in_flight.len() < REPORTS_IN_FLIGHT_MAX => {
                    Event::Frame(frame)
                }
            };
            self.read_from = reader.began_at();
            if let Err(parting) = Box::pin(self.on(event, registration)).await {
                return parting;
            }
        }
    }

    async fn on(&mut self, event: Event, registration: &Registration) -> Result<(), Parting> {
        match event {
            Event::Stopping => self.stop().await,
            Event::Expired => Err(Parting::Expired),
            Event::Stopgap => Err(Parting::Stopgap),
            Event::Command(command) => self.command(command, registration).await,
            Event::Answered => self.answer().await,
            Event::Frame(Ok(Some(frame))) => self.frame(frame).await,
            Event::Frame(Ok(None)) => Err(Parting::Closed),
            Event::Frame(Err(error)) => Err(error.into()),
        }
    }

    /// Acknowledges what the disk still makes durable, and sends the agent elsewhere.
    async fn stop(&mut self) -> Result<(), Parting> {
        let answers = async {
            while !self.in_flight.is_empty() {
                self.in_flight.answered().await;
                self.answer().await?;
            }
            Ok::<_, Parting>(())
        };
        if let Ok(result) = tokio::time::timeout(ANSWER_WITHIN, answers).await {
            result?;
        }
        // Not all at once: whatever takes this node's place has to shake hands with every one of them.
        let agents = self.shared.registry.len();
        let moment = self.shared.rules.moment(self.peer.agent, agents);
        let refusal = Refusal::new(RejectReason::ShuttingDown, "the collector is going down");
        Err(Parting::Refused(refusal.after(moment)))
    }

    async fn command(
        &mut self,
        command: Command,
        registration: &Registration,
    ) -> Result<(), Parting> {
        match command {
            Command::ScanNow { request } => self.ask_for_scan(request).await,
            Command::SendSnapshot => self.ask_for_snapshot().await,
            Command::Rekey => self.ask_for_rekey().await,
            Command::Authorities => {
                self.is_of_trusted()?;
                self.tell_authorities(None).await
            }
            Command::Told(told) => self.tell(told, registration).await,
            Command::Leave => self.send_away(registration).await,
            Command::Reconsider => self.reconsider(registration).await,
            // Without an answer to what is under way: it may become durable, and the store will not
            // know the agent.
            Command::Refuse(reason) => Err(Parting::refused(reason, "")),
            Command::Replaced => Err(Parting::Replaced),
        }
    }

    async fn ask_for_scan(&mut self, request: u64) -> Result<(), Parting> {
        // Commands come by notification and by poll, so each may come twice, and the older after
        // the newer.
        if request <= self.scan_asked {
            return Ok(());
        }
        self.scan_asked = request;
        self.send(&CollectorMessage::ScanNow { request }).await
    }

    async fn ask_for_snapshot(&mut self) -> Result<(), Parting> {
        let epoch = self.line.last().epoch;
        // A snapshot is an epoch: once one was asked for, only the beginning of another makes
        // asking again mean anything.
        if self.snapshot_asked_in == Some(epoch) {
            return Ok(());
        }
        self.snapshot_asked_in = Some(epoch);
        self.send(&CollectorMessage::SendSnapshot).await
    }

    async fn frame(&mut self, frame: Frame) -> Result<(), Parting> {
        // Before decoding, so that what the metric calls the time to an acknowledgement is what the
        // agent waits for, less the network.
        let came_at = self.shared.clock.instant();
        let message = self.decode(&frame)?;
        match message {
            AgentMessage::Report(report) => {
                self.report(&report, frame, came_at);
                Ok(())
            }
            AgentMessage::Heartbeat(heartbeat) => {
                self.heartbeat(heartbeat);
                Ok(())
            }
            AgentMessage::Renew { csr } => self.renew(&csr).await,
            AgentMessage::Leave => self.farewell().await,
            AgentMessage::Rekey { csr } => self.rekey(&csr).await,
            AgentMessage::Hello(_) => {
                Err(Parting::refused(RejectReason::UnexpectedMessage, "a second hello"))
            }
        }
    }

    fn decode(&self, frame: &Frame) -> Result<AgentMessage, Parting> {
        let bytes = frame.payload.len() + protocol::frame::HEADER_BYTES;
        counter!(INGEST_BYTES).increment(u64::try_from(bytes).unwrap_or(u64::MAX));
        let decoded = self
            .shared
            .codecs
            .unpack(frame)
            .map_err(|error| Parting::Refused(frames::refusal_of(&error)))
            .and_then(|message| {
                AgentMessage::decode(&message)
                    .map_err(|error| Parting::refused(RejectReason::Undecodable, error.to_string()))
            });
        if let Err(parting) = &decoded {
            counter!(INGEST_REPORTS, LABEL_OUTCOME => parting.as_str()).increment(1);
        }
        decoded
    }

    fn heartbeat(&self, heartbeat: Heartbeat) {
        let outcome = match self.take_request(self.shared.clock.instant()) {
            Err(_) => "rate_limited",
            Ok(()) => {
                let seen = SeenHeartbeat {
                    agent: self.peer.agent,
                    at: self.shared.clock.now(),
                    heartbeat,
                    every_s: self.heartbeat_every_s(),
                    presence: self.presence,
                };
                match self.shared.heartbeats.collect(self.peer.company, seen) {
                    true => "accepted",
                    false => "overflow",
                }
            }
        };
        counter!(INGEST_HEARTBEATS, LABEL_OUTCOME => outcome).increment(1);
    }

    /// Takes one request of the agent's and its company's share.
    fn take_request(&self, now: Instant) -> Result<(), Duration> {
        self.shared.agent_rate.take(self.peer.agent, now)?;
        self.shared.company_rate.take(self.peer.company, now)
    }

    async fn send(&mut self, message: &CollectorMessage) -> Result<(), Parting> {
        let frame = self.shared.codecs.pack(message.encode()).map_err(|error| {
            tracing::error!(%error, "a message to an agent cannot be packed");
            Parting::Broken
        })?;
        frames::write(&mut self.send, &frame).await.map_err(|error| {
            if error.kind() == std::io::ErrorKind::TimedOut {
                Parting::Slow
            } else {
                Parting::Broken
            }
        })
    }

    /// Says why the session ends, where the agent can still hear it.
    async fn part(&mut self, parting: &Parting) {
        if let Parting::Refused(refusal) = parting {
            // The agent may be gone; then it finds out when it comes back.
            self.send(&refusal.to_refuse()).await.ok();
        }
        // Ends the stream in order (FIN), so that what was said last arrives before the connection
        // is closed.
        self.send.shutdown().await.ok();
    }
}
