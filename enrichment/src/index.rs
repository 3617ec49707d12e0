//! The match index: everything that CVE records say of products, compiled into one immutable file
//! that is mapped into memory and shared by all workers.
//!
//! It exists because the question is always the same, "which CVEs name this product in this
//! version", and answering it out of the records costs a thousand times more. A file is written
//! once under a temporary name and renamed into place, so that nobody ever sees half of one. It is
//! checked whole when it is opened, and every access stays within it whatever it holds.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::cve::{CveId, RecordSource, Timestamp};
use crate::index::bytes::Bytes;
use crate::index::format::{Layout, Section};

pub use crate::index::builder::Builder;
pub use crate::index::changes::{CHANGED_KEYS_MAX, ChangedKeys, Contents, changes};
pub use crate::index::extract::{ContentId, Extract};
pub use crate::index::rebuild::Extracts;
pub use crate::index::write::{BuildReport, Rebuilt};

mod advisories;
mod assemble;
mod base;
mod builder;
mod bytes;
mod changes;
mod collected;
mod conditions;
mod extract;
mod format;
mod intern;
mod mapping;
mod reader;
mod rebuild;
mod slots;
mod views;
mod write;

pub(crate) use crate::index::advisories::{
    BoundView, NameKind, PackageView, PlaceId, SpanKind, SpanView, StatementShape, StatementView,
};
pub(crate) use crate::index::conditions::{ConditionTerm, PartnerView};
pub(crate) use crate::index::format::{Bounds, VersionKind};
pub(crate) use crate::index::views::{
    CveEntry, ExactRow, OpenRow, ProductView, RangeRow, ShapeView, Text, VersionId,
};

/// An opened index. Cheap to share: all methods take `&self` and nothing is copied.
#[derive(Debug)]
pub struct Index {
    bytes: Bytes,
    layout: Layout,
}

/// Why an index cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is no index.
    #[error("{0} is no match index; build one with `muster-collector feed build`")]
    NotAnIndex(PathBuf),
    /// The file is an index of another version of this program.
    #[error("{path} has index format {found}, this program reads {expected}; build it again")]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format that is read.
        expected: u32,
    },
    /// The file is damaged.
    #[error("{path} is damaged: {reason}; build it again")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        reason: &'static str,
    },
    /// There is more to index than the format can hold.
    #[error("there are more {0} than an index can hold")]
    TooLarge(&'static str),
}

/// How much an index holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct IndexStats {
    /// CVEs that records were given for, with or without rules.
    pub cves: u64,
    /// Products that have rules.
    pub products: u64,
    /// Rules that name one version.
    pub exact_rules: u64,
    /// Rules that name a range.
    pub range_rules: u64,
    /// Rules that name all versions or none.
    pub open_rules: u64,
    /// Advisories that say something.
    pub advisories: u64,
    /// Releases of distributions and registries that advisories are about.
    pub places: u64,
    /// Statements of advisories about packages.
    pub statements: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Index {
    /// Maps an index file and checks all of it once.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no index, is of another format or is damaged.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let opened = File::open(path).and_then(|file| mapping::map(&file));
        let map = opened.map_err(|source| IndexError::Io {
            action: "open",
            path: path.to_owned(),
            source,
        })?;
        Self::check(Bytes::Mapped(map), path)
    }

    /// An index that is in memory already, such as one that a test built.
    ///
    /// # Errors
    ///
    /// As [`Index::open`]; the path in errors is `memory`.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, IndexError> {
        Self::check(Bytes::Owned(bytes), Path::new("memory"))
    }

    fn check(bytes: Bytes, path: &Path) -> Result<Self, IndexError> {
        let layout = Layout::check(bytes.as_slice(), path)?;
        Ok(Self { bytes, layout })
    }

    /// The index' content as a number: the same for the same records, another for others.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.layout.generation
    }

    /// When it was made, if whoever made it said so. Of two indexes with different contents the
    /// later one is the newer; the time of the file says when somebody copied it.
    #[must_use]
    pub fn made_at(&self) -> Option<Timestamp> {
        (self.layout.made_at != 0).then_some(Timestamp(self.layout.made_at))
    }

    /// The contents of the feed files that it was made of; none where they are not known.
    pub(crate) fn made_of(&self) -> Vec<ContentId> {
        let rows = self
            .layout
            .section(self.bytes.as_slice(), Section::MadeOf)
            .chunks_exact(Section::MadeOf.row_bytes());
        rows.filter_map(|row| row.try_into().ok()).collect()
    }

    /// How much it holds.
    #[must_use]
    pub fn stats(&self) -> IndexStats {
        let rows = |section: Section| self.layout.rows(section) as u64;
        // These tables have one more row, which ends the last one.
        let closed = |section: Section| rows(section).saturating_sub(1);
        IndexStats {
            cves: closed(Section::Cves),
            products: closed(Section::Products),
            exact_rules: rows(Section::ExactRows),
            range_rules: rows(Section::RangeRows),
            open_rules: rows(Section::OpenRows),
            advisories: closed(Section::Advisories),
            places: closed(Section::Places),
            statements: rows(Section::Statements),
            bytes: self.bytes.as_slice().len() as u64,
        }
    }

    /// Whether any record names this vendor's product; both unescaped and in lower case.
    #[must_use]
    pub fn has_product(&self, vendor: &str, product: &str) -> bool {
        self.find_product(None, vendor, product).is_some()
    }

    /// What was known of a CVE when the index was built; `None` for one without a record.
    #[must_use]
    pub fn cve(&self, id: CveId) -> Option<CveInfo> {
        let entry = self.cve_entry(self.find_cve(id)?)?;
        Some(CveInfo {
            id: entry.id,
            source: entry.source,
            is_rejected: entry.is_rejected,
            is_fallback: entry.is_fallback,
            products: self.products_of(&entry),
        })
    }
}

/// What an index knows of a CVE beside its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CveInfo {
    /// Which CVE.
    pub id: CveId,
    /// Whose statement its rules are.
    pub source: RecordSource,
    /// Whether it was withdrawn; it has no rules then.
    pub is_rejected: bool,
    /// Whether its rules are of an older record, because the newest one has none.
    pub is_fallback: bool,
    /// The products that its rules name, as `vendor:product`.
    pub products: Vec<String>,
}

#[cfg(test)]
mod tests;
