//! Labels, exceptions, policies and VEX over HTTP.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::harness::{Answer, Api};

async fn send(api: &Api, method: Method, path: &str, key: &str, body: &Value) -> Answer {
    let path = format!("/api/v1{path}");
    api.send(method, &path, Some(key), Some(&body.to_string())).await
}

async fn post(api: &Api, path: &str, body: &Value) -> Answer {
    send(api, Method::POST, path, &api.ours.admin, body).await
}

async fn count(api: &Api, path: &str) -> usize {
    let answer = api.get(&format!("/api/v1{path}"), &api.ours.viewer).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.json()["items"].as_array().map_or(0, Vec::len)
}

fn accepted(rule: &Value) -> Value {
    json!({ "rule": rule, "status": "affected", "note": "behind a firewall" })
}

#[tokio::test]
async fn an_exception_does_what_its_preview_says_and_ends() {
    let api = Api::new().await;
    let rule = json!({ "cve": "cve-2024-0001" });
    let preview = post(&api, "/exceptions/preview", &rule).await.json();
    assert_eq!((&preview["findings"]["open"], &preview["hosts"]), (&json!(1), &json!(1)));
    assert_eq!(preview["sample"][0]["name"], "nodejs");
    let made = post(&api, "/exceptions", &accepted(&rule)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    assert_eq!((&made["state"], &made["suppressed"]), (&json!("active"), &json!(1)));
    assert_eq!(count(&api, "/findings").await, 0);
    let findings = api.get("/api/v1/findings?state=suppressed", &api.ours.viewer).await.json();
    assert_eq!(findings["items"][0]["state"], "suppressed");
    assert_eq!(findings["items"][0]["exception"], made["id"]);
    // The other company has the same CVE, and no exception.
    let theirs = api.get("/api/v1/findings", &api.theirs.viewer).await.json();
    assert_eq!(theirs["items"].as_array().map(Vec::len), Some(1));
    let path = format!("/exceptions/{}/withdraw", made["id"].as_str().unwrap());
    assert_eq!(post(&api, &path, &json!({})).await.json()["reopened"], 1);
    assert_eq!(count(&api, "/findings").await, 1);
}

#[tokio::test]
async fn where_approval_is_needed_who_asks_cannot_give_it() {
    let api = Api::new().await;
    let settings = json!({ "approval_needed": true });
    let set = send(&api, Method::PUT, "/exceptions/settings", &api.ours.admin, &settings).await;
    assert_eq!(set.status, StatusCode::OK);
    let asked = post(&api, "/exceptions", &accepted(&json!({ "product": "nodejs" }))).await;
    assert_eq!(asked.json()["state"], "requested");
    let id = asked.json()["id"].as_str().unwrap().to_owned();
    let approve = format!("/exceptions/{id}/approve");
    let own = post(&api, &approve, &json!({})).await;
    assert_eq!(own.status, StatusCode::CONFLICT, "{}", own.text);
    assert_eq!(count(&api, "/findings").await, 1);
    let reject = format!("/exceptions/{id}/reject");
    let rejected = post(&api, &reject, &json!({})).await.json();
    assert_eq!(rejected["state"], "rejected");
}

#[tokio::test]
async fn what_says_nothing_or_nonsense_is_refused_by_field() {
    let api = Api::new().await;
    for (body, field) in [
        (json!({ "rule": {}, "status": "affected" }), "about"),
        (json!({ "rule": { "cve": "" }, "status": "affected" }), "cve"),
        (json!({ "rule": { "cve": "CVE-1" }, "status": "fine" }), "status"),
        (json!({ "rule": { "cve": "CVE-1" }, "status": "not_affected" }), "justification"),
        (json!({ "rule": { "score_below": 11 }, "status": "affected" }), "score_below"),
        (
            json!({ "rule": { "cve": "CVE-1" }, "status": "affected", "expires_at": "2020-01-01T00:00:00Z" }),
            "expires_at",
        ),
        (
            json!({ "rule": { "cve": "CVE-1", "host": api.theirs.host }, "status": "affected" }),
            "host",
        ),
    ] {
        let answer = post(&api, "/exceptions", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
}

#[tokio::test]
async fn hosts_are_labelled_by_a_rule_or_by_people_and_found_by_it() {
    let api = Api::new().await;
    let body = json!({ "name": "Node hosts", "rule": { "software": { "name": "node*" } } });
    let made = post(&api, "/labels", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.json()["hosts"], 1);
    assert_eq!(count(&api, "/hosts?label=node%20hosts").await, 1);
    assert_eq!(count(&api, "/findings?label=Node%20hosts").await, 1);
    assert_eq!(count(&api, "/software?label=Node%20hosts").await, 1);
    let unknown = api.get("/api/v1/hosts?label=nobody", &api.ours.viewer).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    let manual = post(&api, "/labels", &json!({ "name": "lab" })).await.json();
    let path = format!("/labels/{}/hosts", manual["id"].as_str().unwrap());
    let all = json!({ "carries": true, "filter": { "query": "web" } });
    assert_eq!(post(&api, &path, &all).await.json()["changed"], 1);
    let none = json!({ "carries": false, "hosts": [api.theirs.host] });
    assert_eq!(post(&api, &path, &none).await.json()["changed"], 0);
    assert_eq!(count(&api, &format!("/hosts/{}/labels", api.ours.host)).await, 2);
}

#[tokio::test]
async fn a_rule_that_cannot_be_meant_is_refused() {
    let api = Api::new().await;
    for rule in [
        json!({ "hostname": "" }),
        json!({ "os_version": "newest" }),
        json!({ "hostname": "*a*a*a*a*a*a*a*a*a" }),
    ] {
        let answer = post(&api, "/labels", &json!({ "name": "x", "rule": rule })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{rule}");
        assert_eq!(answer.json()["errors"][0]["field"], "rule");
    }
}

#[tokio::test]
async fn a_policy_says_which_hosts_fail_and_why() {
    let api = Api::new().await;
    let body = json!({ "name": "No findings", "rule": { "no_finding": {} } });
    let made = post(&api, "/policies", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    assert_eq!(made["hosts"], json!({ "pass": 0, "fail": 1, "unknown": 0 }));
    let id = made["id"].as_str().unwrap();
    let path = format!("/api/v1/policies/{id}/hosts?state=fail");
    let failing = api.get(&path, &api.ours.viewer).await.json();
    assert_eq!(failing["items"][0]["reason"]["cve"], "CVE-2024-0001");
    assert_eq!(count(&api, &format!("/hosts?fails={id}")).await, 1);
    let summary = api.get("/api/v1/policies/summary", &api.ours.viewer).await;
    assert_eq!(summary.json()["hosts_failing"], 1);
    let theirs = api.get(&path, &api.theirs.viewer).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
    let change = json!({ "name": "x", "rule": { "no_finding": {} } }).to_string();
    for (version, status) in [("\"9\"", StatusCode::PRECONDITION_FAILED), ("\"1\"", StatusCode::OK)]
    {
        let request = Request::put(format!("/api/v1/policies/{id}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.admin))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::IF_MATCH, version)
            .body(Body::from(change.clone()))
            .unwrap();
        assert_eq!(api.answer(request).await.status, status, "{version}");
    }
}

#[tokio::test]
async fn a_vex_document_suppresses_reports_what_it_cannot_place_and_goes_out_as_it_came() {
    let api = Api::new().await;
    let statement = json!({
        "vulnerability": { "name": "CVE-2024-0001" },
        "products": [{ "@id": "pkg:generic/nodejs" }, { "@id": "https://example.com/thing" }],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
        "timestamp": "2026-01-01T00:00:00Z",
        "supplier": "somebody",
    });
    let unplaced = json!({
        "vulnerability": { "name": "CVE-2024-0002" },
        "products": [{ "@id": "https://example.com/other" }],
        "status": "fixed",
        "timestamp": "2026-01-01T00:00:00Z",
    });
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex-7",
        "author": "Example",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": [statement, unplaced],
    });
    for _twice in 0..2 {
        let came = post(&api, "/vex", &document).await;
        assert_eq!(came.status, StatusCode::CREATED, "{}", came.text);
        let came = came.json();
        let unknown = json!(["https://example.com/thing", "https://example.com/other"]);
        assert_eq!((&came["exceptions"], &came["unknown"]), (&json!(1), &unknown));
        assert_eq!(count(&api, "/findings").await, 0);
    }
    // The second time replaced the first.
    assert_eq!(count(&api, "/vex/documents").await, 1);
    assert_eq!(count(&api, "/exceptions?state=active").await, 1);
    let out = api.get("/api/v1/vex?format=openvex", &api.ours.viewer).await.json();
    assert_eq!(out["statements"], json!([statement, unplaced]));
    let other = api.get("/api/v1/vex?format=cyclonedx", &api.ours.viewer).await.json();
    let analysis = &other["vulnerabilities"][0]["analysis"];
    assert_eq!(analysis["justification"], "code_not_reachable");
    let bad = post(&api, "/vex", &json!({ "bomFormat": "SPDX" })).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
}
