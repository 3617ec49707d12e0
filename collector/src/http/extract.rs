//! Who asks, and where they may look: the only ways from a request to a scope.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use protocol::ids::CompanyId;
use store::api_keys::PresentedKey;
use store::audit::Origin;
use store::tenant::{OperatorScope, Principal, TenantScope};
use uuid::Uuid;

mod input;
mod standing;

pub(crate) use self::input::{Body, IfMatch, Params, Path, parse_id};
pub(crate) use self::standing::Presented;
use super::document::{Asks, Operation, Schemas};
use super::may::Needs;
use super::problem::Problem;
use super::request_id::RequestId;
use super::state::ApiState;
use super::{client, cookie, csrf};

/// The header by which somebody names a company.
pub(crate) static COMPANY: HeaderName = HeaderName::from_static("muster-company");

/// Whoever holds a valid key or session.
#[derive(Clone, Debug)]
pub(crate) struct Authenticated {
    /// Who.
    pub(crate) principal: Principal,
    /// Who, for the audit log.
    pub(crate) origin: Origin,
    /// The session, where it is one.
    pub(crate) session: Option<Uuid>,
}

/// An operator who may do `P`.
#[derive(Debug)]
pub(crate) struct Operator<P> {
    /// The way to what is the operators' own.
    pub(crate) scope: OperatorScope,
    permission: PhantomData<P>,
}

/// A company in which the caller may do `P`.
#[derive(Debug)]
pub(crate) struct Tenant<P> {
    /// The way to its rows.
    pub(crate) scope: TenantScope,
    permission: PhantomData<P>,
}

/// The company that a request is about, for what looks at the request after [`Tenant`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen(pub(crate) CompanyId);

/// A person, whatever they may do.
#[derive(Debug)]
pub(crate) struct Person {
    /// Who.
    pub(crate) user: Uuid,
    /// Their session.
    pub(crate) session: Uuid,
    /// What else is known of them.
    pub(crate) who: Authenticated,
}

/// What a request shows to be let in.
pub(super) enum Credential {
    /// An API key.
    Key(PresentedKey),
    /// A session.
    Session(PresentedKey),
}

/// A credential to look its holder up by. Of the secret only a hash is kept: how long comparing it
/// takes says nothing about the secret.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Shown {
    is_session: bool,
    id: Uuid,
    secret_hash: Vec<u8>,
}

impl Credential {
    /// What a request shows.
    ///
    /// # Errors
    ///
    /// When it is nothing, or nothing that could be right.
    pub(super) fn of(parts: &Parts) -> Result<Self, Problem> {
        // Malformed, unknown, expired and revoked ones get one answer: telling them apart would help
        // nobody who holds a good one.
        let Some(value) = parts.headers.get(AUTHORIZATION) else {
            let session = cookie::presented(parts).ok_or(Problem::Unauthenticated)?;
            return Ok(Self::Session(session));
        };
        // A wrong key is wrong, also where there is a cookie beside it: who sent both is not guessed.
        value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            // RFC 9110, section 11.1: the name of a scheme has no case.
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, key)| key.parse::<PresentedKey>().ok())
            .map(Self::Key)
            .ok_or(Problem::Unauthenticated)
    }

    /// Whose it is.
    ///
    /// # Errors
    ///
    /// When it is nobody's.
    async fn holder(&self, state: &ApiState) -> Result<Principal, Problem> {
        let recent = state.gate.recent();
        let shown = self.shown();
        let asked = match recent.find(&shown, state.clock.instant()) {
            Ok(holder) => return Ok(holder),
            Err(asked) => asked,
        };
        let now = state.clock.now();
        let holder = match self {
            Self::Key(key) => state.store.authenticate(key, now).await?,
            Self::Session(key) => {
                let lasting = state.gate.lasting();
                state.store.authenticate_session(key, lasting, now).await?
            }
        };
        let holder = holder.ok_or(Problem::Unauthenticated)?;
        recent.keep(shown, holder.clone(), asked);
        Ok(holder)
    }

    fn shown(&self) -> Shown {
        let (is_session, key) = match self {
            Self::Key(key) => (false, key),
            Self::Session(key) => (true, key),
        };
        Shown { is_session, id: key.id(), secret_hash: key.secret_hash() }
    }

    /// What only its holder has.
    pub(super) const fn secret(&self) -> &[u8; 32] {
        match self {
            Self::Key(key) | Self::Session(key) => key.secret(),
        }
    }
}

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        // Asked once a request, by whichever layer asks first.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let credential = Credential::of(parts)?;
        let session = match &credential {
            Credential::Key(_) => None,
            Credential::Session(key) => {
                csrf::check(parts)?;
                Some(key.id())
            }
        };
        let principal = credential.holder(state).await?;
        state.gate.admit(principal.id(), state.clock.instant())?;
        let address = client::address(parts);
        let request = RequestId::current().as_str().to_owned();
        let somebody = Self {
            origin: Origin::of_request(principal.actor().clone(), address, request),
            principal,
            session,
        };
        parts.extensions.insert(somebody.clone());
        Ok(somebody)
    }
}

