//! Asking for reports, and forgetting them.

use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{BYTES_MAX, FILES_MAX, KEPT, Payload, ReportFile, Spec, content, read};
use crate::actors;
use crate::audit::{self, Change};
use crate::cves::Severity;
use crate::error::StoreError;
use crate::jobs::{self, NewJob};
use crate::tenant::TenantScope;

/// A report to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewReport<'a> {
    /// The caller's, so that trying again cannot make two.
    pub id: Uuid,
    /// What people call it.
    pub name: &'a str,
    /// What it is to be.
    pub spec: Spec,
}

/// Why a report is not asked for.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There are too many of them.
    #[error("the company has {FILES_MAX} reports beside those of its schedules: delete some")]
    TooMany,
    /// They are too large.
    #[error("the company's reports have more than {} GiB: delete some", BYTES_MAX >> 30)]
    TooLarge,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CreateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Asks for a report, with the job that makes it.
///
/// # Errors
///
/// When there is no room for it, or the database cannot be used.
pub async fn create(
    scope: &TenantScope,
    new: &NewReport<'_>,
    now: OffsetDateTime,
) -> Result<ReportFile, CreateError> {
    let mut tx = scope.begin("report_files.create").await?;
    let files = sqlx::query_scalar!(
        r#"SELECT count(*) AS "files!" FROM report_files
           WHERE company_key = $1 AND schedule IS NULL"#,
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    if files >= i64::from(FILES_MAX) {
        return Err(CreateError::TooMany);
    }
    // Those that wait are nothing yet: each is asked again when it is begun and as it grows.
    if content::held(&mut tx, scope.key()).await? >= BYTES_MAX {
        return Err(CreateError::TooLarge);
    }
    insert(&mut tx, scope, new, None, now).await?;
    let made = read::one(&mut tx, scope.key(), new.id).await?;
    let made =
        made.ok_or_else(|| StoreError::inconsistent("report_files", "id", &new.id.to_string()))?;
    let shown = json!({ "name": made.name, "kind": new.spec.kind.as_str(),
                        "format": new.spec.format.as_str() });
    audit::record(&mut tx, scope, Change::made("report.create", new.id, shown), now).await?;
    tx.commit().await?;
    Ok(made)
}

/// Writes the row of a report that is to be made, and asks for the job in the same transaction: a report without
/// its job would wait for ever.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    scope: &TenantScope,
    new: &NewReport<'_>,
    schedule: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO report_files (company_key, id, name, kind, format, severity_min, kev, label,
                                   schedule, created_at, created_by, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        scope.key(),
        new.id,
        new.name,
        new.spec.kind.as_str(),
        new.spec.format.as_str(),
        new.spec.severity_min.map(Severity::as_str),
        new.spec.kev,
        new.spec.label,
        schedule,
        now,
        actors::word(scope.origin().actor()),
        now + KEPT
    )
    .execute(&mut *tx)
    .await?;
    let company = scope.company();
    let payload = json!(Payload { report: Some((company, new.id)) });
    let tick = new.id.to_string();
    let company = Some(company);
    let job = NewJob { kind: super::JOB, tick: &tick, payload: &payload, run_after: now, company };
    jobs::enqueue_within(tx, &job, now).await?;
    Ok(())
}

/// Gives up reports that were asked for before an instant and are not made: whoever should have made them is
/// gone. Gives how many.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn give_up_lost(
    scope: &TenantScope,
    before: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    const WHY: &str = "nobody got it done: ask for it again";
    let mut tx = scope.begin("report_files.give_up_lost").await?;
    let lost = sqlx::query_scalar!(
        "UPDATE report_files SET state = 'failed', error = $4, finished_at = $3, bytes = 0
         WHERE company_key = $1 AND created_at < $2 AND state = 'waiting' RETURNING id",
        scope.key(),
        before,
        now,
        WHY
    )
    .fetch_all(&mut *tx)
    .await?;
    // What was written before whoever made them was gone.
    sqlx::query!(
        "DELETE FROM report_parts WHERE company_key = $1 AND report = ANY($2)",
        scope.key(),
        &lost
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(u64::try_from(lost.len()).unwrap_or(u64::MAX))
}

/// Cancels a report that is not made yet, with the transaction that cancels its job; whether it was not over.
pub(crate) async fn cancel_within(
    tx: &mut PgConnection,
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        // It has failed, to a release that knows no better.
        "UPDATE report_files SET state = 'failed', cancelled_at = $3, finished_at = $3, bytes = 0,
                error = 'cancelled by ' || $4::text
         WHERE company_key = $1 AND id = $2 AND state = 'waiting'",
        scope.key(),
        id,
        now,
        actors::sort(scope.origin().actor())
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM report_parts WHERE company_key = $1 AND report = $2 AND $3",
        scope.key(),
        id,
        done.rows_affected() > 0
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a report with its file; whether there was one. Nobody makes it any more.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn delete(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("report_files.delete").await?;
    let gone = forget(&mut tx, scope.key(), &[id]).await?;
    if gone > 0 {
        let who = actors::word(scope.origin().actor());
        jobs::cancel_tick(&mut tx, (super::JOB, id), &who, now).await?;
        audit::record(&mut tx, scope, Change::done("report.delete", id), now).await?;
    }
    tx.commit().await?;
    Ok(gone > 0)
}

/// Forgets reports whose time is over; gives how many.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(scope: &TenantScope, now: OffsetDateTime) -> Result<u64, StoreError> {
    let mut tx = scope.begin("report_files.purge").await?;
    let over = sqlx::query_scalar!(
        "SELECT id FROM report_files WHERE company_key = $1 AND expires_at <= $2",
        scope.key(),
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    let gone = forget(&mut tx, scope.key(), &over).await?;
    tx.commit().await?;
    Ok(gone)
}

/// Forgets all but the newest reports of a schedule.
pub(crate) async fn keep_newest(
    tx: &mut PgConnection,
    company_key: i64,
    schedule: Uuid,
    kept: u32,
) -> Result<(), StoreError> {
    let older = sqlx::query_scalar!(
        "SELECT id FROM report_files WHERE company_key = $1 AND schedule = $2
         ORDER BY created_at DESC, id DESC OFFSET $3",
        company_key,
        schedule,
        i64::from(kept)
    )
    .fetch_all(&mut *tx)
    .await?;
    forget(tx, company_key, &older).await?;
    Ok(())
}

async fn forget(tx: &mut PgConnection, company_key: i64, ids: &[Uuid]) -> Result<u64, StoreError> {
    // The rows first: whoever writes a file locks its row before each part, and finds that it is gone.
    let done = sqlx::query!(
        "DELETE FROM report_files WHERE company_key = $1 AND id = ANY($2)",
        company_key,
        ids
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM report_parts WHERE company_key = $1 AND report = ANY($2)",
        company_key,
        ids
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}
