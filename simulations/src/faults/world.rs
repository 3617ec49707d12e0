//! One run: companies, agents and nodes, some hours of faults, then quiet, and what has to be true.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use collector::authority::Authority;
use collector::config::IngestConfig;
use collector::metrics::PIPELINE_OUTCOMES;
use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::ids::{AgentId, CompanyId};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::database::Database;
use super::inject::Heal;
use super::machine::{Nodes, lock};
use super::node::{Making, Node};
use super::plants::Plant;
use super::seat::{Care, Seat};
use super::stage::{Outcome, Stage};
use crate::clock::Clock;
use crate::random::Random;

/// How often the run looks at its processes while there are faults, and afterwards.
const TICK: Duration = Duration::from_secs(1);
const QUIET_TICK: Duration = Duration::from_secs(10);
/// How long everything may take to come right once the faults have ended: an agent whose snapshots
/// went wrong again and again waits for up to six hours before the next.
const SETTLE_MAX: Duration = Duration::from_secs(36 * 3_600);

/// What runs have in common.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// Signs nothing in a run; ingest is not made without one.
    pub(super) authority: Arc<Authority>,
    pub(super) ingest: IngestConfig,
    pub(super) plant: Option<Plant>,
    pub(super) is_traced: bool,
}

/// One run.
pub(super) struct World {
    pub(super) stage: Stage,
    pub(super) random: Random,
    pub(super) database: Database,
    pub(super) nodes: Nodes,
    pub(super) care: Vec<Care>,
    pub(super) seats: Vec<Seat>,
    pub(super) companies: Vec<CompanyId>,
    /// What is set right at its time.
    pub(super) heals: Vec<(Instant, Heal)>,
    plant: Option<Plant>,
}

/// Runs a seed on a runtime of its own.
pub(super) fn run(seed: u64, setting: &Setting) -> anyhow::Result<Outcome> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    Ok(runtime.block_on(async {
        let mut world = World::new(seed, setting);
        world.trouble().await;
        world.settle().await
    }))
}

impl World {
    pub(super) fn new(seed: u64, setting: &Setting) -> Self {
        let stage = Stage::new(setting.is_traced);
        let mut random = Random::new(seed);
        let database = Database::new(stage.clone(), setting.plant, random.fork(1));
        let companies: Vec<CompanyId> = (1..=1 + random.below(3) as u128)
            .map(|number| CompanyId(Uuid::from_u128(0xc0_0000 + number)))
            .collect();
        let agents: Arc<[AgentId]> = (1..=2 + random.below(4) as u128)
            .map(|number| AgentId(Uuid::from_u128(0xa0_0000 + number)))
            .collect();
        let making = Making {
            stage: stage.clone(),
            database: database.clone(),
            authority: Arc::clone(&setting.authority),
            ingest: setting.ingest.clone(),
            plant: setting.plant,
            agents: Arc::clone(&agents),
        };
        let count = 1 + random.below(3);
        let nodes: Vec<Node> = (0..count)
            .map(|number| Node::new(number, making.clone(), &random.fork(100 + number as u64)))
            .collect();
        let seats = agents
            .iter()
            .enumerate()
            .map(|(number, agent)| {
                let company = companies[number % companies.len()];
                database.enrol(company, *agent);
                Seat::new(number, company, *agent, &random.fork(200 + number as u64))
            })
            .collect();
        let now = Clock.now();
        Self {
            stage,
            random: random.fork(2),
            database,
            care: (0..count).map(|_| Care::new(now)).collect(),
            nodes: Arc::new(std::sync::Mutex::new(nodes)),
            seats,
            companies,
            heals: Vec::new(),
            plant: setting.plant,
        }
    }

