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
use super::every::{self, Weekday, utc, yes};
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
        .list("/report-schedules", "list_report_schedules", "Schedules, by name", list)
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
            at: every::time_of_day(every.minute),
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
        every::read(self.weekday, &self.at, &self.time_zone)
    }
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
