//! Reads feeds as an import does and says what came of it.
//!
//! `cargo run --release --example read_feeds -- PATH… [--places]`: one JSON object a file and one for all,
//! with what was read, skipped and left out, the speed, and the peak of memory. `--places` adds
//! how many statements each place has. It exists to measure the parsers on whole feeds.
#![expect(clippy::print_stdout, reason = "a measuring tool prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a measuring tool looks at the clock")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use enrichment::advisory::{Advisory, Place};
use enrichment::cve::CveRecord;
use enrichment::feeds::{self, FeedSink, SinkError};
use serde_json::json;

/// Counts what comes.
#[derive(Debug, Default)]
struct Counted {
    cves: u64,
    configured: u64,
    advisories: u64,
    withdrawn: u64,
    without_cve: u64,
    affected: BTreeMap<String, u64>,
    places: BTreeMap<String, u64>,
}

impl FeedSink for Counted {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.cves += 1;
        self.configured += u64::from(!record.configurations.is_empty());
        Ok(())
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.advisories += 1;
        self.withdrawn += u64::from(advisory.is_withdrawn);
        self.without_cve += u64::from(advisory.cves.is_empty());
        for affected in &advisory.affected {
            let verdict = format!("{:?}", affected.verdict);
            let publisher = advisory.publisher.as_str();
            *self.affected.entry(format!("{publisher} {verdict}")).or_default() += 1;
            let place = match &affected.place {
                Place::Distribution { id, release, channel } => format!("{id}:{release}:{channel}"),
                Place::Language(kind) => kind.clone(),
            };
            *self.places.entry(place).or_default() += 1;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut shows_places = false;
    let mut all = Counted::default();
    let started = Instant::now();
    for argument in std::env::args_os().skip(1) {
        if argument == "--places" {
            shows_places = true;
            continue;
        }
        let begun = Instant::now();
        let report = feeds::read_path(Path::new(&argument), &mut all)?;
        for file in report.files {
            println!("{}", serde_json::to_string(&file)?);
        }
        println!(
            "{}",
            json!({"path": argument.to_string_lossy(), "ms": begun.elapsed().as_millis()})
        );
    }
    let mut summary = json!({
        "cves": all.cves,
        "configured": all.configured,
        "advisories": all.advisories,
        "withdrawn": all.withdrawn,
        "without_cve": all.without_cve,
        "affected": all.affected,
        "ms": started.elapsed().as_millis(),
        "peak": peak(),
    });
    if shows_places {
        summary["places"] = json!(all.places);
    }
    println!("{summary}");
    Ok(())
}

/// The most memory that the process had, as Linux tells it.
fn peak() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.trim_start_matches("VmHWM:").trim().to_owned())
}
