//! What watches the collector: whether it lives, whether it can work, and its metrics.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use serde::Serialize;

use super::state::ApiState;

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        // Asks nothing of anybody: it says that the process answers, and no more.
        .route("/healthz", routing::get(async || "ok\n"))
        .route("/readyz", routing::get(ready))
        .route("/metrics", routing::get(metrics))
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    /// Whether PostgreSQL answers.
    database: bool,
    /// Whether the node takes work.
    node: bool,
}

async fn ready(State(state): State<ApiState>) -> (StatusCode, Json<Readiness>) {
    // Alive and ready are two things: a collector without its database goes on taking reports, and
    // restarting it would not bring the database back.
    let database = state.store.ping().await.is_ok();
    let node = state.node.is_ready();
    let ready = database && node;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, database, node }))
}

async fn metrics(State(state): State<ApiState>) -> String {
    state.metrics.render()
}
