//! The one thread that writes: takes what waits, writes it, syncs once, answers all.
//!
//! Every error takes the same way: the group's appends are answered with it, the segment is sealed
//! where it was last known to be good, and the next group begins a new segment. Nothing is ever
//! written to a file again whose sync has failed, because the kernel forgets what it lost.

use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard};

use metrics::{counter, histogram};
use protocol::limits::FRAME_WIRE_BYTES_MAX;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::metrics::{LABEL_OUTCOME, QUEUE_APPENDS, QUEUE_COMMIT_REPORTS, QUEUE_COMMIT_SECONDS};

use super::commands::{self, Answer, Command, GROUP_BYTES_MAX};
use super::disk::{Disk, DiskFile};
use super::ledger::Ledger;
use super::record::{self, Stamp};
use super::segment::{self, HEADER_BYTES, Header};
use super::{AppendError, Committed, Entry, EntryHead, QueueLimits, lock, progress};

/// The numbers that come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// The next segment's number.
    pub(super) segment: u64,
    /// The last segment that holds an entry; 0 for none.
    pub(super) previous: u64,
    /// The next entry's number; everything before it is durable.
    pub(super) sequence: u64,
}

/// The writer.
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    limits: QueueLimits,
    ledger: Arc<Mutex<Ledger>>,
    committed: Arc<dyn Committed>,
    clock: Clock,
    next: Next,
    active: Option<Active>,
    group: Group,
}

/// The segment that is appended to.
struct Active {
    file: Arc<dyn DiskFile>,
    header: Header,
    /// Where the last durable record ends.
    end: u64,
}

/// Appends that share a write and a sync.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    heads: Vec<EntryHead>,
    answers: Vec<Answer>,
}

