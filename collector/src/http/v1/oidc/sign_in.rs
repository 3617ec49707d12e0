//! Signing in by a provider: there, and back with its answer.
//!
//! Both are steps of a browser that goes from page to page, so what is refused is said on the page where one signs
//! in, by a word of [`Refused`]; the log has the rest. A session that begins here is good for the company whose
//! provider answered, and for no other.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::ids::CompanyId;
use schemars::JsonSchema;
use serde::Deserialize;
use store::audit::{Actor, Origin};
use store::oidc::{self, Arrival, Entered, Provider};
use store::sessions::{self, NewSession};
use store::tenant::TenantScope;
use uuid::Uuid;

use super::ended::{Ended, Refused};
use crate::http::client::Client;
use crate::http::cookie;
use crate::http::document::{Answers, Asks, Operation, Routes, Schemas};
use crate::http::extract::Params;
use crate::http::problem::Problem;
use crate::http::request_id::RequestId;
use crate::http::state::ApiState;
use crate::http::v1::{credential, invitations};
use crate::oidc::{GOOD_FOR, Identity, Request, TokenError};

/// The cookie of a request that waits. `Lax`, because the answer comes from another site's page.
const COOKIE: &str = "__Host-muster_oidc";
/// Characters of a place in the console to go on to.
const TO_CHARS_MAX: usize = 1_000;
/// Characters of a person's name.
const NAME_CHARS_MAX: usize = 200;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get(
            "/oidc/start",
            "start_oidc",
            "Go to a company's provider to sign in; for browsers",
            start,
        )
        .get(
            "/oidc/callback",
            "finish_oidc",
            "Come back from a provider; a session begins",
            callback,
        )
}

/// 303: the browser goes on.
struct GoesOn {
    to: String,
    cookies: Vec<HeaderValue>,
}

impl Answers for GoesOn {
    fn answers(operation: &mut Operation, _: &mut Schemas) {
        operation.gives_nothing(StatusCode::SEE_OTHER);
        operation.gives_header(StatusCode::SEE_OTHER, "Location", "Location");
        operation.sets_cookie();
    }
}

