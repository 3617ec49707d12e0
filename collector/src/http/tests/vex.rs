//! VEX documents as files: how they come in, how large they may be, and what is wrong with them.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::harness::{Answer, Api};

/// A document with so many statements, each with a note of so many letters.
fn document(statements: usize, letters: usize) -> Value {
    let statement = |number: usize| {
        json!({
            "vulnerability": { "name": format!("CVE-2024-{:05}", 10_000 + number) },
            "products": [{ "@id": "pkg:generic/nodejs" }],
            "status": "not_affected",
            "impact_statement": "x".repeat(letters),
            "timestamp": "2026-01-01T00:00:00Z",
        })
    };
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex-1",
        "author": "Example",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": (0..statements).map(statement).collect::<Vec<_>>(),
    })
}

async fn bring(api: &Api, key: &str, document: &str) -> Answer {
    api.send(Method::POST, "/api/v1/vex", Some(key), Some(document)).await
}

fn sorted(document: &Value) -> Vec<String> {
    let statements = document["statements"].as_array().unwrap();
    let mut texts: Vec<String> = statements.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn what_goes_out_comes_in_elsewhere_also_when_it_is_large() {
    let api = Api::new().await;
    let came = bring(&api, &api.ours.admin, &document(300, 4_000).to_string()).await;
    assert_eq!(came.status, StatusCode::CREATED, "{}", came.text);
    let path = "/api/v1/vex?format=openvex";
    let out = api.get(path, &api.ours.viewer).await;
    assert!(out.text.len() > 1 << 20, "{} bytes", out.text.len());
    let came = bring(&api, &api.theirs.admin, &out.text).await;
    assert_eq!(came.status, StatusCode::CREATED, "{}", came.text);
    let came = came.json();
    assert_eq!((&came["statements"], &came["exceptions"]), (&json!(300), &json!(300)));
    let theirs = api.get(path, &api.theirs.viewer).await.json();
    assert_eq!(sorted(&theirs), sorted(&out.json()));
}

#[tokio::test]
async fn a_file_that_is_no_document_is_refused_with_why() {
    let api = Api::new().await;
    for (body, words) in [
        ("{\"statements\":", "EOF while parsing"),
        ("[]", "neither OpenVEX"),
        ("{\"bomFormat\":\"SPDX\"}", "neither OpenVEX"),
    ] {
        bring(&api, &api.ours.admin, body).await.blames("document", words);
    }
    let send = async |kind: &str| {
        let request = Request::post("/api/v1/vex")
            .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.admin))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(document(1, 1).to_string()));
        api.answer(request.unwrap()).await
    };
    assert_eq!(send("application/vnd.openvex+json").await.status, StatusCode::CREATED);
    assert_eq!(send("text/xml").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = " ".repeat((32 << 20) + 1);
    bring(&api, &api.ours.admin, &large).await.refuses(413, "at most 33554432 bytes");
    assert_eq!(bring(&api, &api.ours.viewer, "{}").await.status, StatusCode::FORBIDDEN);
}
