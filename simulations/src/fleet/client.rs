//! One simulated agent on the network: connects, says hello, sends what its model wants to say,
//! does what the collector answers, and connects again when the connection is lost.
//!
//! It keeps an agent's rules and adds none of its own: what is sent is decided by the model, and
//! waits are what the collector asks for or a back-off, whichever is longer.

mod answers;
mod changing;
mod visiting;

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use protocol::message::{AgentMessage, Attendance, CollectorMessage, SERVER_NAME};
use quinn::{Connection, SendStream, VarInt};
use tokio::select;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::answers::Next;
pub(crate) use self::changing::Changes;
use self::changing::Wish;
use super::agent::Agent;
use super::context::Context;
use super::inbox::Inbox;
use super::model::Model;
use super::orders::Order;
use crate::cli::Touch;
use crate::random::Random;

/// How long a collector may take for a handshake, and for its welcome.
const GREET_WITHIN: Duration = Duration::from_secs(15);
/// How long a report may stay without an answer before the connection counts as broken.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The first and the longest wait before another connection, in a small fleet.
// Shorter than a real agent's, whose longest is five minutes: a run of one minute has to see its
// fleet come back.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// A real agent's longest wait.
const RECONNECT_LONGEST: Duration = Duration::from_secs(300);
/// Calls in vain that a fleet makes in a second at most.
// More than this machine can refuse: with ten seconds each, a hundred thousand agents that were once too
// late called ten thousand times a second, and none of them ever came through again.
const CALLS_IN_VAIN: u32 = 500;
/// How often something is sent on a quiet day, until the collector says otherwise.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(300);

/// How an agent keeps in touch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// When it connects for the first time.
    pub(crate) begins_at: Instant,
    /// How many times faster than it is told it lives: an hour can be had in a minute.
    pub(crate) speed: u32,
    /// Time between two signs of life, whatever it is told; before `speed`.
    pub(crate) heartbeat_every: Option<Duration>,
    /// Whether it holds its connection or visits.
    pub(crate) touch: Touch,
    /// The longest wait before another connection: [`longest_wait`].
    pub(crate) reconnect_max: Duration,
}

/// Of a hundred sessions that are lost, so many are because the agent's process ended, and another begins the next. An
/// honest host is a clone's double by that only to a collector that mixes up what it heard first.
const RESTARTS_PERCENT: usize = 15;

/// The longest wait of one agent among so many.
pub(crate) fn longest_wait(agents: u32) -> Duration {
    Duration::from_secs((agents / CALLS_IN_VAIN).into()).clamp(RECONNECT.1, RECONNECT_LONGEST)
}

/// One simulated agent.
#[derive(Debug)]
pub(crate) struct Client {
    number: u32,
    agent: Arc<Agent>,
    context: Arc<Context>,
    random: Random,
    /// What its processes draw their numbers from, and the present one's.
    processes: Random,
    process: u64,
    changes: Changes,
    habits: Habits,
    heartbeat_every: Duration,
    attendance: Attendance,
    has_first_snapshot: bool,
    /// Whether the host is being switched off for good.
    is_leaving: bool,
    /// When the collector welcomed it, in the session that is or was last.
    welcomed_at: Option<Instant>,
}

/// Why a session ended.
#[derive(Debug)]
enum Parted {
    /// The connection or the collector, with the time that it wants to be left alone.
    Broken { why: anyhow::Error, wait: Duration },
    /// The scenario cut it.
    Cut,
    /// Nothing more was to be said.
    Done,
}

impl From<anyhow::Error> for Parted {
    fn from(why: anyhow::Error) -> Self {
        Self::Broken { why, wait: Duration::ZERO }
    }
}

/// A session that stands.
struct Session {
    connection: Connection,
    send: SendStream,
    inbox: Inbox,
    heartbeat_at: Instant,
    paused_until: Option<Instant>,
    /// When either side said something last.
    last_word_at: Instant,
}

impl Client {
    /// The `number`th agent of a fleet.
    pub(crate) fn new(
        number: u32,
        agent: Arc<Agent>,
        context: Arc<Context>,
        (changes, habits): (Changes, Habits),
        random: Random,
    ) -> Self {
        // Apart from all that is drawn by the seed: a run on the identities of one before is other processes.
        let mut processes = Random::new(random.fork(u64::MAX).next() ^ context.clock.unix_ms());
        Self {
            number,
            agent,
            context,
            random,
            process: processes.next(),
            processes,
            changes,
            habits,
            heartbeat_every: habits.heartbeat_every.unwrap_or(HEARTBEAT_EVERY) / habits.speed,
            attendance: Attendance::default(),
            has_first_snapshot: false,
            is_leaving: false,
            welcomed_at: None,
        }
    }

