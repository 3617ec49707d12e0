//! The HTTP API: what people and their tools ask, and what watches the collector.
//!
//! A handler extracts who asks and where it may look, makes one or two calls of the store, and
//! answers. Nothing here decides what a company may see: a [`extract::Tenant`] is the only way to
//! its rows. Every error is a [`problem::Problem`].

mod answer;
mod archive;
mod bodies;
mod bounds;
mod certificate;
mod client;
mod console;
mod cookie;
mod csrf;
mod document;
mod export;
mod extract;
mod gate;
mod health;
mod idempotency;
mod live;
mod may;
mod measure;
mod moment;
mod node;
mod page;
pub(crate) mod password;
mod places;
mod plain_uri;
mod problem;
mod recent;
mod request_id;
mod schema;
mod server;
mod state;
mod stream;
mod totp;
mod upload;
mod v1;
mod vex;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware;
use axum::response::IntoResponse as _;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use uuid::{NoContext, Timestamp, Uuid};

pub use self::certificate::{CertificateError, WebCertificate};
pub use self::export::Exports;
pub use self::gate::Gate;
pub use self::health::Watched;
pub use self::live::Live;
pub use self::node::{Explained, IndexStatus, Node, NodeStatus};
pub use self::state::ApiState;
pub use self::upload::Uploads;

use self::bodies::{Bodies, UploadRoutes};
use self::bounds::Within;
use self::problem::Problem;
use crate::config::HttpConfig;

/// Where the API's routes are mounted.
const API: &str = "/api/v1";

/// Answers requests until `stop` resolves, and then those that are under way: under TLS where there is a
/// certificate, else in the open.
///
/// # Errors
///
/// When the listener fails for good, or TLS cannot be set up.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    config: &HttpConfig,
    certificate: Option<&Arc<WebCertificate>>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let tls = certificate.map(WebCertificate::acceptor).transpose().map_err(io::Error::other)?;
    server::serve(listener, router(state, config), config, tls, stop).await
}

/// Answers those who watch a node, and nobody else, until `stop` resolves. Always in the open: who watches has an
/// address of its own for it.
///
/// # Errors
///
/// When the listener fails for good.
pub async fn serve_watched(
    listener: TcpListener,
    watched: Watched,
    config: &HttpConfig,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = health::routes::<Watched>().with_state(watched);
    server::serve(listener, routes, config, None, stop).await
}

/// Every route, with what surrounds it.
fn router(state: ApiState, config: &HttpConfig) -> Router {
    let body_bytes_max = usize::try_from(config.body_bytes_max).unwrap_or(usize::MAX);
    let turns = Arc::new(Semaphore::new(config.requests_max as usize));
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let routes = v1::routes();
    let document = document::of(&routes);
    let uploads =
        UploadRoutes::new(routes.uploads().map(|(method, path)| (method, format!("{API}{path}"))));
    let bodies = Bodies::new(config, uploads.clone());
    let within = Within { time: config.request_timeout, uploads };
    let api = routes
        .into_router()
        .layer(middleware::from_fn_with_state(
            state.clone(),
            idempotency::once,
        ))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            recent::end_with_changes,
        ))
        // Only the API waits for turns: what watches the collector must hear from a busy one too.
        .layer(middleware::from_fn_with_state(turns, bounds::in_turn))
        // Before the turn, so that who sends slowly waits for nobody but themselves.
        .layer(middleware::from_fn_with_state(bodies, bodies::read_first));
    let pages = document::page_routes(&document);
    let proxies: Arc<[IpAddr]> = config.proxies.clone().into();
    Router::new()
        .nest(API, api.merge(pages))
        .merge(health::routes())
        // The rest is the console's, which answers for no path of the API.
        .fallback(console::answer)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn(plain_uri::check))
        // Outside of the checks, so that what they refuse is counted, and inside of the time limit,
        // so that an answer given up is counted by nobody as a fast one.
        .layer(middleware::from_fn(measure::measure))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(middleware::from_fn_with_state(within, bounds::in_time))
        // A handler that panics has broken its own request and nothing else; the panic itself is in
        // the log.
        .layer(CatchPanicLayer::custom(|_panic| {
            Problem::Internal(anyhow::anyhow!("a handler panicked")).into_response()
        }))
        // Small answers gain nothing, and streams of events must not wait for a block to be full:
        // tower-http leaves both alone.
        .layer(CompressionLayer::new())
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ))
        .layer(fixed(
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(
            header::STRICT_TRANSPORT_SECURITY,
            // A browser minds it over TLS alone, which is where it is meant.
            "max-age=31536000",
        ))
        .layer(option_layer(cors(config)))
        .layer(middleware::from_fn_with_state(proxies, client::note))
        // Outermost, so that every answer has an id, whichever layer gives it.
        .layer(middleware::from_fn_with_state(
            state.tracer.clone(),
            request_id::assign,
        ))
        .with_state(state)
}

/// Lets pages of named other sites in, with a key and never with a session.
fn cors(config: &HttpConfig) -> Option<CorsLayer> {
    if config.cors_origins.is_empty() {
        return None;
    }
    let origins = config.cors_origins.iter().filter_map(|origin| origin.parse().ok());
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_MATCH,
                extract::COMPANY.clone(),
                HeaderName::from_static("idempotency-key"),
                request_id::PARENT,
            ])
            .expose_headers([header::ETAG, header::RETRY_AFTER, request_id::HEADER])
            .max_age(Duration::from_secs(3_600)),
    )
}

async fn no_method(method: Method, uri: Uri) -> Problem {
    Problem::NoMethod(format!("{} has no method {method}", uri.path()))
}

/// A new id, ordered by the time of its making.
fn v7(now: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.nanosecond()))
}

#[cfg(test)]
mod tests;
