//! A company that is taken along, that is to be deleted, and that is kept; and jobs that are cancelled.

use std::collections::BTreeMap;
use std::process::Command;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::harness::Api;

/// The files of an archive, as the system's tar unpacks them.
async fn unpacked(api: &Api, key: &str) -> (tempfile::TempDir, Value) {
    let request = Request::get("/api/v1/company/export")
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .body(Body::empty())
        .unwrap();
    let (headers, bytes) = api.bytes(request).await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-tar");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.tar");
    std::fs::write(&path, bytes).unwrap();
    let shell = |script: &str| {
        let done =
            Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{script}: {done:?}");
    };
    shell("tar -xf all.tar && sha256sum --quiet --strict -c SHA256SUMS");
    let manifest = std::fs::read(folder.path().join("manifest.json")).unwrap();
    let manifest = serde_json::from_slice(&manifest).unwrap();
    (folder, manifest)
}

#[tokio::test]
async fn all_that_is_kept_of_a_company_is_an_archive_that_proves_itself() {
    let api = Api::new().await;
    let (folder, manifest) = unpacked(&api, &api.ours.admin).await;
    assert_eq!(manifest["name"], "Ours");
    let rows: BTreeMap<String, u64> = serde_json::from_value(manifest["rows"].clone()).unwrap();
    assert_eq!((rows["agents"], rows["installations"], rows["policies"]), (1, 1, 0));
    assert_eq!(manifest["left_out"]["api_keys"], json!(["secret_hash"]));
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = String::new();
    for file in manifest["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        if let Some(table) = name.strip_prefix("tables/").and_then(|rest| rest.split('/').next()) {
            *counted.entry(table.to_owned()).or_default() += text.lines().count() as u64;
            assert_eq!(file["rows"], text.lines().count());
        }
        all += &text;
    }
    counted.retain(|_, rows| *rows > 0);
    assert_eq!(counted, rows.into_iter().filter(|(_, rows)| *rows > 0).collect());
    assert!(all.contains(&api.ours.host.to_string()));
    assert!(!all.contains(&api.theirs.host.to_string()) && !all.contains("Theirs"));
    let log = api.get("/api/v1/audit?action=company.export", &api.ours.admin).await.items();
    assert_eq!(log.len(), 1);
    let refused = api.get("/api/v1/company/export", &api.ours.analyst).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_company_is_deleted_by_its_name_shut_at_once_and_can_be_kept() {
    let api = Api::new().await;
    let path = format!("/companies/{}/deletion", api.ours.company);
    let ask = async |key: &str, name: &str| {
        api.write((Method::POST, &path), key, &[], &json!({ "name": name })).await
    };
    assert_eq!(ask(&api.ours.admin, "Ours").await.status, StatusCode::FORBIDDEN);
    ask(&api.operator, "Theirs").await.blames("name", "\"Ours\"");
    assert_eq!(api.get("/api/v1/hosts", &api.ours.viewer).await.items().len(), 1);

    let asked = ask(&api.operator, "Ours").await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    assert!(
        asked.json()["deletion"]["due_at"].is_string() && asked.json()["suspended_at"].is_string()
    );
    ask(&api.operator, "Ours").await.refuses(409, "already");
    // For as long as an answer about a key is good.
    api.hand.advance(std::time::Duration::from_secs(30));
    let shut = api.get("/api/v1/hosts", &api.ours.viewer).await;
    assert_eq!(shut.status, StatusCode::UNAUTHORIZED, "{}", shut.text);
    assert_eq!(api.get("/api/v1/hosts", &api.theirs.viewer).await.items().len(), 1);
    let resume = format!("/companies/{}/resume", api.ours.company);
    let resumed = api.write((Method::POST, &resume), &api.operator, &[], &Value::Null).await;
    resumed.refuses(409, "keep it instead");

    let jobs = api.get("/api/v1/operator/jobs?kind=erase_company", &api.operator).await.items();
    assert_eq!(jobs[0]["company"], api.ours.company.to_string());
    let keep = async || api.write((Method::DELETE, &path), &api.operator, &[], &Value::Null).await;
    let kept = keep().await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.text);
    assert!(kept.json().get("deletion").is_none() && kept.json().get("suspended_at").is_none());
    keep().await.refuses(409, "nobody asked");
    assert_eq!(api.get("/api/v1/hosts", &api.ours.viewer).await.items().len(), 1);
    let jobs = api.get("/api/v1/operator/jobs?state=cancelled", &api.operator).await.items();
    let who = jobs[0]["cancelled_by"].as_str().unwrap();
    assert!(who.starts_with("api_key:"), "{who}");
}

