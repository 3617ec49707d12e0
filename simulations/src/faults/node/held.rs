//! What a queue has said to be durable, to hold it to that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use collector::pipeline::Dispatcher;
use collector::queue::{Committed, EntryHead};

use super::Stage;

/// Listens to what the queue says beside the lanes, to hold it to that.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) stage: Stage,
    pub(super) entries: Mutex<BTreeMap<u64, EntryHead>>,
}

impl Held {
    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeMap<u64, EntryHead>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Committed for Held {
    fn committed(&self, entries: &[EntryHead]) {
        for entry in entries {
            // Before the lanes hear of it: nothing may be stored or acknowledged that is not noted
            // here.
            self.stage.durable(entry.agent, entry.slip.position);
            if self.entries().insert(entry.slip.sequence, *entry).is_some() {
                self.stage.broken(format!(
                    "the queue gave number {} to two reports",
                    entry.slip.sequence
                ));
            }
        }
        self.dispatcher.committed(entries);
    }
}
