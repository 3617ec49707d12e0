//! Asking for a company to be deleted, and thinking better of it.
//!
//! Between the two and the erasure lies a time in which nothing is lost: the company is suspended, its people are
//! signed out, its keys and its provider let nobody in, and all that can be undone (decision 49). When that time
//! is over its rows go; see [`super::erase`].

use std::time::Duration;

use protocol::ids::CompanyId;
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Company, erase};
use crate::actors;
use crate::audit::{self, Change};
use crate::commands::{self, Revoked};
use crate::error::StoreError;
use crate::jobs::{self, NewJob};
use crate::tenant::OperatorScope;

/// That a company is to be deleted. Instants are the database's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Since when.
    pub asked_at: OffsetDateTime,
    /// What whoever asked was called then.
    pub asked_by: String,
    /// From when on it is erased; until then it can be kept.
    pub due_at: OffsetDateTime,
    /// Since when its rows go. It cannot be kept any more.
    pub erasing_since: Option<OffsetDateTime>,
}

/// Why a company's deletion is not asked for.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The name that should confirm it is another.
    #[error("to confirm, the name of the company as it is written: {0:?}")]
    NotConfirmed(String),
    /// It was asked for before.
    #[error("its deletion was asked for already")]
    Asked,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a company is not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Nobody asked for its deletion.
    #[error("nobody asked for its deletion")]
    NotAsked,
    /// Its rows go.
    #[error("its rows are being erased, which cannot be undone")]
    Erasing,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AskError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for KeepError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Asks for a company to be deleted after `wait`, as whoever names it. Its agents are refused from now on, its
/// people signed out. `None` when there is no such company.
///
/// # Errors
///
/// When `name` is not its name, it was asked for before, or the database cannot be used.
pub async fn ask(
    operator: &OperatorScope,
    id: CompanyId,
    name: &str,
    wait: Duration,
    now: OffsetDateTime,
) -> Result<Option<Company>, AskError> {
    let mut tx = operator.begin("companies.ask_deletion").await?;
    let Some(before) = super::read(&mut tx, id).await? else { return Ok(None) };
    if before.name != name.trim() {
        return Err(AskError::NotConfirmed(before.name));
    }
    let key = sqlx::query_scalar!(
        // Suspended at the same instant where it was not before: what tells the one from the other when it
        // is kept.
        "UPDATE companies SET deletion_asked_at = now(), deletion_asked_by = $2,
                deletion_due_at = now() + make_interval(secs => $3),
                suspended_at = coalesce(suspended_at, now())
         WHERE id = $1 AND deletion_asked_at IS NULL RETURNING key",
        id.0,
        operator.origin().actor().name(),
        wait.as_secs_f64()
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(key) = key else { return Err(AskError::Asked) };
    sign_out(&mut tx, key, now).await?;
    commands::announce_revocation(&mut tx, Revoked::Company(id)).await?;
    let Some(company) = super::read(&mut tx, id).await? else { return Ok(None) };
    if let Some(deletion) = &company.deletion {
        let job = NewJob {
            kind: erase::JOB,
            tick: &format!("{id} {}", deletion.asked_at.unix_timestamp_nanos()),
            payload: &json!({ "company": id }),
            run_after: now + wait,
            company: Some(id),
        };
        jobs::enqueue_within(&mut tx, &job, now).await?;
    }
    let said = json!({ "name": company.name, "wait_s": wait.as_secs() });
    audit::record_of_operators(&mut tx, operator, Change::made("company.delete", id, said), now)
        .await?;
    tx.commit().await?;
    Ok(Some(company))
}

/// Ends the sessions that are good for the company alone, and those of people who work nowhere else.
async fn sign_out(
    tx: &mut PgConnection,
    company_key: i64,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let people = only_here(tx, company_key, false).await?;
    sqlx::query!(
        "UPDATE sessions SET revoked_at = $3
         WHERE revoked_at IS NULL AND (company_key = $1 OR user_id = ANY ($2))",
        company_key,
        &people,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The people who work in the company and in none beside it; companies that are to be deleted as well count
/// where they may still be kept. Operators are none of it.
pub(super) async fn only_here(
    tx: &mut PgConnection,
    company_key: i64,
    counts_leaving: bool,
) -> Result<Vec<Uuid>, StoreError> {
    let people = sqlx::query_scalar!(
        "SELECT m.user_id FROM memberships m JOIN users u ON u.id = m.user_id
         WHERE m.company_key = $1 AND NOT u.is_operator
           AND NOT EXISTS (SELECT FROM memberships o JOIN companies c ON c.key = o.company_key
                           WHERE o.user_id = m.user_id AND c.key <> $1
                             AND ($2 OR c.deletion_asked_at IS NULL))",
        company_key,
        counts_leaving
    );
    Ok(people.fetch_all(tx).await?)
}

/// Keeps a company whose deletion was asked for. It is suspended afterwards if it was before. `None` when there
/// is no such company.
///
/// # Errors
///
/// When nobody asked for its deletion, its rows go already, or the database cannot be used.
pub async fn keep(
    operator: &OperatorScope,
    id: CompanyId,
    now: OffsetDateTime,
) -> Result<Option<Company>, KeepError> {
    let mut tx = operator.begin("companies.keep").await?;
    let done = sqlx::query!(
        "UPDATE companies SET suspended_at = nullif(suspended_at, deletion_asked_at),
                deletion_asked_at = NULL, deletion_asked_by = NULL, deletion_due_at = NULL
         WHERE id = $1 AND deletion_asked_at IS NOT NULL AND erasing_since IS NULL",
        id.0
    )
    .execute(&mut *tx)
    .await?;
    let Some(company) = super::read(&mut tx, id).await? else { return Ok(None) };
    if done.rows_affected() == 0 {
        return Err(match company.deletion {
            Some(_) => KeepError::Erasing,
            None => KeepError::NotAsked,
        });
    }
    let who = actors::word(operator.origin().actor());
    jobs::cancel_of_company(&mut tx, erase::JOB, id, &who, now).await?;
    audit::record_of_operators(&mut tx, operator, Change::done("company.keep", id), now).await?;
    tx.commit().await?;
    Ok(Some(company))
}

#[cfg(test)]
mod tests;
