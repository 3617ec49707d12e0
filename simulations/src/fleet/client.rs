//! One simulated agent on the network: connects, says hello, sends what its model wants to say,
//! does what the collector answers, and connects again when the connection is lost.
//!
//! It keeps an agent's rules and adds none of its own: what is sent is decided by the model, and
//! waits are what the collector asks for or a back-off, whichever is longer.

mod answers;
mod changing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use protocol::message::{AgentMessage, CollectorMessage, SERVER_NAME};
use quinn::{Connection, SendStream, VarInt};
use tokio::select;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::answers::Next;
pub(crate) use self::changing::Changes;
use super::context::Context;
use super::identity::Identity;
use super::inbox::Inbox;
use super::model::Model;
use crate::random::Random;

/// How long a collector may take for a handshake, and for its welcome.
const GREET_WITHIN: Duration = Duration::from_secs(15);
/// How long a report may stay without an answer before the connection counts as broken.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The first and the longest wait before another connection.
// Shorter than a real agent's, whose longest is five minutes: a run of one minute has to see its
// fleet come back.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How often something is sent on a quiet day, until the collector says otherwise.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(300);

/// One simulated agent.
#[derive(Debug)]
pub(crate) struct Client {
    number: u32,
    identity: Arc<Identity>,
    model: Arc<Mutex<Model>>,
    context: Arc<Context>,
    random: Random,
    changes: Changes,
    heartbeat_every: Duration,
    has_first_snapshot: bool,
}

/// Why a session ended.
#[derive(Debug)]
struct Parted {
    why: anyhow::Error,
    /// How long the collector wants to be left alone.
    wait: Duration,
}

impl From<anyhow::Error> for Parted {
    fn from(why: anyhow::Error) -> Self {
        Self {
            why,
            wait: Duration::ZERO,
        }
    }
}

/// A session that stands.
struct Session {
    connection: Connection,
    send: SendStream,
    inbox: Inbox,
    heartbeat_at: Instant,
    paused_until: Option<Instant>,
}

impl Client {
    /// The `number`th agent of a fleet.
    pub(crate) fn new(
        number: u32,
        (identity, model): (Arc<Identity>, Arc<Mutex<Model>>),
        context: Arc<Context>,
        changes: Changes,
        random: Random,
    ) -> Self {
        Self {
            number,
            identity,
            model,
            context,
            random,
            changes,
            heartbeat_every: HEARTBEAT_EVERY,
            has_first_snapshot: false,
        }
    }

