//! What package managers own on systems that have none of their own: nothing.
//!
//! It stands in for `owners.rs` there, so that language sources need not know where they run.

use std::sync::Arc;

use super::defects::ReadError;
use super::owned::OwnedPaths;
use super::root::Root;

/// What every package manager of the tree owns.
pub(crate) fn owned(root: &Root) -> Result<Arc<OwnedPaths>, ReadError> {
    root.owned().get_or_read(|| Ok(OwnedPaths::default()))
}
