//! A report's file, part by part.
//!
//! Whoever makes it has begun an attempt, and writes as that attempt alone: a node that lost its lease
//! without knowing it puts nothing into the file that another one is writing.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{BYTES_MAX, ReportFile, read};
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// A report that is being made.
#[derive(Clone, Debug)]
pub struct Making {
    /// What it is to be.
    pub report: ReportFile,
    /// Whether the company's other files leave room for it.
    pub has_room: bool,
    attempt: i32,
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is kept.
    Done,
    /// The file is not this attempt's any more.
    NotOurs,
    /// The company's files are as large as they may be.
    NoRoom,
}

/// What a file came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// How long it is.
    pub bytes: u64,
    /// How many records it has.
    pub records: u64,
}

/// Begins a report's file anew; `None` when there is none to be made with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn begin(scope: &TenantScope, id: Uuid) -> Result<Option<Making>, StoreError> {
    let mut tx = scope.begin("report_files.begin").await?;
    let attempt = sqlx::query_scalar!(
        "UPDATE report_files SET attempt = attempt + 1, bytes = 0
         WHERE company_key = $1 AND id = $2 AND state = 'waiting' RETURNING attempt",
        scope.key(),
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(attempt) = attempt else {
        return Ok(None);
    };
    // What a node wrote that died over it.
    drop_parts(&mut tx, scope.key(), id).await?;
    let report = read::one(&mut tx, scope.key(), id).await?;
    let has_room = held(&mut tx, scope.key()).await? < BYTES_MAX;
    tx.commit().await?;
    Ok(report.map(|report| Making { report, has_room, attempt }))
}

/// Bytes of all files that a company has, also of those that are being written.
pub(super) async fn held(tx: &mut PgConnection, company_key: i64) -> Result<u64, StoreError> {
    let bytes = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(bytes), 0)::bigint AS "bytes!"
           FROM report_files WHERE company_key = $1"#,
        company_key
    )
    .fetch_one(tx)
    .await?;
    Ok(bytes.unsigned_abs())
}

/// Whether it is still this attempt's to make; its row stays as it is until the transaction ends.
async fn is_ours(
    tx: &mut PgConnection,
    company_key: i64,
    making: &Making,
) -> Result<bool, StoreError> {
    let attempt = sqlx::query_scalar!(
        "SELECT attempt FROM report_files
         WHERE company_key = $1 AND id = $2 AND state = 'waiting' FOR UPDATE",
        company_key,
        making.report.id
    )
    .fetch_optional(tx)
    .await?;
    Ok(attempt == Some(making.attempt))
}

/// Adds a part to a file, counted from zero, where it is still this attempt's and the company has room for it.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn put_part(
    scope: &TenantScope,
    making: &Making,
    number: u32,
    bytes: &[u8],
) -> Result<Put, StoreError> {
    let mut tx = scope.begin("report_files.put_part").await?;
    if !is_ours(&mut tx, scope.key(), making).await? {
        return Ok(Put::NotOurs);
    }
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    // Each node asks for itself: what several write at once may pass it by a part each.
    if held(&mut tx, scope.key()).await?.saturating_add(length) > BYTES_MAX {
        return Ok(Put::NoRoom);
    }
    sqlx::query!(
        "INSERT INTO report_parts (company_key, report, number, bytes) VALUES ($1, $2, $3, $4)",
        scope.key(),
        making.report.id,
        number.cast_signed(),
        bytes
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE report_files SET bytes = bytes + $3 WHERE company_key = $1 AND id = $2",
        scope.key(),
        making.report.id,
        length.cast_signed()
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Put::Done)
}

/// Says that a file is whole; whether it was still this attempt's.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn finish(
    scope: &TenantScope,
    making: &Making,
    finished: Finished,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("report_files.finish").await?;
    let done = sqlx::query!(
        "UPDATE report_files SET state = 'done', bytes = $4, records = $5, finished_at = $6
         WHERE company_key = $1 AND id = $2 AND attempt = $3 AND state = 'waiting'",
        scope.key(),
        making.report.id,
        making.attempt,
        finished.bytes.cast_signed(),
        finished.records.cast_signed(),
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// Gives a report up, for a reason that people are told.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn fail(
    scope: &TenantScope,
    making: &Making,
    error: &str,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut tx = scope.begin("report_files.fail").await?;
    if is_ours(&mut tx, scope.key(), making).await? {
        drop_parts(&mut tx, scope.key(), making.report.id).await?;
        sqlx::query!(
            "UPDATE report_files SET state = 'failed', error = $3, finished_at = $4, bytes = 0
             WHERE company_key = $1 AND id = $2",
            scope.key(),
            making.report.id,
            error,
            now
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn drop_parts(tx: &mut PgConnection, company_key: i64, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM report_parts WHERE company_key = $1 AND report = $2",
        company_key,
        id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// One part of a file, counted from zero; `None` behind its end.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn part(
    scope: &TenantScope,
    id: Uuid,
    number: u32,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut tx = scope.begin("report_files.part").await?;
    let bytes = sqlx::query_scalar!(
        "SELECT bytes FROM report_parts WHERE company_key = $1 AND report = $2 AND number = $3",
        scope.key(),
        id,
        number.cast_signed()
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(bytes)
}
