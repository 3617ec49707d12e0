//! What a run leaves behind: its trace, what was promised in it, and what was broken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::{AgentId, Position, Succession};
use tokio::time::Instant;

use super::kinds::Kind;
use crate::clock::Clock;

/// Lines of the trace that are kept for whoever has to find out why.
const LAST_LINES: usize = 60;

/// What all parts of one run share. A clone is the same stage.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    began: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    hash: DefaultHasher,
    lines_noted: u64,
    last: VecDeque<String>,
    echo: Option<Vec<String>>,
    violations: Vec<String>,
    injected: BTreeMap<Kind, u64>,
    /// Reports that some queue has said to be durable.
    durable: BTreeSet<(AgentId, Position)>,
    acknowledged: u64,
    stored: BTreeSet<(AgentId, Position)>,
    /// Where each agent's line in the rows ends, by what was said of them.
    lines: BTreeMap<AgentId, Position>,
    counted: BTreeMap<String, u64>,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// What was broken; nothing, as a rule.
    pub(super) violations: Vec<String>,
    /// The trace as one number.
    pub(super) hash: u64,
    /// Lines of the trace.
    pub(super) lines: u64,
    /// The last of them.
    pub(super) last: Vec<String>,
    /// All of them, where they were asked for.
    pub(super) trace: Vec<String>,
    /// Faults by kind.
    pub(super) injected: BTreeMap<Kind, u64>,
    /// Reports acknowledged to agents.
    pub(super) acknowledged: u64,
    /// Reports that the rows took.
    pub(super) stored: u64,
    /// What the collectors counted.
    pub(super) counted: BTreeMap<String, u64>,
    /// Time of the run.
    pub(super) simulated: Duration,
    /// From the end of the faults until every company's rows were right.
    pub(super) settled_after: Duration,
    /// The longest time, while anything was wrong after the faults, in which nothing got better.
    pub(super) stalled: Duration,
}

impl Stage {
    pub(super) fn new(is_traced: bool) -> Self {
        Self {
            began: Clock.now(),
            state: Arc::new(Mutex::new(State {
                echo: is_traced.then(Vec::new),
                // The hasher's keys are the same in every process, unlike a map's, so hashes of two
                // runs can be compared.
                ..State::default()
            })),
        }
    }

    /// Time since the run began.
    pub(super) fn elapsed(&self) -> Duration {
        Clock.now() - self.began
    }

    /// Writes a line into the trace.
    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        // Milliseconds of the run's own time: nothing of the machine's may stand in a line, or no
        // two runs are alike.
        let line = format!("{:>12.3} {what}", self.elapsed().as_secs_f64());
        let mut state = self.lock();
        line.hash(&mut state.hash);
        state.lines_noted += 1;
        if let Some(echo) = &mut state.echo {
            echo.push(line.clone());
        }
        if state.last.len() == LAST_LINES {
            state.last.pop_front();
        }
        state.last.push_back(line);
    }

    /// Notes that a promise was broken.
    pub(super) fn broken(&self, what: String) {
        // Noted before it is kept, each under a lock of its own: `note` takes it too.
        self.note(format_args!("BROKEN {what}"));
        self.lock().violations.push(what);
    }

    pub(super) fn is_broken(&self) -> bool {
        !self.lock().violations.is_empty()
    }

    /// Notes a fault.
    pub(super) fn inject(&self, kind: Kind, what: fmt::Arguments<'_>) {
        self.note(format_args!("fault {kind}: {what}"));
        *self.lock().injected.entry(kind).or_default() += 1;
    }

    /// Some queue says that a report is durable.
    pub(super) fn durable(&self, agent: AgentId, position: Position) {
        self.lock().durable.insert((agent, position));
    }

    /// An agent heard that a report is durable, and forgets it.
    pub(super) fn acknowledged(&self, agent: AgentId, position: Position) {
        let mut state = self.lock();
        state.acknowledged += 1;
        let is_durable = state.durable.contains(&(agent, position));
        // `broken` takes the same lock.
        drop(state);
        if !is_durable {
            self.broken(format!(
                "report {position} of {agent} was acknowledged and no queue holds it"
            ));
        }
    }

    /// The rows took a report.
    pub(super) fn stored(&self, agent: AgentId, position: Position) {
        // Both are looked at: a report that is stored twice is no gap, and one over a gap is there
        // once.
        if self.go_on(agent, position) == Succession::Gap {
            self.broken(format!("report {position} of {agent} was stored over a gap"));
        }
        if !self.lock().stored.insert((agent, position)) {
            self.broken(format!("report {position} of {agent} was stored twice"));
        }
    }

    /// The rows took a dead letter in a report's place; how it stands to those before it.
    pub(super) fn go_on(&self, agent: AgentId, position: Position) -> Succession {
        let mut state = self.lock();
        let line = state.lines.entry(agent).or_default();
        let succession = line.succession(position);
        // Seen or over a gap, the line stays: one mistake must not make all that follows look like
        // more.
        if succession == Succession::Next {
            *line = position;
        }
        succession
    }

    /// The rows went back, and an agent's line in them ends there: what stood behind it may be stored again.
    pub(super) fn went_back(&self, agent: AgentId, to: Position) {
        let mut state = self.lock();
        state.stored.retain(|(of, position)| *of != agent || *position <= to);
        state.lines.insert(agent, to);
    }

    /// What a process had counted when it ended.
    pub(super) fn count(&self, counts: Vec<(String, u64)>) {
        let mut state = self.lock();
        for (name, count) in counts {
            *state.counted.entry(name).or_default() += count;
        }
    }

    /// Counts something that an agent did.
    pub(super) fn count_one(&self, name: &str) {
        *self.lock().counted.entry(name.to_owned()).or_default() += 1;
    }

    /// What the collectors counted under this name and these labels.
    pub(super) fn counted(&self, name: &str) -> u64 {
        self.lock().counted.get(name).copied().unwrap_or(0)
    }

    /// Takes everything out at the end.
    pub(super) fn finish(&self) -> Outcome {
        let simulated = self.elapsed();
        let mut state = self.lock();
        Outcome {
            violations: std::mem::take(&mut state.violations),
            hash: state.hash.finish(),
            lines: state.lines_noted,
            last: std::mem::take(&mut state.last).into(),
            trace: state.echo.take().unwrap_or_default(),
            injected: std::mem::take(&mut state.injected),
            acknowledged: state.acknowledged,
            stored: state.stored.len() as u64,
            counted: std::mem::take(&mut state.counted),
            simulated,
            ..Outcome::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
