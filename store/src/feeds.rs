//! Feeds: how the last import or sync of each went, for everyone alike.
//!
//! A failed one leaves what the last good one said of its records. These rows are for people and
//! for the clock; what a sync goes on from is in the mirror that it fills.

use time::OffsetDateTime;

use crate::database::Store;
use crate::error::StoreError;

/// A feed's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Which feed: `nvd`, `kev`, `epss` and so on.
    pub source: String,
    /// When it was imported last, well or badly.
    pub imported_at: OffsetDateTime,
    /// When it was imported well last.
    pub last_success_at: Option<OffsetDateTime>,
    /// The newest change among its records: where an incremental import goes on.
    pub newest_record_at: Option<OffsetDateTime>,
    /// Records that the last good import read.
    pub records: u64,
    /// Rows that it changed.
    pub changed: u64,
    /// Records that it could not read and passed over.
    pub skipped: u64,
    /// Why the last import ended badly, if it did.
    pub error: Option<String>,
    /// When it is fetched next, if it is by the clock.
    pub next_sync_at: Option<OffsetDateTime>,
    /// How often in a row it could not be fetched.
    pub failures: u32,
}

/// A good import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The newest change among its records.
    pub newest_record_at: Option<OffsetDateTime>,
    /// Records that it read.
    pub records: u64,
    /// Rows that it changed.
    pub changed: u64,
    /// Records that it could not read and passed over.
    pub skipped: u64,
}

/// Notes an import that went well.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn succeeded(
    store: &Store,
    source: &str,
    imported: &Imported,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    // A number for people: at the end of the column's range it is no longer exact, and no error
    // either.
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    // `greatest` passes over nulls: a feed without dates leaves the place where it is, and one that
    // was restored from an older mirror does not take it back.
    sqlx::query!(
        "INSERT INTO feeds AS f (source, imported_at, last_success_at, newest_record_at, records,
                                 changed, skipped)
         VALUES ($1, $2, $2, $3, $4, $5, $6)
         ON CONFLICT (source) DO UPDATE
         SET imported_at = excluded.imported_at, last_success_at = excluded.last_success_at,
             newest_record_at = greatest(f.newest_record_at, excluded.newest_record_at),
             records = excluded.records, changed = excluded.changed, skipped = excluded.skipped,
             error = NULL, failures = 0",
        source,
        now,
        imported.newest_record_at,
        count(imported.records),
        count(imported.changed),
        count(imported.skipped)
    )
    .execute(store.pool())
    .await?;
    Ok(())
}

/// Notes that a feed was asked for and had nothing new.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn unchanged(store: &Store, source: &str, now: OffsetDateTime) -> Result<(), StoreError> {
    // `records` stays: it is what the feed has, and "nothing new" says nothing of it.
    sqlx::query!(
        "INSERT INTO feeds (source, imported_at, last_success_at, records, changed, skipped)
         VALUES ($1, $2, $2, 0, 0, 0)
         ON CONFLICT (source) DO UPDATE
         SET imported_at = excluded.imported_at, last_success_at = excluded.last_success_at,
             changed = 0, error = NULL, failures = 0",
        source,
        now
    )
    .execute(store.pool())
    .await?;
    Ok(())
}

/// Says when a feed is fetched next.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn schedule(store: &Store, source: &str, at: OffsetDateTime) -> Result<(), StoreError> {
    // No row, no schedule: the first sync makes the row with its outcome before it is scheduled.
    sqlx::query!("UPDATE feeds SET next_sync_at = $2 WHERE source = $1", source, at)
        .execute(store.pool())
        .await?;
    Ok(())
}

