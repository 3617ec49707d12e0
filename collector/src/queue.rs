//! The durable queue between ingest and the pipeline: a log of segments on the collector's own disk.
//!
//! It exists so that a report can be acknowledged before PostgreSQL has seen it: when
//! [`Queue::append`] answers `Ok`, neither `kill -9` nor a power cut takes the report back. It
//! knows nothing of what a report says, of companies' fairness or of order between agents; that is
//! the pipeline's. It must never answer `Ok` before the bytes are synced, never give out an entry
//! that was not acknowledged as if it had been, and never panic on what a disk holds.
//!
//! One thread writes. It takes whatever waits, writes it in one go, syncs once and answers all
//! (group commit). An entry stays until [`Queue::complete`]; a segment is deleted once it is
//! sealed and all its entries are complete. Which entries are complete is only noted in passing: an
//! entry that comes again after a crash is a no-op further down.
//! `docs/decisions/0001-queue-is-a-segment-log.md` says why it is not an embedded database.

mod commands;
mod disk;
mod error;
mod ledger;
mod progress;
mod record;
mod recovery;
mod segment;
#[cfg(any(test, feature = "test-support"))]
mod stepped;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use protocol::frame::Frame;
use protocol::ids::{AgentId, CompanyId, Position};
use protocol::limits::FRAME_WIRE_BYTES_MAX;
use protocol::report::Lane;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;

use self::commands::Command;
use self::disk::{Disk, FileDisk};
use self::ledger::Ledger;
use self::writer::Writer;

#[cfg(any(test, feature = "test-support"))]
pub use self::disk::simulated::{Faults, SimulatedDisk};
pub use self::error::{AppendError, OpenError, ReadError};
pub use self::recovery::Recovered;
#[cfg(any(test, feature = "test-support"))]
pub use self::stepped::SteppedWriter;

/// Appends that may wait for the writer; more wait in their callers.
const WAITING_APPENDS_MAX: usize = 4_096;

/// How much the queue may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Bytes of all segment files together; at least two segments.
    pub bytes_max: u64,
    /// Entries that wait, some 50 bytes of memory each.
    pub entries_max: u64,
    /// Bytes of one segment file, which is reserved whole when it is made; 1 MiB to 1 GiB.
    pub segment_bytes: u64,
    /// Bytes that stay free on the disk: no segment is made that would take of them.
    pub disk_free_bytes_min: u64,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            // At about a kilobyte a report, four gigabytes are the first inventories of some
            // hundred thousand hosts: a long outage of the database, not a backlog of every day.
            bytes_max: 4 << 30,
            // A change is a quarter of that, and of changes so many are the first to be reached: at their
            // peak those of a hundred thousand hosts in some nine hours. They take 200 MB of memory.
            entries_max: 4_000_000,
            segment_bytes: 32 << 20,
            disk_free_bytes_min: 256 << 20,
        }
    }
}

/// The least that [`QueueLimits::segment_bytes`] may be: one frame fits, whatever its length.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;
/// The most that [`QueueLimits::segment_bytes`] may be: one is read whole when the queue opens.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

const _: () = assert!(
    // A frame that fits into no segment would be refused as "full" for ever, and its agent would
    // send it for ever.
    (FRAME_WIRE_BYTES_MAX + record::HEAD_BYTES + segment::HEADER_BYTES) as u64 <= SEGMENT_BYTES_MIN
);

/// A report to be kept: its frame as it came, and what the pipeline has to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The company, from the agent's certificate.
    pub company: CompanyId,
    /// The agent, from its certificate.
    pub agent: AgentId,
    /// The report's place in the agent's line.
    pub position: Position,
    /// The report's lane.
    pub lane: Lane,
    /// The report's records, at most [`protocol::limits::REPORT_RECORDS_MAX`].
    pub records: u16,
    /// When ingest took it, in milliseconds since 1970.
    pub received_at_ms: u64,
    /// The report as it came.
    pub frame: Frame,
}

