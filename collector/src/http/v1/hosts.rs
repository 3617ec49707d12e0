//! Hosts: the list, one host whole, its software, a scan now, and letting it go.

mod detail;
mod list;
mod software;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use protocol::ids::AgentId;
use serde::Serialize;
use store::agents;
use uuid::Uuid;

use crate::http::extract::{Admin, Analyst, Path, Tenant, parse_id};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/hosts", routing::get(list::list))
        .route("/hosts/{host}", routing::get(detail::get))
        .route("/hosts/{host}/software", routing::get(software::list))
        .route("/hosts/{host}/scan", routing::post(scan))
        .route("/hosts/{host}/revoke", routing::post(revoke))
}

fn host_id(text: &str) -> Result<AgentId, Problem> {
    parse_id::<Uuid>(text, "host").map(AgentId)
}

#[derive(Debug, Serialize)]
struct ScanRequested {
    /// Grows with every request; the host's `scan_done` reaches it once the scan was made.
    request: u64,
}

async fn scan(
    tenant: Tenant<Analyst>,
    Path(host): Path<String>,
) -> Result<(StatusCode, Json<ScanRequested>), Problem> {
    let scope = tenant.scope;
    let request = agents::request_scan(&scope, host_id(&host)?).await?;
    let request = request.ok_or(Problem::NotFound("host"))?;
    Ok((StatusCode::ACCEPTED, Json(ScanRequested { request })))
}

async fn revoke(
    tenant: Tenant<Admin>,
    State(state): State<ApiState>,
    Path(host): Path<String>,
) -> Result<StatusCode, Problem> {
    let scope = tenant.scope;
    let id = host_id(&host)?;
    // Revoking twice is revoking once; only a host that never was is not found.
    if agents::revoke(&scope, id, state.clock.now()).await?
        || store::hosts::get(&scope, id).await?.is_some()
    {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::NotFound("host"))
    }
}
