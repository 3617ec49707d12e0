//! One import: named files in, rows and index out.

use std::io;
use std::path::{Path, PathBuf};

use enrichment::cve::Timestamp;
use enrichment::feeds::{self, FeedError, FeedKind, FileReport};
use enrichment::index::{BuildReport, IndexError};
use store::cves;
use store::database::Store;
use store::error::StoreError;
use store::feeds::Imported;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::mirror::Mirror;
use super::sink::{IndexOnly, PAGES_MAX, Page, Sink};
use super::{FeedPaths, ImportReport};
use crate::clock::Clock;

/// Feeds whose state the database keeps, by the kind of their files.
const FEEDS: [(FeedKind, &str); 3] = [
    (FeedKind::Nvd, "nvd"),
    (FeedKind::Kev, "kev"),
    (FeedKind::Epss, "epss"),
];

/// Why an import did not happen. What was served before still is.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file that was named cannot be used.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The mirror's folder cannot be used.
    #[error("keep feeds in {path}: {source}", path = path.display())]
    Mirror {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The index cannot be written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that reads the files ended.
    #[error("the import was stopped")]
    Stopped,
}

/// Imports feeds.
#[derive(Clone, Debug)]
pub struct FeedImporter {
    store: Store,
    clock: Clock,
    paths: FeedPaths,
}

impl FeedImporter {
    /// An importer that writes to a database and a folder.
    #[must_use]
    pub const fn new(store: Store, clock: Clock, paths: FeedPaths) -> Self {
        Self {
            store,
            clock,
            paths,
        }
    }

    /// Imports files and folders, and notes how it went for each feed that they hold.
    ///
    /// # Errors
    ///
    /// When a named file is no feed or damaged, or a disk or the database cannot be used. Rows that
    /// were written until then stay; the index stays as it was.
    ///
    /// # Cancel safety
    ///
    /// The thread that reads ends at its next page when this is dropped; nothing is left half.
    pub async fn import(&self, paths: Vec<PathBuf>) -> Result<ImportReport, ImportError> {
        let outcome = self.run(paths).await;
        let now = self.clock.now();
        match &outcome {
            Ok(report) => self.note(report, now).await?,
            Err(error) => {
                // The error itself is the caller's; that it cannot be noted adds nothing to it.
                let _unnoted =
                    store::feeds::failed(&self.store, "nvd", &error.to_string(), now).await;
            }
        }
        outcome
    }

    async fn run(&self, paths: Vec<PathBuf>) -> Result<ImportReport, ImportError> {
        let (sender, mut pages) = mpsc::channel(PAGES_MAX);
        let places = self.paths.clone();
        let reading = tokio::task::spawn_blocking(move || read_all(&paths, &places, sender));
        let mut changed = 0;
        while let Some(page) = pages.recv().await {
            changed += self.write(page).await?;
        }
        let (files, index) = reading.await.map_err(|_| ImportError::Stopped)??;
        Ok(ImportReport {
            files,
            changed,
            index,
        })
    }

    async fn write(&self, page: Page) -> Result<u64, StoreError> {
        match page {
            Page::Cves(records) => cves::upsert(&self.store, &records).await,
            Page::Kev(entries) => cves::upsert_kev(&self.store, &entries).await,
            Page::Epss(entries) => {
                cves::upsert_epss(&self.store, &entries, Some(self.clock.now().date())).await
            }
        }
    }

    async fn note(&self, report: &ImportReport, now: OffsetDateTime) -> Result<(), StoreError> {
        for (kind, name) in FEEDS {
            let newest = report.of(kind).filter_map(|file| file.newest).max();
            if report.of(kind).next().is_none() {
                continue;
            }
            let imported = Imported {
                newest_record_at: newest.and_then(to_time),
                records: report.records(kind),
                changed: if kind == FeedKind::Nvd {
                    report.changed
                } else {
                    0
                },
                skipped: report.skipped(kind),
            };
            store::feeds::succeeded(&self.store, name, &imported, now).await?;
        }
        Ok(())
    }
}

fn to_time(at: Timestamp) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok()
}

/// Reads what was named, and builds the index of that and of everything that was mirrored before.
fn read_all(
    paths: &[PathBuf],
    places: &FeedPaths,
    pages: mpsc::Sender<Page>,
) -> Result<(Vec<FileReport>, Option<BuildReport>), ImportError> {
    let folder = &places.mirror;
    let mirror_error = |source| ImportError::Mirror {
        path: folder.clone(),
        source,
    };
    let mirror = Mirror::open(folder).map_err(mirror_error)?;
    let before = mirror.files().map_err(mirror_error)?;
    let mut sink = Sink::new(pages);
    let mut files = Vec::new();
    let mut staged = Vec::new();
    for path in paths {
        let report = feeds::read_path(path, &mut sink)?;
        for file in report.files.iter().filter(|file| file.kind.is_of_index()) {
            staged.push(mirror.stage(&file.path).map_err(mirror_error)?);
        }
        files.extend(report.files);
    }
    let stopped = |_| ImportError::Stopped;
    let mut builder = sink.finish().map_err(stopped)?;
    if staged.is_empty() && places.index.exists() {
        return Ok((files, None));
    }
    for path in &before {
        feeds::read_path(path, &mut IndexOnly(&mut builder))?;
    }
    let index = write_index(builder, &places.index)?;
    for file in staged {
        file.keep().map_err(mirror_error)?;
    }
    Ok((files, Some(index)))
}

fn write_index(
    builder: enrichment::index::Builder,
    path: &Path,
) -> Result<BuildReport, ImportError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| ImportError::Mirror {
            path: folder.to_owned(),
            source,
        })?;
    }
    Ok(builder.write(path)?)
}
