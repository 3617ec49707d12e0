//! Reports and their schedules over the API: what is asked for, what is refused, and what a file comes with.

use axum::http::Method;
use serde_json::{Value, json};
use store::report_files::{self, Finished, Put};
use uuid::Uuid;

use super::harness::{Answer, Api, NOW};

async fn post(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    api.write((Method::POST, path), key, &[], body).await
}

fn report() -> Value {
    json!({ "name": "All findings", "kind": "findings", "format": "html" })
}

fn schedule() -> Value {
    json!({ "name": "Every Monday", "kind": "summary", "format": "json", "weekday": "monday",
            "at": "06:30", "time_zone": "Europe/Berlin" })
}

/// A body with one field in place of another.
fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

/// Makes a report's file as a node would.
async fn make(api: &Api, id: &str, bytes: &[u8]) {
    let (scope, id) = (&api.ours.scope, id.parse::<Uuid>().unwrap());
    let making = report_files::begin(scope, id).await.unwrap().unwrap();
    for (number, part) in (0..).zip(bytes.chunks(10)) {
        assert_eq!(report_files::put_part(scope, &making, number, part).await.unwrap(), Put::Done);
    }
    let finished = Finished { bytes: bytes.len() as u64, records: 1 };
    assert!(report_files::finish(scope, &making, finished, NOW).await.unwrap());
}

#[tokio::test]
async fn a_report_is_asked_for_made_and_downloaded_whole() {
    let api = Api::new().await;
    let viewer = &api.ours.viewer;
    let made = post(&api, "/reports", viewer, &report()).await;
    assert_eq!(made.status, 202, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.json()["state"], "waiting");
    let path = format!("/api/v1/reports/{id}");
    let file = format!("{path}/file");
    api.get(&file, viewer).await.refuses(409, "not made yet");
    let page = "<!doctype html><title>All findings</title>";
    make(&api, &id, page.as_bytes()).await;
    assert_eq!(api.get(&path, viewer).await.json()["state"], "done");
    let answer = api.get(&file, viewer).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, page));
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("content-disposition"), "attachment; filename=\"all-findings.html\"");
    // Shown under this host's name it would still have none of its rights.
    assert!(header("content-security-policy").contains("sandbox"));
    let listed = api.get("/api/v1/reports", viewer).await.items();
    assert_eq!(listed.len(), 1);
    // By a word that stays, and by what that is called now.
    for shown in [&made.json(), &api.get(&path, viewer).await.json(), &listed[0]] {
        assert!(shown["created_by"].as_str().unwrap().starts_with("api_key:"), "{shown}");
        assert_eq!(shown["created_by_name"], "test", "{shown}");
    }
    // Another company has no such report, and neither has who comes later.
    for path in [&path, &file] {
        api.get(path, &api.theirs.admin).await.refuses(404, "report");
    }
    let one = format!("/reports/{id}");
    let gone = api.write((Method::DELETE, &one), &api.ours.analyst, &[], &json!({})).await;
    assert_eq!(gone.status, 204);
    api.get(&file, viewer).await.refuses(404, "report");
}

#[tokio::test]
async fn what_is_no_report_is_refused_with_its_field() {
    let api = Api::new().await;
    let admin = &api.ours.admin;
    for (field, value, words) in [
        ("kind", json!("everything"), "findings, summary"),
        ("format", json!("pdf"), "html"),
        ("name", json!(" "), "1 to 200"),
        ("name", json!("a\nb"), "control"),
        ("severity_min", json!("worst"), "critical"),
        ("label", json!("nobody has it"), "no label"),
        ("label", json!(Uuid::nil()), "no label"),
    ] {
        post(&api, "/reports", admin, &with(report(), field, value)).await.blames(field, words);
    }
    let summary = with(report(), "kind", json!("summary"));
    let csv = with(summary.clone(), "format", json!("csv"));
    post(&api, "/reports", admin, &csv).await.blames("format", "html or json");
    let labelled = with(summary, "label", json!("x"));
    post(&api, "/reports", admin, &labelled).await.blames("label", "as a whole");
    post(&api, "/reports", admin, &with(report(), "to", json!("me"))).await.is_no_body("to");
}

#[tokio::test]
async fn a_report_that_could_not_be_made_says_why() {
    let api = Api::new().await;
    let made = post(&api, "/reports", &api.ours.admin, &report()).await.json();
    let id: Uuid = made["id"].as_str().unwrap().parse().unwrap();
    let making = report_files::begin(&api.ours.scope, id).await.unwrap().unwrap();
    report_files::fail(&api.ours.scope, &making, "it is too large", NOW).await.unwrap();
    let path = format!("/api/v1/reports/{id}");
    let failed = api.get(&path, &api.ours.viewer).await.json();
    assert_eq!((&failed["state"], &failed["error"]), (&json!("failed"), &json!("it is too large")));
    api.get(&format!("{path}/file"), &api.ours.viewer).await.refuses(409, "could not be made");
}

#[tokio::test]
async fn a_schedule_says_when_it_is_next_and_is_changed_by_its_version() {
    let api = Api::new().await;
    let analyst = &api.ours.analyst;
    let made = post(&api, "/report-schedules", analyst, &schedule()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    // The test's now is a Sunday at noon, and in Berlin it is winter.
    assert_eq!(made["next_at"], "2026-03-02T05:30:00Z");
    assert_eq!((&made["at"], &made["weekday"]), (&json!("06:30"), &json!("monday")));
    let path = format!("/report-schedules/{}", made["id"].as_str().unwrap());
    let mut daily = with(schedule(), "at", json!("23:00"));
    daily["weekday"] = Value::Null;
    let changed = api.write((Method::PUT, &path), analyst, &[("if-match", "\"1\"")], &daily).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(changed.json()["next_at"], "2026-03-01T22:00:00Z");
    let stale = api.write((Method::PUT, &path), analyst, &[("if-match", "\"1\"")], &daily).await;
    assert_eq!(stale.status, 412);
    let off = with(daily, "enabled", json!(false));
    let changed = api.write((Method::PUT, &path), analyst, &[("if-match", "*")], &off).await;
    assert!(changed.json().get("next_at").is_none(), "{}", changed.text);
    let taken = post(&api, "/report-schedules", analyst, &schedule()).await;
    taken.refuses(409, "with this name");
    let gone = api.write((Method::DELETE, &path), analyst, &[], &json!({})).await;
    assert_eq!(gone.status, 204);
}

#[tokio::test]
async fn what_is_no_schedule_is_refused_with_its_field() {
    let api = Api::new().await;
    let admin = &api.ours.admin;
    for (field, value, words) in [
        ("at", json!("25:00"), "time of day"),
        ("time_zone", json!("Europe/Atlantis"), "IANA"),
        ("time_zone", json!("UTC\u{0}"), "IANA"),
        ("format", json!("sarif"), "html or json"),
    ] {
        let body = with(schedule(), field, value);
        post(&api, "/report-schedules", admin, &body).await.blames(field, words);
    }
    let body = with(schedule(), "weekday", json!("someday"));
    post(&api, "/report-schedules", admin, &body).await.is_no_body("someday");
}
