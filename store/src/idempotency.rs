//! Writes that may be asked again: which were asked, and what was answered.
//!
//! The answer is kept as the caller sealed it: this crate cannot read it, and neither can whoever
//! reads the database. One row is one key of one principal, so that nobody meets another's.

use sqlx::types::Uuid;
use time::{Duration, OffsetDateTime};

use crate::database::Store;
use crate::error::StoreError;
use crate::tx::{self, Settings, Tx};

/// How long an answer is kept.
pub const KEPT: Duration = Duration::hours(24);

/// After how long an asker is taken for gone, who never said what came of it.
const GIVEN_UP_AFTER: Duration = Duration::minutes(2);

/// How often a request that is being done says so ([`renew`]): some times before it would be given up.
pub const RENEWED_EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// A request that may be asked again.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub principal: Uuid,
    /// A hash of the key that the asker gave it.
    pub key_hash: &'a [u8; 32],
    /// A hash of all that it asks.
    pub fingerprint: &'a [u8; 32],
    /// This time of it, which tells it from one that took it over.
    pub attempt: Uuid,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is to be done, and [`finish`]ed or [`forget`] is to be called.
    New,
    /// The same key came with something else.
    Differs,
    /// It is being done.
    Running,
    /// It was done, and this was answered, sealed.
    Answered(Vec<u8>),
}

/// Begins a request.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn begin(
    store: &Store,
    asked: &Asked<'_>,
    now: OffsetDateTime,
) -> Result<Known, StoreError> {
    let mut tx = of(store, asked, "idempotency.begin").await?;
    // One that is over, or was given up, makes room for this one.
    let taken = sqlx::query!(
        "INSERT INTO idempotent_requests (principal, key_hash, fingerprint, created_at, attempt)
         VALUES ($1, $2, $3, $4, $7)
         ON CONFLICT (principal, key_hash) DO UPDATE
         SET fingerprint = excluded.fingerprint, created_at = excluded.created_at,
             attempt = excluded.attempt, answer = NULL
         WHERE idempotent_requests.created_at < $5
            OR (idempotent_requests.answer IS NULL AND idempotent_requests.created_at < $6
                AND idempotent_requests.fingerprint = excluded.fingerprint)",
        asked.principal,
        asked.key_hash,
        asked.fingerprint,
        now,
        now - KEPT,
        now - GIVEN_UP_AFTER,
        asked.attempt
    )
    .execute(&mut *tx)
    .await?;
    if taken.rows_affected() > 0 {
        tx.commit().await?;
        return Ok(Known::New);
    }
    let row = sqlx::query!(
        "SELECT fingerprint, answer FROM idempotent_requests
         WHERE principal = $1 AND key_hash = $2",
        asked.principal,
        asked.key_hash
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(match row {
        // It was forgotten between the two statements: the asker may try again.
        None => Known::Running,
        // First, so that another request under the same key does not get the first one's answer.
        Some(row) if row.fingerprint != asked.fingerprint => Known::Differs,
        Some(row) => row.answer.map_or(Known::Running, Known::Answered),
    })
}

/// Says that a request is still being done, so that nobody takes it over; whether it is this attempt's.
///
/// # Errors
///
/// When the database cannot be used.
///
/// # Cancel safety
///
/// Dropping it says it or does not; nothing else hangs on it.
pub async fn renew(
    store: &Store,
    asked: &Asked<'_>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = of(store, asked, "idempotency.renew").await?;
    let done = sqlx::query!(
        "UPDATE idempotent_requests SET created_at = $4
         WHERE principal = $1 AND key_hash = $2 AND attempt = $3 AND answer IS NULL",
        asked.principal,
        asked.key_hash,
        asked.attempt,
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// Keeps what was answered, sealed, unless another attempt took the request over.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn finish(store: &Store, asked: &Asked<'_>, answer: &[u8]) -> Result<(), StoreError> {
    let mut tx = of(store, asked, "idempotency.finish").await?;
    sqlx::query!(
        "UPDATE idempotent_requests SET answer = $4
         WHERE principal = $1 AND key_hash = $2 AND attempt = $3",
        asked.principal,
        asked.key_hash,
        asked.attempt,
        answer
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Forgets a request of which nothing came, so that it can be asked again, unless another attempt took it over.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn forget(store: &Store, asked: &Asked<'_>) -> Result<(), StoreError> {
    let mut tx = of(store, asked, "idempotency.forget").await?;
    sqlx::query!(
        "DELETE FROM idempotent_requests
         WHERE principal = $1 AND key_hash = $2 AND attempt = $3",
        asked.principal,
        asked.key_hash,
        asked.attempt
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Forgets what is older than [`KEPT`]; how many there were.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(store: &Store, now: OffsetDateTime) -> Result<u64, StoreError> {
    let mut tx = crate::users::as_operator(store, "idempotency.purge").await?;
    let done = sqlx::query!("DELETE FROM idempotent_requests WHERE created_at < $1", now - KEPT)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

async fn of(store: &Store, asked: &Asked<'_>, name: &'static str) -> Result<Tx, StoreError> {
    // Row-level security then shows the rows of this principal alone.
    let settings = Settings { credential: Some(asked.principal), ..Settings::default() };
    tx::begin(store.transactions(), name, settings).await
}

#[cfg(test)]
mod tests;
