//! Taking in: files into rows and the index.

mod read;
mod taken;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use enrichment::cve::Timestamp;
use enrichment::feeds::{FeedError, FeedKind};
use enrichment::index::IndexError;
use store::cves;
use store::database::Store;
use store::error::StoreError;
use store::feeds::Imported;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use self::read::{Input, Read};
pub(super) use self::taken::TakenIn;
use self::taken::to_time;
use super::bundle::{self, BundleError, PublicKey};
use super::mirror::{BY_HAND, Mirror, OpenError, Part};
use super::sink::{PAGES_MAX, Page};
use super::{FeedPaths, ImportReport};
use crate::clock::Clock;

/// Feeds whose state the database keeps when files are imported by hand, by the kind of the files.
const FEEDS: [(FeedKind, &str); 3] =
    [(FeedKind::Nvd, "nvd"), (FeedKind::Kev, "kev"), (FeedKind::Epss, "epss")];

/// The source of CISA's catalogue.
const KEV: &str = "kev";

/// Why an import did not happen. What was served before still is.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file that was named cannot be used.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A bundle that was named cannot be used.
    #[error("{path} is refused: {error}", path = path.display())]
    Bundle {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: BundleError,
    },
    /// The mirror is in use.
    #[error("{path} is in use: another sync, import or export has to end first", path = path.display())]
    Busy {
        /// The mirror's folder.
        path: PathBuf,
    },
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
    trusted: Vec<PublicKey>,
}

impl FeedImporter {
    /// An importer that writes to a database and a folder, and takes no bundles.
    #[must_use]
    pub const fn new(store: Store, clock: Clock, paths: FeedPaths) -> Self {
        Self { store, clock, paths, trusted: Vec::new() }
    }

    /// The same, but it takes bundles that are signed with one of these keys.
    #[must_use]
    pub fn trusting(self, trusted: Vec<PublicKey>) -> Self {
        Self { trusted, ..self }
    }

    /// Imports files, folders and bundles, and notes how it went for each feed that they hold.
    ///
    /// # Errors
    ///
    /// When a named file is no feed, damaged, or a bundle that is not to be believed, or a disk or
    /// the database cannot be used. Rows that were written until then stay; the index stays as it
    /// was.
    ///
    /// # Cancel safety
    ///
    /// The thread that reads ends at its next page when this is dropped; nothing is left half.
    pub async fn import(&self, paths: Vec<PathBuf>) -> Result<ImportReport, ImportError> {
        // An error is the caller's, and names its file. No source is to blame for it: its last sync went
        // as well as it went.
        let report = self.run(paths).await?;
        self.note(&report, self.clock.now()).await?;
        Ok(report)
    }

    async fn run(&self, paths: Vec<PathBuf>) -> Result<ImportReport, ImportError> {
        let mirror = self.open_mirror().await?;
        let mut report = ImportReport::default();
        let mut files = Vec::new();
        for path in paths {
            if bundle::is_bundle(&path) {
                self.import_bundle(&mirror, path, &mut report).await?;
            } else {
                files.push(path);
            }
        }
        if !files.is_empty() {
            let taken = self.import_files(&mirror, files).await?;
            report.add(taken);
        }
        Ok(report)
    }

    async fn import_files(
        &self,
        mirror: &Mirror,
        files: Vec<PathBuf>,
    ) -> Result<TakenIn, ImportError> {
        let inputs = files.into_iter().map(|path| Input { source: BY_HAND.to_owned(), path });
        let kept = self.inputs(mirror, |_| true);
        let read = Read {
            fresh: inputs.collect(),
            kept,
            index: self.paths.index.clone(),
            now: self.now(),
            mirror: mirror.clone(),
            copies: true,
        };
        // Before they are listed: what cannot be taken in must not be in the mirror, where every
        // later build would read it.
        let (taken, staged) = self.take_in(read).await?;
        self.on_disk(mirror.commit(|manifest| {
            let by_hand = manifest.sources.entry(BY_HAND.to_owned()).or_default();
            for part in staged {
                by_hand.parts.insert(part.sha256.clone(), part);
            }
        }))?;
        if taken.index.is_some() {
            self.on_disk(mirror.note_applied())?;
        }
        Ok(taken)
    }

    /// Verifies a bundle, and only then takes it in: its sources replace those of the mirror.
    async fn import_bundle(
        &self,
        mirror: &Mirror,
        path: PathBuf,
        report: &mut ImportReport,
    ) -> Result<(), ImportError> {
        let (unpacking, from, trusted) = (mirror.clone(), path.clone(), self.trusted.clone());
        let unpacked =
            tokio::task::spawn_blocking(move || bundle::unpack_into(&unpacking, &from, &trusted));
        let manifest = unpacked
            .await
            .map_err(|_| ImportError::Stopped)?
            .map_err(|error| ImportError::Bundle { path, error })?;
        // Everything is here and is what was signed. It counts once the index is built of it.
        let sources = manifest.sources().clone();
        // A copy. The mirror goes on with its own list until everything has been built of the new
        // one.
        let mut next = mirror.manifest();
        for (name, source) in sources {
            match next.sources.get_mut(&name) {
                // What was imported here by hand stays.
                Some(here) if name == BY_HAND => here.parts.extend(source.parts),
                Some(_) | None => {
                    next.sources.insert(name, source);
                }
            }
        }
        let applied = self.on_disk(mirror.applied())?;
        let (kept, fresh) = next
            .parts()
            .filter(|(_, part)| has_records(part))
            .map(|(source, part)| {
                let input = Input { source: source.to_owned(), path: mirror.path(part) };
                (applied.contains(&part.sha256), input)
            })
            .partition::<Vec<_>, _>(|(is_applied, _)| *is_applied);
        let plain = |inputs: Vec<(bool, Input)>| inputs.into_iter().map(|(_, i)| i).collect();
        let read = Read {
            fresh: plain(fresh),
            kept: plain(kept),
            index: self.paths.index.clone(),
            now: self.now(),
            mirror: mirror.clone(),
            copies: false,
        };
        let (taken, _) = self.take_in(read).await?;
        let sequence = manifest.sequence();
        self.on_disk(mirror.commit(|manifest| {
            manifest.sources = next.sources;
            manifest.bundle_taken = sequence;
        }))?;
        // Last. Without the note everything new is taken in once more, which changes nothing.
        self.on_disk(mirror.note_applied())?;
        report.add(taken);
        report.bundles.push(manifest);
        Ok(())
    }

