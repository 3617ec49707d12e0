//! The few things that the queue asks of a disk, so that tests can take the disk's place.
//!
//! The queue's promise is about failures that no real disk shows on request: a sync that fails, a
//! power cut that keeps some sectors and not others, a full file system. The trait is the seam for
//! them. It must not hide anything: every sync is the queue's own call.

#[cfg(any(test, feature = "test-support"))]
pub(super) mod simulated;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::FallocateFlags;

use super::OpenError;

/// One directory of files.
pub(super) trait Disk: Send + Sync {
    /// The files' names, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A new file to read and write, with `bytes` reserved for it where the file system can.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>>;
    /// A file that is there, to read and write.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Deletes a file. Its open handles stay good.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes what was created and deleted durable.
    fn sync_directory(&self) -> io::Result<()>;
    /// Bytes that are free.
    fn free_bytes(&self) -> io::Result<u64>;
    /// A number that nobody can guess.
    fn random(&self) -> io::Result<u64>;
}

/// One open file.
pub(super) trait DiskFile: Send + Sync {
    /// Bytes of the file.
    fn len(&self) -> io::Result<u64>;
    /// Reads exactly `buffer`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts the file, or fills it with zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// Makes what was written durable. After an error nothing is known of what was written since
    /// the last success, and no later success says anything of it: the kernel reports a lost page
    /// once and forgets it.
    fn sync(&self) -> io::Result<()>;
}

/// A real directory, locked against a second process while this is alive.
#[derive(Debug)]
pub(super) struct FileDisk {
    path: PathBuf,
    directory: File,
    _lock: File,
    random: SystemRandom,
}

/// Only the collector's own user may read what agents report.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

impl FileDisk {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let disk = |action| move |source| OpenError::Disk { action, source };
        let is_new = !path.exists();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(path)
            .map_err(disk("make the queue's directory"))?;
        let directory = File::open(path).map_err(disk("open the queue's directory"))?;
        // A directory that is not in its parent after a power cut takes with it all that was synced
        // inside. The journals of ext4 and XFS happen to prevent that; POSIX does not promise it.
        if is_new {
            File::open(path.join(".."))
                .and_then(|parent| parent.sync_all())
                .map_err(disk("sync the directory above the queue's"))?;
        }
        // A file of its own, because segments come and go. The lock is the kernel's (`flock`), so
        // it ends with the process however that ends, and no stale file has to be deleted by hand.
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path.join("lock"))
            .map_err(disk("open the queue's lock file"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Locked(path.display().to_string()));
            }
            Err(TryLockError::Error(source)) => return Err(disk("lock the queue")(source)),
        }
        Ok(Self { path: path.to_owned(), directory, _lock: lock, random: SystemRandom::new() })
    }
}

impl Disk for FileDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            // A name that is no UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            // Never opens what is there: a number that came twice must fail here, not overwrite
            // acknowledged entries.
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path)?;
        // Reserved whole, so that a write into it does not meet a full disk later, where the file
        // system does not copy on write.
        // tmpfs gives up when a signal comes, whichever thread it was meant for.
        let reserved = rustix::io::retry_on_intr(|| {
            rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes)
        });
        match reserved {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                Ok(Arc::new(file))
            }
            Err(error) => {
                std::fs::remove_file(&path)?;
                Err(error.into())
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(file))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.directory.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        // `f_bavail` and not `f_bfree`: the blocks that are kept back for root are not ours to use.
        let found = rustix::fs::fstatvfs(&self.directory)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn random(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.random
            .fill(&mut bytes)
            .map_err(|_| io::Error::other("the system gives no random bytes"))?;
        Ok(u64::from_le_bytes(bytes))
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        // Positioned, so that readers and the writer share one handle without sharing a cursor.
        self.read_exact_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        Self::set_len(self, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        // `fdatasync`: the times of a segment are of no interest. Its bytes and its size are covered,
        // and so is what makes reserved blocks readable.
        self.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_may_read_what_agents_report() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/queue");
        let disk = FileDisk::open(&path).unwrap();
        disk.create("1", 4_096).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("1")), 0o600);
        assert_eq!(mode(&path.join("lock")), 0o600);
    }

    #[test]
    fn a_file_that_is_there_is_never_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let disk = FileDisk::open(folder.path()).unwrap();
        let file = disk.create("1", 16).unwrap();
        file.write_at(b"acknowledged", 0).unwrap();
        let error = disk.create("1", 16).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        let mut read = [0; 12];
        disk.open("1").unwrap().read_at(&mut read, 0).unwrap();
        assert_eq!(&read, b"acknowledged");
    }

    #[test]
    fn a_file_that_has_no_room_is_refused_before_a_byte_is_written_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let disk = FileDisk::open(folder.path()).unwrap();
        // An exabyte, which no disk here has.
        assert!(disk.create("1", 1 << 60).is_err());
        assert_eq!(disk.list().unwrap(), ["lock"]);
        assert!(disk.free_bytes().unwrap() < 1 << 60);
    }

    #[test]
    fn a_second_process_is_refused_until_the_first_one_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let disk = FileDisk::open(folder.path()).unwrap();
        let error = FileDisk::open(folder.path()).unwrap_err();
        assert!(matches!(error, OpenError::Locked(_)), "{error}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()));
        drop(disk);
        FileDisk::open(folder.path()).unwrap();
    }

    #[test]
    fn names_that_are_no_text_are_passed_over() {
        use std::os::unix::ffi::OsStrExt as _;

        let folder = tempfile::tempdir().unwrap();
        let disk = FileDisk::open(folder.path()).unwrap();
        let latin = std::ffi::OsStr::from_bytes(b"M\xfcnchen.segment");
        std::fs::write(folder.path().join(latin), "").unwrap();
        assert_eq!(disk.list().unwrap(), ["lock"]);
    }
}
