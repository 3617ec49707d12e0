//! What goes wrong, and what sets it right again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use agent::spool::simulated::{SpoolDisk, SpoolFaults};
use collector::queue::Faults;
use protocol::ids::CompanyId;

use super::database::Trouble;
use super::kinds::Kind;
use super::machine::{IDLE, Machine, PathState, lock};
use super::world::World;
use crate::clock::Clock;

/// What is set right.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heal {
    /// An agent's disk.
    Spool(usize),
    /// A node's disk.
    Queue(usize),
    /// The database.
    Store,
    /// The database, which becomes what it was.
    Rows,
    /// A company that was suspended.
    Company(CompanyId),
    /// A connection that nothing goes through, which both ends give up now.
    Idle(usize, usize),
    /// An agent's paths.
    Paths(usize),
    /// An agent's disk becomes the image of before.
    Image(usize),
    /// An agent whose process was to die, and had nothing to do in which it could.
    DeadAgent(usize),
    /// The same of a node.
    DeadNode(usize),
}

impl World {
    /// Lets something go wrong.
    pub(super) fn inject(&mut self) {
        let kind = Kind::draw(&mut self.random);
        let agent = self.random.below(self.seats.len());
        let node = self.random.below(self.care.len());
        match kind {
            Kind::Cut | Kind::CutLate | Kind::Stall | Kind::Partition | Kind::SlowPath => {
                self.break_path(kind, agent);
            }
            Kind::AgentCrash
            | Kind::AgentPowerCut
            | Kind::AgentDiskFull
            | Kind::AgentDiskFails
            | Kind::AgentClock
            | Kind::SpoolLost
            | Kind::SpoolRestored
            | Kind::Upgraded
            | Kind::ScanAsked => self.break_agent(kind, agent),
            Kind::NodeCrash
            | Kind::NodePowerCut
            | Kind::NodeStop
            | Kind::NodeWiped
            | Kind::NodeClock => self.break_node(kind, node),
            Kind::QueueSyncFails
            | Kind::QueueWriteFails
            | Kind::QueueDiskFull
            | Kind::QueueRots => self.break_queue(kind, node),
            Kind::StoreAway
            | Kind::StoreSlow
            | Kind::StoreHangs
            | Kind::StoreFails
            | Kind::AnswerLost
            | Kind::StoreRefuses
            | Kind::StorePanics => self.break_store(kind),
            Kind::StoreGoesBack => self.keep_rows(),
            Kind::Suspended => self.suspend(),
        }
    }

    fn later(&mut self, within: Duration, heal: Heal) {
        let after = self.random.around(within);
        self.heals.push((Clock.now() + after, heal));
    }

    fn break_path(&mut self, kind: Kind, agent: usize) {
        let machine = Arc::clone(&self.seats[agent].machine);
        let wire = lock(&machine.line).clone();
        let Some(wire) = wire else { return };
        self.stage.inject(kind, format_args!("agent {agent} and node {}", wire.node));
        let now = Clock.now();
        if kind == Kind::CutLate {
            // The agent is back, perhaps at another node, while its bytes are still under way.
            wire.down.tear(None);
            wire.up.tear(Some(self.random.around(Duration::from_secs(15))));
        } else if matches!(kind, Kind::Stall | Kind::Partition) {
            // Less, and much more, than a connection stands without a word.
            let lasts = if kind == Kind::Stall { 12 } else { 120 };
            let until = now + self.random.around(Duration::from_secs(lasts));
            wire.up.block_until(until);
            wire.down.block_until(until);
            lock(&machine.paths).entry(wire.node).or_default().blocked_until = until;
            if until > now + IDLE {
                // Each end gives up at its own time.
                self.later(IDLE, Heal::Idle(agent, wire.node));
            }
        } else if kind == Kind::SlowPath {
            let delay = self.random.around(Duration::from_secs(2));
            wire.up.slow_down(delay);
            wire.down.slow_down(delay);
            lock(&machine.paths).entry(wire.node).or_default().delay = delay;
            self.later(Duration::from_secs(180), Heal::Paths(agent));
        } else {
            wire.up.tear(None);
            wire.down.tear(None);
        }
    }

