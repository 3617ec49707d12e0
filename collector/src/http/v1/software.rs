//! Software: what the company has anywhere, what it was taken for, and who has it.

mod titles;
mod why_not;

use axum::Json;
use axum::extract::State;
use enrichment::evaluation::Status;
use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::software::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::software::{self, Software, SoftwareFilter, SoftwareItem, SoftwareSort};
use store::tenant::TenantScope;
use time::OffsetDateTime;
use uuid::Uuid;

use super::counts::CountsView;
use super::labels;
use crate::http::document::{DateTime, Routes};
use crate::http::export::{self, Exported, Format, Record, Row, instant};
use crate::http::extract::{Params, Path, Tenant, parse_id};
use crate::http::may::{ExportInventory, ReadInventory};
use crate::http::moment;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::{PlatformSchema, SourceName, StatusName};
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Software", "What the company has anywhere, and what it was taken for.")
        .get("/software", "list_software", "Software, a page at a time", list)
        .get("/software/export", "export_software", "Software, whole", export)
        .list(
            "/software/titles",
            "list_software_titles",
            "Software whatever its versions, a page at a time",
            titles::list,
        )
        .get("/software/{software}", "get_software", "One piece of software", get)
        .get(
            "/software/{software}/why-not/{cve}",
            "explain_absence",
            "Why a piece of software does not have a CVE",
            why_not::get,
        )
}

/// A software's id out of a path or a filter.
///
/// # Errors
///
/// When it is none, which is the same as one that nobody has.
pub(super) fn parse_key(text: &str) -> Result<SoftwareKey, Problem> {
    parse_id::<Uuid>(text, "software").map(SoftwareKey::from_uuid)
}

/// A piece of software and what matching made of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Software")]
pub(super) struct SoftwareView {
    id: Uuid,
    #[schemars(with = "SourceName")]
    source: Source,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    release: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    arch: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    vendor: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    source_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    source_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    origin: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    bundle_id: String,
    /// Of a kernel, whether its hosts run it or only have it for a later boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<bool>,
    #[schemars(with = "PlatformSchema")]
    platform: Platform,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    first_seen_at: OffsetDateTime,
    matching: MatchingView,
}

/// What matching made of a piece of software.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Matching")]
struct MatchingView {
    #[schemars(with = "StatusName")]
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    rule: String,
    cpes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    /// The index that judged, by its content.
    index: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    evaluated_at: OffsetDateTime,
}

impl From<Software> for SoftwareView {
    fn from(software: Software) -> Self {
        let record = software.record;
        Self {
            id: software.key.to_uuid(),
            source: record.source,
            name: record.name,
            version: record.version,
            epoch: record.epoch,
            release: record.release,
            arch: record.arch,
            vendor: record.vendor,
            source_name: record.source_name,
            source_version: record.source_version,
            origin: record.origin,
            bundle_id: record.bundle_id,
            running: record.running,
            platform: software.platform,
            first_seen_at: software.first_seen_at,
            matching: MatchingView {
                status: software.status,
                reason: software.reason,
                rule: software.rule,
                cpes: software.cpes,
                purl: software.purl,
                // As text: a 64-bit number loses its last bits in JavaScript, and nothing is to be
                // counted with it.
                index: format!("{:016x}", software.generation),
                evaluated_at: software.evaluated_at,
            },
        }
    }
}

impl SoftwareView {
    /// What most asks for, as cells: the first nine columns of every list of software.
    pub(super) fn cells(&self, row: &mut Row<'_>) {
        row.own(self.id);
        row.own(self.source.as_str());
        row.text(&self.name);
        row.text(&self.version);
        row.text(&self.vendor);
        row.text(&self.arch);
        row.own(self.matching.status.as_str());
        row.maybe(self.matching.purl.as_deref());
        row.own(instant(self.first_seen_at));
    }
}

