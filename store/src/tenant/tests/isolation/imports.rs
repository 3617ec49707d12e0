//! A company's import, so that its table has a row. What another company may do with one stands in the tests
//! of imports.

use protocol::ids::AgentId;

use crate::imports::{self, NewImport};
use crate::tenant::TenantScope;
use crate::test_fixtures::{at, id};

/// A document that waits, of the asset that is a host already.
pub(super) async fn make(scope: &TenantScope) {
    let new = NewImport {
        id: id(),
        name: "ours",
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
    let made = imports::create(scope, &new, at(1)).await.unwrap();
    // Its asset would be one host more than the tests count.
    assert!(crate::agents::revoke(scope, made.host, at(1)).await.unwrap());
}
