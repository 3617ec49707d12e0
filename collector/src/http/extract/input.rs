//! What a request says: its query, its body, its path, and the version that it changes.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{self, FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::http::document::{Asks, Operation, Schemas};
use crate::http::problem::Problem;

/// Parameters of one query. No list takes more than some ten.
const PARAMETERS_MAX: usize = 64;

/// The query's parameters; an unknown or a malformed one is an error.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let count = parts.uri.query().map_or(0, |query| query.split('&').count());
        if count > PARAMETERS_MAX {
            let detail = format!("{count} parameters, where {PARAMETERS_MAX} are the most");
            return Err(Problem::field("query", detail));
        }
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(query)| Self(query))
            .map_err(|rejection: QueryRejection| Problem::field("query", rejection.body_text()))
    }
}

impl<T: JsonSchema> Asks for Params<T> {
    fn asks(operation: &mut Operation, schemas: &mut Schemas) {
        operation.takes_query::<T>(schemas);
        operation.refuses(StatusCode::UNPROCESSABLE_ENTITY);
    }
}

/// A body of JSON.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        // Nothing is unpacked here, so that no few bytes become many.
        if request.headers().contains_key(header::CONTENT_ENCODING) {
            let detail = "send the body as it is, without Content-Encoding";
            return Err(Problem::Body(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail.to_owned()));
        }
        Json::<T>::from_request(request, state).await.map(|Json(body)| Self(body)).map_err(
            |rejection: JsonRejection| Problem::Body(rejection.status(), rejection.body_text()),
        )
    }
}

impl<T: JsonSchema> Asks for Body<T> {
    fn asks(operation: &mut Operation, schemas: &mut Schemas) {
        operation.takes_body::<T>(schemas);
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

/// The route's path says what it is.
impl<T> Asks for Path<T> {}

/// A path's id of any of our kinds.
pub(crate) fn parse_id<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Problem> {
    // What is no id at all names nothing, as an unknown one does.
    text.parse().map_err(|_| Problem::NotFound(what))
}

/// The version that a change is made from; `None` for whichever there is (`*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IfMatch(pub(crate) Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let value = parts.headers.get(header::IF_MATCH).ok_or(Problem::VersionMissing)?;
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        // A weak tag matches nothing (RFC 9110, section 13.1.1), and so does what we never gave.
        text.strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .and_then(version)
            .map(|version| Self(Some(version)))
            .ok_or(Problem::Stale)
    }
}

/// The version of a tag's text. A number is read in other spellings too (`+7`, `007`), and tags are
/// compared by their characters.
fn version(text: &str) -> Option<u64> {
    let version: u64 = text.parse().ok()?;
    (version.to_string() == text).then_some(version)
}

impl Asks for IfMatch {
    fn asks(operation: &mut Operation, _: &mut Schemas) {
        operation.takes("IfMatch");
        operation.refuses(StatusCode::PRECONDITION_FAILED);
        operation.refuses(StatusCode::PRECONDITION_REQUIRED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn if_match(value: Option<&str>) -> Result<IfMatch, Problem> {
        let mut request = Request::builder();
        if let Some(value) = value {
            request = request.header(header::IF_MATCH, value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        IfMatch::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_change_names_the_version_that_it_was_made_from() {
        assert_eq!(if_match(Some("\"7\"")).await.unwrap(), IfMatch(Some(7)));
        assert_eq!(if_match(Some("*")).await.unwrap(), IfMatch(None));
        assert!(matches!(if_match(None).await, Err(Problem::VersionMissing)));
    }

    #[tokio::test]
    async fn a_version_that_was_never_given_is_an_old_one() {
        for other in [
            "W/\"7\"",
            "7",
            "\"\"",
            "\"",
            "\"seven\"",
            "\"1\", \"2\"",
            "\"+7\"",
            "\"007\"",
            "\" 7\"",
            "\"-7\"",
            "\"7.0\"",
            // One more than 64 bits hold.
            "\"18446744073709551616\"",
            "**",
        ] {
            assert!(matches!(if_match(Some(other)).await, Err(Problem::Stale)), "{other}");
        }
    }
}
