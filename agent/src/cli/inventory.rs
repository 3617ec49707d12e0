//! `inventory`: everything that would be sent, and nothing is.

use std::fmt::Write as _;
use std::process::ExitCode;

use protocol::fingerprint::SoftwareKey;
use protocol::host::HostFacts;
use protocol::software::{SoftwareRecord, SourceStatus};
use serde::{Serialize, Serializer};

use super::{Context, Failure, print};
use crate::collect::{Inventory, Scanner};
use crate::status::source_line;

/// The document that `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    facts: &'a HostFacts,
    sources: &'a [SourceStatus],
    software: Vec<Entry<'a>>,
}

/// A record with its key.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(serialize_with = "as_uuid")]
    key: SoftwareKey,
    #[serde(flatten)]
    record: &'a SoftwareRecord,
}

pub(super) fn inventory(context: &Context, json: bool) -> Result<ExitCode, Failure> {
    let mut scanner = Scanner::new(context.config.scan_options(&[]));
    // Nothing of an earlier scan: what a source cannot say now is not shown, and its status says
    // why.
    let inventory = scanner.scan(|_| Vec::new(), &*context.clock);
    if json {
        print(&serde_json::to_string_pretty(&document(&inventory))?)
    } else {
        print(&table(&inventory)?)
    }
}

fn document(inventory: &Inventory) -> Document<'_> {
    Document {
        facts: &inventory.facts,
        sources: &inventory.sources,
        software: in_order(inventory)
            .into_iter()
            .map(|(key, record)| Entry { key: *key, record })
            .collect(),
    }
}

/// The records as people look for them: by source and name.
fn in_order(inventory: &Inventory) -> Vec<(&SoftwareKey, &SoftwareRecord)> {
    let mut records: Vec<_> = inventory.records.iter().collect();
    records.sort_by(|(_, a), (_, b)| {
        (a.source, &a.name, &a.version).cmp(&(b.source, &b.name, &b.version))
    });
    records
}

fn table(inventory: &Inventory) -> Result<String, std::fmt::Error> {
    let facts = &inventory.facts;
    let mut text = String::new();
    writeln!(text, "{}: {}", facts.hostname, facts.os_name)?;
    for source in &inventory.sources {
        source_line(&mut text, source)?;
    }
    for (_, record) in in_order(inventory) {
        writeln!(text, "{:10} {} {}", record.source.as_str(), record.name, record.version)?;
    }
    Ok(text)
}

fn as_uuid<S: Serializer>(key: &SoftwareKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&key.to_uuid())
}