impl IntoResponse for GoesOn {
    fn into_response(self) -> Response {
        let Ok(to) = HeaderValue::try_from(self.to) else {
            let error = anyhow::anyhow!("a place to go on to is none that a header can name");
            return Problem::Internal(error).into_response();
        };
        let mut response = StatusCode::SEE_OTHER.into_response();
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, to);
        for cookie in self.cookies {
            headers.append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// Where a step leads: on, or back to where one signs in, with the word for why.
fn or_back(step: Result<GoesOn, Ended>) -> Result<GoesOn, Problem> {
    match step {
        Ok(on) => Ok(on),
        Err(Ended::Problem(problem)) => Err(problem),
        Err(Ended::Refused(why)) => Ok(GoesOn {
            to: format!("/sign-in?sso={}", why.as_str()),
            cookies: unset().into_iter().collect(),
        }),
    }
}

/// The cookie of a request.
fn set(kept: &str) -> Option<HeaderValue> {
    let lasting = GOOD_FOR.whole_seconds();
    let text =
        format!("{COOKIE}={kept}; Path=/; Max-Age={lasting}; Secure; HttpOnly; SameSite=Lax");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unset() -> Option<HeaderValue> {
    let text = format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).ok()
}

/// Whose provider is asked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whose {
    /// The company's name.
    company: Option<String>,
    /// An address of a domain that one company's provider alone lets in.
    email: Option<String>,
    /// The page of the console to go on to.
    to: Option<String>,
}

async fn start(
    State(state): State<ApiState>,
    from: Client,
    Params(whose): Params<Whose>,
) -> Result<GoesOn, Problem> {
    or_back(begin(&state, &from, whose).await)
}

async fn begin(state: &ApiState, from: &Client, whose: Whose) -> Result<GoesOn, Ended> {
    admit(state, from)?;
    let scope = match (&whose.company, &whose.email) {
        (Some(name), None) => oidc::by_company_name(&state.store, name).await?,
        (None, Some(email)) => {
            let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
            oidc::by_domain(&state.store, domain).await?
        }
        _ => {
            let detail = "the company's name, or an address as email";
            return Err(Problem::field("company", detail).into());
        }
    };
    let scope = scope.ok_or(Ended::Refused(Refused::Unknown))?;
    let provider = provider_of(&scope).await?;
    let to = whose.to.filter(|to| is_ours(to)).unwrap_or_else(|| "/".to_owned());
    let begun = state.oidc.begin(scope.company(), &provider, to, from.session.as_ref()).await;
    let begun = begun.map_err(|error| Ended::of(scope.company(), error))?;
    Ok(GoesOn { to: begun.location, cookies: set(&begun.kept).into_iter().collect() })
}

fn admit(state: &ApiState, from: &Client) -> Result<(), Ended> {
    let admitted = state.gate.admit_by_provider(from.address, state.clock.instant());
    admitted.map_err(|_| Ended::Refused(Refused::TooMany))
}

async fn provider_of(scope: &TenantScope) -> Result<Provider, Ended> {
    oidc::get(scope).await?.ok_or(Ended::Refused(Refused::Unknown))
}

/// Whether an address is a page of ours: a link that somebody made must not lead anywhere else.
fn is_ours(to: &str) -> bool {
    let is_path = to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\");
    is_path && to.len() <= TO_CHARS_MAX && to.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a provider answers. It may add parameters of its own.
#[derive(Deserialize, JsonSchema)]
struct Answer {
    /// What its token is given for.
    code: Option<String>,
    /// Which request it answers.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
}

/// The request that the browser kept.
struct Kept(Option<String>);

impl FromRequestParts<ApiState> for Kept {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Infallible> {
        Ok(Self(cookie::single(&parts.headers, COOKIE).map(str::to_owned)))
    }
}

impl Asks for Kept {}

async fn callback(
    State(state): State<ApiState>,
    from: Client,
    Kept(kept): Kept,
    Params(answer): Params<Answer>,
) -> Result<GoesOn, Problem> {
    or_back(finish(&state, &from, kept, answer).await)
}

async fn finish(
    state: &ApiState,
    from: &Client,
    kept: Option<String>,
    answer: Answer,
) -> Result<GoesOn, Ended> {
    admit(state, from)?;
    let request = answered(state, kept.as_deref(), answer.state.as_deref()).await?;
    let company = CompanyId(request.company());
    let scope = state.store.local_operator().scope(company).await?;
    let scope = scope.ok_or(Ended::Refused(Refused::Unknown))?;
    let provider = provider_of(&scope).await?;
    // Another provider's answer to this request (RFC 9207) is none.
    if answer.iss.is_some_and(|issuer| issuer != provider.issuer) {
        return Err(Ended::of(company, TokenError::Issuer.into()));
    }
    let Some(code) = answer.code.filter(|_| answer.error.is_none()) else {
        return Err(Ended::Refused(Refused::Denied));
    };
    let identity = state.oidc.redeem(&provider, &request, &code).await;
    let identity = identity.map_err(|error| Ended::of(company, error))?;
    let who = enter(state, &scope, &provider, &identity, from).await?;
    let session = begin_session(state, (&scope, &request), who, from).await?;
    Ok(GoesOn {
        to: request.to().to_owned(),
        cookies: session.into_iter().chain(unset()).collect(),
    })
}

/// The request of this browser that is answered, for the first time.
async fn answered(
    state: &ApiState,
    kept: Option<&str>,
    named: Option<&str>,
) -> Result<Request, Ended> {
    let now = state.clock.now();
    let request = kept.zip(named).and_then(|(kept, named)| state.oidc.answered(kept, named, now));
    let request = request.ok_or(Ended::Refused(Refused::Expired))?;
    let until = now + GOOD_FOR;
    if !oidc::answer_once(&state.store, &request.state_hash(), until, now).await? {
        return Err(Ended::Refused(Refused::Expired));
    }
    Ok(request)
}

async fn enter(
    state: &ApiState,
    scope: &TenantScope,
    provider: &Provider,
    identity: &Identity,
    from: &Client,
) -> Result<Entered, Ended> {
    let email = invitations::address(&identity.email);
    let email = email.map_err(|_| Ended::Refused(Refused::Unverified))?;
    if !provider.has_domain_of(&email) {
        return Err(Ended::Refused(Refused::Domain));
    }
    let request = RequestId::current();
    let arrival = Arrival {
        issuer: &provider.issuer,
        subject: &identity.subject,
        email: &email,
        name: &shown_name(&identity.name, &email),
        groups: &identity.groups,
        new_user: Uuid::new_v4(),
        address: from.address,
        request_id: request.as_str(),
    };
    let entered = oidc::enter(scope, &arrival, state.clock.now()).await;
    entered.map_err(|error| Ended::of_entering(scope.company(), error))
}

/// A name that no list breaks at.
fn shown_name(name: &str, email: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    if name.trim().is_empty() { email.to_owned() } else { name.trim().to_owned() }
}

/// Begins a session in the company, in place of the one that the browser had when it left; its cookie.
async fn begin_session(
    state: &ApiState,
    (scope, request): (&TenantScope, &Request),
    who: Entered,
    from: &Client,
) -> Result<Option<HeaderValue>, Ended> {
    let key = credential::new_key()?;
    let lasting = state.gate.lasting();
    let actor = Actor::User { id: who.user, email: who.email };
    let id = RequestId::current().as_str().to_owned();
    let origin = Origin::of_request(actor, from.address, id);
    let replaces = request.replaces();
    let new = NewSession {
        key: &key,
        user: who.user,
        replaces: replaces.as_ref(),
        address: from.address,
        agent: &from.agent,
        origin: &origin,
        only: Some(scope),
    };
    sessions::begin(&state.store, &new, lasting, state.clock.now()).await?;
    Ok(cookie::set(&key, lasting.absolute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_host_are_gone_on_to() {
        for ours in ["/", "/hosts?query=a%20b", "/findings#x"] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "",
            "hosts",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a b",
            "/a\r\nX: y",
        ] {
            assert!(!is_ours(other), "{other:?}");
        }
        assert!(!is_ours(&format!("/{}", "a".repeat(TO_CHARS_MAX))));
    }

    #[test]
    fn a_name_is_shown_without_what_could_break_a_page_or_a_log() {
        assert_eq!(shown_name("Ann\nOther", "a@b.example"), "AnnOther");
        assert_eq!(shown_name(" \u{7} ", "a@b.example"), "a@b.example");
        assert_eq!(shown_name(&"n".repeat(900), "a@b.example").len(), NAME_CHARS_MAX);
    }
}
