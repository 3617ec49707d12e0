//! A simulated agent: the agent's own session, difference and spool, on a simulated disk, with a
//! host of its own and a path to each node.
//!
//! What the running agent does with the session's actions is done here over simulated streams, one
//! action after the other, and the process may die between any two.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent::backoff::Jitter;
use agent::collect::Inventory;
use agent::recording::record;
use agent::session::{Action, Beginning, Event, Session};
use agent::spool::simulated::SpoolDisk;
use agent::spool::{Spool, SpoolError};
use protocol::frame::{Frame, HEADER_BYTES, Header, Packing, Unpacker};
use protocol::ids::{AgentId, CompanyId, Position};
use protocol::limits::REPORTS_IN_FLIGHT_MAX;
use protocol::message::{AgentMessage, CollectorMessage};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use super::host::Host;
use super::net::{Pipe, PipeReader, PipeWriter};
use super::node::{BEGINNING, Node};
use super::plants::Plant;
use super::stage::Stage;
use crate::clock::Clock;
use crate::random::Random;

/// Bytes that may wait: small, so that a long outage makes it run over.
pub(super) const SPOOL_BYTES_MAX: u64 = 24 * 1024;
/// After how long a connection that nothing goes through is given up.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// The nodes, as agents reach them.
pub(super) type Nodes = Arc<Mutex<Vec<Node>>>;

/// Locks, whatever became of another holder.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A machine with an agent, whether that runs or not.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) number: usize,
    pub(super) company: CompanyId,
    pub(super) agent: AgentId,
    pub(super) host: Mutex<Host>,
    pub(super) disk: Mutex<SpoolDisk>,
    /// Whether a spool was opened on the disk before.
    pub(super) had_spool: AtomicBool,
    /// An image of the disk that will come back.
    pub(super) image: Mutex<Option<SpoolDisk>>,
    /// How wrong its clock is, in milliseconds.
    pub(super) wrong_ms: AtomicI64,
    /// Somebody at the machine wants a scan.
    pub(super) wish: Notify,
    /// The connection that stands.
    pub(super) line: Mutex<Option<Wire>>,
    /// The paths to nodes that are not as they should be.
    pub(super) paths: Mutex<BTreeMap<usize, PathState>>,
    /// Whether nothing waits in its spool.
    pub(super) is_idle: Mutex<bool>,
}

/// Both directions of a connection.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) node: usize,
    pub(super) up: Pipe,
    pub(super) down: Pipe,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathState {
    pub(super) blocked_until: Instant,
    pub(super) delay: Duration,
}

impl Default for PathState {
    fn default() -> Self {
        Self {
            blocked_until: Clock.now(),
            delay: Duration::from_millis(20),
        }
    }
}

