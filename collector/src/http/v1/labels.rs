//! Labels: what hosts are called by, given by people or by a rule.

mod schema;

use axum::Json;
use axum::extract::State;
use protocol::ids::AgentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::labels::rule::Condition;
use store::labels::{self, AssignError, ChangeError, HostLabel, Label, LabelChange, NewLabel};
use store::tenant::TenantScope;
use time::OffsetDateTime;
use uuid::Uuid;

use self::schema::ConditionSchema;
pub(super) use self::schema::SoftwareSchema;
use super::credential::{self, has_control};
use super::selection::{Hosts, HostsOf};
use crate::http::answer::{Created, NoContent, Versioned};
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Body, IfMatch, Params, Path, Tenant, parse_id};
use crate::http::may::{LabelHosts, ReadInventory, WritePolicies};
use crate::http::page::{self, Page, PageQuery, Whole};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v7;

/// Characters of a description.
const DESCRIPTION_CHARS_MAX: usize = 2_000;
/// Hosts that a request names one by one.
const HOSTS_MAX: usize = 10_000;

pub(super) fn routes() -> Routes {
    Routes::of("Labels", "What hosts are called by, given by people or by a rule.")
        .list("/labels", "list_labels", "Labels, a page at a time", list)
        .post("/labels", "create_label", "Make a label", create)
        .get("/labels/{label}", "get_label", "One label", get)
        .put("/labels/{label}", "put_label", "Change a label", change)
        .delete("/labels/{label}", "delete_label", "Delete a label", delete)
        .post(
            "/labels/{label}/hosts",
            "assign_label",
            "Give a label to hosts, or take it from them",
            assign,
        )
        .list("/hosts/{host}/labels", "list_host_labels", "The labels that a host carries", of_host)
}

/// The id of a label that a filter names by its id or its name. A name that no label has is an error:
/// a filter that was passed over would answer with everything.
///
/// # Errors
///
/// When there is none of this name, or the database cannot be used.
pub(super) async fn named(
    scope: &TenantScope,
    label: Option<&str>,
) -> Result<Option<Uuid>, Problem> {
    let Some(label) = label else { return Ok(None) };
    if let Ok(id) = label.parse() {
        return Ok(Some(id));
    }
    let found = labels::find(scope, label).await?;
    found.map(Some).ok_or_else(|| Problem::field("label", "no label has this id or name"))
}

