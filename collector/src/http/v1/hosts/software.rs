//! `GET /hosts/{host}/software`: what is installed there now.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::hosts::{self, HostSoftware, HostSoftwareFilter};
use time::OffsetDateTime;

use super::host_id;
use crate::http::document::DateTime;
use crate::http::extract::{Params, Path, Tenant};
use crate::http::may::ReadInventory;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
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
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
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
    limit: Option<u32>,
    page_token: Option<String>,
}

/// A page of a host's software.
pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    Path(host): Path<String>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<InstalledView>>, Problem> {
    // Not `hosts.software`, which is the list of hosts in another order: its tokens must not lead
    // anywhere here.
    const LIST: &str = "host_software";
    let scope = tenant.scope;
    let host = host_id(&host)?;
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let filter = HostSoftwareFilter {
        text: query.query,
        vulnerable: query.vulnerable,
    };
    let software = hosts::software(&scope, host, &filter, &page).await?;
    // Asked only for an empty page: a host with software is there, and a host without is told from
    // none.
    if software.items.is_empty() && hosts::get(&scope, host).await?.is_none() {
        return Err(Problem::NotFound("host"));
    }
    Ok(page::respond(LIST, software, InstalledView::from))
}
