//! Agreeing to exceptions and ending them; what they leave out follows in the same transaction.

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::settle::{begin_in, settle_in};
use super::{Exception, ExceptionState, Settled, read};
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::tenant::TenantScope;
use crate::{actors, api_keys, companies, tx};

/// What somebody says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is in force from now on.
    Approve,
    /// It is not.
    Reject,
}

/// Why nobody can decide like this.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// Who asked cannot agree.
    #[error("who asked for an exception cannot approve it: another person has to")]
    OwnRequest,
    /// There is nothing to decide.
    #[error("the exception is {0} already")]
    Decided(&'static str),
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for DecideError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Decides on a request; `None` when the company has no such exception.
///
/// # Errors
///
/// When whoever asked approves, when it was decided before, or the database cannot be used.
pub async fn decide(
    scope: &TenantScope,
    id: Uuid,
    decision: Decision,
    now: OffsetDateTime,
) -> Result<Option<(Exception, Settled)>, DecideError> {
    let by = who(scope);
    let mut tx = scope.begin_with_operators("exceptions.decide").await?;
    let row = sqlx::query!(
        "SELECT state, created_by FROM exceptions WHERE company_key = $1 AND id = $2 FOR UPDATE",
        scope.key(),
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let state = ExceptionState::parse(&row.state)
        .ok_or_else(|| StoreError::inconsistent("exceptions", "state", &row.state))?;
    if state != ExceptionState::Requested {
        return Err(DecideError::Decided(state.as_str()));
    }
    // Who asked may still think better of it. A key is not another person than who made it.
    if decision == Decision::Approve {
        // Also of one that a node of another release made a moment ago.
        api_keys::name_makers_in(&mut tx, scope.key()).await?;
        let asked = actors::behind(&mut tx, scope.key(), &row.created_by).await?;
        if asked == actors::behind(&mut tx, scope.key(), &by).await? {
            return Err(DecideError::OwnRequest);
        }
    }
    let state = match decision {
        Decision::Approve => ExceptionState::Active,
        Decision::Reject => ExceptionState::Rejected,
    };
    sqlx::query!(
        "UPDATE exceptions SET state = $3, decided_at = $4, decided_by = $5, revision = revision + 1,
                ended_at = CASE WHEN $3 = 'rejected' THEN $4 ELSE ended_at END
         WHERE company_key = $1 AND id = $2",
        scope.key(),
        id,
        state.as_str(),
        now,
        by
    )
    .execute(&mut *tx)
    .await?;
    // One that was rejected is not in force, and changes nothing.
    let settled = begin_in(&mut tx, scope, id, now).await?;
    let decided = read::one(&mut tx, scope.key(), id).await?;
    let action = match decision {
        Decision::Approve => "exception.approve",
        Decision::Reject => "exception.reject",
    };
    audit::record(&mut tx, scope, Change::done(action, id), now).await?;
    tx.commit().await?;
    Ok(decided.map(|decided| (decided, settled)))
}

/// Ends an exception that is in force or asked for: what it left out is open again. Ending it twice is
/// ending it once; `None` when the company has no such exception.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn withdraw(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<(Exception, Settled)>, StoreError> {
    let by = &who(scope);
    tx::retrying("exceptions.withdraw", || async {
        let mut tx = scope.begin("exceptions.withdraw").await?;
        let done = sqlx::query!(
            "UPDATE exceptions SET state = 'withdrawn', ended_at = $3, decided_at = $3,
                    decided_by = $4, revision = revision + 1
             WHERE company_key = $1 AND id = $2 AND state IN ('active', 'requested')",
            scope.key(),
            id,
            now,
            by
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() > 0 {
            let change = Change::done("exception.withdraw", id);
            audit::record(&mut tx, scope, change, now).await?;
        }
        // Also when it had ended before: what it left out may take more than one step.
        let settled = settle_in(&mut tx, scope, now).await?;
        let ended = read::one(&mut tx, scope.key(), id).await?;
        tx.commit().await?;
        Ok(ended.map(|ended| (ended, settled)))
    })
    .await
}

/// Whether the company's exceptions take a second person.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn approval(scope: &TenantScope) -> Result<bool, StoreError> {
    let mut tx = scope.begin("exceptions.approval").await?;
    let needs = companies::needs_approval(&mut tx, scope.key()).await?;
    tx.commit().await?;
    Ok(needs)
}

/// Says whether they do. What was asked for before still waits.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn set_approval(
    scope: &TenantScope,
    needs: bool,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut tx = scope.begin("exceptions.set_approval").await?;
    let before = companies::needs_approval(&mut tx, scope.key()).await?;
    companies::set_needs_approval(&mut tx, scope.key(), needs).await?;
    let state = |needs: bool| json!({ "approval_needed": needs });
    let object = scope.company();
    let change = Change::edited("exception_settings.write", object, state(before), state(needs));
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Who works in the scope, in a word that stays the same from request to request.
pub(super) fn who(scope: &TenantScope) -> String {
    actors::word(scope.origin().actor())
}
