//! The audit log: who changed what. A company's for its admins, the operators' for operators.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::audit::{self, Entry, EntryFilter};
use store::page::PageRequest;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::document::{DateTime, Routes};
use crate::http::export::{self, Exported, Format, Record, Row, instant};
use crate::http::extract::{Operator, Params, Tenant};
use crate::http::may::{ManageOperators, ReadAudit};
use crate::http::moment;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Audit", "Who changed what, and what it was before.")
        .get("/audit", "list_audit", "Changes in the company, newest first", list)
        .get("/audit/export", "export_audit", "Changes in the company, whole", export)
        .list(
            "/operator/audit",
            "list_operator_audit",
            "Changes of what is the operators' own, newest first",
            list_of_operators,
        )
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
struct EntryView {
    id: Uuid,
    #[schemars(with = "DateTime")]
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    actor: ActorView,
    /// Where the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The request's id, as its answer had it; empty for what no request did.
    request_id: String,
    /// What was done, as `object.verb`.
    action: String,
    /// The id of what it was done to.
    object: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditActor")]
struct ActorView {
    /// `user`, `api_key`, `local` (the command line) or `system` (the collector).
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// What it was called then.
    name: String,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor: ActorView { kind: entry.actor_kind, id: entry.actor_id, name: entry.actor_name },
            address: entry.address,
            request_id: entry.request_id,
            action: entry.action,
            object: entry.object,
            before: entry.before,
            after: entry.after,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AuditQuery")]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// By this key or person.
    actor: Option<Uuid>,
    /// This action, such as `api_key.create`, or all of one kind of object, such as `api_key`.
    action: Option<String>,
    /// Done to the object with this id.
    object: Option<String>,
    /// From this instant on.
    #[schemars(with = "Option<DateTime>")]
    #[serde(default, deserialize_with = "moment::maybe")]
    since: Option<OffsetDateTime>,
    /// Before this instant.
    #[schemars(with = "Option<DateTime>")]
    #[serde(default, deserialize_with = "moment::maybe")]
    until: Option<OffsetDateTime>,
    limit: Option<u32>,
    page_token: Option<String>,
}

impl ListQuery {
    fn split(self, list: &str) -> Result<(EntryFilter, PageRequest), Problem> {
        let page = page::request(list, self.limit, self.page_token.as_deref())?;
        let filter = EntryFilter {
            actor: self.actor,
            action: self.action,
            object: self.object,
            since: self.since,
            until: self.until,
        };
        Ok((filter, page))
    }
}

async fn list(
    tenant: Tenant<ReadAudit>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<EntryView>>, Problem> {
    let (filter, page) = query.split("audit")?;
    let entries = audit::list(&tenant.scope, &filter, &page).await?;
    Ok(page::respond("audit", entries, EntryView::from))
}

async fn list_of_operators(
    operator: Operator<ManageOperators>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<EntryView>>, Problem> {
    let (filter, page) = query.split("operator.audit")?;
    let entries = audit::list_of_operators(&operator.scope, &filter, &page).await?;
    Ok(page::respond("operator.audit", entries, EntryView::from))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AuditExportQuery")]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    /// By this key or person.
    actor: Option<Uuid>,
    /// This action, or all of one kind of object.
    action: Option<String>,
    /// Done to the object with this id.
    object: Option<String>,
    /// From this instant on.
    #[schemars(with = "Option<DateTime>")]
    #[serde(default, deserialize_with = "moment::maybe")]
    since: Option<OffsetDateTime>,
    /// Before this instant.
    #[schemars(with = "Option<DateTime>")]
    #[serde(default, deserialize_with = "moment::maybe")]
    until: Option<OffsetDateTime>,
    /// What it is written as; `ndjson` when absent.
    format: Option<Format>,
}

async fn export(
    tenant: Tenant<ReadAudit>,
    State(state): State<ApiState>,
    Params(query): Params<ExportQuery>,
) -> Result<Exported, Problem> {
    let filter = EntryFilter {
        actor: query.actor,
        action: query.action,
        object: query.object,
        since: query.since,
        until: query.until,
    };
    let format = query.format.or(Some(Format::Ndjson));
    let place = state.exports.place(tenant.scope.company())?;
    let entries = audit::export(&tenant.scope, &filter).await?;
    export::respond("audit", format, place, entries, EntryView::from).await
}

impl Record for EntryView {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "at",
        "actor_kind",
        "actor_id",
        "actor_name",
        "address",
        "request_id",
        "action",
        "object",
        "before",
        "after",
    ];

    fn cells(&self, row: &mut Row<'_>) {
        row.own(self.id);
        row.own(instant(self.at));
        row.text(&self.actor.kind);
        row.maybe_own(self.actor.id);
        row.text(&self.actor.name);
        row.maybe(self.address.as_deref());
        row.text(&self.request_id);
        row.text(&self.action);
        row.text(&self.object);
        for value in [&self.before, &self.after] {
            row.maybe(value.as_ref().map(Value::to_string).as_deref());
        }
    }
}
