//! Dead letters: reports that can never be stored as they are, why, and making up for them.

use axum::Json;
use axum::extract::State;
use protocol::ids::AgentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::dead_letters::{self, DeadLetter, MadeUpFor, Which};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::answer::{Accepted, AcceptedAlone};
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Body, Params, Path, Tenant, parse_id};
use crate::http::may::ManageDeadLetters;
use crate::http::page::{self, Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Dead letters", "Reports that can never be stored as they are.")
        .list("/dead-letters", "list_dead_letters", "Dead letters, newest first", list)
        .post(
            "/dead-letters/replay",
            "replay_dead_letters",
            "Ask hosts for what the reports would have brought, some hundred reports at a time",
            replay_many,
        )
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

/// Which dead letters, of those that were not replayed; what is left out may be anything.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DeadLetterReplay")]
#[serde(deny_unknown_fields)]
struct ReplayBody {
    /// The reason that they have.
    #[serde(default)]
    reason: Option<String>,
    /// The host that they are of.
    #[serde(default)]
    host: Option<Uuid>,
}

/// What was replayed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLettersReplayed")]
struct ReplayedView {
    /// Dead letters.
    letters: u64,
    /// Hosts that were asked, once each.
    hosts: u64,
    /// Whether there may be more: the same request goes on with them.
    has_more: bool,
}

/// Asks hosts for snapshots, for as many letters as one request may be about.
async fn replay_many(
    tenant: Tenant<ManageDeadLetters>,
    State(state): State<ApiState>,
    Body(body): Body<ReplayBody>,
) -> Result<Accepted<ReplayedView>, Problem> {
    let which = Which { reason: body.reason.as_deref(), agent: body.host.map(AgentId) };
    let done = dead_letters::replay_many(&tenant.scope, which, state.clock.now()).await?;
    let MadeUpFor { letters, agents: hosts, has_more } = done;
    Ok(Accepted(ReplayedView { letters, hosts, has_more }))
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