    fn break_agent(&mut self, kind: Kind, agent: usize) {
        // A machine that is down has nothing that could break.
        if !self.seats[agent].is_up() {
            return;
        }
        let machine = Arc::clone(&self.seats[agent].machine);
        self.stage.inject(kind, format_args!("agent {agent}"));
        let disk = lock(&machine.disk).clone();
        if kind == Kind::AgentPowerCut {
            // Perhaps within the next write; the process follows its disk.
            let steps = u32::try_from(self.random.below(30)).unwrap_or(0);
            disk.set_faults(SpoolFaults { steps_left: Some(steps), ..SpoolFaults::default() });
            let seat = &mut self.seats[agent];
            seat.cuts_power = true;
            let polls = self.random.below(120) as u64;
            seat.life.end_after(polls);
            self.later(Duration::from_secs(20), Heal::DeadAgent(agent));
        } else if kind == Kind::AgentDiskFull {
            disk.set_faults(SpoolFaults {
                // What is there stays, and nothing goes beside it.
                capacity: Some(disk.bytes()),
                ..SpoolFaults::default()
            });
            self.later(Duration::from_secs(150), Heal::Spool(agent));
        } else if kind == Kind::AgentDiskFails {
            disk.set_faults(SpoolFaults { failing_syncs: 1, ..SpoolFaults::default() });
            self.later(Duration::from_secs(60), Heal::Spool(agent));
        } else if kind == Kind::AgentClock {
            self.jump(&machine);
        } else if kind == Kind::SpoolLost {
            self.die(agent);
            *lock(&machine.disk) = SpoolDisk::default();
            // So that an agent that begins anew is not taken for one whose spool was damaged.
            machine.had_spool.store(false, Ordering::Relaxed);
        } else if kind == Kind::SpoolRestored {
            // The image is of now, and comes back later.
            lock(&machine.image).replace(disk.image());
            self.later(Duration::from_secs(240), Heal::Image(agent));
        } else if kind == Kind::Upgraded {
            lock(&machine.host).upgrade();
            machine.wish.notify_one();
        } else if kind == Kind::ScanAsked {
            self.database.request_scan(machine.agent);
        } else {
            let polls = self.random.below(60) as u64;
            self.seats[agent].life.end_after(polls);
        }
    }

    /// Ends an agent's process at once.
    fn die(&self, agent: usize) {
        self.seats[agent].life.end();
    }

    fn jump(&mut self, machine: &Machine) {
        let hours = [-48, -1, 1, 48, 24 * 400];
        let hours: i64 = *self.random.pick(&hours).unwrap_or(&1);
        machine.wrong_ms.fetch_add(hours * 3_600_000, Ordering::Relaxed);
        self.stage.note(format_args!("agent {}: its clock jumps by {hours} h", machine.number));
    }

    fn break_node(&mut self, kind: Kind, node: usize) {
        if !lock(&self.nodes)[node].is_up() {
            return;
        }
        self.stage.inject(kind, format_args!("node {node}"));
        let polls = self.random.below(200) as u64;
        let steps = u32::try_from(self.random.below(12)).unwrap_or(0);
        let minutes = *self.random.pick(&[-70, -4, 3, 65]).unwrap_or(&3);
        if matches!(kind, Kind::NodeCrash | Kind::NodePowerCut | Kind::NodeWiped) {
            self.later(Duration::from_secs(20), Heal::DeadNode(node));
        }
        let mut nodes = lock(&self.nodes);
        let care = &mut self.care[node];
        if kind == Kind::NodePowerCut {
            care.cuts_power = true;
            nodes[node].set_faults(Faults { steps_left: Some(steps), ..Faults::default() });
            nodes[node].die_after(polls);
        } else if kind == Kind::NodeStop {
            nodes[node].stop();
            care.stops_at = Some(Clock.now() + Duration::from_secs(15));
        } else if kind == Kind::NodeWiped {
            care.is_wiped = true;
            nodes[node].die_after(polls);
        } else if kind == Kind::NodeClock {
            nodes[node].jump(time::Duration::minutes(minutes));
        } else {
            nodes[node].die_after(polls);
        }
    }

    fn break_queue(&mut self, kind: Kind, node: usize) {
        self.stage.inject(kind, format_args!("node {node}"));
        if kind == Kind::QueueRots {
            lock(&self.nodes)[node].rot();
            return;
        }
        let faults = Faults {
            failing_syncs: if kind == Kind::QueueSyncFails { 2 } else { 0 },
            failing_writes: if kind == Kind::QueueWriteFails { 2 } else { 0 },
            capacity: (kind == Kind::QueueDiskFull).then_some(0),
            ..Faults::default()
        };
        lock(&self.nodes)[node].set_faults(faults);
        self.later(Duration::from_secs(60), Heal::Queue(node));
    }

