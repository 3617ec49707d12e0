//! What all nodes of one database have in common: the certificate authority that agents trust.
//!
//! The first node notes its authority's fingerprint, every other one compares. The key itself is
//! never here. Another authority takes its place in three steps: prepared, active, and the one before retired.

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

/// Notes by what secrets are told to be sealed alike on all nodes, unless it is noted already; gives the one that
/// counts, `None` before the first node has noted its authority.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn note_seal(store: &Store, check: [u8; 32]) -> Result<Option<[u8; 32]>, StoreError> {
    sqlx::query!("UPDATE cluster SET seal_check = $1 WHERE seal_check IS NULL", &check[..])
        .execute(store.pool())
        .await?;
    // In a statement of its own, as for the authority.
    let noted =
        sqlx::query_scalar!("SELECT seal_check FROM cluster").fetch_optional(store.pool()).await?;
    noted.flatten().map(fingerprint).transpose()
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

/// The authorities that the nodes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// SHA-256 of the certificate of the one that signs.
    pub active: [u8; 32],
    /// Of the one that will.
    pub next: Option<[u8; 32]>,
    /// Of the one that did.
    pub previous: Option<[u8; 32]>,
    /// Since when the active one is.
    pub activated_at: Option<OffsetDateTime>,
    /// Since when what the previous one signed is sent away.
    pub retired_at: Option<OffsetDateTime>,
}

/// Which authorities the nodes share; `None` before the first node has noted its own.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn authorities(store: &Store) -> Result<Option<Authorities>, StoreError> {
    let row = sqlx::query!(
        "SELECT authority_sha256, next_sha256, previous_sha256, activated_at, retired_at FROM cluster"
    )
    .fetch_optional(store.pool())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Authorities {
        active: fingerprint(row.authority_sha256)?,
        next: row.next_sha256.map(fingerprint).transpose()?,
        previous: row.previous_sha256.map(fingerprint).transpose()?,
        activated_at: row.activated_at,
        retired_at: row.retired_at,
    }))
}

/// Notes the authority that is to take the active one's place; `false` when one is noted already, or the one
/// before is not retired yet.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn prepare_authority(
    store: &Store,
    active: [u8; 32],
    next: [u8; 32],
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE cluster SET next_sha256 = $2, previous_sha256 = NULL, retired_at = NULL
         WHERE authority_sha256 = $1 AND next_sha256 IS NULL
               AND (previous_sha256 IS NULL OR retired_at IS NOT NULL)",
        &active[..],
        &next[..]
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Has the prepared authority sign from now on; `false` when there is none.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn activate_authority(store: &Store, now: OffsetDateTime) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE cluster SET authority_sha256 = next_sha256, previous_sha256 = authority_sha256,
                next_sha256 = NULL, activated_at = $1, retired_at = NULL
         WHERE next_sha256 IS NOT NULL",
        now
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends the trust in the authority that signed before; `false` when there is none to end.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn retire_authority(store: &Store, now: OffsetDateTime) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE cluster SET retired_at = $1
         WHERE previous_sha256 IS NOT NULL AND retired_at IS NULL",
        now
    )
    .execute(store.pool())
    .await?;
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
    async fn the_first_seal_counts_until_the_authority_is_forgotten() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        assert_eq!(note_seal(store, [7; 32]).await.unwrap(), None);
        note_authority(store, [1; 32], at(0)).await.unwrap();
        assert_eq!(note_seal(store, [7; 32]).await.unwrap(), Some([7; 32]));
        assert_eq!(note_seal(store, [8; 32]).await.unwrap(), Some([7; 32]));
        forget_authority(store).await.unwrap();
        note_authority(store, [2; 32], at(1)).await.unwrap();
        assert_eq!(note_seal(store, [8; 32]).await.unwrap(), Some([8; 32]));
    }

    #[tokio::test]
    async fn one_authority_takes_the_place_of_another_in_three_steps_and_in_no_other_order() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        assert!(!prepare_authority(store, [1; 32], [2; 32]).await.unwrap());
        note_authority(store, [1; 32], at(0)).await.unwrap();
        assert!(!activate_authority(store, at(1)).await.unwrap());
        assert!(!retire_authority(store, at(1)).await.unwrap());
        assert!(prepare_authority(store, [1; 32], [2; 32]).await.unwrap());
        assert!(!prepare_authority(store, [1; 32], [3; 32]).await.unwrap());
        assert!(activate_authority(store, at(2)).await.unwrap());
        // The one before has to be retired first.
        assert!(!prepare_authority(store, [2; 32], [3; 32]).await.unwrap());
        let moving = authorities(store).await.unwrap().unwrap();
        assert_eq!((moving.active, moving.next), ([2; 32], None));
        assert_eq!((moving.previous, moving.activated_at), (Some([1; 32]), Some(at(2))));
        assert_eq!(moving.retired_at, None);
        assert!(retire_authority(store, at(3)).await.unwrap());
        assert!(!retire_authority(store, at(4)).await.unwrap());
        assert_eq!(authorities(store).await.unwrap().unwrap().retired_at, Some(at(3)));
        assert!(prepare_authority(store, [2; 32], [3; 32]).await.unwrap());
        assert_eq!(authorities(store).await.unwrap().unwrap().previous, None);
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
