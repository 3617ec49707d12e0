//! Whose turn it is: companies in a ring for each lane, and the agents of each that are ready.
//!
//! A company joins a lane's ring once its ready reports make a batch, or once the oldest of them
//! has waited long enough. One turn is one group, so a company with fifty thousand reports takes
//! as many turns as one with fifty for as long as both wait.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use protocol::ids::{AgentId, CompanyId};
use protocol::report::Lane;

/// Of so many turns, one is for snapshots when both lanes have work.
pub(super) const SNAPSHOT_EVERY: u64 = 4;

/// The turns of both lanes.
#[derive(Debug)]
pub(super) struct Turns {
    batch_records: u64,
    batch_after: Duration,
    ready: HashMap<(CompanyId, Lane), Ready>,
    deltas: VecDeque<CompanyId>,
    snapshots: VecDeque<CompanyId>,
    /// Companies that are not in a ring yet, by when they will be.
    ripening: BTreeSet<(Instant, CompanyId, LaneOrder)>,
    turn: u64,
}

/// A lane as a key with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
// `Lane` is the protocol's and has no order; one here must not become part of the wire.
struct LaneOrder(bool);

impl From<Lane> for LaneOrder {
    fn from(lane: Lane) -> Self {
        Self(lane == Lane::Snapshot)
    }
}

impl From<LaneOrder> for Lane {
    fn from(LaneOrder(is_snapshot): LaneOrder) -> Self {
        if is_snapshot { Self::Snapshot } else { Self::Delta }
    }
}

/// One company's ready agents of one lane.
#[derive(Debug, Default)]
struct Ready {
    /// With the time since when each is ready, the oldest first.
    agents: VecDeque<(AgentId, Instant)>,
    records: u64,
    ripeness: Ripeness,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ripeness {
    #[default]
    None,
    Ripens(Instant),
    InRing,
}

impl Turns {
    pub(super) fn new(batch_records: u32, batch_after: Duration) -> Self {
        Self {
            batch_records: batch_records.into(),
            batch_after,
            ready: HashMap::new(),
            deltas: VecDeque::new(),
            snapshots: VecDeque::new(),
            ripening: BTreeSet::new(),
            turn: 0,
        }
    }

    /// An agent is ready with so many records.
    pub(super) fn add_agent(
        &mut self,
        company: CompanyId,
        lane: Lane,
        agent: AgentId,
        records: u64,
        now: Instant,
    ) {
        let ready = self.ready.entry((company, lane)).or_default();
        ready.agents.push_back((agent, now));
        ready.records += records;
        self.settle(company, lane, now);
    }

    /// A ready agent has so many records more.
    pub(super) fn add_records(&mut self, company: CompanyId, lane: Lane, records: u64) {
        let Some(ready) = self.ready.get_mut(&(company, lane)) else {
            return;
        };
        ready.records += records;
        if let Some((_, since)) = ready.agents.front().copied() {
            self.settle(company, lane, since);
        }
    }

    /// The company and lane whose turn it is. The caller takes agents and then settles.
    pub(super) fn next(&mut self, now: Instant) -> Option<(CompanyId, Lane)> {
        self.ripen(now);
        // Now and then also while changes wait: with a steady stream of those a new host's first
        // inventory would never come in.
        let prefers_snapshot = (self.turn + 1).is_multiple_of(SNAPSHOT_EVERY);
        let lane = match (self.deltas.is_empty(), self.snapshots.is_empty()) {
            (true, true) => return None,
            (false, true) => Lane::Delta,
            (true, false) => Lane::Snapshot,
            (false, false) if prefers_snapshot => Lane::Snapshot,
            (false, false) => Lane::Delta,
        };
        // Counted only when somebody gets it: a quiet hour must not decide whose turn the next one
        // is.
        self.turn += 1;
        let company = self.ring(lane).pop_front()?;
        if let Some(ready) = self.ready.get_mut(&(company, lane)) {
            // It has left the ring, and has to be settled again before it can come back.
            ready.ripeness = Ripeness::None;
        }
        Some((company, lane))
    }

    /// The company's agent that is ready longest.
    pub(super) fn first_agent(&self, company: CompanyId, lane: Lane) -> Option<AgentId> {
        let ready = self.ready.get(&(company, lane))?;
        ready.agents.front().map(|(agent, _)| *agent)
    }

    /// Takes that agent out.
    pub(super) fn drop_first_agent(&mut self, company: CompanyId, lane: Lane) {
        if let Some(ready) = self.ready.get_mut(&(company, lane)) {
            ready.agents.pop_front();
        }
    }

    /// An agent was taken with all its records.
    pub(super) fn take_records(&mut self, company: CompanyId, lane: Lane, records: u64) {
        if let Some(ready) = self.ready.get_mut(&(company, lane)) {
            ready.records = ready.records.saturating_sub(records);
        }
    }

    /// Puts a company where it belongs after its ready agents changed.
    pub(super) fn settle(&mut self, company: CompanyId, lane: Lane, now: Instant) {
        let Some(ready) = self.ready.get_mut(&(company, lane)) else {
            return;
        };
        // A place in the ring is kept whatever else comes: joining again would be another turn.
        if ready.ripeness == Ripeness::InRing {
            return;
        }
        if let Ripeness::Ripens(at) = ready.ripeness {
            self.ripening.remove(&(at, company, lane.into()));
        }
        let Some((_, oldest)) = ready.agents.front().copied() else {
            self.ready.remove(&(company, lane));
            return;
        };
        // From the agent that is ready longest: one that joins later must not push the others' time
        // away, or a steady trickle would never be given out.
        let ripens_at = oldest + self.batch_after;
        if ready.records >= self.batch_records || ripens_at <= now {
            ready.ripeness = Ripeness::InRing;
            // At the end, also after a turn of its own: that is all the fairness there is, and all
            // that is needed.
            self.ring(lane).push_back(company);
        } else {
            ready.ripeness = Ripeness::Ripens(ripens_at);
            self.ripening.insert((ripens_at, company, lane.into()));
        }
    }

    pub(super) fn has_ripe(&self) -> bool {
        !self.deltas.is_empty() || !self.snapshots.is_empty()
    }

    /// When the next company joins a ring.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.ripening.first().map(|(at, ..)| *at)
    }

    fn ripen(&mut self, now: Instant) {
        while let Some((at, company, lane)) = self.ripening.first().copied() {
            if at > now {
                break;
            }
            self.settle(company, lane.into(), now);
        }
    }

    const fn ring(&mut self, lane: Lane) -> &mut VecDeque<CompanyId> {
        match lane {
            Lane::Delta => &mut self.deltas,
            Lane::Snapshot => &mut self.snapshots,
        }
    }
}
