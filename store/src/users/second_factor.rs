//! The second factor's state: its secret, the step that was spent last, the recovery codes.
//!
//! Whether a code is right is decided elsewhere; that none counts twice, on whichever node, is
//! decided here, by one statement.

use time::OffsetDateTime;
use uuid::Uuid;

use super::as_operator;
use crate::audit::{self, Change, Origin};
use crate::database::Store;
use crate::error::StoreError;
use crate::tx::Tx;

/// Keeps a secret that does not count yet; one that counts already stays as it is. Whether it was
/// kept.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn begin_totp(store: &Store, user: Uuid, secret: &[u8]) -> Result<bool, StoreError> {
    let mut tx = as_operator(store, "users.begin_totp").await?;
    let done = sqlx::query!(
        "UPDATE users SET totp_secret = $2 WHERE id = $1 AND totp_confirmed_at IS NULL",
        user,
        secret
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// Lets the secret count from now on, with new recovery codes; whether there was one to confirm.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn confirm_totp(
    store: &Store,
    user: Uuid,
    step: i64,
    recovery_hashes: &[Vec<u8>],
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = begin_audited(store, "users.confirm_totp").await?;
    let done = sqlx::query!(
        "UPDATE users SET totp_confirmed_at = $2, totp_last_step = $3, recovery_hashes = $4
         WHERE id = $1 AND totp_secret IS NOT NULL AND totp_confirmed_at IS NULL",
        user,
        now,
        step,
        recovery_hashes
    )
    .execute(&mut *tx)
    .await?;
    let is_done = done.rows_affected() > 0;
    if is_done {
        let change = Change::done("user.second_factor_on", user);
        audit::record_of_person(&mut tx, user, origin, change, now).await?;
    }
    tx.commit().await?;
    Ok(is_done)
}

/// Takes the second factor away.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn drop_totp(
    store: &Store,
    user: Uuid,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut tx = begin_audited(store, "users.drop_totp").await?;
    sqlx::query!(
        "UPDATE users SET totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = 0,
                recovery_hashes = '{}', codes_tried = 0, codes_refused_until = NULL,
                codes_tried_known = 0, codes_refused_known_until = NULL
         WHERE id = $1",
        user
    )
    .execute(&mut *tx)
    .await?;
    let change = Change::done("user.second_factor_off", user);
    audit::record_of_person(&mut tx, user, origin, change, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Spends a step; `false` when it or a later one was spent before.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn spend_step(store: &Store, user: Uuid, step: i64) -> Result<bool, StoreError> {
    let mut tx = as_operator(store, "users.spend_step").await?;
    // RFC 6238, section 5.2: a code that was taken must not be taken again. One statement asks and
    // writes, so two nodes cannot both take it.
    let done = sqlx::query!(
        "UPDATE users SET totp_last_step = $2
         WHERE id = $1 AND totp_last_step < $2 AND totp_confirmed_at IS NOT NULL",
        user,
        step
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// Spends a recovery code by its hash; `false` when there is none such.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn spend_recovery(store: &Store, user: Uuid, hash: &[u8]) -> Result<bool, StoreError> {
    let mut tx = as_operator(store, "users.spend_recovery").await?;
    let done = sqlx::query!(
        "UPDATE users SET recovery_hashes = array_remove(recovery_hashes, $2)
         WHERE id = $1 AND $2 = ANY (recovery_hashes)",
        user,
        hash
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// As [`as_operator`], with the operators' audit log.
pub(super) async fn begin_audited(store: &Store, name: &'static str) -> Result<Tx, StoreError> {
    store.local_operator().begin(name).await
}
