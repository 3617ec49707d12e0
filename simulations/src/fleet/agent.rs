//! A simulated agent, apart from its connection: what everyone but its client sees of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use protocol::fingerprint::SoftwareKey;
use quinn::ClientConfig;

use super::identity::Identity;
use super::model::Model;
use super::orders::Orders;
use super::stats::Counter;
use super::stock::Stock;
use super::verify::Difference;

/// A simulated agent, apart from its connection.
#[derive(Debug)]
pub(crate) struct Agent {
    /// Who it is.
    pub(crate) identity: Arc<Identity>,
    /// What it has, and what it says.
    pub(crate) model: Mutex<Model>,
    /// What the scenario wants of it.
    pub(crate) orders: Orders,
    /// Its TLS configuration with its tickets, where it resumes sessions.
    pub(crate) tls: OnceLock<ClientConfig>,
    /// How often it was welcomed.
    pub(crate) welcomes: Counter,
    /// Whether another host goes by its name, so that its rows are anyone's.
    is_shared: AtomicBool,
}

impl Agent {
    /// An agent that nobody has heard of yet.
    pub(crate) fn new(identity: Identity, model: Model) -> Self {
        Self {
            identity: Arc::new(identity),
            model: Mutex::new(model),
            orders: Orders::default(),
            tls: OnceLock::new(),
            welcomes: Counter::default(),
            is_shared: AtomicBool::new(false),
        }
    }

    /// Looks at what it has and says.
    pub(crate) fn with_model<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        // What a panic left half-done is seen by the comparison in the end; a poisoned lock would
        // hide it.
        read(&self.model.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Another host has its name from now on.
    pub(crate) fn share(&self) {
        // Read when all has come to rest, so no order beside it matters.
        self.is_shared.store(true, Ordering::Relaxed);
    }

    /// Whether its rows are those of one host.
    pub(crate) fn is_one_host(&self) -> bool {
        !self.is_shared.load(Ordering::Relaxed)
    }

    /// Compares what it has with what the API says; gives how much it has as well.
    pub(crate) fn compare(&self, stock: &Stock, found: &[SoftwareKey]) -> (u64, Difference) {
        // The inventory is drawn again outside of the lock: the client must not wait for that.
        let host = self.with_model(|model| model.host().clone());
        let keys = host.keys(stock);
        let records = keys.len().try_into().unwrap_or(u64::MAX);
        (records, Difference::between(&keys, found))
    }
}
