//! Imports that end without their document in the rows, and assets that are let go.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::line;
use crate::actors;
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::jobs;
use crate::tenant::TenantScope;

/// Why an import is not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// It is over.
    #[error("the import is over: what it did stays; a later document of the asset takes its place")]
    Over,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CancelError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Cancels an import, after which the asset has what it had before; whether the company has one with this id.
/// What is being written to the rows in this moment may still get there.
///
/// # Errors
///
/// When it is over, or the database cannot be used.
pub async fn cancel(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, CancelError> {
    let mut tx = scope.begin("imports.cancel").await?;
    if !cancel_within(&mut tx, scope, id, now).await? {
        let is_there = super::read::one(&mut tx, scope.key(), id).await?.is_some();
        return if is_there { Err(CancelError::Over) } else { Ok(false) };
    }
    let who = actors::word(scope.origin().actor());
    jobs::cancel_tick(&mut tx, (super::JOB, id), &who, now).await?;
    audit::record(&mut tx, scope, Change::done("import.cancel", id), now).await?;
    tx.commit().await?;
    Ok(true)
}

/// The same with the transaction that cancels its job; whether it was not over.
pub(crate) async fn cancel_within(
    tx: &mut PgConnection,
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let why = format!("cancelled by {}", actors::sort(scope.origin().actor()));
    let done = sqlx::query!(
        "UPDATE imports SET state = 'cancelled', document = NULL, ended_at = $3, error = $4,
                log = log || $5::jsonb, revision = revision + 1
         WHERE company_key = $1 AND id = $2 AND state IN ('queued', 'running')",
        scope.key(),
        id,
        now,
        &why,
        line(now, why.as_str())
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives up imports that came before an instant and are not over: whoever should have worked at them is gone.
/// Gives how many.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn give_up_lost(
    scope: &TenantScope,
    before: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    const WHY: &str = "nobody got it done: send the document again";
    let mut tx = scope.begin("imports.give_up_lost").await?;
    let done = sqlx::query!(
        "UPDATE imports SET state = 'failed', document = NULL, ended_at = $3, error = $4,
                log = log || $5::jsonb, revision = revision + 1
         WHERE company_key = $1 AND created_at < $2 AND state IN ('queued', 'running')",
        scope.key(),
        before,
        now,
        WHY,
        line(now, WHY)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// Forgets imports that were over before an instant, at most `limit` of them; gives how many.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(
    scope: &TenantScope,
    before: OffsetDateTime,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin("imports.purge").await?;
    let done = sqlx::query!(
        "DELETE FROM imports WHERE company_key = $1 AND id = ANY (ARRAY(
             SELECT id FROM imports WHERE company_key = $1 AND ended_at < $2 LIMIT $3))",
        scope.key(),
        before,
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// Gives up the documents that wait for an asset that is let go.
pub(crate) async fn let_go(
    tx: &mut PgConnection,
    company_key: i64,
    asset: i64,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    const WHY: &str = "the asset was let go";
    sqlx::query!(
        "UPDATE imports SET state = 'cancelled', document = NULL, ended_at = $3, error = $4,
                log = log || $5::jsonb, revision = revision + 1
         WHERE company_key = $1 AND agent_key = $2 AND state IN ('queued', 'running')",
        company_key,
        asset,
        now,
        WHY,
        line(now, WHY)
    )
    .execute(tx)
    .await?;
    Ok(())
}
