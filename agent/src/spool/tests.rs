//! The spool against everything that a disk and a stop in the middle can do to it.

mod bounds;
mod damage;
mod full_disk;

use std::path::PathBuf;

use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::frame::Packing;
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
    records.iter().map(|(key, record)| RecordFingerprint::of(*key, record)).collect()
}

fn entry(position: Position, bytes: usize) -> Entry {
    let mark = u8::try_from(position.seq.0 % 251).expect("below 251");
    Entry {
        position,
        digest: Some(InventoryDigest { count: position.seq.0, sum: 1 }),
        frame: Frame { packing: Packing::Plain, payload: vec![mark; bytes] },
    }
}

/// Records a scan whose inventory is `now`, as `count` reports.
fn scan(spool: &mut Spool, now: &Records, count: u32, bytes: usize) -> Result<bool, SpoolError> {
    let before = spool.reported()?;
    let begins_epoch = spool.view().is_snapshot_due;
    let mut position = if begins_epoch {
        Position { epoch: spool.next_epoch(0), seq: protocol::ids::Seq(0) }
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
    assert_eq!(spool.view(), SpoolView { is_snapshot_due: true, ..SpoolView::default() });
    assert_eq!(spool.told().expect("readable"), None);
    assert!(spool.reported().expect("readable").is_empty());
    assert_eq!(spool.set_aside(), None);
}

#[test]
fn knows_after_a_restart_what_it_knew_before() {
    let (_folder, path) = place();
    let now = records(0..250);
    let settings = Settings { heartbeat_every_s: 77, ..Settings::default() };
    let mut spool = open(&path);
    scan(&mut spool, &now, 3, 100).expect("recorded");
    spool.acknowledge(Position::new(1, 1)).expect("written");
    spool.save_settings(&settings).expect("written");
    let view = spool.view();
    drop(spool);

    let mut spool = open(&path);
    assert_eq!(spool.view(), view);
    assert_eq!(view.pending, Some((Position::new(1, 2), Position::new(1, 3))));
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
    // Each counts with `layout::bytes`' 64 beside its own 100.
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
    // Acknowledged already, not made yet, and of the epochs before and after.
    for other in [(1, 1), (1, 9), (0, 2), (2, 1)] {
        spool.acknowledge(Position::new(other.0, other.1)).expect("nothing to write");
        assert_eq!(spool.view(), view);
    }
}

#[test]
fn appends_to_what_waits() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..5), 2, 10).expect("recorded");
    scan(&mut spool, &records(2..9), 2, 10).expect("recorded");
    assert_eq!(spool.view().pending, Some((Position::new(1, 1), Position::new(1, 4))));
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
    assert_eq!(spool.view().pending, Some((Position::new(2, 1), Position::new(2, 1))));
    assert_eq!(spool.waiting(), (1, 164));
}

#[test]
fn says_how_large_it_would_have_to_be_for_a_snapshot() {
    let (_folder, path) = place();
    let mut spool = Spool::open(&path, 1_000).expect("a spool");
    let error = scan(&mut spool, &records(0..5), 50, 100).expect_err("too small");
    assert!(matches!(error, SpoolError::TooSmall { bytes: 8_200, max: 1_000 }));
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
    assert_eq!(spool.next_epoch(u64::MAX), Epoch(1), "a clock that is this wrong is not believed");
}

#[test]
fn starting_over_behind_what_a_collector_has_seen_begins_an_epoch_behind_it() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    spool.start_over(Position::new(1_900_000_000, 7)).expect("written");
    drop(spool);
    // A clock that is years behind, and a spool that knows of nothing else.
    let spool = open(&path);
    assert_eq!(spool.next_epoch(1_763_690_000_000), Epoch(1_900_000_001));
    assert_eq!(spool.view().last, Position::new(1_900_000_000, 7));
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = place();
    drop(open(&path));
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
