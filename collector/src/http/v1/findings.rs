//! Findings: which software has which CVE, since when, and why that is said.

use axum::Json;
use enrichment::evaluation::Confidence;
use protocol::ids::AgentId;
use protocol::software::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::findings::{self, Finding, FindingFilter, FindingSort, FindingState};
use time::OffsetDateTime;
use uuid::Uuid;

use super::cves::{CveView, parse_severity};
use super::software::parse_key;
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Params, Tenant};
use crate::http::may::ReadInventory;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::{ConfidenceName, SeverityName, SourceName};

pub(super) fn routes() -> Routes {
    Routes::of(
        "Findings",
        "Which software has which CVE, and why that is said.",
    )
    .get(
        "/findings",
        "list_findings",
        "Findings, a page at a time",
        list,
    )
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
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<DateTime>")]
    resolved_at: Option<OffsetDateTime>,
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

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        Self {
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
    state: State,
    /// At least as severe as this.
    #[schemars(with = "Option<SeverityName>")]
    severity_min: Option<String>,
    /// Known to be exploited, or not.
    kev: Option<bool>,
    cve: Option<String>,
    software: Option<String>,
    /// What this host has now.
    host: Option<Uuid>,
    /// At least as sure as this: `low`, `medium` or `high`.
    #[schemars(with = "Option<ConfidenceName>")]
    confidence_min: Option<Confidence>,
    #[serde(default)]
    sort: Sort,
    limit: Option<u32>,
    page_token: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "FindingState")]
#[serde(rename_all = "snake_case")]
enum State {
    #[default]
    Open,
    Resolved,
    Any,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "FindingSort")]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Severity,
    Epss,
    Opened,
    Hosts,
}

impl Sort {
    const fn list(self) -> (FindingSort, &'static str) {
        match self {
            Self::Severity => (FindingSort::Severity, "findings.severity"),
            Self::Epss => (FindingSort::Epss, "findings.epss"),
            Self::Opened => (FindingSort::Opened, "findings.opened"),
            Self::Hosts => (FindingSort::Hosts, "findings.hosts"),
        }
    }
}

async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<FindingView>>, Problem> {
    let scope = tenant.scope;
    let (sort, name) = query.sort.list();
    let page = page::request(name, query.limit, query.page_token.as_deref())?;
    let filter = FindingFilter {
        state: match query.state {
            State::Open => FindingState::Open,
            State::Resolved => FindingState::Resolved,
            State::Any => FindingState::Any,
        },
        severity_min: query
            .severity_min
            .as_deref()
            .map(parse_severity)
            .transpose()?,
        kev: query.kev,
        cve: query.cve.map(|cve| cve.to_ascii_uppercase()),
        software: query.software.as_deref().map(parse_key).transpose()?,
        host: query.host.map(AgentId),
        confidence_min: query.confidence_min,
    };
    let findings = findings::list(&scope, &filter, sort, &page).await?;
    Ok(page::respond(name, findings, FindingView::from))
}
