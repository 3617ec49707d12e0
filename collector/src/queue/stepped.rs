//! For simulations: a queue without its thread, whose writer somebody steps.
//!
//! The same writer over a [`SimulatedDisk`], in the same groups. Who drives it decides how long a
//! group takes and after which one the node dies, so that a run can be repeated.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::commands::{self, Answer, Command};
use super::disk::simulated::SimulatedDisk;
use super::writer::Writer;
use super::{Committed, Entry, Inner, OpenError, Queue, QueueLimits, Recovered};
use crate::clock::Clock;

/// The writer of a queue that has no thread.
pub struct SteppedWriter {
    writer: Writer,
    asked: mpsc::Receiver<Command>,
    first: Option<Command>,
    waiting: Vec<(Entry, Answer)>,
}

impl fmt::Debug for SteppedWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SteppedWriter").finish_non_exhaustive()
    }
}

impl Queue {
    /// Opens the queue on a simulated disk, with a writer that does nothing by itself.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_stepped(
        disk: &SimulatedDisk,
        limits: QueueLimits,
        committed: Arc<dyn Committed>,
        clock: Clock,
    ) -> Result<(Self, SteppedWriter, Recovered), OpenError> {
        let disk = Arc::new(disk.clone());
        let (opened, asked, recovered) = Self::recover_on(disk, limits, committed, clock)?;
        let inner = Inner {
            limits,
            sender: opened.sender,
            ledger: opened.ledger,
            // Closing has no thread to wait for: dropping the writer is its end.
            thread: Mutex::new(None),
        };
        let writer =
            SteppedWriter { writer: opened.writer, asked, first: None, waiting: Vec::new() };
        let queue = Self { inner: Arc::new(inner) };
        Ok((queue, writer, recovered))
    }
}

impl SteppedWriter {
    /// Waits until something is asked of the writer; `false` when nobody can ask any more.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn asked(&mut self) -> bool {
        if self.first.is_none() {
            // Kept here, so that whoever waits may give up and wait again without losing it.
            self.first = self.asked.recv().await;
        }
        self.first.is_some()
    }

    /// Writes, syncs and answers all that was asked for so far, as one group.
    pub fn write(&mut self) {
        let Some(first) = self.first.take() else {
            return;
        };
        // Nobody is waited for: what comes while the disk works comes in virtual time.
        let is_tidying_due = commands::take(first, 0, &mut self.asked, &mut self.waiting);
        self.writer.append_all(&mut self.waiting);
        self.writer.tidy_if_due(is_tidying_due);
    }

    /// Ends the writer in order, as closing the queue does.
    pub fn close(self) {
        self.writer.end();
    }
}
