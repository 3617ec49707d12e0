//! Digests as their persons ask for them.

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Digest, Section};
use crate::error::StoreError;
use crate::report_schedules::Every;
use crate::tenant::TenantScope;

/// A person's digest; `None` when they want none.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn of_user(scope: &TenantScope, user: Uuid) -> Result<Option<Digest>, StoreError> {
    let mut tx = scope.begin("digests.of_user").await?;
    let found = of_user_in(&mut tx, scope.key(), user).await?;
    tx.commit().await?;
    Ok(found)
}

/// One digest; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: Uuid) -> Result<Option<Digest>, StoreError> {
    let mut tx = scope.begin("digests.get").await?;
    let found = one(&mut tx, scope.key(), id).await?;
    tx.commit().await?;
    Ok(found)
}

pub(super) async fn of_user_in(
    tx: &mut PgConnection,
    company_key: i64,
    user: Uuid,
) -> Result<Option<Digest>, StoreError> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM digests WHERE company_key = $1 AND user_id = $2",
        company_key,
        user
    )
    .fetch_optional(&mut *tx)
    .await?;
    match id {
        Some(id) => one(tx, company_key, id).await,
        None => Ok(None),
    }
}

pub(super) async fn one(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
) -> Result<Option<Digest>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, user_id, weekday, minute, time_zone, sections, when_quiet, next_at, told_until,
                created_at, changed_at, revision
         FROM digests WHERE company_key = $1 AND id = $2",
        company_key,
        id
    )
    .fetch_optional(tx)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Those whose time has come, the longest due first.
pub(super) async fn due(
    tx: &mut PgConnection,
    company_key: i64,
    now: OffsetDateTime,
    limit: u32,
) -> Result<Vec<Digest>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, user_id, weekday, minute, time_zone, sections, when_quiet, next_at, told_until,
                created_at, changed_at, revision
         FROM digests WHERE company_key = $1 AND next_at <= $2 ORDER BY next_at, id LIMIT $3",
        company_key,
        now,
        i64::from(limit)
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    weekday: Option<i32>,
    minute: i32,
    time_zone: String,
    sections: Vec<String>,
    when_quiet: bool,
    next_at: OffsetDateTime,
    told_until: OffsetDateTime,
    created_at: OffsetDateTime,
    changed_at: OffsetDateTime,
    revision: i64,
}

impl TryFrom<Row> for Digest {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad = |column, value: &str| StoreError::inconsistent("digests", column, value);
        let weekday = |day: i32| u8::try_from(day).map_err(|_| bad("weekday", &day.to_string()));
        let minute = u16::try_from(row.minute).map_err(|_| bad("minute", &row.minute.to_string()));
        // A section that this release does not know any more is left out.
        let sections = row.sections.iter().filter_map(|name| Section::parse(name)).collect();
        Ok(Self {
            id: row.id,
            user: row.user_id,
            every: Every {
                weekday: row.weekday.map(weekday).transpose()?,
                minute: minute?,
                time_zone: row.time_zone,
            },
            sections,
            when_quiet: row.when_quiet,
            next_at: row.next_at,
            told_until: row.told_until,
            created_at: row.created_at,
            changed_at: row.changed_at,
            revision: row.revision.unsigned_abs(),
        })
    }
}
