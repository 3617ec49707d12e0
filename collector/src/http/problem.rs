//! Problem documents (RFC 9457): the one shape of every error of the API.
//!
//! A problem says what, where and what to do. What went wrong inside the collector is logged under
//! the request's id and never sent.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::error::StoreError;

use super::request_id::RequestId;
use crate::causes::Causes;

/// The document's media type.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What can be wrong with a request, or with us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// No key, an unknown key, an expired or a revoked one; which of these is not said.
    #[error("send a valid API key as `Authorization: Bearer msk_…`")]
    Unauthenticated,
    /// The key is valid but may not do this.
    #[error("this API key's role may not do this; it takes the role {0}")]
    Forbidden(&'static str),
    /// The operator did not say which company.
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
    #[error("there is no {0}; the README lists the API")]
    NoRoute(String),
    /// The object's state does not allow it.
    #[error("{0}")]
    Conflict(String),
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
        Self::Invalid(vec![FieldError {
            field,
            detail: detail.into(),
        }])
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::CompanyMissing => StatusCode::BAD_REQUEST,
            Self::NotFound(_) | Self::NoRoute(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            // axum's own: 400, 413, 415 and 422 are told apart better than one of ours would.
            Self::Body(status, _) => *status,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The problem's type, a stable word that programs can compare.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::CompanyMissing => "company-missing",
            Self::NotFound(_) => "not-found",
            Self::Invalid(_) => "invalid",
            Self::Body(..) => "body",
            Self::NoRoute(_) => "no-route",
            Self::Conflict(_) => "conflict",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal(_) => "internal",
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InvalidCursor => Self::field("page_token", error.to_string()),
            // A warning and not an error: the pipeline says once that the database is away, and
            // every request would say it again.
            StoreError::Unavailable(_) => {
                tracing::warn!("answer a request: {}", Causes(&error.into()));
                Self::Unavailable {
                    what: "the database",
                    retry_after_s: 5,
                }
            }
            StoreError::Unstorable(_) | StoreError::Inconsistent { .. } => {
                Self::Internal(error.into())
            }
        }
    }
}

fn fields_text(fields: &[FieldError]) -> String {
    let parts: Vec<_> = fields
        .iter()
        .map(|f| format!("{}: {}", f.field, f.detail))
        .collect();
    parts.join("; ")
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let request_id = RequestId::current();
        let status = self.status();
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
        let errors: &[FieldError] = if let Self::Invalid(fields) = &self {
            fields
        } else {
            &[]
        };
        let document = Document {
            r#type: format!("urn:muster:problem:{}", self.kind()),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: &detail,
            request_id: request_id.as_str(),
            errors,
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Self::Unavailable { retry_after_s, .. } = &self {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_s));
        }
        if matches!(self, Self::Unauthenticated) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
