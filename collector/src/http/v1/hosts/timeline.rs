//! `GET /hosts/{host}/timeline`: what happened on a host, moment by moment.

use axum::Json;
use protocol::software::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::hosts::{self, Moment, MomentChange, MomentKind};
use time::OffsetDateTime;
use uuid::Uuid;

use super::host_id;
use crate::http::document::{DateTime, names_of};
use crate::http::extract::{Params, Path, Tenant};
use crate::http::may::ReadInventory;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::SourceName;

names_of! {
    /// What can happen on a host.
    MomentName as "HostMomentKind": MomentKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

/// What happened on the host at one time: what the collector heard of with less than a minute between.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostMoment")]
pub(super) struct MomentView {
    /// The first of it.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    began_at: OffsetDateTime,
    /// The last of it.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    at: OffsetDateTime,
    /// Whether it is the inventory that the host came with.
    is_first: bool,
    /// Software that came.
    installed: u64,
    /// Software that went.
    removed: u64,
    /// Software that went and came in another version.
    upgraded: u64,
    /// Findings that the host got: opened for its software, or come with software.
    findings_opened: u64,
    /// Findings that it got rid of: resolved, or gone with their software.
    findings_resolved: u64,
    /// The first twenty of each kind, by kind and name; `GET /hosts/{host}/changes` has all software between
    /// `began_at` and `at`.
    changes: Vec<ChangeView>,
}

/// One thing that happened.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostMomentChange")]
struct ChangeView {
    #[schemars(with = "MomentName")]
    kind: &'static str,
    /// The software; of an upgrade, what came.
    software: Uuid,
    name: String,
    #[schemars(with = "SourceName")]
    source: Source,
    /// The version that went, with its release.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The version that came, with its release.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// Of a finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    cve: Option<String>,
}

impl From<Moment> for MomentView {
    fn from(moment: Moment) -> Self {
        Self {
            began_at: moment.began_at,
            at: moment.at,
            is_first: moment.is_first,
            installed: moment.installed,
            removed: moment.removed,
            upgraded: moment.upgraded,
            findings_opened: moment.opened,
            findings_resolved: moment.resolved,
            changes: moment.changes.into_iter().map(ChangeView::from).collect(),
        }
    }
}

impl From<MomentChange> for ChangeView {
    fn from(change: MomentChange) -> Self {
        Self {
            kind: change.kind.as_str(),
            software: change.software,
            name: change.name,
            source: change.source,
            from: change.went,
            to: change.came,
            cve: change.cve,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "HostTimelineQuery")]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// What happened of this kind.
    #[schemars(with = "Option<MomentName>")]
    kind: Option<String>,
    limit: Option<u32>,
    page_token: Option<String>,
}

/// A page of what happened on a host.
pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    Path(host): Path<String>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<MomentView>>, Problem> {
    const LIST: &str = "host_timeline";
    let host = host_id(&host)?;
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let kind = query.kind.as_deref().map(kind).transpose()?;
    let moments = hosts::timeline(&tenant.scope, host, kind, &page).await?;
    // Asked only for an empty page: a host that something happened on is there.
    if moments.items.is_empty() && hosts::get(&tenant.scope, host).await?.is_none() {
        return Err(Problem::NotFound("host"));
    }
    Ok(page::respond(LIST, moments, MomentView::from))
}

fn kind(name: &str) -> Result<MomentKind, Problem> {
    MomentKind::parse(name).ok_or_else(|| {
        let names = "one of installed, removed, upgraded, finding_opened, finding_resolved";
        Problem::field("kind", names)
    })
}
