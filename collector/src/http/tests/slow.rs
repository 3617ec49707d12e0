//! Senders that are slow, or stop: whom they keep waiting, and how long they have.

use std::io;
use std::task::Poll;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::harness::{Api, REQUESTS_MAX};

/// A body of which nothing comes, and which says that it was asked for.
fn nothing(asked: Sender<()>) -> Body {
    Body::from_stream(stream::poll_fn(move |_| {
        // Full only when it was asked for before.
        asked.try_send(()).ok();
        Poll::<Option<io::Result<Vec<u8>>>>::Pending
    }))
}

#[tokio::test]
async fn who_sends_nothing_of_a_body_takes_nobodys_turn() {
    let api = Api::new().await;
    let mut slow = JoinSet::new();
    for _ in 0..2 * REQUESTS_MAX {
        // Strangers: nobody knows who sends it before the body is there.
        let (asked, mut is_asked) = mpsc::channel(1);
        let request = Request::post("/api/v1/sessions")
            .header("muster-csrf", "1")
            .header(header::CONTENT_TYPE, "application/json")
            .body(nothing(asked))
            .unwrap();
        let router = api.router.clone();
        slow.spawn(async move { router.oneshot(request).await });
        is_asked.recv().await.unwrap();
    }
    let hosts = api.get("/api/v1/hosts", &api.ours.viewer).await;
    assert_eq!(hosts.status, StatusCode::OK, "{}", hosts.text);
    let body = json!({ "name": "made" }).to_string();
    let made = api.send(Method::POST, "/api/v1/labels", Some(&api.ours.admin), Some(&body)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    slow.abort_all();
}

#[tokio::test]
async fn every_operation_with_a_body_says_that_it_has_to_come_in_time() {
    let api = Api::new().await;
    let document = api.get("/api/v1/openapi.json", &api.ours.viewer).await.json();
    let responses = &document["components"]["responses"];
    assert!(responses["Problem408"]["description"].is_string(), "{responses}");
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let with_body: Vec<&Value> = operations.filter(|one| one["requestBody"].is_object()).collect();
    assert!(with_body.len() > 20, "{}", with_body.len());
    for operation in with_body {
        assert!(operation["responses"]["408"].is_object(), "{}", operation["operationId"]);
    }
}
