//! A company's import, so that its table has a row. What another company may do with one stands in the tests
//! of imports.

use protocol::ids::AgentId;

use crate::imports::{self, NewImport};
use crate::tenant::TenantScope;
use crate::test_fixtures::{at, id};

/// A document of an asset that was let go.
pub(super) async fn make(scope: &TenantScope) {
    let made = waiting(scope, "ours").await;
    // Its asset would be one host more than the tests count.
    assert!(crate::agents::revoke(scope, made, at(1)).await.unwrap());
}

/// A document that waits; gives its asset.
pub(super) async fn waiting(scope: &TenantScope, name: &str) -> AgentId {
    let new = NewImport {
        id: id(),
        name,
        host: AgentId(id()),
        labels: None,
        format: "spdx",
        version: "2.3",
        sha256: [5; 32],
        document: b"{}",
        components: 0,
        software: 0,
        warnings: &serde_json::json!([]),
    };
    imports::create(scope, &new, at(1)).await.unwrap().host
}
