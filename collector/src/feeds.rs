//! Feeds: fetched, carried in or imported by hand, kept in the mirror, and from there into the
//! database and the match index.
//!
//! What comes is kept: the mirror holds every source's last whole records, and the index is built
//! from all of them, so that a small change does not forget the rest. Whoever is killed on the way
//! leaves the mirror and the index as they were or as they will be, and rows that the next one finds
//! unchanged. Nothing here decides what applies to which software.

mod archive;
mod bundle;
mod fetch;
mod file;
mod http;
mod import;
mod mirror;
mod msrc;
mod nvd;
mod red_hat_vex;
mod retry;
mod sink;
mod sleeper;
mod sync;

use std::path::PathBuf;

use enrichment::feeds::{FeedKind, FileReport};
use enrichment::index::BuildReport;
use serde::Serialize;

pub use self::bundle::{
    BundleError, BundleManifest, PublicKey, SigningKey, export_bundle, verify_bundle,
};
pub use self::fetch::FetchError;
pub use self::http::HttpError;
pub(crate) use self::http::tls_config;
pub use self::import::{FeedImporter, ImportError};
pub(crate) use self::mirror::{forget_applied, listed as listed_files};
pub use self::sleeper::Sleeper;
pub(crate) use self::sync::measure_ages;
pub use self::sync::{
    FeedStatus, FeedSyncer, Outcome, SourceReport, SyncError, SyncReport, Wanted,
};

/// Where feeds are kept.
#[derive(Clone, Debug)]
pub struct FeedPaths {
    /// Folder of the mirrored files.
    pub mirror: PathBuf,
    /// The index file that collectors match with.
    pub index: PathBuf,
}

impl FeedPaths {
    /// Where a configuration says.
    #[must_use]
    pub fn of(config: &crate::config::Config) -> Self {
        Self { mirror: config.node.data_dir.join("mirror"), index: config.enrichment.index.clone() }
    }
}

/// What an import came to.
#[derive(Debug, Default, Serialize)]
pub struct ImportReport {
    /// Every file that was named or found in a named folder.
    pub files: Vec<FileReport>,
    /// CVEs whose row changed, by record, KEV entry or EPSS score.
    pub changed: u64,
    /// The index; absent when nothing came that it is made of.
    pub index: Option<BuildReport>,
    /// The bundles that were taken in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bundles: Vec<BundleManifest>,
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
