//! Findings: which software has which CVE, since when, and why that is said.

use axum::Json;
use axum::extract::State;
use enrichment::cve::as_published;
use enrichment::evaluation::Confidence;
use protocol::ids::AgentId;
use protocol::software::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::findings::{self, Finding, FindingFilter, FindingSort, FindingState};
use store::tenant::TenantScope;
use time::OffsetDateTime;
use uuid::Uuid;

use super::cves::{CveView, parse_severity};
use super::labels;
use super::software::parse_key;
use crate::http::document::{DateTime, Routes};
use crate::http::export::{self, Exported, Format, Record, Row, instant};
use crate::http::extract::{Params, Tenant};
use crate::http::may::{ExportInventory, ReadInventory};
use crate::http::moment;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::{ConfidenceName, SeverityName, SourceName};
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Findings", "Which software has which CVE, and why that is said.")
        .get("/findings", "list_findings", "Findings, a page at a time", list)
        .get("/findings/export", "export_findings", "Findings, whole", export)
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
struct FindingView {
    cve: CveView,
    software: SoftwareRef,
    /// Whose statement it rests on, such as `nvd`.
    source: String,
    #[schemars(with = "ConfidenceName")]
    confidence: Confidence,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_in: Option<String>,
    /// What was compared, for people who want to check it against the published record.
    why: Value,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    opened_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    resolved_at: Option<OffsetDateTime>,
    /// `open`, `suppressed` or `resolved`; at the instant that was asked for.
    state: String,
    /// The exception that leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<Uuid>,
    /// Since when it is left out for the whole company.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    suppressed_at: Option<OffsetDateTime>,
    /// Hosts that have the software now.
    hosts: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SoftwareRef")]
struct SoftwareRef {
    id: Uuid,
    #[schemars(with = "SourceName")]
    source: Source,
    name: String,
    version: String,
}

impl FindingView {
    fn new(finding: Finding, as_of: Option<OffsetDateTime>) -> Self {
        Self {
            state: finding.state(as_of).to_owned(),
            exception: finding.exception,
            suppressed_at: finding.suppressed_at,
            cve: finding.cve.into(),
            software: SoftwareRef {
                id: finding.software.to_uuid(),
                source: finding.software_source,
                name: finding.name,
                version: finding.version,
            },
            source: finding.source,
            confidence: finding.confidence,
            fixed_in: finding.fixed_in,
            why: finding.why,
            opened_at: finding.opened_at,
            resolved_at: finding.resolved_at,
            hosts: finding.hosts,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "FindingQuery")]
#[serde(deny_unknown_fields)]
struct ListQuery {
    #[serde(default)]
    state: StateName,
    /// At least as severe as this.
    #[schemars(with = "Option<SeverityName>")]
    severity_min: Option<String>,
    /// Known to be exploited, or not.
    kev: Option<bool>,
    cve: Option<String>,
    software: Option<String>,
    /// A part of the software's name.
    software_name: Option<String>,
    /// Whether a version is known that is fixed.
    fix: Option<FixName>,
    /// Of software that at least one host has that is not revoked, or of what none has any more; both
    /// when absent.
    on_hosts: Option<bool>,
    /// What this host has now.
    host: Option<Uuid>,
    /// At least as sure as this: `low`, `medium` or `high`.
    #[schemars(with = "Option<ConfidenceName>")]
    confidence_min: Option<Confidence>,
    /// What hosts with this label have now, by its id or its name.
    label: Option<String>,
    /// Left out by this exception; with the state `suppressed` or `any`.
    exception: Option<Uuid>,
    /// As it was at this instant.
    #[serde(default, deserialize_with = "moment::maybe")]
    #[schemars(with = "Option<DateTime>")]
    as_of: Option<OffsetDateTime>,
    /// Of an export: what it is written as; `csv` when absent.
    format: Option<Format>,
    #[serde(default)]
    sort: Sort,
    limit: Option<u32>,
    page_token: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "FindingState")]
#[serde(rename_all = "snake_case")]
enum StateName {
    #[default]
    Open,
    Suppressed,
    Resolved,
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "FindingFix")]
#[serde(rename_all = "snake_case")]
enum FixName {
    /// A version is said to be fixed.
    Known,
    /// None is.
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "FindingSort")]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Severity,
    Epss,
    Kev,
    Opened,
    Hosts,
}

