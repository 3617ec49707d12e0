//! What the queue remembers of its segments: which entries of each still wait.
//!
//! One bit an entry, so that a million entries that wait cost 125 KB here. Pure; the writer and
//! the readers share it behind one lock that nobody holds while the disk works.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::QueueStats;
use super::disk::DiskFile;
use super::progress::SegmentProgress;
use super::segment::Header;

/// Completions after which the writer is asked to tidy.
const TIDY_EVERY: u64 = 16_384;

/// All segments.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By the number of their first entry.
    segments: BTreeMap<u64, Segment>,
    entries: u64,
    entry_bytes: u64,
    file_bytes: u64,
    completions_since_tidying: u64,
    /// Entries that were completed since the queue was opened.
    completed: u64,
    /// Whether a segment came to its end since the writer tidied.
    has_dead: bool,
    /// Whether the last group was refused rather than made durable.
    is_refusing: bool,
}

/// One segment.
pub(super) struct Segment {
    /// The segment's number.
    pub(super) number: u64,
    /// What its records begin with.
    pub(super) tag: u64,
    /// Its file.
    pub(super) file: Arc<dyn DiskFile>,
    /// The file's size.
    pub(super) file_bytes: u64,
    /// Whether nothing is appended to it any more.
    pub(super) is_sealed: bool,
    /// Behind the number of its last entry.
    pub(super) end: u64,
    /// Entries that wait.
    pub(super) waiting: u64,
    /// Entries that were complete, by their number less the segment's first; numbers that do not
    /// exist, because their records are damaged, count as complete.
    pub(super) complete: Bits,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("number", &self.number)
            .field("is_sealed", &self.is_sealed)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits(pub(super) Vec<u64>);

impl Bits {
    /// Puts a number in, and says whether it is new.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        // Where a word has 32 bits and the number more, no segment has so many entries.
        let Ok(word) = usize::try_from(number / 64) else {
            return false;
        };
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let bit = 1 << (number % 64);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// Whether a number is in.
    pub(super) fn contains(&self, number: u64) -> bool {
        usize::try_from(number / 64)
            .ok()
            .and_then(|word| self.0.get(word))
            .is_some_and(|bits| bits & (1 << (number % 64)) != 0)
    }
}

impl Ledger {
    /// Takes in a segment whose first entry has that number.
    pub(super) fn insert(&mut self, first: u64, segment: Segment, waiting_bytes: u64) {
        self.entries += segment.waiting;
        self.file_bytes += segment.file_bytes;
        self.entry_bytes += waiting_bytes;
        self.segments.insert(first, segment);
    }

    /// Makes sure that the segment which is appended to is here.
    pub(super) fn ensure(&mut self, header: Header, file: &Arc<dyn DiskFile>, file_bytes: u64) {
        if !self.segments.contains_key(&header.first) {
            let segment = Segment {
                number: header.number,
                tag: header.tag,
                file: Arc::clone(file),
                file_bytes,
                is_sealed: false,
                end: header.first,
                waiting: 0,
                complete: Bits::default(),
            };
            self.insert(header.first, segment, 0);
        }
    }

    /// Takes new entries in, of the segment whose first entry has that number.
    pub(super) fn add(&mut self, first: u64, entries: u64, bytes: u64) {
        if let Some(segment) = self.segments.get_mut(&first) {
            segment.end += entries;
            segment.waiting += entries;
            self.entries += entries;
            self.entry_bytes += bytes;
        }
    }

    /// Says whether the last group was refused.
    pub(super) const fn set_refusing(&mut self, is_refusing: bool) {
        self.is_refusing = is_refusing;
    }

    /// Says that nothing more is appended to a segment, and what size its file has now.
    pub(super) fn seal(&mut self, first: u64, file_bytes: u64) {
        if let Some(segment) = self.segments.get_mut(&first) {
            segment.is_sealed = true;
            // All of it may be complete by now, and then nothing that comes will ask for tidying.
            self.has_dead |= segment.waiting == 0;
            self.file_bytes = self.file_bytes - segment.file_bytes + file_bytes;
            segment.file_bytes = file_bytes;
        }
    }

    /// Completes an entry, and says whether tidying is due.
    pub(super) fn complete(&mut self, sequence: u64, bytes: u64) -> bool {
        // Numbers grow over all segments, so the last that begins at or before it is the one that
        // can hold it. It does not when the entry's own segment is gone: counted here, the second
        // completion of such an entry would take a place from one that waits, and with the last of
        // them the file.
        let Some((first, segment)) = self.segments.range_mut(..=sequence).next_back() else {
            return false;
        };
        if sequence >= segment.end {
            return false;
        }
        // An entry that was redelivered is completed twice, and the counts below must move once.
        if !segment.complete.insert(sequence - first) {
            return false;
        }
        segment.waiting = segment.waiting.saturating_sub(1);
        let is_dead = segment.is_sealed && segment.waiting == 0;
        self.entries = self.entries.saturating_sub(1);
        self.entry_bytes = self.entry_bytes.saturating_sub(bytes);
        self.completions_since_tidying += 1;
        self.completed += 1;
        self.has_dead |= is_dead;
        self.is_tidying_due()
    }

