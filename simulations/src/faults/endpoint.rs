//! A simulated agent: the agent's own session, difference and spool, on a simulated disk, with a
//! host of its own and a path to each node.
//!
//! What the running agent does with the session's actions is done here over simulated streams, one
//! action after the other, and the process may die between any two.

mod dial;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use agent::backoff::Jitter;
use agent::collect::Inventory;
use agent::recording::record;
use agent::session::{Action, Beginning, Event, Session, StartOver};
use agent::spool::{Spool, SpoolError};
use protocol::frame::{Frame, Packing, Unpacker};
use protocol::ids::Position;
use protocol::limits::REPORTS_IN_FLIGHT_MAX;
use protocol::message::{AgentMessage, CollectorMessage};
use tokio::time::Sleep;

use super::machine::{Machine, Nodes, SPOOL_BYTES_MAX, lock};
use super::net::Pipe;
use super::plants::Plant;
use super::stage::Stage;
use super::stream::{Heard, Stream, next_frame};
use crate::random::Random;

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

/// What the world tells the process.
enum Told {
    Heard(Heard),
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
                Told::Heard(Heard::Frame(frame)) => {
                    let event = self.unpack(&frame);
                    self.give(event).await;
                }
                Told::Heard(Heard::Garbled) => self.give(Event::Garbled).await,
                Told::Heard(Heard::Closed) => {
                    self.stream = None;
                    if let (Some(Plant::ForgetsAtReconnect), Some((_, last))) =
                        (self.plant, self.spool.view().pending)
                    {
                        let event = self.forget(last);
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
            heard = next_frame(&mut self.stream) => Told::Heard(heard),
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
            // Certificates of a run do not end, and it has one authority.
            Action::Renew
            | Action::InstallCertificate(_)
            | Action::Rekey
            | Action::BecomeAgent(..)
            | Action::TrustAuthorities(_) => {}
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
                self.stage.count_one(match why {
                    StartOver::Asked => "agent starts over: asked",
                    StartOver::Rekeyed => "agent starts over: another agent",
                    StartOver::Rejected(..) => "agent starts over: rejected",
                    StartOver::Overtaken(_) => "agent starts over: overtaken",
                });
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
        while self.stream.as_ref().is_some_and(|stream| stream.writer.has_room()) {
            let position = self.session.next_report(self.stage.elapsed())?;
            match self.spool.frame(position) {
                Ok(Some(frame)) => {
                    self.check_in_flight(position);
                    if let Some(stream) = &self.stream {
                        stream.writer.push(frame.to_bytes());
                    }
                    if self.plant == Some(Plant::ForgetsWhatIsSent) {
                        return Some(self.forget(position));
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
            self.stage.broken(format!("{} has too many reports under way", self.machine.agent));
        }
        if self.spool.waiting().1 > SPOOL_BYTES_MAX {
            self.stage.broken(format!("{} keeps more than it may", self.machine.agent));
        }
    }

    fn acknowledge(&mut self, position: Position) -> Event {
        self.note(format_args!("is told that {position} is durable"));
        self.forget(position)
    }

    /// Forgets reports, which some queue has to hold by then.
    fn forget(&mut self, position: Position) -> Event {
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
        if recorded.as_ref().is_ok_and(|recorded| recorded.has_collapsed) {
            self.stage.count_one("agent spool ran over");
        }
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

    fn send(&self, message: &AgentMessage) {
        if let Some(stream) = &self.stream {
            let frame = Frame { packing: Packing::Plain, payload: message.encode() };
            stream.writer.push(frame.to_bytes());
        }
    }

    fn unpack(&mut self, frame: &Frame) -> Event {
        let unpacked = self.unpacker.unpack(frame.packing, &frame.payload);
        let message = unpacked.ok().and_then(|bytes| CollectorMessage::decode(&bytes).ok());
        match message {
            Some(message) => {
                if let CollectorMessage::Reject { position, reason, .. } = &message {
                    self.note(format_args!("is told that {position} is rejected: {reason}"));
                }
                Event::Received(message)
            }
            None => {
                self.stage.broken("a collector's message cannot be read".to_owned());
                Event::Garbled
            }
        }
    }

    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.stage.note(format_args!("agent {} {what}", self.machine.number));
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
