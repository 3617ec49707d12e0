//! How up to date each feed is: for commands and for metrics.

use metrics::gauge;
use serde::Serialize;
use store::database::Store;
use store::error::StoreError;
use store::feeds::Feed;
use time::OffsetDateTime;

use crate::config::FeedsConfig;
use crate::metrics::{FEED_AGE_SECONDS, LABEL_SOURCE};

/// How up to date a feed is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeedStatus {
    /// Which feed.
    pub source: String,
    /// When it was tried last, well or badly.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_attempt_at: Option<OffsetDateTime>,
    /// When it went well last.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_success_at: Option<OffsetDateTime>,
    /// Seconds since then.
    pub age_s: Option<i64>,
    /// The newest change among its records.
    #[serde(with = "time::serde::rfc3339::option")]
    pub newest_record_at: Option<OffsetDateTime>,
    /// Records that came the last time that something came.
    pub records: u64,
    /// Rows that the last sync changed.
    pub changed: u64,
    /// Bad records that were passed over.
    pub skipped: u64,
    /// How often in a row it could not be fetched.
    pub failures: u32,
    /// Why not, the last time.
    pub error: Option<String>,
    /// When it is fetched next; `None` when it is not, by the clock.
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_sync_at: Option<OffsetDateTime>,
}

impl FeedStatus {
    /// Every source that is configured, in the order of fetching, and after them whatever else was
    /// ever imported.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn list(
        store: &Store,
        config: &FeedsConfig,
        now: OffsetDateTime,
    ) -> Result<Vec<Self>, StoreError> {
        let mut rows = store::feeds::list(store).await?;
        let mut list = Vec::new();
        for source in &config.sources {
            let row = rows.iter().position(|row| row.source == source.name);
            let mut status = match row {
                Some(row) => Self::new(rows.remove(row), now),
                None => Self { source: source.name.clone(), ..Self::default() },
            };
            if !config.sync {
                status.next_sync_at = None;
            }
            list.push(status);
        }
        // Not configured any more, or imported by hand: nothing will fetch it, whatever its row
        // says.
        list.extend(rows.into_iter().map(|row| Self { next_sync_at: None, ..Self::new(row, now) }));
        Ok(list)
    }

    fn new(row: Feed, now: OffsetDateTime) -> Self {
        // Another node may have noted it by a clock that is ahead of this one's.
        let age_s = |at: OffsetDateTime| (now - at).whole_seconds().max(0);
        Self {
            source: row.source,
            last_attempt_at: Some(row.imported_at),
            last_success_at: row.last_success_at,
            age_s: row.last_success_at.map(age_s),
            newest_record_at: row.newest_record_at,
            records: row.records,
            changed: row.changed,
            skipped: row.skipped,
            failures: row.failures,
            error: row.error,
            next_sync_at: row.next_sync_at,
        }
    }
}

/// Sets the metric of every feed's age.
///
/// # Errors
///
/// When the database cannot be used.
pub(crate) async fn measure_ages(store: &Store, now: OffsetDateTime) -> Result<(), StoreError> {
    for feed in store::feeds::list(store).await? {
        if let Some(at) = feed.last_success_at {
            let age = (now - at).as_seconds_f64().max(0.0);
            gauge!(FEED_AGE_SECONDS, LABEL_SOURCE => feed.source).set(age);
        }
    }
    Ok(())
}
