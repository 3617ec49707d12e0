//! The spool against everything that a disk and a stop in the middle can do to it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::frame::Packing;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use tempfile::TempDir;

use super::*;
use crate::delta::{changes, following};

const MAX: u64 = 1024 * 1024;

fn records(names: std::ops::Range<u32>) -> Records {
    names
        .map(|n| SoftwareRecord::new(Source::Deb, format!("package-{n}"), "1"))
        .map(|record| (SoftwareKey::of(&record, &Platform::default()), record))
        .collect()
}

fn digest(records: &Records) -> InventoryDigest {
    records
        .iter()
        .map(|(key, record)| RecordFingerprint::of(*key, record))
        .collect()
}

fn entry(position: Position, bytes: usize) -> Entry {
    let mark = u8::try_from(position.seq.0 % 251).expect("below 251");
    Entry {
        position,
        digest: Some(InventoryDigest {
            count: position.seq.0,
            sum: 1,
        }),
        frame: Frame {
            packing: Packing::Plain,
            payload: vec![mark; bytes],
        },
    }
}

/// Records a scan whose inventory is `now`, as `count` reports.
fn scan(spool: &mut Spool, now: &Records, count: u32, bytes: usize) -> Result<bool, SpoolError> {
    let before = spool.reported()?;
    let begins_epoch = spool.view().is_snapshot_due;
    let mut position = if begins_epoch {
        Position {
            epoch: spool.next_epoch(0),
            seq: protocol::ids::Seq(0),
        }
    } else {
        spool.last()
    };
    let entries: Vec<_> = (0..count)
        .map(|_| {
            position = following(position);
            entry(position, bytes)
        })
        .collect();
    spool.commit(Scan {
        entries: &entries,
        begins_epoch,
        changes: changes(&before, now),
        digest: digest(now),
        told: &Told::default(),
        scan_done: 3,
    })
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spool.redb");
    (folder, path)
}

fn open(path: &Path) -> Spool {
    Spool::open(path, MAX).expect("a spool")
}

#[test]
fn a_new_spool_asks_for_a_snapshot() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    assert_eq!(
        spool.view(),
        SpoolView {
            is_snapshot_due: true,
            ..SpoolView::default()
        }
    );
    assert_eq!(spool.told().expect("readable"), None);
    assert!(spool.reported().expect("readable").is_empty());
    assert_eq!(spool.set_aside(), None);
}

#[test]
fn knows_after_a_restart_what_it_knew_before() {
    let (_folder, path) = place();
    let now = records(0..250);
    let settings = Settings {
        heartbeat_every_s: 77,
        ..Settings::default()
    };
    let mut spool = open(&path);
    scan(&mut spool, &now, 3, 100).expect("recorded");
    spool.acknowledge(Position::new(1, 1)).expect("written");
    spool.save_settings(&settings).expect("written");
    let view = spool.view();
    drop(spool);

    let mut spool = open(&path);
    assert_eq!(spool.view(), view);
    assert_eq!(
        view.pending,
        Some((Position::new(1, 2), Position::new(1, 3)))
    );
    assert_eq!(view.acknowledged, Position::new(1, 1));
    assert_eq!(view.digest.map(|digest| digest.count), Some(1));
    assert_eq!(spool.settings(), &settings);
    assert_eq!(spool.scan_done(), 3);
    assert_eq!(spool.digest(), digest(&now));
    assert_eq!(spool.reported().expect("readable"), now);
    assert_eq!(
        spool.frame(Position::new(1, 2)).expect("readable"),
        Some(entry(Position::new(1, 2), 100).frame)
    );
    assert_eq!(spool.frame(Position::new(1, 1)).expect("readable"), None);
}

#[test]
fn forgets_what_was_acknowledged_and_counts_its_bytes() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..5), 4, 100).expect("recorded");
    assert_eq!(spool.waiting(), (4, 4 * 164));
    spool.acknowledge(Position::new(1, 3)).expect("written");
    assert_eq!(spool.waiting(), (1, 164));
    spool.acknowledge(Position::new(1, 4)).expect("written");
    assert_eq!(spool.waiting(), (0, 0));
    assert_eq!(spool.view().pending, None);
}

