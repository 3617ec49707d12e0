//! Dead letters: reports that can never be stored as they are, why, and making up for them.

use axum::Json;
use axum::extract::State;
use protocol::ids::AgentId;
use schemars::JsonSchema;
use serde::Serialize;
use store::dead_letters::{self, DeadLetter};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::answer::AcceptedAlone;
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Params, Path, Tenant, parse_id};
use crate::http::may::ManageDeadLetters;
use crate::http::page::{self, Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Dead letters", "Reports that can never be stored as they are.")
        .list("/dead-letters", "list_dead_letters", "Dead letters, newest first", list)
        .post(
            "/dead-letters/{letter}/replay",
            "replay_dead_letter",
            "Ask the host for what the report would have brought",
            replay,
        )
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
struct LetterView {
    id: Uuid,
    #[schemars(with = "Uuid")]
    host: AgentId,
    /// Its place in its host's line, as `epoch.seq`.
    position: String,
    reason: String,
    detail: String,
    bytes: u64,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    received_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    replayed_at: Option<OffsetDateTime>,
}

impl From<DeadLetter> for LetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id,
            host: letter.agent,
            position: letter.position.to_string(),
            reason: letter.reason,
            detail: letter.detail,
            bytes: letter.bytes,
            received_at: letter.received_at,
            created_at: letter.created_at,
            replayed_at: letter.replayed_at,
        }
    }
}

async fn list(
    tenant: Tenant<ManageDeadLetters>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<LetterView>>, Problem> {
    let scope = tenant.scope;
    let page = query.of("dead_letters")?;
    let letters = dead_letters::list(&scope, &page).await?;
    Ok(page::respond("dead_letters", letters, LetterView::from))
}

/// Asks the host for a snapshot, which brings what the report would have brought, as it is now.
async fn replay(
    tenant: Tenant<ManageDeadLetters>,
    State(state): State<ApiState>,
    Path(letter): Path<String>,
) -> Result<AcceptedAlone, Problem> {
    let scope = tenant.scope;
    let id = parse_id::<Uuid>(&letter, "dead letter")?;
    // Never the bytes themselves: what was refused once would be refused again, and the host knows
    // better by now what it has.
    if dead_letters::replay(&scope, id, state.clock.now()).await? {
        Ok(AcceptedAlone)
    } else {
        Err(Problem::NotFound("dead letter"))
    }
}
