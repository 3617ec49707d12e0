//! What went wrong while a source was read: fatally, as an error, or in part, as a count.
//!
//! A source with a hundred broken packages says so in one line with the first of them; it must
//! neither hide the loss nor fill a report with it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::homes;

/// How a reader ended that met nothing fatal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The source is there, and what it has was handed over.
    Read,
    /// The host does not have this source.
    Absent,
}

/// Why a source, or one file of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The time box ended.
    #[error("the time box ended")]
    Stopped,
    /// The system refuses.
    #[error("{}: {source}", homes::shown_path(path))]
    Io {
        /// Which file, below the scanned root.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A pipe, a device or a folder stands where a file should.
    #[error("{}: not a regular file", homes::shown_path(.0))]
    NotAFile(PathBuf),
    /// The file is larger than any real one.
    #[error("{}: larger than {max} bytes", homes::shown_path(path))]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// What it may have.
        max: u64,
    },
    /// The content does not follow its format.
    #[error("{}: {what}", homes::shown_path(path))]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where it departs from the format.
        what: &'static str,
    },
    /// The content is in a format that this agent does not read.
    #[error("{}: {what}", homes::shown_path(path))]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// What it is, and what to do.
        what: &'static str,
    },
}

impl ReadError {
    pub(crate) fn damaged(path: &Path, what: &'static str) -> Self {
        let path = path.to_owned();
        Self::Damaged { path, what }
    }

    pub(crate) fn io(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { path: path.to_owned(), source: source.into() }
    }
}

/// What was lost or changed in a source that could be read all the same.
#[derive(Debug, Default)]
pub(crate) struct Defects {
    /// Texts that were cut at their limit.
    pub(crate) cut: u32,
    /// Texts that held control characters or were not UTF-8.
    pub(crate) replaced: u32,
    /// Records without a name.
    pub(crate) nameless: u32,
    /// Records over the host's limit.
    pub(crate) over: u32,
    /// Records that could not be read.
    unreadable: u32,
    /// Why the first of them could not.
    first: String,
}

impl Defects {
    pub(crate) const fn is_empty(&self) -> bool {
        self.cut == 0
            && self.replaced == 0
            && self.nameless == 0
            && self.over == 0
            && self.unreadable == 0
    }

    /// Notes a record, or a file with records, that cannot be read.
    pub(crate) fn unreadable(&mut self, why: &dyn fmt::Display) {
        self.unreadable = self.unreadable.saturating_add(1);
        if self.first.is_empty() {
            self.first = why.to_string();
        }
    }
}

impl fmt::Display for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By how much they cost: a reason is cut at its limit, and what was left out comes first.
        let parts = [
            (self.over, "records over the limit left out"),
            (self.unreadable, "unreadable"),
            (self.nameless, "without a name"),
            (self.cut, "texts cut"),
            (self.replaced, "texts with unprintable characters"),
        ];
        let mut separator = "";
        for (count, what) in parts.iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count} {what}")?;
            separator = ", ";
        }
        if self.first.is_empty() {
            return Ok(());
        }
        write!(f, "; first: {}", self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_every_loss_and_the_first_reason_only() {
        let mut defects = Defects { cut: 2, ..Defects::default() };
        defects.unreadable(&ReadError::damaged(Path::new("/a"), "no header"));
        defects.unreadable(&ReadError::damaged(Path::new("/b"), "no body"));
        assert!(!defects.is_empty());
        assert_eq!(defects.to_string(), "2 unreadable, 2 texts cut; first: /a: no header");
    }

    #[test]
    fn a_reason_tells_nobodys_name() {
        let path = Path::new("/home/alice/.cargo/.crates2.json");
        let error = ReadError::damaged(path, "not JSON");
        assert_eq!(error.to_string(), "~/.cargo/.crates2.json: not JSON");
    }

    #[test]
    fn is_empty_when_nothing_was_lost() {
        assert!(Defects::default().is_empty());
    }
}
