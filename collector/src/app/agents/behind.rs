//! Heartbeats of agents whose rows are behind, to be noted again after a moment.
//!
//! Whether a report is on its way or lost can be told only from what nodes say after the heartbeat
//! came, and of a node that is lost only once it counts as gone. Without this an agent with a lost report
//! would wait for its next heartbeat, which may be a day.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::ids::{AgentId, CompanyId};

use crate::ingest::agents::SeenHeartbeat;

/// Agents that are remembered. One that is not is looked at with its next heartbeat.
const AGENTS_MAX: usize = 50_000;

/// How long after it came each is noted again. The first: every node has said what waits in its queue. The second: one
/// that ended as the heartbeat came counts as gone ([`store::nodes::LIVES_FOR`]). The last is for what went slowly.
/// Few, because each writes the agents' rows, and after an outage that may be those of a whole fleet.
const AGAIN_AFTER: [Duration; 3] =
    [Duration::from_secs(4), Duration::from_secs(20), Duration::from_secs(60)];

/// A heartbeat that is to be noted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The heartbeat.
    pub(super) seen: SeenHeartbeat,
    noted_at: Instant,
    /// How often it was noted again.
    times: usize,
}

impl Kept {
    /// When it is noted again; `None` when that was often enough.
    fn due_at(&self) -> Option<Instant> {
        Some(self.noted_at + *AGAIN_AFTER.get(self.times)?)
    }
}

/// What is to be noted again.
#[derive(Debug, Default)]
pub(super) struct Behind(Mutex<HashMap<AgentId, (CompanyId, Kept)>>);

impl Behind {
    /// Remembers those of some heartbeats whose agents are behind, in place of older ones of theirs; and forgets
    /// those of agents that are not.
    pub(super) fn keep(
        &self,
        company: CompanyId,
        seen: &[SeenHeartbeat],
        behind: &[AgentId],
        now: Instant,
    ) {
        let mut kept = self.lock();
        // Nearly always nothing is kept and nobody is behind.
        if kept.is_empty() && behind.is_empty() {
            return;
        }
        for heartbeat in seen {
            kept.remove(&heartbeat.agent);
        }
        for heartbeat in seen.iter().filter(|seen| behind.contains(&seen.agent)) {
            // After an outage a whole fleet is behind at once, and its next heartbeats come soon
            // enough.
            if kept.len() >= AGENTS_MAX {
                return;
            }
            let again = Kept { seen: *heartbeat, noted_at: now, times: 0 };
            // The last one of an agent: what it says of the acknowledged report counts.
            kept.insert(heartbeat.agent, (company, again));
        }
    }

    /// Those that are due, by company.
    pub(super) fn take_due(&self, now: Instant) -> HashMap<CompanyId, Vec<Kept>> {
        let mut all = self.lock();
        // Taken out, so that the lock is let go before anything is asked of the database.
        let due: Vec<(CompanyId, Kept)> = all
            .extract_if(|_, (_, kept)| kept.due_at().is_none_or(|at| at <= now))
            .map(|(_, due)| due)
            .collect();
        drop(all);
        let mut by_company: HashMap<CompanyId, Vec<Kept>> = HashMap::new();
        for (company, kept) in due {
            by_company.entry(company).or_default().push(kept);
        }
        by_company
    }

    /// Keeps those that were noted again and whose agents are still behind, unless there is a newer heartbeat.
    pub(super) fn keep_on(&self, company: CompanyId, noted: Vec<Kept>, behind: &[AgentId]) {
        let mut all = self.lock();
        for kept in noted.into_iter().filter(|kept| behind.contains(&kept.seen.agent)) {
            let kept = Kept { times: kept.times + 1, ..kept };
            if all.len() < AGENTS_MAX
                && kept.due_at().is_some()
                && let Entry::Vacant(free) = all.entry(kept.seen.agent)
            {
                free.insert((company, kept));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, (CompanyId, Kept)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
