//! Sessions: signing in, seeing where one is signed in, and ending that.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::audit::{self, Actor, Origin};
use store::sessions::{self, NewSession, SESSIONS_MAX, Session};
use store::users::{self, Account};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::credential;
use crate::causes::Causes;
use crate::http::answer::NoContent;
use crate::http::client::Client;
use crate::http::csrf::SameSite;
use crate::http::document::{Answers, DateTime, Operation, Routes, Schemas};
use crate::http::extract::{Body, Path, Person, parse_id};
use crate::http::page::{self, Whole};
use crate::http::problem::Problem;
use crate::http::request_id::RequestId;
use crate::http::state::ApiState;
use crate::http::{cookie, totp};

/// For how long an address counts as one that the account is used from.
const ADDRESS_KNOWN_FOR: Duration = Duration::days(30);

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

/// Who somebody says they are, and how they prove it.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SignIn")]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    pub(super) email: String,
    pub(super) password: String,
    /// The code of the second factor, or a recovery code.
    pub(super) code: Option<String>,
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
    let account = prove(&state, claim, from.address).await?;
    let key = credential::new_key()?;
    let lasting = state.gate.lasting();
    let actor = Actor::User { id: account.id, email: account.email };
    let request = RequestId::current().as_str().to_owned();
    let origin = Origin::of_request(actor, from.address, request);
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

/// The account of whoever proves that it is theirs. Whatever is wrong, the answer and the time that
/// it takes are the same, but for a right password without its second factor.
///
/// # Errors
///
/// When it is not proved, or was tried too often.
async fn prove(
    state: &ApiState,
    claim: Claim,
    address: Option<IpAddr>,
) -> Result<Account, Problem> {
    let accounts = users::by_email(&state.store, &claim.email).await?;
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    let email = accounts.first().map(|account| account.email.clone());
    match find(state, accounts, claim, address).await {
        Ok(Some(account)) => Ok(account),
        Ok(None) | Err(Problem::SignInRefused) => {
            if let Some(email) = email {
                tell_refused(state, ids, email, address);
            }
            Err(Problem::SignInRefused)
        }
        Err(problem) => Err(problem),
    }
}

/// Has the companies of an address's accounts told of an attempt that was refused. By a task of its own: an answer takes
/// as long for an address that nobody has. Who it was nobody knows, so the collector says it.
fn tell_refused(state: &ApiState, users: Vec<Uuid>, email: String, address: Option<IpAddr>) {
    let request = RequestId::current().as_str().to_owned();
    let origin = Origin::of_request(Actor::System, address, request);
    let (store, now) = (state.store.clone(), state.clock.now());
    state.tasks.spawn("http.refused", async move {
        if let Err(error) = audit::tell_refused(&store, (&users, &email), &origin, now).await {
            tracing::warn!(error = %Causes(&error), "an attempt to sign in is in no company's log");
        }
    });
}

/// Which of the accounts of an address somebody proves to be theirs; `None` when the password is of none of them,
/// which takes as long as when it is of one. An address may have several (decision 56): what opens one is nothing
/// to the others.
///
/// # Errors
///
/// When the second factor is missing or wrong, or it was tried too often.
pub(super) async fn find(
    state: &ApiState,
    mut accounts: Vec<Account>,
    claim: Claim,
    address: Option<IpAddr>,
) -> Result<Option<Account>, Problem> {
    let (now, instant) = (state.clock.now(), state.clock.instant());
    state.gate.admit_sign_in(&claim.email, address, instant)?;
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    // Asked for somebody who is not there as well, so that it takes as long.
    let known = match address {
        Some(address) => {
            let since = now - ADDRESS_KNOWN_FOR;
            sessions::knows_address(&state.store, &ids, address, since).await?
        }
        None => Vec::new(),
    };
    let is_stranger = known.is_empty() || known.len() < ids.len();
    if is_stranger && let Err(refused) = state.gate.admit_stranger(&claim.email, instant) {
        if known.is_empty() {
            return Err(refused);
        }
        // Being known to one account is no leave to guess at another.
        accounts.retain(|account| known.contains(&account.id));
    }
    // Who has none comes by a provider: no password is theirs, and finding that out takes as long.
    let hashes = accounts.iter().map(|account| account.password.clone()).collect();
    let right = state.gate.passwords().find(claim.password, hashes).await?;
    let account = accounts
        .into_iter()
        .enumerate()
        .find(|(place, account)| right.contains(place) && account.disabled_at.is_none());
    let Some((_, account)) = account else { return Ok(None) };
    if let Some(secret) = &account.totp_secret {
        let code = claim.code.ok_or(Problem::SecondFactorMissing)?;
        if !spend(state, account.id, secret, &code).await? {
            return Err(Problem::SignInRefused);
        }
    }
    Ok(Some(account))
}

/// Spends a code of the second factor, or a recovery code; whether it was one.
async fn spend(state: &ApiState, user: Uuid, secret: &[u8], code: &str) -> Result<bool, Problem> {
    if let Some(step) = totp::step_of(secret, code, state.clock.now()) {
        return Ok(users::spend_step(&state.store, user, step).await?);
    }
    let hash = totp::recovery_hash(code);
    Ok(users::spend_recovery(&state.store, user, &hash).await?)
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
