//! What a company writes under a name and a revision: labels, policies and webhooks.
//!
//! All three are made, changed and deleted in the same steps, which stand here once: whether there is room
//! for one more, the row that is locked and compared with what its editor saw, and what came of it in the
//! audit log. Tables and columns are each one's own. Nothing here may commit: whoever calls has more to do
//! in the same transaction.

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::{self, Change};
use crate::error::{StoreError, violated_constraint};
use crate::tenant::TenantScope;

/// Something that is written like this.
pub(crate) trait Revised: Sized + Send + Sync {
    /// Its table, for errors.
    const TABLE: &'static str;
    /// How many a company can have.
    const MAX: u32;
    /// What the audit log calls making one.
    const MADE: &'static str;
    /// What it calls changing one.
    const EDITED: &'static str;
    /// What it calls deleting one.
    const DELETED: &'static str;

    /// The number that grows with every change.
    fn revision(&self) -> u64;

    /// As the audit log shows it, without secrets.
    fn shown(&self) -> Value;

    /// How many the company has.
    fn count(
        tx: &mut PgConnection,
        company_key: i64,
    ) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Keeps the row as it is until the transaction ends.
    fn lock(
        tx: &mut PgConnection,
        company_key: i64,
        id: Uuid,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads it; `None` when the company has none with this id.
    fn read(
        tx: &mut PgConnection,
        company_key: i64,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<Self>, StoreError>> + Send;
}

/// Why something is not written, whatever it is.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another one has the name.
    NameTaken,
    /// There are too many of them.
    TooMany,
    /// Somebody else changed it meanwhile.
    Changed,
    /// The database gave no answer.
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        // On each partition the index has a name of its own, with the columns in it.
        let taken = violated_constraint(&error).is_some_and(|name| name.contains("lower"));
        if taken { Self::NameTaken } else { Self::Store(error.into()) }
    }
}

/// That there is room for one more.
pub(crate) async fn check_room<T: Revised>(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<(), Refused> {
    let there = T::count(tx, company_key).await?;
    let has_room = there < i64::from(T::MAX);
    has_room.then_some(()).ok_or(Refused::TooMany)
}

/// What is to be changed, locked and as it is; `None` when the company has none with this id. Refused when
/// it is of another revision than the one that was `seen`.
pub(crate) async fn lock<T: Revised>(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
    seen: Option<u64>,
) -> Result<Option<T>, Refused> {
    // Locked by its number and read after that, so that two changes come one after the other.
    T::lock(tx, company_key, id).await?;
    let before = T::read(tx, company_key, id).await?;
    match before {
        Some(before) if seen.is_some_and(|seen| seen != before.revision()) => Err(Refused::Changed),
        before => Ok(before),
    }
}

/// What was made, once it is in the audit log.
pub(crate) async fn made<T: Revised>(
    tx: &mut PgConnection,
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<T, StoreError> {
    let made = T::read(tx, scope.key(), id).await?;
    let made = made.ok_or_else(|| StoreError::inconsistent(T::TABLE, "id", &id.to_string()))?;
    let change = Change::made(T::MADE, id, made.shown());
    audit::record(tx, scope, change, now).await?;
    Ok(made)
}

/// What it is after a change, once both are in the audit log.
pub(crate) async fn edited<T: Revised>(
    tx: &mut PgConnection,
    scope: &TenantScope,
    (id, before): (Uuid, &T),
    now: OffsetDateTime,
) -> Result<Option<T>, StoreError> {
    let after = T::read(tx, scope.key(), id).await?;
    if let Some(after) = &after {
        let change = Change::edited(T::EDITED, id, before.shown(), after.shown());
        audit::record(tx, scope, change, now).await?;
    }
    Ok(after)
}

/// Whether one was deleted, which the audit log says then: deleting what is gone changed nothing.
pub(crate) async fn deleted<T: Revised>(
    tx: &mut PgConnection,
    scope: &TenantScope,
    (id, rows): (Uuid, u64),
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    if rows > 0 {
        audit::record(tx, scope, Change::done(T::DELETED, id), now).await?;
    }
    Ok(rows > 0)
}
