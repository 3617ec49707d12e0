//! `GET /hosts/{host}`.

use std::collections::BTreeMap;

use axum::Json;
use protocol::host::HostFacts;
use protocol::ids::{AgentId, TokenId};
use protocol::software::SourceStatus;
use schemars::JsonSchema;
use serde::Serialize;
use store::hosts::{self, HostDetail, HostKind};
use time::OffsetDateTime;
use uuid::Uuid;

use super::host_id;
use super::list::HostView;
use crate::http::document::DateTime;
use crate::http::extract::{Path, Tenant};
use crate::http::may::ReadInventory;
use crate::http::problem::Problem;
use crate::http::schema::{FactsSchema, LabelsSchema, SourceStatusSchema};

/// A host whole, but for its software.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostDetail")]
pub(super) struct DetailView {
    #[serde(flatten)]
    host: HostView,
    #[schemars(with = "LabelsSchema")]
    labels: BTreeMap<String, String>,
    #[schemars(with = "Option<FactsSchema>")]
    facts: Option<HostFacts>,
    /// How the last scan of each source went.
    #[schemars(with = "Vec<SourceStatusSchema>")]
    sources: Vec<SourceStatus>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    sources_at: Option<OffsetDateTime>,
    #[schemars(with = "Option<Uuid>")]
    enrolled_with: Option<TokenId>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    certificate_expires_at: Option<OffsetDateTime>,
    delivery: DeliveryView,
    connection: ConnectionView,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    uninstalled_at: Option<OffsetDateTime>,
    /// Since when several machines are known to have this host's identity.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    cloned_at: Option<OffsetDateTime>,
    /// The host in whose place it came, when that one's identity was on several machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Uuid>")]
    rekeyed_from: Option<AgentId>,
    scan_requested: u64,
    scan_done: u64,
}

/// How the host's agent reaches the collector.
#[derive(Debug, Serialize, JsonSchema)]
struct ConnectionView {
    /// `quic`, `tcp` or `proxy`; `null` while the agent has said nothing of it.
    transport: Option<String>,
    /// Why it is not QUIC: `no_answer`, `refused`, `handshake`, `unavailable` or `configured`.
    not_quic: Option<String>,
}

/// How far the host's reports have come.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
struct DeliveryView {
    /// The last report that is in the rows, as `epoch.seq`.
    applied: String,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    applied_at: Option<OffsetDateTime>,
    /// Records of the inventory that the rows come to.
    records: u32,
    /// The digest of that inventory, in hexadecimal.
    digest: String,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    snapshot_asked_at: Option<OffsetDateTime>,
}

impl From<HostDetail> for DetailView {
    fn from(detail: HostDetail) -> Self {
        let kind = detail.host.kind;
        Self {
            host: detail.host.into(),
            labels: detail.labels,
            // A document says nothing of a machine but its system, which stands above.
            facts: detail.facts.filter(|_| kind == HostKind::Agent),
            sources: detail.sources,
            sources_at: detail.sources_at,
            enrolled_with: detail.enrolled_with,
            certificate_expires_at: detail.certificate_expires_at,
            delivery: DeliveryView {
                applied: detail.applied.to_string(),
                applied_at: detail.applied_at,
                records: detail.digest.count,
                digest: format!("{:032x}", detail.digest.sum),
                snapshot_asked_at: detail.snapshot_asked_at,
            },
            connection: ConnectionView {
                transport: detail.connection.transport,
                not_quic: detail.connection.not_quic,
            },
            uninstalled_at: detail.uninstalled_at,
            cloned_at: detail.cloned_at,
            rekeyed_from: detail.rekeyed_from,
            scan_requested: detail.scan_requested,
            scan_done: detail.scan_done,
        }
    }
}

/// One host.
pub(super) async fn get(
    tenant: Tenant<ReadInventory>,
    Path(host): Path<String>,
) -> Result<Json<DetailView>, Problem> {
    let scope = tenant.scope;
    let detail = hosts::get(&scope, host_id(&host)?).await?;
    detail.map(|detail| Json(detail.into())).ok_or(Problem::NotFound("host"))
}
