//! Schedules as people ask for them.

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Every, Schedule};
use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, within, within_key};
use crate::report_files::SpecRow;
use crate::tenant::TenantScope;

const BY_NAME: Order = Order {
    by: "lower(s.name)",
    of: SortType::Text,
    descending: false,
    tie: "s.id",
    tie_is_uuid: true,
};

const SELECT: &str = "SELECT s.id, s.name, s.kind, s.format, s.severity_min, s.kev, s.label,
       s.weekday, s.minute, s.time_zone, s.is_enabled, s.next_at, s.created_at, s.changed_at,
       s.revision";

const FROM: &str = " FROM report_schedules s WHERE s.company_key = $1";

/// A page of schedules, by name.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(scope: &TenantScope, page: &PageRequest) -> Result<Page<Schedule>, StoreError> {
    let mut query = within(scope, SELECT)?;
    BY_NAME.push_columns(&mut query);
    query.push(FROM);
    BY_NAME.push_after(&mut query, page)?;
    BY_NAME.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "report_schedules.list", query).await?;
    BY_NAME.page(rows, page, TryInto::try_into)
}

/// One schedule; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: Uuid) -> Result<Option<Schedule>, StoreError> {
    let mut tx = scope.begin("report_schedules.get").await?;
    let schedule = one(&mut tx, scope.key(), id).await?;
    tx.commit().await?;
    Ok(schedule)
}

pub(super) async fn one(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
) -> Result<Option<Schedule>, StoreError> {
    let mut query = within_key(company_key, SELECT)?;
    query.push(FROM).push(" AND s.id = ").push_bind(id);
    let row: Option<Row> = query.build_query_as().fetch_optional(tx).await?;
    row.map(TryInto::try_into).transpose()
}

/// Those whose time has come, their rows locked until the transaction ends.
pub(super) async fn due(
    tx: &mut PgConnection,
    company_key: i64,
    now: OffsetDateTime,
) -> Result<Vec<Schedule>, StoreError> {
    let mut query = within_key(company_key, SELECT)?;
    query.push(FROM).push(" AND s.is_enabled AND s.next_at <= ").push_bind(now);
    query.push(" ORDER BY s.next_at, s.id FOR UPDATE");
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    name: String,
    #[sqlx(flatten)]
    spec: SpecRow,
    weekday: Option<i32>,
    minute: i32,
    time_zone: String,
    is_enabled: bool,
    next_at: OffsetDateTime,
    created_at: OffsetDateTime,
    changed_at: OffsetDateTime,
    revision: i64,
}

impl TryFrom<Row> for Schedule {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad = |column, value: i32| {
            StoreError::inconsistent("report_schedules", column, &value.to_string())
        };
        let weekday = |day: i32| u8::try_from(day).map_err(|_| bad("weekday", day));
        Ok(Self {
            id: row.id,
            name: row.name,
            spec: row.spec.try_into()?,
            every: Every {
                weekday: row.weekday.map(weekday).transpose()?,
                minute: u16::try_from(row.minute).map_err(|_| bad("minute", row.minute))?,
                time_zone: row.time_zone,
            },
            is_enabled: row.is_enabled,
            next_at: row.next_at,
            created_at: row.created_at,
            changed_at: row.changed_at,
            revision: row.revision.unsigned_abs(),
        })
    }
}
