//! Webhooks that are told of some events of their kinds alone.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use store::webhooks::{Turned, claim, turn};
use uuid::Uuid;

use super::harness::{Answer, Api, NOW};

async fn post(api: &Api, path: &str, body: &Value) -> Answer {
    api.write((Method::POST, path), &api.ours.admin, &[], body).await
}

async fn label(api: &Api, name: &str) -> String {
    let made = post(api, "/labels", &json!({ "name": name })).await;
    made.json()["id"].as_str().unwrap().to_owned()
}

/// A webhook with some fields more.
fn hook(name: &str, more: &Value) -> Value {
    let mut body = json!({
        "name": name, "url": "https://hooks.example/T0/only", "kinds": ["finding.opened"],
    });
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    body
}

/// How many events a webhook is told of that there are already, with some fields more.
async fn told(api: &Api, name: &str, more: &Value) -> u64 {
    let made = post(api, "/webhooks", &hook(name, more)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id: Uuid = made.json()["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/webhooks/{id}");
    let since = json!({ "since": "2026-03-01T11:00:00Z" });
    let again = post(api, &format!("{path}/replay"), &since).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
    let (scope, mine) = (&api.ours.scope, Uuid::new_v4());
    // Events show once whatever was at work when they were written has ended.
    let claimed = async {
        loop {
            let claimed = claim(scope, mine, Duration::from_secs(60), NOW).await.unwrap();
            if claimed.iter().any(|one| one.id == id) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), claimed).await.unwrap();
    while turn(scope, id, mine, &Uuid::new_v4, NOW).await.unwrap() == Turned::More {}
    let messages = api.get(&format!("/api/v1{path}/deliveries"), &api.ours.admin).await.items();
    messages.iter().map(|one| one["events"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_webhook_is_told_of_what_is_severe_exploited_or_on_hosts_with_a_label() {
    let api = Api::new().await;
    let (web, other) = (label(&api, "web").await, label(&api, "other").await);
    let given = json!({ "carries": true, "hosts": [api.ours.host.to_string()] });
    let given = post(&api, &format!("/labels/{web}/hosts"), &given).await;
    assert_eq!(given.json()["changed"], 1, "{}", given.text);
    // Nobody scored the one CVE, and nobody says that it is exploited.
    for (name, more, expected) in [
        ("all", json!({}), 1),
        ("unknown", json!({ "severity_min": "unknown" }), 1),
        ("low", json!({ "severity_min": "low" }), 0),
        ("exploited", json!({ "kev": true }), 0),
        ("web", json!({ "label": "WEB" }), 1),
        ("elsewhere", json!({ "label": other }), 0),
        ("both", json!({ "label": web, "kev": true }), 0),
    ] {
        assert_eq!(told(&api, name, &more).await, expected, "{name}");
    }
}

#[tokio::test]
async fn what_a_webhook_is_told_of_is_shown_and_its_label_stays() {
    let api = Api::new().await;
    let web = label(&api, "web").await;
    let only = json!({ "severity_min": "high", "kev": true, "label": "web" });
    let made = post(&api, "/webhooks", &hook("ours", &only)).await.json();
    let shown = (&made["severity_min"], &made["kev"], &made["label"]);
    assert_eq!(shown, (&json!("high"), &json!(true), &json!(web)));
    let path = format!("/labels/{web}");
    let delete = (Method::DELETE, path.as_str());
    let kept = api.write(delete.clone(), &api.ours.admin, &[], &json!({})).await;
    kept.refuses(409, "webhooks are for the hosts with this label");
    let hooked = format!("/webhooks/{}", made["id"].as_str().unwrap());
    let put = (Method::PUT, hooked.as_str());
    let headers = [("if-match", "*")];
    let all = api.write(put, &api.ours.admin, &headers, &hook("ours", &json!({}))).await.json();
    assert_eq!(
        (all.get("severity_min"), &all["kev"], all.get("label")),
        (None, &json!(false), None)
    );
    let gone = api.write(delete, &api.ours.admin, &[], &json!({})).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    for (field, more) in [
        ("severity_min", json!({ "severity_min": "worst" })),
        ("label", json!({ "label": "nobody" })),
        ("label", json!({ "label": Uuid::nil() })),
    ] {
        post(&api, "/webhooks", &hook("other", &more)).await.blames(field, "");
    }
}
