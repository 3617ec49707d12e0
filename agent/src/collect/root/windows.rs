//! Opening files on Windows so that nothing is fetched for it and, in a foreign tree, nothing leads
//! out of it.
//!
//! `/` is the top of the drive that Windows is on; a path with a drive of its own is opened there, as
//! homes may be on another one. A file that a cloud drive would have to download is not opened, and nothing on
//! another machine is: the service would show its account there.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::windows::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf, Prefix};

use crate::collect::defects::ReadError;

/// What tells a folder from every other: its path without links, as a hash.
pub(super) type Identity = u64;

/// `FILE_FLAG_OPEN_NO_RECALL`: what is not on this disk stays where it is.
const NO_RECALL: u32 = 0x0010_0000;
/// `FILE_ATTRIBUTE_OFFLINE`, `…RECALL_ON_OPEN` and `…RECALL_ON_DATA_ACCESS`.
const ELSEWHERE: u32 = 0x0000_1000 | 0x0004_0000 | 0x0040_0000;

/// Seconds between 1601, where Windows counts from, and 1970.
const TO_1970_S: u64 = 11_644_473_600;
/// Windows counts in steps of 100 nanoseconds.
const STEPS_A_SECOND: u64 = 10_000_000;

/// The top of the scanned tree.
#[derive(Debug)]
pub(super) struct Top {
    folder: PathBuf,
    is_confined: bool,
}

impl Top {
    pub(super) fn open(path: &Path, is_host: bool) -> Result<Self, ReadError> {
        let folder = if is_host {
            drive()
        } else {
            // A tree that is not there is an error now, and not an empty inventory later.
            fs::metadata(path).map_err(|error| ReadError::io(path, error))?;
            path.to_owned()
        };
        let is_confined = !is_host;
        Ok(Self { folder, is_confined })
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<File> {
        let path = self.inside(path)?;
        // Asked before the file is opened: opening is what makes a cloud drive fetch it.
        if fs::metadata(&path)?.file_attributes() & ELSEWHERE != 0 {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "it is kept elsewhere and would have to be fetched",
            ));
        }
        OpenOptions::new().read(true).custom_flags(NO_RECALL).open(path)
    }

    pub(super) fn folder(&self, path: &Path) -> io::Result<Names> {
        Ok(Names(fs::read_dir(self.inside(path)?)?))
    }

    pub(super) fn modified_at_s(&self, path: &Path) -> Option<u32> {
        modified_at_s(&fs::metadata(self.inside(path).ok()?).ok()?)
    }

    pub(super) fn folder_identity(&self, path: &Path) -> Option<Identity> {
        let path = fs::canonicalize(self.inside(path).ok()?).ok()?;
        if !path.is_dir() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        Some(hasher.finish())
    }

    /// Where a path of the tree really is. In a foreign tree no link is followed, since the drives
    /// that its links name are not those of this machine.
    fn inside(&self, path: &Path) -> io::Result<PathBuf> {
        if !self.is_confined {
            let place = self.folder.join(path);
            return if is_on_a_drive(&place) {
                Ok(place)
            } else {
                Err(io::Error::from(io::ErrorKind::NotFound))
            };
        }
        let mut place = self.folder.clone();
        for part in path.components() {
            if let Component::Normal(part) = part {
                place.push(part);
                if fs::symlink_metadata(&place)?.is_symlink() {
                    return Err(io::Error::from(io::ErrorKind::NotFound));
                }
            }
        }
        Ok(place)
    }
}

/// Whether a path begins with a drive's letter, and neither with another machine's name nor with a device.
fn is_on_a_drive(path: &Path) -> bool {
    let Some(Component::Prefix(prefix)) = path.components().next() else {
        return false;
    };
    matches!(prefix.kind(), Prefix::Disk(_) | Prefix::VerbatimDisk(_))
}

/// The drive that Windows is on.
fn drive() -> PathBuf {
    let mut drive = std::env::var_os("SystemDrive").unwrap_or_else(|| OsString::from("C:"));
    drive.push("\\");
    PathBuf::from(drive)
}

/// The names in a folder.
#[derive(Debug)]
pub(super) struct Names(fs::ReadDir);

impl Iterator for Names {
    type Item = io::Result<OsString>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map(|entry| entry.file_name()))
    }
}

/// When a file was last changed.
pub(super) fn modified_at_s(facts: &Metadata) -> Option<u32> {
    let since_1601_s = facts.last_write_time() / STEPS_A_SECOND;
    u32::try_from(since_1601_s.checked_sub(TO_1970_S)?).ok()
}

/// Fills `bytes` from a place in a file.
pub(super) fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    let mut read = 0;
    while read < bytes.len() {
        let at = offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        // One read may give less than it was asked for.
        match file.seek_read(&mut bytes[read..], at) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
