//! Problem documents (RFC 9457): the one shape of every error of the API.
//!
//! A problem says what, where and what to do. What went wrong inside the collector is logged under
//! the request's id and never sent.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use store::error::StoreError;
use store::permission::Permission;

use super::request_id::RequestId;
use crate::causes::Causes;

/// The document's media type.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What can be wrong with a request, or with us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// No key and no session, or an unknown, an expired or a revoked one; which of these is not said.
    #[error("send a valid API key as `Authorization: Bearer msk_…`, or sign in")]
    Unauthenticated,
    /// The name, the password or the code is wrong; which of these is not said.
    #[error("the address, the password or the code is not right")]
    SignInRefused,
    /// The password is right, and a second factor is asked for.
    #[error("send the code of your second factor as `code`, or a recovery code")]
    SecondFactorMissing,
    /// Whoever it is may not do this.
    #[error("this takes the permission {}, which the role {} has", .0.as_str(), .0.role().as_str())]
    Forbidden(Permission),
    /// Another site may have made the browser send this.
    #[error("with a session's cookie, send the header `Muster-Csrf`, from a page of this host")]
    CrossSite,
    /// Nobody but a person can do this.
    #[error("this is a person's own: sign in; an API key has none of it")]
    NotAPerson,
    /// Who works in several companies, or in all, did not say in which.
    #[error("say which company: send its id in the header `Muster-Company`")]
    CompanyMissing,
    /// There is no such object, or it is another company's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field or a parameter is wrong.
    #[error("{}", fields_text(.0))]
    Invalid(Vec<FieldError>),
    /// The body is no JSON of the expected shape, or too large.
    #[error("{1}")]
    Body(StatusCode, String),
    /// The path or the method does not exist.
    #[error("there is no {0}; /api/v1/docs/ lists the API")]
    NoRoute(String),
    /// The path exists, and has no such method.
    #[error("{0}; the header `Allow` says what it has, and /api/v1/docs/ lists the API")]
    NoMethod(String),
    /// The object's state does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// What is to be changed was not named by its version.
    #[error("say which version you change: send its `ETag` in the header `If-Match`")]
    VersionMissing,
    /// What is to be changed was changed meanwhile.
    #[error("it was changed meanwhile: read it again, and change that")]
    Stale,
    /// The same request is being answered.
    #[error("a request with this `Idempotency-Key` is being answered; try again in {0} s")]
    Running(u32),
    /// The key of another request came again.
    #[error("this `Idempotency-Key` was used for another request: make a new one for each")]
    KeyReused,
    /// More than the rate allows.
    #[error("too many requests {whose}; try again in {retry_after_s} s")]
    TooMany {
        /// Whose they are.
        whose: &'static str,
        /// When to try again, in seconds.
        retry_after_s: u32,
    },
    /// Something that is needed is away for now.
    #[error("{what} is not available at the moment; try again in {retry_after_s} s")]
    Unavailable {
        /// What is away.
        what: &'static str,
        /// When to try again, in seconds.
        retry_after_s: u32,
    },
    /// A fault of ours; the text goes to the log.
    #[error("{0:#}")]
    Internal(anyhow::Error),
}

/// One wrong field of a request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FieldError {
    /// The field, the query parameter or the header.
    pub(crate) field: &'static str,
    /// What is wrong with it and what would be right.
    pub(crate) detail: String,
}

