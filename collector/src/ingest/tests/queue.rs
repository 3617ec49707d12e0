//! A stand-in for the queue that takes, refuses or keeps its callers waiting, as a test says.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::ids::CompanyId;
use protocol::report::Lane;
use tokio::sync::watch;

use crate::ingest::agents::ReportQueue;
use crate::queue::{AppendError, Entry};

/// What becomes of the next appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Takes,
    Full,
    Broken,
    Closed,
}

/// The stand-in.
#[derive(Debug)]
pub(super) struct StandIn {
    taken: Arc<Mutex<Vec<Entry>>>,
    moods: Mutex<Vec<Mood>>,
    presses: Mutex<Option<Duration>>,
    gate: watch::Sender<bool>,
}

impl StandIn {
    pub(super) fn new() -> Self {
        Self {
            taken: Arc::default(),
            moods: Mutex::default(),
            presses: Mutex::default(),
            gate: watch::Sender::new(true),
        }
    }

    /// What becomes of the next appends, one each; those behind them are taken.
    pub(super) fn next_moods(&self, moods: &[Mood]) {
        // Turned round, so that the next one is at the end, where it is cheap to take.
        *self.moods.lock().unwrap() = moods.iter().rev().copied().collect();
    }

    /// From now on, parts of snapshots are to wait so long; as long as anybody likes with `None`.
    pub(super) fn press(&self, wait: Option<Duration>) {
        *self.presses.lock().unwrap() = wait;
    }

    /// From now on, appends wait until [`Self::open`].
    pub(super) fn shut(&self) {
        self.gate.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.gate.send_replace(true);
    }

    /// What was taken, in order.
    pub(super) fn taken(&self) -> Vec<Entry> {
        self.taken.lock().unwrap().clone()
    }
}

impl ReportQueue for StandIn {
    fn refuses(&self, _: CompanyId, lane: Lane) -> Option<Duration> {
        self.presses.lock().unwrap().filter(|_| lane == Lane::Snapshot)
    }

    fn append(
        &self,
        entry: Entry,
    ) -> Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send + 'static>> {
        // When it is called and not when it is polled: moods go by the order of the appends.
        let mood = self.moods.lock().unwrap().pop().unwrap_or(Mood::Takes);
        let taken = Arc::clone(&self.taken);
        let mut gate = self.gate.subscribe();
        Box::pin(async move {
            gate.wait_for(|is_open| *is_open).await.unwrap();
            match mood {
                Mood::Takes => {
                    taken.lock().unwrap().push(entry);
                    Ok(())
                }
                Mood::Full => Err(AppendError::Full),
                Mood::Broken => Err(AppendError::Storage(Arc::new(io::Error::other("gone")))),
                Mood::Closed => Err(AppendError::Closed),
            }
        })
    }
}
