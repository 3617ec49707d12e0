//! What only macOS has: bundles, receipts and ports.

pub(super) mod apps;
pub(super) mod macports;
pub(super) mod os;
pub(super) mod plist;
pub(super) mod receipts;
pub(super) mod safari;