impl Asks for Authenticated {
    fn asks(operation: &mut Operation, _: &mut Schemas) {
        operation.needs_somebody();
    }
}

impl FromRequestParts<ApiState> for Person {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        let who = Authenticated::from_request_parts(parts, state).await?;
        match (who.principal.user(), who.session) {
            (Some(user), Some(session)) => Ok(Self { user, session, who }),
            _ => Err(Problem::NotAPerson),
        }
    }
}

impl Asks for Person {
    fn asks(operation: &mut Operation, _: &mut Schemas) {
        operation.needs_somebody();
        operation.refuses(axum::http::StatusCode::FORBIDDEN);
    }
}

impl<P: Needs> FromRequestParts<ApiState> for Operator<P> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        let who = Authenticated::from_request_parts(parts, state).await?;
        who.principal
            .operator(&who.origin)
            .filter(|_| who.principal.may_operate(P::PERMISSION))
            .map(|scope| Self { scope, permission: PhantomData })
            .ok_or(Problem::Forbidden(P::PERMISSION))
    }
}

impl<P: Needs> Asks for Operator<P> {
    fn asks(operation: &mut Operation, _: &mut Schemas) {
        operation.needs_operator(P::PERMISSION);
    }
}

impl<P: Needs> FromRequestParts<ApiState> for Tenant<P> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        let who = Authenticated::from_request_parts(parts, state).await?;
        let company = company(parts, &who)?.ok_or(Problem::CompanyMissing)?;
        // The company before the permission: who may not look into a company is not told what it
        // would have taken.
        let scope =
            who.principal.scope(company, &who.origin).await?.ok_or(Problem::NotFound("company"))?;
        if !who.principal.may(P::PERMISSION, company) {
            return Err(Problem::Forbidden(P::PERMISSION));
        }
        // Once a request, from however many pages it is answered.
        if parts.extensions.insert(Chosen(company)).is_none() {
            state.gate.admit_company(company, state.clock.instant())?;
        }
        Ok(Self { scope, permission: PhantomData })
    }
}

impl<P: Needs> Asks for Tenant<P> {
    fn asks(operation: &mut Operation, _: &mut Schemas) {
        operation.needs(P::PERMISSION);
    }
}

/// The company that a request is about, if it says so or its sender has but one.
///
/// # Errors
///
/// When it says nothing that could be one.
pub(super) fn company(parts: &Parts, who: &Authenticated) -> Result<Option<CompanyId>, Problem> {
    // The header of an ordinary key is looked at, too: naming another company has to fail, not to be passed over.
    Ok(named_company(parts)?.or_else(|| who.principal.company()))
}

fn named_company(parts: &Parts) -> Result<Option<CompanyId>, Problem> {
    let Some(value) = parts.headers.get(&COMPANY) else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or_else(|| Problem::field("Muster-Company", "not a company's id, which is a UUID"))
}
