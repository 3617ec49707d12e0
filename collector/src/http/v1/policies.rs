//! Policies: what is to hold for hosts, and for which it does not.

mod view;

use axum::Json;
use axum::extract::State;
use protocol::ids::AgentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::policies::rule::PolicyRule;
use store::policies::{
    self, ChangeError, NewPolicy, Policy, PolicyChange, PolicyState, ResultFilter,
};
use store::tenant::TenantScope;
use uuid::Uuid;

use self::view::{HostPolicyView, PolicyView, ResultView, RuleSchema};
use super::{credential, labels};
use crate::http::answer::{Created, NoContent, Versioned};
use crate::http::document::Routes;
use crate::http::export::{self, Exported, Format};
use crate::http::extract::{Body, IfMatch, Params, Path, Tenant, parse_id};
use crate::http::may::{ExportInventory, ReadInventory, WritePolicies};
use crate::http::page::{self, Page, PageQuery, Whole};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v7;

pub(super) fn routes() -> Routes {
    Routes::of("Policies", "What is to hold for hosts, and for which it does not.")
        .list("/policies", "list_policies", "Policies, a page at a time", list)
        .post("/policies", "create_policy", "Make a policy", create)
        .get(
            "/policies/summary",
            "get_policy_summary",
            "How the company stands by its policies",
            summary,
        )
        .get("/policies/{policy}", "get_policy", "One policy", get)
        .put("/policies/{policy}", "put_policy", "Change a policy", change)
        .delete("/policies/{policy}", "delete_policy", "Delete a policy with its results", delete)
        .get(
            "/policies/{policy}/hosts",
            "list_policy_hosts",
            "What a policy comes to for hosts",
            results,
        )
        .get(
            "/policies/{policy}/hosts/export",
            "export_policy_hosts",
            "What a policy comes to, whole",
            export,
        )
        .list(
            "/hosts/{host}/policies",
            "list_host_policies",
            "What policies come to for a host",
            of_host,
        )
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Rule(error) => Self::field("rule", error.to_string()),
            ChangeError::NoLabel => Self::field("label", error.to_string()),
            ChangeError::Store(error) => error.into(),
            ChangeError::Changed => Self::Stale,
            ChangeError::NameTaken | ChangeError::TooMany => Self::Conflict(error.to_string()),
        }
    }
}

async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<PolicyView>>, Problem> {
    let page = query.of("policies")?;
    let policies = policies::list(&tenant.scope, &page).await?;
    Ok(page::respond("policies", policies, PolicyView::from))
}

fn id(text: &str) -> Result<Uuid, Problem> {
    parse_id(text, "policy")
}

async fn get(
    tenant: Tenant<ReadInventory>,
    Path(policy): Path<String>,
) -> Result<Versioned<PolicyView>, Problem> {
    let policy = policies::get(&tenant.scope, id(&policy)?).await?;
    policy.map(versioned).ok_or(Problem::NotFound("policy"))
}

fn versioned(policy: Policy) -> Versioned<PolicyView> {
    Versioned(policy.revision, policy.into())
}

/// What a policy is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyBody")]
#[serde(deny_unknown_fields)]
struct PolicyBody {
    name: String,
    #[serde(default)]
    description: String,
    #[schemars(with = "RuleSchema")]
    rule: PolicyRule,
    /// For the hosts with this label; for all where it is absent.
    label: Option<Uuid>,
    #[serde(default = "yes")]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

impl PolicyBody {
    fn change(&self) -> Result<PolicyChange<'_>, Problem> {
        Ok(PolicyChange {
            name: credential::name(&self.name)?,
            description: labels::description(&self.description)?,
            rule: &self.rule,
            label: self.label,
            is_enabled: self.enabled,
        })
    }
}

async fn create(
    tenant: Tenant<WritePolicies>,
    State(state): State<ApiState>,
    Body(body): Body<PolicyBody>,
) -> Result<Created<PolicyView>, Problem> {
    let now = state.clock.now();
    let new = NewPolicy { id: v7(now), policy: body.change()? };
    let policy = policies::create(&tenant.scope, &new, now).await?;
    Ok(Created(policy.into()))
}

