//! Whether records keep coming into the rows, and the longest time in which none did.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::ids::CompanyId;
use tokio::time::{Instant, sleep, timeout};

use crate::api::Api;
use crate::clock::Clock;

/// How often is looked.
const EVERY: Duration = Duration::from_millis(250);
/// How long a node may take to answer; a paused one never does.
const WITHIN: Duration = Duration::from_millis(1_000);

/// The longest time without progress of one company.
#[derive(Clone, Debug, Default)]
pub(super) struct Longest(Arc<Mutex<Standstill>>);

/// A time without progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Standstill {
    /// How long it was.
    pub(super) lasted: Duration,
    /// What was wrong meanwhile.
    pub(super) fault: String,
}

/// What goes wrong at the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Present(Arc<Mutex<String>>);

impl Present {
    pub(super) fn set(&self, fault: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Longest {
    pub(super) fn get(&self) -> Standstill {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, lasted: Duration, fault: impl FnOnce() -> String) {
        let mut longest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The text is made only then, and not four times a second.
        if lasted > longest.lasted {
            *longest = Standstill { lasted, fault: fault() };
        }
    }
}

/// Watches one company until it is dropped. A time in which no node answers counts as one without
/// progress: nobody could have seen any.
pub(super) async fn watch(
    company: CompanyId,
    apis: Vec<Api>,
    clock: Clock,
    (longest, present): (Longest, Present),
) {
    let mut seen = 0;
    let mut since = clock.now();
    loop {
        if let Some(records) = records(company, &apis).await
            && records != seen
        {
            seen = records;
            since = clock.now();
        }
        // After the question: what a silent node costs is time without progress too.
        let now: Instant = clock.now();
        longest.note(now - since, || present.get());
        sleep(EVERY).await;
    }
}

/// What the first node that answers says.
async fn records(company: CompanyId, apis: &[Api]) -> Option<u64> {
    for api in apis {
        if let Ok(Ok(records)) = timeout(WITHIN, api.records_applied(company)).await {
            return Some(records);
        }
    }
    None
}

#[cfg(test)]
mod tests;
