//! Putting an exception in another one's place.
//!
//! What was agreed to is never changed: it ends, and another one begins under its name, which takes a second
//! person again where the company wants one (decision 48).

use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::create::{Room, add, shown};
use super::decide::who;
use super::settle::{begin_in, settle_in};
use super::{CreateError, Exception, ExceptionState, NewException, Settled, read};
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// Why an exception is not put in another one's place.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The one before was changed meanwhile.
    #[error("it was changed meanwhile: look at it again")]
    Changed,
    /// The one before has ended.
    #[error("the exception is {0} already: make another one")]
    Ended(&'static str),
    /// The new one cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
}

impl From<StoreError> for ReplaceError {
    fn from(error: StoreError) -> Self {
        Self::Create(error.into())
    }
}

impl From<sqlx::Error> for ReplaceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Create(error.into())
    }
}

/// Ends an exception and makes another one, in one transaction: in between no finding is open that neither
/// leaves open. `None` when the company has no such exception.
///
/// # Errors
///
/// When it has ended or is of another revision than the one that was `seen`, the new one cannot be made, or
/// the database cannot be used.
pub async fn replace(
    scope: &TenantScope,
    id: Uuid,
    seen: Option<u64>,
    new: &NewException<'_>,
    now: OffsetDateTime,
) -> Result<Option<(Exception, Settled)>, ReplaceError> {
    let mut tx = scope.begin("exceptions.replace").await?;
    if !end(&mut tx, scope, (id, seen), now).await? {
        return Ok(None);
    }
    let mut room = Room::ask(&mut tx, scope).await?;
    add(&mut tx, scope, &mut room, new, now).await?;
    let begun = begin_in(&mut tx, scope, new.id, now).await?;
    let ended = settle_in(&mut tx, scope, now).await?;
    let made = read::one(&mut tx, scope.key(), new.id).await?;
    let made =
        made.ok_or_else(|| StoreError::inconsistent("exceptions", "id", &new.id.to_string()))?;
    let change = Change::edited("exception.replace", new.id, json!({ "id": id }), shown(&made));
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    let settled = Settled {
        suppressed: begun.suppressed + ended.suppressed,
        reopened: begun.reopened + ended.reopened,
        has_more: begun.has_more || ended.has_more,
    };
    Ok(Some((made, settled)))
}

/// Ends the exception that another one takes the place of; whether there is one.
async fn end(
    tx: &mut PgConnection,
    scope: &TenantScope,
    (id, seen): (Uuid, Option<u64>),
    now: OffsetDateTime,
) -> Result<bool, ReplaceError> {
    let row = sqlx::query!(
        "SELECT state, revision FROM exceptions WHERE company_key = $1 AND id = $2 FOR UPDATE",
        scope.key(),
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let state = ExceptionState::parse(&row.state)
        .ok_or_else(|| StoreError::inconsistent("exceptions", "state", &row.state))?;
    if !matches!(state, ExceptionState::Active | ExceptionState::Requested) {
        return Err(ReplaceError::Ended(state.as_str()));
    }
    if seen.is_some_and(|seen| seen != row.revision.unsigned_abs()) {
        return Err(ReplaceError::Changed);
    }
    sqlx::query!(
        "UPDATE exceptions SET state = 'withdrawn', ended_at = $3, decided_at = $3, decided_by = $4,
                revision = revision + 1
         WHERE company_key = $1 AND id = $2",
        scope.key(),
        id,
        now,
        who(scope)
    )
    .execute(tx)
    .await?;
    Ok(true)
}
