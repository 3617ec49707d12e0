//! `GET /hosts/{host}/changes`: what came onto a host and went from it.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::hosts::{self, ChangeFilter, HostChange, HostChangeKind};
use time::OffsetDateTime;

use super::host_id;
use crate::http::document::{DateTime, names_of};
use crate::http::extract::{Params, Path, Tenant};
use crate::http::may::ReadInventory;
use crate::http::moment;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::v1::software::SoftwareView;

names_of! {
    /// What happened to software on a host.
    ChangeName as "HostChangeKind":
        HostChangeKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

/// Software that came onto the host, or went from it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostChange")]
pub(super) struct ChangeView {
    /// When the collector heard of it.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    at: OffsetDateTime,
    #[schemars(with = "ChangeName")]
    kind: &'static str,
    software: SoftwareView,
}

impl From<HostChange> for ChangeView {
    fn from(change: HostChange) -> Self {
        Self { at: change.at, kind: change.kind.as_str(), software: change.software.into() }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "HostChangeQuery")]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Changes at this instant and later.
    #[serde(default, deserialize_with = "moment::maybe")]
    #[schemars(with = "Option<DateTime>")]
    since: Option<OffsetDateTime>,
    /// Changes until this instant, and at it.
    #[serde(default, deserialize_with = "moment::maybe")]
    #[schemars(with = "Option<DateTime>")]
    until: Option<OffsetDateTime>,
    limit: Option<u32>,
    page_token: Option<String>,
}

/// A page of a host's changes.
pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    Path(host): Path<String>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ChangeView>>, Problem> {
    const LIST: &str = "host_changes";
    let host = host_id(&host)?;
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let filter = ChangeFilter { since: query.since, until: query.until };
    let changes = hosts::changes(&tenant.scope, host, &filter, &page).await?;
    // Asked only for an empty page: a host that had something is there.
    if changes.items.is_empty() && hosts::get(&tenant.scope, host).await?.is_none() {
        return Err(Problem::NotFound("host"));
    }
    Ok(page::respond(LIST, changes, ChangeView::from))
}