/// What is kept in memory of an entry that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHead {
    /// The company.
    pub company: CompanyId,
    /// The agent.
    pub agent: AgentId,
    /// Everything that is small.
    pub slip: Slip,
}

/// The part of an [`EntryHead`] that differs from entry to entry of one agent: 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slip {
    /// The entry's number in this queue.
    pub sequence: u64,
    /// When ingest took it, in milliseconds since 1970.
    pub received_at_ms: u64,
    /// The report's place in the agent's line.
    pub position: Position,
    /// Where the entry's record begins in its segment.
    pub offset: u32,
    /// Bytes of the payload.
    pub payload_bytes: u32,
    /// The report's records.
    pub records: u16,
    /// The report's lane.
    pub lane: Lane,
}

// A million of them wait in memory when the database is away, so a field more is megabytes.
const _: () = assert!(size_of::<Slip>() <= 64);

/// Told of entries as soon as they are durable, before their appends are answered.
///
/// Called on the writer's thread, and while the queue opens on the opening thread; it must be quick
/// and must not call the queue.
pub trait Committed: Send + Sync + 'static {
    /// These entries wait now, in the order in which they were appended.
    fn committed(&self, entries: &[EntryHead]);
}

/// What the queue holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Entries that wait or are worked on.
    pub entries: u64,
    /// Bytes of their records.
    pub entry_bytes: u64,
    /// Bytes of all segment files.
    pub file_bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Whether the last append was refused, because the queue is full or its disk does not take it.
    pub is_refusing: bool,
}

/// The queue. A clone is the same queue.
#[derive(Clone)]
pub struct Queue {
    inner: Arc<Inner>,
}

