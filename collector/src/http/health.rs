//! What watches the collector: whether it lives, whether it can work, and its metrics.
//!
//! Beside the API, and on an address of its own where there is one: a node without the role of the API has
//! to be watched as well.

use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use store::database::Store;

use super::node::Node;
use super::state::ApiState;

/// What is asked of a node that is watched.
#[derive(Clone)]
pub struct Watched {
    /// The database.
    pub store: Store,
    /// The process' metrics.
    pub metrics: PrometheusHandle,
    /// This process.
    pub node: Arc<dyn Node>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl FromRef<ApiState> for Watched {
    fn from_ref(state: &ApiState) -> Self {
        Self {
            store: state.store.clone(),
            metrics: state.metrics.clone(),
            node: Arc::clone(&state.node),
        }
    }
}

pub(super) fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Watched: FromRef<S>,
{
    Router::new()
        // Asks nothing of anybody: it says that the process answers, and no more.
        .route("/healthz", routing::get(async || "ok\n"))
        .route("/readyz", routing::get(ready))
        .route("/metrics", routing::get(metrics))
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    /// Whether PostgreSQL answers, and the pooler before it.
    database: bool,
    /// Whether the node takes work.
    node: bool,
}

async fn ready(State(state): State<Watched>) -> (StatusCode, Json<Readiness>) {
    // Alive and ready are two things: a collector without its database goes on taking reports, and
    // restarting it would not bring the database back.
    let database = state.store.ping().await.is_ok();
    let node = state.node.is_ready();
    let ready = database && node;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, database, node }))
}

async fn metrics(State(state): State<Watched>) -> String {
    state.metrics.render()
}
