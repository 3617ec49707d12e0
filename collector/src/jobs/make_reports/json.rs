//! Findings as a JSON document: what the report is about, how the company stood, and every finding.

use serde_json::{Value, json};
use store::findings::Finding;
use store::statistics::Statistics;

use super::Document;
use super::head::Head;
use super::record::{Record, instant, put, put_next};

/// A document.
#[derive(Debug)]
pub(super) struct Whole {
    is_first: bool,
}

impl Whole {
    /// Writes what stands before the findings.
    pub(super) fn begin(head: &Head, out: &mut Vec<u8>) -> Self {
        out.extend(b"{\"report\":");
        put(&head.to_json(), out);
        out.extend(b",\n\"statistics\":");
        put(&head.days.last().map(day), out);
        out.extend(b",\n\"findings\":[");
        Self { is_first: true }
    }
}

impl Document for Whole {
    fn finding(&mut self, finding: &Finding, out: &mut Vec<u8>) -> bool {
        put_next(&mut self.is_first, &Record::from(finding), out);
        true
    }

    fn end(&mut self, records: u64, out: &mut Vec<u8>) {
        // Behind them, so that who has a part does not take it for the whole.
        out.extend(format!("\n],\n\"total\":{records}}}\n").into_bytes());
    }
}

/// How the company stood.
pub(super) fn day(day: &Statistics) -> Value {
    json!({
        "at": instant(day.at),
        "measured_at": instant(day.measured_at),
        "hosts": day.hosts,
        "silent_hosts": day.silent_hosts,
        "findings": day.groups,
    })
}