    /// Takes in what the mirror has and the database and the index have not; nothing where there
    /// is nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::import`].
    ///
    /// # Cancel safety
    ///
    /// As [`Self::import`]; the next call takes in what this one did not.
    pub(super) async fn apply(&self, mirror: &Mirror) -> Result<TakenIn, ImportError> {
        let applied = self.on_disk(mirror.applied())?;
        let fresh = self.inputs(mirror, |file| !applied.contains(file));
        let is_indexed = self.paths.index.exists() || self.inputs(mirror, |_| true).is_empty();
        if fresh.is_empty() && is_indexed {
            return Ok(TakenIn::default());
        }
        let read = Read {
            fresh,
            kept: self.inputs(mirror, |file| applied.contains(file)),
            index: self.paths.index.clone(),
            now: self.now(),
            mirror: mirror.clone(),
            copies: false,
        };
        let (taken, _) = self.take_in(read).await?;
        self.on_disk(mirror.note_applied())?;
        Ok(taken)
    }

    /// The mirror, for this process alone.
    ///
    /// # Errors
    ///
    /// When somebody else has it, or the folder cannot be used.
    pub(super) async fn open_mirror(&self) -> Result<Mirror, ImportError> {
        let path = self.paths.mirror.clone();
        let opening = tokio::task::spawn_blocking(move || Mirror::open(&path));
        let path = || self.paths.mirror.clone();
        match opening.await.map_err(|_| ImportError::Stopped)? {
            Ok(mirror) => Ok(mirror),
            Err(OpenError::Busy) => Err(ImportError::Busy { path: path() }),
            Err(OpenError::Io(source)) => Err(ImportError::Mirror { path: path(), source }),
            Err(damaged @ OpenError::Damaged(_)) => Err(ImportError::Mirror {
                path: path(),
                source: io::Error::other(damaged.to_string()),
            }),
        }
    }

    fn now(&self) -> Timestamp {
        let now_ms = i64::try_from(self.clock.now_ms());
        Timestamp(now_ms.unwrap_or(i64::MAX))
    }

    /// Files of the mirror, by their names.
    fn inputs(&self, mirror: &Mirror, is_wanted: impl Fn(&String) -> bool) -> Vec<Input> {
        let manifest = mirror.manifest();
        let parts =
            manifest.parts().filter(|(_, part)| has_records(part) && is_wanted(&part.sha256));
        let inputs = parts
            .map(|(source, part)| Input { source: source.to_owned(), path: mirror.path(part) });
        inputs.collect()
    }

    async fn take_in(&self, read: Read) -> Result<(TakenIn, Vec<Part>), ImportError> {
        let (sender, mut pages) = mpsc::channel(PAGES_MAX);
        let reading = tokio::task::spawn_blocking(move || read.run(sender));
        let mut changed = BTreeMap::new();
        // When a page cannot be written, the channel goes and the thread that reads ends at its
        // next one.
        while let Some((source, page)) = pages.recv().await {
            let rows = self.write(&source, page).await?;
            *changed.entry(source).or_default() += rows;
        }
        let done = reading.await.map_err(|_| ImportError::Stopped)??;
        let taken = TakenIn { files: done.files, changed, index: done.index };
        Ok((taken, done.staged))
    }

    async fn write(&self, source: &str, page: Page) -> Result<u64, StoreError> {
        match page {
            Page::Cves(records) => cves::upsert(&self.store, &records).await,
            // What is fetched is CISA's whole catalogue; a file may be a part of it.
            Page::Kev(entries) if source == KEV => cves::replace_kev(&self.store, &entries).await,
            Page::Kev(entries) => cves::upsert_kev(&self.store, &entries).await,
            Page::Epss(entries) => {
                cves::upsert_epss(&self.store, &entries, Some(self.clock.now().date())).await
            }
            Page::Ratings(ratings) => cves::upsert_ratings(&self.store, &ratings).await,
        }
    }

    fn on_disk<T>(&self, result: io::Result<T>) -> Result<T, ImportError> {
        result.map_err(|source| ImportError::Mirror { path: self.paths.mirror.clone(), source })
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
                changed: if kind == FeedKind::Nvd { report.changed } else { 0 },
                skipped: report.skipped(kind),
            };
            store::feeds::succeeded(&self.store, name, &imported, now).await?;
        }
        Ok(())
    }
}

/// Whether a file is worth opening. A year that has just begun may have no CVE yet, and a file
/// without records looks like none of the feeds.
fn has_records(part: &Part) -> bool {
    part.records != Some(0)
}

/// Makes the folder of a file.
fn make_folder_of(path: &Path) -> Result<(), ImportError> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder)
        .map_err(|source| ImportError::Mirror { path: folder.to_owned(), source })
}
