//! The request's id: in the answer's header, in every problem and in the log.
//!
//! It is made here and never taken from the client, so that a client cannot write into the log.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::Uuid;

pub(super) const HEADER: HeaderName = HeaderName::from_static("muster-request-id");

tokio::task_local! {
    // Of the task, because a problem is made wherever something goes wrong, and nobody there has
    // the request at hand.
    static CURRENT: RequestId;
}

/// One request's id.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The id of the request that is being answered, or an empty one outside of requests.
    pub(crate) fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_else(|_| Self(String::new()))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives a request its id.
pub(crate) async fn assign(request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::new_v4().simple().to_string());
    let span = tracing::info_span!(
        "http.request",
        request_id = id.as_str(),
        method = %request.method(),
        path = request.uri().path(),
    );
    let header = HeaderValue::from_str(id.as_str());
    let mut response = CURRENT.scope(id, next.run(request).instrument(span)).await;
    if let Ok(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    response
}
