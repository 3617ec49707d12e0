//! How reports get on: the nodes' queues for the operator, a company's own for the company; and
//! what a company has, in numbers.

use axum::Json;
use axum::extract::State;
use protocol::ids::CompanyId;
use schemars::JsonSchema;
use serde::Serialize;
use store::hosts::{self, HostFilter};
use store::nodes;
use store::summary::{self, Pipeline, Summary};
use time::OffsetDateTime;
use uuid::Uuid;

use super::counts::CountsView;
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Operator, Tenant};
use crate::http::may::{ReadInventory, ReadNodes};
use crate::http::node::NodeStatus;
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Pipeline", "How reports get on, and what came of them.")
        .get("/summary", "get_summary", "What the company has, in numbers", summary)
        .get("/pipeline", "get_pipeline", "How the company's reports get on", pipeline)
        .get(
            "/operator/pipeline",
            "get_node_pipeline",
            "How the reports of all companies get on, and what waits at each node",
            all_nodes,
        )
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Summary")]
struct SummaryView {
    hosts: u64,
    /// Hosts that should have been heard of again by now.
    hosts_overdue: u64,
    /// Distinct software that some host has or had.
    software: u64,
    /// Software on hosts, now.
    installations: u64,
    /// Findings of software that at least one host has that is not revoked.
    findings: CountsView,
    /// Open findings of software that no such host has any more.
    findings_gone: u64,
    /// Of which moment the findings are, where a job counts them; absent where they are of this moment.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    counted_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    as_of: OffsetDateTime,
}

async fn summary(
    tenant: Tenant<ReadInventory>,
    State(state): State<ApiState>,
) -> Result<Json<SummaryView>, Problem> {
    let scope = tenant.scope;
    // Taken before the numbers, which may be newer than it says but never older.
    let as_of = state.clock.now();
    let Summary { agents, software, installations, findings, findings_gone, counted_at } =
        summary::summary(&scope).await?;
    let findings = findings.into();
    let overdue = HostFilter { overdue_at: Some(as_of), ..HostFilter::default() };
    let hosts_overdue = hosts::how_many(&scope, &overdue).await?;
    Ok(Json(SummaryView {
        hosts: agents,
        hosts_overdue,
        software,
        installations,
        findings,
        findings_gone,
        counted_at,
        as_of,
    }))
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Pipeline")]
struct PipelineView {
    /// Reports in the rows, ever.
    reports: u64,
    records: u64,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    applied_at: Option<OffsetDateTime>,
    /// Hosts whose acknowledged reports are not in the rows yet.
    hosts_behind: u64,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
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

async fn pipeline(tenant: Tenant<ReadInventory>) -> Result<Json<PipelineView>, Problem> {
    let scope = tenant.scope;
    Ok(Json(summary::pipeline(&scope).await?.into()))
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NodePipelines")]
struct NodesView {
    /// The node that answered, which behind a balancer is another one each time.
    node: NodeStatus,
    /// All nodes with a queue that were heard of lately, by name.
    nodes: Vec<NodeView>,
    companies: Vec<CompanyView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PipelineNode")]
struct NodeView {
    id: Uuid,
    /// The name of its machine.
    name: String,
    /// When it said last that it lives, which it does every second.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    seen_at: OffsetDateTime,
    /// Whether that is so short ago that it is taken for one that lives.
    is_alive: bool,
    /// Since when the oldest report waits in its queue; absent when none does.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    waiting_since: Option<OffsetDateTime>,
    /// What it said of itself, at most some seconds before; absent when its release says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<NodeStatus>,
}

impl From<nodes::Node> for NodeView {
    fn from(node: nodes::Node) -> Self {
        Self {
            id: node.id,
            name: node.name,
            seen_at: node.seen_at,
            is_alive: node.is_alive,
            waiting_since: node.waiting_since,
            status: node.said.map(NodeStatus::of_said),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CompanyPipeline")]
struct CompanyView {
    #[schemars(with = "Uuid")]
    company: CompanyId,
    #[serde(flatten)]
    pipeline: PipelineView,
}

async fn all_nodes(
    operator: Operator<ReadNodes>,
    State(state): State<ApiState>,
) -> Result<Json<NodesView>, Problem> {
    let companies = summary::pipelines(&operator.scope)
        .await?
        .into_iter()
        .map(|(company, pipeline)| CompanyView { company, pipeline: pipeline.into() })
        .collect();
    let nodes = nodes::list(&state.store).await?.into_iter().map(NodeView::from).collect();
    Ok(Json(NodesView { node: state.node.status(), nodes, companies }))
}
