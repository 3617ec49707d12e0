//! A disk that has no room, or that fails after it has written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::*;

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
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(wanted))
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
        take(&self.bytes_left, u64::try_from(data.len()).unwrap_or(u64::MAX))?;
        self.inner.write(offset, data)
    }
}

#[test]
fn a_full_disk_loses_nothing_and_is_used_again_when_it_has_room() {
    // In small steps, so that it is now one write of the scan that fails and now another.
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
    let settings = Settings { heartbeat_every_s: 77, ..Settings::default() };
    spool.save_settings(&settings).expect("written");
    assert_eq!(spool.settings(), &settings);
}
