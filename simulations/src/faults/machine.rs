//! A machine with an agent: its host, its disk, its clock and its paths to the nodes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent::spool::simulated::SpoolDisk;
use protocol::ids::{AgentId, CompanyId};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::host::Host;
use super::net::Pipe;
use super::node::{BEGINNING, Node};
use super::stage::Stage;
use crate::clock::Clock;

/// Bytes that may wait: small, so that a long outage makes it run over.
pub(super) const SPOOL_BYTES_MAX: u64 = 12 * 1024;
/// After how long a connection that nothing goes through is given up.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// The nodes, as agents reach them.
pub(super) type Nodes = Arc<Mutex<Vec<Node>>>;

/// Locks, whatever became of another holder.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A machine with an agent, whether that runs or not.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) number: usize,
    pub(super) company: CompanyId,
    pub(super) agent: AgentId,
    pub(super) host: Mutex<Host>,
    pub(super) disk: Mutex<SpoolDisk>,
    /// Whether a spool was opened on the disk before.
    pub(super) had_spool: AtomicBool,
    /// An image of the disk that will come back.
    pub(super) image: Mutex<Option<SpoolDisk>>,
    /// How wrong its clock is, in milliseconds.
    pub(super) wrong_ms: AtomicI64,
    /// Somebody at the machine wants a scan.
    pub(super) wish: Notify,
    /// The connection that stands.
    pub(super) line: Mutex<Option<Wire>>,
    /// The paths to nodes that are not as they should be.
    pub(super) paths: Mutex<BTreeMap<usize, PathState>>,
    /// Whether nothing waits in its spool.
    pub(super) is_idle: Mutex<bool>,
}

/// Both directions of a connection.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) node: usize,
    pub(super) up: Pipe,
    pub(super) down: Pipe,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathState {
    pub(super) blocked_until: Instant,
    pub(super) delay: Duration,
}

impl Default for PathState {
    fn default() -> Self {
        Self {
            // A time that has come blocks nothing.
            blocked_until: Clock.now(),
            delay: Duration::from_millis(20),
        }
    }
}

impl Machine {
    pub(super) fn now_ms(&self, stage: &Stage) -> u64 {
        // What a host with a right clock would say. Only what a report tells of its making is by
        // it.
        let right = BEGINNING.unix_timestamp() * 1_000;
        let right = right + i64::try_from(stage.elapsed().as_millis()).unwrap_or(0);
        u64::try_from(right + self.wrong_ms.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
