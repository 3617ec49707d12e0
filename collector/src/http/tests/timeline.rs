//! What happened on a host, as the API tells it.

use axum::http::StatusCode;
use enrichment::evaluation::Evaluation;
use protocol::fingerprint::SoftwareKey;
use serde_json::{Value, json};
use std::time::Duration;
use store::findings;
use uuid::Uuid;

use super::harness::{Api, NOW, evaluation};

async fn items(api: &Api, path: &str) -> Vec<Value> {
    let path = format!("/api/v1/hosts/{}{path}", api.ours.host);
    api.get(&path, &api.ours.viewer).await.items()
}

#[tokio::test]
async fn a_hosts_past_is_told_moment_by_moment() {
    let api = Api::new().await;
    let nothing = Evaluation { findings: Vec::new(), ..evaluation() };
    let judged = [(SoftwareKey::from_uuid(api.ours.software), nothing)];
    let later = NOW + Duration::from_secs(3_600);
    findings::replace(&api.ours.scope, &judged, 1, later).await.unwrap().unwrap();
    let all = items(&api, "/timeline").await;
    assert_eq!(all.len(), 2);
    assert_eq!(
        (&all[0]["at"], &all[0]["is_first"]),
        (&json!("2026-03-01T13:00:00Z"), &json!(false))
    );
    assert_eq!((&all[0]["findings_resolved"], &all[0]["installed"]), (&json!(1), &json!(0)));
    let change = &all[0]["changes"][0];
    assert_eq!(
        (&change["kind"], &change["cve"]),
        (&json!("finding_resolved"), &json!("CVE-2024-0001"))
    );
    let first = &all[1];
    assert_eq!((&first["is_first"], &first["installed"]), (&json!(true), &json!(1)));
    assert_eq!((&first["findings_opened"], &first["removed"]), (&json!(1), &json!(0)));
    let installed = &first["changes"][1];
    assert_eq!(
        (&installed["name"], &installed["software"]),
        (&json!("nodejs"), &json!(api.ours.software))
    );
    assert_eq!((&installed["to"], installed.get("from")), (&json!("18.0.10-1nodesource1"), None));
    let opened = items(&api, "/timeline?kind=finding_opened").await;
    assert_eq!(opened.len(), 1);
    assert_eq!((&opened[0]["installed"], &opened[0]["findings_opened"]), (&json!(0), &json!(1)));
    // All of a moment, by its two ends.
    let (since, until) = (first["began_at"].as_str().unwrap(), first["at"].as_str().unwrap());
    assert_eq!(items(&api, &format!("/changes?since={since}&until={until}")).await.len(), 1);
    assert_eq!(items(&api, "/changes?since=2026-03-01T12:30:00Z").await.len(), 0);
}

#[tokio::test]
async fn a_past_that_is_asked_for_wrongly_is_none() {
    let api = Api::new().await;
    let path = |host: Uuid, more: &str| format!("/api/v1/hosts/{host}/timeline{more}");
    let viewer = &api.ours.viewer;
    let wrong = api.get(&path(api.ours.host.0, "?kind=came"), viewer).await;
    wrong.blames("kind", "one of installed, removed, upgraded");
    for host in [api.theirs.host.0, Uuid::nil()] {
        let none = api.get(&path(host, ""), viewer).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{}", none.text);
    }
}
