//! Documents as bodies: larger than any other, so few at once and never more than may be kept.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::document::{Asks, Operation, Schemas};
use super::problem::Problem;
use super::state::ApiState;
use crate::config::HttpConfig;

/// Documents that come in at once on a node: each is in memory, and several times while it is read.
const UPLOADS_MAX: usize = 2;
/// When to try again, in seconds.
const RETRY_AFTER_S: u32 = 5;
/// Media types that a document of JSON comes as.
const MEDIA_TYPES: [&str; 4] = [
    "application/json",
    "application/octet-stream",
    "application/spdx+json",
    "application/vnd.cyclonedx+json",
];

/// The places for documents that come in on this node. A clone shares them.
#[derive(Clone, Debug)]
pub struct Uploads {
    places: Arc<Semaphore>,
    bytes_max: usize,
}

impl Uploads {
    /// Places for documents as large as the configuration allows.
    #[must_use]
    pub fn new(config: &HttpConfig) -> Self {
        Self {
            places: Arc::new(Semaphore::new(UPLOADS_MAX)),
            bytes_max: usize::try_from(config.document_bytes_max).unwrap_or(usize::MAX),
        }
    }
}

/// A document, with its place until it is dropped.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) document: Bytes,
    _place: OwnedSemaphorePermit,
}

impl FromRequest<ApiState> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let Uploads { places, bytes_max } = &state.uploads;
        check_type(&request)?;
        let too_large = || {
            let detail = format!("a document has at most {bytes_max} bytes");
            Problem::Body(StatusCode::PAYLOAD_TOO_LARGE, detail)
        };
        // Said before anything is read, where the sender says it.
        let said = request.headers().get(header::CONTENT_LENGTH);
        let said = said.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if said.is_some_and(|said| said > *bytes_max) {
            return Err(too_large());
        }
        let place = Arc::clone(places).try_acquire_owned().map_err(|_| Problem::Unavailable {
            what: "a place for a document",
            retry_after_s: RETRY_AFTER_S,
        })?;
        let document = to_bytes(request.into_body(), *bytes_max).await.map_err(|_| too_large())?;
        Ok(Self { document, _place: place })
    }
}

/// That the body is JSON, and not packed.
fn check_type(request: &Request) -> Result<(), Problem> {
    let refused = |detail: String| {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Err(Problem::Body(status, detail))
    };
    let headers = request.headers();
    if headers.contains_key(header::CONTENT_ENCODING) {
        return refused("send the document as it is, without Content-Encoding".to_owned());
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if MEDIA_TYPES.contains(&kind.as_str()) {
        return Ok(());
    }
    refused(format!("send the document as one of {}", MEDIA_TYPES.join(", ")))
}

impl Asks for Upload {
    fn asks(operation: &mut Operation, _: &mut Schemas) {
        // Whose schema it is, its own format says.
        operation.takes_content("application/json", json!({ "type": "object" }));
    }
}
