//! Every refusal of the API, read as its client reads it: a problem document that says what is
//! wrong, where, and what would be right.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::harness::{Answer, Api};

/// Asserts that an answer is a problem document of this kind whose detail has these words, and
/// gives it.
fn problem(answer: &Answer, status: StatusCode, kind: &str, words: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    let document = answer.json();
    assert_eq!(document["type"], format!("urn:muster:problem:{kind}"));
    assert_eq!(document["status"], status.as_u16());
    assert_eq!(document["title"], status.canonical_reason().unwrap());
    let detail = document["detail"].as_str().unwrap();
    assert!(detail.contains(words), "{words:?} is not in {detail:?}");
    assert_eq!(document["request_id"], answer.headers["muster-request-id"].to_str().unwrap());
    document
}

/// Asserts that an answer blames this field, with these words.
fn blames(answer: &Answer, field: &str, words: &str) {
    let document = problem(answer, StatusCode::UNPROCESSABLE_ENTITY, "invalid", words);
    let errors = document["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{}", answer.text);
    assert_eq!(errors[0]["field"], field);
    assert!(errors[0]["detail"].as_str().unwrap().contains(words));
}

#[tokio::test]
async fn whoever_sends_no_key_is_told_how_to_send_one() {
    let api = Api::new().await;
    for (name, value) in [
        ("accept", "*/*"),
        ("authorization", "Bearer"),
        ("authorization", "Basic dXNlcjpwYXNzd29yZA=="),
        ("authorization", "Bearer msk_not-a-key"),
        // A good key in the wrong place is no key.
        ("x-api-key", api.ours.viewer.as_str()),
    ] {
        let request = Request::get("/api/v1/hosts").header(name, value);
        let answer = api.answer(request.body(Body::empty()).unwrap()).await;
        problem(&answer, StatusCode::UNAUTHORIZED, "unauthenticated", "Authorization: Bearer msk_");
        // RFC 9110, section 11.6.1: a 401 says which scheme it wants.
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        assert!(!answer.text.contains("not-a-key"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_role_that_is_too_small_is_told_which_it_takes() {
    let api = Api::new().await;
    let host = api.ours.host;
    for (method, path, role) in [
        (Method::POST, format!("/hosts/{host}/scan"), "analyst"),
        (Method::POST, format!("/hosts/{host}/revoke"), "admin"),
        (Method::GET, "/api-keys".to_owned(), "admin"),
        (Method::GET, "/companies".to_owned(), "operator"),
    ] {
        let path = format!("/api/v1{path}");
        let answer = api.send(method, &path, Some(&api.ours.viewer), None).await;
        let words = format!("which the role {role} has");
        problem(&answer, StatusCode::FORBIDDEN, "forbidden", &words);
    }
}

#[tokio::test]
async fn an_operator_is_asked_for_the_company() {
    let api = Api::new().await;
    let answer = api.get("/api/v1/hosts", &api.operator).await;
    problem(&answer, StatusCode::BAD_REQUEST, "company-missing", "Muster-Company");
    // A name for the id, nothing, and a header that is no text: `to_str` of the last fails, which
    // must not become a 500.
    for value in [&b"Ours"[..], b"", b"\xff"] {
        let request = Request::get("/api/v1/hosts")
            .header(header::AUTHORIZATION, format!("Bearer {}", api.operator))
            .header("Muster-Company", value);
        let answer = api.answer(request.body(Body::empty()).unwrap()).await;
        blames(&answer, "Muster-Company", "UUID");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let api = Api::new().await;
    let (admin, operator) = (api.ours.admin.as_str(), api.operator.as_str());
    let nobody = uuid::Uuid::nil();
    // An id that nobody has, and one that is none: a client has one case to handle, not two.
    for id in [nobody.to_string(), "web-1".to_owned()] {
        for (method, path, key, what) in [
            (Method::GET, format!("/hosts/{id}"), admin, "host"),
            (Method::GET, format!("/hosts/{id}/software"), admin, "host"),
            (Method::POST, format!("/hosts/{id}/scan"), admin, "host"),
            (Method::POST, format!("/hosts/{id}/revoke"), admin, "host"),
            (Method::GET, format!("/software/{id}"), admin, "software"),
            (Method::GET, format!("/cves/{id}"), admin, "CVE"),
            (Method::GET, format!("/cves/{id}/history"), admin, "CVE"),
            (Method::DELETE, format!("/api-keys/{id}"), admin, "API key"),
            (Method::GET, format!("/enrolment-tokens/{id}"), admin, "enrolment token"),
            (Method::DELETE, format!("/enrolment-tokens/{id}"), admin, "enrolment token"),
            (Method::POST, format!("/dead-letters/{id}/replay"), admin, "dead letter"),
            (Method::GET, format!("/companies/{id}"), operator, "company"),
            (Method::POST, format!("/companies/{id}/suspend"), operator, "company"),
            (Method::POST, format!("/companies/{id}/resume"), operator, "company"),
        ] {
            let path = format!("/api/v1{path}");
            let answer = api.send(method, &path, Some(key), None).await;
            let words = format!("there is no such {what}");
            problem(&answer, StatusCode::NOT_FOUND, "not-found", &words);
        }
    }
    let answer = api.get("/api/v1/hosts/%FF", admin).await;
    blames(&answer, "path", "UTF-8");
    let answer = api.get("/api/v1/hostz", admin).await;
    let words = "there is no GET /api/v1/hostz";
    problem(&answer, StatusCode::NOT_FOUND, "no-route", words);
}

#[tokio::test]
async fn a_company_whose_name_is_taken_is_a_conflict() {
    let api = Api::new().await;
    let operator = Some(api.operator.as_str());
    for name in ["Ours", "  OURS "] {
        let body = json!({ "name": name }).to_string();
        let answer = api.send(Method::POST, "/api/v1/companies", operator, Some(&body)).await;
        problem(&answer, StatusCode::CONFLICT, "conflict", "name");
    }
}

/// As many labels.
fn labels(count: u32) -> BTreeMap<String, String> {
    (0..count).map(|n| (n.to_string(), String::new())).collect()
}

/// Wrong bodies of new credentials: where they go, the field that is to blame, and words of the
/// advice.
fn wrong_credentials() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let long = "x".repeat(201);
    vec![
        ("/api-keys", json!({ "name": long, "role": "viewer" }), "name", "1 to 200 characters"),
        ("/api-keys", json!({ "name": "x", "role": "operator" }), "role", "viewer, analyst, admin"),
        (
            "/api-keys",
            json!({ "name": "x", "role": "viewer", "expires_after_s": 0 }),
            "expires_after_s",
            "leave it out for no end",
        ),
        (
            "/api-keys",
            json!({ "name": "x", "role": "viewer", "expires_after_s": 315_360_001 }),
            "expires_after_s",
            "1 to 315360000 seconds",
        ),
        ("/enrolment-tokens", json!({ "name": long }), "name", "1 to 200 characters"),
        ("/enrolment-tokens", json!({ "name": "x", "uses_max": 0 }), "uses_max", "at least 1"),
        (
            "/enrolment-tokens",
            json!({ "name": "x", "expires_after_s": 0 }),
            "expires_after_s",
            "leave it out for no end",
        ),
        (
            "/enrolment-tokens",
            json!({ "name": "x", "labels": labels(33) }),
            "labels",
            "at most 32 labels",
        ),
        (
            "/enrolment-tokens",
            json!({ "name": "x", "labels": { "site": "y".repeat(101) } }),
            "labels",
            "values of at most 100",
        ),
        (
            "/enrolment-tokens",
            json!({ "name": "x", "labels": { "": "berlin" } }),
            "labels",
            "names of 1",
        ),
        (
            "/enrolment-tokens",
            json!({ "name": "x", "labels": { "site": "ber\u{1b}[2Jlin" } }),
            "labels",
            "none of control",
        ),
    ]
}

#[tokio::test]
async fn every_wrong_field_of_a_new_object_is_named_with_what_would_be_right() {
    let api = Api::new().await;
    for (path, body, field, words) in wrong_credentials() {
        let path = format!("/api/v1{path}");
        let admin = Some(api.ours.admin.as_str());
        let answer = api.send(Method::POST, &path, admin, Some(&body.to_string())).await;
        blames(&answer, field, words);
        // What was refused was not made.
        let list = api.get(&path, &api.ours.admin).await.json();
        let made = list["items"].as_array().unwrap();
        assert!(made.iter().all(|item| item["name"] != body["name"]));
    }
}

#[tokio::test]
async fn every_wrong_parameter_is_named_with_what_would_be_right() {
    let api = Api::new().await;
    let host = api.ours.host;
    for (path, field, words) in [
        ("/hosts?limit=0".to_owned(), "limit", "1 to 1000"),
        ("/software?limit=1001".to_owned(), "limit", "1 to 1000"),
        (format!("/hosts/{host}/software?limit=0"), "limit", "1 to 1000"),
        ("/cves?page_token=%25".to_owned(), "page_token", "begin without one"),
        ("/dead-letters?page_token=x".to_owned(), "page_token", "begin without one"),
        ("/cves?severity_min=awful".to_owned(), "severity_min", "low, medium, high, critical"),
        ("/findings?severity_min=".to_owned(), "severity_min", "low, medium, high, critical"),
        (
            "/findings?confidence_min=sure".to_owned(),
            "query",
            "confidence_min: unknown variant `sure`, expected one of",
        ),
        ("/findings?host=web-1".to_owned(), "query", "host: "),
        ("/hosts?silent_since=yesterday".to_owned(), "query", "silent_since: "),
        ("/hosts?revoked=perhaps".to_owned(), "query", "revoked: "),
        ("/software?source=floppy".to_owned(), "query", "source: "),
        ("/software?status=odd".to_owned(), "query", "status: "),
        ("/cves?kev=1".to_owned(), "query", "kev: "),
        ("/cves?limit=-1".to_owned(), "query", "limit: "),
        ("/hosts?limit=1&limit=2".to_owned(), "query", "duplicate field `limit`"),
        (
            "/hosts?hostname=web".to_owned(),
            "query",
            "unknown field `hostname`, expected one of `query`",
        ),
    ] {
        let path = format!("/api/v1{path}");
        let answer = api.get(&path, &api.ours.admin).await;
        assert!(!answer.text.is_empty(), "{path}");
        blames(&answer, field, words);
    }
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_what_is_wrong_in_it() {
    let api = Api::new().await;
    let large = json!({ "name": "x".repeat(2 << 20) }).to_string();
    for (content, body, status, words) in [
        (
            "text/plain",
            r#"{ "name": "x" }"#,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type: application/json",
        ),
        ("application/json", r#"{ "name": "#, StatusCode::BAD_REQUEST, "EOF"),
        (
            "application/json",
            r#"{ "nane": "x" }"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "unknown field `nane`",
        ),
        (
            "application/json",
            r#"{ "name": 5 }"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "name: invalid type: integer `5`",
        ),
        ("application/json", &large, StatusCode::PAYLOAD_TOO_LARGE, "at most 1048576 bytes"),
    ] {
        let request = Request::post("/api/v1/companies")
            .header(header::AUTHORIZATION, format!("Bearer {}", api.operator))
            .header(header::CONTENT_TYPE, content)
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = api.answer(request).await;
        problem(&answer, status, "body", words);
    }
    let companies = api.get("/api/v1/companies", &api.operator).await.json();
    assert_eq!(companies["items"].as_array().unwrap().len(), 2);
}