#[test]
fn an_acknowledgement_of_something_else_changes_nothing() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..5), 2, 100).expect("recorded");
    spool.acknowledge(Position::new(1, 1)).expect("written");
    let view = spool.view();
    for other in [(1, 1), (1, 9), (0, 2), (2, 1)] {
        spool
            .acknowledge(Position::new(other.0, other.1))
            .expect("nothing to write");
        assert_eq!(spool.view(), view);
    }
}

#[test]
fn appends_to_what_waits() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..5), 2, 10).expect("recorded");
    scan(&mut spool, &records(2..9), 2, 10).expect("recorded");
    assert_eq!(
        spool.view().pending,
        Some((Position::new(1, 1), Position::new(1, 4)))
    );
    assert_eq!(spool.reported().expect("readable"), records(2..9));
}

#[test]
fn a_scan_without_reports_still_says_that_it_is_done() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..5), 1, 10).expect("recorded");
    spool.acknowledge(Position::new(1, 1)).expect("written");
    scan(&mut spool, &records(0..5), 0, 10).expect("recorded");
    drop(spool);
    let spool = open(&path);
    assert_eq!(spool.scan_done(), 3);
    assert_eq!(spool.view().pending, None);
    assert_eq!(spool.last(), Position::new(1, 1));
}

#[test]
fn does_not_grow_past_its_bound_and_says_so() {
    let (_folder, path) = place();
    let mut spool = Spool::open(&path, 1_000).expect("a spool");
    assert!(scan(&mut spool, &records(0..5), 5, 100).expect("recorded"));
    let view = spool.view();
    assert!(!scan(&mut spool, &records(0..6), 2, 100).expect("an answer"));
    assert_eq!(spool.view(), view);
    assert_eq!(spool.reported().expect("readable"), records(0..5));

    spool.start_over(Position::default()).expect("written");
    assert!(scan(&mut spool, &records(0..6), 1, 100).expect("recorded"));
    assert_eq!(
        spool.view().pending,
        Some((Position::new(2, 1), Position::new(2, 1)))
    );
    assert_eq!(spool.waiting(), (1, 164));
}

#[test]
fn says_how_large_it_would_have_to_be_for_a_snapshot() {
    let (_folder, path) = place();
    let mut spool = Spool::open(&path, 1_000).expect("a spool");
    let error = scan(&mut spool, &records(0..5), 50, 100).expect_err("too small");
    assert!(matches!(
        error,
        SpoolError::TooSmall {
            bytes: 8_200,
            max: 1_000
        }
    ));
    assert!(spool.view().is_snapshot_due);
}

#[test]
fn starting_over_drops_what_waits_and_keeps_the_line() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..5), 4, 10).expect("recorded");
    spool.acknowledge(Position::new(1, 2)).expect("written");
    spool.start_over(Position::default()).expect("written");
    drop(spool);
    let mut spool = open(&path);
    let view = spool.view();
    assert_eq!(view.pending, None);
    assert!(view.is_snapshot_due);
    assert_eq!(view.acknowledged, Position::new(1, 2));
    assert_eq!(spool.frame(Position::new(1, 3)).expect("readable"), None);
    assert_eq!(spool.next_epoch(0), Epoch(2));
}

#[test]
fn a_lost_spool_does_not_begin_an_epoch_that_was_seen() {
    let (_folder, path) = place();
    let spool = open(&path);
    assert_eq!(spool.next_epoch(1_763_690_000_000), Epoch(1_763_690_000));
    assert_eq!(spool.next_epoch(0), Epoch(1));
    assert_eq!(
        spool.next_epoch(u64::MAX),
        Epoch(1),
        "a clock that is this wrong is not believed"
    );
}

