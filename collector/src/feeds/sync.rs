//! One sync: each source that is wanted brought up to date in the mirror, then everything new taken
//! in at once.
//!
//! A source that cannot be fetched keeps what it has, is said, and stops no other one.

mod status;

use std::time::Duration;

use enrichment::index::BuildReport;
use metrics::counter;
use serde::Serialize;
use store::database::Store;
use store::error::StoreError;

pub use self::status::FeedStatus;
pub(crate) use self::status::measure_ages;
use super::fetch::{FetchError, Fetcher};
use super::file::OneFile;
use super::http::{Http, HttpError};
use super::import::{FeedImporter, ImportError, TakenIn};
use super::mirror::{Mirror, SourceState};
use super::msrc::MsrcMonths;
use super::nvd::{ApiLimits, NvdApi, NvdFeedFiles};
use super::red_hat_vex::RedHatVex;
use super::{FeedPaths, Sleeper};
use crate::clock::Clock;
use crate::config::{FeedSource, FeedSourceKind, FeedsConfig};
use crate::metrics::{FEED_RECORDS, FEED_SYNCS, LABEL_OUTCOME, LABEL_SOURCE};

/// The wait after the first failure of a source; it doubles with each, up to its interval.
const RETRY_AFTER: Duration = Duration::from_secs(300);

/// Why nothing was synced.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// A source that was named is none.
    #[error("{name:?} is no source that is fetched: {known} are", known = known.join(", "))]
    Unknown {
        /// What was named.
        name: String,
        /// What could be named.
        known: Vec<String>,
    },
    /// What came cannot be taken in.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which sources are synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those whose time has come.
    Due,
    /// All.
    All,
    /// Some.
    Named(Vec<String>),
}

/// What a sync came to.
#[derive(Debug, Default, Serialize)]
pub struct SyncReport {
    /// Every source that was wanted, in the order of fetching.
    pub sources: Vec<SourceReport>,
    /// The index; absent when nothing came that it is made of.
    pub index: Option<BuildReport>,
}

/// What one source came to.
#[derive(Debug, Serialize)]
pub struct SourceReport {
    /// Which source.
    pub source: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Records that came.
    pub records: u64,
    /// Rows that they changed.
    pub changed: u64,
    /// Bad records, which were passed over.
    pub skipped: u64,
    /// Why it ended badly, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How one source's sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Something new came.
    Changed,
    /// There was nothing new.
    Unchanged,
    /// It could not be fetched or taken in.
    Failed,
}

impl Outcome {
    /// The name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
        }
    }
}

/// Syncs feeds.
#[derive(Debug)]
pub struct FeedSyncer {
    store: Store,
    clock: Clock,
    config: FeedsConfig,
    limits: ApiLimits,
    fetcher: Fetcher,
    importer: FeedImporter,
}

/// A source that was fetched or not.
struct Fetched<'a> {
    source: &'a FeedSource,
    is_changed: bool,
    /// Bad records that did not even get into the mirror.
    result: Result<u64, FetchError>,
}

impl FeedSyncer {
    /// A syncer.
    ///
    /// # Errors
    ///
    /// When a setting of the way out cannot be used.
    pub fn new(
        store: Store,
        clock: Clock,
        sleeper: Sleeper,
        config: FeedsConfig,
        paths: FeedPaths,
    ) -> Result<Self, HttpError> {
        let limits = ApiLimits::of(config.nvd_api_key.as_ref());
        let http = Http::new(&config)?;
        Ok(Self {
            importer: FeedImporter::new(store.clone(), clock.clone(), paths),
            fetcher: Fetcher::new(http, clock.clone(), sleeper, limits.requests),
            store,
            clock,
            config,
            limits,
        })
    }

    /// The same with other pages than NVD's, for servers that have other ones.
    #[must_use]
    pub const fn with_page_records(mut self, page_records: u64) -> Self {
        self.limits.page_records = page_records;
        self
    }

    /// Brings sources up to date. `force` fetches what did not change, and takes what is
    /// suspiciously small.
    ///
    /// # Errors
    ///
    /// When nothing could be tried: another sync has the mirror, a name is none, or the database
    /// cannot be used. A source that cannot be fetched is in the report.
    ///
    /// # Cancel safety
    ///
    /// Safe: the mirror holds whole records, and the next call goes on.
    pub async fn sync(&self, wanted: &Wanted, force: bool) -> Result<SyncReport, SyncError> {
        let sources = self.select(wanted).await?;
        // For the whole sync: what is fetched must not be taken in by somebody else half way.
        let mirror = self.importer.open_mirror().await?;
        let mut fetched = Vec::new();
        for source in sources {
            let before = mirror.source(&source.name);
            let result = Box::pin(self.fetch(&mirror, source, force)).await;
            let is_changed = is_changed(&before, &mirror.source(&source.name));
            fetched.push(Fetched { source, is_changed, result });
        }
        // Once for all sources, because the index is built of everything. It runs even when nothing
        // came: what an earlier one left, killed or without a database, is taken in now.
        let taken = Box::pin(self.importer.apply(&mirror)).await;
        let mut report = SyncReport::default();
        for fetched in fetched {
            // Before the error of taking in is given on, so that each source's row says what
            // happened.
            report.sources.push(self.note(fetched, &taken).await?);
        }
        report.index = taken?.index;
        Ok(report)
    }

