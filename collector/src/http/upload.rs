//! Documents as bodies: larger than any other, so few at once and never more than may be kept.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::time::timeout;

use super::document::{Asks, Operation, Schemas};
use super::extract::Chosen;
use super::places::{Place, Places};
use super::problem::Problem;
use super::state::ApiState;
use crate::config::HttpConfig;

/// Documents that come in at once on a node: each is in memory, and several times while it is read.
const UPLOADS_MAX: usize = 2;
/// Those of one company: somebody else's always find a place.
const UPLOADS_OF_COMPANY_MAX: usize = 1;
/// How long a sender may send nothing.
const PART_WITHIN: Duration = Duration::from_secs(30);
/// How long a document may take to come in.
pub(super) const WHOLE_WITHIN: Duration = Duration::from_secs(600);
/// When to try again, in seconds.
const RETRY_AFTER_S: u32 = 5;
/// Media types that a document of JSON comes as, beside whatever else ends in `+json`.
const MEDIA_TYPES: [&str; 4] = [
    "application/json",
    "application/octet-stream",
    "application/spdx+json",
    "application/vnd.cyclonedx+json",
];

/// The places for documents that come in on this node. A clone shares them.
#[derive(Clone, Debug)]
pub struct Uploads {
    places: Places,
    bytes_max: usize,
}

impl Uploads {
    /// Places for documents as large as the configuration allows.
    #[must_use]
    pub fn new(config: &HttpConfig) -> Self {
        Self {
            places: Places::new(UPLOADS_MAX, UPLOADS_OF_COMPANY_MAX),
            bytes_max: usize::try_from(config.document_bytes_max).unwrap_or(usize::MAX),
        }
    }
}

/// A document, with its place until it is dropped.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) document: Bytes,
    _place: Place,
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
        // The company is chosen before: a document is somebody's.
        let Some(Chosen(company)) = request.extensions().get().copied() else {
            return Err(Problem::CompanyMissing);
        };
        let place = places.take(company).ok_or(Problem::Unavailable {
            what: "a place for a document",
            retry_after_s: RETRY_AFTER_S,
        })?;
        let reading = timeout(WHOLE_WITHIN, read(request.into_body(), *bytes_max));
        let document = match reading.await {
            Ok(Ok(document)) => document,
            Ok(Err(Unread::TooLarge)) => return Err(too_large()),
            Ok(Err(Unread::Stalled)) | Err(_) => {
                let detail = "the document did not come in time".to_owned();
                return Err(Problem::Body(StatusCode::REQUEST_TIMEOUT, detail));
            }
        };
        Ok(Self { document: document.into(), _place: place })
    }
}

/// Why a document did not come in.
enum Unread {
    /// It is larger than may be, or broke off.
    TooLarge,
    /// Nothing came for too long.
    Stalled,
}

async fn read(body: Body, bytes_max: usize) -> Result<Vec<u8>, Unread> {
    let (mut parts, mut document) = (body.into_data_stream(), Vec::new());
    while let Some(part) = timeout(PART_WITHIN, parts.next()).await.map_err(|_| Unread::Stalled)? {
        let part = part.map_err(|_| Unread::TooLarge)?;
        if part.len() > bytes_max - document.len() {
            return Err(Unread::TooLarge);
        }
        document.extend_from_slice(&part);
    }
    Ok(document)
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
    let is_json = kind.starts_with("application/") && kind.ends_with("+json");
    if is_json || MEDIA_TYPES.contains(&kind.as_str()) {
        return Ok(());
    }
    refused(format!("send the document as one of {}", MEDIA_TYPES.join(", ")))
}

impl Asks for Upload {
    fn asks(operation: &mut Operation, _: &mut Schemas) {
        // Whose schema it is, its own format says.
        operation.takes_upload("application/json", json!({ "type": "object" }));
    }
}
