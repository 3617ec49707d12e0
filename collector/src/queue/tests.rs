//! The queue as its users see it, on a real directory and on a disk that fails on request.

mod crash;
mod damage;
mod power;
mod storage;

use std::io;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use protocol::frame::{Frame, Packing};
use protocol::ids::{AgentId, CompanyId, Position};
use protocol::report::Lane;
use time::OffsetDateTime;
use uuid::Uuid;

use super::disk::simulated::SimulatedDisk;
use super::*;

/// Small segments, so that a test fills several.
const LIMITS: QueueLimits = QueueLimits {
    bytes_max: 64 << 20,
    entries_max: 10_000,
    segment_bytes: SEGMENT_BYTES_MIN,
    disk_free_bytes_min: 0,
};

/// Remembers what it was told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<EntryHead>>);

impl Committed for Told {
    fn committed(&self, entries: &[EntryHead]) {
        lock(&self.0).extend_from_slice(entries);
    }
}

impl Told {
    fn slips(&self) -> Vec<Slip> {
        lock(&self.0).iter().map(|head| head.slip).collect()
    }

    fn positions(&self) -> Vec<u32> {
        self.slips().iter().map(|slip| slip.position.seq.0).collect()
    }
}

struct Opened {
    queue: Queue,
    told: Arc<Told>,
    recovered: Recovered,
}

fn clock() -> Clock {
    Clock::manual(OffsetDateTime::UNIX_EPOCH).0
}

fn open(directory: &Path) -> Opened {
    let told = Arc::new(Told::default());
    let (queue, recovered) = Queue::open(directory, LIMITS, told.clone(), clock()).unwrap();
    Opened { queue, told, recovered }
}

fn open_on(disk: &SimulatedDisk, limits: QueueLimits) -> Opened {
    let told = Arc::new(Told::default());
    let disk = Arc::new(disk.clone());
    let (queue, recovered) = Queue::open_on(disk, limits, told.clone(), clock()).unwrap();
    Opened { queue, told, recovered }
}

/// An entry that is told apart by its seq, with a payload of that length which follows from it.
pub(super) fn entry(seq: u32, payload_bytes: usize) -> Entry {
    Entry {
        company: CompanyId(Uuid::from_u128(1)),
        agent: AgentId(Uuid::from_u128(2)),
        position: Position::new(1, seq),
        lane: if seq.is_multiple_of(2) { Lane::Delta } else { Lane::Snapshot },
        records: 100,
        received_at_ms: 1_700_000_000_000 + u64::from(seq),
        frame: Frame { packing: Packing::Zstd1, payload: payload(seq, payload_bytes) },
    }
}

fn payload(seq: u32, bytes: usize) -> Vec<u8> {
    // Differs for every entry, so that reading one entry's bytes at another's offset cannot pass.
    let mut payload = seq.to_le_bytes().repeat(bytes.div_ceil(4));
    payload.truncate(bytes);
    payload
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Appends entries one after the other, each in a group of its own.
fn append(queue: &Queue, entries: impl IntoIterator<Item = Entry>) {
    for entry in entries {
        block_on(queue.append(entry)).unwrap();
    }
}

/// Appends entries so that they share groups: all are sent before the first is waited for.
fn append_together(queue: &Queue, entries: Vec<Entry>) -> Vec<Result<(), AppendError>> {
    let mut appends: Vec<_> =
        entries.into_iter().map(|entry| (Box::pin(queue.append(entry)), None)).collect();
    block_on(std::future::poll_fn(|context| {
        for (append, result) in &mut appends {
            // A future that has answered must not be polled again.
            if result.is_none()
                && let Poll::Ready(answer) = append.as_mut().poll(context)
            {
                *result = Some(answer);
            }
        }
        let is_done = appends.iter().all(|(_, result)| result.is_some());
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    }));
    appends.into_iter().filter_map(|(_, result)| result).collect()
}

#[test]
fn gives_back_what_was_appended() {
    let directory = tempfile::tempdir().unwrap();
    let Opened { queue, told, .. } = open(directory.path());
    append(&queue, (1..=3).map(|seq| entry(seq, 1_000)));
    assert_eq!(told.positions(), [1, 2, 3]);
    for slip in told.slips() {
        let frame = queue.read(&slip).unwrap();
        assert_eq!(frame, entry(slip.position.seq.0, 1_000).frame);
    }
}

#[test]
fn keeps_everything_over_a_restart_but_what_was_completed() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    append(&first.queue, (1..=5).map(|seq| entry(seq, 10)));
    first.queue.complete(&first.told.slips()[1]);
    first.queue.close();
    let second = open(directory.path());
    assert_eq!(second.told.positions(), [1, 3, 4, 5]);
    assert_eq!(second.recovered.complete, 1);
    let last = second.told.slips()[3];
    assert_eq!(second.queue.read(&last).unwrap(), entry(5, 10).frame);
}