/// Notes an import that went badly; gives how often in a row it has now.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn failed(
    store: &Store,
    source: &str,
    error: &str,
    now: OffsetDateTime,
) -> Result<u32, StoreError> {
    // What the last good import said stays in its columns; only the error and the count of failures
    // are of this one.
    let failures = sqlx::query_scalar!(
        "INSERT INTO feeds AS f (source, imported_at, records, changed, skipped, error, failures)
         VALUES ($1, $2, 0, 0, 0, $3, 1)
         ON CONFLICT (source) DO UPDATE
         SET imported_at = excluded.imported_at, error = excluded.error,
             failures = f.failures + 1
         RETURNING failures",
        source,
        now,
        error
    )
    .fetch_one(store.pool())
    .await?;
    Ok(failures.unsigned_abs())
}

/// Every feed that was ever imported, by name.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list(store: &Store) -> Result<Vec<Feed>, StoreError> {
    let rows = sqlx::query!(
        "SELECT source, imported_at, last_success_at, newest_record_at, records, changed, skipped,
                error, next_sync_at, failures
         FROM feeds ORDER BY source"
    )
    .fetch_all(store.pool())
    .await?;
    let feeds = rows.into_iter().map(|row| Feed {
        source: row.source,
        imported_at: row.imported_at,
        last_success_at: row.last_success_at,
        newest_record_at: row.newest_record_at,
        records: row.records.unsigned_abs(),
        changed: row.changed.unsigned_abs(),
        skipped: row.skipped.unsigned_abs(),
        error: row.error,
        next_sync_at: row.next_sync_at,
        failures: row.failures.unsigned_abs(),
    });
    Ok(feeds.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_fixtures::at;
    use crate::test_support::FreshDatabase;

    #[tokio::test]
    async fn a_bad_import_keeps_what_the_last_good_one_said() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        let good = Imported { newest_record_at: Some(at(5)), records: 10, changed: 9, skipped: 1 };
        succeeded(store, "nvd", &good, at(10)).await.unwrap();
        let failures = failed(store, "nvd", "no network", at(20)).await.unwrap();
        assert_eq!(failures, 1);
        failed(store, "kev", "no network", at(20)).await.unwrap();
        let feeds = list(store).await.unwrap();
        assert_eq!(feeds[0].source, "kev");
        assert_eq!((feeds[0].last_success_at, feeds[0].records), (None, 0));
        let nvd = &feeds[1];
        assert_eq!((nvd.imported_at, nvd.last_success_at), (at(20), Some(at(10))));
        assert_eq!((nvd.newest_record_at, nvd.records, nvd.skipped), (Some(at(5)), 10, 1));
        assert_eq!(nvd.error.as_deref(), Some("no network"));
    }

    #[tokio::test]
    async fn the_place_to_go_on_from_never_goes_back() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        // An older record, as a mirror that was restored has it, and a feed that has no dates.
        for (newest, seconds) in [(Some(at(50)), 1), (Some(at(40)), 2), (None, 3)] {
            let imported = Imported { newest_record_at: newest, ..Imported::default() };
            succeeded(store, "nvd", &imported, at(seconds)).await.unwrap();
        }
        let feeds = list(store).await.unwrap();
        assert_eq!(feeds[0].newest_record_at, Some(at(50)));
        assert_eq!(feeds[0].error, None);
    }

    #[tokio::test]
    async fn failures_are_counted_until_one_goes_well_and_nothing_new_is_well() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        let good = Imported { records: 10, changed: 10, ..Imported::default() };
        succeeded(store, "kev", &good, at(1)).await.unwrap();
        for expected in 1..=3 {
            let failures = failed(store, "kev", "no network", at(2)).await.unwrap();
            assert_eq!(failures, expected);
        }
        // Between the failures and the success: neither of them may move what the clock was told.
        schedule(store, "kev", at(90)).await.unwrap();
        assert_eq!(list(store).await.unwrap()[0].failures, 3);
        unchanged(store, "kev", at(3)).await.unwrap();
        let kev = &list(store).await.unwrap()[0];
        assert_eq!((kev.failures, kev.error.as_deref()), (0, None));
        assert_eq!((kev.records, kev.changed), (10, 0));
        assert_eq!(kev.last_success_at, Some(at(3)));
        assert_eq!(kev.next_sync_at, Some(at(90)));
    }
}
