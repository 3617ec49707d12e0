//! All that is held of a host: shown, and erased.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::hosts::{self, HeldRow};

use super::host_id;
use crate::http::export::{self, Exported, Format, Record, Row};
use crate::http::extract::{Path, Tenant};
use crate::http::may::{ExportCompany, RevokeHosts};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

/// A row that is held of a host.
#[derive(Serialize)]
struct RowView {
    kind: String,
    row: Value,
}

impl From<HeldRow> for RowView {
    fn from(held: HeldRow) -> Self {
        Self { kind: held.kind, row: held.row }
    }
}

impl Record for RowView {
    const COLUMNS: &'static [&'static str] = &["kind", "row"];

    fn cells(&self, row: &mut Row<'_>) {
        row.text(&self.kind);
        row.text(&self.row.to_string());
    }
}

/// An admin's, as the company's export is: among the rows are entries of the audit log, dead letters and what
/// webhooks' receivers answered.
pub(super) async fn export(
    tenant: Tenant<ExportCompany>,
    State(state): State<ApiState>,
    Path(host): Path<String>,
) -> Result<Exported, Problem> {
    let host = host_id(&host)?;
    let place = state.exports.place(tenant.scope.company())?;
    let all = hosts::export_data(&tenant.scope, host, state.clock.now()).await?;
    let all = all.ok_or(Problem::NotFound("host"))?;
    // A row of each table has other fields: no table of a spreadsheet.
    export::respond("host-data", Some(Format::Ndjson), place, all, RowView::from).await
}

/// What was erased.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Erased")]
pub(super) struct ErasedView {
    /// Rows, by table.
    rows: BTreeMap<&'static str, u64>,
}

pub(super) async fn erase(
    tenant: Tenant<RevokeHosts>,
    State(state): State<ApiState>,
    Path(host): Path<String>,
) -> Result<Json<ErasedView>, Problem> {
    let erased = hosts::erase(&tenant.scope, host_id(&host)?, state.clock.now()).await?;
    erased.map(|rows| Json(ErasedView { rows })).ok_or(Problem::NotFound("host"))
}
