//! `GET /hosts/{host}/software`: what is installed there now.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::hosts::{self, HostSoftware, HostSoftwareFilter};
use store::tenant::TenantScope;
use time::OffsetDateTime;

use super::host_id;
use crate::http::document::DateTime;
use crate::http::export::{self, Exported, Format, Record, Row, instant};
use crate::http::extract::{Params, Path, Tenant};
use crate::http::may::{ExportInventory, ReadInventory};
use crate::http::moment;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v1::counts::CountsView;
use crate::http::v1::software::SoftwareView;

/// One piece of software on the host.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "InstalledSoftware")]
pub(super) struct InstalledView {
    #[serde(flatten)]
    software: SoftwareView,
    /// Since when the collector knows of it.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    installed_at: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<String>,
    findings: CountsView,
}

impl From<HostSoftware> for InstalledView {
    fn from(installed: HostSoftware) -> Self {
        Self {
            software: installed.software.into(),
            seen_at: installed.seen_at,
            installed_at: installed.installed_at,
            locations: installed.locations,
            findings: installed.findings.into(),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "HostSoftwareQuery")]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// A part of the software's name.
    query: Option<String>,
    /// With open findings, or without.
    vulnerable: Option<bool>,
    /// As it was at this instant.
    #[serde(default, deserialize_with = "moment::maybe")]
    #[schemars(with = "Option<DateTime>")]
    as_of: Option<OffsetDateTime>,
    /// Of an export: what it is written as; `csv` when absent.
    format: Option<Format>,
    limit: Option<u32>,
    page_token: Option<String>,
}

/// A page of a host's software.
pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    State(state): State<ApiState>,
    Path(host): Path<String>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<InstalledView>>, Problem> {
    // Not `hosts.software`, which is the list of hosts in another order: its tokens must not lead
    // anywhere here.
    const LIST: &str = "host_software";
    let scope = tenant.scope;
    let host = host_id(&host)?;
    export::refuse(query.format)?;
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let filter = query.filter(&scope, &state).await?;
    let software = hosts::software(&scope, host, &filter, &page).await?;
    // Asked only for an empty page: a host with software is there, and a host without is told from
    // none.
    if software.items.is_empty() && hosts::get(&scope, host).await?.is_none() {
        return Err(Problem::NotFound("host"));
    }
    Ok(page::respond(LIST, software, InstalledView::from))
}

/// All of a host's software.
pub(super) async fn export(
    tenant: Tenant<ExportInventory>,
    State(state): State<ApiState>,
    Path(host): Path<String>,
    Params(query): Params<ListQuery>,
) -> Result<Exported, Problem> {
    let scope = tenant.scope;
    let host = host_id(&host)?;
    page::refuse(query.limit, query.page_token.as_deref())?;
    if hosts::get(&scope, host).await?.is_none() {
        return Err(Problem::NotFound("host"));
    }
    let format = query.format;
    let filter = query.filter(&scope, &state).await?;
    let place = state.exports.place(scope.company())?;
    let all = hosts::export_software(&scope, host, &filter).await?;
    export::respond("host-software", format, place, all, InstalledView::from).await
}

impl ListQuery {
    async fn filter(
        self,
        scope: &TenantScope,
        state: &ApiState,
    ) -> Result<HostSoftwareFilter, Problem> {
        Ok(HostSoftwareFilter {
            text: self.query,
            vulnerable: self.vulnerable,
            as_of: moment::as_of(self.as_of, scope, state).await?,
        })
    }
}

impl Record for InstalledView {
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
        "seen_at",
        "installed_at",
        "locations",
        "findings_open",
        "findings_critical",
        "findings_high",
        "findings_kev",
        "findings_suppressed",
    ];

    fn cells(&self, row: &mut Row<'_>) {
        self.software.cells(row);
        row.own(instant(self.seen_at));
        row.maybe_own(self.installed_at.map(instant));
        row.text(&self.locations.join("\n"));
        self.findings.cells(row);
    }
}
