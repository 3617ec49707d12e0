//! Documents on a real database, with an index of a few CVEs: from the upload to the findings.

use serde_json::{Value, json};
use store::hosts::{self, HostSoftwareFilter};
use store::imports::{Import, ImportState, NewImport};
use store::page::PageRequest;
use uuid::Uuid;

use super::*;
use crate::jobs::tests::{Node, open_cves};
use crate::pipeline::testing::{self, DAY, write_index};
use protocol::ids::AgentId;

/// A node that judges lodash before 4.17.21 by two CVEs, and a company.
async fn node() -> (Node, TenantScope) {
    let node = Node::new().await;
    write_index(&node.path(), &["CVE-2020-8203", "CVE-2021-23337"]);
    node.watch().look().await;
    let scope = testing::company(node.database.store(), 1).await;
    (node, scope)
}

fn package(name: &str, version: &str) -> Value {
    json!({ "type": "library", "name": name, "version": version,
            "purl": format!("pkg:npm/{name}@{version}") })
}

/// Takes a document in, as the API does.
async fn upload(scope: &TenantScope, name: &str, packages: &Value) -> Import {
    let document =
        json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": packages });
    let document = document.to_string();
    let listed = documents::read(document.as_bytes()).unwrap();
    bring(scope, name, document.as_bytes(), listed.records.len()).await
}

async fn bring(scope: &TenantScope, name: &str, document: &[u8], software: usize) -> Import {
    let new = NewImport {
        id: Uuid::new_v4(),
        name,
        host: AgentId(Uuid::new_v4()),
        labels: None,
        format: "cyclonedx",
        version: "1.6",
        sha256: [5; 32],
        document,
        components: software as u64,
        software: software as u64,
        warnings: &json!([]),
    };
    imports::create(scope, &new, DAY).await.unwrap()
}

/// Does all that waits, and looks at an import.
async fn work(node: &Node, scope: &TenantScope, import: &Import) -> Import {
    while node.take().await {}
    imports::get(scope, import.id).await.unwrap().unwrap()
}

