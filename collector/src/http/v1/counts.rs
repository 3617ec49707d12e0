//! How many findings something has, as every view of hosts, software and the pipeline shows it.

use schemars::JsonSchema;
use serde::Serialize;
use store::software::FindingCounts;

/// How many open findings something has.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FindingCounts")]
pub(super) struct CountsView {
    open: u64,
    critical: u64,
    high: u64,
    kev: u64,
}

impl From<FindingCounts> for CountsView {
    fn from(counts: FindingCounts) -> Self {
        Self {
            open: counts.open,
            critical: counts.critical,
            high: counts.high,
            kev: counts.kev,
        }
    }
}