#[test]
fn starting_over_behind_what_a_collector_has_seen_begins_an_epoch_behind_it() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    spool
        .start_over(Position::new(1_900_000_000, 7))
        .expect("written");
    drop(spool);
    // A clock that is years behind, and a spool that knows of nothing else.
    let spool = open(&path);
    assert_eq!(spool.next_epoch(1_763_690_000_000), Epoch(1_900_000_001));
    assert_eq!(spool.view().last, Position::new(1_900_000_000, 7));
}

#[test]
fn a_second_agent_is_told_that_it_is_one_too_many() {
    let (_folder, path) = place();
    let _first = open(&path);
    let error = Spool::open(&path, MAX).expect_err("in use");
    assert!(matches!(error, SpoolError::InUse(_)), "{error}");
}

#[test]
fn a_file_that_is_no_spool_is_set_aside() {
    for content in [&b"not a database"[..], &[0; 100_000], b"redb\x1a\n\xa9\r\n"] {
        let (folder, path) = place();
        std::fs::write(&path, content).expect("written");
        let mut spool = open(&path);
        assert!(spool.set_aside().is_some());
        assert!(spool.view().is_snapshot_due);
        assert_eq!(
            std::fs::read(folder.path().join("spool.damaged")).expect("kept"),
            content
        );
        scan(&mut spool, &records(0..5), 1, 10).expect("recorded");
    }
}

#[test]
fn a_file_cut_or_rotten_anywhere_never_stops_the_agent() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..400), 4, 2_000).expect("recorded");
    drop(spool);
    let sound = std::fs::read(&path).expect("a file");
    let step = sound.len() / 60;
    for at in (0..sound.len()).step_by(step) {
        for damage in [cut, flip] {
            let (_folder, path) = place();
            std::fs::write(&path, damage(&sound, at)).expect("written");
            let mut spool = open(&path);
            // Either the damage was where nothing is kept, or the spool began anew; never between.
            let reported = spool.reported().expect("readable");
            assert_eq!(reported.is_empty(), spool.view().is_snapshot_due, "at {at}");
            if !reported.is_empty() {
                assert_eq!(reported, records(0..400));
            }
            scan(&mut spool, &records(0..5), 1, 10).expect("recorded");
        }
    }
}

fn cut(sound: &[u8], at: usize) -> Vec<u8> {
    sound[..at].to_vec()
}

fn flip(sound: &[u8], at: usize) -> Vec<u8> {
    let mut rotten = sound.to_vec();
    for byte in rotten.iter_mut().skip(at).take(64) {
        *byte ^= 0x5a;
    }
    rotten
}

#[test]
fn a_later_format_is_set_aside_and_not_guessed_at() {
    let (_folder, path) = place();
    drop(open(&path));
    let database = redb::Database::open(&path).expect("a database");
    let write = database.begin_write().expect("a transaction");
    {
        let mut meta = write.open_table(layout::META).expect("a table");
        let format = postcard::to_stdvec(&9_u32).expect("encoded");
        meta.insert(layout::name::FORMAT, format.as_slice())
            .expect("written");
    }
    write.commit().expect("committed");
    drop(database);
    let spool = open(&path);
    assert!(spool.set_aside().expect("set aside").contains("format"));
}

