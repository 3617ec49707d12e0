//! Backups that were finished: when and how much, so that somebody is told when there was none for long.
//!
//! No word of where they are, nor whether they are still there: that is for whoever keeps them to know.

use time::OffsetDateTime;

use crate::database::Store;
use crate::error::StoreError;

/// The newest backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// When it was begun: what came later is not in it. Where none was ever made, from when on there was
    /// something to keep.
    pub made_at: OffsetDateTime,
    /// Its bytes; `None` where none was ever made.
    pub bytes: Option<u64>,
}

/// Notes that a backup was finished.
///
/// # Errors
///
/// When the database cannot be used, or its schema is an older one.
pub async fn note(
    store: &Store,
    made_at: OffsetDateTime,
    finished_at: OffsetDateTime,
    bytes: u64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO backups (made_at, finished_at, bytes) VALUES ($1, $2, $3)
         ON CONFLICT (made_at) DO NOTHING",
        made_at,
        finished_at,
        // An empty one would be none.
        i64::try_from(bytes).unwrap_or(i64::MAX).max(1)
    )
    .execute(store.pool())
    .await?;
    Ok(())
}

/// The newest backup; `None` where the rows are none of ours.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn newest(store: &Store) -> Result<Option<Newest>, StoreError> {
    let row = sqlx::query!("SELECT made_at, bytes FROM backups ORDER BY made_at DESC LIMIT 1")
        .fetch_optional(store.pool())
        .await?;
    Ok(row.map(|row| Newest {
        made_at: row.made_at,
        bytes: u64::try_from(row.bytes).ok().filter(|bytes| *bytes > 0),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::FreshDatabase;

    #[tokio::test]
    async fn the_newest_backup_is_known_and_before_the_first_one_since_when_there_is_none() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        let none = newest(store).await.unwrap().unwrap();
        assert_eq!(none.bytes, None);
        let hour = time::Duration::hours(1);
        for (hours, bytes) in [(1_i32, 10), (3, 30), (2, 20)] {
            let made_at = none.made_at + hour * hours;
            // Told twice, as by somebody who heard no answer.
            for _ in 0..2 {
                note(store, made_at, made_at + hour, bytes).await.unwrap();
            }
        }
        let found = newest(store).await.unwrap().unwrap();
        assert_eq!(found, Newest { made_at: none.made_at + hour * 3_i32, bytes: Some(30) });
    }
}
