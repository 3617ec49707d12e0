//! Reports: asked for, made by a job, and to be had as a file for a while.

mod content;
mod view;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use store::report_files::{self, CreateError, NewReport, ReportFormat, ReportKind, Spec};
use store::tenant::TenantScope;
use uuid::Uuid;

use self::content::Content;
use self::view::ReportView;
pub(super) use self::view::{FormatName, KindName};
use super::cves::parse_severity;
use super::{credential, labels};
use crate::http::answer::{Accepted, NoContent};
use crate::http::document::Routes;
use crate::http::extract::{Body, Params, Path, Tenant, parse_id};
use crate::http::may::{ExportInventory, ManageReports, ReadInventory};
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::SeverityName;
use crate::http::state::ApiState;
use crate::http::v7;

pub(super) fn routes() -> Routes {
    const ONE: &str = "/reports/{report}";
    let about = "Files for people and their tools, made once or by a schedule.";
    Routes::of("Reports", about)
        .list("/reports", "list_reports", "Reports, the newest first", list)
        .post("/reports", "create_report", "Ask for a report", create)
        .get(ONE, "get_report", "One report, and how far it is", get)
        .delete(ONE, "delete_report", "Delete a report with its file", delete)
        .get("/reports/{report}/file", "download_report", "A report's file", download)
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::TooMany | CreateError::TooLarge => Self::Conflict(error.to_string()),
            CreateError::Store(error) => error.into(),
        }
    }
}

const GONE: Problem = Problem::NotFound("report");

fn id(text: &str) -> Result<Uuid, Problem> {
    parse_id(text, "report")
}

/// What a report is to be, as a body says it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) kind: &'a str,
    pub(super) format: &'a str,
    pub(super) severity_min: Option<&'a str>,
    pub(super) kev: Option<bool>,
    pub(super) label: Option<&'a str>,
}

impl Asked<'_> {
    /// What is asked for.
    ///
    /// # Errors
    ///
    /// When something is none of the words, does not go with the rest, or the label is none.
    pub(super) async fn spec(self, scope: &TenantScope) -> Result<Spec, Problem> {
        let kind = ReportKind::parse(self.kind)
            .ok_or_else(|| Problem::field("kind", "one of findings, summary"))?;
        let format = ReportFormat::parse(self.format)
            .ok_or_else(|| Problem::field("format", "one of html, json, csv, sarif, cyclonedx"))?;
        let is_summary = kind == ReportKind::Summary;
        if is_summary && !matches!(format, ReportFormat::Html | ReportFormat::Json) {
            return Err(Problem::field("format", "a summary is html or json"));
        }
        if is_summary && self.label.is_some() {
            return Err(Problem::field("label", "a summary is of the company as a whole"));
        }
        let label = labels::named(scope, self.label).await?;
        // An id is taken for a label's until somebody looks.
        if let Some(label) = label
            && store::labels::get(scope, label).await?.is_none()
        {
            return Err(Problem::field("label", "no label has this id or name"));
        }
        let severity_min = self.severity_min.map(parse_severity).transpose()?;
        Ok(Spec { kind, format, severity_min, kev: self.kev, label })
    }
}

/// A report to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewReport")]
#[serde(deny_unknown_fields)]
struct ReportBody {
    /// What it is called, in its title too.
    name: String,
    /// `findings` has every finding that some host has, `summary` how the company stands and what is worst.
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
}

impl ReportBody {
    fn asked(&self) -> Asked<'_> {
        Asked {
            kind: &self.kind,
            format: &self.format,
            severity_min: self.severity_min.as_deref(),
            kev: self.kev,
            label: self.label.as_deref(),
        }
    }
}

async fn create(
    tenant: Tenant<ExportInventory>,
    State(state): State<ApiState>,
    Body(body): Body<ReportBody>,
) -> Result<Accepted<ReportView>, Problem> {
    let (scope, now) = (tenant.scope, state.clock.now());
    let spec = body.asked().spec(&scope).await?;
    let new = NewReport { id: v7(now), name: credential::name(&body.name)?, spec };
    let report = report_files::create(&scope, &new, now).await?;
    Ok(Accepted(report.into()))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ReportQuery")]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Those that this schedule asked for.
    schedule: Option<Uuid>,
    limit: Option<u32>,
    page_token: Option<String>,
}

async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ReportView>>, Problem> {
    let page = page::request("reports", query.limit, query.page_token.as_deref())?;
    let reports = report_files::list(&tenant.scope, query.schedule, &page).await?;
    Ok(page::respond("reports", reports, ReportView::from))
}

async fn get(
    tenant: Tenant<ReadInventory>,
    Path(report): Path<String>,
) -> Result<Json<ReportView>, Problem> {
    let report = report_files::get(&tenant.scope, id(&report)?).await?;
    report.map(|report| Json(report.into())).ok_or(GONE)
}

async fn delete(
    tenant: Tenant<ManageReports>,
    State(state): State<ApiState>,
    Path(report): Path<String>,
) -> Result<NoContent, Problem> {
    let is_done = report_files::delete(&tenant.scope, id(&report)?, state.clock.now()).await?;
    NoContent::where_done(is_done, "report")
}

async fn download(
    tenant: Tenant<ExportInventory>,
    Path(report): Path<String>,
) -> Result<Content, Problem> {
    let report = report_files::get(&tenant.scope, id(&report)?).await?.ok_or(GONE)?;
    content::respond(tenant.scope, &report)
}
