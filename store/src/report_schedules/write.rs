//! Making, changing and deleting schedules.

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Every, SCHEDULES_MAX, Schedule, due, read};
use crate::companies;
use crate::cves::Severity;
use crate::error::StoreError;
use crate::report_files::Spec;
use crate::revised::{self, Refused, Revised};
use crate::tenant::TenantScope;

/// A schedule to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewSchedule<'a> {
    /// The caller's, so that trying again cannot make two.
    pub id: Uuid,
    /// What it is to be.
    pub schedule: ScheduleChange<'a>,
}

/// What a schedule is to be.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleChange<'a> {
    /// Its name.
    pub name: &'a str,
    /// What its reports are to be.
    pub spec: Spec,
    /// When they are made.
    pub every: &'a Every,
    /// Whether they are.
    pub is_enabled: bool,
}

/// Why a schedule cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Another one has the name.
    #[error("there is a schedule with this name")]
    NameTaken,
    /// There are too many of them.
    #[error("the company has {SCHEDULES_MAX} schedules, which is all it can have")]
    TooMany,
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile: look at it again")]
    Changed,
    /// No time zone has the name.
    #[error("no time zone of IANA's, such as Europe/Berlin or UTC")]
    NoTimeZone,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refused> for ChangeError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NameTaken => Self::NameTaken,
            Refused::TooMany => Self::TooMany,
            Refused::Changed => Self::Changed,
            Refused::Store(error) => Self::Store(error),
        }
    }
}

impl From<sqlx::Error> for ChangeError {
    fn from(error: sqlx::Error) -> Self {
        Refused::from(error).into()
    }
}

impl Revised for Schedule {
    const TABLE: &'static str = "report_schedules";
    const MAX: u32 = SCHEDULES_MAX;
    const MADE: &'static str = "report_schedule.create";
    const EDITED: &'static str = "report_schedule.update";
    const DELETED: &'static str = "report_schedule.delete";

    fn revision(&self) -> u64 {
        self.revision
    }

    fn shown(&self) -> Value {
        let (spec, every) = (&self.spec, &self.every);
        json!({ "name": self.name, "kind": spec.kind.as_str(), "format": spec.format.as_str(),
                "severity_min": spec.severity_min.map(Severity::as_str), "kev": spec.kev,
                "label": spec.label, "weekday": every.weekday, "minute": every.minute,
                "time_zone": every.time_zone, "enabled": self.is_enabled })
    }

    async fn count(tx: &mut PgConnection, company_key: i64) -> Result<i64, StoreError> {
        let there = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM report_schedules WHERE company_key = $1"#,
            company_key
        );
        Ok(there.fetch_one(tx).await?)
    }

    async fn lock(tx: &mut PgConnection, company_key: i64, id: Uuid) -> Result<(), StoreError> {
        sqlx::query_scalar!(
            "SELECT revision FROM report_schedules WHERE company_key = $1 AND id = $2 FOR UPDATE",
            company_key,
            id
        )
        .fetch_optional(tx)
        .await?;
        Ok(())
    }

    async fn read(
        tx: &mut PgConnection,
        company_key: i64,
        id: Uuid,
    ) -> Result<Option<Self>, StoreError> {
        read::one(tx, company_key, id).await
    }
}

/// The next time of what a schedule is to be.
async fn next(
    tx: &mut PgConnection,
    schedule: &ScheduleChange<'_>,
    now: OffsetDateTime,
) -> Result<OffsetDateTime, ChangeError> {
    due::next_in(tx, schedule.every, now).await?.ok_or(ChangeError::NoTimeZone)
}

/// Makes a schedule.
///
/// # Errors
///
/// When its name is taken, it is one too many, its time zone is none, or the database cannot be used.
pub async fn create(
    scope: &TenantScope,
    new: &NewSchedule<'_>,
    now: OffsetDateTime,
) -> Result<Schedule, ChangeError> {
    let schedule = &new.schedule;
    let mut tx = scope.begin("report_schedules.create").await?;
    revised::check_room::<Schedule>(&mut tx, scope.key()).await?;
    let next = next(&mut tx, schedule, now).await?;
    sqlx::query!(
        "INSERT INTO report_schedules (company_key, id, name, kind, format, severity_min, kev, label,
                                       weekday, minute, time_zone, is_enabled, next_at, created_at,
                                       changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)",
        scope.key(),
        new.id,
        schedule.name,
        schedule.spec.kind.as_str(),
        schedule.spec.format.as_str(),
        schedule.spec.severity_min.map(Severity::as_str),
        schedule.spec.kev,
        schedule.spec.label,
        schedule.every.weekday.map(i32::from),
        i32::from(schedule.every.minute),
        schedule.every.time_zone,
        schedule.is_enabled,
        next,
        now
    )
    .execute(&mut *tx)
    .await?;
    companies::note_report_schedules(&mut tx, scope.key()).await?;
    let made = revised::made(&mut tx, scope, new.id, now).await?;
    tx.commit().await?;
    Ok(made)
}

/// Changes a schedule; `None` when the company has none with this id.
///
/// # Errors
///
/// As [`create`], and when it is of another revision than the one that was looked at.
pub async fn change(
    scope: &TenantScope,
    id: Uuid,
    change: &ScheduleChange<'_>,
    seen: Option<u64>,
    now: OffsetDateTime,
) -> Result<Option<Schedule>, ChangeError> {
    let mut tx = scope.begin("report_schedules.change").await?;
    let before: Option<Schedule> = revised::lock(&mut tx, scope.key(), id, seen).await?;
    let Some(before) = before else {
        return Ok(None);
    };
    // From now on: what was missed while it was off is not made up for.
    let next = next(&mut tx, change, now).await?;
    sqlx::query!(
        "UPDATE report_schedules
         SET name = $3, kind = $4, format = $5, severity_min = $6, kev = $7, label = $8,
             weekday = $9, minute = $10, time_zone = $11, is_enabled = $12, next_at = $13,
             changed_at = $14, revision = revision + 1
         WHERE company_key = $1 AND id = $2",
        scope.key(),
        id,
        change.name,
        change.spec.kind.as_str(),
        change.spec.format.as_str(),
        change.spec.severity_min.map(Severity::as_str),
        change.spec.kev,
        change.spec.label,
        change.every.weekday.map(i32::from),
        i32::from(change.every.minute),
        change.every.time_zone,
        change.is_enabled,
        next,
        now
    )
    .execute(&mut *tx)
    .await?;
    let changed = revised::edited(&mut tx, scope, (id, &before), now).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Deletes a schedule, and none of its reports; whether there was one.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn delete(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("report_schedules.delete").await?;
    let done = sqlx::query!(
        "DELETE FROM report_schedules WHERE company_key = $1 AND id = $2",
        scope.key(),
        id
    )
    .execute(&mut *tx)
    .await?;
    let rows = done.rows_affected();
    let is_gone = revised::deleted::<Schedule>(&mut tx, scope, (id, rows), now).await?;
    tx.commit().await?;
    Ok(is_gone)
}
