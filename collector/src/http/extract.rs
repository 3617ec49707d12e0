//! Who asks, and where they may look: the only ways from a request to a scope.

use std::marker::PhantomData;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{self, FromRequest, FromRequestParts, Query, Request};
use axum::http::HeaderName;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use protocol::ids::CompanyId;
use serde::de::DeserializeOwned;
use store::api_keys::PresentedKey;
use store::tenant::{OperatorScope, Principal, Role, TenantScope};

use super::problem::Problem;
use super::state::ApiState;

/// The header by which an operator names a company.
pub(crate) static COMPANY: HeaderName = HeaderName::from_static("muster-company");

/// Whoever holds a valid key.
#[derive(Debug)]
pub(crate) struct Authenticated(pub(crate) Principal);

/// An operator.
#[derive(Debug)]
pub(crate) struct Operator(pub(crate) OperatorScope);

/// What a route asks of whoever uses it.
pub(crate) trait Needs: Send + Sync {
    /// The least role that may use it.
    const ROLE: Role;
}

/// For everyone in the company.
#[derive(Debug)]
pub(crate) struct Viewer;

/// For those who triage.
#[derive(Debug)]
pub(crate) struct Analyst;

/// For those who run the company's fleet.
#[derive(Debug)]
pub(crate) struct Admin;

impl Needs for Viewer {
    const ROLE: Role = Role::Viewer;
}

impl Needs for Analyst {
    const ROLE: Role = Role::Analyst;
}

impl Needs for Admin {
    const ROLE: Role = Role::Admin;
}

/// A company that the caller may look into, with at least the role `R`.
#[derive(Debug)]
pub(crate) struct Tenant<R> {
    /// The way to its rows.
    pub(crate) scope: TenantScope,
    role: PhantomData<R>,
}

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        let key = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            // RFC 9110, section 11.1: the name of a scheme has no case.
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, key)| key.parse::<PresentedKey>().ok())
            // Malformed, unknown, expired and revoked keys get one answer: telling them apart would
            // help nobody who holds a good one.
            .ok_or(Problem::Unauthenticated)?;
        let principal = state.store.authenticate(&key, state.clock.now()).await?;
        principal.map(Self).ok_or(Problem::Unauthenticated)
    }
}

impl FromRequestParts<ApiState> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        let Authenticated(principal) =
            <Authenticated as FromRequestParts<ApiState>>::from_request_parts(parts, state).await?;
        principal
            .operator()
            .map(Self)
            .ok_or(Problem::Forbidden(Role::Operator.as_str()))
    }
}

impl<R: Needs> FromRequestParts<ApiState> for Tenant<R> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        let Authenticated(principal) =
            <Authenticated as FromRequestParts<ApiState>>::from_request_parts(parts, state).await?;
        // The header of an ordinary key is looked at, too: naming another company has to fail, not
        // to be passed over.
        let company = named_company(parts)?
            .or_else(|| principal.company())
            .ok_or(Problem::CompanyMissing)?;
        // The company before the role: who may not look into a company is not told what role it
        // would have taken.
        let scope = principal
            .scope(company)
            .await?
            .ok_or(Problem::NotFound("company"))?;
        if principal.role() < R::ROLE {
            return Err(Problem::Forbidden(R::ROLE.as_str()));
        }
        Ok(Self {
            scope,
            role: PhantomData,
        })
    }
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

/// The query's parameters; an unknown or a malformed one is an error.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(query)| Self(query))
            .map_err(|rejection: QueryRejection| Problem::field("query", rejection.body_text()))
    }
}

/// A body of JSON.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        Json::<T>::from_request(request, state)
            .await
            .map(|Json(body)| Self(body))
            .map_err(|rejection: JsonRejection| {
                Problem::Body(rejection.status(), rejection.body_text())
            })
    }
}

/// The path's parameter.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        // What axum itself refuses, such as bytes that are no UTF-8, it refuses in plain text.
        extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|extract::Path(value)| Self(value))
            .map_err(|rejection: PathRejection| Problem::field("path", rejection.body_text()))
    }
}

/// A path's id of any of our kinds.
pub(crate) fn parse_id<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Problem> {
    // What is no id at all names nothing, as an unknown one does.
    text.parse().map_err(|_| Problem::NotFound(what))
}
