//! Heartbeats of agents whose rows are behind, to be noted once more after a moment.
//!
//! Whether a report is on its way or lost can be told only from what nodes say after the heartbeat
//! came. Without this an agent with a lost report would wait for its next heartbeat.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::ids::{AgentId, CompanyId};

use crate::ingest::agents::SeenHeartbeat;

/// Agents that are remembered. One that is not is looked at with its next heartbeat.
const AGENTS_MAX: usize = 50_000;

/// What is to be noted again.
#[derive(Debug, Default)]
pub(super) struct Behind(Mutex<HashMap<AgentId, (CompanyId, SeenHeartbeat)>>);

impl Behind {
    /// Remembers those of some heartbeats whose agents are behind.
    pub(super) fn keep(&self, company: CompanyId, seen: &[SeenHeartbeat], behind: &[AgentId]) {
        let mut kept = self.lock();
        for heartbeat in seen.iter().filter(|seen| behind.contains(&seen.agent)) {
            // After an outage a whole fleet is behind at once, and its next heartbeats come soon
            // enough.
            if kept.len() >= AGENTS_MAX {
                return;
            }
            // The last one of an agent: what it says of the acknowledged report counts.
            kept.insert(heartbeat.agent, (company, *heartbeat));
        }
    }

    /// Everything that is remembered, by company.
    pub(super) fn take(&self) -> HashMap<CompanyId, Vec<SeenHeartbeat>> {
        // Taken whole, so that the lock is let go before anything is asked of the database.
        let taken = std::mem::take(&mut *self.lock());
        let mut by_company: HashMap<CompanyId, Vec<SeenHeartbeat>> = HashMap::new();
        for (company, heartbeat) in taken.into_values() {
            by_company.entry(company).or_default().push(heartbeat);
        }
        by_company
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, (CompanyId, SeenHeartbeat)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
