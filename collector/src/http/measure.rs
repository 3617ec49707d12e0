//! Counts and times requests, by the route as it is declared: what a client makes up becomes no
//! label.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, histogram};

use crate::clock::Clock;
use crate::metrics::{HTTP_REQUESTS, HTTP_SECONDS, LABEL_METHOD, LABEL_ROUTE, LABEL_STATUS};

/// Counts and times one request.
pub(super) async fn measure(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    // HTTP allows any word as a method; as a label each would be a time series.
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    };
    // A duration for a metric decides nothing, so it needs no clock that a test could move.
    let clock = Clock::system();
    let began = clock.instant();
    let response = next.run(request).await;
    histogram!(HTTP_SECONDS, LABEL_ROUTE => route.clone(), LABEL_METHOD => method)
        .record(clock.instant() - began);
    let status = response.status().as_u16().to_string();
    counter!(HTTP_REQUESTS, LABEL_ROUTE => route, LABEL_METHOD => method, LABEL_STATUS => status)
        .increment(1);
    response
}
