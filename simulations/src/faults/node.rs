//! A simulated collector node: the collector's own ingest, queue, lanes and workers, on a simulated
//! disk, and what has to be true of them when the node dies and when it comes back.

mod duties;
mod held;
mod running;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use collector::authority::{Authority, PeerIdentity};
use collector::clock::{Clock, ManualClock};
use collector::config::{IngestConfig, PipelineConfig};
use collector::ingest::Parts;
use collector::ingest::agents::ReportQueue;
use collector::ingest::registry::Registry;
use collector::ingest::simulated::Door;
use collector::lifecycle::Lifecycle;
use collector::pipeline::Dispatcher;
use collector::pipeline::simulated::Crew;
use collector::queue::{EntryHead, Faults, Queue, QueueLimits, SimulatedDisk};
use collector::traces::Tracer;
use protocol::ids::{AgentId, CompanyId};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::duties::Lenient;
use self::held::Held;
use super::database::Database;
use super::directory::Directory;
use super::life::Life;
use super::net::{PipeReader, PipeWriter};
use super::plants::Plant;
use super::stage::Stage;
use crate::random::Random;

/// Small, so that a run of hours fills it now and then.
const LIMITS: QueueLimits = QueueLimits {
    bytes_max: 6 << 20,
    entries_max: 8,
    segment_bytes: 1 << 20,
    disk_free_bytes_min: 0,
};

const PIPELINE: PipelineConfig = PipelineConfig {
    workers: 3,
    batch_records: 100,
    batch_after: Duration::from_millis(50),
    transaction_batches_max: 4,
    attempts_max: 5,
    gap_wait: Duration::from_secs(10),
};

/// When runs begin, by clocks that are right.
pub(super) const BEGINNING: OffsetDateTime = time::macros::datetime!(2026-11-21 08:00 UTC);

/// What every node of a run is made of.
#[derive(Clone, Debug)]
pub(super) struct Making {
    pub(super) stage: Stage,
    pub(super) database: Database,
    pub(super) authority: Arc<Authority>,
    pub(super) ingest: IngestConfig,
    pub(super) plant: Option<Plant>,
    /// All agents of the run, which a node looks for among its sessions.
    pub(super) agents: Arc<[AgentId]>,
}

/// A node, running or not.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) number: usize,
    making: Making,
    pub(super) disk: SimulatedDisk,
    random: Random,
    starts: u64,
    /// How wrong its clock is.
    wrong: time::Duration,
    running: Option<Running>,
    /// Reports that wait on its disk, as far as was promised.
    waiting: BTreeMap<u64, EntryHead>,
    /// Whether its disk was damaged, so that it may lose what it holds.
    is_rotten: bool,
}

#[derive(Debug)]
struct Running {
    life: Arc<Life>,
    hand: ManualClock,
    door: Door,
    registry: Registry,
    lifecycle: Lifecycle,
    queue: Queue,
    held: Arc<Held>,
    /// Reports that it found on its disk: what was complete may be among them, and is no more than
    /// what had been let in.
    recovered: u64,
    closing: CancellationToken,
    tasks: JoinSet<()>,
}

impl Node {
    pub(super) fn new(number: usize, making: Making, random: &Random) -> Self {
        let mut random = random.clone();
        let node = Self {
            number,
            making,
            disk: SimulatedDisk::seeded(random.next()),
            random,
            starts: 0,
            wrong: time::Duration::ZERO,
            running: None,
            waiting: BTreeMap::new(),
            is_rotten: false,
        };
        node.set_faults(Faults::default());
        node
    }

    /// Changes what goes wrong with its disk.
    pub(super) fn set_faults(&self, faults: Faults) {
        self.disk.set_faults(Faults {
            lies_about_syncs: self.making.plant == Some(Plant::AcknowledgesBeforeSync),
            ..faults
        });
    }

