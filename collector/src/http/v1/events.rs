//! Events as they happen.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use store::events::EventPlace;
use store::permission::Permission;

use crate::http::document::{Answers, Asks, Operation, Routes, Schemas};
use crate::http::extract::{Authenticated, Presented, Tenant};
use crate::http::live::{self, Asker};
use crate::http::may::ReadInventory;
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Events", "What happens, as it happens.").get(
        "/events",
        "stream_events",
        "Events as they happen (server-sent events)",
        stream,
    )
}

/// The id of the last event that a client saw.
#[derive(Debug)]
struct LastEventId(Option<EventPlace>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("last-event-id") else {
            return Ok(Self(None));
        };
        let place = value.to_str().ok().and_then(|text| text.parse().ok());
        place.map(|place| Self(Some(place))).ok_or_else(|| {
            Problem::field("Last-Event-ID", "the id of an event, as a stream gave it")
        })
    }
}

impl Asks for LastEventId {
    fn asks(operation: &mut Operation, _: &mut Schemas) {
        operation.takes("LastEventId");
        operation.refuses(StatusCode::UNPROCESSABLE_ENTITY);
    }
}

/// A stream.
#[derive(Debug)]
struct Stream(Response);

impl IntoResponse for Stream {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Answers for Stream {
    fn answers(operation: &mut Operation, _: &mut Schemas) {
        let text = json!({ "type": "string" });
        operation.gives_content(StatusCode::OK, "text/event-stream", text);
    }
}

async fn stream(
    tenant: Tenant<ReadInventory>,
    who: Authenticated,
    presented: Presented,
    State(state): State<ApiState>,
    LastEventId(last): LastEventId,
) -> Result<Stream, Problem> {
    let asker = Asker {
        principal: who.principal.id(),
        presented,
        scope: tenant.scope,
        permission: Permission::ReadInventory,
    };
    live::respond(&state, asker, last).await.map(Stream)
}
