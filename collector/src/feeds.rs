//! Feed imports: files of CVE records, KEV and EPSS into the database and the match index.
//!
//! What is imported is kept: the mirror holds every file of CVE records, named by its content, and
//! the index is built from all of them, so that importing a small change does not forget the rest.
//! An import that is killed leaves the index and the mirror as they were, and rows that the next
//! import finds unchanged.

mod import;
mod mirror;
mod sink;

use std::path::PathBuf;

use enrichment::feeds::{FeedKind, FileReport};
use enrichment::index::BuildReport;
use serde::Serialize;

pub use self::import::{FeedImporter, ImportError};

/// Where an importer works.
#[derive(Clone, Debug)]
pub struct FeedPaths {
    /// Folder of the mirrored files.
    pub mirror: PathBuf,
    /// The index file that collectors match with.
    pub index: PathBuf,
}

/// What an import came to.
#[derive(Debug, Serialize)]
pub struct ImportReport {
    /// Every file that was named or found in a named folder.
    pub files: Vec<FileReport>,
    /// CVEs whose row changed, by record, KEV entry or EPSS score.
    pub changed: u64,
    /// The index; absent when no CVE records came.
    pub index: Option<BuildReport>,
}

impl ImportReport {
    /// Records of a kind that were read.
    #[must_use]
    pub fn records(&self, kind: FeedKind) -> u64 {
        self.of(kind).map(|file| file.records).sum()
    }

    /// Bad records of a kind, which were skipped.
    #[must_use]
    pub fn skipped(&self, kind: FeedKind) -> u64 {
        self.of(kind).map(|file| file.skipped).sum()
    }

    fn of(&self, kind: FeedKind) -> impl Iterator<Item = &FileReport> {
        self.files.iter().filter(move |file| file.kind == kind)
    }
}