    /// Starts its process; `false` when it does not come up.
    pub(super) fn start(&mut self) -> bool {
        self.starts += 1;
        let Making { stage, database, .. } = self.making.clone();
        let (clock, hand) = Clock::manual(BEGINNING + stage.elapsed());
        // A wrong clock stays wrong over a restart.
        hand.jump(self.wrong);
        let dispatcher = Dispatcher::new(&PIPELINE, clock.clone());
        let held = Arc::new(Held {
            dispatcher: Arc::clone(&dispatcher),
            stage: stage.clone(),
            entries: Mutex::default(),
        });
        let opened = Queue::open_stepped(&self.disk, LIMITS, held.clone(), clock.clone());
        let (queue, writer, recovered) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                stage.note(format_args!("node {} does not start: {error}", self.number));
                return false;
            }
        };
        stage.note(format_args!(
            "node {} starts with {} reports, {} torn bytes",
            self.number, recovered.entries, recovered.torn_bytes
        ));
        self.check_recovered(&held);
        let life = Life::begin(self.random.fork(self.starts), Some(hand.clone()));
        let (registry, lifecycle) = (Registry::new(), Lifecycle::new());
        let reports: Arc<dyn ReportQueue> = match self.making.plant {
            Some(Plant::AcknowledgesRefusals) => Arc::new(Lenient(queue.clone())),
            _ => Arc::new(queue.clone()),
        };
        let door = Door::new(Parts {
            config: self.making.ingest.clone(),
            clock: clock.clone(),
            authority: Arc::clone(&self.making.authority),
            queue: reports,
            agents: Arc::new(Directory { database: database.clone(), clock: clock.clone() }),
            registry: registry.clone(),
            lifecycle: lifecycle.clone(),
            tracer: Tracer::default(),
        });
        let crew =
            Crew::new(queue.clone(), dispatcher, Arc::new(database), clock, PIPELINE.attempts_max);
        let mut running = Running {
            life,
            hand,
            door,
            registry,
            lifecycle,
            queue,
            held,
            recovered: recovered.entries,
            closing: CancellationToken::new(),
            tasks: JoinSet::new(),
        };
        // The complement of the life's number, so that the two never share a generator.
        running.spawn(&self.making, writer, &crew, &self.random.fork(!self.starts));
        self.running = Some(running);
        true
    }

    /// A node that is down, to stand in for this one while it is collected.
    pub(super) fn hollow(&self) -> Self {
        Self {
            number: self.number,
            making: self.making.clone(),
            disk: SimulatedDisk::default(),
            random: self.random.clone(),
            starts: self.starts,
            wrong: self.wrong,
            running: None,
            waiting: BTreeMap::new(),
            is_rotten: false,
        }
    }

    /// Whether its process runs.
    pub(super) fn is_up(&self) -> bool {
        self.running.is_some()
    }

    /// Whether its process has died and waits to be collected.
    pub(super) fn has_died(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.life.is_alive())
    }

    /// Lets its process die after so many polls of its tasks.
    pub(super) fn die_after(&self, polls: u64) {
        if let Some(running) = &self.running {
            running.life.end_after(polls);
        }
    }

    /// Asks its process to stop in order; it is collected when it has died.
    pub(super) fn stop(&self) {
        if let Some(running) = &self.running {
            running.lifecycle.stop();
        }
    }

    /// Sets its clock wrong by so much more.
    pub(super) fn jump(&mut self, by: time::Duration) {
        self.wrong += by;
        if let Some(running) = &self.running {
            running.hand.jump(by);
        }
    }

    /// Sets its clock right.
    pub(super) fn set_right(&mut self) {
        self.jump(-self.wrong);
    }

    /// Lets bytes of its queue rot.
    pub(super) fn rot(&mut self) {
        self.is_rotten = true;
        let segments: Vec<String> = self.disk.names();
        if let Some(name) = self.random.pick(&segments).cloned() {
            let random = &mut self.random;
            self.disk.damage(&name, |bytes| {
                // Where records are, as a rule: at the beginning of what was reserved.
                let at = random.below(bytes.len().min(20_000));
                for byte in bytes.iter_mut().skip(at).take(40) {
                    *byte ^= 0x5a;
                }
            });
        }
    }

    /// Collects its dead process and checks what it leaves behind; with its power cut, of what was
    /// not synced some sectors stay and some do not.
    pub(super) async fn collect(&mut self, cuts_power: bool) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        running.closing.cancel();
        if running.lifecycle.is_stopping() && running.life.is_alive() {
            // In order: the writer leaves its files as the next start finds them best. A second of the seed's
            // own time, in which whatever is under way ends; none of the machine's passes.
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        running.life.end();
        self.waiting = running.check(&self.making.stage, self.number);
        running.tasks.abort_all();
        while let Some(ended) = running.tasks.join_next().await {
            if ended.is_err_and(|error| error.is_panic()) {
                self.making.stage.broken(format!("a task of node {} panicked", self.number));
            }
        }
        drop(running);
        if cuts_power {
            let random = &mut self.random;
            self.disk = self.disk.cut_power(|| random.percent(50));
        }
        self.set_faults(Faults::default());
    }

    /// Takes its disk away, with all that it had acknowledged.
    pub(super) fn wipe(&mut self) {
        self.disk = SimulatedDisk::seeded(self.random.next());
        self.set_faults(Faults::default());
        self.waiting.clear();
        self.is_rotten = false;
    }

    /// Lets an agent in; its streams are dropped when the node is down.
    pub(super) fn accept(
        &mut self,
        company: CompanyId,
        agent: AgentId,
        receive: PipeReader,
        send: PipeWriter,
    ) {
        let Some(running) = &mut self.running else {
            return;
        };
        while let Some(ended) = running.tasks.try_join_next() {
            if ended.is_err_and(|error| error.is_panic()) {
                self.making.stage.broken(format!("a session of node {} panicked", self.number));
            }
        }
        let peer = PeerIdentity {
            company,
            agent,
            serial: "01".to_owned(),
            not_after: BEGINNING + time::Duration::days(3_650),
            issuer: self.making.authority.name(),
        };
        let (door, stage, number) = (running.door.clone(), self.making.stage.clone(), self.number);
        let session = running.life.run(async move {
            let ending = door.serve(&peer, receive, send).await;
            stage.note(format_args!("node {number}: session of {agent} ends: {ending}"));
        });
        running.tasks.spawn(session);
    }

    /// Ends the sessions of a company, as the signal of its suspension does.
    pub(super) fn refuse(&self, company: CompanyId) {
        if let Some(running) = &self.running {
            let reason = protocol::reject::RejectReason::CompanySuspended;
            running.registry.refuse_company(company, reason);
        }
    }

    /// Reports that wait in its queue.
    pub(super) fn entries(&self) -> u64 {
        match &self.running {
            Some(running) => running.queue.stats().entries,
            None => self.waiting.len() as u64,
        }
    }

    /// Holds it to its bounds.
    pub(super) fn check_bounds(&self) {
        let Some(running) = &self.running else {
            return;
        };
        let stats = running.queue.stats();
        if stats.entries > LIMITS.entries_max.max(running.recovered)
            || stats.file_bytes > LIMITS.bytes_max
        {
            self.making
                .stage
                .broken(format!("node {} holds more than it may: {stats:?}", self.number));
        }
        if running.door.bytes_in_flight() > self.making.ingest.bytes_in_flight_max {
            self.making
                .stage
                .broken(format!("node {} has more bytes under way than it may", self.number));
        }
    }

    /// Everything that was durable and had not come to its end has to be there again.
    fn check_recovered(&mut self, held: &Held) {
        let found = held.entries();
        if !self.is_rotten {
            for (sequence, head) in &self.waiting {
                let same = found.get(sequence).is_some_and(|found| {
                    found.agent == head.agent && found.slip.position == head.slip.position
                });
                if !same {
                    self.making.stage.broken(format!(
                        "node {} lost report {} of {}, which was durable",
                        self.number, head.slip.position, head.agent
                    ));
                }
            }
        }
        self.waiting.clear();
    }
}