#[tokio::test]
async fn a_company_sees_its_jobs_and_cancels_them() {
    let api = Api::new().await;
    let body = json!({ "name": "all", "kind": "findings", "format": "csv" });
    let post = (Method::POST, "/reports");
    let report = api.write(post, &api.ours.viewer, &[], &body).await.json();
    let jobs = api.get("/api/v1/jobs", &api.ours.viewer).await.items();
    assert_eq!((jobs.len(), &jobs[0]["tick"]), (1, &report["id"]));
    assert_eq!(jobs[0]["state"], "queued");
    assert!(api.get("/api/v1/jobs", &api.theirs.viewer).await.items().is_empty());
    let path = format!("/jobs/{}/cancel", jobs[0]["id"].as_str().unwrap());
    let cancel = async |key: &str| api.write((Method::POST, &path), key, &[], &json!({})).await;
    assert_eq!(cancel(&api.ours.viewer).await.status, StatusCode::FORBIDDEN);
    assert_eq!(cancel(&api.theirs.admin).await.status, StatusCode::NOT_FOUND);
    let cancelled = cancel(&api.ours.analyst).await;
    assert_eq!(cancelled.json()["state"], "cancelled", "{}", cancelled.text);
    let cancelled = cancelled.json();
    let who = cancelled["cancelled_by"].as_str().unwrap();
    assert!(who.starts_with("api_key:"), "{who}");
    cancel(&api.ours.analyst).await.refuses(409, "over");
    let path = format!("/api/v1/reports/{}", report["id"].as_str().unwrap());
    let report = api.get(&path, &api.ours.viewer).await.json();
    assert_eq!(
        (&report["state"], &report["error"]),
        (&json!("cancelled"), &json!("cancelled by an API key"))
    );
    let log = api.get("/api/v1/audit?action=job.cancel", &api.ours.admin).await.items();
    assert_eq!(log[0]["after"]["kind"], "make_reports");
}

#[tokio::test]
async fn what_went_wrong_inside_a_job_is_shown_to_operators_alone() {
    let api = Api::new().await;
    let body = json!({ "name": "all", "kind": "findings", "format": "csv" });
    api.write((Method::POST, "/reports"), &api.ours.viewer, &[], &body).await;
    let inside = "relation \"report_parts\" at 10.1.2.3:5432";
    api.database.execute(&format!("UPDATE jobs SET attempts = 1, error = '{inside}'")).await;
    for key in [&api.ours.viewer, &api.ours.admin] {
        let jobs = api.get("/api/v1/jobs", key).await.items();
        let error = jobs[0]["error"].as_str().unwrap();
        assert!(error.contains("did not work") && !error.contains("10.1.2.3"), "{error}");
    }
    let all = api.get("/api/v1/operator/jobs", &api.operator).await.items();
    assert_eq!(all[0]["error"], inside);
    let path = format!("/jobs/{}/cancel", all[0]["id"].as_str().unwrap());
    let cancelled = api.write((Method::POST, &path), &api.ours.analyst, &[], &json!({})).await;
    assert_eq!(cancelled.json()["error"], "cancelled", "{}", cancelled.text);
}
