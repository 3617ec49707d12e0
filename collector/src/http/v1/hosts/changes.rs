//! `GET /hosts/{host}/changes`: what came onto a host and went from it.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use store::hosts::{self, HostChange, HostChangeKind};
use time::OffsetDateTime;

use super::host_id;
use crate::http::document::{DateTime, names_of};
use crate::http::extract::{Params, Path, Tenant};
use crate::http::may::ReadInventory;
use crate::http::page::{self, Page, PageQuery};
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

/// A page of a host's changes.
pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    Path(host): Path<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<ChangeView>>, Problem> {
    const LIST: &str = "host_changes";
    let host = host_id(&host)?;
    let page = query.of(LIST)?;
    let changes = hosts::changes(&tenant.scope, host, &page).await?;
    // Asked only for an empty page: a host that had something is there.
    if changes.items.is_empty() && hosts::get(&tenant.scope, host).await?.is_none() {
        return Err(Problem::NotFound("host"));
    }
    Ok(page::respond(LIST, changes, ChangeView::from))
}
