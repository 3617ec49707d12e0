//! Exceptions over HTTP: what can be said, who may decide, and how they are found.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::harness::{Answer, Api};

async fn post(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    let path = format!("/exceptions{path}");
    api.write((Method::POST, &path), key, &[], body).await
}

fn of(rule: &Value) -> Value {
    json!({ "rule": rule, "status": "affected" })
}

/// Makes an exception as an analyst, and gives it. A second passes, so that the next one is newer.
async fn made(api: &Api, rule: &Value) -> Value {
    let made = post(api, "", &api.ours.analyst, &of(rule)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    api.hand.advance(Duration::from_secs(1));
    made.json()
}

fn path_of(exception: &Value) -> String {
    format!("/{}", exception["id"].as_str().unwrap())
}

async fn open_findings(api: &Api) -> usize {
    let list = api.get("/api/v1/findings", &api.ours.viewer).await;
    list.items().len()
}

async fn needs_approval(api: &Api) {
    let settings = json!({ "approval_needed": true });
    let put = (Method::PUT, "/exceptions/settings");
    let set = api.write(put, &api.ours.admin, &[], &settings).await;
    assert_eq!(set.json(), settings, "{}", set.text);
}

/// What an exception cannot be about: the field that is to blame, words of the advice, and the rule.
fn wrong_rules(host: Uuid) -> Vec<(&'static str, &'static str, Value)> {
    let longer = "\u{fc}".repeat(301);
    vec![
        ("about", "an exception is about something", json!({ "version": "1" })),
        ("about", "an exception is about something", json!({ "source": "deb" })),
        ("about", "an exception is about something", json!({ "host": host })),
        ("product", "1 to 300 characters, none of control", json!({ "product": longer })),
        ("product", "1 to 300", json!({ "product": "  " })),
        ("version", "1 to 300", json!({ "product": "x", "version": "a\0b" })),
        ("purl", "1 to 300", json!({ "purl": "pkg:deb/a\nb" })),
        ("cve", "1 to 300", json!({ "cve": "" })),
        ("score_below", "within 0 to 10", json!({ "score_below": -0.1 })),
        ("score_below", "within 0 to 10", json!({ "score_below": 10.1 })),
        ("host", "either a label or a host", json!({ "cve": "C", "host": host, "label": host })),
        ("host", "the company has no such host", json!({ "cve": "C", "host": Uuid::nil() })),
        ("label", "the company has no such label", json!({ "cve": "C", "label": Uuid::nil() })),
    ]
}

/// An exception of the harness's CVE, with something else in a field.
fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut body = of(&json!({ "cve": "CVE-2024-0001" }));
    body[field] = value.into();
    body
}

/// What cannot be said of anything.
fn wrong_claims() -> Vec<(&'static str, &'static str, Value)> {
    let longer = "\u{fc}".repeat(4_001);
    vec![
        ("status", "one of not_affected, affected", with("status", json!("Affected"))),
        ("justification", "none of OpenVEX's", with("justification", json!("luck"))),
        (
            "justification",
            "why something is not_affected",
            with("justification", json!("component_not_present")),
        ),
        ("justification", "a justification or a note", with("status", json!("not_affected"))),
        ("note", "at most 4000 characters", with("note", json!(longer))),
        ("action", "at most 4000 characters", with("action", json!(longer))),
        ("note", "none of control", with("note", json!("a\0b"))),
        ("action", "none of control", with("action", json!("\u{1b}[2J"))),
    ]
}

