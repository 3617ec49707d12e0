//! Sessions: signing in, seeing where one is signed in, and ending that.

mod prove;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use store::audit::Actor;
use store::sessions::{self, NewSession, SESSIONS_MAX, Session};
use time::OffsetDateTime;
use uuid::Uuid;

use self::prove::prove;
pub(super) use self::prove::{Claim, find};
use super::credential;
use crate::http::answer::NoContent;
use crate::http::client::Client;
use crate::http::cookie;
use crate::http::csrf::SameSite;
use crate::http::document::{Answers, DateTime, Operation, Routes, Schemas};
use crate::http::extract::{Body, Path, Person, parse_id};
use crate::http::page::{self, Whole};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Sessions", "Where somebody is signed in.")
        .post("/sessions", "sign_in", "Sign in; the answer sets the session's cookie", sign_in)
        .list("/sessions", "list_sessions", "One's own sessions, newest first", list)
        .delete("/sessions/current", "sign_out", "Sign out", sign_out)
        .delete("/sessions/{session}", "revoke_session", "End one of one's own sessions", revoke)
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct SessionView {
    id: Uuid,
    #[schemars(with = "DateTime")]
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[schemars(with = "DateTime")]
    #[serde(with = "time::serde::rfc3339")]
    last_used_at: OffsetDateTime,
    #[schemars(with = "DateTime")]
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// Where it was begun from.
    address: String,
    /// What the browser called itself.
    agent: String,
    /// Whether it is the one that asks.
    is_current: bool,
}

fn view(session: Session, current: Uuid) -> SessionView {
    SessionView {
        is_current: session.id == current,
        id: session.id,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
        address: session.address,
        agent: session.agent,
    }
}

/// An answer that sets the session's cookie, or takes it away.
struct WithCookie<T>(Option<HeaderValue>, T);

impl<T: Answers> Answers for WithCookie<T> {
    fn answers(operation: &mut Operation, schemas: &mut Schemas) {
        T::answers(operation, schemas);
        operation.sets_cookie();
    }
}

impl<T: IntoResponse> IntoResponse for WithCookie<T> {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        if let Some(cookie) = self.0 {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// A session that began.
struct Began(SessionView);

impl Answers for Began {
    fn answers(operation: &mut Operation, schemas: &mut Schemas) {
        operation.gives::<SessionView>(StatusCode::CREATED, schemas);
        operation.refuses(StatusCode::UNAUTHORIZED);
        operation.refuses(StatusCode::TOO_MANY_REQUESTS);
    }
}

impl IntoResponse for Began {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

async fn sign_in(
    _ours: SameSite,
    State(state): State<ApiState>,
    from: Client,
    Body(claim): Body<Claim>,
) -> Result<WithCookie<Began>, Problem> {
    let account = prove(&state, claim, &from).await?;
    let key = credential::new_key()?;
    let lasting = state.gate.lasting();
    let origin = from.came().of(Actor::User { id: account.id, email: account.email });
    let new = NewSession {
        origin: &origin,
        key: &key,
        user: account.id,
        replaces: from.session.as_ref(),
        address: from.address,
        agent: &from.agent,
        only: None,
    };
    let session = sessions::begin(&state.store, &new, lasting, state.clock.now()).await?;
    let id = session.id;
    Ok(WithCookie(cookie::set(&key, lasting.absolute), Began(view(session, id))))
}

async fn list(
    person: Person,
    State(state): State<ApiState>,
) -> Result<Json<Whole<SessionView>>, Problem> {
    let lasting = state.gate.lasting();
    let now = state.clock.now();
    let own = sessions::list(&state.store, (person.user, person.session), lasting, now).await?;
    Ok(page::whole_within(own, SESSIONS_MAX, |session| view(session, person.session)))
}

async fn sign_out(
    person: Person,
    State(state): State<ApiState>,
) -> Result<WithCookie<NoContent>, Problem> {
    end(&state, &person, person.session).await?;
    Ok(WithCookie(cookie::unset(), NoContent))
}

async fn revoke(
    person: Person,
    State(state): State<ApiState>,
    Path(session): Path<String>,
) -> Result<NoContent, Problem> {
    let id = parse_id::<Uuid>(&session, "session")?;
    let is_done = end(&state, &person, id).await?;
    NoContent::where_done(is_done, "session")
}

/// Ends a session of somebody's own; whether there was one to end.
async fn end(state: &ApiState, person: &Person, session: Uuid) -> Result<bool, Problem> {
    let (origin, now) = (&person.who.origin, state.clock.now());
    let whose = (person.user, person.session);
    Ok(sessions::revoke(&state.store, whose, session, origin, now).await?)
}