/// A description that can be kept.
///
/// # Errors
///
/// When it is too long or has characters of control beside line breaks.
pub(super) fn description(text: &str) -> Result<&str, Problem> {
    let is_good = text.chars().count() <= DESCRIPTION_CHARS_MAX
        && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    is_good.then_some(text).ok_or_else(|| {
        let detail = format!("at most {DESCRIPTION_CHARS_MAX} characters, none of control");
        Problem::field("description", detail)
    })
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Label")]
struct LabelView {
    id: Uuid,
    name: String,
    description: String,
    /// For which hosts it holds; absent where people give it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ConditionSchema>")]
    rule: Option<Condition>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    changed_at: OffsetDateTime,
    revision: u64,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    evaluated_at: Option<OffsetDateTime>,
    hosts: u64,
}

impl From<Label> for LabelView {
    fn from(label: Label) -> Self {
        Self {
            id: label.id,
            name: label.name,
            description: label.description,
            rule: label.rule,
            created_at: label.created_at,
            changed_at: label.changed_at,
            revision: label.revision,
            evaluated_at: label.evaluated_at,
            hosts: label.hosts,
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Rule(error) => Self::field("rule", error.to_string()),
            ChangeError::Store(error) => error.into(),
            ChangeError::Changed => Self::Stale,
            ChangeError::NameTaken | ChangeError::TooMany | ChangeError::InUse(_) => {
                Self::Conflict(error.to_string())
            }
        }
    }
}

async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<LabelView>>, Problem> {
    let page = query.of("labels")?;
    let labels = labels::list(&tenant.scope, &page).await?;
    Ok(page::respond("labels", labels, LabelView::from))
}

async fn get(
    tenant: Tenant<ReadInventory>,
    Path(label): Path<String>,
) -> Result<Versioned<LabelView>, Problem> {
    let label = labels::get(&tenant.scope, id(&label)?).await?;
    label.map(versioned).ok_or(Problem::NotFound("label"))
}

fn versioned(label: Label) -> Versioned<LabelView> {
    Versioned(label.revision, label.into())
}

fn id(text: &str) -> Result<Uuid, Problem> {
    parse_id(text, "label")
}

/// What a label is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "LabelBody")]
#[serde(deny_unknown_fields)]
struct LabelBody {
    name: String,
    #[serde(default)]
    description: String,
    /// For which hosts it holds; absent where people give it.
    #[schemars(with = "Option<ConditionSchema>")]
    rule: Option<Condition>,
}

async fn create(
    tenant: Tenant<WritePolicies>,
    State(state): State<ApiState>,
    Body(body): Body<LabelBody>,
) -> Result<Created<LabelView>, Problem> {
    let now = state.clock.now();
    let new = NewLabel {
        id: v7(now),
        name: credential::name(&body.name)?,
        description: description(&body.description)?,
        rule: body.rule.as_ref(),
    };
    let label = labels::create(&tenant.scope, &new, now).await?;
    Ok(Created(label.into()))
}

async fn change(
    tenant: Tenant<WritePolicies>,
    State(state): State<ApiState>,
    Path(label): Path<String>,
    IfMatch(revision): IfMatch,
    Body(body): Body<LabelBody>,
) -> Result<Versioned<LabelView>, Problem> {
    let change = LabelChange {
        name: credential::name(&body.name)?,
        description: description(&body.description)?,
        rule: body.rule.as_ref(),
        revision,
    };
    let label = labels::change(&tenant.scope, id(&label)?, &change, state.clock.now()).await?;
    label.map(versioned).ok_or(Problem::NotFound("label"))
}

async fn delete(
    tenant: Tenant<WritePolicies>,
    State(state): State<ApiState>,
    Path(label): Path<String>,
) -> Result<NoContent, Problem> {
    let is_done = labels::delete(&tenant.scope, id(&label)?, state.clock.now()).await?;
    NoContent::where_done(is_done, "label")
}

/// Which hosts get a label or lose it: named ones, or all of a filter.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "LabelAssignment")]
#[serde(deny_unknown_fields)]
struct Assignment {
    /// Whether they carry it from now on.
    carries: bool,
    /// These hosts.
    hosts: Option<Vec<Uuid>>,
    /// All hosts of this filter.
    filter: Option<HostsOf>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LabelAssigned")]
struct AssignedView {
    /// Hosts for which that is new.
    changed: u64,
}

async fn assign(
    tenant: Tenant<LabelHosts>,
    State(state): State<ApiState>,
    Path(label): Path<String>,
    Body(body): Body<Assignment>,
) -> Result<Json<AssignedView>, Problem> {
    let scope = tenant.scope;
    let (label, now) = (id(&label)?, state.clock.now());
    let assigned = match Hosts::of(body.hosts, body.filter, HOSTS_MAX)? {
        Hosts::Named(hosts) => labels::assign(&scope, label, &hosts, body.carries, now).await,
        Hosts::Of(of) => {
            let filter = of.filter(&scope).await?;
            labels::assign_filtered(&scope, label, &filter, body.carries, now).await
        }
    };
    let assigned = assigned.map_err(|error| match error {
        AssignError::NoLabel => Problem::NotFound("label"),
        AssignError::HasRule => Problem::Conflict(error.to_string()),
        AssignError::Store(error) => error.into(),
    })?;
    Ok(Json(AssignedView { changed: assigned.changed }))
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostLabel")]
struct HostLabelView {
    id: Uuid,
    name: String,
}

impl From<HostLabel> for HostLabelView {
    fn from(label: HostLabel) -> Self {
        Self { id: label.id, name: label.name }
    }
}

async fn of_host(
    tenant: Tenant<ReadInventory>,
    Path(host): Path<String>,
) -> Result<Json<Whole<HostLabelView>>, Problem> {
    let scope = tenant.scope;
    let host = AgentId(parse_id(&host, "host")?);
    if store::hosts::get(&scope, host).await?.is_none() {
        return Err(Problem::NotFound("host"));
    }
    let mut labels = labels::of_hosts(&scope, &[host]).await?;
    let items = labels.remove(&host).unwrap_or_default();
    Ok(page::whole(items, HostLabelView::from))
}

/// Whether a text that people write can be kept in a line.
pub(super) fn is_line(text: &str, chars_max: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= chars_max && !has_control(text)
}
