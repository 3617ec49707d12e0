//! How a CVE spread, over the API: the days that were recorded, and today as it is.

use axum::http::StatusCode;
use enrichment::evaluation::Evaluation;
use protocol::fingerprint::SoftwareKey;
use serde_json::{Value, json};
use store::{cve_history, findings};
use time::Duration;

use super::harness::{Api, NOW, evaluation};

const PATH: &str = "/api/v1/cves/CVE-2024-0001/history";

async fn shown(api: &Api, query: &str, key: &str) -> Value {
    let answer = api.get(&format!("{PATH}{query}"), key).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

/// The hosts of the items.
fn hosts(shown: &Value) -> Vec<u64> {
    let items = shown["items"].as_array().unwrap();
    items.iter().map(|item| item["hosts"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn before_anything_is_recorded_there_is_today_alone() {
    let api = Api::new().await;
    let shown = shown(&api, "", &api.ours.viewer).await;
    assert_eq!(
        shown,
        json!({
            "id": "CVE-2024-0001",
            "from": "2025-12-02",
            "as_of": "2026-03-01T12:00:00Z",
            "items": [{ "day": "2026-03-01", "hosts": 1 }],
        })
    );
}

#[tokio::test]
async fn recorded_days_stand_before_today_which_is_counted_now() {
    let api = Api::new().await;
    for days in [5, 2] {
        cve_history::record(&api.ours.scope, NOW - Duration::days(days)).await.unwrap();
    }
    let all = shown(&api, "", &api.ours.viewer).await;
    assert_eq!(all["recorded_since"], "2026-02-24");
    assert_eq!(hosts(&all), [1; 6]);
    assert_eq!(all["items"][0]["day"], "2026-02-24");
    let last = shown(&api, "?days=2", &api.ours.viewer).await;
    assert_eq!((&last["from"], hosts(&last)), (&json!("2026-02-28"), vec![1, 1]));
    assert_eq!(hosts(&shown(&api, "?days=1", &api.ours.viewer).await), [1]);
    // It is over now, and was not yesterday.
    let judged = Evaluation { findings: Vec::new(), ..evaluation() };
    let judged = [(SoftwareKey::from_uuid(api.ours.software), judged)];
    findings::replace(&api.ours.scope, &judged, 1, NOW).await.unwrap().unwrap();
    assert_eq!(hosts(&shown(&api, "?days=3", &api.ours.viewer).await), [1, 1, 0]);
    // The other company's is its own.
    let theirs = shown(&api, "?days=3", &api.theirs.viewer).await;
    assert_eq!((theirs.get("recorded_since"), hosts(&theirs)), (None, vec![1]));
}

#[tokio::test]
async fn more_days_than_are_kept_or_none_are_refused_and_an_unknown_cve_is_not_found() {
    let api = Api::new().await;
    for (query, field, words) in [
        ("days=0", "days", "1 to 800"),
        ("days=801", "days", "1 to 800"),
        ("days=4294967295", "days", "1 to 800"),
        ("days=-1", "query", "days"),
        ("days=week", "query", "days"),
        ("from=2026-01-01", "query", "from"),
    ] {
        api.get(&format!("{PATH}?{query}"), &api.ours.viewer).await.blames(field, words);
    }
    assert_eq!(shown(&api, "?days=800", &api.ours.viewer).await["from"], "2023-12-23");
    let nobodys = "/api/v1/cves/CVE-2024-9999/history";
    api.get(nobodys, &api.ours.viewer).await.refuses(404, "there is no such CVE");
    // However its letters are typed.
    let typed = api.get("/api/v1/cves/cve-2024-0001/history", &api.ours.viewer).await.json();
    assert_eq!(typed["id"], "CVE-2024-0001");
}
