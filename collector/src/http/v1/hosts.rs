//! Hosts: the list, one host whole, its software and what changed, a scan now, letting it go, and erasing it.

mod changes;
mod data;
mod detail;
mod list;
mod release;
mod scans;
mod software;
mod timeline;

use axum::extract::State;
use protocol::ids::AgentId;
use schemars::JsonSchema;
use serde::Serialize;
use store::agents;
use store::hosts::HostKind;
use uuid::Uuid;

use crate::http::answer::{Accepted, NoContent};
use crate::http::document::Routes;
use crate::http::extract::{Path, Tenant, parse_id};
use crate::http::may::{RevokeHosts, ScanHosts};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Hosts", "The machines with an agent, and assets whose software documents list.")
        .get("/hosts", "list_hosts", "Hosts, a page at a time", list::list)
        .get("/hosts/export", "export_hosts", "Hosts, whole", list::export)
        .get("/hosts/{host}", "get_host", "One host", detail::get)
        .get(
            "/hosts/{host}/software",
            "list_host_software",
            "What is installed on a host now",
            software::list,
        )
        .get(
            "/hosts/{host}/software/export",
            "export_host_software",
            "What is installed on a host, whole",
            software::export,
        )
        .list(
            "/hosts/{host}/changes",
            "list_host_changes",
            "What came onto a host and went from it, newest first",
            changes::list,
        )
        .list(
            "/hosts/{host}/timeline",
            "list_host_timeline",
            "What happened on a host, moment by moment, newest first",
            timeline::list,
        )
        .post("/hosts/{host}/scan", "scan_host", "Ask a host for a scan now", scan)
        .post("/hosts/scan", "scan_hosts", "Ask many hosts for a scan now", scans::request)
        .post(
            "/hosts/{host}/revoke",
            "revoke_host",
            "Let a host go; an asset without an agent has nothing then",
            revoke,
        )
        .get("/hosts/{host}/data", "export_host_data", "All that is held of a host", data::export)
        .delete(
            "/hosts/{host}",
            "erase_host",
            "Erase a host with all that is held of it but who did what; it cannot be undone",
            data::erase,
        )
}

fn host_id(text: &str) -> Result<AgentId, Problem> {
    parse_id::<Uuid>(text, "host").map(AgentId)
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ScanRequested")]
struct ScanRequested {
    /// Grows with every request; the host's `scan_done` reaches it once the scan was made.
    request: u64,
}

/// What is said of an asset that has nobody to scan it.
const NO_AGENT: &str = "this asset has no agent: import a newer document of it";

async fn scan(
    tenant: Tenant<ScanHosts>,
    Path(host): Path<String>,
) -> Result<Accepted<ScanRequested>, Problem> {
    let scope = tenant.scope;
    let id = host_id(&host)?;
    if let Some(request) = agents::request_scan(&scope, id).await? {
        return Ok(Accepted(ScanRequested { request }));
    }
    let host = store::hosts::get(&scope, id).await?;
    Err(match host.map(|detail| detail.host.kind) {
        Some(HostKind::Sbom) => Problem::Conflict(NO_AGENT.to_owned()),
        Some(HostKind::Agent) | None => Problem::NotFound("host"),
    })
}

async fn revoke(
    tenant: Tenant<RevokeHosts>,
    State(state): State<ApiState>,
    Path(host): Path<String>,
) -> Result<NoContent, Problem> {
    let scope = tenant.scope;
    let id = host_id(&host)?;
    // Revoking twice is revoking once; only a host that never was is not found.
    if agents::revoke(&scope, id, state.clock.now()).await?
        || store::hosts::get(&scope, id).await?.is_some()
    {
        Ok(NoContent)
    } else {
        Err(Problem::NotFound("host"))
    }
}