#[tokio::test]
async fn what_is_said_has_bounds_and_each_is_named() {
    let api = Api::new().await;
    let analyst = &api.ours.analyst;
    for (field, words, rule) in wrong_rules(api.ours.host.0) {
        post(&api, "", analyst, &of(&rule)).await.blames(field, words);
    }
    for (field, words, body) in wrong_claims() {
        post(&api, "", analyst, &body).await.blames(field, words);
    }
    for body in [with("state", json!("active")), with("suppress", json!("yes"))] {
        let refused = post(&api, "", analyst, &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let list = api.get("/api/v1/exceptions", &api.ours.viewer).await;
    assert_eq!(list.items(), [Value::Null; 0], "what was refused was not made");
}

#[tokio::test]
async fn at_its_bounds_an_exception_is_taken() {
    let api = Api::new().await;
    for rule in [
        json!({ "product": "\u{fc}".repeat(300) }),
        json!({ "score_below": 0 }),
        json!({ "score_below": 10 }),
    ] {
        made(&api, &rule).await;
    }
    let mut body = with("note", format!("{}\n\t", "\u{fc}".repeat(3_998)));
    body["action"] = json!("\u{fc}".repeat(4_000));
    let made = post(&api, "", &api.ours.analyst, &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
}

#[tokio::test]
async fn what_is_only_remarked_leaves_nothing_out_and_takes_nobodys_leave() {
    let api = Api::new().await;
    needs_approval(&api).await;
    let rule = json!({ "cve": "CVE-2024-0001" });
    for (status, suppress, is_left_out) in [
        ("under_investigation", Value::Null, false),
        ("affected", json!(false), false),
        ("under_investigation", json!(true), true),
        ("fixed", Value::Null, true),
    ] {
        let body = json!({ "rule": rule, "status": status, "suppress": suppress });
        let made = post(&api, "", &api.ours.analyst, &body).await.json();
        assert_eq!(made["suppress"], is_left_out, "{status}");
        let state = if is_left_out { "requested" } else { "active" };
        assert_eq!(made["state"], state, "{status} {suppress}");
        assert_eq!(open_findings(&api).await, 1);
    }
}

#[tokio::test]
async fn another_person_decides_once_and_who_asked_may_think_better_of_it() {
    let api = Api::new().await;
    needs_approval(&api).await;
    let admin = &api.ours.admin;
    let nothing = json!({});
    let asked = made(&api, &json!({ "cve": "CVE-2024-0001" })).await;
    let path = path_of(&asked);
    for word in ["approve", "reject"] {
        let way = format!("{path}/{word}");
        for key in [&api.ours.viewer, &api.ours.analyst] {
            post(&api, &way, key, &nothing)
                .await
                .refuses(403, "exceptions:approve, which the role admin has");
        }
        post(&api, &way, &api.theirs.admin, &nothing)
            .await
            .refuses(404, "there is no such exception");
    }
    assert_eq!(open_findings(&api).await, 1);
    let approved = post(&api, &format!("{path}/approve"), admin, &nothing).await;
    assert_eq!(approved.json()["state"], "active", "{}", approved.text);
    assert_eq!(approved.json()["suppressed"], 1);
    assert_ne!(approved.json()["decided_by"], approved.json()["created_by"]);
    assert_eq!(open_findings(&api).await, 0);
    for word in ["approve", "reject"] {
        post(&api, &format!("{path}/{word}"), admin, &nothing)
            .await
            .refuses(409, "the exception is active already");
    }
    let asked = made(&api, &json!({ "product": "nodejs" })).await;
    let path = path_of(&asked);
    let withdraw = format!("{path}/withdraw");
    let back = post(&api, &withdraw, &api.ours.analyst, &nothing).await;
    assert_eq!(back.json()["state"], "withdrawn", "{}", back.text);
    post(&api, &format!("{path}/approve"), admin, &nothing)
        .await
        .refuses(409, "the exception is withdrawn already");
    // Ending it twice is ending it once.
    let again = post(&api, &withdraw, &api.ours.analyst, &nothing).await;
    assert_eq!(again.json()["ended_at"], back.json()["ended_at"]);
    assert_eq!(again.json()["revision"], back.json()["revision"]);
}

#[tokio::test]
async fn what_was_asked_for_waits_on_when_nobody_has_to_agree_any_more() {
    let api = Api::new().await;
    needs_approval(&api).await;
    let asked = made(&api, &json!({ "cve": "CVE-2024-0001" })).await;
    let off = json!({ "approval_needed": false });
    let put = (Method::PUT, "/exceptions/settings");
    for key in [&api.ours.viewer, &api.ours.analyst] {
        api.write(put.clone(), key, &[], &off).await.refuses(403, "which the role admin has");
    }
    api.write(put.clone(), &api.ours.admin, &[], &off).await;
    let path = format!("/api/v1/exceptions{}", path_of(&asked));
    let still = api.get(&path, &api.ours.viewer).await.json();
    assert_eq!(still["state"], "requested");
    let next = made(&api, &json!({ "cve": "CVE-2024-0001" })).await;
    assert_eq!(next["state"], "active");
    let theirs = api.get("/api/v1/exceptions/settings", &api.theirs.viewer).await;
    assert_eq!(theirs.json(), off);
    let log = "/api/v1/audit?action=exception_settings";
    let log = api.get(log, &api.ours.admin).await.items();
    assert_eq!(log.len(), 2);
    assert_eq!(log[0]["before"], json!({ "approval_needed": true }));
    assert_eq!(log[0]["after"], off);
}

#[tokio::test]
async fn exceptions_are_found_by_what_they_are_about_newest_first() {
    let api = Api::new().await;
    let label = json!({ "name": "lab" });
    let label = api.write((Method::POST, "/labels"), &api.ours.admin, &[], &label).await.json();
    let first = made(&api, &json!({ "cve": " cve-2024-0001 " })).await;
    let second = made(&api, &json!({ "product": "NodeJS", "version": "18" })).await;
    let third = made(&api, &json!({ "cve": "CVE-2024-0001", "label": label["id"] })).await;
    let fourth = made(&api, &json!({ "score_below": 4.0, "host": api.ours.host })).await;
    let withdraw = format!("{}/withdraw", path_of(&first));
    post(&api, &withdraw, &api.ours.analyst, &json!({})).await;
    let ids = async |query: &str, key: &str| -> Vec<Value> {
        let path = format!("/api/v1/exceptions?{query}");
        let list = api.get(&path, key).await;
        list.items().iter().map(|one| one["id"].clone()).collect()
    };
    let viewer = api.ours.viewer.as_str();
    let all = [&fourth, &third, &second, &first].map(|one| one["id"].clone());
    for (query, expected) in [
        ("", &all[..]),
        ("state=active", &all[..3]),
        ("state=withdrawn", &all[3..]),
        ("state=rejected", &[]),
        ("cve=cve-2024-0001&state=active", &all[1..2]),
        ("cve=CVE-2024-000", &[]),
        ("product=nodeJS", &all[2..3]),
        ("product=node", &[]),
        ("label=LAB", &all[1..2]),
    ] {
        assert_eq!(ids(query, viewer).await, expected, "{query}");
    }
    assert_eq!(ids("", &api.theirs.viewer).await, [Value::Null; 0]);
    let document = format!("document={}", Uuid::nil());
    assert_eq!(ids(&document, viewer).await, [Value::Null; 0]);
    let path = "/api/v1/exceptions?state=open";
    let states = "one of requested, active, rejected, withdrawn, expired";
    api.get(path, viewer).await.blames("state", states);
    // A page at a time it is the same list.
    let mut paged = Vec::new();
    let mut query = "limit=1".to_owned();
    loop {
        let path = format!("/api/v1/exceptions?{query}");
        let page = api.get(&path, viewer).await;
        paged.extend(page.items().iter().map(|one| one["id"].clone()));
        match page.json()["next_page_token"].as_str() {
            Some(token) => query = format!("limit=1&page_token={token}"),
            None => break,
        }
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn a_preview_promises_what_the_exception_then_does() {
    let api = Api::new().await;
    let analyst = &api.ours.analyst;
    for (rule, open, hosts) in [
        (json!({ "cve": "CVE-2024-0001" }), 1, 1),
        (json!({ "product": "NODEJS" }), 1, 1),
        (json!({ "product": "nodej" }), 0, 0),
        (json!({ "product": "nodejs", "source": "rpm" }), 0, 0),
        (json!({ "product": "nodejs", "version": "1" }), 0, 0),
        // What nobody scored is not below.
        (json!({ "score_below": 10 }), 0, 0),
        (json!({ "cve": "CVE-2024-0001", "host": api.ours.host }), 1, 1),
    ] {
        let preview = post(&api, "/preview", analyst, &rule).await.json();
        assert_eq!(preview["findings"]["open"], open, "{rule}");
        assert_eq!(preview["hosts"], hosts, "{rule}");
        assert_eq!(open_findings(&api).await, 1, "a preview changes nothing");
    }
    post(&api, "/preview", analyst, &json!({}))
        .await
        .blames("about", "an exception is about something");
    post(&api, "/preview", &api.ours.viewer, &json!({ "cve": "C" }))
        .await
        .refuses(403, "findings:triage, which the role analyst has");
    made(&api, &json!({ "cve": "CVE-2024-0001" })).await;
    let rule = json!({ "product": "nodejs" });
    let preview = post(&api, "/preview", analyst, &rule).await.json();
    assert_eq!(preview["suppressed_already"], 1, "{preview}");
}

#[tokio::test]
async fn another_company_neither_sees_nor_ends_an_exception() {
    let api = Api::new().await;
    let path = path_of(&made(&api, &json!({ "cve": "CVE-2024-0001" })).await);
    let read = format!("/api/v1/exceptions{path}");
    let before = api.get(&read, &api.ours.viewer).await.text;
    let theirs = api.get(&read, &api.theirs.viewer).await;
    theirs.refuses(404, "there is no such exception");
    let withdraw = format!("{path}/withdraw");
    post(&api, &withdraw, &api.theirs.admin, &json!({}))
        .await
        .refuses(404, "there is no such exception");
    post(&api, &withdraw, &api.ours.viewer, &json!({})).await.refuses(403, "findings:triage");
    assert_eq!(api.get(&read, &api.ours.viewer).await.text, before);
    let host = json!({ "cve": "CVE-2024-0001", "host": api.ours.host });
    post(&api, "", &api.theirs.analyst, &of(&host))
        .await
        .blames("host", "the company has no such host");
}

#[tokio::test]
async fn who_made_and_who_decided_is_called_by_name_wherever_exceptions_are_shown() {
    let api = Api::new().await;
    needs_approval(&api).await;
    let asked = made(&api, &json!({ "cve": "CVE-2024-0001" })).await;
    let path = format!("{}/approve", path_of(&asked));
    let approved = post(&api, &path, &api.ours.admin, &json!({})).await.json();
    let keys = api.get("/api/v1/api-keys", &api.ours.admin).await.items();
    let name_of = |word: &Value| {
        let is_it = |key: &&Value| format!("api_key:{}", key["id"].as_str().unwrap()) == *word;
        keys.iter().find(is_it).map(|key| key["name"].clone()).unwrap()
    };
    let (asker, decider) = (name_of(&asked["created_by"]), name_of(&approved["decided_by"]));
    assert_eq!(asked["created_by_name"], asker);
    let viewer = &api.ours.viewer;
    let one = api.get(&format!("/api/v1/exceptions{}", path_of(&asked)), viewer).await.json();
    let listed = api.get("/api/v1/exceptions", viewer).await.items();
    let export = api.get("/api/v1/exceptions/export?format=ndjson", viewer).await.text;
    let exported: Value = serde_json::from_str(export.trim()).unwrap();
    for shown in [&approved, &one, &listed[0], &exported] {
        assert_eq!(shown["created_by_name"], asker, "{shown}");
        assert_eq!(shown["decided_by_name"], decider, "{shown}");
    }
}
