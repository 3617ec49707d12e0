//! Requests that are wrong, and what every answer carries.

use axum::http::{Method, StatusCode, header};

use super::harness::Api;

#[tokio::test]
async fn every_error_is_a_problem_document_with_the_requests_id() {
    let api = Api::new().await;
    for path in ["/api/v1/nothing", "/nothing", "/api/v1/hosts/not-an-id"] {
        let answer = api.get(path, &api.ours.viewer).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let id = answer.headers["muster-request-id"].to_str().unwrap();
        assert_eq!(answer.json()["request_id"], id);
    }
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let api = Api::new().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=9999", "limit"),
        ("page_token=zzz", "page_token"),
        ("colour=red", "query"),
        ("sort=password", "query"),
    ] {
        let answer = api
            .get(&format!("/api/v1/hosts?{query}"), &api.ours.viewer)
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}");
    }
    let answer = api
        .get("/api/v1/findings?severity_min=awful", &api.ours.viewer)
        .await;
    assert!(answer.text.contains("critical"), "{}", answer.text);
}

#[tokio::test]
async fn wrong_bodies_are_refused_before_anything_is_done() {
    let api = Api::new().await;
    let operator = Some(api.operator.as_str());
    for body in [
        "",
        "{",
        "[]",
        r#"{ "name": 5 }"#,
        r#"{ "name": "x", "colour": "red" }"#,
    ] {
        let answer = api
            .send(Method::POST, "/api/v1/companies", operator, Some(body))
            .await;
        assert!(answer.status.is_client_error(), "{body}: {}", answer.text);
        assert_eq!(answer.json()["type"], "urn:muster:problem:body", "{body}");
    }
    let large = format!(r#"{{ "name": "{}" }}"#, "x".repeat(2 << 20));
    let answer = api
        .send(Method::POST, "/api/v1/companies", operator, Some(&large))
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_name_that_could_break_a_log_is_refused() {
    let api = Api::new().await;
    let admin = Some(api.ours.admin.as_str());
    let body = r#"{ "name": "x\nlevel=ERROR" }"#;
    let answer = api
        .send(Method::POST, "/api/v1/enrolment-tokens", admin, Some(body))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_page_token_leads_to_the_next_page_of_its_own_list_only() {
    let api = Api::new().await;
    let operator = &api.operator;
    let first = api.get("/api/v1/companies?limit=1", operator).await.json();
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("/api/v1/companies?limit=1&page_token={token}");
    let second = api.get(&path, operator).await.json();
    assert_eq!(first["items"][0]["name"], "Ours");
    assert_eq!(second["items"][0]["name"], "Theirs");
    assert!(second["next_page_token"].is_null());
    let other = api
        .get(
            &format!("/api/v1/hosts?page_token={token}"),
            &api.ours.viewer,
        )
        .await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_method_that_a_route_does_not_have_is_not_there() {
    let api = Api::new().await;
    let answer = api
        .send(Method::PUT, "/api/v1/hosts", Some(&api.ours.admin), None)
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_watches_the_collector_needs_no_key_and_shows_no_company() {
    let api = Api::new().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = api.send(Method::GET, path, None, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        assert!(!answer.text.contains(&api.ours.company.to_string()));
    }
    api.database.store().close().await;
    let answer = api.send(Method::GET, "/readyz", None, None).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_database_that_is_away_is_said_without_its_words() {
    let api = Api::new().await;
    api.database.store().close().await;
    let answer = api.get("/api/v1/hosts", &api.ours.viewer).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    assert!(!answer.text.contains("pool"), "{}", answer.text);
}

#[tokio::test]
async fn answers_are_not_to_be_kept_or_framed() {
    let api = Api::new().await;
    let answer = api.get("/api/v1/hosts", &api.ours.viewer).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
}