    /// Lives until it is told to stop, or its host is gone.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        // Whatever the client is at is dropped: it keeps nothing on a disk, and the endpoint says
        // its goodbyes.
        select! {
            () = self.live() => {}
            () = stop.cancelled() => {}
        }
    }

    async fn live(&mut self) {
        let mut wait = RECONNECT.0;
        self.live_until(self.habits.begins_at).await;
        loop {
            self.welcomed_at = None;
            // In a box of its own: an agent that rests must not take the room of one that talks.
            let parted = Box::pin(self.session()).await;
            // Before anything waits: what was under way has to be sent again over the next
            // connection, from the first without an answer.
            self.model().disconnected();
            let asked = match parted {
                Parted::Done if self.is_leaving => return,
                Parted::Done => {
                    wait = RECONNECT.0;
                    self.rest().await;
                    // A host that was told to leave while it rested goes only when nothing of its
                    // is open.
                    if self.is_leaving && self.model().unanswered() == 0 {
                        return;
                    }
                    continue;
                }
                Parted::Cut => Duration::ZERO,
                Parted::Broken { why, wait } => {
                    self.context.stats.error(format!("{why:#}"));
                    wait.max(self.spread_after())
                }
            };
            self.context.stats.sessions_lost.one();
            if self.processes.percent(RESTARTS_PERCENT) {
                self.process = self.processes.next();
            }
            // A session that held was a good one: its end is no failure.
            if self.has_held() {
                wait = RECONNECT.0;
            }
            let until = self.context.clock.now() + self.random.at_least(asked, wait);
            // Behind the draw, so that the first wait is the shortest.
            wait = (wait * 2).min(self.habits.reconnect_max);
            self.live_until(until).await;
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.agent.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the session stood for long enough to be called one.
    fn has_held(&self) -> bool {
        // From the welcome and not from the call: a collector that says nothing takes longer than
        // this (`GREET_WITHIN`), and would be called again at once for ever.
        let now = self.context.clock.now();
        self.welcomed_at.is_some_and(|welcomed| now - welcomed > RECONNECT.1)
    }

    /// The host goes on changing while there is no connection.
    async fn live_until(&mut self, until: Instant) {
        loop {
            let change_at = self.changes.next_at();
            select! {
                () = sleep_until(until) => return,
                () = until_some(change_at) => self.change(),
                order = self.agent.orders.next() => {
                    // There is nothing to cut.
                    self.obey(order);
                }
            }
        }
    }

    /// Does what the scenario wants; says whether the connection is to be cut.
    fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::Upgrade { package, number } => self.make(Wish::Upgrade { package, number }),
            Order::Change(span) => self.changes.begin(span, &mut self.random),
            Order::Cut => return true,
            Order::Leave => self.is_leaving = true,
        }
        false
    }

    /// One session, until it ends.
    async fn session(&mut self) -> Parted {
        let context = Arc::clone(&self.context);
        // Before the clock starts: that so many share a machine is not the collector's time.
        let greeting = context.greeting().await;
        let began_at = self.context.clock.now();
        let mut session = match timeout(GREET_WITHIN, self.greet()).await {
            Ok(Ok(session)) => session,
            Ok(Err(parted)) => return parted,
            Err(_) => return anyhow::anyhow!("the collector does not answer in time").into(),
        };
        drop(greeting);
        let now = self.context.clock.now();
        self.context.stats.welcomed(now - began_at);
        self.welcomed_at = Some(now);
        self.agent.welcomes.one();
        loop {
            let now = self.context.clock.now();
            // Here and not in the step, which only wakes up when it is time.
            let stepped = match self.leaves_at(&session).is_some_and(|at| at <= now) {
                true => Err(self.take_leave(&mut session).await),
                false => self.step(&mut session).await,
            };
            if let Err(parted) = stepped {
                // Said, so that the collector does not hold the place until its idle timeout.
                session.connection.close(VarInt::from_u32(0), b"");
                return parted;
            }
        }
    }

    async fn greet(&mut self) -> Result<Session, Parted> {
        // Not before it is needed, and not kept: a fleet's first reports are made when they are sent.
        self.begin()?;
        let agent = &self.agent;
        let config = self.context.tls.session(&agent.identity, &agent.tls)?;
        let (endpoint, address) = self.context.route(self.number);
        let connection = endpoint
            .connect_with(config, address, SERVER_NAME)
            .context("connect")?
            .await
            .context("connect")?;
        // One stream a session (decision 4). Nothing goes out for it yet: the hello below opens it
        // for the other side.
        let (send, recv) = connection.open_bi().await.context("open a stream")?;
        let mut session = Session {
            connection,
            send,
            inbox: Inbox::new(recv),
            heartbeat_at: self.context.clock.now() + self.random.around(self.heartbeat_every),
            paused_until: None,
            last_word_at: self.context.clock.now(),
        };
        let hello = self.model().hello(self.capabilities(), self.process);
        self.say(&mut session, &hello).await?;
        let answer = self.hear(&mut session).await?;
        self.welcomed(answer)?;
        Ok(session)
    }

    /// Sends what can be sent, then waits for the next thing to happen and does it.
    async fn step(&mut self, session: &mut Session) -> Result<(), Parted> {
        let now = self.context.clock.now();
        // Only reports wait for a pause's end: heartbeats and answers go on.
        if session.paused_until.is_none_or(|until| until <= now) {
            session.paused_until = None;
            self.send_reports(session).await?;
        }
        // From the oldest report, for answers come in order.
        let silent_at = self.model().waits_since().map(|since| since + ANSWER_WITHIN);
        let change_at = self.changes.next_at();
        let leave_at = self.leaves_at(session);
        select! {
            // The only branch that reads; its buffer keeps half a frame when another branch comes
            // first.
            message = session.inbox.next(&self.context.unpacker) => {
                let message = message.context("read")?;
                let message = CollectorMessage::decode(&message).context("read")?;
                session.last_word_at = self.context.clock.now();
                self.heard(session, message).await
            }
            () = until_some(change_at) => {
                self.change();
                Ok(())
            }
            order = self.agent.orders.next() => match self.obey(order) {
                true => Err(Parted::Cut),
                false => Ok(()),
            },
            () = sleep_until(session.heartbeat_at) => self.heartbeat(session).await,
            () = until_some(session.paused_until) => Ok(()),
            () = until_some(leave_at) => Ok(()),
            () = until_some(silent_at) => {
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
            self.context.stats.sent(outgoing.bytes.len(), outgoing.is_again, now);
            session.last_word_at = now;
            session.send.write_all(&outgoing.bytes).await.context("send a report")?;
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
async fn until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