#[test]
fn a_second_process_is_told_to_keep_away() {
    let directory = tempfile::tempdir().unwrap();
    let _first = open(directory.path());
    let second = Queue::open(directory.path(), LIMITS, Arc::new(Told::default()), clock());
    assert!(matches!(second, Err(OpenError::Locked(_))));
}

#[test]
fn a_group_that_is_longer_than_a_segment_is_split_over_several() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    // Five megabytes in one group, where a segment has one.
    let results = append_together(&opened.queue, (1..=50).map(|seq| entry(seq, 100_000)).collect());
    assert!(results.iter().all(Result::is_ok));
    assert!(opened.queue.stats().segments >= 5);
    opened.queue.close();
    let again = open_on(&disk, LIMITS);
    assert_eq!(again.told.positions(), (1..=50).collect::<Vec<_>>());
}

#[test]
fn a_segment_is_deleted_once_all_of_it_is_complete() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, (1..=25).map(|seq| entry(seq, 100_000)));
    let before = opened.queue.stats();
    // The last five stay, so the segment that is written to is never complete.
    for slip in &opened.told.slips()[..20] {
        opened.queue.complete(slip);
    }
    // The writer deletes between groups, so it takes one more group to see the deletion.
    append(&opened.queue, [entry(26, 10)]);
    opened.queue.close();
    let after = opened.queue.stats();
    assert_eq!(after.entries, 6);
    assert!(after.segments < before.segments, "{before:?} {after:?}");
    let files = disk.names().iter().filter(|n| n.ends_with(".segment")).count();
    assert_eq!(files as u64, after.segments);
}

#[test]
fn a_queue_that_was_emptied_keeps_no_space() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, (1..=25).map(|seq| entry(seq, 100_000)));
    for slip in &opened.told.slips() {
        opened.queue.complete(slip);
    }
    opened.queue.close();
    assert_eq!(opened.queue.stats(), QueueStats::default());
    assert!(!disk.names().iter().any(|name| name.ends_with(".segment")));
}

#[test]
fn completing_twice_counts_once() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, (1..=2).map(|seq| entry(seq, 10)));
    let slip = opened.told.slips()[0];
    opened.queue.complete(&slip);
    opened.queue.complete(&slip);
    assert_eq!(opened.queue.stats().entries, 1);
    assert!(matches!(opened.queue.read(&slip), Err(ReadError::Unknown(1))));
}

#[test]
fn completing_an_entry_again_after_its_segment_is_gone_takes_none_from_an_older_one() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, (1..=25).map(|seq| entry(seq, 100_000)));
    let slips = opened.told.slips();
    let done: Vec<_> = slips.iter().filter(|slip| slip.sequence > 1).collect();
    for slip in &done {
        opened.queue.complete(slip);
    }
    // Deletes what is done, all but the first segment.
    opened.queue.close();
    for slip in &done {
        opened.queue.complete(slip);
    }
    assert_eq!(opened.queue.stats().entries, 1);
    assert!(opened.queue.read(&slips[0]).is_ok());
    assert_eq!(open_on(&disk, LIMITS).told.positions(), [1]);
}

