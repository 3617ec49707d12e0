//! What is to be stored next: order within an agent, fairness between companies, changes before
//! snapshots.
//!
//! Every agent has one line, sorted by position. A line is ready, in flight, resting or empty; it
//! is in flight at most once, which is what keeps its order. Ready lines stand in their company's
//! queue of the lane that their first entry takes, and companies take turns. It exists as a pure
//! structure so that all this can be tested without a queue, a database or a clock. It never ends
//! an entry: what it is given, it gives out, again and again if it has to.

mod line;
mod portions;
mod turns;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use protocol::ids::{AgentId, CompanyId, Position};
use protocol::report::Lane;

use self::line::{Line, State};
pub(crate) use self::portions::Portion;
use self::portions::Portions;
use self::turns::Turns;
use crate::queue::{EntryHead, Slip};

/// How lanes decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneLimits {
    /// Records at which a company's ready reports are given out without waiting for more.
    pub(crate) batch_records: u32,
    /// How long ready reports wait for more to share a transaction with.
    pub(crate) batch_after: Duration,
    /// Records that one group may have; a single report may always.
    pub(crate) group_records_max: u32,
    /// How long a report waits for one that is missing before it.
    pub(crate) gap_wait: Duration,
}

/// How often a gap is asked about until its wait is over: another node may fill it.
const GAP_ASKS: u32 = 8;
/// A report without records still carries facts, so that a group of them has an end.
const REPORT_WEIGHT_MIN: u64 = 10;
/// The rest after the first failure; it doubles with every further one.
const REST_MIN: Duration = Duration::from_millis(50);
/// The longest rest.
const REST_MAX: Duration = Duration::from_secs(30);

/// Reports of one company, to be stored in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// The company.
    pub(crate) company: CompanyId,
    /// One part for each agent.
    pub(crate) parts: Vec<Part>,
}

/// One agent's reports in a group, which follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The agent.
    pub(crate) agent: AgentId,
    /// The reports, in the order of their positions.
    pub(crate) slips: Vec<Slip>,
    /// How often the first of them failed before while the database was up.
    pub(crate) attempts: u32,
    /// Since when the database has been late with the first of them.
    pub(crate) late_since: Option<Instant>,
}

/// What is to become of a part's reports that did not come to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// They failed for a reason of their own, which counts.
    Failed,
    /// The database was late with them, which counts only once it has been so for long.
    Late,
    /// They failed for no reason of their own.
    Untouched,
}

/// What is to be done about reports that something is missing before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing yet: they wait.
    Waits,
    /// They can never be stored. The agent's line is held until [`Lanes::release`].
    Hopeless {
        /// The reports.
        slips: Vec<Slip>,
        /// Whether the agent has to be asked for a snapshot: none of its own is on its way.
        asks_snapshot: bool,
    },
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Reports with changes.
    pub(crate) deltas: u64,
    /// Parts of snapshots.
    pub(crate) snapshots: u64,
}

/// All lines.
#[derive(Debug)]
pub(crate) struct Lanes {
    limits: LaneLimits,
    lines: HashMap<AgentId, Line>,
    turns: Turns,
    /// Lines that rest, by the end of their rest.
    resting: BTreeSet<(Instant, AgentId)>,
    waiting: Waiting,
    portions: Portions,
}

impl Lanes {
    /// Lanes with nothing in them.
    pub(crate) fn new(limits: LaneLimits) -> Self {
        Self {
            limits,
            lines: HashMap::new(),
            turns: Turns::new(limits.batch_records, limits.batch_after),
            resting: BTreeSet::new(),
            waiting: Waiting::default(),
            portions: Portions::default(),
        }
    }

    /// Takes an entry in.
    pub(crate) fn push(&mut self, entry: &EntryHead, now: Instant) {
        let line = self.lines.entry(entry.agent).or_insert_with(|| Line::new(entry.company));
        line.insert(entry.slip);
        *self.waiting.of(entry.slip.lane) += 1;
        self.portions.add(entry.company, 1);
        match line.state {
            State::Empty => self.make_ready(entry.agent, now),
            State::Ready { lane, .. } => {
                let company = line.company;
                let records = u64::from(entry.slip.records);
                self.turns.add_records(company, lane, records);
            }
            State::Resting { until, is_for_gap: true } if line.is_unblocked() => {
                // Before its time, because what came may fill the gap: an agent's line must not
                // wait for an answer that is there.
                self.resting.remove(&(until, entry.agent));
                self.make_ready(entry.agent, now);
            }
            // What comes meanwhile stands in its place in the line and is given out with the rest
            // of it.
            State::Resting { .. } | State::InFlight => {}
        }
    }

