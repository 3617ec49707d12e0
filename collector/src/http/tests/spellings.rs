//! Findings whose id no feed has a record of, and ids that are spelled in small letters: GitHub's advisories
//! that name no CVE.

use axum::http::{Method, StatusCode};
use enrichment::evaluation::{Evaluation, Finding};
use protocol::fingerprint::SoftwareKey;
use serde_json::{Value, json};
use store::findings;

use super::harness::{Api, NOW, evaluation};

const ID: &str = "GHSA-9wx4-h78v-vm56";
/// As people and documents may spell it.
const TYPED: [&str; 3] = [ID, "ghsa-9wx4-h78v-vm56", "GHSA-9WX4-H78V-VM56"];

/// Our host's software has the advisory in place of a CVE.
async fn api() -> Api {
    let api = Api::new().await;
    let found = evaluation();
    let findings = found.findings.iter().cloned().map(|one| Finding { cve: ID.into(), ..one });
    let judged = Evaluation { findings: findings.collect(), ..found };
    let judged = [(SoftwareKey::from_uuid(api.ours.software), judged)];
    findings::replace(&api.ours.scope, &judged, 1, NOW).await.unwrap().unwrap();
    api
}

/// What the items of a list have at a place.
async fn all(api: &Api, path: &str, place: &str) -> Vec<Value> {
    let list = api.get(&format!("/api/v1{path}"), &api.ours.viewer).await;
    list.items().iter().map(|item| item.pointer(place).cloned().unwrap_or_default()).collect()
}

#[tokio::test]
async fn an_advisory_without_a_cve_has_a_page_for_who_has_it() {
    let api = api().await;
    for typed in TYPED {
        let path = format!("/api/v1/cves/{typed}");
        let page = api.get(&path, &api.ours.viewer).await;
        assert_eq!(page.status, StatusCode::OK, "{typed}: {}", page.text);
        let page = page.json();
        assert_eq!((&page["id"], &page["severity"]), (&json!(ID), &json!("unknown")));
        assert_eq!((&page["hosts"], &page["software"]), (&json!(1), &json!(1)));
        assert_eq!((&page["scores"], &page["cwes"]), (&json!([]), &json!([])));
        // The other company has no finding of it, and no feed has brought it.
        let theirs = api.get(&path, &api.theirs.viewer).await;
        assert_eq!(theirs.status, StatusCode::NOT_FOUND);
    }
    // The same with a CVE that nobody has a record of yet.
    let theirs = api.get("/api/v1/cves/cve-2024-0001", &api.theirs.viewer).await;
    assert_eq!(theirs.json()["id"], "CVE-2024-0001");
}

#[tokio::test]
async fn lists_find_an_advisory_however_its_letters_are_typed() {
    let api = api().await;
    for typed in TYPED {
        assert_eq!(all(&api, &format!("/findings?cve={typed}"), "/cve/id").await, [ID]);
        let hosts = all(&api, &format!("/hosts?cve={typed}"), "/id").await;
        assert_eq!(hosts, [json!(api.ours.host)]);
    }
    assert_eq!(all(&api, "/cves", "/id").await, [ID]);
}

#[tokio::test]
async fn an_exception_by_an_advisory_leaves_it_out_and_goes_out_as_it_is_spelled() {
    for typed in TYPED {
        let api = api().await;
        let body = json!({ "rule": { "cve": typed }, "status": "affected" });
        let made = api.write((Method::POST, "/exceptions"), &api.ours.admin, &[], &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        assert_eq!(made.json()["suppressed"], 1, "{typed}");
        assert_eq!(all(&api, "/findings", "/cve/id").await, [Value::Null; 0]);
        let listed = all(&api, &format!("/exceptions?cve={typed}"), "/rule").await;
        assert_eq!(listed, [json!({ "cve": ID })]);
        let open = api.get("/api/v1/vex?format=openvex", &api.ours.viewer).await.json();
        assert_eq!(open["statements"][0]["vulnerability"]["name"], ID);
        let cyclone = api.get("/api/v1/vex?format=cyclonedx", &api.ours.viewer).await.json();
        assert_eq!(cyclone["vulnerabilities"][0]["id"], ID);
    }
}

#[tokio::test]
async fn documents_speak_of_an_advisory_in_any_letters() {
    for typed in TYPED {
        let open = json!({
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": "https://example.com/vex-8",
            "author": "Example",
            "timestamp": "2026-01-01T00:00:00Z",
            "version": 1,
            "statements": [{
                "vulnerability": { "name": typed },
                "products": [{ "@id": "pkg:generic/nodejs" }],
                "status": "fixed",
            }],
        });
        let cyclone = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
            "version": 1,
            "vulnerabilities": [{
                "id": typed,
                "analysis": { "state": "resolved" },
                "affects": [{ "ref": "pkg:generic/nodejs" }],
            }],
        });
        for document in [open, cyclone] {
            let api = api().await;
            let came = api.write((Method::POST, "/vex"), &api.ours.admin, &[], &document).await;
            assert_eq!(came.status, StatusCode::CREATED, "{}", came.text);
            assert_eq!(all(&api, "/findings", "/cve/id").await, [Value::Null; 0], "{typed}");
            assert_eq!(all(&api, "/exceptions", "/rule/cve").await, [ID]);
        }
    }
}