impl Writer {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        limits: QueueLimits,
        ledger: Arc<Mutex<Ledger>>,
        committed: Arc<dyn Committed>,
        clock: Clock,
        next: Next,
    ) -> Self {
        Self { disk, limits, ledger, committed, clock, next, active: None, group: Group::default() }
    }

    /// Serves until [`Command::Close`] or until nobody can ask any more.
    pub(super) fn run(mut self, mut asked: mpsc::Receiver<Command>) {
        let mut waiting = Vec::new();
        let mut expected = 0;
        while let Some(first) = asked.blocking_recv() {
            let is_tidying_due = commands::take(first, expected, &mut asked, &mut waiting);
            // The last group is the best guess of how many clients append in step. With one client
            // it is one, and nobody ever waits a moment.
            expected = waiting.len();
            self.append_all(&mut waiting);
            self.tidy_if_due(is_tidying_due);
        }
        self.end();
    }

    /// Tidies when it was asked for or there is reason to.
    pub(super) fn tidy_if_due(&self, is_asked: bool) {
        if is_asked || self.ledger().is_tidying_due() {
            self.tidy();
        }
    }

    /// Leaves the files as the next start finds them best.
    pub(super) fn end(mut self) {
        self.seal();
        self.tidy();
    }

    /// Appends in one group, or in one for each segment that is begun.
    pub(super) fn append_all(&mut self, waiting: &mut Vec<(Entry, Answer)>) {
        for (entry, answer) in waiting.drain(..) {
            match self.stage(&entry) {
                Ok(()) => self.group.answers.push(answer),
                Err(error) => {
                    self.ledger().set_refusing(true);
                    refuse([answer], &error);
                }
            }
        }
        self.commit();
    }

    /// Puts an entry's record into the group, after committing what no longer shares a segment
    /// with it.
    fn stage(&mut self, entry: &Entry) -> Result<(), AppendError> {
        let staged = self.group.heads.len() as u64;
        // Staged ones count: a group of thousands would run past the bound otherwise.
        if self.ledger().stats().entries + staged >= self.limits.entries_max {
            return Err(AppendError::Full);
        }
        let record_bytes = record::HEAD_BYTES + entry.frame.payload.len();
        let end = self.active.as_ref().map_or(0, |active| active.end);
        let staged_end = end + (self.group.bytes.len() + record_bytes) as u64;
        if staged_end > self.limits.segment_bytes {
            self.commit();
            self.seal();
        }
        if self.active.is_none() {
            // Only when there is something to write: a collector that takes nothing for a year
            // makes no files.
            self.active = Some(self.begin_segment()?);
        }
        let Some(active) = &self.active else {
            return Err(AppendError::Closed);
        };
        self.group.add(entry, active, self.next.sequence)
    }

    /// Makes the group durable and answers it.
    fn commit(&mut self) {
        // Taken out, because writing needs `self` as well, and put back below with the room that it
        // has.
        let mut group = mem::take(&mut self.group);
        if !group.heads.is_empty() {
            match self.write(&group.bytes) {
                Ok(()) => self.publish(&mut group),
                Err(error) => {
                    tracing::error!(%error, "the queue's disk refuses a write or a sync");
                    self.seal();
                    self.ledger().set_refusing(true);
                    refuse(group.answers.drain(..), &storage(error));
                }
            }
        }
        group.clear();
        self.group = group;
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(active) = &mut self.active else {
            return Err(io::Error::other("no segment is open"));
        };
        let began = self.clock.instant();
        // Write, then sync, and only then move the end: an error leaves `end` at the last byte that
        // somebody was promised.
        active.file.write_at(bytes, active.end)?;
        active.file.sync()?;
        histogram!(QUEUE_COMMIT_SECONDS).record(self.clock.instant() - began);
        active.end += bytes.len() as u64;
        Ok(())
    }

    /// Tells everyone of a group that is durable.
    fn publish(&mut self, group: &mut Group) {
        let entries = group.heads.len() as u64;
        let bytes = group.heads.iter().map(|head| record::bytes_of(head.slip.payload_bytes)).sum();
        // Numbers are given for good only here: those of a group that failed are used again, by
        // records with another tag.
        self.next.sequence += entries;
        if let Some(active) = &self.active {
            let file_bytes = self.limits.segment_bytes;
            self.next.previous = active.header.number;
            let mut ledger = lock(&self.ledger);
            ledger.ensure(active.header, &active.file, file_bytes);
            ledger.add(active.header.first, entries, bytes);
            ledger.set_refusing(false);
        }
        histogram!(QUEUE_COMMIT_REPORTS).record(precise(entries));
        counter!(QUEUE_APPENDS, LABEL_OUTCOME => "durable").increment(entries);
        // Before the answers, as `Committed` promises.
        self.committed.committed(&group.heads);
        for answer in group.answers.drain(..) {
            // Whoever asked may have gone; the entry is durable all the same.
            drop(answer.send(Ok(())));
        }
    }

    fn begin_segment(&mut self) -> Result<Active, AppendError> {
        let segment_bytes = self.limits.segment_bytes;
        if self.check_room(segment_bytes).is_err() {
            // A segment whose entries were all complete before it was sealed is dead without anyone
            // having asked to tidy, and in a queue that is empty nobody ever will.
            self.tidy();
            self.check_room(segment_bytes)?;
        }
        let header = Header {
            number: self.next.segment,
            previous: self.next.previous,
            first: self.next.sequence,
            tag: self.disk.random().map_err(storage)?,
        };
        // Counted before the file is made: when making it fails half-way, what is left of that name
        // is never met again.
        self.next.segment += 1;
        let name = segment::file_name(header.number);
        let file = self.disk.create(&name, segment_bytes).map_err(storage)?;
        // Durable before its first record, so that a file without a header never held an entry.
        let begun = file
            .write_at(&header.encode(), 0)
            .and_then(|()| file.sync())
            .and_then(|()| self.disk.sync_directory());
        if let Err(error) = begun {
            self.remove(header.number);
            return Err(storage(error));
        }
        Ok(Active { file, header, end: HEADER_BYTES as u64 })
    }

    /// Whether a segment has room: in the queue's own bound, and on the disk beside what has to stay
    /// free there.
    fn check_room(&self, segment_bytes: u64) -> Result<(), AppendError> {
        if self.ledger().stats().file_bytes + segment_bytes > self.limits.bytes_max {
            return Err(AppendError::Full);
        }
        let free = self.disk.free_bytes().map_err(storage)?;
        if free < segment_bytes.saturating_add(self.limits.disk_free_bytes_min) {
            return Err(storage(io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }

    /// Ends the active segment where it was last known to be good.
    fn seal(&mut self) {
        let Some(active) = self.active.take() else {
            return;
        };
        if active.end == HEADER_BYTES as u64 {
            // None of its entries was ever acknowledged.
            self.remove(active.header.number);
            return;
        }
        // Gives back what was reserved and not used, so a quiet day's segments cost what they hold.
        let cut = active.file.set_len(active.end).map(|()| active.end);
        let file_bytes = cut.unwrap_or_else(|error| {
            tracing::warn!(%error, segment = active.header.number, "cutting a sealed segment");
            self.limits.segment_bytes
        });
        self.ledger().seal(active.header.first, file_bytes);
    }

    /// Deletes segments that nobody needs, and notes which entries of the others are complete.
    fn tidy(&self) {
        // Both under one lock, so that the note cannot miss a segment that is still there; the disk
        // is touched after it is let go.
        let (dead, progress) = {
            let mut ledger = self.ledger();
            (ledger.take_dead(), ledger.progress())
        };
        for number in &dead {
            self.remove(*number);
        }
        if !dead.is_empty()
            && let Err(error) = self.disk.sync_directory()
        {
            tracing::warn!(%error, "syncing the queue's directory after deleting segments");
        }
        if let Err(error) = progress::write(&*self.disk, &progress) {
            tracing::debug!(%error, "noting which entries are complete");
        }
    }

    fn remove(&self, number: u64) {
        if let Err(error) = self.disk.remove(&segment::file_name(number)) {
            // It comes back with the next start, where its entries are no-ops.
            tracing::warn!(%error, segment = number, "deleting a segment");
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }
}

impl Group {
    /// Adds an entry's record.
    fn add(&mut self, entry: &Entry, active: &Active, next: u64) -> Result<(), AppendError> {
        if entry.frame.payload.len() > FRAME_WIRE_BYTES_MAX {
            return Err(storage(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the payload is longer than a frame's may be",
            )));
        }
        let offset = active.end + self.bytes.len() as u64;
        let stamp = Stamp {
            tag: active.header.tag,
            sequence: next + self.heads.len() as u64,
            // Of the whole group alike: none of its own records is known to be durable before the
            // sync that covers all of them.
            durable: next - 1,
        };
        let head = record::encode(entry, stamp, offset, &mut self.bytes);
        self.heads.push(head);
        Ok(())
    }

    fn clear(&mut self) {
        self.bytes.clear();
        // One group of many large snapshots must not keep its peak for good; what an ordinary group
        // needs stays allocated.
        self.bytes.shrink_to(GROUP_BYTES_MAX);
        self.heads.clear();
        self.answers.clear();
    }
}

/// Numbers of entries in a group are far below 2^32.
fn precise(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn refuse(answers: impl IntoIterator<Item = Answer>, error: &AppendError) {
    let outcome = match error {
        AppendError::Full => "full",
        AppendError::Storage(_) | AppendError::Closed => "failed",
    };
    for answer in answers {
        counter!(QUEUE_APPENDS, LABEL_OUTCOME => outcome).increment(1);
        // Whoever asked may have gone.
        drop(answer.send(Err(error.clone())));
    }
}

fn storage(error: io::Error) -> AppendError {
    AppendError::Storage(Arc::new(error))
}
