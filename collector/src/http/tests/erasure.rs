//! A host that is erased, and all that was held of it before.

use axum::http::{Method, StatusCode, header};
use serde_json::Value;

use super::harness::Api;

#[tokio::test]
async fn all_that_is_held_of_a_host_is_given_a_row_a_line() {
    let api = Api::new().await;
    let path = format!("/api/v1/hosts/{}/data", api.ours.host);
    let data = api.get(&path, &api.ours.admin).await;
    assert_eq!(data.status, StatusCode::OK, "{}", data.text);
    assert_eq!(data.headers[header::CONTENT_TYPE], "application/x-ndjson");
    let rows: Vec<Value> =
        data.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).collect::<Vec<_>>();
    assert_eq!(of("agents")[0]["row"]["hostname"], "web-1");
    assert_eq!(of("software")[0]["row"]["name"], "nodejs");
    assert_eq!(of("installations").len(), 1);
    assert_eq!(api.get(&path, &api.theirs.admin).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_an_admin_reads_all_that_is_held_of_a_host_and_the_log_says_so() {
    let api = Api::new().await;
    let path = format!("/api/v1/hosts/{}/data", api.ours.host);
    for key in [&api.ours.viewer, &api.ours.analyst] {
        // Of the audit log and of dead letters they would read what they may not.
        let refused = api.get(&path, key).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    }
    assert_eq!(api.get(&path, &api.theirs.admin).await.status, StatusCode::NOT_FOUND);
    let entries = async |key: &str| api.get("/api/v1/audit?action=host.export", key).await.items();
    assert!(entries(&api.ours.admin).await.is_empty());
    assert_eq!(api.get(&path, &api.ours.admin).await.status, StatusCode::OK);
    let log = entries(&api.ours.admin).await;
    assert_eq!((log.len(), &log[0]["object"]), (1, &api.ours.host.to_string().into()));
    assert!(entries(&api.theirs.admin).await.is_empty());
}

#[tokio::test]
async fn an_erased_host_is_gone_and_the_log_says_what_went() {
    let api = Api::new().await;
    let path = format!("/api/v1/hosts/{}", api.ours.host);
    let erase = async |key: &str| api.send(Method::DELETE, &path, Some(key), None).await;
    assert_eq!(erase(&api.theirs.admin).await.status, StatusCode::NOT_FOUND);
    assert_eq!(erase(&api.ours.analyst).await.status, StatusCode::FORBIDDEN);
    let erased = erase(&api.ours.admin).await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.text);
    assert_eq!(erased.json()["rows"]["installations"], 1);
    assert_eq!(erase(&api.ours.admin).await.status, StatusCode::NOT_FOUND);
    for gone in [path.clone(), format!("{path}/software"), format!("{path}/data")] {
        let answer = api.get(&gone, &api.ours.admin).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{gone}");
    }
    assert!(api.get("/api/v1/hosts", &api.ours.viewer).await.items().is_empty());
    let log = api.get("/api/v1/audit?action=host.erase", &api.ours.admin).await.items();
    assert_eq!(log[0]["object"], api.ours.host.to_string());
    assert_eq!(log[0]["after"]["rows"]["agents"], 1);
    let theirs = api.get("/api/v1/hosts", &api.theirs.viewer).await;
    assert_eq!(theirs.items().len(), 1);
}