impl Sort {
    const fn list(self) -> (FindingSort, &'static str) {
        match self {
            Self::Severity => (FindingSort::Severity, "findings.severity"),
            Self::Epss => (FindingSort::Epss, "findings.epss"),
            Self::Kev => (FindingSort::Kev, "findings.kev"),
            Self::Opened => (FindingSort::Opened, "findings.opened"),
            Self::Hosts => (FindingSort::Hosts, "findings.hosts"),
        }
    }
}

async fn list(
    tenant: Tenant<ReadInventory>,
    State(state): State<ApiState>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<FindingView>>, Problem> {
    let scope = tenant.scope;
    let (sort, name) = query.sort.list();
    export::refuse(query.format)?;
    let page = page::request(name, query.limit, query.page_token.as_deref())?;
    let filter = query.filter(&scope, &state).await?;
    let findings = findings::list(&scope, &filter, sort, &page).await?;
    let as_of = filter.as_of;
    Ok(page::respond(name, findings, |finding| FindingView::new(finding, as_of)))
}

async fn export(
    tenant: Tenant<ExportInventory>,
    State(state): State<ApiState>,
    Params(query): Params<ListQuery>,
) -> Result<Exported, Problem> {
    let scope = tenant.scope;
    let (sort, _) = query.sort.list();
    page::refuse(query.limit, query.page_token.as_deref())?;
    let format = query.format.unwrap_or_default();
    let filter = query.filter(&scope, &state).await?;
    let place = state.exports.place(scope.company())?;
    let all = findings::export(&scope, &filter, sort, format.columns()).await?;
    let as_of = filter.as_of;
    let view = move |finding| FindingView::new(finding, as_of);
    export::respond("findings", Some(format), place, all, view).await
}

impl ListQuery {
    async fn filter(self, scope: &TenantScope, state: &ApiState) -> Result<FindingFilter, Problem> {
        let severity_min = self.severity_min.as_deref().map(parse_severity);
        Ok(FindingFilter {
            state: match self.state {
                StateName::Open => FindingState::Open,
                StateName::Suppressed => FindingState::Suppressed,
                StateName::Resolved => FindingState::Resolved,
                StateName::Any => FindingState::Any,
            },
            severity_min: severity_min.transpose()?,
            kev: self.kev,
            cve: self.cve.as_deref().map(as_published),
            software: self.software.as_deref().map(parse_key).transpose()?,
            name: self.software_name,
            has_fix: self.fix.map(|fix| fix == FixName::Known),
            on_hosts: self.on_hosts,
            host: self.host.map(AgentId),
            confidence_min: self.confidence_min,
            label: labels::named(scope, self.label.as_deref()).await?,
            exception: self.exception,
            as_of: moment::as_of(self.as_of, scope, state).await?,
        })
    }
}

impl Record for FindingView {
    const COLUMNS: &'static [&'static str] = &[
        "cve",
        "severity",
        "cvss_score",
        "epss_score",
        "kev_added",
        "published_at",
        "software_id",
        "software_source",
        "software_name",
        "software_version",
        "finding_source",
        "confidence",
        "fixed_in",
        "state",
        "exception",
        "opened_at",
        "suppressed_at",
        "resolved_at",
        "hosts",
    ];

    fn cells(&self, row: &mut Row<'_>) {
        self.cve.cells(row);
        row.own(self.software.id);
        row.own(self.software.source.as_str());
        row.text(&self.software.name);
        row.text(&self.software.version);
        row.text(&self.source);
        row.own(self.confidence.as_str());
        row.maybe(self.fixed_in.as_deref());
        row.own(&self.state);
        row.maybe_own(self.exception);
        row.own(instant(self.opened_at));
        row.maybe_own(self.suppressed_at.map(instant));
        row.maybe_own(self.resolved_at.map(instant));
        row.own(self.hosts);
    }
}