impl Machine {
    fn now_ms(&self, stage: &Stage) -> u64 {
        let right = BEGINNING.unix_timestamp() * 1_000;
        let right = right + i64::try_from(stage.elapsed().as_millis()).unwrap_or(0);
        u64::try_from(right + self.wrong_ms.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

/// An agent's process.
pub(super) struct Process {
    machine: Arc<Machine>,
    nodes: Nodes,
    stage: Stage,
    plant: Option<Plant>,
    random: Random,
    session: Session,
    spool: Spool,
    unpacker: Unpacker,
    scan: Option<(Pin<Box<Sleep>>, Inventory, u64)>,
    dialling: Option<(Pin<Box<Sleep>>, usize)>,
    stream: Option<Stream>,
}

struct Stream {
    reader: PipeReader,
    writer: PipeWriter,
    buffer: Vec<u8>,
}

/// What the world tells the process.
enum Told {
    Frame(Frame),
    Garbled,
    Closed,
    Dialled(usize),
    Scanned,
    Wish,
    Tick,
}

impl Process {
    /// The life of an agent's process; it ends when it cannot begin.
    pub(super) async fn live(
        machine: Arc<Machine>,
        nodes: Nodes,
        stage: Stage,
        plant: Option<Plant>,
        mut random: Random,
    ) {
        let disk = lock(&machine.disk).clone();
        let opened = Spool::open_on(&disk, SPOOL_BYTES_MAX);
        let (spool, unpacker) = match (opened, Unpacker::new()) {
            (Ok(spool), Ok(unpacker)) => (spool, unpacker),
            (Err(error), _) => {
                stage.note(format_args!("agent {} does not start: {error}", machine.number));
                return;
            }
            (_, Err(error)) => return stage.broken(format!("no unpacker: {error}")),
        };
        if let Some(why) = spool.set_aside() {
            stage.note(format_args!("agent {} lost its spool: {why}", machine.number));
            // One that was never whole may be lost; one that was has survived worse.
            if machine.had_spool.load(Ordering::Relaxed) {
                stage.broken(format!("the spool of {} is damaged: {why}", machine.agent));
            }
        }
        machine.had_spool.store(true, Ordering::Relaxed);
        let beginning = Beginning {
            agent_version: "1".to_owned(),
            addresses: lock(&nodes).len(),
            settings: spool.settings().clone(),
            spool: spool.view(),
            scan_done: spool.scan_done(),
            renew_at: Duration::MAX,
        };
        let jitter = Jitter::seeded(random.next());
        let session = Session::new(stage.elapsed(), beginning, jitter);
        let mut process = Self {
            machine,
            nodes,
            stage,
            plant,
            random,
            session,
            spool,
            unpacker,
            scan: None,
            dialling: None,
            stream: None,
        };
        process.run().await;
    }

    async fn run(&mut self) {
        self.give(Event::Tick).await;
        loop {
            let told = self.told().await;
            match told {
                Told::Frame(frame) => {
                    let event = self.unpack(&frame);
                    self.give(event).await;
                }
                Told::Garbled => self.give(Event::Garbled).await,
                Told::Closed => {
                    self.stream = None;
                    if let (Some(Plant::ForgetsAtReconnect), Some((_, last))) =
                        (self.plant, self.spool.view().pending)
                    {
                        let done = self.spool.acknowledge(last);
                        let event = self.after_spool(done);
                        self.give(event).await;
                    }
                    self.give(Event::Closed).await;
                }
                Told::Dialled(node) => {
                    let event = self.connected(node);
                    self.give(event).await;
                }
                Told::Scanned => self.scanned().await,
                Told::Wish => self.give(Event::ScanRequested).await,
                Told::Tick => self.give(Event::Tick).await,
            }
            *lock(&self.machine.is_idle) = self.spool.view().pending.is_none();
        }
    }

    async fn told(&mut self) -> Told {
        let deadline = self.session.deadline();
        let wait = deadline.map(|at| at.saturating_sub(self.stage.elapsed()));
        tokio::select! {
            biased;
            told = next_frame(&mut self.stream) => told,
            () = due(self.dialling.as_mut().map(|(sleep, _)| sleep)) => {
                let node = self.dialling.take().map_or(0, |(_, node)| node);
                Told::Dialled(node)
            }
            () = due(self.scan.as_mut().map(|(sleep, ..)| sleep)) => Told::Scanned,
            () = self.machine.wish.notified() => Told::Wish,
            () = sleep(wait) => Told::Tick,
        }
    }

    /// Tells the session what happened and does what it wants, until it wants nothing more.
    async fn give(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.session.handle(self.stage.elapsed(), event) {
                // The process may die here.
                tokio::task::yield_now().await;
                events.extend(self.act(action));
            }
            if events.is_empty() {
                events.extend(self.pump());
            }
        }
    }

    fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Connect { attempt } => self.dial(attempt),
            Action::Greet(hello) => self.send(&AgentMessage::Hello(hello)),
            Action::Beat(heartbeat) => self.send(&AgentMessage::Heartbeat(heartbeat)),
            // Certificates of a run do not end.
            Action::Renew | Action::InstallCertificate(_) => {}
            Action::Disconnect(parting) => {
                self.note(format_args!("parts: {parting}"));
                self.stream = None;
                self.dialling = None;
            }
            Action::StartScan { request } => {
                let takes = self.random.around(Duration::from_secs(5));
                let inventory = lock(&self.machine.host).scan();
                self.scan = Some((Box::pin(tokio::time::sleep(takes)), inventory, request));
            }
            Action::Acknowledge(position) => return Some(self.acknowledge(position)),
            Action::StartOver(why) => {
                self.note(format_args!("starts over: {why}"));
                let done = self.spool.start_over(why.seen());
                return Some(self.after_spool(done));
            }
            Action::SaveSettings(settings) => {
                let saved = self.spool.save_settings(&settings);
                if let Err(error) = saved {
                    self.note(format_args!("cannot keep settings: {error}"));
                }
            }
        }
        None
    }

