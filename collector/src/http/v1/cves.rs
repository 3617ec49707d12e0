//! CVEs: those that the company's software has, and any one that the feeds know.

use axum::Json;
use enrichment::cve::{Cvss, KevEntry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::cves::{self, Cve, CveDetail, CveFilter, CveItem, CveSort, Severity};
use time::OffsetDateTime;

use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Params, Path, Tenant};
use crate::http::may::ReadInventory;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::{Open, SeverityName};

pub(super) fn routes() -> Routes {
    Routes::of("CVEs", "What is vulnerable, and how badly.")
        .get(
            "/cves",
            "list_cves",
            "CVEs that the company's software has",
            list,
        )
        .get("/cves/{cve}", "get_cve", "One CVE", get)
}

/// A severity out of a filter.
///
/// # Errors
///
/// When it is none.
pub(super) fn parse_severity(name: &str) -> Result<Severity, Problem> {
    Severity::parse(name).ok_or_else(|| {
        Problem::field(
            "severity_min",
            "one of unknown, none, low, medium, high, critical",
        )
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
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<DateTime>")]
    published_at: Option<OffsetDateTime>,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<DateTime>")]
    modified_at: Option<OffsetDateTime>,
    summary: String,
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
            epss: cve.epss.map(|e| EpssView {
                score: e.score,
                percentile: e.percentile,
            }),
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
    let page = page::request(name, query.limit, query.page_token.as_deref())?;
    let filter = CveFilter {
        text: query.query,
        severity_min: query
            .severity_min
            .as_deref()
            .map(parse_severity)
            .transpose()?,
        kev: query.kev,
    };
    let cves = cves::list(&scope, &filter, sort, &page).await?;
    Ok(page::respond(name, cves, ItemView::from))
}

async fn get(
    tenant: Tenant<ReadInventory>,
    Path(cve): Path<String>,
) -> Result<Json<DetailView>, Problem> {
    let scope = tenant.scope;
    // Ids are kept as they are published, in capitals; people type them as they like.
    let detail = cves::get(&scope, &cve.to_ascii_uppercase()).await?;
    detail
        .map(|detail| Json(detail.into()))
        .ok_or(Problem::NotFound("CVE"))
}
