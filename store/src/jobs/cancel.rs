//! Cancelling jobs: what waits is not begun, what runs stops within seconds.
//!
//! A job may be done twice, and so it may be left half done: what it wrote stands, and what it was about says so
//! itself (an import, a report). Whoever works at it finds that it is nobody's any more when it renews its lease.

use protocol::ids::CompanyId;
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list::{JobState, ListedJob, one};
use crate::actors;
use crate::audit::{self, Change};
use crate::companies::deletion::{self, KeepError};
use crate::companies::erase;
use crate::error::StoreError;
use crate::tenant::{OperatorScope, TenantScope};
use crate::{imports, report_files};

/// Why a job is not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// It is over.
    #[error("the job is over")]
    Over,
    /// It erases a company, and has begun.
    #[error("rows are being erased, which cannot be undone")]
    Erasing,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CancelError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<KeepError> for CancelError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::NotAsked => Self::Over,
            KeepError::Erasing => Self::Erasing,
            KeepError::Store(error) => Self::Store(error),
        }
    }
}

/// Cancels one of a company's jobs, and what it is about; `None` when the company has none with this id.
///
/// # Errors
///
/// When it is over, or the database cannot be used.
pub async fn cancel_own(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<ListedJob>, CancelError> {
    let mut tx = scope.begin("jobs.cancel_own").await?;
    let found = one(&mut tx, id, Some(scope.company())).await?;
    // What becomes of the company itself is the operators'.
    let Some(job) = found.filter(|job| job.kind != erase::JOB) else { return Ok(None) };
    let who = actors::word(scope.origin().actor());
    // What it is about before the job, which is how both are cancelled from the other side.
    if let Ok(about) = job.tick.parse::<Uuid>() {
        match job.kind.as_str() {
            imports::JOB => imports::cancel_within(&mut tx, scope, about, now).await?,
            report_files::JOB => report_files::cancel_within(&mut tx, scope, about, now).await?,
            _ => false,
        };
    }
    if !end(&mut tx, id, &who, now).await? {
        return Err(CancelError::Over);
    }
    let change = Change::made("job.cancel", id, json!({ "kind": job.kind, "tick": job.tick }));
    audit::record(&mut tx, scope, change, now).await?;
    let cancelled = one(&mut tx, id, Some(scope.company())).await?;
    tx.commit().await?;
    Ok(cancelled)
}

/// Cancels any job; of one that is a company's, its log says so. A company that is to be deleted is kept by
/// cancelling the job that would erase it. `None` when there is none with this id.
///
/// # Errors
///
/// When it is over or cannot be undone, or the database cannot be used.
pub async fn cancel(
    operator: &OperatorScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<ListedJob>, CancelError> {
    let mut tx = operator.begin("jobs.cancel").await?;
    let Some(job) = one(&mut tx, id, None).await? else { return Ok(None) };
    match job.company {
        Some(company) if job.kind == erase::JOB => {
            tx.commit().await?;
            // One that is over says nothing of a deletion that was asked for after it.
            if !matches!(job.state, JobState::Queued | JobState::Running) {
                return Err(CancelError::Over);
            }
            deletion::keep(operator, company, now).await?;
        }
        Some(company) => {
            tx.commit().await?;
            // Of a company that is gone there is nothing to cancel.
            let Some(scope) = operator.scope(company).await? else { return Err(CancelError::Over) };
            return cancel_own(&scope, id, now).await;
        }
        None => {
            let who = actors::word(operator.origin().actor());
            if !end(&mut tx, id, &who, now).await? {
                return Err(CancelError::Over);
            }
            let said = json!({ "kind": job.kind, "tick": job.tick });
            let change = Change::made("job.cancel", id, said);
            audit::record_of_operators(&mut tx, operator, change, now).await?;
            tx.commit().await?;
        }
    }
    let mut tx = operator.begin("jobs.cancelled").await?;
    let cancelled = one(&mut tx, id, None).await?;
    tx.commit().await?;
    Ok(cancelled)
}

/// Ends a job that waits or runs, by whom in a word that stays; whether it did.
async fn end(
    tx: &mut PgConnection,
    id: Uuid,
    who: &str,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE jobs SET state = 'failed', cancelled_at = $3, cancelled_by = $2, finished_at = $3,
                error = 'cancelled', leased_until = NULL
         WHERE id = $1 AND state IN ('queued', 'running')",
        id,
        who,
        now
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Cancels the job of a tick, with the transaction that cancels what it is about.
pub(crate) async fn cancel_tick(
    tx: &mut PgConnection,
    (kind, tick): (&str, Uuid),
    who: &str,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM jobs WHERE kind = $1 AND tick = $2",
        kind,
        tick.to_string()
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(id) = id {
        end(tx, id, who, now).await?;
    }
    Ok(())
}

/// Cancels a company's jobs of a kind.
pub(crate) async fn cancel_of_company(
    tx: &mut PgConnection,
    kind: &str,
    company: CompanyId,
    who: &str,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM jobs WHERE kind = $1 AND company = $2 AND state IN ('queued', 'running')",
        kind,
        company.0
    )
    .fetch_all(&mut *tx)
    .await?;
    for id in ids {
        end(tx, id, who, now).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
