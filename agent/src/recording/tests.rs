//! Scans one after another, and what a collector is told of them.

use protocol::frame::Unpacker;
use protocol::host::{HostFacts, Platform};
use protocol::software::{SoftwareRecord, Source, SourceState};

use super::*;

const NOW_MS: u64 = 1_763_690_000_000;

struct Bench {
    _folder: tempfile::TempDir,
    spool: Spool,
}

impl Bench {
    fn new() -> Self {
        Self::with_bytes(1024 * 1024)
    }

    fn with_bytes(bytes_max: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(&folder.path().join("spool.redb"), bytes_max).expect("a spool");
        Self { _folder: folder, spool }
    }

    fn record(&mut self, inventory: &mut Inventory) -> Recorded {
        record(&mut self.spool, inventory, 0, NOW_MS).expect("recorded")
    }

    /// Everything that waits, as a collector would read it.
    fn waiting(&mut self) -> Vec<Report> {
        let mut unpacker = Unpacker::new().expect("memory");
        let mut reports = Vec::new();
        let Some((mut position, last)) = self.spool.view().pending else {
            return reports;
        };
        while position <= last {
            let frame = self.spool.frame(position).expect("readable").expect("there");
            let message = unpacker.unpack(frame.packing, &frame.payload).expect("a message");
            let message = AgentMessage::decode(&message).expect("a message");
            let AgentMessage::Report(report) = message else {
                panic!("{message:?} in the spool");
            };
            reports.push(report);
            position = delta::following(position);
        }
        reports
    }
}

fn inventory(packages: u32) -> Inventory {
    let mut inventory = Inventory {
        facts: HostFacts { hostname: "host".to_owned(), ..HostFacts::default() },
        sources: vec![SourceStatus {
            source: Source::Deb,
            state: SourceState::Ok,
            reason: String::new(),
            records: packages,
            took_ms: 5,
        }],
        ..Inventory::default()
    };
    for number in 0..packages {
        add(&mut inventory, SoftwareRecord::new(Source::Deb, format!("package-{number}"), "1"));
    }
    inventory
}

fn add(inventory: &mut Inventory, record: SoftwareRecord) {
    let key = protocol::fingerprint::SoftwareKey::of(&record, &inventory.platform);
    inventory.records.insert(key, record);
}

#[test]
fn the_first_scan_is_a_snapshot_with_everything() {
    let mut bench = Bench::new();
    let recorded = bench.record(&mut inventory(150));
    assert_eq!(
        recorded,
        Recorded {
            records: 150,
            upserts: 150,
            reports: 2,
            is_snapshot: true,
            ..Recorded::default()
        }
    );
    let reports = bench.waiting();
    assert!(reports[0].facts.is_some() && !reports[0].sources.is_empty());
    assert_eq!(reports[1].digest.map(|digest| digest.count), Some(150));
}

#[test]
fn a_scan_that_finds_the_same_says_nothing_however_long_it_took() {
    let mut bench = Bench::new();
    bench.record(&mut inventory(5));
    let before = bench.spool.view();
    let mut again = inventory(5);
    again.sources[0].took_ms = 5_000;
    let recorded = bench.record(&mut again);
    assert_eq!(recorded.reports, 0);
    assert_eq!(bench.spool.view(), before);
}

#[test]
fn a_source_that_fails_is_told_even_when_its_records_stay() {
    let mut bench = Bench::new();
    bench.record(&mut inventory(5));
    let mut failing = inventory(5);
    failing.sources[0].state = SourceState::TimedOut;
    let recorded = bench.record(&mut failing);
    assert_eq!((recorded.reports, recorded.upserts), (1, 0));
    let reports = bench.waiting();
    let last = reports.last().expect("a report");
    assert_eq!(last.sources[0].state, SourceState::TimedOut);
    assert_eq!(last.facts, None);
}

#[test]
fn another_release_of_the_system_begins_an_epoch() {
    let mut bench = Bench::new();
    bench.record(&mut inventory(5));
    let epoch = bench.spool.last().epoch;
    let mut moved = Inventory {
        platform: Platform {
            family: "linux".to_owned(),
            id: "debian".to_owned(),
            version: "13".to_owned(),
        },
        ..Inventory::default()
    };
    add(&mut moved, SoftwareRecord::new(Source::Deb, "package-0", "1"));
    let recorded = bench.record(&mut moved);
    assert!(recorded.is_snapshot && !recorded.has_collapsed);
    assert!(bench.spool.last().epoch > epoch);
    assert_eq!(bench.waiting().len(), 1, "what waited before is dropped");
}

#[test]
fn a_spool_that_is_full_collapses_into_a_snapshot() {
    let mut bench = Bench::with_bytes(2_500);
    let mut host = inventory(20);
    bench.record(&mut host);
    let mut collapsed = 0;
    for number in 0..60 {
        add(&mut host, SoftwareRecord::new(Source::Npm, format!("more-{number}"), "1"));
        let recorded = bench.record(&mut host);
        assert_eq!(recorded.has_collapsed, recorded.is_snapshot);
        collapsed += u32::from(recorded.has_collapsed);
        assert!(bench.spool.waiting().1 <= 2_500);
    }
    assert!(collapsed > 0);
    // Whatever happened in between, what waits leads to the host's inventory.
    let reports = bench.waiting();
    assert!(matches!(reports[0].body, ReportBody::Snapshot { .. }));
    let last = reports.last().and_then(|report| report.digest);
    assert_eq!(last, Some(digest(&host.records)));
}

#[test]
fn an_inventory_that_does_not_fit_is_an_error_and_changes_nothing() {
    let mut bench = Bench::with_bytes(1_000);
    let error = record(&mut bench.spool, &mut inventory(5_000), 4, NOW_MS).expect_err("too large");
    assert!(error.to_string().contains("spool_bytes_max"), "{error}");
    assert!(bench.spool.view().is_snapshot_due);
    assert_eq!(bench.spool.scan_done(), 0);
}

#[test]
fn one_record_that_breaks_the_rules_does_not_hold_back_the_others() {
    let mut bench = Bench::new();
    let mut host = inventory(3);
    add(&mut host, SoftwareRecord::new(Source::Deb, "", "1"));
    add(&mut host, SoftwareRecord::new(Source::Deb, "x".repeat(10_000), "1"));
    add(&mut host, SoftwareRecord::new(Source::Deb, "bell\u{7}", "1"));
    let recorded = bench.record(&mut host);
    assert_eq!((recorded.records, recorded.left_out), (3, 3));
    for report in bench.waiting() {
        report.validate().expect("a collector takes it");
    }
}

#[test]
fn a_request_is_done_with_its_scan() {
    let mut bench = Bench::new();
    record(&mut bench.spool, &mut inventory(3), 17, NOW_MS).expect("recorded");
    assert_eq!(bench.spool.scan_done(), 17);
}
