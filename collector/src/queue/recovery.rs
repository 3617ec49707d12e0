//! Opening: reads every segment, gives out what waits, repairs and reports what is broken.
//!
//! A start may follow any crash, so nothing that stands on the disk is an error here but a disk that
//! does not answer and a format from the future. Appends always go to a new segment afterwards:
//! an old file is never written to again but to cut it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use metrics::counter;

use crate::metrics::QUEUE_DAMAGED;

use super::disk::{Disk, DiskFile};
use super::ledger::{Bits, Ledger, Segment};
use super::progress::{self, SegmentProgress};
use super::record;
use super::segment::{self, HEADER_BYTES, Header, HeaderRead, Scan, Successor};
use super::writer::Next;
use super::{Committed, EntryHead, OpenError};

/// Copies of damaged segments that are kept for people to look at.
const DAMAGED_COPIES_MAX: usize = 4;

/// What was found when the queue was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Segments with entries that wait.
    pub segments: u64,
    /// Entries that wait.
    pub entries: u64,
    /// Entries that were known to be complete.
    pub complete: u64,
    /// Bytes of groups that nobody was told of, cut away.
    pub torn_bytes: u64,
    /// Segments with acknowledged bytes that cannot be read; a copy of each is kept beside it.
    pub damaged_segments: u64,
    /// Entries that were acknowledged and cannot be read, as far as it can be known.
    pub lost_entries: u64,
}

/// A segment file that was found.
struct Found {
    number: u64,
    file: Arc<dyn DiskFile>,
    header: Option<Header>,
}

/// Reads everything, tells `committed` of what waits, and gives the ledger and the numbers that
/// come next.
pub(super) fn recover(
    disk: &dyn Disk,
    committed: &dyn Committed,
) -> Result<(Ledger, Next, Recovered), OpenError> {
    let names = disk.list().map_err(failed("list the queue's directory"))?;
    let mut found = find_segments(disk, &names)?;
    found.sort_unstable_by_key(|segment| segment.number);
    let copies: HashSet<_> =
        names.iter().filter(|name| segment::is_damaged_copy(name)).cloned().collect();
    let last_number = names.iter().filter_map(|name| segment::used_number(name));
    let mut recovery = Recovery {
        disk,
        committed,
        ledger: Ledger::default(),
        next: Next {
            // Behind every file that is there, copies of damaged ones too: once all segments are
            // done and gone, a new one of an old number would find that its copy is kept already.
            segment: last_number.max().unwrap_or(0).saturating_add(1),
            previous: 0,
            sequence: 1,
        },
        recovered: Recovered::default(),
        progress: progress_by_tag(progress::read(disk)),
        copies,
    };
    // All of them before any segment is read: what is damage in one depends on the next one's first
    // number.
    let headers: Vec<_> = found.iter().map(|segment| segment.header).collect();
    for (index, segment) in found.into_iter().enumerate() {
        let successor = successor(segment.number, &headers[index + 1..]);
        recovery.take(segment, successor)?;
    }
    Ok((recovery.ledger, recovery.next, recovery.recovered))
}

/// What follows a segment, from the headers of the files after it.
fn successor(number: u64, after: &[Option<Header>]) -> Successor {
    match after.first() {
        None => Successor::None,
        Some(Some(next)) if next.previous == number => Successor::Next(next.first),
        Some(next) => Successor::Later(next.map(|next| next.first)),
    }
}

fn find_segments(disk: &dyn Disk, names: &[String]) -> Result<Vec<Found>, OpenError> {
    let mut found = Vec::new();
    for name in names {
        let Some(number) = segment::number_of(name) else {
            continue;
        };
        let file = disk.open(name).map_err(failed("open a segment"))?;
        let header = read_header(number, &*file)?;
        found.push(Found { number, file, header });
    }
    Ok(found)
}

fn read_header(number: u64, file: &dyn DiskFile) -> Result<Option<Header>, OpenError> {
    let length = file.len().map_err(failed("measure a segment"))?;
    // Shorter than a header: the power went between making the file and writing to it.
    if length < HEADER_BYTES as u64 {
        return Ok(None);
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read_at(&mut bytes, 0).map_err(failed("read a segment's header"))?;
    match Header::decode(&bytes) {
        HeaderRead::Known(header) => Ok(Some(header)),
        HeaderRead::Newer(format) => Err(OpenError::Format { segment: number, format }),
        HeaderRead::Bad => Ok(None),
    }
}

fn progress_by_tag(segments: Vec<SegmentProgress>) -> HashMap<(u64, u64), Bits> {
    segments
        .into_iter()
        .map(|segment| ((segment.number, segment.tag), Bits(segment.complete)))
        .collect()
}

struct Recovery<'a> {
    disk: &'a dyn Disk,
    committed: &'a dyn Committed,
    ledger: Ledger,
    next: Next,
    recovered: Recovered,
    /// Complete entries by their segment's number and tag.
    progress: HashMap<(u64, u64), Bits>,
    /// Names of the copies that are kept of damaged segments.
    copies: HashSet<String>,
}

