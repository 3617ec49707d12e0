//! Digests over HTTP: one's own, and how one is ended from a mail program.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::harness::{Answer, Api};
use super::people::{Browser, PASSWORD, person};
use crate::mail::Passes;

const OWN: &str = "/me/digest";

async fn ann(api: &Api) -> Browser {
    person(api, "ann@example.org", "viewer").await;
    let mut browser = Browser::default();
    browser.sign_in(api, "ann@example.org", PASSWORD).await;
    browser
}

async fn put(api: &Api, browser: &mut Browser, tag: &str, body: Value) -> Answer {
    let headers = [("muster-csrf", "1"), ("if-match", tag)];
    browser.send_with(api, (Method::PUT, OWN, Some(body)), &headers).await
}

#[tokio::test]
async fn somebody_has_a_digest_changes_it_and_ends_it() {
    let api = Api::new().await;
    let mut ann = ann(&api).await;
    let none = ann.send(&api, Method::GET, OWN, None).await;
    assert_eq!(none.json(), json!({ "is_sent": false }));
    let tag = none.headers[header::ETAG].to_str().unwrap().to_owned();
    let daily = json!({ "at": "06:30", "time_zone": "Europe/Berlin" });
    let made = put(&api, &mut ann, &tag, daily).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let digest = made.json()["digest"].clone();
    assert_eq!(
        (&digest["at"], &digest["next_at"]),
        (&json!("06:30"), &json!("2026-03-02T05:30:00Z"))
    );
    assert_eq!(digest["sections"].as_array().map(Vec::len), Some(6));
    let weekly = json!({ "at": "06:30", "weekday": "monday", "sections": ["silent"] });
    let stale = put(&api, &mut ann, &tag, weekly.clone()).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let changed = put(&api, &mut ann, "*", weekly).await;
    assert_eq!(changed.json()["digest"]["sections"], json!(["silent"]));
    let trial = ann.send(&api, Method::POST, "/me/digest/test", None).await;
    trial.refuses(409, "the operator has named no server");
    let gone = ann.send(&api, Method::DELETE, OWN, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let again = ann.send(&api, Method::DELETE, OWN, None).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let log = api.get("/api/v1/audit?action=digest", &api.ours.admin).await;
    for action in ["digest.create", "digest.update", "digest.delete"] {
        assert!(log.text.contains(action), "{action}: {}", log.text);
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_field() {
    let api = Api::new().await;
    let mut ann = ann(&api).await;
    for (body, field, words) in [
        (json!({ "at": "24:00" }), "at", "00:00 to 23:59"),
        (json!({ "at": "06:30", "time_zone": "Berlin" }), "time_zone", "Europe/Berlin"),
        (json!({ "at": "06:30", "sections": [] }), "sections", "at least one"),
        (json!({ "at": "06:30", "sections": ["gossip"] }), "sections", "nothing of this name"),
    ] {
        put(&api, &mut ann, "*", body).await.blames(field, words);
    }
    let key = api.get("/api/v1/me/digest", &api.ours.admin).await;
    key.refuses(403, "a person's own");
}

#[tokio::test]
async fn a_link_ends_its_digest_without_signing_in_and_only_when_it_is_said() {
    let api = Api::new().await;
    let mut ann = ann(&api).await;
    put(&api, &mut ann, "*", json!({ "at": "06:30" })).await;
    let scope = &api.ours.scope;
    let due = store::digests::due(scope, 10, super::harness::NOW + time::Duration::days(2));
    let digest = due.await.unwrap()[0].digest.id;
    let passes = Passes::new(|_| [5; 32]);
    let ask = async |method: Method, pass: String| {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/digests/unsubscribe?pass={pass}"))
            // As a mail program does it (RFC 8058), without a cookie or a header of ours.
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("List-Unsubscribe=One-Click"))
            .unwrap();
        api.answer(request).await
    };
    let has_one = async || store::digests::get(scope, digest).await.unwrap().is_some();
    let pass = passes.write(api.ours.company, digest);
    let page = ask(Method::GET, pass.clone()).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("<form method=\"post\">"), "{}", page.text);
    assert!(has_one().await, "programs follow links");
    let theirs = passes.write(api.theirs.company, digest);
    for other in
        [theirs, "nonsense".to_owned(), Passes::new(|_| [6; 32]).write(api.ours.company, digest)]
    {
        let answer = ask(Method::POST, other).await;
        assert_eq!(answer.status, StatusCode::OK, "it tells nobody which there are");
        assert!(has_one().await);
    }
    for _ in 0..2 {
        let ended = ask(Method::POST, pass.clone()).await;
        assert_eq!(ended.status, StatusCode::OK, "{}", ended.text);
        assert!(!has_one().await);
    }
    let unknown = passes.write(protocol::ids::CompanyId(Uuid::nil()), digest);
    assert_eq!(ask(Method::POST, unknown).await.status, StatusCode::OK);
}
