//! What holds for all routes: the document, pages and totals, writing again, changing, packing.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::harness::{Answer, Api};
use super::walk::operations;
use crate::http::{document, v1};

async fn write(
    api: &Api,
    (method, path): (Method, &str),
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.admin))
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.answer(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn the_document_is_served_and_every_reference_in_it_leads_somewhere() {
    let api = Api::new().await;
    let served = api.send(Method::GET, "/api/v1/openapi.json", None, None).await;
    assert_eq!(served.status, StatusCode::OK);
    let document = served.json();
    assert_eq!(document["openapi"], "3.1.0");
    for part in served.text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}

#[test]
fn the_document_that_the_console_is_made_from_is_the_one_that_is_served() {
    let kept: Value =
        serde_json::from_str(include_str!("../../../../console/openapi.json")).unwrap();
    let served = document::of(&v1::routes());
    for part in ["info", "tags", "paths", "components"] {
        // Both whole would be a message of a megabyte.
        assert!(kept[part] == served[part], "{part}: keep what /api/v1/openapi.json gives");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_what_may_come_back() {
    let mut names = std::collections::BTreeSet::new();
    for operation in operations() {
        let name = operation.document["operationId"].as_str().unwrap().to_owned();
        assert!(names.insert(name.clone()), "{name} twice");
        assert!(!operation.document["summary"].as_str().unwrap().is_empty(), "{name}");
        let responses = operation.document["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with(['2', '3'])), "{name}");
        assert!(responses.contains_key("500") && responses.contains_key("503"), "{name}");
        assert!(operation.is_open() || responses.contains_key("401"), "{name}");
    }
}

#[tokio::test]
async fn the_page_of_the_document_needs_no_other_site() {
    let api = Api::new().await;
    let page = api.send(Method::GET, "/api/v1/docs/", None, None).await;
    assert_eq!(page.status, StatusCode::OK);
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && policy.contains("default-src 'none'"));
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "start.js"] {
        let path = format!("/api/v1/docs/{file}");
        let answer = api.send(Method::GET, &path, None, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
    }
    let other = api.send(Method::GET, "/api/v1/docs/..%2f..%2fetc%2fpasswd", None, None).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_total_is_exact_on_the_last_page_and_a_bound_before() {
    let api = Api::new().await;
    let first = api.get("/api/v1/companies?limit=1", &api.operator).await.json();
    assert_eq!(first["total"], json!({ "count": 2, "type": "AT_LEAST" }));
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("/api/v1/companies?limit=1&page_token={token}");
    let last = api.get(&path, &api.operator).await.json();
    assert_eq!(last["total"], json!({ "count": 2, "type": "EXACT" }));
}

#[tokio::test]
async fn the_same_request_with_the_same_word_is_done_once() {
    let api = Api::new().await;
    let body = json!({ "name": "report", "role": "viewer" });
    let word = [("idempotency-key", "one")];
    let post = (Method::POST, "/api-keys");
    let first = write(&api, post.clone(), &word, &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let again = write(&api, post.clone(), &word, &body).await;
    // The secret too, which is shown once: whoever lost the first answer needs it.
    assert_eq!((again.status, &again.text), (StatusCode::CREATED, &first.text));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let keys = api.get("/api/v1/api-keys", &api.ours.admin).await.text;
    assert_eq!(keys.matches("\"report\"").count(), 1);
    let other = write(&api, post.clone(), &word, &json!({ "name": "x", "role": "viewer" })).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.json()["type"], "urn:muster:problem:key-reused");
    // A day later the word is free again.
    api.hand.advance(std::time::Duration::from_secs(24 * 3_600 + 1));
    let later = write(&api, post, &word, &body).await;
    assert_ne!(later.text, first.text);
}

#[tokio::test]
async fn a_refused_request_can_be_mended_under_the_same_word() {
    let api = Api::new().await;
    let word = [("idempotency-key", "two")];
    let post = (Method::POST, "/api-keys");
    let wrong = json!({ "name": "report", "role": "operator" });
    let refused = write(&api, post.clone(), &word, &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = json!({ "name": "report", "role": "viewer" });
    let made = write(&api, post, &word, &right).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
}

#[tokio::test]
async fn nobodys_word_is_anothers() {
    let api = Api::new().await;
    let body = r#"{ "name": "report", "role": "viewer" }"#;
    let mut answers = Vec::new();
    for key in [&api.ours.admin, &api.theirs.admin] {
        let request = Request::post("/api/v1/api-keys")
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", "one")
            .body(Body::from(body))
            .unwrap();
        answers.push(api.answer(request).await.text);
    }
    assert_ne!(answers[0], answers[1]);
}

#[tokio::test]
async fn settings_are_changed_from_the_version_that_was_read() {
    let api = Api::new().await;
    let read = api.get("/api/v1/settings", &api.ours.admin).await;
    let version = read.headers[header::ETAG].to_str().unwrap().to_owned();
    let mut settings = read.json();
    settings["heartbeat_every_s"] = 120.into();
    let put = (Method::PUT, "/settings");
    let without = write(&api, put.clone(), &[], &settings).await;
    assert_eq!(without.status, StatusCode::PRECONDITION_REQUIRED);
    let named = [("if-match", version.as_str())];
    let changed = write(&api, put.clone(), &named, &settings).await;
    assert_eq!(changed.json()["heartbeat_every_s"], 120, "{}", changed.text);
    let stale = write(&api, put.clone(), &named, &settings).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    settings["scan_every_s"] = 1.into();
    let out = write(&api, put, &[("if-match", "*")], &settings).await;
    assert_eq!(out.json()["errors"][0]["field"], "scan_every_s");
    let log = api.get("/api/v1/audit?action=settings", &api.ours.admin).await.json();
    assert_eq!(log["items"][0]["before"]["heartbeat_every_s"], 300);
    assert_eq!(log["items"][0]["after"]["heartbeat_every_s"], 120);
}

#[tokio::test]
async fn large_answers_are_packed_and_packed_requests_are_refused() {
    let api = Api::new().await;
    for packing in ["gzip", "zstd"] {
        let request = Request::get("/api/v1/openapi.json")
            .header(header::ACCEPT_ENCODING, packing)
            .body(Body::empty())
            .unwrap();
        let (headers, bytes) = api.bytes(request).await;
        assert_eq!(headers[header::CONTENT_ENCODING], packing);
        assert!(bytes.len() < 40_000, "{packing}: {}", bytes.len());
    }
    let bomb = [("content-encoding", "gzip")];
    let refused = write(&api, (Method::POST, "/api-keys"), &bomb, &json!({})).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn ten_thousand_filters_are_refused_before_they_are_read() {
    let api = Api::new().await;
    let many = "a&".repeat(10_000);
    let answer = api.get(&format!("/api/v1/hosts?{many}"), &api.ours.viewer).await;
    assert_eq!(answer.json()["errors"][0]["field"], "query", "{}", answer.text);
}

#[tokio::test]
async fn a_key_that_asks_too_much_is_told_when_to_come_again() {
    let api = Api::new().await;
    let mut refused = None;
    for _ in 0..600 {
        let answer = api.get("/api/v1/me", &api.ours.viewer).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap();
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    let other = api.get("/api/v1/me", &api.ours.admin).await;
    assert_eq!(other.status, StatusCode::OK, "another key is not held to it");
}

#[tokio::test]
async fn no_other_site_is_let_in_and_nobody_frames_an_answer() {
    let api = Api::new().await;
    let request = Request::get("/api/v1/me")
        .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.viewer))
        .header(header::ORIGIN, "https://evil.example")
        .body(Body::empty())
        .unwrap();
    let answer = api.answer(request).await;
    assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.headers[name], value);
    }
}