    /// Some time of changes and faults.
    async fn trouble(&mut self) {
        let minutes = 6 + self.random.below(16);
        let end = Clock.now() + Duration::from_secs(60) * u32::try_from(minutes).unwrap_or(10);
        let mut next = Clock.now();
        while Clock.now() < end && !self.stage.is_broken() {
            self.tick().await;
            if Clock.now() >= next {
                next = Clock.now() + self.random.around(Duration::from_secs(7));
                if self.random.percent(60) {
                    self.change();
                } else {
                    self.inject();
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Changes what some host has.
    pub(super) fn change(&mut self) {
        let which = self.random.below(self.seats.len());
        let is_wished = self.random.percent(60);
        if let Some(seat) = self.seats.get(which) {
            lock(&seat.machine.host).change();
            if is_wished {
                seat.machine.wish.notify_one();
            }
        }
    }

    /// Collects the dead, starts who is due, sets right what is due, looks at bounds.
    pub(super) async fn tick(&mut self) {
        let now = Clock.now();
        let due: Vec<Heal> = {
            let (due, later) = std::mem::take(&mut self.heals)
                .into_iter()
                .partition::<Vec<_>, _>(|(at, _)| *at <= now);
            self.heals = later;
            due.into_iter().map(|(_, heal)| heal).collect()
        };
        for heal in due {
            self.heal(heal);
        }
        self.tend_nodes().await;
        self.tend_agents().await;
    }

    async fn tend_nodes(&mut self) {
        let now = Clock.now();
        for number in 0..self.care.len() {
            let care = &mut self.care[number];
            let is_stopped = care.stops_at.is_some_and(|at| at <= now);
            let is_dead = lock(&self.nodes)[number].has_died();
            if is_dead || is_stopped {
                // Taken out while it is collected: agents that dial it find nobody.
                let stand_in = lock(&self.nodes)[number].hollow();
                let mut node = std::mem::replace(&mut lock(&self.nodes)[number], stand_in);
                node.collect(care.cuts_power).await;
                if care.is_wiped {
                    node.wipe();
                }
                self.stage.note(format_args!("node {number} is down"));
                let pause = self.random.around(Duration::from_secs(30));
                *care = Care::new(Clock.now() + pause);
                lock(&self.nodes)[number] = node;
            }
            let mut nodes = lock(&self.nodes);
            if !nodes[number].is_up()
                && self.care[number].starts_at <= now
                && !nodes[number].start()
            {
                self.care[number].starts_at = now + Duration::from_secs(5);
            }
            nodes[number].check_bounds();
        }
    }

    async fn tend_agents(&mut self) {
        for seat in &mut self.seats {
            let has_ended = seat.task.as_ref().is_some_and(JoinHandle::is_finished);
            if seat.task.is_some() && (!seat.life.is_alive() || has_ended) {
                if let Some(task) = seat.task.take() {
                    task.abort();
                    if task.await.is_err_and(|error| error.is_panic()) {
                        let number = seat.machine.number;
                        self.stage.broken(format!("agent {number} panicked"));
                    }
                }
                let pause = self.random.around(Duration::from_secs(10));
                seat.bury(&mut self.random);
                seat.starts_at = Clock.now() + pause;
                let number = seat.machine.number;
                self.stage.note(format_args!("agent {number} is down"));
            }
            if seat.task.is_none() && seat.starts_at <= Clock.now() {
                seat.start(&self.nodes, &self.stage, self.plant);
            }
        }
    }

    /// Ends the faults and waits until everything is right.
    pub(super) async fn settle(mut self) -> Outcome {
        for (_, heal) in std::mem::take(&mut self.heals) {
            self.heal(heal);
        }
        // A power cut that has begun ends first, for what is set right then.
        self.tick().await;
        self.set_right();
        self.stage.note(format_args!("the faults have ended"));
        let began = Clock.now();
        // Hosts change no more: this is what the rows have to come to.
        let truths: Vec<_> =
            self.seats.iter().map(|seat| lock(&seat.machine.host).truth()).collect();
        let (mut wrong, mut better_at) = (usize::MAX, began);
        let mut stalled = Duration::ZERO;
        while !self.stage.is_broken() {
            self.tick().await;
            let now_wrong = self.count_wrong(&truths);
            if now_wrong < wrong {
                wrong = now_wrong;
                better_at = Clock.now();
            }
            stalled = stalled.max(Clock.now() - better_at);
            if now_wrong == 0 {
                break;
            }
            if Clock.now() - began > SETTLE_MAX {
                self.report_wrong(&truths);
                break;
            }
            tokio::time::sleep(QUIET_TICK).await;
        }
        let settled_after = Clock.now() - began;
        self.end().await;
        Outcome { settled_after, stalled, ..self.stage.finish() }
    }

    /// Ends all processes, with the checks that come with that.
    async fn end(&mut self) {
        for number in 0..self.care.len() {
            let stand_in = lock(&self.nodes)[number].hollow();
            let mut node = std::mem::replace(&mut lock(&self.nodes)[number], stand_in);
            node.collect(false).await;
        }
        for seat in &mut self.seats {
            if let Some(task) = seat.task.take() {
                task.abort();
            }
        }
        if self.stage.is_broken() {
            return;
        }
        let stored = self.stage.counted(&format!("{PIPELINE_OUTCOMES} stored"));
        let told = self.database.told_stored();
        // Fewer is right: a node may die between the database's word and its own count.
        if stored > told {
            self.stage.broken(format!(
                "{stored} reports ended as stored, and the database said so of {told}"
            ));
        }
    }

    /// How much is not as it has to be: agents whose rows are wrong or who still have something to
    /// send, and nodes with something in their queue.
    fn count_wrong(&self, truths: &[Truth]) -> usize {
        let agents = self.seats.iter().zip(truths);
        let agents = agents.filter(|(seat, truth)| !self.is_right(seat, truth));
        let nodes = lock(&self.nodes);
        agents.count() + nodes.iter().filter(|node| node.entries() > 0).count()
    }

    fn is_right(&self, seat: &Seat, truth: &Truth) -> bool {
        let machine = &seat.machine;
        let held = self.database.rows(|rows| rows.held(machine.company, machine.agent));
        held == *truth && *lock(&machine.is_idle)
    }

    fn report_wrong(&self, truths: &[Truth]) {
        for (seat, truth) in self.seats.iter().zip(truths) {
            if self.is_right(seat, truth) {
                continue;
            }
            let machine = &seat.machine;
            let (held, standing) = self.database.rows(|rows| {
                (
                    rows.held(machine.company, machine.agent),
                    rows.standing(machine.company, machine.agent),
                )
            });
            let keys: BTreeSet<&SoftwareKey> = truth.keys().collect();
            let found = held.keys().filter(|key| keys.contains(key)).count();
            self.stage.broken(format!(
                "agent {} has {} packages, its rows {} ({} of them right), {:?}",
                machine.number,
                truth.len(),
                held.len(),
                found,
                standing.map(|standing| standing.applied),
            ));
        }
        for node in lock(&self.nodes).iter().filter(|node| node.entries() > 0) {
            self.stage.broken(format!(
                "{} reports never leave the queue of node {}",
                node.entries(),
                node.number
            ));
        }
    }
}

type Truth = BTreeMap<SoftwareKey, RecordFingerprint>;

#[cfg(test)]
mod tests;
