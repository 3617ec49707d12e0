//! Instants in requests, wherever they may stand: what is none is a fault of its sender.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::harness::Api;
use super::walk::operations;

/// What is no instant, or none that the collector can count with.
const WRONG: [&str; 10] = [
    "",
    "yesterday",
    "2026-03-01",
    "2026-03-01T12:00:00",
    "2026-02-30T12:00:00Z",
    "1772366400",
    "10000-01-01T00:00:00Z",
    // An hour into the year 10000, once its offset is taken off.
    "9999-12-31T23:59:59-01:00",
    "-0001-01-01T00:00:00Z",
    "2026-03-01T12:00:00+99:00",
];

/// Instants at the ends of what can be said. Some lists refuse them for what they are.
const FAR: [&str; 4] = [
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999999%2B23:59",
    "0000-01-01T00:00:00Z",
    "0000-01-01T00:00:00%2B23:59",
];

#[tokio::test]
async fn no_instant_in_a_query_is_a_fault_of_the_collector() {
    let api = Api::new().await;
    let ours = &api.ours;
    let mut looked_at = 0;
    for operation in operations() {
        let path = operation.path_of(ours.company.0, ours.host.0, ours.software);
        let is_operators = operation.document["x-muster-operators"] == true;
        let key = if is_operators { &api.operator } else { &ours.admin };
        let parameters = operation.document["parameters"].as_array();
        let instants = parameters
            .into_iter()
            .flatten()
            .filter(|one| one["in"] == "query" && one["schema"]["format"] == "date-time");
        for name in instants.map(|one| one["name"].as_str().unwrap()) {
            for wrong in WRONG {
                let query = wrong.replace('+', "%2B");
                let answer = api.get(&format!("{path}?{name}={query}"), key).await;
                answer.blames("query", "");
                assert!(answer.text.contains(name), "{path} {name}: {}", answer.text);
            }
            for far in FAR {
                let answer = api.get(&format!("{path}?{name}={far}"), key).await;
                let status = answer.status;
                assert!(
                    status == StatusCode::OK || status == StatusCode::UNPROCESSABLE_ENTITY,
                    "{path} {name}={far}: {status} {}",
                    answer.text
                );
            }
            looked_at += 1;
        }
    }
    assert!(looked_at >= 10, "{looked_at} parameters are instants");
}

async fn except(api: &Api, expires_at: &Value) -> super::harness::Answer {
    let body = json!({
        "rule": { "cve": "CVE-2024-0001" }, "status": "affected", "expires_at": expires_at,
    });
    api.write((Method::POST, "/exceptions"), &api.ours.admin, &[], &body).await
}

#[tokio::test]
async fn an_exception_cannot_end_when_no_calendar_of_ours_has_a_day() {
    let api = Api::new().await;
    for wrong in WRONG {
        let answer = except(&api, &json!(wrong)).await;
        answer.refuses(422, "expires_at");
    }
    // The list can be read: nothing of it was kept.
    let list = api.get("/api/v1/exceptions", &api.ours.viewer).await;
    assert_eq!(list.items(), [Value::Null; 0]);
    let last = except(&api, &json!("9999-12-31T23:59:59Z")).await;
    assert_eq!(last.status, StatusCode::CREATED, "{}", last.text);
    assert_eq!(last.json()["expires_at"], "9999-12-31T23:59:59Z");
    let never = except(&api, &Value::Null).await;
    assert_eq!(never.status, StatusCode::CREATED, "{}", never.text);
    assert_eq!(never.json()["expires_at"], Value::Null);
}

#[tokio::test]
async fn an_end_is_kept_as_the_instant_that_it_is_wherever_it_was_said() {
    let api = Api::new().await;
    let made = except(&api, &json!("2026-12-24T00:30:00+05:30")).await;
    assert_eq!(made.json()["expires_at"], "2026-12-23T19:00:00Z");
    let now = except(&api, &json!("2026-03-01T13:00:00+01:00")).await;
    now.blames("expires_at", "an instant that is over");
}

#[tokio::test]
async fn a_statement_of_a_document_whose_end_is_beyond_the_calendar_has_none() {
    let api = Api::new().await;
    let until = "9999-12-31T23%3A59%3A59-01%3A00";
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex-1",
        "author": "Example",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": [{
            "@id": format!("urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8#suppress=true&until={until}"),
            "vulnerability": { "name": "CVE-2024-0001" },
            "products": [{ "@id": "pkg:generic/nodejs" }],
            "status": "fixed",
            "timestamp": "2026-01-01T00:00:00Z",
        }],
    });
    let came = api.write((Method::POST, "/vex"), &api.ours.admin, &[], &document).await;
    assert_eq!(came.status, StatusCode::CREATED, "{}", came.text);
    let list = api.get("/api/v1/exceptions", &api.ours.viewer).await;
    assert_eq!(list.items()[0].get("expires_at"), None);
}

#[tokio::test]
async fn a_document_may_say_the_letters_of_a_zero_and_not_a_zero() {
    let api = Api::new().await;
    let document = |text: &str| {
        json!({
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": "https://example.com/vex-2",
            "author": text,
            "timestamp": "2026-01-01T00:00:00Z",
            "version": 1,
            "statements": [],
        })
    };
    let key = &api.ours.admin;
    let zero = api.write((Method::POST, "/vex"), key, &[], &document("a\0b")).await;
    zero.blames("document", "U+0000");
    // A backslash and what follows it, as a path or a regular expression has it.
    let letters = api.write((Method::POST, "/vex"), key, &[], &document(r"C:\u0000")).await;
    assert_eq!(letters.status, StatusCode::CREATED, "{}", letters.text);
}

#[tokio::test]
async fn a_webhook_is_told_again_since_an_instant_and_nothing_else() {
    let api = Api::new().await;
    let hook = json!({ "name": "x", "url": "https://hooks.example/", "kinds": ["policy.fail"] });
    let made = api.write((Method::POST, "/webhooks"), &api.ours.admin, &[], &hook).await.json();
    let path = format!("/webhooks/{}/replay", made["id"].as_str().unwrap());
    for wrong in WRONG {
        let body = json!({ "since": wrong });
        let answer = api.write((Method::POST, &path), &api.ours.admin, &[], &body).await;
        answer.refuses(422, "since");
    }
    for body in [json!({}), json!({ "since": null }), json!({ "since": 5 })] {
        let answer = api.write((Method::POST, &path), &api.ours.admin, &[], &body).await;
        answer.refuses(422, "since");
    }
    for since in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
        let body = json!({ "since": since });
        let answer = api.write((Method::POST, &path), &api.ours.admin, &[], &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    }
}