async fn change(
    tenant: Tenant<WritePolicies>,
    State(state): State<ApiState>,
    Path(policy): Path<String>,
    IfMatch(revision): IfMatch,
    Body(body): Body<PolicyBody>,
) -> Result<Versioned<PolicyView>, Problem> {
    let (change, now) = (body.change()?, state.clock.now());
    let policy = policies::change(&tenant.scope, id(&policy)?, &change, revision, now).await?;
    policy.map(versioned).ok_or(Problem::NotFound("policy"))
}

async fn delete(
    tenant: Tenant<WritePolicies>,
    State(state): State<ApiState>,
    Path(policy): Path<String>,
) -> Result<NoContent, Problem> {
    let is_done = policies::delete(&tenant.scope, id(&policy)?, state.clock.now()).await?;
    NoContent::where_done(is_done, "policy")
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PolicySummary")]
struct SummaryView {
    policies: u64,
    /// Policies that fail for some host.
    failing: u64,
    hosts_failing: u64,
    /// Hosts for which all policies hold that are for them.
    hosts_passing: u64,
}

async fn summary(tenant: Tenant<ReadInventory>) -> Result<Json<SummaryView>, Problem> {
    let summary = policies::summary(&tenant.scope).await?;
    Ok(Json(SummaryView {
        policies: summary.policies,
        failing: summary.failing,
        hosts_failing: summary.hosts_failing,
        hosts_passing: summary.hosts_passing,
    }))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyHostQuery")]
#[serde(deny_unknown_fields)]
struct ResultsQuery {
    /// `pass`, `fail` or `unknown`.
    state: Option<String>,
    /// Of an export: what it is written as; `csv` when absent.
    format: Option<Format>,
    limit: Option<u32>,
    page_token: Option<String>,
}

/// The policy, and which of its results are wanted.
async fn asked(
    scope: &TenantScope,
    policy: &str,
    state: Option<&str>,
) -> Result<(Uuid, ResultFilter), Problem> {
    let policy = id(policy)?;
    let wanted = state.map(|name| {
        PolicyState::parse(name)
            .ok_or_else(|| Problem::field("state", "one of pass, fail, unknown"))
    });
    let filter = ResultFilter { state: wanted.transpose()? };
    if policies::get(scope, policy).await?.is_none() {
        return Err(Problem::NotFound("policy"));
    }
    Ok((policy, filter))
}

async fn results(
    tenant: Tenant<ReadInventory>,
    Path(policy): Path<String>,
    Params(query): Params<ResultsQuery>,
) -> Result<Json<Page<ResultView>>, Problem> {
    const LIST: &str = "policy_results";
    let scope = tenant.scope;
    export::refuse(query.format)?;
    let (policy, filter) = asked(&scope, &policy, query.state.as_deref()).await?;
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let results = policies::results(&scope, policy, filter, &page).await?;
    Ok(page::respond(LIST, results, ResultView::from))
}

async fn export(
    tenant: Tenant<ExportInventory>,
    State(state): State<ApiState>,
    Path(policy): Path<String>,
    Params(query): Params<ResultsQuery>,
) -> Result<Exported, Problem> {
    let scope = tenant.scope;
    page::refuse(query.limit, query.page_token.as_deref())?;
    let (policy, filter) = asked(&scope, &policy, query.state.as_deref()).await?;
    let place = state.exports.place(scope.company())?;
    let all = policies::export_results(&scope, policy, filter).await?;
    export::respond("policy-hosts", query.format, place, all, ResultView::from).await
}

async fn of_host(
    tenant: Tenant<ReadInventory>,
    Path(host): Path<String>,
) -> Result<Json<Whole<HostPolicyView>>, Problem> {
    let scope = tenant.scope;
    let host = AgentId(parse_id(&host, "host")?);
    if store::hosts::get(&scope, host).await?.is_none() {
        return Err(Problem::NotFound("host"));
    }
    let items = policies::of_host(&scope, host).await?;
    Ok(page::whole(items, HostPolicyView::from))
}
