//! `GET /hosts`.

use axum::Json;
use protocol::host::Platform;
use protocol::ids::AgentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::hosts::{self, Host, HostFilter, HostSort};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::document::DateTime;
use crate::http::extract::{Params, Tenant};
use crate::http::may::ReadInventory;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::PlatformSchema;
use crate::http::v1::counts::CountsView;
use crate::http::v1::software::parse_key;

/// A host as lists show it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Host")]
pub(super) struct HostView {
    #[schemars(with = "Uuid")]
    id: AgentId,
    hostname: String,
    #[schemars(with = "PlatformSchema")]
    platform: Platform,
    os_name: String,
    agent_version: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    enrolled_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    last_seen_at: Option<OffsetDateTime>,
    /// From when on it is missed, by how often it was told to show itself.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<DateTime>")]
    overdue_at: Option<OffsetDateTime>,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<DateTime>")]
    revoked_at: Option<OffsetDateTime>,
    software: u64,
    findings: CountsView,
}

impl From<Host> for HostView {
    fn from(host: Host) -> Self {
        Self {
            id: host.id,
            hostname: host.hostname,
            platform: host.platform,
            os_name: host.os_name,
            agent_version: host.agent_version,
            enrolled_at: host.enrolled_at,
            last_seen_at: host.last_seen_at,
            overdue_at: host.overdue_at,
            revoked_at: host.revoked_at,
            software: host.software,
            findings: host.findings.into(),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "HostQuery")]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// A part of the host's name.
    query: Option<String>,
    /// A platform's id, such as `debian`.
    platform: Option<String>,
    /// Hosts with an open finding of this CVE.
    cve: Option<String>,
    /// Hosts that have this software now.
    software: Option<String>,
    /// Hosts that were not heard of since this instant.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    silent_since: Option<OffsetDateTime>,
    /// Revoked hosts, too.
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    sort: Sort,
    limit: Option<u32>,
    page_token: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "HostSort")]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Hostname,
    LastSeen,
    Enrolled,
    Software,
}

impl Sort {
    const fn list(self) -> (HostSort, &'static str) {
        match self {
            Self::Hostname => (HostSort::Hostname, "hosts.hostname"),
            Self::LastSeen => (HostSort::LastSeen, "hosts.last_seen"),
            Self::Enrolled => (HostSort::Enrolled, "hosts.enrolled"),
            Self::Software => (HostSort::Software, "hosts.software"),
        }
    }
}

/// A page of hosts.
pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<HostView>>, Problem> {
    let scope = tenant.scope;
    let (sort, name) = query.sort.list();
    let page = page::request(name, query.limit, query.page_token.as_deref())?;
    let filter = HostFilter {
        text: query.query,
        platform: query.platform,
        // As with findings: people copy ids in whatever case they find them.
        cve: query.cve.map(|cve| cve.to_ascii_uppercase()),
        software: query.software.as_deref().map(parse_key).transpose()?,
        silent_since: query.silent_since,
        revoked: query.revoked,
    };
    let hosts = hosts::list(&scope, &filter, sort, &page).await?;
    Ok(page::respond(name, hosts, HostView::from))
}