    /// The sources that are wanted, in the order of the table.
    async fn select(&self, wanted: &Wanted) -> Result<Vec<&FeedSource>, SyncError> {
        let all = &self.config.sources;
        match wanted {
            Wanted::All => Ok(all.iter().collect()),
            Wanted::Due => {
                let rows = store::feeds::list(&self.store).await?;
                let now = self.clock.now();
                let is_due = |source: &&FeedSource| {
                    let row = rows.iter().find(|row| row.source == source.name);
                    row.and_then(|row| row.next_sync_at)
                        // A source without a row was never tried, and is due.
                        .is_none_or(|next| next <= now)
                };
                Ok(all.iter().filter(is_due).collect())
            }
            Wanted::Named(names) => {
                let is_known = |name: &String| all.iter().any(|source| source.name == *name);
                if let Some(name) = names.iter().find(|name| !is_known(name)) {
                    return Err(SyncError::Unknown {
                        name: name.clone(),
                        known: all.iter().map(|source| source.name.clone()).collect(),
                    });
                }
                let is_named = |source: &&FeedSource| names.contains(&source.name);
                Ok(all.iter().filter(is_named).collect())
            }
        }
    }

    async fn fetch(
        &self,
        mirror: &Mirror,
        source: &FeedSource,
        is_forced: bool,
    ) -> Result<u64, FetchError> {
        let (fetcher, now) = (&self.fetcher, self.clock.now());
        let (name, url) = (source.name.as_str(), source.url.as_str());
        match source.kind {
            FeedSourceKind::NvdApi => {
                let api = NvdApi {
                    fetcher,
                    mirror,
                    name,
                    url,
                    key: self.config.nvd_api_key.as_ref(),
                    page_records: self.limits.page_records,
                };
                let files = self.config.sources.iter();
                let before = files
                    .filter(|source| source.kind == FeedSourceKind::NvdFeeds)
                    .find_map(|files| NvdFeedFiles::until(mirror, &files.name));
                api.sync(before, is_forced, now).await
            }
            FeedSourceKind::NvdFeeds => {
                let files = NvdFeedFiles { fetcher, mirror, name, url, is_forced };
                files.sync(now).await
            }
            FeedSourceKind::MsrcMonths => {
                let months = MsrcMonths { fetcher, mirror, name, url, is_forced };
                months.sync().await
            }
            FeedSourceKind::RedHatVex => {
                let archive = RedHatVex { fetcher, mirror, name, url, is_forced };
                archive.sync().await
            }
            FeedSourceKind::File | FeedSourceKind::Archive => {
                let file = OneFile { fetcher, mirror, source, is_forced };
                file.sync().await
            }
        }
    }

    /// Notes how a source's sync ended, and when it is tried next.
    async fn note(
        &self,
        fetched: Fetched<'_>,
        taken: &Result<TakenIn, ImportError>,
    ) -> Result<SourceReport, StoreError> {
        let (name, now) = (fetched.source.name.as_str(), self.clock.now());
        let imported = taken.as_ref().map(|taken| taken.of(name)).unwrap_or_default();
        let mut report = SourceReport {
            source: name.to_owned(),
            outcome: Outcome::Unchanged,
            records: imported.records,
            changed: imported.changed,
            skipped: imported.skipped,
            error: None,
        };
        let mut next = now + fetched.source.every;
        match (&fetched.result, taken) {
            (Err(error), _) => report.fail(error.to_string()),
            // Only those that brought something: the others are as up to date as before.
            (Ok(_), Err(error)) if fetched.is_changed => {
                report.fail(format!("fetched, and not taken in: {error}"));
            }
            // Records without a change are an earlier sync's, which fetched them and did not come
            // to the end.
            (Ok(unread), _) if fetched.is_changed || imported.records > 0 => {
                report.outcome = Outcome::Changed;
                report.skipped += unread;
                let imported = store::feeds::Imported { skipped: report.skipped, ..imported };
                store::feeds::succeeded(&self.store, name, &imported, now).await?;
            }
            (Ok(_), _) => store::feeds::unchanged(&self.store, name, now).await?,
        }
        if let Some(error) = &report.error {
            tracing::warn!(source = name, error, "a feed is not up to date");
            let failures = store::feeds::failed(&self.store, name, error, now).await?;
            next = now + retry_after(failures, fetched.source.every);
        }
        store::feeds::schedule(&self.store, name, next).await?;
        counter!(FEED_SYNCS, LABEL_SOURCE => name.to_owned(), LABEL_OUTCOME => report.outcome.as_str())
            .increment(1);
        counter!(FEED_RECORDS, LABEL_SOURCE => name.to_owned()).increment(report.records);
        Ok(report)
    }
}

impl SourceReport {
    fn fail(&mut self, error: String) {
        self.outcome = Outcome::Failed;
        self.error = Some(error);
    }
}

/// Whether other files count than before. A moved watermark alone is no change.
fn is_changed(before: &SourceState, after: &SourceState) -> bool {
    let files = |state: &SourceState| -> Vec<String> {
        state.parts.values().map(|part| part.sha256.clone()).collect()
    };
    files(before) != files(after)
}

/// The wait after so many failures in a row.
fn retry_after(failures: u32, every: Duration) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    RETRY_AFTER.saturating_mul(factor).min(every)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_fails_is_tried_ever_less_often_up_to_its_interval() {
        let every = Duration::from_secs(7_200);
        let waits: Vec<_> = (1..=7).map(|n| retry_after(n, every).as_secs()).collect();
        assert_eq!(waits, [300, 600, 1_200, 2_400, 4_800, 7_200, 7_200]);
        assert_eq!(retry_after(u32::MAX, every), every);
    }
}
