//! What all nodes of one database have in common: the certificate authority that agents trust.
//!
//! The first node notes its authority's fingerprint, every other one compares. The key itself is
//! never here.

use time::OffsetDateTime;

use crate::database::Store;
use crate::error::StoreError;

/// SHA-256 of the authority's certificate that this database's agents trust; `None` before the first
/// node has noted its own.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn authority(store: &Store) -> Result<Option<[u8; 32]>, StoreError> {
    let noted = sqlx::query_scalar!("SELECT authority_sha256 FROM cluster")
        .fetch_optional(store.pool())
        .await?;
    noted.map(fingerprint).transpose()
}

/// Notes an authority unless one is noted already; gives the one that counts.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn note_authority(
    store: &Store,
    sha256: [u8; 32],
    now: OffsetDateTime,
) -> Result<[u8; 32], StoreError> {
    // Of two first nodes that start together one wins, and the other one reads what it wrote.
    sqlx::query!(
        "INSERT INTO cluster (authority_sha256, noted_at) VALUES ($1, $2)
         ON CONFLICT (is_only) DO NOTHING",
        &sha256[..],
        now
    )
    .execute(store.pool())
    .await?;
    // `DO NOTHING` returns no row when the other's stands, so it is read in a statement of its own,
    // whose snapshot has what was committed until then.
    Ok(authority(store).await?.unwrap_or(sha256))
}

/// Forgets the authority, so that the next node to start notes its own: for whoever begins with a
/// new one and enrols every agent again. Whether there was one.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn forget_authority(store: &Store) -> Result<bool, StoreError> {
    let done = sqlx::query!("DELETE FROM cluster").execute(store.pool()).await?;
    Ok(done.rows_affected() > 0)
}

fn fingerprint(noted: Vec<u8>) -> Result<[u8; 32], StoreError> {
    noted.try_into().map_err(|noted: Vec<u8>| {
        let bytes = format!("{} bytes", noted.len());
        StoreError::inconsistent("cluster", "authority_sha256", &bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_fixtures::at;
    use crate::test_support::FreshDatabase;

    #[tokio::test]
    async fn the_first_authority_counts_until_it_is_forgotten() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        assert_eq!(authority(store).await.unwrap(), None);
        assert_eq!(note_authority(store, [1; 32], at(0)).await.unwrap(), [1; 32]);
        assert_eq!(note_authority(store, [2; 32], at(1)).await.unwrap(), [1; 32]);
        assert_eq!(authority(store).await.unwrap(), Some([1; 32]));
        assert!(forget_authority(store).await.unwrap());
        assert!(!forget_authority(store).await.unwrap());
        assert_eq!(note_authority(store, [2; 32], at(2)).await.unwrap(), [2; 32]);
    }

    #[tokio::test]
    async fn of_first_nodes_that_start_together_all_take_the_same_one() {
        let database = FreshDatabase::create().await;
        let note = |number| note_authority(database.store(), [number; 32], at(0));
        // Which of the three is first is the server's affair; that all name the same one is what
        // counts, or agents that one node enrols would be refused by the next.
        let (one, two, three) = tokio::join!(note(1), note(2), note(3));
        let one = one.unwrap();
        assert_eq!((two.unwrap(), three.unwrap()), (one, one));
    }
}
