//! Findings as comma-separated values that no spreadsheet computes.

use store::findings::Finding;

use super::Document;
use super::record::Record;
use crate::csv::{Row, names};

const COLUMNS: &[&str] = &[
    "cve",
    "severity",
    "cvss_score",
    "epss_score",
    "kev_added",
    "software_id",
    "software_source",
    "software_name",
    "software_version",
    "finding_source",
    "confidence",
    "fixed_in",
    "opened_at",
    "hosts",
];

/// A table.
#[derive(Debug)]
pub(super) struct Table;

impl Table {
    /// Writes the names of the columns.
    pub(super) fn begin(out: &mut Vec<u8>) -> Self {
        names(COLUMNS, out);
        Self
    }
}

impl Document for Table {
    fn finding(&mut self, finding: &Finding, out: &mut Vec<u8>) -> bool {
        let record = Record::from(finding);
        let mut row = Row::new(out);
        row.text(record.cve);
        row.own(record.severity);
        row.maybe_own(record.cvss_score);
        row.maybe_own(record.epss_score);
        row.maybe_own(record.kev_added);
        row.own(record.software.id);
        row.own(record.software.source);
        row.text(record.software.name);
        row.text(record.software.version);
        row.text(record.source);
        row.own(record.confidence);
        row.maybe(record.fixed_in);
        row.own(record.opened_at);
        row.own(record.hosts);
        row.end();
        true
    }

    fn end(&mut self, _: u64, _: &mut Vec<u8>) {}
}
