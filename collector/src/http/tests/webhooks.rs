//! Webhooks over HTTP: secrets shown once, addresses that are refused, messages and their fates.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::harness::{Answer, Api};

async fn send(api: &Api, method: Method, path: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/webhooks{path}");
    let body = body.to_string();
    api.send(method, &path, Some(&api.ours.admin), Some(&body)).await
}

async fn get(api: &Api, path: &str) -> Answer {
    api.get(&format!("/api/v1/webhooks{path}"), &api.ours.admin).await
}

fn hook(name: &str, url: &str) -> Value {
    json!({ "name": name, "url": url, "kinds": ["finding.opened", "policy.fail"] })
}

async fn made(api: &Api) -> Value {
    let hook = hook("ours", "https://hooks.example/T0/x");
    let made = send(api, Method::POST, "", &hook).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()
}

fn path_of(webhook: &Value) -> String {
    format!("/{}", webhook["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_never_again() {
    let api = Api::new().await;
    let webhook = made(&api).await;
    let secret = webhook["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    assert_eq!(webhook["template"], "generic");
    let path = path_of(&webhook);
    let rotated = send(&api, Method::POST, &format!("{path}/secret"), &json!({})).await;
    let new = rotated.json()["secret"].as_str().unwrap().to_owned();
    assert!(new.starts_with("whsec_") && new != secret);
    let audit = api.get("/api/v1/audit", &api.ours.admin).await;
    assert!(audit.text.contains("webhook.rotate_secret"));
    for answer in [get(&api, "").await, get(&api, &path).await, audit] {
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.text.contains("whsec_"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_secret_of_ones_own_is_taken_asked_about_and_not_shown() {
    const OWN: &str = "0123456789abcdef0123456789abcdef";
    let api = Api::new().await;
    let mut hook = hook("ours", "https://hooks.example/T0/x");
    hook["secret"] = OWN.into();
    let made = send(&api, Method::POST, "", &hook).await.json();
    assert_eq!(made["secret"], OWN);
    let path = format!("{}/secret", path_of(&made));
    let is_current = async |secret: &str| {
        let body = json!({ "secret": secret });
        let answer = send(&api, Method::POST, &format!("{path}/check"), &body).await;
        answer.json()["is_current"] == true
    };
    assert!(is_current(OWN).await && !is_current("another").await);
    let revision = get(&api, &path_of(&made)).await.json()["revision"].clone();
    let same = send(&api, Method::PUT, &path, &json!({ "secret": OWN })).await;
    assert_eq!(same.status, StatusCode::NO_CONTENT, "{}", same.text);
    let after = get(&api, &path_of(&made)).await.json();
    assert_eq!(after["revision"], revision, "the same again is no rotation");
    let new = OWN.to_uppercase();
    let other = send(&api, Method::PUT, &path, &json!({ "secret": new })).await;
    assert_eq!(other.status, StatusCode::NO_CONTENT);
    assert!(is_current(&new).await && !is_current(OWN).await);
    for bad in ["short", "with a blank in its middle", "with\na line break in its middle"] {
        send(&api, Method::PUT, &path, &json!({ "secret": bad }))
            .await
            .blames("secret", "24 to 200");
    }
    let audit = api.get("/api/v1/audit", &api.ours.admin).await;
    assert!(!audit.text.contains("0123456789"), "{}", audit.text);
}

#[tokio::test]
async fn an_address_inside_and_other_nonsense_is_refused_with_its_field() {
    let api = Api::new().await;
    for url in [
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f000001/",
        "http://hooks.example/",
        "https://me:pw@hooks.example/",
        "file:///etc/passwd",
    ] {
        let refused = send(&api, Method::POST, "", &hook("x", url)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}");
        assert_eq!(refused.json()["errors"][0]["field"], "url", "{url}");
    }
    let good = "https://hooks.example/";
    for (field, body) in [
        ("kinds", json!({ "name": "x", "url": good, "kinds": [] })),
        ("kinds", json!({ "name": "x", "url": good, "kinds": ["webhook.test"] })),
        ("name", json!({ "name": " ", "url": good, "kinds": ["policy.fail"] })),
        (
            "template",
            json!({ "name": "x", "url": good, "kinds": ["policy.fail"], "template": "irc" }),
        ),
    ] {
        let refused = send(&api, Method::POST, "", &body).await;
        assert_eq!(refused.json()["errors"][0]["field"], field, "{body}");
    }
}

#[tokio::test]
async fn a_change_names_its_version_and_a_name_is_taken_once() {
    let api = Api::new().await;
    let webhook = made(&api).await;
    let path = path_of(&webhook);
    let tag = get(&api, &path).await.headers[header::ETAG].clone();
    let change = |tag: Option<&header::HeaderValue>, name: &str| {
        let mut request = Request::put(format!("/api/v1/webhooks{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.admin))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(tag) = tag {
            request = request.header(header::IF_MATCH, tag);
        }
        let body = hook(name, "https://hooks.example/T0/y").to_string();
        request.body(Body::from(body)).unwrap()
    };
    let without = api.answer(change(None, "new")).await;
    assert_eq!(without.status, StatusCode::PRECONDITION_REQUIRED);
    let changed = api.answer(change(Some(&tag), "new")).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(changed.json()["name"], "new");
    let stale = api.answer(change(Some(&tag), "newer")).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let taken = hook("NEW", "https://hooks.example/");
    let taken = send(&api, Method::POST, "", &taken).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let gone = send(&api, Method::DELETE, &path, &json!({})).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&api, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_trial_is_a_message_that_can_be_looked_at_and_sent_again() {
    let api = Api::new().await;
    let path = path_of(&made(&api).await);
    let sent = send(&api, Method::POST, &format!("{path}/test"), &json!({})).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
    let sent = sent.json();
    assert_eq!((&sent["kind"], &sent["state"]), (&json!("webhook.test"), &json!("pending")));
    let listed = get(&api, &format!("{path}/deliveries?state=pending")).await.json();
    assert_eq!(listed["items"][0], sent);
    assert_eq!(get(&api, "/dead-letters").await.json()["items"], json!([]));
    let message = format!("{path}/deliveries/{}", sent["id"].as_str().unwrap());
    assert_eq!(get(&api, &message).await.json(), sent);
    let again = send(&api, Method::POST, &format!("{message}/replay"), &json!({})).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    let since = json!({ "since": "2026-02-01T00:00:00Z" });
    let again = send(&api, Method::POST, &format!("{path}/replay"), &since).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
}

#[tokio::test]
async fn another_companys_webhook_is_not_found_whatever_is_asked_of_it() {
    let api = Api::new().await;
    let path = path_of(&made(&api).await);
    let sent = send(&api, Method::POST, &format!("{path}/test"), &json!({})).await;
    let message = sent.json()["id"].as_str().unwrap().to_owned();
    let body = hook("x", "https://hooks.example/").to_string();
    let since = json!({ "since": "2026-02-01T00:00:00Z" }).to_string();
    for (method, path, body) in [
        (Method::GET, path.clone(), None),
        (Method::DELETE, path.clone(), None),
        (Method::POST, format!("{path}/secret"), Some("{}")),
        (Method::POST, format!("{path}/test"), Some("{}")),
        (Method::POST, format!("{path}/replay"), Some(since.as_str())),
        (Method::GET, format!("{path}/deliveries"), None),
        (Method::GET, format!("{path}/deliveries/{message}"), None),
        (Method::POST, format!("{path}/deliveries/{message}/replay"), Some("{}")),
    ] {
        let whole = format!("/api/v1/webhooks{path}");
        let answer = api.send(method.clone(), &whole, Some(&api.theirs.admin), body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let request = Request::put(format!("/api/v1/webhooks{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", api.theirs.admin))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::IF_MATCH, "*")
        .body(Body::from(body))
        .unwrap();
    assert_eq!(api.answer(request).await.status, StatusCode::NOT_FOUND);
    let theirs = api.get("/api/v1/webhooks", &api.theirs.admin).await;
    assert_eq!(theirs.json()["items"], json!([]));
    assert_eq!(get(&api, &path).await.status, StatusCode::OK);
}
