//! Every rule of a report, kept and broken.

use super::*;
use crate::fingerprint::InventoryDigest;
use crate::host::{HostFacts, Platform};
use crate::ids::Position;
use crate::software::{Source, SourceState, SourceStatus};

fn named(name: &str) -> SoftwareRecord {
    SoftwareRecord::new(Source::Deb, name, "1.0")
}

fn key(record: &SoftwareRecord) -> SoftwareKey {
    SoftwareKey::of(record, &Platform::default())
}

fn report(body: ReportBody) -> Report {
    Report {
        position: Position::new(1, 2),
        made_at_ms: 0,
        platform: Platform::default(),
        facts: None,
        sources: Vec::new(),
        body,
        digest: Some(InventoryDigest::default()),
    }
}

fn upserts(records: Vec<SoftwareRecord>) -> Report {
    report(ReportBody::Delta { upserts: records, removes: Vec::new() })
}

/// A whole inventory in one part, in key order.
fn snapshot(mut records: Vec<SoftwareRecord>) -> Report {
    records.sort_by_key(key);
    report(ReportBody::Snapshot { from: SoftwareKey(0), to: None, records })
}

fn many(count: usize) -> Vec<SoftwareRecord> {
    (0..count).map(|i| named(&format!("package-{i}"))).collect()
}

/// The complaint about one record with one change.
fn complaint(change: impl FnOnce(&mut SoftwareRecord)) -> InvalidReport {
    let mut record = named("good");
    change(&mut record);
    upserts(vec![named("first"), record]).validate().expect_err("a report that breaks a rule")
}

#[test]
fn gives_the_keys_in_the_order_of_the_records() {
    let records = vec![named("b"), named("a")];
    let keys: Vec<_> = records.iter().map(key).collect();
    assert_eq!(upserts(records).validate(), Ok(keys));
}

#[test]
fn takes_a_report_that_is_just_full() {
    assert!(snapshot(many(100)).validate().is_ok());
    assert!(upserts(many(100)).validate().is_ok());
}

#[test]
fn counts_upserts_and_removes_together() {
    let body = ReportBody::Delta { upserts: many(60), removes: (0..41).map(SoftwareKey).collect() };
    assert_eq!(report(body).validate(), Err(InvalidReport::TooManyRecords(101)));
}

#[test]
fn refuses_texts_one_byte_too_long_and_says_which() {
    type Set = fn(&mut SoftwareRecord, String);
    let cases: [(&str, usize, Set); 10] = [
        ("name", limits::NAME_BYTES_MAX, |r, t| r.name = t),
        ("version", limits::VERSION_BYTES_MAX, |r, t| r.version = t),
        ("release", limits::VERSION_BYTES_MAX, |r, t| r.release = t),
        ("arch", limits::LABEL_BYTES_MAX, |r, t| r.arch = t),
        ("vendor", limits::LABEL_BYTES_MAX, |r, t| r.vendor = t),
        ("source_name", limits::NAME_BYTES_MAX, |r, t| {
            r.source_name = t;
        }),
        ("source_version", limits::VERSION_BYTES_MAX, |r, t| {
            r.source_version = t;
        }),
        ("origin", limits::LABEL_BYTES_MAX, |r, t| r.origin = t),
        ("bundle_id", limits::NAME_BYTES_MAX, |r, t| r.bundle_id = t),
        ("location", limits::LOCATION_BYTES_MAX, |r, t| {
            r.locations = vec![t];
        }),
    ];
    for (field, max, set) in cases {
        let expected = InvalidReport::TooLong { record: 1, field, bytes: max + 1, max };
        assert_eq!(complaint(|record| set(record, "x".repeat(max + 1))), expected);
        let mut full = named("good");
        set(&mut full, "x".repeat(max));
        assert!(upserts(vec![full]).validate().is_ok(), "{field} just full");
    }
}

#[test]
fn refuses_control_characters_and_takes_an_empty_version() {
    let expected = InvalidReport::ControlCharacter { record: 1, field: "vendor" };
    for text in ["a\0b", "a\nb", "\u{1b}[31m", "a\u{85}b"] {
        assert_eq!(complaint(|record| record.vendor = text.to_owned()), expected);
    }
    let unknown = SoftwareRecord::new(Source::Programs, "Notepad", "");
    assert!(upserts(vec![unknown]).validate().is_ok());
}

#[test]
fn refuses_a_record_without_a_name() {
    assert_eq!(complaint(|record| record.name.clear()), InvalidReport::EmptyName { record: 1 });
}