    /// Sends as many reports as the session lets go and the connection takes.
    fn pump(&mut self) -> Option<Event> {
        while self
            .stream
            .as_ref()
            .is_some_and(|stream| stream.writer.has_room())
        {
            let position = self.session.next_report(self.stage.elapsed())?;
            match self.spool.frame(position) {
                Ok(Some(frame)) => {
                    self.check_in_flight(position);
                    if let Some(stream) = &self.stream {
                        stream.writer.push(frame.to_bytes());
                    }
                    if self.plant == Some(Plant::ForgetsWhatIsSent) {
                        let done = self.spool.acknowledge(position);
                        return Some(self.after_spool(done));
                    }
                }
                Ok(None) => {
                    let view = self.spool.view();
                    let is_lost = view
                        .pending
                        .is_some_and(|(first, last)| (first..=last).contains(&position));
                    if !is_lost {
                        return Some(Event::SpoolChanged(view));
                    }
                    let done = self.spool.start_over(position);
                    return Some(self.after_spool(done));
                }
                Err(error) => return Some(self.after_spool(Err(error))),
            }
        }
        None
    }

    fn check_in_flight(&self, position: Position) {
        let first = self.spool.view().pending.map(|(first, _)| first);
        let ahead = first.map_or(0, |first| position.seq.0.saturating_sub(first.seq.0));
        if usize::try_from(ahead).unwrap_or(usize::MAX) >= REPORTS_IN_FLIGHT_MAX {
            self.stage
                .broken(format!("{} has too many reports under way", self.machine.agent));
        }
        if self.spool.waiting().1 > SPOOL_BYTES_MAX {
            self.stage
                .broken(format!("{} keeps more than it may", self.machine.agent));
        }
    }

    fn acknowledge(&mut self, position: Position) -> Event {
        self.note(format_args!("is told that {position} is durable"));
        if let Some((first, last)) = self.spool.view().pending
            && position >= first
            && position <= last
        {
            for seq in first.seq.0..=position.seq.0 {
                let place = Position::new(position.epoch.0, seq);
                self.stage.acknowledged(self.machine.agent, place);
            }
        }
        let done = self.spool.acknowledge(position);
        self.after_spool(done)
    }

    fn after_spool(&self, done: Result<(), SpoolError>) -> Event {
        match done {
            Ok(()) => Event::SpoolChanged(self.spool.view()),
            Err(error) => {
                self.note(format_args!("cannot use its spool: {error}"));
                Event::SpoolFailed
            }
        }
    }

    async fn scanned(&mut self) {
        let Some((_, mut inventory, request)) = self.scan.take() else {
            return;
        };
        let now_ms = self.machine.now_ms(&self.stage);
        let recorded = record(&mut self.spool, &mut inventory, request, now_ms);
        match &recorded {
            Ok(recorded) => self.note(format_args!(
                "scanned: {} new, {} gone, {} reports up to {}{}",
                recorded.upserts,
                recorded.removes,
                recorded.reports,
                self.spool.last(),
                if recorded.has_collapsed { ", collapsed" } else { "" }
            )),
            Err(error) => self.note(format_args!("cannot record a scan: {error}")),
        }
        self.give(Event::SpoolChanged(self.spool.view())).await;
        let recorded = recorded.is_ok();
        self.give(Event::ScanFinished { recorded }).await;
    }

