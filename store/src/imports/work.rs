//! What the job says of an import: that it begins, how far it is, and what came of it.
//!
//! Each of these changes nothing once the import is over, and says so: whoever works at it stops then.

use protocol::ids::{AgentId, CompanyId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::line;
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// What the job is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// Whose.
    pub company: CompanyId,
    /// Which import.
    pub import: Uuid,
}

/// An import that is to be worked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Its id.
    pub id: Uuid,
    /// The asset.
    pub host: AgentId,
    /// What the asset is called.
    pub name: String,
    /// The epoch under which the document is applied.
    pub epoch: u32,
    /// The document.
    pub document: Vec<u8>,
}

/// Begins an attempt; `None` when the import is over, or the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn begin(
    scope: &TenantScope,
    id: Uuid,
    attempt: u32,
    now: OffsetDateTime,
) -> Result<Option<Work>, StoreError> {
    let mut tx = scope.begin("imports.begin").await?;
    let row = sqlx::query!(
        r#"UPDATE imports SET state = 'running', attempts = $3, started_at = coalesce(started_at, $4),
                  judged = 0, log = log || $5::jsonb, revision = revision + 1
           WHERE company_key = $1 AND id = $2 AND state IN ('queued', 'running')
             AND document IS NOT NULL
           RETURNING agent_key, epoch, document AS "document!""#,
        scope.key(),
        id,
        i32::try_from(attempt).unwrap_or(i32::MAX),
        now,
        line(now, if attempt <= 1 { "begun".to_owned() } else { format!("attempt {attempt}") })
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let asset = sqlx::query!(
        "SELECT id, hostname FROM agents WHERE company_key = $1 AND key = $2",
        scope.key(),
        row.agent_key
    )
    .fetch_optional(&mut *tx)
    .await?;
    // Erased in this moment, and the import with it.
    let Some(asset) = asset else { return Ok(None) };
    tx.commit().await?;
    Ok(Some(Work {
        id,
        host: AgentId(asset.id),
        name: asset.hostname,
        epoch: u32::try_from(row.epoch)
            .map_err(|_| StoreError::inconsistent("imports", "epoch", &row.epoch.to_string()))?,
        document: row.document,
    }))
}

/// Notes how much was judged, and findings that came of it; whether the work is still wanted.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn progress(
    scope: &TenantScope,
    id: Uuid,
    judged: u64,
    findings: u64,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("imports.progress").await?;
    let done = sqlx::query!(
        "UPDATE imports SET judged = $3, findings = findings + $4, revision = revision + 1
         WHERE company_key = $1 AND id = $2 AND state = 'running'",
        scope.key(),
        id,
        i64::try_from(judged).unwrap_or(i64::MAX),
        i64::try_from(findings).unwrap_or(i64::MAX)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// What came of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Software that the asset had not before.
    pub opened: u64,
    /// Software that it has no more.
    pub closed: u64,
    /// Software that it has as before.
    pub unchanged: u64,
}

/// Ends an import whose document is in the rows; `None` for one that an attempt before had put there. Whether
/// it was still to be ended.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn finish(
    scope: &TenantScope,
    id: Uuid,
    outcome: Option<Outcome>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let said = match outcome {
        Some(Outcome { opened, closed, unchanged }) => {
            format!("done: {opened} new, {closed} gone, {unchanged} as before")
        }
        None => "done: it was in place already".to_owned(),
    };
    let outcome = outcome.unwrap_or_default();
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let mut tx = scope.begin("imports.finish").await?;
    let done = sqlx::query!(
        "UPDATE imports SET state = 'done', document = NULL, ended_at = $3, judged = software,
                opened = $4, closed = $5, unchanged = $6, error = NULL, log = log || $7::jsonb,
                revision = revision + 1
         WHERE company_key = $1 AND id = $2 AND state = 'running'",
        scope.key(),
        id,
        now,
        number(outcome.opened),
        number(outcome.closed),
        number(outcome.unchanged),
        line(now, said)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// Notes that an attempt did not work, in words for whoever brought the document: it is tried again, or given
/// up.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn stumble(
    scope: &TenantScope,
    id: Uuid,
    why: &str,
    is_given_up: bool,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut tx = scope.begin("imports.stumble").await?;
    sqlx::query!(
        "UPDATE imports SET state = CASE WHEN $5 THEN 'failed' ELSE 'queued' END,
                document = CASE WHEN $5 THEN NULL ELSE document END,
                ended_at = CASE WHEN $5 THEN $3::timestamptz END, error = $4,
                log = log || $6::jsonb, revision = revision + 1
         WHERE company_key = $1 AND id = $2 AND state = 'running'",
        scope.key(),
        id,
        now,
        why,
        is_given_up,
        line(now, why)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
