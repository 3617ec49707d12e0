//! Opening files on Unix so that nothing blocks and, in a foreign tree, nothing leads out of it.
//!
//! Linux resolves links inside a foreign tree as that tree's own system would. macOS cannot, so there
//! no link of a foreign tree is followed at all.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

use crate::collect::defects::ReadError;

/// What tells a folder from every other: its device and its number there.
pub(super) type Identity = (rustix::fs::Dev, u64);

/// A path can lose a race with a rename only so often before something is wrong.
#[cfg(target_os = "linux")]
const TRIES: u32 = 8;

/// The top of the scanned tree.
#[derive(Debug)]
pub(super) struct Top {
    folder: OwnedFd,
    /// Whether symbolic links have to stay inside. The host's own root has no outside.
    is_confined: bool,
}

impl Top {
    pub(super) fn open(path: &Path, is_host: bool) -> Result<Self, ReadError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| ReadError::io(path, error))?;
        let top = Self { folder, is_confined: !is_host };
        // Asked once and here: otherwise every file would fail for the same reason, and the
        // sources' statuses would blame the files.
        if let Err(rustix::io::Errno::NOSYS) = top.open_at(Path::new("/"), flags) {
            return Err(ReadError::Unsupported {
                path: path.to_owned(),
                what: "only / can be scanned on kernels older than Linux 5.6",
            });
        }
        Ok(top)
    }

    /// Opens a file. Without `NONBLOCK`, opening a pipe waits for a writer; without `NOCTTY`, a
    /// terminal in a file's place could become the agent's own.
    pub(super) fn file(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(File::from(self.open_at(path, flags)?))
    }

    /// Opens a folder, for the names in it.
    pub(super) fn folder(&self, path: &Path) -> io::Result<Names> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Names(Dir::new(self.open_at(path, flags)?)?))
    }

    /// When a file was last changed, if it is there.
    pub(super) fn modified_at_s(&self, path: &Path) -> Option<u32> {
        u32::try_from(self.stat(path)?.st_mtime).ok()
    }

    /// What tells a folder from every other, if it is there.
    pub(super) fn folder_identity(&self, path: &Path) -> Option<Identity> {
        let stat = self.stat(path)?;
        FileType::from_raw_mode(stat.st_mode).is_dir().then_some((stat.st_dev, stat.st_ino))
    }

    fn stat(&self, path: &Path) -> Option<Stat> {
        if !self.is_confined {
            return rustix::fs::statat(&self.folder, below_top(path), AtFlags::empty()).ok();
        }
        // `fstatat` has no way to stay below a folder, so the path is resolved by opening it for
        // nothing but its name.
        let file = self.open_at(path, NAME_ALONE | OFlags::CLOEXEC).ok()?;
        rustix::fs::fstat(file).ok()
    }

    fn open_at(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = below_top(path);
        // `openat2` also fails in older kernels and sandboxes that do not know it.
        if !self.is_confined {
            return rustix::fs::openat(&self.folder, path, flags, Mode::empty());
        }
        open_inside(&self.folder, path, flags)
    }
}

/// Opens a file for nothing but its name; where there is no such thing, without waiting for it.
#[cfg(target_os = "linux")]
const NAME_ALONE: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const NAME_ALONE: OFlags = OFlags::NONBLOCK;

/// Opens a path whose links are those of the tree below the folder.
#[cfg(target_os = "linux")]
fn open_inside(folder: &OwnedFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::ResolveFlags;

    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let mut tries = 0;
    loop {
        tries += 1;
        match rustix::fs::openat2(folder, path, flags, Mode::empty(), resolve) {
            // openat2(2): the kernel gives up when a rename crossed the path while it checked that
            // it stays inside.
            Err(rustix::io::Errno::AGAIN) if tries < TRIES => {}
            result => return result,
        }
    }
}

/// Opens a path that has no link in any of its parts.
#[cfg(not(target_os = "linux"))]
fn open_inside(folder: &OwnedFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    /// `O_NOFOLLOW_ANY` of macOS.
    const NO_LINK_AT_ALL: u32 = 0x2000_0000;

    let flags = flags | OFlags::from_bits_retain(NO_LINK_AT_ALL);
    rustix::fs::openat(folder, path, flags, Mode::empty())
}

/// The path as one that begins at the top.
fn below_top(path: &Path) -> &Path {
    match path.strip_prefix("/") {
        Ok(rest) if rest.as_os_str().is_empty() => Path::new("."),
        Ok(rest) => rest,
        Err(_) => path,
    }
}

/// The names in a folder.
#[derive(Debug)]
pub(super) struct Names(Dir);

impl Iterator for Names {
    type Item = io::Result<OsString>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0.read()? {
                Err(error) => return Some(Err(error.into())),
                Ok(entry) => match entry.file_name().to_bytes() {
                    b"." | b".." => {}
                    name => return Some(Ok(OsStr::from_bytes(name).to_owned())),
                },
            }
        }
    }
}

/// When a file was last changed.
pub(super) fn modified_at_s(facts: &Metadata) -> Option<u32> {
    u32::try_from(facts.mtime()).ok()
}

/// Fills `bytes` from a place in a file.
pub(super) fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset)
}
