//! Whether the collector holds exactly what the agents have: nothing lost, nothing twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::fingerprint::SoftwareKey;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::agent::Agent;
use super::context::Context;
use super::stock::Stock;
use crate::api::Api;

/// Hosts that are compared at once.
const COMPARERS: usize = 8;
/// Time between two comparisons of hosts that do not agree yet.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How a host's set compares with what the API says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Records that the host has and the API does not.
    pub(crate) lost: u64,
    /// Records that the API has and the host does not.
    pub(crate) unexpected: u64,
    /// Records that the API has more than once.
    pub(crate) twice: u64,
}

impl Difference {
    /// Compares a set with a list.
    pub(crate) fn between<'a, I>(expected: I, found: &[SoftwareKey]) -> Self
    where
        I: IntoIterator<Item = &'a SoftwareKey>,
    {
        let mut counts: BTreeMap<SoftwareKey, u64> = BTreeMap::new();
        for key in found {
            *counts.entry(*key).or_default() += 1;
        }
        let mut difference =
            Self { twice: counts.values().map(|count| count - 1).sum(), ..Self::default() };
        // What was expected is taken out, so that what is left was not.
        for key in expected {
            if counts.remove(key).is_none() {
                difference.lost += 1;
            }
        }
        difference.unexpected = u64::try_from(counts.len()).unwrap_or(u64::MAX);
        difference
    }

    /// Whether there is none.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.unexpected += other.unexpected;
        self.twice += other.twice;
    }
}

/// What came of a comparison of a fleet.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Verdict {
    /// Hosts that were compared.
    pub(crate) hosts: u64,
    /// Records that they have.
    pub(crate) records: u64,
    /// Hosts that do not agree.
    pub(crate) differing: u64,
    /// In which way, all together.
    #[serde(flatten)]
    pub(crate) difference: Difference,
    /// Seconds from the first report sent to the end of the last comparison. With a fleet that does
    /// not change, and all hosts agreeing: the time until every row was committed, give or take
    /// half a second.
    pub(crate) seconds: f64,
    /// Hosts that could not be compared, and why the first one could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl Verdict {
    /// Whether every host was compared and agrees.
    pub(crate) fn is_good(&self) -> bool {
        self.differing == 0 && self.error.is_none()
    }
}

/// Compares all hosts, and those that do not agree again and again, until all agree, the time is
/// over or the run is interrupted: rows are written a moment after the ack.
pub(crate) async fn verify(
    agents: Vec<Arc<Agent>>,
    (api, context): (&Api, &Arc<Context>),
    (until, interrupted): (Instant, &CancellationToken),
) -> Verdict {
    let mut verdict =
        Verdict { hosts: agents.len().try_into().unwrap_or(u64::MAX), ..Verdict::default() };
    let mut open = agents;
    loop {
        let round = Arc::new(Round::new(open));
        let tracker = TaskTracker::new();
        for _ in 0..COMPARERS {
            let (round, api) = (Arc::clone(&round), api.clone());
            let context = Arc::clone(context);
            tracker.spawn(async move { round.compare(&api, &context.stock).await });
        }
        tracker.close();
        tracker.wait().await;
        let found = round.found();
        verdict.records += found.agreeing;
        open = found.differing;
        verdict.differing = open.len().try_into().unwrap_or(u64::MAX);
        verdict.difference = found.difference;
        verdict.error = found.error;
        if verdict.is_good() || context.clock.now() >= until || interrupted.is_cancelled() {
            verdict.records += found.records_of_differing;
            return verdict;
        }
        // Only those that did not agree are asked again: the comparison must not become a load of
        // its own.
        sleep(AGAIN_AFTER).await;
    }
}

/// One pass over hosts: nothing is kept of those that agree but their number.
#[derive(Debug)]
struct Round {
    agents: Vec<Arc<Agent>>,
    next: AtomicUsize,
    found: Mutex<Found>,
}

/// What a pass has found.
#[derive(Clone, Debug, Default)]
struct Found {
    /// Records of hosts that agree.
    agreeing: u64,
    records_of_differing: u64,
    differing: Vec<Arc<Agent>>,
    difference: Difference,
    error: Option<String>,
}

impl Round {
    fn new(agents: Vec<Arc<Agent>>) -> Self {
        Self { agents, next: AtomicUsize::new(0), found: Mutex::default() }
    }

    /// Compares whatever nobody else compares, until nothing is left.
    async fn compare(&self, api: &Api, stock: &Stock) {
        // Taken by number: comparers share the list, and none waits for another's host.
        while let Some(agent) = self.agents.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let (company, id) = (agent.identity.company, agent.identity.agent);
            let keys = api.software(company, id, None).await;
            self.note(agent, keys, stock);
        }
    }

    fn note(&self, agent: &Arc<Agent>, keys: anyhow::Result<Vec<SoftwareKey>>, stock: &Stock) {
        let compared = keys.map(|keys| agent.compare(stock, &keys));
        // Behind the comparison, which draws a whole inventory: the others need the lock as well.
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match compared {
            Ok((records, difference)) if difference.is_none() => {
                found.agreeing += records;
                return;
            }
            Ok((records, difference)) => {
                found.records_of_differing += records;
                found.difference.add(&difference);
            }
            Err(error) => {
                found.error.get_or_insert_with(|| format!("{error:#}"));
            }
        }
        // Asked again in the next round, whether it differs or was not heard.
        found.differing.push(Arc::clone(agent));
    }

    fn found(&self) -> Found {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.clone()
    }
}

#[cfg(test)]
mod tests;