async fn installed(scope: &TenantScope, import: &Import) -> Vec<String> {
    let filter = HostSoftwareFilter::default();
    let page = PageRequest::first(100);
    let found = hosts::software(scope, import.host, &filter, &page).await.unwrap();
    let mut names: Vec<String> = found
        .items
        .into_iter()
        .map(|one| format!("{} {}", one.software.record.name, one.software.record.version))
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_document_becomes_an_assets_software_with_its_findings() {
    let (node, scope) = node().await;
    let packages = json!([package("lodash", "4.17.20"), package("leftpad", "1.0.0")]);
    let import = upload(&scope, "shop", &packages).await;
    let done = work(&node, &scope, &import).await;
    assert_eq!((done.state, done.error.as_deref()), (ImportState::Done, None), "{:?}", done.log);
    assert_eq!((done.counts.opened, done.counts.closed), (2, 0));
    assert_eq!((done.counts.judged, done.counts.findings), (2, 2));
    assert_eq!(installed(&scope, &import).await, ["leftpad 1.0.0", "lodash 4.17.20"]);
    assert_eq!(open_cves(&scope).await, ["CVE-2020-8203", "CVE-2021-23337"]);
    let host = hosts::get(&scope, import.host).await.unwrap().unwrap().host;
    assert_eq!((host.software, host.findings.open), (2, 2));
}

#[tokio::test]
async fn the_next_document_takes_the_place_of_the_one_before() {
    let (node, scope) = node().await;
    let first = json!([package("lodash", "4.17.20"), package("leftpad", "1.0.0")]);
    let import = upload(&scope, "shop", &first).await;
    work(&node, &scope, &import).await;
    let second = json!([package("lodash", "4.17.21"), package("leftpad", "1.0.0")]);
    let import = upload(&scope, "shop", &second).await;
    let done = work(&node, &scope, &import).await;
    assert_eq!((done.counts.opened, done.counts.closed, done.counts.unchanged), (1, 1, 1));
    assert_eq!(installed(&scope, &import).await, ["leftpad 1.0.0", "lodash 4.17.21"]);
    // The same once more.
    let import = upload(&scope, "shop", &second).await;
    let done = work(&node, &scope, &import).await;
    assert_eq!((done.counts.opened, done.counts.closed, done.counts.unchanged), (0, 0, 2));
    // And one that lists nothing leaves nothing.
    let import = upload(&scope, "shop", &json!([])).await;
    let done = work(&node, &scope, &import).await;
    assert_eq!((done.state, done.counts.closed), (ImportState::Done, 2));
    assert_eq!(installed(&scope, &import).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_component_is_judged_by_the_cpe_name_that_its_document_gives() {
    let (node, scope) = node().await;
    let cpe = |version: &str| format!("cpe:2.3:a:lodash:lodash:{version}:*:*:*:*:*:*:*");
    let components = json!([
        { "name": "old", "version": "4.17.20", "cpe": cpe("4.17.20"), "purl": "pkg:generic/old@1" },
        { "name": "new", "version": "4.17.21", "cpe": cpe("4.17.21") },
        { "name": "lodash", "version": "4.17.20", "purl": "pkg:generic/lodash@4.17.20" },
    ]);
    let import = upload(&scope, "shop", &components).await;
    let done = work(&node, &scope, &import).await;
    assert_eq!((done.state, done.counts.software), (ImportState::Done, 3));
    // A bare name is not guessed at, whatever it is called.
    assert_eq!(done.counts.findings, 2);
    assert_eq!(open_cves(&scope).await, ["CVE-2020-8203", "CVE-2021-23337"]);
}

#[tokio::test]
async fn many_components_come_in_whole() {
    let (node, scope) = node().await;
    let packages: Vec<Value> = (0..1_203).map(|n| package(&format!("p{n}"), "1.0.0")).collect();
    let import = upload(&scope, "large", &json!(packages)).await;
    let done = work(&node, &scope, &import).await;
    assert_eq!((done.counts.judged, done.counts.opened), (1_203, 1_203));
    // Each 500 and the last was said.
    assert!(done.revision >= 5, "{}", done.revision);
    let host = hosts::get(&scope, import.host).await.unwrap().unwrap().host;
    assert_eq!(host.software, 1_203);
}

#[tokio::test]
async fn a_cancelled_import_changes_nothing() {
    let (node, scope) = node().await;
    let import = upload(&scope, "shop", &json!([package("lodash", "4.17.20")])).await;
    assert!(imports::cancel(&scope, import.id, DAY).await.unwrap());
    let cancelled = work(&node, &scope, &import).await;
    assert_eq!(cancelled.state, ImportState::Cancelled);
    assert_eq!(installed(&scope, &import).await, Vec::<String>::new());
    assert_eq!(open_cves(&scope).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_fails_is_told_without_its_reason_and_done_again() {
    let (node, scope) = node().await;
    let import = upload(&scope, "shop", &json!([package("lodash", "4.17.20")])).await;
    node.database.execute("ALTER TABLE software RENAME TO lost").await;
    let waiting = work(&node, &scope, &import).await;
    assert_eq!(waiting.state, ImportState::Queued);
    // No word of tables.
    assert_eq!(waiting.error.as_deref(), Some(TRIED_AGAIN));
    node.database.execute("ALTER TABLE lost RENAME TO software").await;
    node.hand.advance(std::time::Duration::from_secs(3_600));
    let done = work(&node, &scope, &import).await;
    assert_eq!((done.state, done.attempts), (ImportState::Done, 2));
    assert_eq!(installed(&scope, &import).await, ["lodash 4.17.20"]);
}

#[tokio::test]
async fn what_fails_too_often_is_given_up() {
    let (node, scope) = node().await;
    let import = upload(&scope, "shop", &json!([package("lodash", "4.17.20")])).await;
    node.database.execute("ALTER TABLE software RENAME TO lost").await;
    for _ in 0..ATTEMPTS_MAX {
        work(&node, &scope, &import).await;
        node.hand.advance(std::time::Duration::from_secs(3_600));
    }
    let failed = work(&node, &scope, &import).await;
    assert_eq!((failed.state, failed.error.as_deref()), (ImportState::Failed, Some(GIVEN_UP)));
}

#[tokio::test]
async fn a_document_that_this_release_cannot_read_fails_at_once_and_says_why() {
    let (node, scope) = node().await;
    let import = bring(&scope, "shop", b"{\"spdxVersion\":\"SPDX-3.0\"}", 0).await;
    let failed = work(&node, &scope, &import).await;
    assert_eq!((failed.state, failed.attempts), (ImportState::Failed, 1));
    assert!(failed.error.unwrap().contains("SPDX-3.0"));
}

#[tokio::test]
async fn software_of_an_asset_is_judged_again_like_any_other() {
    let (node, scope) = node().await;
    let import = upload(&scope, "shop", &json!([package("lodash", "4.17.20")])).await;
    work(&node, &scope, &import).await;
    write_index(&node.path(), &["CVE-2020-8203"]);
    let mut watch = node.watch();
    watch.look().await;
    while node.take().await {}
    assert_eq!(open_cves(&scope).await, ["CVE-2020-8203"]);
}