#[test]
fn a_folder_that_is_not_there_is_said_with_its_name() {
    let (folder, _) = place();
    let error = Spool::open(&folder.path().join("none/spool.redb"), MAX).expect_err("no folder");
    assert!(matches!(error, SpoolError::Unusable { .. }));
    assert!(error.to_string().contains("none/spool.redb"), "{error}");
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = place();
    drop(open(&path));
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A disk that takes so many bytes and syncs more; shared, so that the file survives being opened
/// again.
#[derive(Clone, Debug)]
struct FailingDisk {
    inner: Arc<InMemoryBackend>,
    bytes_left: Arc<AtomicU64>,
    syncs_left: Arc<AtomicU64>,
}

impl FailingDisk {
    /// One that does not fail yet.
    fn new() -> Self {
        Self {
            inner: Arc::new(InMemoryBackend::new()),
            bytes_left: Arc::new(AtomicU64::new(u64::MAX)),
            syncs_left: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    fn spool(&self) -> Spool {
        let disk = self.clone();
        let opener = move |_: &Path| redb::Builder::new().create_with_backend(disk.clone());
        let storage = Storage::with_opener(Path::new("spool.redb"), Box::new(opener));
        Spool::with_storage(storage, MAX).expect("a spool")
    }
}

fn take(left: &AtomicU64, wanted: u64) -> io::Result<()> {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(wanted)
    })
    .map(drop)
    .map_err(|_| io::Error::from(io::ErrorKind::StorageFull))
}

impl StorageBackend for FailingDisk {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        take(&self.syncs_left, 1)?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        take(
            &self.bytes_left,
            u64::try_from(data.len()).unwrap_or(u64::MAX),
        )?;
        self.inner.write(offset, data)
    }
}

#[test]
fn a_full_disk_loses_nothing_and_is_used_again_when_it_has_room() {
    let sizes = (0..40).map(|n| n * 3_000);
    for left in sizes {
        let disk = FailingDisk::new();
        let mut spool = disk.spool();
        scan(&mut spool, &records(0..100), 2, 500).expect("recorded");
        let view = spool.view();

        disk.bytes_left.store(left, Ordering::SeqCst);
        let outcome = scan(&mut spool, &records(50..300), 3, 2_000);
        disk.bytes_left.store(u64::MAX, Ordering::SeqCst);
        let reported = spool.reported().expect("readable again");
        match outcome {
            Ok(taken) => {
                assert!(taken);
                assert_eq!(reported, records(50..300));
            }
            Err(error) => {
                assert!(matches!(error, SpoolError::Unusable { .. }), "{error}");
                // Whether the commit reached the disk before the error is open; that it is whole
                // either way is not.
                if spool.view() == view {
                    assert_eq!(reported, records(0..100));
                } else {
                    assert_eq!(reported, records(50..300));
                }
            }
        }
        assert_eq!(spool.set_aside(), None, "with {left} bytes left");
        scan(&mut spool, &records(7..9), 1, 10).expect("recorded");
        assert_eq!(spool.reported().expect("readable"), records(7..9));
    }
}

/// Two reports, then a scan with three more whose last sync fails after everything was written.
fn landed_with_an_error() -> Spool {
    let disk = FailingDisk::new();
    let mut spool = disk.spool();
    scan(&mut spool, &records(0..100), 2, 500).expect("recorded");
    disk.syncs_left.store(0, Ordering::SeqCst);
    scan(&mut spool, &records(50..300), 3, 2_000).expect_err("no sync");
    disk.syncs_left.store(u64::MAX, Ordering::SeqCst);
    assert_eq!(spool.waiting().0, 2, "it knows of no more yet");
    spool
}

#[test]
fn an_answer_after_a_commit_that_landed_with_an_error_leaves_no_report_behind() {
    let mut spool = landed_with_an_error();
    spool.acknowledge(Position::new(1, 2)).expect("written");
    assert_eq!(spool.reported().expect("readable"), records(50..300));
    let waiting = Some((Position::new(1, 3), Position::new(1, 5)));
    assert_eq!(spool.view().pending, waiting);
    assert_eq!(spool.digest(), digest(&records(50..300)));
}

#[test]
fn starting_over_after_a_commit_that_landed_with_an_error_keeps_its_positions() {
    let mut spool = landed_with_an_error();
    spool.start_over(Position::default()).expect("written");
    assert_eq!(spool.last(), Position::new(1, 5));
    assert_eq!(spool.digest(), digest(&records(50..300)));
}

#[test]
fn settings_that_come_after_an_error_are_used_and_kept() {
    let mut spool = landed_with_an_error();
    let settings = Settings {
        heartbeat_every_s: 77,
        ..Settings::default()
    };
    spool.save_settings(&settings).expect("written");
    assert_eq!(spool.settings(), &settings);
}