    /// The next group, if one is due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Group> {
        self.wake(now);
        let (company, lane) = self.turns.next(now)?;
        let mut room = u64::from(self.limits.group_records_max);
        let mut parts = Vec::new();
        while let Some(agent) = self.turns.first_agent(company, lane) {
            let line = self.lines.get_mut(&agent);
            let first = line.as_ref().and_then(|line| line.first());
            // The first report of a group may be of any size; whoever has no room goes first in
            // the next one.
            if !parts.is_empty() && first.is_some_and(|slip| weight(slip) > room) {
                break;
            }
            self.turns.drop_first_agent(company, lane);
            let Some(line) = line else {
                continue;
            };
            // All that the line has, although the room may take only some of it: what stays comes
            // back with it.
            self.turns.take_records(company, lane, line.records());
            // One group of an agent at a time: two would be applied in any order.
            line.state = State::InFlight;
            let slips = line.take_run(room);
            line.taken = slips.first().map(|slip| slip.sequence);
            line.taken_received_at_ms = slips.iter().map(|slip| slip.received_at_ms).min();
            for slip in &slips {
                room = room.saturating_sub(weight(slip));
                *self.waiting.of(slip.lane) -= 1;
            }
            let (attempts, late_since) = (line.attempts, line.late_since);
            parts.push(Part { agent, slips, attempts, late_since });
        }
        self.portions.take(company, parts.iter().map(|part: &Part| part.slips.len()).sum());
        // After the agents were taken, also when none was: the company left its ring when its turn
        // began, and without this it would stay out of it with agents ready.
        self.turns.settle(company, lane, now);
        (!parts.is_empty()).then_some(Group { company, parts })
    }

    /// When [`Self::take`] may have something, if nothing is pushed before; `None` when nothing
    /// waits for a time.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        let woken = self.resting.first().map(|(until, _)| *until);
        let ripe = self.turns.due_at();
        woken.into_iter().chain(ripe).min()
    }

    /// Whether a group can be taken at once.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.turns.has_ripe() || self.due_at().is_some_and(|due| due <= now)
    }

    /// Whether anything waits that is due now or at a known time.
    pub(crate) fn has_more(&self) -> bool {
        self.turns.has_ripe() || self.due_at().is_some()
    }

    /// All reports of an agent's part came to their end.
    pub(crate) fn release(&mut self, agent: AgentId, now: Instant) {
        if let Some(line) = self.lines.get_mut(&agent) {
            line.attempts = 0;
            line.late_since = None;
            line.gap = None;
            self.go_on(agent, now);
        }
    }

    /// Takes back those of a part's reports that did not come to their end.
    pub(crate) fn put_back(&mut self, agent: AgentId, slips: &[Slip], rest: Rest, now: Instant) {
        self.reinsert(agent, slips);
        let Some(line) = self.lines.get_mut(&agent) else {
            return;
        };
        // Another report than the one that failed before: that one came to its end, and its
        // failures are not charged to this one, which would be given up too early.
        if line.taken != slips.first().map(|slip| slip.sequence) {
            line.attempts = 0;
            line.late_since = None;
        }
        match rest {
            Rest::Untouched => self.go_on(agent, now),
            Rest::Late => {
                let since = *line.late_since.get_or_insert(now);
                // As long again as it has taken so far: whoever holds a lock for an hour is not asked every second.
                let pause = now.saturating_duration_since(since).clamp(REST_MIN, REST_MAX);
                self.let_rest(agent, now + pause, false);
            }
            Rest::Failed => {
                line.attempts = line.attempts.saturating_add(1);
                // Bounded before it is shifted by: with attempts without an end the shift itself
                // would overflow.
                let doublings = line.attempts.saturating_sub(1).min(16);
                let pause = REST_MIN.saturating_mul(1 << doublings).min(REST_MAX);
                self.let_rest(agent, now + pause, false);
            }
        }
    }

    /// Takes back reports that something is missing before, `applied` being the last that is in
    /// the rows.
    pub(crate) fn put_back_gap(
        &mut self,
        agent: AgentId,
        slips: &[Slip],
        applied: Position,
        now: Instant,
    ) -> Gap {
        self.reinsert(agent, slips);
        let gap_wait = self.limits.gap_wait;
        let Some(line) = self.lines.get_mut(&agent) else {
            return Gap::Waits;
        };
        // From when the gap was found, not from when it was last asked about: asking must not
        // lengthen the wait.
        let since = line.note_gap(applied, now);
        let is_over = now >= since + gap_wait;
        match line.take_hopeless(applied, is_over) {
            Some((slips, asks_snapshot)) => {
                let company = line.company;
                for slip in &slips {
                    *self.waiting.of(slip.lane) -= 1;
                }
                self.portions.take(company, slips.len());
                Gap::Hopeless { slips, asks_snapshot }
            }
            None if line.is_unblocked() => {
                self.go_on(agent, now);
                Gap::Waits
            }
            None => {
                let ask_at = (now + gap_wait / GAP_ASKS).min(since + gap_wait);
                self.let_rest(agent, ask_at, true);
                Gap::Waits
            }
        }
    }

    /// What waits, without what is in flight.
    pub(crate) const fn waiting(&self) -> Waiting {
        self.waiting
    }

    /// What of that is a company's.
    pub(crate) fn portion(&self, company: CompanyId) -> Portion {
        self.portions.of(company)
    }

    /// When ingest took the oldest report that has not come to its end, in milliseconds since 1970,
    /// with what is in flight. Looks at everything that waits: for a gauge, not for each report.
    pub(crate) fn oldest_received_at_ms(&self) -> Option<u64> {
        let oldest = self.lines.values().filter_map(Line::oldest_received_at_ms);
        oldest.min()
    }

    fn reinsert(&mut self, agent: AgentId, slips: &[Slip]) {
        let Some(line) = self.lines.get_mut(&agent) else {
            return;
        };
        self.portions.add(line.company, slips.len());
        for slip in slips {
            line.insert(*slip);
            *self.waiting.of(slip.lane) += 1;
        }
    }

    /// Ends a line's flight: it is ready again, or gone.
    fn go_on(&mut self, agent: AgentId, now: Instant) {
        let Some(line) = self.lines.get_mut(&agent) else {
            return;
        };
        line.state = State::Empty;
        if line.first().is_some() {
            self.make_ready(agent, now);
        } else if line.is_forgettable() {
            // Lines are kept for agents that have something waiting; a fleet that was here once
            // costs nothing.
            self.lines.remove(&agent);
        }
    }

    fn let_rest(&mut self, agent: AgentId, until: Instant, is_for_gap: bool) {
        if let Some(line) = self.lines.get_mut(&agent) {
            line.state = State::Resting { until, is_for_gap };
            self.resting.insert((until, agent));
        }
    }

    fn make_ready(&mut self, agent: AgentId, now: Instant) {
        let Some(line) = self.lines.get_mut(&agent) else {
            return;
        };
        let Some(first) = line.first() else {
            return;
        };
        let lane = first.lane;
        line.state = State::Ready { lane };
        let (company, records) = (line.company, line.records());
        self.turns.add_agent(company, lane, agent, records, now);
    }

    fn wake(&mut self, now: Instant) {
        while let Some((until, agent)) = self.resting.first().copied() {
            if until > now {
                break;
            }
            self.resting.pop_first();
            self.make_ready(agent, now);
        }
    }
}

/// What a report takes of a group's room: its records, or what one without any costs.
fn weight(slip: &Slip) -> u64 {
    u64::from(slip.records).max(REPORT_WEIGHT_MIN)
}

impl Waiting {
    const fn of(&mut self, lane: Lane) -> &mut u64 {
        match lane {
            Lane::Delta => &mut self.deltas,
            Lane::Snapshot => &mut self.snapshots,
        }
    }
}

#[cfg(test)]
mod tests;
