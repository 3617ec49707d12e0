//! What handlers answer with, each of one status, so that the document knows it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::document::{Answers, Operation, Schemas};
use super::problem::Problem;

impl<T: JsonSchema> Answers for Json<T> {
    fn answers(operation: &mut Operation, schemas: &mut Schemas) {
        operation.gives::<T>(StatusCode::OK, schemas);
    }
}

/// 201: something new.
#[derive(Debug)]
pub(crate) struct Created<T>(pub(crate) T);

impl<T: JsonSchema> Answers for Created<T> {
    fn answers(operation: &mut Operation, schemas: &mut Schemas) {
        operation.gives::<T>(StatusCode::CREATED, schemas);
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// 202: it will be done, and this says how to know.
#[derive(Debug)]
pub(crate) struct Accepted<T>(pub(crate) T);

impl<T: JsonSchema> Answers for Accepted<T> {
    fn answers(operation: &mut Operation, schemas: &mut Schemas) {
        operation.gives::<T>(StatusCode::ACCEPTED, schemas);
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

/// 202: it will be done; there is no more to say.
#[derive(Debug)]
pub(crate) struct AcceptedAlone;

impl Answers for AcceptedAlone {
    fn answers(operation: &mut Operation, _: &mut Schemas) {
        operation.gives_nothing(StatusCode::ACCEPTED);
    }
}

impl IntoResponse for AcceptedAlone {
    fn into_response(self) -> Response {
        StatusCode::ACCEPTED.into_response()
    }
}

/// 204: it is done.
#[derive(Debug)]
pub(crate) struct NoContent;

impl NoContent {
    /// That it was done; where there was nothing to do it to, that there is no such `what`.
    ///
    /// # Errors
    ///
    /// When there was nothing.
    pub(crate) fn where_done(is_done: bool, what: &'static str) -> Result<Self, Problem> {
        is_done.then_some(Self).ok_or(Problem::NotFound(what))
    }
}

impl Answers for NoContent {
    fn answers(operation: &mut Operation, _: &mut Schemas) {
        operation.gives_nothing(StatusCode::NO_CONTENT);
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// 200 with the object's version, for who wants to change it.
#[derive(Debug)]
pub(crate) struct Versioned<T>(pub(crate) u64, pub(crate) T);

impl<T: JsonSchema> Answers for Versioned<T> {
    fn answers(operation: &mut Operation, schemas: &mut Schemas) {
        operation.gives::<T>(StatusCode::OK, schemas);
        operation.gives_header(StatusCode::OK, "ETag", "ETag");
    }
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        // A number in quotes is a header's value.
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}
