//! What is due, and when the next time is.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Every, REPORTS_KEPT, read};
use crate::error::StoreError;
use crate::report_files::{self, NewReport};
use crate::tenant::TenantScope;

/// What came of schedules whose time had come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The reports that are to be made now; their jobs are asked for.
    pub reports: Vec<Uuid>,
}

/// Asks for a report of each schedule whose time has come, with its job, and moves the schedule to its next time.
///
/// All of that is one transaction: whatever happens, none is asked for twice. `new_id` gives a report's id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn due(
    scope: &TenantScope,
    new_id: impl Fn() -> Uuid + Send,
    now: OffsetDateTime,
) -> Result<Due, StoreError> {
    let mut tx = scope.begin("report_schedules.due").await?;
    let mut due = Due::default();
    for schedule in read::due(&mut tx, scope.key(), now).await? {
        let new = NewReport { id: new_id(), name: &schedule.name, spec: schedule.spec };
        report_files::insert(&mut tx, scope, &new, Some(schedule.id), now).await?;
        // With this one.
        report_files::keep_newest(&mut tx, scope.key(), schedule.id, REPORTS_KEPT).await?;
        let next = next_in(&mut tx, &schedule.every, now).await?;
        // A time zone that the database's system has lost since: a day later is near enough.
        let next = next.unwrap_or(now + Duration::DAY);
        sqlx::query!(
            "UPDATE report_schedules SET next_at = $3 WHERE company_key = $1 AND id = $2",
            scope.key(),
            schedule.id,
            next
        )
        .execute(&mut *tx)
        .await?;
        due.reports.push(new.id);
    }
    tx.commit().await?;
    Ok(due)
}

/// The first time after an instant. An hour that a clock leaves out is taken an hour later, and one that it
/// has twice is taken once.
async fn next(
    tx: &mut PgConnection,
    every: &Every,
    after: OffsetDateTime,
) -> Result<OffsetDateTime, StoreError> {
    let next = sqlx::query_scalar!(
        r#"SELECT min(o.next_at) AS "at!"
           FROM (
             SELECT (date_trunc('day', $1::timestamptz AT TIME ZONE $2)
                     + make_interval(days => n.number, mins => $3)) AT TIME ZONE $2 AS next_at
             FROM generate_series(0, 8) AS n (number)
           ) o
           WHERE o.next_at > $1
             AND ($4::int IS NULL OR extract(isodow FROM o.next_at AT TIME ZONE $2)::int = $4)"#,
        after,
        every.time_zone,
        i32::from(every.minute),
        every.weekday.map(i32::from)
    )
    .fetch_one(tx)
    .await?;
    Ok(next)
}

/// Whether the database knows a time zone by this name.
async fn is_time_zone(tx: &mut PgConnection, name: &str) -> Result<bool, StoreError> {
    let is_known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1) AS "is_known!""#,
        name
    )
    .fetch_one(tx)
    .await?;
    Ok(is_known)
}

/// The first time after an instant; `None` when the database knows no such time zone.
pub(crate) async fn next_in(
    tx: &mut PgConnection,
    every: &Every,
    after: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, StoreError> {
    if !is_time_zone(&mut *tx, &every.time_zone).await? {
        return Ok(None);
    }
    next(tx, every, after).await.map(Some)
}