    fn dial(&mut self, attempt: usize) {
        let node = attempt % lock(&self.nodes).len().max(1);
        let path = self.path(node);
        let takes = if path.blocked_until > Clock.now() {
            Duration::from_secs(10)
        } else {
            self.random.around(path.delay * 3)
        };
        self.dialling = Some((Box::pin(tokio::time::sleep(takes)), node));
    }

    fn path(&self, node: usize) -> PathState {
        lock(&self.machine.paths)
            .get(&node)
            .copied()
            .unwrap_or_default()
    }

    fn connected(&mut self, node: usize) -> Event {
        let path = self.path(node);
        let mut nodes = lock(&self.nodes);
        let Some(reached) = nodes.get_mut(node).filter(|node| node.is_up()) else {
            return Event::ConnectFailed;
        };
        if path.blocked_until > Clock.now() {
            return Event::ConnectFailed;
        }
        let pipe = |random: &mut Random| {
            Pipe::new(path.delay, path.blocked_until, Random::new(random.next()))
        };
        let (up, down) = (pipe(&mut self.random), pipe(&mut self.random));
        let (writer, receive) = up.ends();
        let (send, reader) = down.ends();
        reached.accept(self.machine.company, self.machine.agent, receive, send);
        drop(nodes);
        *lock(&self.machine.line) = Some(Wire { node, up, down });
        self.stream = Some(Stream {
            reader,
            writer,
            buffer: Vec::new(),
        });
        Event::Connected
    }

    fn send(&self, message: &AgentMessage) {
        if let Some(stream) = &self.stream {
            let frame = Frame {
                packing: Packing::Plain,
                payload: message.encode(),
            };
            stream.writer.push(frame.to_bytes());
        }
    }

    fn unpack(&mut self, frame: &Frame) -> Event {
        let unpacked = self.unpacker.unpack(frame.packing, &frame.payload);
        let message = unpacked
            .ok()
            .and_then(|bytes| CollectorMessage::decode(&bytes).ok());
        match message {
            Some(message) => {
                if let CollectorMessage::Reject {
                    position, reason, ..
                } = &message
                {
                    self.note(format_args!("is told that {position} is rejected: {reason}"));
                }
                Event::Received(message)
            }
            None => {
                self.stage
                    .broken("a collector's message cannot be read".to_owned());
                Event::Garbled
            }
        }
    }

    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.stage
            .note(format_args!("agent {} {what}", self.machine.number));
    }
}

async fn due(sleep: Option<&mut Pin<Box<Sleep>>>) {
    match sleep {
        Some(sleep) => sleep.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// The next frame of the stream, or its end; never, without a stream.
async fn next_frame(stream: &mut Option<Stream>) -> Told {
    let Some(stream) = stream else {
        return std::future::pending().await;
    };
    loop {
        if let Some(head) = stream.buffer.first_chunk::<HEADER_BYTES>() {
            let Ok(header) = Header::parse(*head) else {
                return Told::Garbled;
            };
            let end = HEADER_BYTES + header.payload_bytes;
            if stream.buffer.len() >= end {
                let rest = stream.buffer.split_off(end);
                let payload = std::mem::replace(&mut stream.buffer, rest).split_off(HEADER_BYTES);
                return Told::Frame(Frame {
                    packing: header.packing,
                    payload,
                });
            }
        }
        match stream.reader.read_buf(&mut stream.buffer).await {
            Ok(0) | Err(_) => return Told::Closed,
            Ok(_) => {}
        }
    }
}
