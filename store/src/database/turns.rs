//! How much of the pool one company's readers may have at once.
//!
//! A list of a large company may take seconds, and whoever may read may ask for many. Without a bound they would
//! have every connection, and neither another company nor a report would get one. So what is read for a request
//! takes a turn of its company first, and gives it back once its connection is free: also when nobody waits for the
//! answer any more, because the server goes on with a statement until it notices.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::StoreError;

/// How long is waited for a turn.
const WAIT: Duration = Duration::from_secs(1);
/// The part of the pool that one company may have.
const SHARE: u32 = 4;
/// Turns of a company in a pool however small: one slow list leaves another one through.
const TURNS_MIN: u32 = 2;

/// A company's turn to read, until it is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

/// The turns of each company that has read.
#[derive(Debug)]
pub(super) struct Turns {
    at_once: usize,
    // An entry a company that was ever asked for, some hundred bytes each.
    companies: Mutex<HashMap<i64, Arc<Semaphore>>>,
}

impl Turns {
    /// Turns in a pool of so many connections.
    pub(super) fn new(connections_max: u32) -> Self {
        let at_once = (connections_max / SHARE).max(TURNS_MIN);
        Self { at_once: at_once as usize, companies: Mutex::default() }
    }

    /// A company's next turn.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`] when all of its turns are taken for as long as is waited.
    pub(super) async fn take(&self, company_key: i64) -> Result<Turn, StoreError> {
        let taking = self.of(company_key).acquire_owned();
        match timeout(WAIT, taking).await {
            Ok(Ok(turn)) => Ok(turn),
            // Nobody closes it.
            Ok(Err(_)) | Err(_) => Err(StoreError::Busy),
        }
    }

    fn of(&self, company_key: i64) -> Arc<Semaphore> {
        // Nothing panics while it is held, and a map without an entry is a valid one.
        let mut companies = self.companies.lock().unwrap_or_else(PoisonError::into_inner);
        let turns =
            companies.entry(company_key).or_insert_with(|| Arc::new(Semaphore::new(self.at_once)));
        Arc::clone(turns)
    }
}

#[cfg(test)]
mod tests;