impl Problem {
    /// A problem with one field.
    pub(crate) fn field(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field, detail: detail.into() }])
    }

    /// The status, and the problem's type: a stable word that programs can compare.
    const fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::SignInRefused => (StatusCode::UNAUTHORIZED, "sign-in-refused"),
            Self::SecondFactorMissing => (StatusCode::UNAUTHORIZED, "second-factor-missing"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross-site"),
            Self::NotAPerson => (StatusCode::FORBIDDEN, "not-a-person"),
            Self::CompanyMissing => (StatusCode::BAD_REQUEST, "company-missing"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            // axum's own (400, 415 and 422) are told apart better than one of ours would.
            Self::Body(status, _) => (*status, "body"),
            Self::NoRoute(_) => (StatusCode::NOT_FOUND, "no-route"),
            Self::NoMethod(_) => (StatusCode::METHOD_NOT_ALLOWED, "no-method"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::VersionMissing => (StatusCode::PRECONDITION_REQUIRED, "version-missing"),
            Self::Stale => (StatusCode::PRECONDITION_FAILED, "stale"),
            Self::Running(_) => (StatusCode::CONFLICT, "running"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "key-reused"),
            Self::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too-many"),
            Self::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// When to try again, in seconds, where that is known.
    const fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Running(after)
            | Self::TooMany { retry_after_s: after, .. }
            | Self::Unavailable { retry_after_s: after, .. } => Some(*after),
            Self::Unauthenticated
            | Self::SignInRefused
            | Self::SecondFactorMissing
            | Self::Forbidden(_)
            | Self::CrossSite
            | Self::NotAPerson
            | Self::CompanyMissing
            | Self::NotFound(_)
            | Self::Invalid(_)
            | Self::Body(..)
            | Self::NoRoute(_)
            | Self::NoMethod(_)
            | Self::Conflict(_)
            | Self::VersionMissing
            | Self::Stale
            | Self::KeyReused
            | Self::Internal(_) => None,
        }
    }

    /// The problems of the `OpenAPI` document, by status.
    pub(crate) fn responses() -> Value {
        let mut all = serde_json::Map::new();
        for (status, description) in DESCRIPTIONS {
            let mut headers = json!({
                "Muster-Request-Id": { "$ref": "#/components/headers/RequestId" },
            });
            if matches!(*status, 429 | 503) {
                headers["Retry-After"] = json!({ "$ref": "#/components/headers/RetryAfter" });
            }
            let schema = json!({ "$ref": "#/components/schemas/Problem" });
            let response = json!({
                "description": description,
                "headers": headers,
                "content": { "application/problem+json": { "schema": schema } },
            });
            all.insert(format!("Problem{status}"), response);
        }
        Value::Object(all)
    }
}

/// What a status means here.
const DESCRIPTIONS: &[(u16, &str)] = &[
    (400, "The request cannot be read, or does not say in which company."),
    (401, "Nobody is let in with this."),
    (403, "Whoever it is may not do this."),
    (404, "There is no such object, or it is another company's."),
    (408, "The body, or the document, does not come in time."),
    (409, "The object's state does not allow it, or the same request is being answered."),
    (412, "It was changed meanwhile."),
    (413, "The body is too large."),
    (415, "The body is of another media type."),
    (422, "A field, a parameter or a header is wrong; `errors` says which."),
    (428, "The request does not say which version it changes."),
    (429, "Too many requests."),
    (500, "A fault of the collector's; its log has the reason under the request's id."),
    (503, "Something that is needed is away for now."),
];

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InvalidCursor => Self::field("page_token", error.to_string()),
            // A warning and not an error: the pipeline says once that the database is away, and
            // every request would say it again.
            StoreError::Unavailable(_) => {
                tracing::warn!("answer a request: {}", Causes(&error.into()));
                Self::Unavailable { what: "the database", retry_after_s: 5 }
            }
            StoreError::Busy => {
                tracing::info!("answer a request: {error}");
                Self::Unavailable { what: "a turn of the company to read", retry_after_s: 2 }
            }
            StoreError::Unstorable(_) | StoreError::Inconsistent { .. } => {
                Self::Internal(error.into())
            }
        }
    }
}

fn fields_text(fields: &[FieldError]) -> String {
    let parts: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.field, f.detail)).collect();
    parts.join("; ")
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
    trace_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let request_id = RequestId::current();
        let (status, kind) = self.kind();
        let detail = if let Self::Internal(error) = &self {
            tracing::error!(
                request_id = request_id.as_str(),
                "answer a request: {}",
                Causes(error)
            );
            "the collector's log has the reason under this request id".to_owned()
        } else {
            self.to_string()
        };
        let errors: &[FieldError] = if let Self::Invalid(fields) = &self { fields } else { &[] };
        let document = Document {
            r#type: format!("urn:muster:problem:{kind}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: &detail,
            request_id: request_id.as_str(),
            trace_id: request_id.trace(),
            errors,
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(retry_after_s) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
