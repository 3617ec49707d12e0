//! The tree that is scanned, and the only way to its files.
//!
//! Readers name files as the host does (`/var/lib/dpkg/status`), whatever the tree's top is. A file is
//! opened only if it is a regular file and no larger than the reader expects; a pipe or a device in
//! its place can neither block nor answer. In a tree that is not this host's own root, no symbolic
//! link leads out of it. Every call looks at the time box first.

#[cfg_attr(unix, path = "root/unix.rs")]
#[cfg_attr(windows, path = "root/windows.rs")]
mod system;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Take};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::defects::ReadError;
use super::homes;
use super::lines::Lines;
use super::owned::OwnedOnce;
use super::platform::System;
use super::time_box::Stop;

/// Entries of one folder; a larger one holds no packages.
const ENTRIES_MAX: usize = 100_000;

/// Folders that one pattern may mean.
const FOLDERS_MAX: usize = 1_000;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 32 * 1024;

/// The tree that is scanned.
#[derive(Debug)]
pub(crate) struct Root {
    top: system::Top,
    is_host: bool,
    system: System,
    stop: Stop,
    owned: OwnedOnce,
}

/// A regular file, opened to be read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) bytes: u64,
    /// When its content last changed, in seconds since 1970, where that is a real time.
    pub(crate) modified_at_s: Option<u32>,
}

impl Root {
    /// Opens the tree's top.
    pub(crate) fn open(top: &Path, stop: Stop) -> Result<Self, ReadError> {
        let is_host = top == Path::new("/");
        Ok(Self {
            top: system::Top::open(top, is_host)?,
            is_host,
            system: System::HERE,
            stop,
            owned: OwnedOnce::default(),
        })
    }

    /// Says which system the tree holds, where that is not the agent's own.
    pub(crate) fn holding(self, system: System) -> Self {
        Self { system, ..self }
    }

    /// What says that the time box has ended.
    #[cfg(any(target_os = "linux", windows, test, feature = "test-support"))]
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// The system that the tree holds.
    pub(crate) const fn system(&self) -> System {
        self.system
    }

    /// Shares what other readers of the same scan know about owned files.
    pub(crate) fn with_owned(self, owned: OwnedOnce) -> Self {
        Self { owned, ..self }
    }

    /// What is known about owned files.
    pub(crate) const fn owned(&self) -> &OwnedOnce {
        &self.owned
    }

    /// Whether the tree is the running host's own.
    pub(crate) const fn is_host(&self) -> bool {
        self.is_host
    }

    /// Fails once the time box has ended.
    pub(crate) fn check(&self) -> Result<(), ReadError> {
        if self.stop.is_set() {
            return Err(ReadError::Stopped);
        }
        Ok(())
    }

    /// Opens a file of at most `max` bytes; `None` when there is none.
    pub(crate) fn file(&self, path: &Path, max: u64) -> Result<Option<SourceFile>, ReadError> {
        self.check()?;
        let Some(file) = found(path, self.top.file(path))? else {
            return Ok(None);
        };
        let facts = file.metadata().map_err(|e| ReadError::io(path, e))?;
        // Asked of what was opened, not of the path: the path may mean something else by now.
        if !facts.is_file() {
            return Err(ReadError::NotAFile(path.to_owned()));
        }
        if facts.len() > max {
            let path = path.to_owned();
            return Err(ReadError::TooLarge { path, max });
        }
        Ok(Some(SourceFile {
            path: path.to_owned(),
            bytes: facts.len(),
            modified_at_s: system::modified_at_s(&facts).and_then(real_time),
            file,
        }))
    }

    /// A file's lines.
    pub(crate) fn lines(
        &self,
        path: &Path,
        max: u64,
    ) -> Result<Option<Lines<BufReader<Take<File>>>>, ReadError> {
        let Some(file) = self.file(path, max)? else {
            return Ok(None);
        };
        Ok(Some(self.lines_of(file)))
    }

    /// The lines that another reader makes of a file.
    pub(crate) fn lines_of_reader<R: BufRead>(&self, path: &Path, reader: R) -> Lines<R> {
        Lines::new(reader, path.to_owned(), self.stop.clone())
    }

    /// The lines of a file that is open, as far as it went when it was opened.
    pub(crate) fn lines_of(&self, file: SourceFile) -> Lines<BufReader<Take<File>>> {
        // A host has thousands of lists of files that are shorter than a buffer: each takes what it
        // needs.
        let capacity = usize::try_from(file.bytes).unwrap_or(BUFFER_BYTES);
        let reader =
            BufReader::with_capacity(capacity.clamp(1, BUFFER_BYTES), file.file.take(file.bytes));
        Lines::new(reader, file.path, self.stop.clone())
    }