#[test]
fn segments_whose_entries_are_done_at_once_leave_one_by_one() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    // Ten to a segment, each complete before its segment is sealed: nobody asks for tidying then.
    for seq in 1..=60 {
        append(&opened.queue, [entry(seq, 100_000)]);
        opened.queue.complete(&opened.told.slips()[seq as usize - 1]);
    }
    // The last append answers before what it sealed is deleted, hence two.
    assert!(opened.queue.stats().segments <= 2, "{:?}", opened.queue.stats());
}

#[test]
fn is_full_at_its_number_of_entries_and_takes_more_when_some_are_complete() {
    let limits = QueueLimits { entries_max: 3, ..LIMITS };
    let opened = open_on(&SimulatedDisk::default(), limits);
    let results = append_together(&opened.queue, (1..=5).map(|seq| entry(seq, 10)).collect());
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    assert!(matches!(results[4], Err(AppendError::Full)));
    opened.queue.complete(&opened.told.slips()[0]);
    append(&opened.queue, [entry(6, 10)]);
}

#[test]
fn is_full_at_its_number_of_bytes_and_takes_more_when_a_segment_is_complete() {
    let limits = QueueLimits { bytes_max: 2 * SEGMENT_BYTES_MIN, ..LIMITS };
    let opened = open_on(&SimulatedDisk::default(), limits);
    let results = append_together(&opened.queue, (1..=30).map(|seq| entry(seq, 100_000)).collect());
    // Two segments of a megabyte hold some twenty of these.
    assert!(matches!(results[29], Err(AppendError::Full)));
    for slip in opened.told.slips() {
        opened.queue.complete(&slip);
    }
    append(&opened.queue, [entry(31, 100_000)]);
}

#[test]
fn refuses_appends_once_it_is_closed() {
    let opened = open_on(&SimulatedDisk::default(), LIMITS);
    opened.queue.close();
    opened.queue.close();
    let refused = block_on(opened.queue.append(entry(1, 10)));
    assert!(matches!(refused, Err(AppendError::Closed)));
}

#[test]
fn answers_every_append_that_was_sent_before_it_was_closed() {
    let opened = open_on(&SimulatedDisk::default(), LIMITS);
    let queue = opened.queue.clone();
    // Races with the closing on purpose: each append is answered either way, and an `Ok` after the
    // writer's last sync would be a lost report.
    let appender = std::thread::spawn(move || {
        append_together(&queue, (1..=500).map(|seq| entry(seq, 100)).collect())
    });
    opened.queue.close();
    let taken = appender.join().unwrap().iter().filter(|r| r.is_ok()).count();
    assert_eq!(opened.told.slips().len(), taken);
}

#[test]
fn refuses_limits_that_contradict_each_other() {
    for limits in [
        QueueLimits { segment_bytes: SEGMENT_BYTES_MIN - 1, ..LIMITS },
        QueueLimits { bytes_max: LIMITS.segment_bytes, ..LIMITS },
        QueueLimits { entries_max: 0, ..LIMITS },
    ] {
        let disk = Arc::new(SimulatedDisk::default());
        let opened = Queue::open_on(disk, limits, Arc::new(Told::default()), clock());
        assert!(matches!(opened, Err(OpenError::Limits(_))), "{limits:?}");
    }
}

#[test]
fn a_queue_of_a_newer_release_is_left_alone() {
    let disk = SimulatedDisk::default();
    let first = open_on(&disk, LIMITS);
    append(&first.queue, [entry(1, 10)]);
    first.queue.close();
    let name = segment::file_name(1);
    disk.damage(&name, |bytes| {
        // With a right checksum: a wrong one would be damage, which is moved aside and costs
        // reports. This is a downgrade, and the newer release can still read it all.
        bytes[12..16].copy_from_slice(&(segment::FORMAT + 1).to_le_bytes());
        let checksum = crc32fast::hash(&bytes[12..segment::HEADER_BYTES]);
        bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
    });
    let before = disk.bytes(&name);
    let told = Arc::new(Told::default());
    let opened = Queue::open_on(Arc::new(disk.clone()), LIMITS, told, clock());
    assert!(matches!(opened, Err(OpenError::Format { segment: 1, .. })));
    assert_eq!(disk.bytes(&name), before);
}
