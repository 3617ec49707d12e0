//! Reports, applied as a collector applies them, must give the inventory that they were made from.

use std::collections::BTreeSet;

use proptest::prelude::*;
use protocol::frame::Packer;
use protocol::limits::{
    FRAME_WIRE_BYTES_MAX, LOCATION_BYTES_MAX, LOCATIONS_MAX, NAME_BYTES_MAX, REPORT_RECORDS_MAX,
};
use protocol::message::AgentMessage;
use protocol::software::{Source, SourceState};

use super::*;

fn platform() -> Platform {
    Platform { family: "linux".to_owned(), id: "debian".to_owned(), version: "12".to_owned() }
}

fn records(list: impl IntoIterator<Item = SoftwareRecord>) -> Records {
    list.into_iter().map(|record| (SoftwareKey::of(&record, &platform()), record)).collect()
}

fn packages(count: u32) -> Records {
    records((0..count).map(|n| SoftwareRecord::new(Source::Deb, format!("package-{n}"), "1.0-1")))
}

fn digest(records: &Records) -> InventoryDigest {
    records.iter().map(|(key, record)| RecordFingerprint::of(*key, record)).collect()
}

fn heading<'a>(platform: &'a Platform) -> Heading<'a> {
    Heading { made_at_ms: 1_700_000_000_000, platform, facts: None, sources: &[] }
}

/// What a collector does with a valid report.
fn apply(held: &mut Records, report: &Report) {
    let keys = report.validate().expect("a report that can be taken");
    assert!(report.body.record_count() <= REPORT_RECORDS_MAX);
    match &report.body {
        ReportBody::Snapshot { from, to, .. } => {
            held.retain(|key, _| key < from || to.is_some_and(|to| *key >= to));
        }
        ReportBody::Delta { removes, .. } => {
            held.retain(|key, _| !removes.contains(key));
        }
    }
    let brought = report.body.records().iter().cloned();
    held.extend(keys.into_iter().zip(brought));
    if let Some(said) = report.digest {
        assert_eq!(said, digest(held), "digest after {}", report.position);
    }
}

fn arbitrary_record() -> impl Strategy<Value = SoftwareRecord> {
    (
        0..400_u32,
        0..3_u32,
        proptest::option::of(0..3_u32),
        0..3_usize,
        proptest::bool::weighted(0.02),
    )
        .prop_map(|(name, version, installed_at_s, places, is_huge)| {
            let mut record =
                SoftwareRecord::new(Source::Npm, format!("p{name}"), format!("{version}"));
            record.installed_at_s = installed_at_s;
            record.locations = vec!["/opt".to_owned(); places];
            if is_huge {
                record.locations = vec!["x".repeat(LOCATION_BYTES_MAX); LOCATIONS_MAX];
            }
            record
        })
}

fn arbitrary_inventory() -> impl Strategy<Value = Records> {
    proptest::collection::vec(arbitrary_record(), 0..600).prop_map(records)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_snapshot_replaces_whatever_a_collector_held(
        held in arbitrary_inventory(),
        now in arbitrary_inventory(),
    ) {
        let (mut held, platform) = (held, platform());
        for report in snapshot(heading(&platform), Epoch(3), &now) {
            apply(&mut held, &report);
        }
        prop_assert_eq!(held, now);
    }

    #[test]
    fn a_delta_leads_from_one_inventory_to_the_other(
        before in arbitrary_inventory(),
        now in arbitrary_inventory(),
    ) {
        let (mut held, platform) = (before.clone(), platform());
        let after = Position::new(2, 7);
        let reports = delta(heading(&platform), after, digest(&before), &before, &now);
        let mut position = after;
        for report in reports {
            position = following(position);
            prop_assert_eq!(report.position, position);
            prop_assert!(report.digest.is_some());
            apply(&mut held, &report);
        }
        prop_assert_eq!(held, now);
    }

    #[test]
    fn parts_applied_twice_change_nothing(now in arbitrary_inventory()) {
        let (mut held, platform) = (Records::new(), platform());
        for report in snapshot(heading(&platform), Epoch(3), &now) {
            apply(&mut held, &report);
            let once = held.clone();
            apply(&mut held, &Report { digest: None, ..report });
            prop_assert_eq!(&held, &once);
        }
    }
}

