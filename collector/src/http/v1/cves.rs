//! CVEs: those that the company's software has, and any one that the feeds know.

mod history;

use axum::Json;
use axum::extract::State;
use enrichment::cve::{Cvss, KevEntry, as_published};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::cves::{self, Cve, CveDetail, CveFilter, CveItem, CveSort, Severity};
use time::OffsetDateTime;

use crate::http::document::{DateTime, Routes};
use crate::http::export::{self, Exported, Format, Record, Row, instant};
use crate::http::extract::{Params, Path, Tenant};
use crate::http::may::{ExportInventory, ReadInventory};
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::{Open, SeverityName};
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("CVEs", "What is vulnerable, and how badly.")
        .get("/cves", "list_cves", "CVEs that the company's software has", list)
        .get("/cves/export", "export_cves", "CVEs, whole", export)
        .get("/cves/{cve}", "get_cve", "One CVE", get)
        .get(
            "/cves/{cve}/history",
            "list_cve_history",
            "On how many hosts a CVE was, day by day",
            history::list,
        )
}

/// A severity out of a filter.
///
/// # Errors
///
/// When it is none.
pub(super) fn parse_severity(name: &str) -> Result<Severity, Problem> {
    Severity::parse(name).ok_or_else(|| {
        Problem::field("severity_min", "one of unknown, none, low, medium, high, critical")
    })
}

/// What is known of a CVE.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Cve")]
pub(super) struct CveView {
    id: String,
    /// NVD's word for the state of its record; empty when no feed has brought the CVE.
    status: String,
    #[schemars(with = "SeverityName")]
    severity: &'static str,
    /// Whose score the severity is of, or which publisher of advisories calls it so.
    #[serde(skip_serializing_if = "String::is_empty")]
    severity_source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cvss_score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cvss_vector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kev: Option<KevView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epss: Option<EpssView>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    published_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    modified_at: Option<OffsetDateTime>,
    summary: String,
}

impl CveView {
    /// What most asks for, as cells.
    pub(super) fn cells(&self, row: &mut Row<'_>) {
        row.text(&self.id);
        row.own(self.severity);
        row.maybe_own(self.cvss_score);
        row.maybe_own(self.epss.as_ref().map(|epss| epss.score));
        row.maybe_own(self.kev.as_ref().map(|kev| &kev.added));
        row.maybe_own(self.published_at.map(instant));
    }
}

impl Record for ItemView {
    const COLUMNS: &'static [&'static str] = &[
        "cve",
        "severity",
        "cvss_score",
        "epss_score",
        "kev_added",
        "published_at",
        "software",
        "hosts",
        "opened_at",
        "summary",
    ];

    fn cells(&self, row: &mut Row<'_>) {
        self.cve.cells(row);
        row.own(self.software);
        row.own(self.hosts);
        row.own(instant(self.opened_at));
        row.text(&self.cve.summary);
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Kev")]
struct KevView {
    added: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    ransomware: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Epss")]
struct EpssView {
    score: f32,
    percentile: f32,
}

impl From<Cve> for CveView {
    fn from(cve: Cve) -> Self {
        Self {
            id: cve.id,
            status: cve.status,
            severity: cve.severity.as_str(),
            severity_source: cve.severity_source,
            cvss_score: cve.score,
            cvss_vector: cve.vector,
            kev: cve.kev.map(|kev| KevView {
                added: kev.added.to_string(),
                due: kev.due.map(|due| due.to_string()),
                ransomware: kev.ransomware,
            }),
            epss: cve.epss.map(|e| EpssView { score: e.score, percentile: e.percentile }),
            published_at: cve.published_at,
            modified_at: cve.modified_at,
            summary: cve.summary,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CveItem")]
struct ItemView {
    #[serde(flatten)]
    cve: CveView,
    /// The company's software that has it.
    software: u64,
    /// The company's hosts that have it.
    hosts: u64,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    opened_at: OffsetDateTime,
}

impl From<CveItem> for ItemView {
    fn from(item: CveItem) -> Self {
        Self {
            cve: item.cve.into(),
            software: item.software,
            hosts: item.hosts,
            opened_at: item.opened_at,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CveDetail")]
struct DetailView {
    #[serde(flatten)]
    cve: CveView,
    #[schemars(with = "Vec<Open>")]
    scores: Vec<Cvss>,
    cwes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Open>")]
    kev_entry: Option<KevEntry>,
    software: u64,
    hosts: u64,
}

impl From<CveDetail> for DetailView {
    fn from(detail: CveDetail) -> Self {
        Self {
            cve: detail.cve.into(),
            scores: detail.scores,
            cwes: detail.cwes,
            kev_entry: detail.kev,
            software: detail.software,
            hosts: detail.hosts,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CveQuery")]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// A part of the id or of the description.
    query: Option<String>,
    /// At least as severe as this.
    #[schemars(with = "Option<SeverityName>")]
    severity_min: Option<String>,
    /// Known to be exploited, or not.
    kev: Option<bool>,
    /// On at least one host that is not revoked, or on none any more; both when absent.
    on_hosts: Option<bool>,
    /// Of an export: what it is written as; `csv` when absent.
    format: Option<Format>,
    #[serde(default)]
    sort: Sort,
    limit: Option<u32>,
    page_token: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "CveSort")]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Severity,
    Epss,
    Kev,
    Hosts,
    Published,
}

impl Sort {
    const fn list(self) -> (CveSort, &'static str) {
        match self {
            Self::Severity => (CveSort::Severity, "cves.severity"),
            Self::Epss => (CveSort::Epss, "cves.epss"),
            Self::Kev => (CveSort::Kev, "cves.kev"),
            Self::Hosts => (CveSort::Hosts, "cves.hosts"),
            Self::Published => (CveSort::Published, "cves.published"),
        }
    }
}

async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ItemView>>, Problem> {
    let scope = tenant.scope;
    let (sort, name) = query.sort.list();
    export::refuse(query.format)?;
    let page = page::request(name, query.limit, query.page_token.as_deref())?;
    let cves = cves::list(&scope, &query.filter()?, sort, &page).await?;
    Ok(page::respond(name, cves, ItemView::from))
}

async fn export(
    tenant: Tenant<ExportInventory>,
    State(state): State<ApiState>,
    Params(query): Params<ListQuery>,
) -> Result<Exported, Problem> {
    let (sort, _) = query.sort.list();
    page::refuse(query.limit, query.page_token.as_deref())?;
    let format = query.format;
    let filter = query.filter()?;
    let place = state.exports.place(tenant.scope.company())?;
    let all = cves::export(&tenant.scope, &filter, sort).await?;
    export::respond("cves", format, place, all, ItemView::from).await
}

impl ListQuery {
    fn filter(self) -> Result<CveFilter, Problem> {
        let severity_min = self.severity_min.as_deref().map(parse_severity);
        Ok(CveFilter {
            text: self.query,
            severity_min: severity_min.transpose()?,
            kev: self.kev,
            on_hosts: self.on_hosts,
        })
    }
}

async fn get(
    tenant: Tenant<ReadInventory>,
    Path(cve): Path<String>,
) -> Result<Json<DetailView>, Problem> {
    let scope = tenant.scope;
    // Ids are kept as they are published; people type them as they like.
    let detail = cves::get(&scope, &as_published(&cve)).await?;
    detail.map(|detail| Json(detail.into())).ok_or(Problem::NotFound("CVE"))
}
