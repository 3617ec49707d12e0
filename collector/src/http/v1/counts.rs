//! How many findings something has, as every view of hosts, software and the pipeline shows it.

use schemars::JsonSchema;
use serde::Serialize;
use store::software::FindingCounts;

use crate::http::export::Row;

/// How many open findings something has.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FindingCounts")]
pub(super) struct CountsView {
    open: u64,
    critical: u64,
    high: u64,
    kev: u64,
    /// Left out by exceptions, and counted in none of the others.
    suppressed: u64,
}

impl CountsView {
    /// The five numbers as cells.
    pub(super) fn cells(&self, row: &mut Row<'_>) {
        for count in [self.open, self.critical, self.high, self.kev, self.suppressed] {
            row.own(count);
        }
    }
}

impl From<FindingCounts> for CountsView {
    fn from(counts: FindingCounts) -> Self {
        Self {
            open: counts.open,
            critical: counts.critical,
            high: counts.high,
            kev: counts.kev,
            suppressed: counts.suppressed,
        }
    }
}
