//! `GET /hosts`.

use axum::Json;
use axum::extract::State;
use enrichment::cve::as_published;
use protocol::host::Platform;
use protocol::ids::{AgentId, TokenId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::hosts::{self, Host, HostFilter, HostKind, HostSort};
use store::tenant::TenantScope;
use time::OffsetDateTime;
use uuid::Uuid;

use super::release;
use crate::http::document::DateTime;
use crate::http::export::{self, Exported, Format, Record, Row, instant};
use crate::http::extract::{Params, Tenant};
use crate::http::may::{ExportInventory, ReadInventory};
use crate::http::moment;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::{HostKindName, PlatformSchema};
use crate::http::state::ApiState;
use crate::http::v1::counts::CountsView;
use crate::http::v1::labels;
use crate::http::v1::software::parse_key;

/// A host as lists show it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Host")]
pub(super) struct HostView {
    #[schemars(with = "Uuid")]
    id: AgentId,
    /// `agent`, or `sbom` for an asset without one, whose software documents list.
    #[schemars(with = "HostKindName")]
    kind: &'static str,
    hostname: String,
    #[schemars(with = "PlatformSchema")]
    platform: Platform,
    os_name: String,
    agent_version: String,
    /// Whether that is of an earlier release than the collector.
    agent_outdated: bool,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    enrolled_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    last_seen_at: Option<OffsetDateTime>,
    /// From when on it is missed, by how often it was told to show itself.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    overdue_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    revoked_at: Option<OffsetDateTime>,
    software: u64,
    findings: CountsView,
}

impl From<Host> for HostView {
    fn from(host: Host) -> Self {
        Self {
            id: host.id,
            kind: host.kind.as_str(),
            hostname: host.hostname,
            platform: host.platform,
            os_name: host.os_name,
            agent_outdated: host.kind == HostKind::Agent
                && release::is_outdated(&host.agent_version),
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
    /// Hosts of this kind.
    #[schemars(with = "Option<HostKindName>")]
    kind: Option<String>,
    /// A platform's id, such as `debian`.
    platform: Option<String>,
    /// The operating system's version, or its beginning up to a dot: `22` has `22.04`.
    os_version: Option<String>,
    /// Hosts with an open finding of this CVE.
    cve: Option<String>,
    /// Hosts with an open finding of a CVE that is known to be exploited, or without any.
    kev: Option<bool>,
    /// Hosts with an open finding of a critical CVE, or without any.
    critical: Option<bool>,
    /// Hosts that have this software now.
    software: Option<String>,
    /// Hosts that were not heard of since this instant.
    #[serde(default, deserialize_with = "moment::maybe")]
    #[schemars(with = "Option<DateTime>")]
    silent_since: Option<OffsetDateTime>,
    /// Hosts that should have been heard of again by now.
    #[serde(default)]
    overdue: bool,
    /// Hosts with this label, by its id or its name.
    label: Option<String>,
    /// Hosts that were enrolled with this label, as `name=value`.
    enrolment_label: Option<String>,
    /// Hosts that came with this enrolment token.
    enrolment_token: Option<Uuid>,
    /// Hosts whose agent is of a release before this one, as `0.2.0`.
    agent_version_below: Option<String>,
    /// Hosts for which this policy fails.
    fails: Option<Uuid>,
    /// Revoked hosts, too.
    #[serde(default)]
    revoked: bool,
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
#[schemars(rename = "HostSort")]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Hostname,
    LastSeen,
    Silent,
    Enrolled,
    Software,
    Findings,
    Critical,
    Kev,
}

impl Sort {
    const fn list(self) -> (HostSort, &'static str) {
        match self {
            Self::Hostname => (HostSort::Hostname, "hosts.hostname"),
            Self::LastSeen => (HostSort::LastSeen, "hosts.last_seen"),
            Self::Silent => (HostSort::Silent, "hosts.silent"),
            Self::Enrolled => (HostSort::Enrolled, "hosts.enrolled"),
            Self::Software => (HostSort::Software, "hosts.software"),
            Self::Findings => (HostSort::Findings, "hosts.findings"),
            Self::Critical => (HostSort::Critical, "hosts.critical"),
            Self::Kev => (HostSort::Kev, "hosts.kev"),
        }
    }
}

/// A page of hosts.
pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    State(state): State<ApiState>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<HostView>>, Problem> {
    let scope = tenant.scope;
    let (sort, name) = query.sort.list();
    export::refuse(query.format)?;
    let page = page::request(name, query.limit, query.page_token.as_deref())?;
    let filter = query.filter(&scope, &state).await?;
    let hosts = hosts::list(&scope, &filter, sort, &page).await?;
    Ok(page::respond(name, hosts, HostView::from))
}

/// All hosts of a filter.
pub(super) async fn export(
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
    let all = hosts::export(&scope, &filter, sort).await?;
    export::respond("hosts", format, place, all, HostView::from).await
}

impl ListQuery {
    async fn filter(self, scope: &TenantScope, state: &ApiState) -> Result<HostFilter, Problem> {
        let as_of = moment::as_of(self.as_of, scope, state).await?;
        if as_of.is_some() && !matches!(self.sort, Sort::Hostname | Sort::Enrolled) {
            let detail = "with as_of, hosts are sorted by hostname or enrolled";
            return Err(Problem::field("sort", detail));
        }
        let of_the_present = [
            ("silent_since", self.silent_since.is_some()),
            ("overdue", self.overdue),
            ("kev", self.kev.is_some()),
            ("critical", self.critical.is_some()),
        ];
        if let Some((field, _)) = of_the_present.into_iter().find(|(_, is_asked)| *is_asked)
            && as_of.is_some()
        {
            let detail = "this is known of the present alone: not with as_of";
            return Err(Problem::field(field, detail));
        }
        let enrolled_with = self.enrolment_label.as_deref().map(enrolment_label);
        let agent_before = self.agent_version_below.as_deref().map(agent_before).transpose()?;
        Ok(HostFilter {
            text: self.query,
            kind: self.kind.as_deref().map(kind).transpose()?,
            platform: self.platform,
            os_version: self.os_version,
            // As with findings: people copy ids in whatever case they find them.
            cve: self.cve.as_deref().map(as_published),
            kev: self.kev,
            critical: self.critical,
            software: self.software.as_deref().map(parse_key).transpose()?,
            silent_since: self.silent_since,
            overdue_at: self.overdue.then(|| state.clock.now()),
            label: labels::named(scope, self.label.as_deref()).await?,
            enrolled_with: enrolled_with.transpose()?,
            came_with: self.enrolment_token.map(TokenId),
            agent_before,
            fails: self.fails,
            revoked: self.revoked,
            as_of,
        })
    }
}

fn kind(name: &str) -> Result<HostKind, Problem> {
    HostKind::parse(name).ok_or_else(|| Problem::field("kind", "agent or sbom"))
}

fn enrolment_label(text: &str) -> Result<(String, String), Problem> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| Problem::field("enrolment_label", "a name and a value, as site=north"))
}

fn agent_before(text: &str) -> Result<[u32; 3], Problem> {
    release::parse(text)
        .ok_or_else(|| Problem::field("agent_version_below", "three numbers with dots, as 0.2.0"))
}

impl Record for HostView {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "kind",
        "hostname",
        "platform_family",
        "platform_id",
        "platform_version",
        "os_name",
        "agent_version",
        "agent_outdated",
        "enrolled_at",
        "last_seen_at",
        "revoked_at",
        "software",
        "findings_open",
        "findings_critical",
        "findings_high",
        "findings_kev",
        "findings_suppressed",
    ];

    fn cells(&self, row: &mut Row<'_>) {
        row.own(self.id);
        row.text(self.kind);
        row.text(&self.hostname);
        row.text(&self.platform.family);
        row.text(&self.platform.id);
        row.text(&self.platform.version);
        row.text(&self.os_name);
        row.text(&self.agent_version);
        row.own(self.agent_outdated);
        row.own(instant(self.enrolled_at));
        row.maybe_own(self.last_seen_at.map(instant));
        row.maybe_own(self.revoked_at.map(instant));
        row.own(self.software);
        self.findings.cells(row);
    }
}