    fn break_store(&mut self, kind: Kind) {
        self.stage.inject(kind, format_args!("database"));
        self.database.trouble(|trouble| {
            trouble.is_away |= kind == Kind::StoreAway;
            if kind == Kind::StoreSlow {
                trouble.delay_max = Duration::from_secs(20);
            }
            let some = |wanted, count| if kind == wanted { count } else { 0 };
            trouble.hangs += some(Kind::StoreHangs, 2);
            trouble.fails += some(Kind::StoreFails, 3);
            trouble.loses_answers += some(Kind::AnswerLost, 3);
            trouble.refuses += some(Kind::StoreRefuses, 1);
            trouble.panics += some(Kind::StorePanics, 1);
        });
        if matches!(kind, Kind::StoreAway | Kind::StoreSlow) {
            self.later(Duration::from_secs(90), Heal::Store);
        }
    }

    /// Keeps the rows as they are, to which the database goes back later.
    fn keep_rows(&mut self) {
        if self.database.keep() {
            self.stage.inject(Kind::StoreGoesBack, format_args!("database"));
            self.later(Duration::from_secs(120), Heal::Rows);
        }
    }

    fn suspend(&mut self) {
        let Some(company) = self.random.pick(&self.companies).copied() else {
            return;
        };
        self.stage.inject(Kind::Suspended, format_args!("company {company}"));
        self.database.rows(|rows| rows.set_suspended(company, true));
        for node in lock(&self.nodes).iter() {
            node.refuse(company);
        }
        self.later(Duration::from_secs(240), Heal::Company(company));
    }

    /// Sets something right.
    pub(super) fn heal(&mut self, heal: Heal) {
        self.stage.note(format_args!("heals: {heal:?}"));
        match heal {
            // A power cut that has begun is not taken back.
            Heal::Spool(agent) if !self.seats[agent].cuts_power => {
                lock(&self.seats[agent].machine.disk).set_faults(SpoolFaults::default());
            }
            Heal::Queue(node) if !self.care[node].cuts_power => {
                lock(&self.nodes)[node].set_faults(Faults::default());
            }
            Heal::Spool(_) | Heal::Queue(_) => {}
            Heal::Store => self.database.trouble(|trouble| {
                trouble.is_away = false;
                trouble.delay_max = Duration::ZERO;
            }),
            Heal::Rows => self.database.go_back(),
            Heal::Company(company) => self.database.rows(|rows| rows.set_suspended(company, false)),
            Heal::Idle(agent, node) => {
                let wire = lock(&self.seats[agent].machine.line).clone();
                if let Some(wire) = wire.filter(|wire| wire.node == node) {
                    wire.down.tear(None);
                    wire.up.tear(Some(Duration::from_secs(5)));
                }
            }
            Heal::DeadAgent(agent) => {
                if self.seats[agent].cuts_power {
                    self.die(agent);
                }
            }
            Heal::DeadNode(node) => {
                let care = &self.care[node];
                if care.cuts_power || care.is_wiped {
                    lock(&self.nodes)[node].die_after(0);
                }
            }
            Heal::Paths(agent) => lock(&self.seats[agent].machine.paths).clear(),
            Heal::Image(agent) => {
                let machine = Arc::clone(&self.seats[agent].machine);
                let image = lock(&machine.image).take();
                if let Some(image) = image {
                    self.die(agent);
                    self.seats[agent].cuts_power = false;
                    *lock(&machine.disk) = image;
                }
            }
        }
    }

    /// Ends everything that is wrong and does not end by itself.
    pub(super) fn set_right(&mut self) {
        self.database.trouble(|trouble| *trouble = Trouble::default());
        for seat in &self.seats {
            lock(&seat.machine.paths).clear();
            if !seat.cuts_power {
                lock(&seat.machine.disk).set_faults(SpoolFaults::default());
            }
            let line = lock(&seat.machine.line).clone();
            if let Some(wire) = line {
                let quick = PathState::default().delay;
                wire.up.slow_down(quick);
                wire.down.slow_down(quick);
            }
        }
        for (node, care) in lock(&self.nodes).iter_mut().zip(&self.care) {
            node.set_right();
            if !care.cuts_power {
                node.set_faults(Faults::default());
            }
        }
    }
}

#[cfg(test)]
mod tests;