struct Inner {
    limits: QueueLimits,
    sender: mpsc::Sender<Command>,
    ledger: Arc<Mutex<Ledger>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A queue whose writer does not run yet.
struct Opened {
    sender: mpsc::Sender<Command>,
    ledger: Arc<Mutex<Ledger>>,
    writer: Writer,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Queue {
    /// Opens the queue in a directory, which is made when it is not there, and tells `committed`
    /// of everything that waits in it. Reads every segment once, so call it where blocking is
    /// allowed.
    ///
    /// # Errors
    ///
    /// When another process has it open, when the limits contradict each other, when a newer
    /// release wrote it, or when the disk refuses. Damage is no error: it is counted in
    /// [`Recovered`], and what is readable around it is recovered.
    pub fn open(
        directory: &Path,
        limits: QueueLimits,
        committed: Arc<dyn Committed>,
        clock: Clock,
    ) -> Result<(Self, Recovered), OpenError> {
        let disk = FileDisk::open(directory)?;
        Self::open_on(Arc::new(disk), limits, committed, clock)
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        limits: QueueLimits,
        committed: Arc<dyn Committed>,
        clock: Clock,
    ) -> Result<(Self, Recovered), OpenError> {
        let (opened, receiver, recovered) = Self::recover_on(disk, limits, committed, clock)?;
        let Opened { sender, ledger, writer } = opened;
        let thread = std::thread::Builder::new()
            // A thread of its own and no blocking task: it lives as long as the queue, and a sync
            // that takes seconds on a bad disk must not hold one of the runtime's.
            .name("queue-writer".to_owned())
            .spawn(move || writer.run(receiver))
            .map_err(|source| OpenError::Disk {
                action: "start the queue's writer thread",
                source,
            })?;
        let inner = Inner { limits, sender, ledger, thread: Mutex::new(Some(thread)) };
        let queue = Self { inner: Arc::new(inner) };
        Ok((queue, recovered))
    }

    /// Recovers what a disk holds and makes the writer, which nobody runs yet.
    fn recover_on(
        disk: Arc<dyn Disk>,
        limits: QueueLimits,
        committed: Arc<dyn Committed>,
        clock: Clock,
    ) -> Result<(Opened, mpsc::Receiver<Command>, Recovered), OpenError> {
        limits.validate()?;
        // The pipeline hears of what waits before the writer exists: recovered entries come before
        // new ones.
        let (ledger, next, recovered) = recovery::recover(&*disk, &*committed)?;
        let ledger = Arc::new(Mutex::new(ledger));
        let (sender, receiver) = mpsc::channel(WAITING_APPENDS_MAX);
        let writer = Writer::new(disk, limits, Arc::clone(&ledger), committed, clock, next);
        let opened = Opened { sender, ledger, writer };
        Ok((opened, receiver, recovered))
    }

    /// Appends an entry; `Ok` means that no failure of this machine but the loss of its disk can
    /// take it back.
    ///
    /// # Errors
    ///
    /// When the queue is full, the disk refuses or the queue is closed. After an error the entry
    /// is not in the queue.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the entry may or may not be in the queue; sending it again is
    /// harmless.
    pub async fn append(&self, entry: Entry) -> Result<(), AppendError> {
        let (answer, answered) = oneshot::channel();
        let command = Command::Append { entry, answer };
        // Waiting here is the backpressure: the channel has an end, and a session has only so many
        // reports under way.
        if self.inner.sender.send(command).await.is_err() {
            return Err(AppendError::Closed);
        }
        // A writer that died has dropped the other end.
        answered.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Reads an entry's frame. One `pread`, mostly from the page cache.
    ///
    /// # Errors
    ///
    /// When the entry was completed before, or the disk does not give back what was written.
    pub fn read(&self, slip: &Slip) -> Result<Frame, ReadError> {
        // The file is taken out under the lock and read without it. A segment that is deleted
        // meanwhile stays readable through this handle, as POSIX has it for unlinked files.
        let place = self.ledger().place(slip.sequence);
        let (tag, file) = place.ok_or(ReadError::Unknown(slip.sequence))?;
        record::read(&*file, tag, slip)
    }

    /// Says that an entry came to its end and may be forgotten. Of an entry that was completed
    /// before, it does nothing.
    pub fn complete(&self, slip: &Slip) {
        let bytes = record::bytes_of(slip.payload_bytes);
        let is_tidying_due = self.ledger().complete(slip.sequence, bytes);
        if is_tidying_due {
            // Only wakes a writer that has nothing to do. When the channel is full it is busy, and
            // asks the ledger itself after every group.
            drop(self.inner.sender.try_send(Command::Tidy));
        }
    }

    /// How much it may hold.
    #[must_use]
    pub fn limits(&self) -> QueueLimits {
        self.inner.limits
    }

    /// What the queue holds now.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        self.ledger().stats()
    }

    /// Entries that were completed since the queue was opened.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.ledger().completed()
    }

    /// Takes no more appends, ends those that wait, notes which entries are complete, and returns
    /// once the writer has ended. Blocks for as long as a sync takes.
    pub fn close(&self) {
        let thread = lock(&self.inner.thread).take();
        let Some(thread) = thread else { return };
        // A writer that has ended already is closed already.
        drop(self.inner.sender.blocking_send(Command::Close));
        if thread.join().is_err() {
            tracing::error!("the queue's writer thread panicked; unanswered appends are lost");
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.inner.ledger)
    }
}

impl QueueLimits {
    fn validate(&self) -> Result<(), OpenError> {
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Err(OpenError::Limits("segment_bytes has to be 1 MiB to 1 GiB"));
        }
        // With room for one only, a segment that waits for its last entry would refuse every append
        // until it is done.
        if self.bytes_max < 2 * self.segment_bytes {
            return Err(OpenError::Limits("bytes_max has to be at least twice segment_bytes"));
        }
        if self.entries_max == 0 {
            return Err(OpenError::Limits("entries_max has to be at least 1"));
        }
        Ok(())
    }
}

/// Locks, whatever became of another holder: every critical section of the queue leaves its data
/// consistent at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
