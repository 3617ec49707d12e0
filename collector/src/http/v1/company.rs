//! The company itself: all that is kept of it.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use store::companies::{self, data};

use crate::http::archive::{self, Archived};
use crate::http::document::Routes;
use crate::http::extract::{Params, Tenant};
use crate::http::may::ExportCompany;
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Company", "The company itself: all that is kept of it.").get(
        "/company/export",
        "export_company",
        "Everything that is kept of the company but secrets, as a tar archive with a manifest",
        export,
    )
}

/// All of it, and so nothing to choose.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CompanyExportQuery")]
#[serde(deny_unknown_fields)]
struct ExportQuery {}

async fn export(
    tenant: Tenant<ExportCompany>,
    Params(ExportQuery {}): Params<ExportQuery>,
    State(state): State<ApiState>,
) -> Result<Archived, Problem> {
    let place = state.exports.place(tenant.scope.company())?;
    let now = state.clock.now();
    let company = companies::own(&tenant.scope).await?;
    let data = data::export(&tenant.scope, now).await?;
    Ok(archive::respond((company.id, &company.name), place, data, now))
}