    /// Lives until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut wait = RECONNECT.0;
        while !stop.is_cancelled() {
            let began_at = self.context.clock.now();
            let parted = select! {
                parted = self.session() => parted,
                () = stop.cancelled() => break,
            };
            // Before anything waits: what was under way has to be sent again over the next
            // connection, from the first without an answer.
            self.model().disconnected();
            self.context.stats.sessions_lost.one();
            self.context.stats.error(format!("{:#}", parted.why));
            // A session that held was a good one: its end is no failure.
            if self.context.clock.now() - began_at > RECONNECT.1 {
                wait = RECONNECT.0;
            }
            let until = self.context.clock.now() + self.random.at_least(parted.wait, wait);
            wait = (wait * 2).min(RECONNECT.1);
            select! {
                () = self.live_until(until) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host goes on changing while there is no connection.
    async fn live_until(&mut self, until: Instant) {
        while let Some(at) = self.changes.next_at().filter(|at| *at < until) {
            sleep_until(at).await;
            self.change();
        }
        sleep_until(until).await;
    }

    /// One session, until it breaks.
    async fn session(&mut self) -> Parted {
        let mut session = match timeout(GREET_WITHIN, self.greet()).await {
            Ok(Ok(session)) => session,
            Ok(Err(parted)) => return parted,
            Err(_) => return anyhow::anyhow!("the collector does not answer in time").into(),
        };
        self.context.stats.sessions.one();
        loop {
            if let Err(parted) = self.step(&mut session).await {
                // Said, so that the collector does not hold the place until its idle timeout.
                session.connection.close(VarInt::from_u32(0), b"");
                return parted;
            }
        }
    }

    async fn greet(&mut self) -> Result<Session, Parted> {
        let config = self.context.tls.session(&self.identity)?;
        let (endpoint, address) = self.context.route(self.number);
        let connection = endpoint
            .connect_with(config, address, SERVER_NAME)
            .context("connect")?
            .await
            .context("connect")?;
        let (send, recv) = connection.open_bi().await.context("open a stream")?;
        let mut session = Session {
            connection,
            send,
            inbox: Inbox::new(recv),
            heartbeat_at: self.context.clock.now() + self.random.around(self.heartbeat_every),
            paused_until: None,
        };
        let hello = self.model().hello();
        self.say(&mut session, &hello).await?;
        let answer = self.hear(&mut session).await?;
        self.welcomed(answer)?;
        Ok(session)
    }

    /// Sends what can be sent, then waits for the next thing to happen and does it.
    async fn step(&mut self, session: &mut Session) -> Result<(), Parted> {
        let now = self.context.clock.now();
        if session.paused_until.is_none_or(|until| until <= now) {
            session.paused_until = None;
            self.send_reports(session).await?;
        }
        let silent_at = self
            .model()
            .waits_since()
            .map(|since| since + ANSWER_WITHIN);
        let change_at = self.changes.next_at();
        select! {
            // The only branch that reads; its buffer keeps half a frame when another branch comes
            // first.
            message = session.inbox.next(&self.context.unpacker) => {
                let message = message.context("read")?;
                let message = CollectorMessage::decode(&message).context("read")?;
                self.heard(session, message).await
            }
            () = until(change_at) => {
                self.change();
                Ok(())
            }
            () = sleep_until(session.heartbeat_at) => self.heartbeat(session).await,
            () = until(session.paused_until) => Ok(()),
            () = until(silent_at) => {
                Err(anyhow::anyhow!("a report stays without an answer").into())
            }
        }
    }

    async fn send_reports(&self, session: &mut Session) -> anyhow::Result<()> {
        loop {
            let now = self.context.clock.now();
            // The lock is let go before the await below: a report that waits for the network must
            // not hold up the task that changes the host.
            let Some(outgoing) = self.model().send_next(now) else {
                return Ok(());
            };
            self.context
                .stats
                .sent(outgoing.bytes.len(), outgoing.is_again, now);
            session
                .send
                .write_all(&outgoing.bytes)
                .await
                .context("send a report")?;
        }
    }

    async fn heartbeat(&mut self, session: &mut Session) -> Result<(), Parted> {
        session.heartbeat_at = self.context.clock.now() + self.random.around(self.heartbeat_every);
        let heartbeat = self.model().heartbeat();
        Ok(self.say(session, &heartbeat).await?)
    }

    async fn heard(
        &mut self,
        session: &mut Session,
        message: CollectorMessage,
    ) -> Result<(), Parted> {
        match self.answered(message)? {
            Next::GoOn => Ok(()),
            Next::PauseUntil(until) => {
                session.paused_until = Some(until);
                Ok(())
            }
            Next::Heartbeat => self.heartbeat(session).await,
        }
    }

    async fn say(&self, session: &mut Session, message: &AgentMessage) -> anyhow::Result<()> {
        let frame = self.context.pack(message.encode()).context("pack")?;
        let bytes = frame.to_bytes();
        self.context.stats.bytes_sent.many(bytes.len());
        session.send.write_all(&bytes).await.context("send")
    }

    async fn hear(&self, session: &mut Session) -> anyhow::Result<CollectorMessage> {
        let message = session.inbox.next(&self.context.unpacker).await;
        CollectorMessage::decode(&message.context("read")?).context("read")
    }
}

/// Waits until a time; for ever when there is none.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