    /// Reads a small file whole into `bytes`; gives the time of its last change, or `None` when
    /// there is no such file.
    #[expect(
        clippy::option_option,
        reason = "whether there is a file, and whether its time is a real one"
    )]
    pub(crate) fn read_small(
        &self,
        path: &Path,
        max: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<Option<u32>>, ReadError> {
        bytes.clear();
        let Some(file) = self.file(path, max)? else {
            return Ok(None);
        };
        // All of it at once: a buffer that grows by itself can be twice as large as what it holds.
        bytes.reserve_exact(usize::try_from(file.bytes).unwrap_or_default());
        // Once more bounded while reading: the file may have grown since it was measured.
        file.file.take(max).read_to_end(bytes).map_err(|e| ReadError::io(path, e))?;
        Ok(Some(file.modified_at_s))
    }

    /// A folder's entries, sorted, without `.` and `..`; `None` when there is no such folder.
    pub(crate) fn list(&self, path: &Path) -> Result<Option<Vec<OsString>>, ReadError> {
        self.check()?;
        let Some(folder) = found(path, self.top.folder(path))? else {
            return Ok(None);
        };
        let mut names = Vec::new();
        for name in folder {
            self.check()?;
            // Refused and not cut: half of a folder would look like software that was removed.
            if names.len() == ENTRIES_MAX {
                let what = "a folder with too many entries";
                return Err(ReadError::damaged(path, what));
            }
            names.push(name.map_err(|e| ReadError::io(path, e))?);
        }
        // The order on a disk differs from host to host and from scan to scan.
        names.sort_unstable();
        Ok(Some(names))
    }

    /// When a file was last changed, in seconds since 1970.
    pub(crate) fn modified_at_s(&self, path: &Path) -> Result<Option<u32>, ReadError> {
        self.check()?;
        Ok(self.top.modified_at_s(path).and_then(real_time))
    }

    /// The folders that a pattern means, sorted: `*` stands for any run of characters within one
    /// part of the path, and a `~` at its beginning for every home.
    ///
    /// Folders on the way that may not be read are passed over: a pattern says where packages
    /// could be, not where they must be.
    pub(crate) fn expand(&self, pattern: &str) -> Result<Vec<PathBuf>, ReadError> {
        let Some(below) = pattern.strip_prefix('~') else {
            return self.expand_from_top(pattern);
        };
        let mut folders = Vec::new();
        for home in homes::of(self.system) {
            folders.extend(self.expand_from_top(&format!("{home}{below}"))?);
        }
        Ok(folders)
    }

    fn expand_from_top(&self, pattern: &str) -> Result<Vec<PathBuf>, ReadError> {
        let mut folders = vec![PathBuf::from("/")];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let Some((prefix, suffix)) = part.split_once('*') else {
                folders.iter_mut().for_each(|folder| folder.push(part));
                continue;
            };
            let mut next = Vec::new();
            for folder in &folders {
                let names = match self.list(folder) {
                    Ok(names) => names.unwrap_or_default(),
                    Err(ReadError::Stopped) => return Err(ReadError::Stopped),
                    Err(_) => continue,
                };
                let fits = |name: &OsString| {
                    let name = name.as_encoded_bytes();
                    name.len() >= prefix.len() + suffix.len()
                        && name.starts_with(prefix.as_bytes())
                        && name.ends_with(suffix.as_bytes())
                };
                next.extend(names.iter().filter(|n| fits(n)).map(|n| folder.join(n)));
            }
            // Sorted, so that a cut takes the same ones every time.
            next.truncate(FOLDERS_MAX);
            folders = next;
        }
        Ok(folders)
    }

    /// The folders that exist of those that several patterns mean, in the patterns' order.
    ///
    /// A folder with two names, such as `/usr/lib64` where it is a link to `/usr/lib`, comes once,
    /// by its first name.
    pub(crate) fn expand_all(&self, patterns: &[&str]) -> Result<Vec<PathBuf>, ReadError> {
        let mut folders = Vec::new();
        let mut seen = HashSet::new();
        for pattern in patterns {
            for folder in self.expand(pattern)? {
                self.check()?;
                if let Some(identity) = self.top.folder_identity(&folder)
                    && seen.insert(identity)
                {
                    folders.push(folder);
                }
            }
        }
        Ok(folders)
    }
}

impl SourceFile {
    /// Fills `bytes` from a place in the file.
    pub(crate) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> Result<(), ReadError> {
        system::read_exact_at(&self.file, bytes, offset)
            .map_err(|error| ReadError::io(&self.path, error))
    }

    /// What changes when somebody writes to the file: its size and its times.
    pub(crate) fn stamp(&self) -> Result<Stamp, ReadError> {
        let facts = self.file.metadata();
        let facts = facts.map_err(|error| ReadError::io(&self.path, error))?;
        Ok(Stamp(facts.len(), facts.modified().ok()))
    }
}

/// The state of a file at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64, Option<SystemTime>);

/// A time that is no placeholder: reproducible builds set times of 1970 or shortly after.
fn real_time(at_s: u32) -> Option<u32> {
    const YEAR_S: u32 = 365 * 86_400;
    Some(at_s).filter(|at_s| *at_s > YEAR_S)
}

/// Turns "there is none" into `None`.
fn found<T>(path: &Path, result: io::Result<T>) -> Result<Option<T>, ReadError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(ReadError::io(path, error)),
    }
}

#[cfg(test)]
mod tests;