#[test]
fn refuses_too_many_locations_and_sources() {
    let locations = complaint(|record| record.locations = vec!["/opt".to_owned(); 5]);
    assert!(matches!(locations, InvalidReport::TooMany { what: "locations", count: 5, max: 4 }));

    let status = SourceStatus {
        source: Source::Deb,
        state: SourceState::Ok,
        reason: String::new(),
        records: 0,
        took_ms: 0,
    };
    let mut report = snapshot(Vec::new());
    report.sources = vec![status; limits::REPORT_SOURCES_MAX + 1];
    assert!(matches!(report.validate(), Err(InvalidReport::TooMany { what: "sources", .. })));
}

#[test]
fn refuses_records_outside_the_range_out_of_order_or_twice() {
    let mut records = many(3);
    records.sort_by_key(key);
    let part = |from, to, records: &[SoftwareRecord]| {
        let records = records.to_vec();
        report(ReportBody::Snapshot { from, to, records }).validate()
    };
    let [first, second, third] = [key(&records[0]), key(&records[1]), key(&records[2])];
    let out_of_range = |record| Err(InvalidReport::OutOfRange { record });

    assert!(part(first, None, &records).is_ok(), "the first key is inclusive");
    assert_eq!(part(second, None, &records), out_of_range(0));
    assert_eq!(part(first, Some(third), &records), out_of_range(2), "the end is exclusive");
    let swapped = [records[1].clone(), records[0].clone()];
    assert_eq!(part(SoftwareKey(0), None, &swapped), out_of_range(1));
    let twice = [records[0].clone(), records[0].clone()];
    assert_eq!(part(SoftwareKey(0), None, &twice), out_of_range(1));
}

#[test]
fn refuses_a_range_that_holds_no_key() {
    for (from, to) in [(5, 5), (5, 4)] {
        let body = ReportBody::Snapshot {
            from: SoftwareKey(from),
            to: Some(SoftwareKey(to)),
            records: Vec::new(),
        };
        assert_eq!(report(body).validate(), Err(InvalidReport::EmptyRange));
    }
}

#[test]
fn refuses_a_delta_that_names_a_key_twice() {
    let twice = upserts(vec![named("a"), named("b"), named("a")]);
    assert_eq!(twice.validate(), Err(InvalidReport::RepeatedKey { record: 2 }));

    let both = report(ReportBody::Delta {
        upserts: vec![named("a")],
        removes: vec![SoftwareKey(1), key(&named("a"))],
    });
    assert_eq!(both.validate(), Err(InvalidReport::RepeatedKey { record: 2 }));

    let moved = SoftwareRecord { locations: vec!["/opt".to_owned()], ..named("a") };
    assert_eq!(
        upserts(vec![named("a"), moved]).validate(),
        Err(InvalidReport::RepeatedKey { record: 1 }),
        "another place is the same software"
    );
}

#[test]
fn an_epoch_begins_with_the_first_part_of_a_snapshot() {
    let at_start = |report: Report| Report { position: Position::new(4, 1), ..report };
    let refused = Err(InvalidReport::EpochWithoutSnapshot);
    assert!(at_start(snapshot(many(3))).validate().is_ok());
    assert_eq!(at_start(upserts(many(3))).validate(), refused);
    let later_part =
        report(ReportBody::Snapshot { from: SoftwareKey(1), to: None, records: Vec::new() });
    assert!(later_part.validate().is_ok());
    assert_eq!(at_start(later_part).validate(), refused);
}

#[test]
fn refuses_positions_that_count_from_zero() {
    for (epoch, seq) in [(0, 1), (1, 0), (0, 0)] {
        let report = Report { position: Position::new(epoch, seq), ..snapshot(Vec::new()) };
        assert_eq!(report.validate(), Err(InvalidReport::ZeroPosition));
    }
}

#[test]
fn refuses_host_facts_that_break_a_limit() {
    let with = |change: fn(&mut HostFacts)| {
        let mut facts = HostFacts::default();
        change(&mut facts);
        Report { facts: Some(Box::new(facts)), ..snapshot(Vec::new()) }.validate()
    };
    assert!(with(|_| {}).is_ok());
    assert!(matches!(
        with(|facts| facts.kernel = "x".repeat(257)),
        Err(InvalidReport::FactTooLong { field: "kernel", bytes: 257, max: 256 })
    ));
    assert_eq!(
        with(|facts| facts.hostname = "web\r1".to_owned()),
        Err(InvalidReport::FactControlCharacter { field: "hostname" })
    );
}

#[test]
fn refuses_a_platform_that_breaks_a_limit() {
    let mut report = snapshot(Vec::new());
    report.platform.id = "x".repeat(257);
    assert!(matches!(
        report.validate(),
        Err(InvalidReport::FactTooLong { field: "platform id", .. })
    ));
}