impl Recovery<'_> {
    fn take(&mut self, found: Found, successor: Successor) -> Result<(), OpenError> {
        let bytes = read_all(&*found.file)?;
        let scan = segment::scan(&bytes, found.header, successor);
        let is_safe_to_cut = scan.damage.is_empty() || self.report_damage(&found, &scan, &bytes);
        if let Some(last) = scan.records.last() {
            self.next.previous = found.number;
            self.next.sequence = last.head.slip.sequence.saturating_add(1);
        }
        let complete = self.progress.remove(&(found.number, scan.tag)).unwrap_or_default();
        let waiting: Vec<_> = scan
            .records
            .iter()
            .map(|record| record.head)
            .filter(|head| !complete.contains(head.slip.sequence - scan.first))
            .collect();
        self.recovered.complete += (scan.records.len() - waiting.len()) as u64;
        // The ledger never hears of it, and so would never ask for its deletion.
        if is_safe_to_cut && waiting.is_empty() {
            return self
                .disk
                .remove(&segment::file_name(found.number))
                .map_err(failed("delete a segment"));
        }
        if is_safe_to_cut {
            self.cut(&found, &scan, &bytes)?;
        }
        // A damaged segment of which nothing waits stays on the disk for people, and is none of the
        // ledger's: it would never come to its end there.
        if !waiting.is_empty() {
            self.keep(found, &scan, complete, &waiting);
        }
        Ok(())
    }

    /// Cuts a torn tail off, so that it is no riddle for the next start.
    fn cut(&mut self, found: &Found, scan: &Scan, bytes: &[u8]) -> Result<(), OpenError> {
        let tail = &bytes[scan.end.min(bytes.len())..];
        self.recovered.torn_bytes += segment::content_bytes(tail) as u64;
        found.file.set_len(scan.end as u64).map_err(failed("cut a segment's torn tail"))
    }

    fn keep(&mut self, found: Found, scan: &Scan, complete: Bits, waiting: &[EntryHead]) {
        let entry_bytes =
            waiting.iter().map(|head| record::bytes_of(head.slip.payload_bytes)).sum();
        let segment = Segment {
            number: found.number,
            tag: scan.tag,
            file: found.file,
            file_bytes: scan.end as u64,
            // Even the last one. A new run appends to a file of its own, so that what a failed sync
            // left here can never be mixed with what it writes.
            is_sealed: true,
            end: self.next.sequence,
            waiting: waiting.len() as u64,
            complete,
        };
        self.recovered.segments += 1;
        self.recovered.entries += waiting.len() as u64;
        self.ledger.insert(scan.first, segment, entry_bytes);
        // In the order of segments, which is the order of numbers: the pipeline relies on each
        // agent's reports coming as they were acknowledged.
        self.committed.committed(waiting);
    }

    /// Says what is damaged, and whether a copy of it is kept.
    fn report_damage(&mut self, found: &Found, scan: &Scan, bytes: &[u8]) -> bool {
        let lost: u64 = scan.damage.iter().map(|damage| damage.entries).sum();
        self.recovered.damaged_segments += 1;
        self.recovered.lost_entries += lost;
        counter!(QUEUE_DAMAGED).increment(lost);
        let name = segment::damaged_file_name(found.number);
        let is_kept = self.keep_copy(&name, bytes);
        tracing::error!(
            segment = found.number,
            lost_entries = lost,
            ranges = ?scan.damage,
            copy = is_kept.then_some(name),
            "a segment of the queue is damaged on disk; snapshots of the agents repair what is lost"
        );
        is_kept
    }

    fn keep_copy(&mut self, name: &str, bytes: &[u8]) -> bool {
        if self.copies.contains(name) {
            return self.is_copy_of(name, bytes);
        }
        // Without a copy the segment itself stays as it is, uncut: evidence is never traded for
        // room.
        if self.copies.len() >= DAMAGED_COPIES_MAX {
            return false;
        }
        let copied = self
            .disk
            .create(name, bytes.len() as u64)
            .and_then(|file| file.write_at(bytes, 0).and_then(|()| file.sync()));
        if let Err(error) = copied {
            tracing::warn!(%error, file = name, "copying a damaged segment");
            // Half a copy is none, and the next start tries again. That there is nothing to remove
            // is as good.
            drop(self.disk.remove(name));
            return false;
        }
        self.copies.insert(name.to_owned());
        true
    }

    /// Whether a copy that an earlier start made is of this segment, and whole. The segment was cut
    /// afterwards perhaps, so it may be shorter; a copy that the power cut short differs.
    fn is_copy_of(&self, name: &str, bytes: &[u8]) -> bool {
        let mut copy = vec![0; bytes.len()];
        let read = self.disk.open(name).and_then(|file| file.read_at(&mut copy, 0));
        read.is_ok() && copy == bytes
    }
}

fn read_all(file: &dyn DiskFile) -> Result<Vec<u8>, OpenError> {
    let length = file.len().map_err(failed("measure a segment"))?;
    let length = usize::try_from(length).map_err(|_| OpenError::Disk {
        action: "read a segment",
        source: std::io::Error::other("the file is larger than this machine's memory"),
    })?;
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, 0).map_err(failed("read a segment"))?;
    Ok(bytes)
}

fn failed(action: &'static str) -> impl FnOnce(std::io::Error) -> OpenError {
    move |source| OpenError::Disk { action, source }
}
