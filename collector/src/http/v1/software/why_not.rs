//! `GET /software/{software}/why-not/{cve}`: why a CVE is not among a piece of software's findings.
//!
//! The words are those of `muster-collector match --why-not`: this node's index is asked in the same way.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use enrichment::cve::as_published;
use enrichment::matching::Step;
use schemars::JsonSchema;
use serde::Serialize;
use store::software;

use super::parse_key;
use crate::http::Explained;
use crate::http::extract::{Path, Tenant};
use crate::http::may::ReadInventory;
use crate::http::problem::Problem;
use crate::http::schema::StepName;
use crate::http::state::ApiState;

/// Why a piece of software does not have a CVE.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WhyNot")]
pub(super) struct WhyNotView {
    cve: String,
    /// The first condition that fails, of the statement that came closest.
    #[schemars(with = "StepName")]
    step: Step,
    /// The same for people, with the values that were compared.
    detail: String,
    /// The index that says so, by its content. Findings are of the one that the software was judged with.
    index: String,
}

impl From<Explained> for WhyNotView {
    fn from(explained: Explained) -> Self {
        let Explained { answer, generation } = explained;
        let index = format!("{generation:016x}");
        Self { cve: answer.cve, step: answer.step, detail: answer.detail, index }
    }
}

pub(super) async fn get(
    tenant: Tenant<ReadInventory>,
    State(state): State<ApiState>,
    Path((software, cve)): Path<(String, String)>,
) -> Result<Json<WhyNotView>, Problem> {
    let found = software::get(&tenant.scope, parse_key(&software)?).await?;
    let found = found.ok_or(Problem::NotFound("software"))?.software;
    let node = Arc::clone(&state.node);
    // The index is a mapped file, and what nobody asked for lately comes from the disk. People type ids as they like.
    let explaining = tokio::task::spawn_blocking(move || {
        node.why_not(&found.record, &found.platform, &as_published(&cve))
    });
    let explained = explaining.await.map_err(|error| Problem::Internal(error.into()))?;
    let nothing = Problem::Unavailable { what: "a match index", retry_after_s: 30 };
    Ok(Json(explained.ok_or(nothing)?.into()))
}
