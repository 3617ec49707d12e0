//! Who looks after a process: when it starts, and what its death leaves.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64};

use protocol::ids::{AgentId, CompanyId};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::endpoint::Process;
use super::host::Host;
use super::life::Life;
use super::machine::{Machine, Nodes, lock};
use super::plants::Plant;
use super::stage::Stage;
use crate::clock::Clock;
use crate::random::Random;

/// An agent's process, and what becomes of it.
pub(super) struct Seat {
    pub(super) machine: Arc<Machine>,
    pub(super) life: Arc<Life>,
    pub(super) task: Option<JoinHandle<()>>,
    /// Whether its machine lost its power when it died.
    pub(super) cuts_power: bool,
    pub(super) starts_at: Instant,
    starts: u64,
    /// What its processes draw from: each start a part of its own.
    random: Random,
}

/// A node's future.
pub(super) struct Care {
    pub(super) cuts_power: bool,
    pub(super) is_wiped: bool,
    /// When an orderly stop is over.
    pub(super) stops_at: Option<Instant>,
    pub(super) starts_at: Instant,
}

impl Care {
    pub(super) const fn new(starts_at: Instant) -> Self {
        Self { cuts_power: false, is_wiped: false, stops_at: None, starts_at }
    }
}

impl Seat {
    /// Whether its process runs.
    pub(super) fn is_up(&self) -> bool {
        self.task.is_some() && self.life.is_alive()
    }

    pub(super) fn new(number: usize, company: CompanyId, agent: AgentId, random: &Random) -> Self {
        let mut random = random.clone();
        // From a small device to one whose snapshot has three parts.
        let packages = *random.pick(&[0, 5, 40, 101, 260]).unwrap_or(&5);
        let machine = Arc::new(Machine {
            number,
            company,
            agent,
            host: Mutex::new(Host::new(packages, random.fork(1))),
            disk: Mutex::default(),
            image: Mutex::new(None),
            had_spool: AtomicBool::new(false),
            wrong_ms: AtomicI64::new(0),
            wish: Notify::new(),
            line: Mutex::new(None),
            paths: Mutex::default(),
            is_idle: Mutex::new(false),
        });
        // The host's part is 1.
        let own = random.fork(2);
        Self {
            machine,
            life: Life::begin(random, None),
            task: None,
            cuts_power: false,
            starts_at: Clock.now(),
            starts: 0,
            random: own,
        }
    }

    /// What the next process draws from: another number for every start, and for every seed of a run.
    fn next_random(&mut self) -> Random {
        self.starts += 1;
        self.random.fork(self.starts)
    }

    pub(super) fn start(&mut self, nodes: &Nodes, stage: &Stage, plant: Option<Plant>) {
        let random = self.next_random();
        self.life = Life::begin(random.fork(1), None);
        let living = Process::live(
            Arc::clone(&self.machine),
            Arc::clone(nodes),
            stage.clone(),
            plant,
            random,
        );
        // Until the process has said so itself: what its disk holds is not known before it is
        // opened.
        *lock(&self.machine.is_idle) = false;
        #[expect(
            clippy::disallowed_methods,
            reason = "a run's own task, which it ends and waits for"
        )]
        let task = tokio::spawn(self.life.run(living));
        self.task = Some(task);
    }

    /// What the death of its process leaves.
    pub(super) fn bury(&mut self, random: &mut Random) {
        // A process that is gone has no connection; its pipes were dropped with its tasks.
        *lock(&self.machine.line) = None;
        let mut disk = lock(&self.machine.disk);
        // Taken, for the next death is one of its own.
        if std::mem::take(&mut self.cuts_power) {
            *disk = disk.cut_power(|| random.percent(50));
        }
    }
}

#[cfg(test)]
mod tests;
