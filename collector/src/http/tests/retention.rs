//! How long a company keeps what is over: what it may say, and what can be asked for then.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::harness::{Answer, Api};

async fn put(api: &Api, key: &str, body: &Value) -> Answer {
    put_seen(api, key, "*", body).await
}

async fn put_seen(api: &Api, key: &str, tag: &str, body: &Value) -> Answer {
    let headers = [("if-match", tag)];
    api.write((Method::PUT, "/settings/retention"), key, &headers, body).await
}

#[tokio::test]
async fn a_company_says_how_long_within_what_the_collector_keeps() {
    let api = Api::new().await;
    let path = "/api/v1/settings/retention";
    let untold = api.get(path, &api.ours.viewer).await;
    assert_eq!(untold.json(), json!({ "history_days_max": 90 }));
    let body = json!({ "history_days": 30, "silent_hosts_days": 60 });
    let set = put(&api, &api.ours.admin, &body).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    let told = json!({ "history_days": 30, "silent_hosts_days": 60, "history_days_max": 90 });
    assert_eq!(api.get(path, &api.ours.viewer).await.json(), told);
    assert_eq!(api.get(path, &api.theirs.viewer).await.json(), untold.json());
    assert_eq!(put(&api, &api.ours.analyst, &body).await.status, StatusCode::FORBIDDEN);
    for (field, body) in [
        ("history_days", json!({ "history_days": 0 })),
        ("history_days", json!({ "history_days": 91 })),
        ("silent_hosts_days", json!({ "silent_hosts_days": 6 })),
        ("silent_hosts_days", json!({ "silent_hosts_days": 3_651 })),
    ] {
        put(&api, &api.ours.admin, &body).await.blames(field, "days");
    }
    put(&api, &api.ours.admin, &json!({ "days": 1 })).await.is_no_body("unknown field");
    let log = api.get("/api/v1/audit?action=retention.write", &api.ours.admin).await;
    assert_eq!(log.items()[0]["after"]["history_days"], 30);
}

#[tokio::test]
async fn lists_go_back_as_far_as_the_company_keeps_what_ended() {
    let api = Api::new().await;
    put(&api, &api.ours.admin, &json!({ "history_days": 30 })).await;
    api.hand.advance(Duration::from_secs(40 * 86_400));
    let host = format!("hosts/{}/software", api.ours.host);
    // NOW of the tests, which is 40 days ago.
    let at = "as_of=2026-03-01T12:00:00Z";
    for list in ["hosts", "software", "findings", &host] {
        let ours = api.get(&format!("/api/v1/{list}?{at}"), &api.ours.viewer).await;
        ours.blames("as_of", "longer ago than 30 days");
        let whole = api.get(&format!("/api/v1/{list}/export?{at}"), &api.ours.viewer).await;
        whole.blames("as_of", "longer ago than 30 days");
    }
    let theirs = api.get(&format!("/api/v1/hosts?{at}"), &api.theirs.viewer).await;
    assert_eq!(theirs.status, StatusCode::OK, "{}", theirs.text);
}

#[tokio::test]
async fn of_two_admins_who_read_the_same_the_second_is_told_to_look_again() {
    let api = Api::new().await;
    let path = "/api/v1/settings/retention";
    let read = api.get(path, &api.ours.admin).await;
    let tag = read.headers[header::ETAG].to_str().unwrap();
    let body = json!({ "history_days": 30 });
    let without = api.write((Method::PUT, "/settings/retention"), &api.ours.admin, &[], &body);
    without.await.refuses(428, "If-Match");
    let first = put_seen(&api, &api.ours.admin, tag, &body).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let other = json!({ "silent_hosts_days": 60 });
    put_seen(&api, &api.ours.admin, tag, &other).await.refuses(412, "read it again");
    let now = api.get(path, &api.ours.admin).await;
    assert_eq!(now.json(), json!({ "history_days": 30, "history_days_max": 90 }));
    assert_eq!(now.headers[header::ETAG], first.headers[header::ETAG]);
    let tag = now.headers[header::ETAG].to_str().unwrap();
    assert_eq!(put_seen(&api, &api.ours.admin, tag, &other).await.status, StatusCode::OK);
}
