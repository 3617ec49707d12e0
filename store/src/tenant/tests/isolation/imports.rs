//! A company's import, so that its table has a row. What another company may do with one stands in the tests
//! of imports.

use crate::tenant::TenantScope;
use crate::test_fixtures::{asset, at};

/// A document of an asset that was let go.
pub(super) async fn make(scope: &TenantScope) {
    let made = asset(scope, "ours").await;
    // Its asset would be one host more than the tests count.
    assert!(crate::agents::revoke(scope, made, at(1)).await.unwrap());
}
