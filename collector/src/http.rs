//! The HTTP API: what people and their tools ask, and what watches the collector.
//!
//! A handler extracts who asks and where it may look, makes one or two calls of the store, and
//! answers. Nothing here decides what a company may see: a [`extract::Tenant`] is the only way to
//! its rows. Every error is a [`problem::Problem`].

mod bounds;
mod extract;
mod health;
mod measure;
mod node;
mod page;
mod plain_uri;
mod problem;
mod request_id;
mod state;
mod v1;

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware;
use axum::response::IntoResponse as _;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use uuid::{NoContext, Timestamp, Uuid};

pub use self::node::{IndexStatus, Node, NodeStatus};
pub use self::state::ApiState;

use self::problem::Problem;
use crate::config::HttpConfig;

/// Answers requests until `stop` resolves, and then those that are under way.
///
/// # Errors
///
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    config: &HttpConfig,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(state, config))
        .with_graceful_shutdown(stop)
        .await
}

/// Every route, with what surrounds it.
fn router(state: ApiState, config: &HttpConfig) -> Router {
    let body_bytes_max = usize::try_from(config.body_bytes_max).unwrap_or(usize::MAX);
    let turns = Arc::new(Semaphore::new(config.requests_max as usize));
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        // Only the API waits for turns: what watches the collector must hear from a busy one too.
        .nest(
            "/api/v1",
            v1::routes().layer(middleware::from_fn_with_state(turns, bounds::in_turn)),
        )
        .merge(health::routes())
        .fallback(no_route)
        // Not 405: to a client that guesses, a route with another method is as absent as none.
        .method_not_allowed_fallback(no_route)
        .layer(middleware::from_fn(plain_uri::check))
        // Outside of the checks, so that what they refuse is counted, and inside of the time limit,
        // so that an answer given up is counted by nobody as a fast one.
        .layer(middleware::from_fn(measure::measure))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(middleware::from_fn_with_state(
            config.request_timeout,
            bounds::in_time,
        ))
        // A handler that panics has broken its own request and nothing else; the panic itself is in
        // the log.
        .layer(CatchPanicLayer::custom(|_panic| {
            Problem::Internal(anyhow::anyhow!("a handler panicked")).into_response()
        }))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ))
        // Outermost, so that every answer has an id, whichever layer gives it.
        .layer(middleware::from_fn(request_id::assign))
        .with_state(state)
}

async fn no_route(method: Method, uri: Uri) -> Problem {
    Problem::NoRoute(format!("{method} {}", uri.path()))
}

/// A new id, ordered by the time of its making.
fn v7(now: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.nanosecond()))
}

#[cfg(test)]
mod tests;
