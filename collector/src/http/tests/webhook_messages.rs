//! Messages of webhooks over HTTP: how they stand, when they go again, and what a webhook that is off does.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use store::webhooks::{Attempt, Outcome, WEBHOOKS_MAX, settle};
use uuid::Uuid;

use super::harness::{Answer, Api, NOW};

async fn send(api: &Api, method: Method, path: &str, body: &Value) -> Answer {
    let path = format!("/webhooks{path}");
    let headers = [("if-match", "*")];
    api.write((method, &path), &api.ours.admin, &headers, body).await
}

async fn post(api: &Api, path: &str) -> Answer {
    send(api, Method::POST, path, &json!({})).await
}

async fn get(api: &Api, path: &str) -> Answer {
    let path = format!("/api/v1/webhooks{path}");
    api.get(&path, &api.ours.admin).await
}

fn hook(name: &str, enabled: bool) -> Value {
    json!({
        "name": name, "url": "https://hooks.example/T0/secret", "kinds": ["policy.fail"],
        "enabled": enabled,
    })
}

/// Makes a webhook, and gives its path.
async fn made(api: &Api, name: &str) -> String {
    let made = send(api, Method::POST, "", &hook(name, true)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    format!("/{}", made.json()["id"].as_str().unwrap())
}

/// Has a trial message made, a second later than the one before, and gives its id.
async fn message(api: &Api, webhook: &str) -> Uuid {
    api.hand.advance(Duration::from_secs(1));
    let sent = post(api, &format!("{webhook}/test")).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
    sent.json()["id"].as_str().unwrap().parse().unwrap()
}

/// What became of a message, as the courier says it.
async fn ended(api: &Api, message: Uuid, outcome: Outcome) {
    let attempt = Attempt {
        outcome,
        status: Some(503),
        answer: Some("come back later".to_owned()),
        error: Some("503: come back later".to_owned()),
    };
    settle(&api.ours.scope, message, &attempt, NOW).await.unwrap();
}

fn ids(list: &Answer) -> Vec<String> {
    let id = |one: &Value| one["id"].as_str().unwrap().to_owned();
    list.items().iter().map(id).collect()
}

#[tokio::test]
async fn messages_are_listed_newest_first_by_how_they_stand() {
    let api = Api::new().await;
    let webhook = made(&api, "ours").await;
    let other = made(&api, "other").await;
    let mut messages = Vec::new();
    for _ in 0..4 {
        messages.push(message(&api, &webhook).await);
    }
    let elsewhere = message(&api, &other).await;
    ended(&api, messages[0], Outcome::Delivered).await;
    ended(&api, messages[1], Outcome::Dead).await;
    ended(&api, elsewhere, Outcome::Dead).await;
    let named =
        |of: &[usize]| -> Vec<String> { of.iter().map(|at| messages[*at].to_string()).collect() };
    let path = format!("{webhook}/deliveries");
    for (query, expected) in [
        ("", named(&[3, 2, 1, 0])),
        ("?state=pending", named(&[3, 2])),
        ("?state=delivered", named(&[0])),
        ("?state=dead", named(&[1])),
    ] {
        assert_eq!(ids(&get(&api, &format!("{path}{query}")).await), expected, "{query}");
    }
    let dead = get(&api, "/dead-letters").await;
    assert_eq!(ids(&dead), [elsewhere.to_string(), messages[1].to_string()]);
    let given_up = &dead.items()[1];
    assert_eq!((&given_up["status"], &given_up["attempts"]), (&json!(503), &json!(1)));
    assert_eq!(given_up["error"], "503: come back later");
    let shown = get(&api, &webhook).await.json();
    assert_eq!((&shown["pending"], &shown["dead"]), (&json!(2), &json!(1)));
    // A page at a time, and no token of one list in the other.
    let first = get(&api, &format!("{path}?limit=3")).await.json();
    let token = first["next_page_token"].as_str().unwrap();
    let rest = get(&api, &format!("{path}?limit=3&page_token={token}")).await;
    assert_eq!(ids(&rest), named(&[0]));
    get(&api, &format!("/dead-letters?page_token={token}"))
        .await
        .blames("page_token", "not a token of this list");
    for (query, field, words) in [
        ("state=lost", "state", "one of pending, delivered, dead"),
        ("limit=0", "limit", "1 to 1000"),
        ("limit=1001", "limit", "1 to 1000"),
        ("webhook=x", "query", "unknown field `webhook`"),
    ] {
        get(&api, &format!("{path}?{query}")).await.blames(field, words);
    }
}

#[tokio::test]
async fn a_message_goes_again_whatever_became_of_it_and_under_its_own_webhook_alone() {
    let api = Api::new().await;
    let (webhook, other) = (made(&api, "ours").await, made(&api, "other").await);
    for outcome in [Outcome::Delivered, Outcome::Dead] {
        let message = message(&api, &webhook).await;
        ended(&api, message, outcome).await;
        let wrong = format!("{other}/deliveries/{message}");
        get(&api, &wrong).await.refuses(404, "there is no such message");
        post(&api, &format!("{wrong}/replay")).await.refuses(404, "there is no such message");
        let path = format!("{webhook}/deliveries/{message}");
        let before = get(&api, &path).await.json();
        assert_ne!(before["state"], "pending");
        let again = post(&api, &format!("{path}/replay")).await;
        assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
        let after = get(&api, &path).await.json();
        assert_eq!((&after["state"], &after["attempts"]), (&json!("pending"), &json!(0)));
        assert_eq!(after.get("ended_at"), None, "{after}");
    }
    for id in ["x", "00000000-0000-0000-0000-000000000000"] {
        let path = format!("{webhook}/deliveries/{id}");
        get(&api, &path).await.refuses(404, "there is no such message");
        post(&api, &format!("{path}/replay")).await.refuses(404, "there is no such message");
    }
}

#[tokio::test]
async fn a_webhook_that_is_off_sends_nothing_until_it_is_on() {
    let api = Api::new().await;
    let webhook = made(&api, "ours").await;
    let waiting = message(&api, &webhook).await;
    let off = send(&api, Method::PUT, &webhook, &hook("ours", false)).await;
    assert_eq!(off.json()["enabled"], false, "{}", off.text);
    let since = json!({ "since": "2026-02-01T00:00:00Z" });
    for (path, body) in [
        (format!("{webhook}/test"), json!({})),
        (format!("{webhook}/replay"), since.clone()),
        (format!("{webhook}/deliveries/{waiting}/replay"), json!({})),
    ] {
        send(&api, Method::POST, &path, &body)
            .await
            .refuses(409, "the webhook is off: turn it on first");
    }
    // Left out, it is on; and a secret is kept through every change.
    let mut on = hook("ours", true);
    on.as_object_mut().unwrap().remove("enabled");
    let on = send(&api, Method::PUT, &webhook, &on).await;
    assert_eq!(on.json()["enabled"], true, "{}", on.text);
    assert!(!on.text.contains("whsec_"));
    message(&api, &webhook).await;
}

#[tokio::test]
async fn kinds_are_kept_once_each_and_templates_are_told_by_name() {
    let api = Api::new().await;
    for template in ["generic", "slack", "teams"] {
        let mut body = hook(template, true);
        body["template"] = json!(template);
        body["kinds"] = json!(["policy.fail", "finding.opened", "policy.fail", "finding.resolved"]);
        let made = send(&api, Method::POST, "", &body).await.json();
        assert_eq!(made["template"], template);
        let mut kinds: Vec<Value> = made["kinds"].as_array().unwrap().clone();
        kinds.sort_by_key(Value::to_string);
        assert_eq!(kinds, ["finding.opened", "finding.resolved", "policy.fail"]);
    }
    for (field, value, words) in [
        ("kinds", json!(["finding.odd"]), "no kind of event that can be asked for"),
        ("kinds", json!(["webhook.test", "policy.fail"]), "no kind of event"),
        ("kinds", json!([]), "at least one kind of event"),
        ("template", json!("Slack"), "one of generic, slack, teams"),
        ("url", json!("https://"), ""),
        ("url", json!("hooks.example"), ""),
        // What reads addresses passes these over, and a row or a log would not.
        ("url", json!("https://hooks.example/a\0b"), "none of control"),
        ("url", json!("https://hooks.exa\nmple/"), "none of control"),
    ] {
        let mut body = hook("x", true);
        body[field] = value;
        send(&api, Method::POST, "", &body).await.blames(field, words);
    }
    let list = get(&api, "").await;
    assert_eq!(list.items().len(), 3, "{}", list.text);
}

#[tokio::test]
async fn the_log_names_the_host_of_an_address_and_not_the_secret_in_it() {
    let api = Api::new().await;
    let webhook = made(&api, "ours").await;
    send(&api, Method::PUT, &webhook, &hook("theirs", true)).await;
    post(&api, &format!("{webhook}/secret")).await;
    message(&api, &webhook).await;
    send(&api, Method::DELETE, &webhook, &json!({})).await;
    let log = api.get("/api/v1/audit?action=webhook", &api.ours.admin).await;
    assert_eq!(log.items().len(), 5);
    assert!(log.text.contains("https://hooks.example\""), "{}", log.text);
    for secret in ["T0", "/secret", "whsec_"] {
        assert!(!log.text.contains(secret), "{secret}: {}", log.text);
    }
}

#[tokio::test]
async fn there_is_an_end_of_webhooks_and_room_again_when_one_is_gone() {
    let api = Api::new().await;
    let first = made(&api, "first").await;
    for number in 1..WEBHOOKS_MAX {
        made(&api, &number.to_string()).await;
    }
    let more = hook("one more", true);
    send(&api, Method::POST, "", &more)
        .await
        .refuses(409, "the company has 50 webhooks, which is all it can have");
    // Changing one is no new one, and another company has room of its own.
    let changed = send(&api, Method::PUT, &first, &hook("still", true)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let theirs = api.write((Method::POST, "/webhooks"), &api.theirs.admin, &[], &more).await;
    assert_eq!(theirs.status, StatusCode::CREATED, "{}", theirs.text);
    send(&api, Method::DELETE, &first, &json!({})).await;
    made(&api, "one more").await;
    let list = get(&api, "?limit=1000").await;
    assert_eq!(list.items().len(), 50);
}

#[tokio::test]
async fn who_is_no_admin_neither_sees_nor_sends() {
    let api = Api::new().await;
    let webhook = made(&api, "ours").await;
    for key in [&api.ours.viewer, &api.ours.analyst] {
        for (method, path) in [
            (Method::GET, String::new()),
            (Method::GET, webhook.clone()),
            (Method::GET, format!("{webhook}/deliveries")),
            (Method::GET, "/dead-letters".to_owned()),
            (Method::POST, format!("{webhook}/secret")),
            (Method::POST, format!("{webhook}/test")),
        ] {
            let path = format!("/webhooks{path}");
            let answer = api.write((method, &path), key, &[], &json!({})).await;
            answer.refuses(403, "webhooks:manage, which the role admin has");
            assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        }
    }
}