impl Record for ItemView {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "source",
        "name",
        "version",
        "vendor",
        "arch",
        "status",
        "purl",
        "first_seen_at",
        "hosts",
        "findings_open",
        "findings_critical",
        "findings_high",
        "findings_kev",
        "findings_suppressed",
    ];

    fn cells(&self, row: &mut Row<'_>) {
        self.software.cells(row);
        row.own(self.hosts);
        self.findings.cells(row);
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SoftwareItem")]
struct ItemView {
    #[serde(flatten)]
    software: SoftwareView,
    /// Hosts that have it now.
    hosts: u64,
    findings: CountsView,
}

impl From<SoftwareItem> for ItemView {
    fn from(item: SoftwareItem) -> Self {
        Self { software: item.software.into(), hosts: item.hosts, findings: item.findings.into() }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SoftwareQuery")]
// A misspelt filter that was passed over would answer with everything, and look like an answer.
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// A part of the name.
    query: Option<String>,
    #[schemars(with = "Option<SourceName>")]
    source: Option<Source>,
    /// `evaluated`, `not_evaluable` or `unmapped`.
    #[schemars(with = "Option<StatusName>")]
    status: Option<Status>,
    /// With open findings, or without.
    vulnerable: Option<bool>,
    /// Exactly this name, whatever the letters' case: a title, with all its versions.
    name: Option<String>,
    /// What hosts with this label have, by its id or its name.
    label: Option<String>,
    /// Software that no host has any more, too.
    #[serde(default)]
    gone: bool,
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
#[schemars(rename = "SoftwareSort")]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Name,
    Hosts,
    Findings,
    FirstSeen,
}

impl Sort {
    const fn list(self) -> (SoftwareSort, &'static str) {
        match self {
            Self::Name => (SoftwareSort::Name, "software.name"),
            Self::Hosts => (SoftwareSort::Hosts, "software.hosts"),
            Self::Findings => (SoftwareSort::Findings, "software.findings"),
            Self::FirstSeen => (SoftwareSort::FirstSeen, "software.first_seen"),
        }
    }
}

async fn list(
    tenant: Tenant<ReadInventory>,
    State(state): State<ApiState>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ItemView>>, Problem> {
    let scope = tenant.scope;
    // The name goes into the page's token: a token of another order would begin at a place that
    // means nothing in this one.
    let (sort, name) = query.sort.list();
    export::refuse(query.format)?;
    let page = page::request(name, query.limit, query.page_token.as_deref())?;
    let filter = query.filter(&scope, &state).await?;
    let software = software::list(&scope, &filter, sort, &page).await?;
    Ok(page::respond(name, software, ItemView::from))
}

async fn export(
    tenant: Tenant<ExportInventory>,
    State(state): State<ApiState>,
    Params(query): Params<ListQuery>,
) -> Result<Exported, Problem> {
    let scope = tenant.scope;
    let (sort, _) = query.sort.list();
    page::refuse(query.limit, query.page_token.as_deref())?;
    let format = query.format;
    let filter = query.filter(&scope, &state).await?;
    let place = state.exports.place(scope.company())?;
    let all = software::export(&scope, &filter, sort).await?;
    export::respond("software", format, place, all, ItemView::from).await
}

impl ListQuery {
    async fn filter(
        self,
        scope: &TenantScope,
        state: &ApiState,
    ) -> Result<SoftwareFilter, Problem> {
        Ok(SoftwareFilter {
            text: self.query,
            source: self.source,
            status: self.status,
            vulnerable: self.vulnerable,
            label: labels::named(scope, self.label.as_deref()).await?,
            name: self.name,
            gone: self.gone,
            as_of: moment::as_of(self.as_of, scope, state).await?,
        })
    }
}

async fn get(
    tenant: Tenant<ReadInventory>,
    Path(software): Path<String>,
) -> Result<Json<ItemView>, Problem> {
    let scope = tenant.scope;
    let item = software::get(&scope, parse_key(&software)?).await?;
    item.map(|item| Json(item.into())).ok_or(Problem::NotFound("software"))
}

#[cfg(test)]
mod tests {
    use protocol::software::SoftwareRecord;
    use serde_json::{Value, json};

    use super::*;

    fn shown(running: Option<bool>) -> Value {
        let record = SoftwareRecord {
            running,
            ..SoftwareRecord::new(Source::Deb, "linux-image-6.1.0-41-amd64", "6.1.158-1")
        };
        let software = Software {
            key: SoftwareKey(1),
            record,
            platform: Platform::default(),
            first_seen_at: OffsetDateTime::UNIX_EPOCH,
            status: Status::Evaluated,
            reason: None,
            rule: String::new(),
            cpes: Vec::new(),
            purl: None,
            generation: 1,
            evaluated_at: OffsetDateTime::UNIX_EPOCH,
        };
        serde_json::to_value(SoftwareView::from(software)).unwrap()
    }

    #[test]
    fn a_kernel_says_whether_it_runs_and_everything_else_says_nothing_of_it() {
        assert_eq!(shown(Some(true))["running"], json!(true));
        assert_eq!(shown(Some(false))["running"], json!(false));
        assert_eq!(shown(None).get("running"), None);
    }
}
