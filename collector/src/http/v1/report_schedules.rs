//! Schedules of reports: every day or once a week, at a time of day somewhere.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::cves::Severity;
use store::report_schedules::{self, ChangeError, Every, NewSchedule, Schedule, ScheduleChange};
use time::OffsetDateTime;
use uuid::Uuid;

use super::credential;
use super::report_files::{Asked, FormatName, KindName};
use crate::http::answer::{Created, NoContent, Versioned};
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Body, IfMatch, Params, Path, Tenant, parse_id};
use crate::http::may::{ManageReports, ReadInventory};
use crate::http::page::{self, Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::schema::SeverityName;
use crate::http::state::ApiState;
use crate::http::v7;

pub(super) fn routes() -> Routes {
    const ONE: &str = "/report-schedules/{schedule}";
    Routes::of("Report schedules", "When which report is made by itself.")
        .get("/report-schedules", "list_report_schedules", "Schedules, by name", list)
        .post("/report-schedules", "create_report_schedule", "Make a schedule", create)
        .get(ONE, "get_report_schedule", "One schedule", get)
        .put(ONE, "put_report_schedule", "Change a schedule", change)
        .delete(ONE, "delete_report_schedule", "Delete a schedule; its reports stay", delete)
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NoTimeZone => Self::field("time_zone", error.to_string()),
            ChangeError::Changed => Self::Stale,
            ChangeError::NameTaken | ChangeError::TooMany => Self::Conflict(error.to_string()),
            ChangeError::Store(error) => error.into(),
        }
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Weekday")]
#[serde(rename_all = "snake_case")]
enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// From 1, which is Monday.
    fn number(self) -> u8 {
        (1..).zip(Self::ALL).find(|(_, day)| *day == self).map_or(1, |(number, _)| number)
    }

    fn of(number: u8) -> Option<Self> {
        (1..).zip(Self::ALL).find(|(one, _)| *one == number).map(|(_, day)| day)
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReportSchedule")]
struct ScheduleView {
    id: Uuid,
    name: String,
    #[schemars(with = "KindName")]
    kind: &'static str,
    #[schemars(with = "FormatName")]
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<SeverityName>")]
    severity_min: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kev: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Uuid>,
    /// On this day of the week; absent for every day.
    #[serde(skip_serializing_if = "Option::is_none")]
    weekday: Option<Weekday>,
    /// At this time of day, as `06:30`.
    at: String,
    /// Of a clock in this time zone.
    time_zone: String,
    enabled: bool,
    /// When the next report is made; absent while it is off.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    next_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    changed_at: OffsetDateTime,
    revision: u64,
}

impl From<Schedule> for ScheduleView {
    fn from(schedule: Schedule) -> Self {
        let (spec, every) = (schedule.spec, schedule.every);
        Self {
            id: schedule.id,
            name: schedule.name,
            kind: spec.kind.as_str(),
            format: spec.format.as_str(),
            severity_min: spec.severity_min.map(Severity::as_str),
            kev: spec.kev,
            label: spec.label,
            weekday: every.weekday.and_then(Weekday::of),
            at: format!("{:02}:{:02}", every.minute / 60, every.minute % 60),
            time_zone: every.time_zone,
            enabled: schedule.is_enabled,
            next_at: schedule.is_enabled.then_some(schedule.next_at),
            created_at: schedule.created_at,
            changed_at: schedule.changed_at,
            revision: schedule.revision,
        }
    }
}

/// What a schedule is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ReportScheduleBody")]
#[serde(deny_unknown_fields)]
struct ScheduleBody {
    /// What it and its reports are called.
    name: String,
    #[schemars(with = "KindName")]
    kind: String,
    /// A summary is `html` or `json`.
    #[schemars(with = "FormatName")]
    format: String,
    /// Only CVEs that are at least as severe.
    #[schemars(with = "Option<SeverityName>")]
    severity_min: Option<String>,
    /// Only CVEs that are known to be exploited, or that are not.
    kev: Option<bool>,
    /// Only what hosts with this label have, by its id or its name; a summary is of all.
    label: Option<String>,
    /// On this day of the week; every day when absent.
    weekday: Option<Weekday>,
    /// At this time of day, as `06:30`.
    at: String,
    /// Of a clock in this time zone, by its name in IANA's database, such as `Europe/Berlin`; `UTC` when
    /// absent.
    #[serde(default = "utc")]
    time_zone: String,
    /// Whether its reports are made.
    #[serde(default = "yes")]
    enabled: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

const fn yes() -> bool {
    true
}

impl ScheduleBody {
    fn asked(&self) -> Asked<'_> {
        Asked {
            kind: &self.kind,
            format: &self.format,
            severity_min: self.severity_min.as_deref(),
            kev: self.kev,
            label: self.label.as_deref(),
        }
    }

    fn every(&self) -> Result<Every, Problem> {
        let minute = minute_of(&self.at)
            .ok_or_else(|| Problem::field("at", "a time of day from 00:00 to 23:59"))?;
        // No name of a time zone is longer, and none has characters of control.
        if self.time_zone.len() > 64 || credential::has_control(&self.time_zone) {
            return Err(ChangeError::NoTimeZone.into());
        }
        let weekday = self.weekday.map(Weekday::number);
        Ok(Every { weekday, minute, time_zone: self.time_zone.clone() })
    }
}

/// The minute of the day.
fn minute_of(at: &str) -> Option<u16> {
    let (hours, minutes) = at.split_once(':')?;
    let number = |text: &str, below: u16| {
        let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| is_two_digits && *number < below)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<ScheduleView>>, Problem> {
    let page = query.of("report_schedules")?;
    let schedules = report_schedules::list(&tenant.scope, &page).await?;
    Ok(page::respond("report_schedules", schedules, ScheduleView::from))
}

fn id(text: &str) -> Result<Uuid, Problem> {
    parse_id(text, "schedule")
}

const GONE: Problem = Problem::NotFound("schedule");

fn versioned(schedule: Schedule) -> Versioned<ScheduleView> {
    Versioned(schedule.revision, schedule.into())
}

async fn get(
    tenant: Tenant<ReadInventory>,
    Path(schedule): Path<String>,
) -> Result<Versioned<ScheduleView>, Problem> {
    let schedule = report_schedules::get(&tenant.scope, id(&schedule)?).await?;
    schedule.map(versioned).ok_or(GONE)
}

async fn create(
    tenant: Tenant<ManageReports>,
    State(state): State<ApiState>,
    Body(body): Body<ScheduleBody>,
) -> Result<Created<ScheduleView>, Problem> {
    let (scope, now) = (tenant.scope, state.clock.now());
    let every = body.every()?;
    let schedule = ScheduleChange {
        name: credential::name(&body.name)?,
        spec: body.asked().spec(&scope).await?,
        every: &every,
        is_enabled: body.enabled,
    };
    let new = NewSchedule { id: v7(now), schedule };
    Ok(Created(report_schedules::create(&scope, &new, now).await?.into()))
}

async fn change(
    tenant: Tenant<ManageReports>,
    State(state): State<ApiState>,
    Path(schedule): Path<String>,
    IfMatch(revision): IfMatch,
    Body(body): Body<ScheduleBody>,
) -> Result<Versioned<ScheduleView>, Problem> {
    let (scope, now) = (tenant.scope, state.clock.now());
    let every = body.every()?;
    let change = ScheduleChange {
        name: credential::name(&body.name)?,
        spec: body.asked().spec(&scope).await?,
        every: &every,
        is_enabled: body.enabled,
    };
    let changed = report_schedules::change(&scope, id(&schedule)?, &change, revision, now).await?;
    changed.map(versioned).ok_or(GONE)
}

async fn delete(
    tenant: Tenant<ManageReports>,
    State(state): State<ApiState>,
    Path(schedule): Path<String>,
) -> Result<NoContent, Problem> {
    let is_done =
        report_schedules::delete(&tenant.scope, id(&schedule)?, state.clock.now()).await?;
    NoContent::where_done(is_done, "schedule")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_two_digits_for_each() {
        assert_eq!(minute_of("00:00"), Some(0));
        assert_eq!(minute_of("23:59"), Some(1_439));
        for wrong in ["", "24:00", "12:60", "7:30", "12", "12:3", "+1:00", "12:30:00", "１２:30"]
        {
            assert_eq!(minute_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_of_the_week_are_counted_from_monday() {
        assert_eq!((Weekday::Monday.number(), Weekday::Sunday.number()), (1, 7));
        for day in Weekday::ALL {
            assert_eq!(Weekday::of(day.number()), Some(day));
        }
        assert_eq!(Weekday::of(0), None);
    }
}
