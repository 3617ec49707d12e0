//! Requests that are wrong, and what every answer carries.

use axum::http::{Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::harness::Api;

#[tokio::test]
async fn every_error_is_a_problem_document_with_the_requests_id() {
    let api = Api::new().await;
    for path in ["/api/v1/nothing", "/api/nothing", "/api/v1/hosts/not-an-id"] {
        let answer = api.get(path, &api.ours.viewer).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
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
        // What serde refuses has no field of its own: its words name what it expected.
        ("colour=red", "query"),
        ("sort=password", "query"),
    ] {
        let answer = api.get(&format!("/api/v1/hosts?{query}"), &api.ours.viewer).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}");
    }
    let answer = api.get("/api/v1/findings?severity_min=awful", &api.ours.viewer).await;
    assert!(answer.text.contains("critical"), "{}", answer.text);
}

#[tokio::test]
async fn wrong_bodies_are_refused_before_anything_is_done() {
    let api = Api::new().await;
    let operator = Some(api.operator.as_str());
    for body in ["", "{", "[]", "\u{0}", r#"{ "name": 5 }"#, r#"{ "name": "x", "colour": "red" }"#]
    {
        let answer = api.send(Method::POST, "/api/v1/companies", operator, Some(body)).await;
        assert!(answer.status.is_client_error(), "{body}: {}", answer.text);
        assert_eq!(answer.json()["type"], "urn:muster:problem:body", "{body}");
    }
    // Twice what a body may have by default.
    let large = format!(r#"{{ "name": "{}" }}"#, "x".repeat(2 << 20));
    let answer = api.send(Method::POST, "/api/v1/companies", operator, Some(&large)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_name_that_could_break_a_log_or_a_row_is_refused() {
    let api = Api::new().await;
    let (admin, operator) = (api.ours.admin.as_str(), api.operator.as_str());
    let long = "n".repeat(10_000);
    // Escaped as JSON has it, so the line break and the null byte arrive. A line break in a name
    // forges a line in a log that is text; a null byte is no text to PostgreSQL.
    for name in [r"x\nlevel=ERROR", r"a\u0000b", "", "   ", &long] {
        for (path, key, body) in [
            ("/enrolment-tokens", admin, format!(r#"{{ "name": "{name}" }}"#)),
            ("/api-keys", admin, format!(r#"{{ "name": "{name}", "role": "viewer" }}"#)),
            ("/companies", operator, format!(r#"{{ "name": "{name}" }}"#)),
        ] {
            let path = format!("/api/v1{path}");
            let answer = api.send(Method::POST, &path, Some(key), Some(&body)).await;
            let problem = answer.json();
            assert_eq!(problem["status"], 422, "{path} {name:?}: {}", answer.text);
            assert_eq!(problem["errors"][0]["field"], "name", "{path}");
        }
    }
}

/// What a client may put where a name, a word or an id is expected.
const HOSTILE_TEXTS: [&str; 6] = [
    "%00",
    "a%00b",
    "%F0%9F%92%A9",
    // The wildcards of LIKE and its escape.
    "%25_%5C",
    "%27%3B--",
    // U+202E turns what follows it around: names that read differently than they are.
    "%E2%80%AE",
];

#[tokio::test]
async fn no_text_in_a_filter_is_a_fault_of_the_collector() {
    let api = Api::new().await;
    for text in HOSTILE_TEXTS {
        for path in [
            format!("/hosts?query={text}"),
            format!("/hosts?platform={text}"),
            format!("/hosts?cve={text}"),
            format!("/hosts/{}/software?query={text}", api.ours.host),
            format!("/software?query={text}"),
            format!("/software?vendor={text}"),
            format!("/findings?cve={text}"),
            format!("/cves?query={text}"),
            format!("/cves/{text}"),
        ] {
            let answer = api.get(&format!("/api/v1{path}"), &api.ours.viewer).await;
            assert!(!answer.status.is_server_error(), "{path}: {}", answer.text);
        }
        let path = format!("/api/v1/companies?query={text}");
        let answer = api.get(&path, &api.operator).await;
        assert!(!answer.status.is_server_error(), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_forged_page_token_is_a_fault_of_its_sender() {
    let api = Api::new().await;
    for (path, list) in [
        ("/hosts", "hosts.hostname"),
        ("/software", "software.name"),
        ("/findings", "findings.severity"),
        ("/cves", "cves.severity"),
    ] {
        for after in [
            r#"{"v":"a\u0000b","i":"x"}"#,
            r#"{"v":"a","i":"a\u0000b"}"#,
            // The ends of 64 bits: one more or one less, in the database or before, would overflow.
            r#"{"v":9223372036854775807,"i":"-1"}"#,
            r#"{"v":-9223372036854775808,"i":"00000000-0000-0000-0000-000000000000"}"#,
            r#"{"v":"","i":""}"#,
        ] {
            // Tokens are not signed. They hold nothing that a filter could not say, so what is in
            // them has to be checked as any input.
            let token = URL_SAFE_NO_PAD.encode(format!(r#"["{list}",{after}]"#));
            let path = format!("/api/v1{path}?page_token={token}");
            let answer = api.get(&path, &api.ours.viewer).await;
            assert!(!answer.status.is_server_error(), "{after}: {}", answer.text);
        }
    }
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
    let other = api.get(&format!("/api/v1/hosts?page_token={token}"), &api.ours.viewer).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_token_of_the_hosts_by_software_is_none_of_a_hosts_software() {
    let api = Api::new().await;
    let token = URL_SAFE_NO_PAD.encode(r#"["hosts.software",{"v":"a","i":"x"}]"#);
    let host = api.ours.host;
    let path = format!("/api/v1/hosts/{host}/software?page_token={token}");
    let answer = api.get(&path, &api.ours.viewer).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["errors"][0]["field"], "page_token");
}

#[tokio::test]
async fn a_method_that_a_route_does_not_have_is_told_with_those_that_it_has() {
    let api = Api::new().await;
    let answer = api.send(Method::PUT, "/api/v1/hosts", Some(&api.ours.admin), None).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["type"], "urn:muster:problem:no-method");
    assert!(answer.headers[header::ALLOW].to_str().unwrap().contains("GET"));
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

#[tokio::test]
async fn hosts_whose_agent_is_behind_a_release_can_be_listed() {
    let api = Api::new().await;
    let ours = &api.ours;
    let hosts = api.get("/api/v1/hosts", &ours.admin).await.json();
    // The harness's agent says 0.1.0, which is the collector's own release or before it.
    for (below, expected) in
        [("0.1.0", 0), ("0.1.1", 1), ("0.10.0", 1), ("0.0.99", 0), ("1.0.0-rc.1", 1)]
    {
        let path = format!("/api/v1/hosts?agent_version_below={below}");
        let listed = api.get(&path, &ours.admin).await;
        let items = listed.json()["items"].as_array().map(Vec::len);
        assert_eq!(items, Some(expected), "{below}: {}", listed.text);
    }
    assert_eq!(hosts["items"][0]["agent_version"], "0.1.0");
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(hosts["items"][0]["agent_outdated"], own != "0.1.0");
    for wrong in ["latest", "0.1", "0.1.x", "1.2.3.4", "9999999999.0.0"] {
        let path = format!("/api/v1/hosts?agent_version_below={wrong}");
        let answer = api.get(&path, &ours.admin).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {}", answer.text);
        assert!(answer.text.contains("agent_version_below"), "{}", answer.text);
    }
}