#[test]
fn an_empty_inventory_is_one_part_that_says_so() {
    let platform = platform();
    let parts: Vec<_> = snapshot(heading(&platform), Epoch(1), &Records::new()).collect();
    assert_eq!(parts.len(), 1);
    let mut held = packages(5);
    apply(&mut held, &parts[0]);
    assert!(held.is_empty());
    assert_eq!(parts[0].digest, Some(InventoryDigest::default()));
}

#[test]
fn parts_cover_every_key_without_gaps() {
    let (platform, now) = (platform(), packages(250));
    let parts: Vec<_> = snapshot(heading(&platform), Epoch(9), &now).collect();
    assert_eq!(parts.len(), 3);
    let mut expected_from = Some(SoftwareKey(0));
    for (part, seq) in parts.iter().zip(1..) {
        let ReportBody::Snapshot { from, to, .. } = &part.body else {
            panic!("a snapshot has no deltas");
        };
        assert_eq!(Some(*from), expected_from);
        assert_eq!(part.position, Position::new(9, seq));
        assert_eq!(part.digest.is_some(), to.is_none());
        expected_from = *to;
    }
    assert_eq!(expected_from, None);
}

#[test]
fn says_nothing_when_nothing_changed() {
    let (platform, now) = (platform(), packages(250));
    let mut reports = delta(heading(&platform), Position::new(1, 1), digest(&now), &now, &now);
    assert_eq!(reports.next(), None);
}

#[test]
fn tells_facts_and_statuses_once_even_when_no_record_changed() {
    let (platform, now) = (platform(), packages(3));
    let facts = HostFacts { hostname: "host".to_owned(), ..HostFacts::default() };
    let sources = [SourceStatus {
        source: Source::Deb,
        state: SourceState::Ok,
        reason: String::new(),
        records: 3,
        took_ms: 1,
    }];
    let heading = Heading { facts: Some(&facts), sources: &sources, ..heading(&platform) };
    let quiet: Vec<_> =
        delta(heading.clone(), Position::new(1, 1), digest(&now), &now, &now).collect();
    assert_eq!(quiet.len(), 1);
    assert_eq!(quiet[0].body.record_count(), 0);
    assert_eq!(quiet[0].facts.as_deref(), Some(&facts));
    assert_eq!(quiet[0].digest, Some(digest(&now)));

    let many = packages(201);
    let parts: Vec<_> = snapshot(heading, Epoch(2), &many).collect();
    let telling: Vec<_> = parts.iter().map(|part| part.sources.len()).collect();
    assert_eq!(telling, [1, 0, 0]);
    assert!(parts[1].facts.is_none());
}

#[test]
fn a_record_that_moved_is_an_upsert_and_no_remove() {
    let before = packages(3);
    let mut now = before.clone();
    let moved = *now.keys().next().expect("three records");
    now.entry(moved).and_modify(|record| record.installed_at_s = Some(5));
    let changes: Vec<_> = changes(&before, &now).collect();
    assert_eq!(changes.len(), 1);
    assert!(changes[0].old.is_some() && changes[0].new.is_some());
}

#[test]
fn reports_of_the_longest_records_fit_a_frame_even_unpacked() {
    let platform = platform();
    // Text that no packer makes shorter: digits of a hash.
    let noise = |seed: u32, bytes: usize| -> String {
        (0..)
            .map(|n| {
                format!(
                    "{:032x}",
                    SoftwareKey::of(
                        &SoftwareRecord::new(Source::Npm, format!("{seed}-{n}"), ""),
                        &Platform::default()
                    )
                    .0
                )
            })
            .flat_map(|text| text.chars().collect::<Vec<_>>())
            .take(bytes)
            .collect()
    };
    let now = records((0..150).map(|n| {
        let mut record = SoftwareRecord::new(Source::Npm, noise(n, NAME_BYTES_MAX), "1");
        record.locations = (0..4).map(|place| noise(n * 7 + place, LOCATION_BYTES_MAX)).collect();
        record
    }));
    let mut packer = Packer::new().expect("memory");
    let mut seen = BTreeSet::new();
    for report in snapshot(heading(&platform), Epoch(1), &now) {
        seen.extend(report.validate().expect("valid"));
        let message = AgentMessage::Report(report).encode();
        assert!(message.len() <= FRAME_WIRE_BYTES_MAX, "{}", message.len());
        packer.pack(message).expect("a frame");
    }
    assert_eq!(seen.len(), 150);
}