    /// Whether there is a segment to delete, or much to note.
    pub(super) const fn is_tidying_due(&self) -> bool {
        self.has_dead || self.completions_since_tidying >= TIDY_EVERY
    }

    /// Where an entry is that waits: its segment's tag and file.
    pub(super) fn place(&self, sequence: u64) -> Option<(u64, Arc<dyn DiskFile>)> {
        let (first, segment) = self.segments.range(..=sequence).next_back()?;
        (sequence < segment.end && !segment.complete.contains(sequence - first))
            .then(|| (segment.tag, Arc::clone(&segment.file)))
    }

    /// Takes out the segments that nobody needs any more, and gives their numbers.
    pub(super) fn take_dead(&mut self) -> Vec<u64> {
        self.completions_since_tidying = 0;
        self.has_dead = false;
        let dead: Vec<_> = self
            .segments
            // An open segment is never taken out, whatever is complete in it: it is still written
            // to.
            .extract_if(.., |_, segment| segment.is_sealed && segment.waiting == 0)
            .map(|(_, segment)| segment)
            .collect();
        self.file_bytes -= dead.iter().map(|segment| segment.file_bytes).sum::<u64>();
        dead.iter().map(|segment| segment.number).collect()
    }

    /// Which entries of which segments are complete, of segments where some are.
    pub(super) fn progress(&self) -> Vec<SegmentProgress> {
        self.segments
            .values()
            // A segment of which nothing is complete is what a reader assumes anyway, and after a
            // long outage of the database that is nearly all of them.
            .filter(|segment| segment.complete.0.iter().any(|word| *word != 0))
            .map(|segment| SegmentProgress {
                number: segment.number,
                tag: segment.tag,
                complete: segment.complete.0.clone(),
            })
            .collect()
    }

    /// What the queue holds.
    /// Entries that were completed since the queue was opened.
    pub(super) const fn completed(&self) -> u64 {
        self.completed
    }

    pub(super) fn stats(&self) -> QueueStats {
        QueueStats {
            entries: self.entries,
            entry_bytes: self.entry_bytes,
            file_bytes: self.file_bytes,
            segments: self.segments.len() as u64,
            is_refusing: self.is_refusing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Disk as _;
    use super::super::disk::simulated::SimulatedDisk;
    use super::*;

    fn ledger_with_segment(first: u64, entries: u64) -> Ledger {
        let file = SimulatedDisk::default().create("file", 10).unwrap();
        let header = Header { number: 1, previous: 0, first, tag: 9 };
        let mut ledger = Ledger::default();
        ledger.ensure(header, &file, 1_000);
        ledger.add(first, entries, entries * 10);
        ledger
    }

    #[test]
    fn bits_hold_what_was_put_in() {
        let mut bits = Bits::default();
        for number in [0, 63, 64, 1_000] {
            assert!(!bits.contains(number));
            assert!(bits.insert(number) && !bits.insert(number));
            assert!(bits.contains(number));
        }
        assert!(!bits.contains(1) && !bits.contains(100_000));
    }

    #[test]
    fn an_open_segment_is_kept_even_when_all_of_it_is_complete() {
        let mut ledger = ledger_with_segment(5, 2);
        assert!(!ledger.complete(5, 10) && !ledger.complete(6, 10));
        assert!(ledger.take_dead().is_empty());
        ledger.seal(5, 400);
        assert_eq!(ledger.stats().file_bytes, 400);
        assert_eq!(ledger.take_dead(), [1]);
        assert_eq!(ledger.stats(), QueueStats::default());
    }

    #[test]
    fn the_last_completion_of_a_sealed_segment_asks_for_tidying() {
        let mut ledger = ledger_with_segment(1, 2);
        ledger.seal(1, 400);
        assert!(!ledger.complete(1, 10));
        assert!(ledger.complete(2, 10));
    }

    #[test]
    fn a_segment_that_is_complete_when_it_is_sealed_is_tidied_without_being_asked_for() {
        let mut ledger = ledger_with_segment(1, 1);
        assert!(!ledger.complete(1, 10) && !ledger.is_tidying_due());
        ledger.seal(1, 400);
        assert!(ledger.is_tidying_due());
        assert_eq!(ledger.take_dead(), [1]);
        assert!(!ledger.is_tidying_due());
    }

    #[test]
    fn numbers_behind_every_segment_belong_to_none() {
        let mut ledger = ledger_with_segment(5, 1);
        assert!(!ledger.complete(6, 10));
        assert!(ledger.place(6).is_none());
        assert_eq!(ledger.stats().entries, 1);
        assert!(ledger.place(5).is_some());
    }

    #[test]
    fn numbers_before_every_segment_belong_to_none() {
        let mut ledger = ledger_with_segment(5, 1);
        assert!(!ledger.complete(4, 10));
        assert!(ledger.place(4).is_none());
        assert_eq!(ledger.stats().entries, 1);
    }
}
