//! How reports get on: this node's queue for the operator, a company's own for the company; and
//! what a company has, in numbers.

use axum::extract::State;
use axum::{Json, Router, routing};
use protocol::ids::CompanyId;
use serde::Serialize;
use store::summary::{self, Pipeline, Summary};
use time::OffsetDateTime;

use super::counts::CountsView;
use crate::http::extract::{Operator, Tenant, Viewer};
use crate::http::node::NodeStatus;
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/summary", routing::get(summary))
        .route("/pipeline", routing::get(pipeline))
        .route("/operator/pipeline", routing::get(node))
}

#[derive(Debug, Serialize)]
struct SummaryView {
    hosts: u64,
    /// Distinct software that some host has or had.
    software: u64,
    /// Software on hosts, now.
    installations: u64,
    findings: CountsView,
    #[serde(with = "time::serde::rfc3339")]
    as_of: OffsetDateTime,
}

async fn summary(
    tenant: Tenant<Viewer>,
    State(state): State<ApiState>,
) -> Result<Json<SummaryView>, Problem> {
    let scope = tenant.scope;
    // Taken before the numbers, which may be newer than it says but never older.
    let as_of = state.clock.now();
    let Summary {
        agents,
        software,
        installations,
        findings,
    } = summary::summary(&scope).await?;
    let findings = findings.into();
    Ok(Json(SummaryView {
        hosts: agents,
        software,
        installations,
        findings,
        as_of,
    }))
}

#[derive(Debug, Serialize)]
struct PipelineView {
    /// Reports in the rows, ever.
    reports: u64,
    records: u64,
    #[serde(with = "time::serde::rfc3339::option")]
    applied_at: Option<OffsetDateTime>,
    /// Hosts whose acknowledged reports are not in the rows yet.
    hosts_behind: u64,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    behind_since: Option<OffsetDateTime>,
    /// Hosts that were asked for a snapshot that has not settled yet.
    snapshots_asked: u64,
    /// Dead letters that nobody has looked after.
    dead_letters: u64,
}

impl From<Pipeline> for PipelineView {
    fn from(pipeline: Pipeline) -> Self {
        Self {
            reports: pipeline.reports,
            records: pipeline.records,
            applied_at: pipeline.applied_at,
            hosts_behind: pipeline.behind,
            behind_since: pipeline.behind_since,
            snapshots_asked: pipeline.snapshots_asked,
            dead_letters: pipeline.dead_letters,
        }
    }
}

async fn pipeline(tenant: Tenant<Viewer>) -> Result<Json<PipelineView>, Problem> {
    let scope = tenant.scope;
    Ok(Json(summary::pipeline(&scope).await?.into()))
}

#[derive(Debug, Serialize)]
struct NodeView {
    node: NodeStatus,
    companies: Vec<CompanyView>,
}

#[derive(Debug, Serialize)]
struct CompanyView {
    company: CompanyId,
    #[serde(flatten)]
    pipeline: PipelineView,
}

async fn node(
    Operator(operator): Operator,
    State(state): State<ApiState>,
) -> Result<Json<NodeView>, Problem> {
    let companies = summary::pipelines(&operator)
        .await?
        .into_iter()
        .map(|(company, pipeline)| CompanyView {
            company,
            pipeline: pipeline.into(),
        })
        .collect();
    Ok(Json(NodeView {
        node: state.node.status(),
        companies,
    }))
}
