//! Laws of the wire that hold for every message, and hold against every peer.

use proptest::collection::vec;
use proptest::prelude::*;

use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::frame::{Frame, HEADER_BYTES, Header, Packer, Packing, Unpacker};
use protocol::host::Platform;
use protocol::ids::{Position, Succession};
use protocol::limits::{
    FRAME_RAW_BYTES_MAX, FRAME_WIRE_BYTES_MAX, HEARTBEAT_EVERY_S, RETURN_WITHIN_S_MAX,
    SCAN_EVERY_S, VISIT_EVERY_S,
};
use protocol::message::{AgentMessage, Attendance, CollectorMessage, Settings};
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source, SourceState, SourceStatus};
use protocol::token::EnrolmentToken;

fn source() -> impl Strategy<Value = Source> {
    proptest::sample::select(Source::ALL.to_vec())
}

/// Few distinct texts, so that tables and neighbours repeat as they do on hosts.
fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("amd64".to_owned()),
        Just("Debian Python Team <team+python@tracker.debian.org>".to_owned()),
        "[a-zA-Zäß漢 ]{1,20}",
    ]
}

fn time() -> impl Strategy<Value = Option<u32>> {
    proptest::option::of(prop_oneof![Just(1_700_000_000), any::<u32>()])
}

prop_compose! {
    fn record()(
        source in source(),
        name in "[a-z0-9.+-]{1,30}",
        version in "[0-9a-z:~.+-]{0,20}",
        epoch in proptest::option::of(any::<u32>()),
        (release, arch, vendor, origin) in (label(), label(), label(), label()),
        (source_name, source_version, bundle_id) in (label(), label(), label()),
        running in proptest::option::weighted(0.1, any::<bool>()),
        installed_at_s in time(),
        locations in vec("/[a-z/]{0,30}", 0..4),
    ) -> SoftwareRecord {
        SoftwareRecord {
            epoch, release, arch, vendor, source_name, source_version, origin, bundle_id,
            running, installed_at_s, locations,
            ..SoftwareRecord::new(source, name, version)
        }
    }
}

prop_compose! {
    fn platform()(family in label(), id in label(), version in label()) -> Platform {
        Platform { family, id, version }
    }
}

fn body() -> impl Strategy<Value = ReportBody> {
    let key = any::<u128>().prop_map(SoftwareKey);
    prop_oneof![
        (any::<u128>(), proptest::option::of(key.clone()), vec(record(), 0..40)).prop_map(
            |(from, to, records)| ReportBody::Snapshot { from: SoftwareKey(from), to, records }
        ),
        (vec(record(), 0..40), vec(key, 0..40))
            .prop_map(|(upserts, removes)| ReportBody::Delta { upserts, removes }),
    ]
}

prop_compose! {
    fn report()(
        (epoch, seq) in any::<(u32, u32)>(),
        made_at_ms in any::<u64>(),
        platform in platform(),
        sources in vec((source(), label(), any::<(u32, u32)>()), 0..5),
        body in body(),
        digest in proptest::option::of(any::<(u32, u128)>()),
    ) -> Report {
        Report {
            position: Position::new(epoch, seq),
            made_at_ms,
            platform,
            facts: None,
            sources: sources.into_iter().map(|(source, reason, (records, took_ms))| SourceStatus {
                source, state: SourceState::Partial, reason, records, took_ms,
            }).collect(),
            body,
            digest: digest.map(|(count, sum)| InventoryDigest { count, sum }),
        }
    }
}

fn decode_everything(bytes: &[u8]) {
    drop(AgentMessage::decode(bytes).map(|message| match message {
        AgentMessage::Report(report) => report.validate().map(drop).is_ok(),
        AgentMessage::Hello(_)
        | AgentMessage::Heartbeat(_)
        | AgentMessage::Renew { .. }
        | AgentMessage::Leave
        | AgentMessage::Rekey { .. } => true,
    }));
    drop(CollectorMessage::decode(bytes));
    drop(EnrolRequest::decode(bytes));
    drop(EnrolReply::decode(bytes));
}

proptest! {
    #[test]
    fn a_report_comes_back_as_it_was(report in report()) {
        let message = AgentMessage::Report(report);
        prop_assert_eq!(AgentMessage::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn a_packed_message_comes_back_as_it_was(report in report()) {
        let message = AgentMessage::Report(report).encode();
        let frame = Packer::new()?.pack(message.clone())?;
        let bytes = frame.to_bytes();
        let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>().expect("a header");
        let header = Header::parse(*header)?;
        prop_assert_eq!(header.payload_bytes, payload.len());
        prop_assert_eq!(Unpacker::new()?.unpack(header.packing, payload)?, message);
    }

    #[test]
    fn arbitrary_bytes_decode_without_a_panic(bytes in vec(any::<u8>(), 0..2_000)) {
        decode_everything(&bytes);
    }

    #[test]
    fn a_damaged_report_decodes_without_a_panic(
        report in report(), at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let mut bytes = AgentMessage::Report(report).encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        decode_everything(&bytes);
    }

    #[test]
    // Every field has its place and none is optional at the end: a layout that let a message end
    // early would take half of a report for a whole one.
    fn a_cut_report_is_refused(report in report(), at in any::<prop::sample::Index>()) {
        let bytes = AgentMessage::Report(report).encode();
        let cut = at.index(bytes.len());
        prop_assert!(AgentMessage::decode(&bytes[..cut]).is_err());
    }

    #[test]
    fn a_report_with_something_behind_it_is_refused(report in report(), tail in 1..9_usize) {
        let mut bytes = AgentMessage::Report(report).encode();
        bytes.resize(bytes.len() + tail, 0);
        prop_assert!(AgentMessage::decode(&bytes).is_err());
    }

    #[test]
    fn arbitrary_payloads_never_unpack_past_the_cap(payload in vec(any::<u8>(), 0..2_000)) {
        // Also behind zstd's magic number, without which hardly any bytes get past the first four.
        let marked = [&[0x28, 0xb5, 0x2f, 0xfd][..], &payload].concat();
        for payload in [payload, marked] {
            if let Ok(message) = Unpacker::new()?.unpack(Packing::Zstd1, &payload) {
                prop_assert!(message.len() <= FRAME_RAW_BYTES_MAX);
            }
        }
    }

    #[test]
    fn a_damaged_frame_unpacks_without_a_panic(
        report in report(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut frame = Packer::new()?.pack(AgentMessage::Report(report).encode())?;
        let at = at.index(frame.payload.len());
        frame.payload[at] = byte;
        if let Ok(message) = Unpacker::new()?.unpack(frame.packing, &frame.payload) {
            decode_everything(&message);
        }
    }

    #[test]
    fn a_header_never_asks_for_more_than_a_frame_may_have(bytes in any::<[u8; HEADER_BYTES]>()) {
        if let Ok(header) = Header::parse(bytes) {
            prop_assert!(header.payload_bytes <= FRAME_WIRE_BYTES_MAX);
            let frame = Frame { packing: header.packing, payload: vec![0; header.payload_bytes] };
            prop_assert_eq!(frame.header(), bytes);
        }
    }

    #[test]
    fn a_digest_does_not_depend_on_the_order_or_the_way(
        kept in vec(any::<u128>(), 0..20), gone in vec(any::<u128>(), 0..20),
    ) {
        let fingerprints = |numbers: &[u128]| -> Vec<_> {
            numbers.iter().copied().map(RecordFingerprint).collect()
        };
        let straight: InventoryDigest = fingerprints(&kept).into_iter().collect();
        let mut roundabout = InventoryDigest::default();
        for fingerprint in fingerprints(&gone).into_iter().chain(fingerprints(&kept).into_iter().rev()) {
            roundabout.add(fingerprint);
        }
        for fingerprint in fingerprints(&gone) {
            roundabout.remove(fingerprint);
        }
        prop_assert_eq!(roundabout, straight);
    }

    #[test]
    fn every_position_is_the_next_one_a_repetition_or_a_gap(
        applied in any::<(u32, u32)>(), next in any::<(u32, u32)>(),
    ) {
        let applied = Position::new(applied.0, applied.1);
        let next = Position::new(next.0, next.1);
        match applied.succession(next) {
            Succession::Seen => prop_assert!(next <= applied),
            Succession::Next => {
                prop_assert!(next > applied);
                prop_assert!(next.seq.0 == 1 || next.seq.0 - 1 == applied.seq.0);
            }
            Succession::Gap => prop_assert!(next > applied),
        }
    }

    #[test]
    fn settings_are_always_brought_into_the_limits(
        heartbeat_every_s in any::<u32>(), scan_every_s in any::<u32>(),
        sources_off in vec(source(), 0..30),
    ) {
        let asked = Settings { revision: 1, heartbeat_every_s, scan_every_s, sources_off };
        let used = asked.clone().clamped();
        prop_assert!(HEARTBEAT_EVERY_S.contains(&used.heartbeat_every_s));
        prop_assert!(SCAN_EVERY_S.contains(&used.scan_every_s));
        prop_assert!(asked.sources_off.iter().all(|source| used.sources_off.contains(source)));
        prop_assert_eq!(used.clone().clamped(), used);
    }

    #[test]
    fn no_attendance_sends_an_agent_away_for_good(seconds in any::<u32>()) {
        for asked in [
            Attendance::Visit { every_s: seconds },
            Attendance::Hold { return_within_s: seconds },
        ] {
            let used = asked.clamped();
            let fits = match used {
                Attendance::Visit { every_s } => VISIT_EVERY_S.contains(&every_s),
                Attendance::Hold { return_within_s } => return_within_s <= RETURN_WITHIN_S_MAX,
            };
            prop_assert!(fits);
            prop_assert_eq!(used.clamped(), used);
        }
    }

    #[test]
    fn arbitrary_texts_are_no_tokens_and_no_panics(text in "(mst1\\.)?[-_A-Za-z0-9]{0,200}") {
        if let Ok(token) = text.parse::<EnrolmentToken>() {
            prop_assert!(!token.addresses.is_empty());
        }
    }
}

/// Changes one field at a time; each has to give another key.
#[test]
fn the_key_differs_when_any_field_of_the_software_or_its_platform_differs() {
    let record = SoftwareRecord::new(Source::Deb, "a", "b");
    let platform = Platform::default();
    type Change = fn(&mut SoftwareRecord, &mut Platform);
    let changes: [Change; 16] = [
        |_, _| {},
        |r, _| r.source = Source::Rpm,
        |r, _| r.name.push('x'),
        |r, _| r.version.push('x'),
        |r, _| r.epoch = Some(0),
        |r, _| r.epoch = Some(1),
        |r, _| r.release.push('x'),
        |r, _| r.arch.push('x'),
        |r, _| r.vendor.push('x'),
        |r, _| r.source_name.push('x'),
        |r, _| r.source_version.push('x'),
        |r, _| r.origin.push('x'),
        |r, _| r.bundle_id.push('x'),
        |_, p| p.family.push('x'),
        |_, p| p.id.push('x'),
        |_, p| p.version.push('x'),
    ];
    let mut keys: Vec<_> = changes
        .iter()
        .map(|change| {
            let (mut record, mut platform) = (record.clone(), platform.clone());
            change(&mut record, &mut platform);
            SoftwareKey::of(&record, &platform)
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), changes.len());
}

#[test]
fn text_that_moves_from_one_field_to_the_next_gives_another_key() {
    let platform = Platform::default();
    let one = SoftwareRecord::new(Source::Deb, "ab", "c");
    let other = SoftwareRecord::new(Source::Deb, "a", "bc");
    assert_ne!(SoftwareKey::of(&one, &platform), SoftwareKey::of(&other, &platform));
}

#[test]
fn a_kernel_that_runs_is_other_software_than_one_that_waits() {
    let platform = Platform::default();
    let key = |running| {
        let record = SoftwareRecord {
            running,
            ..SoftwareRecord::new(Source::Deb, "linux-image-6.1.0-18-amd64", "6.1.76-1")
        };
        SoftwareKey::of(&record, &platform)
    };
    let keys = [key(None), key(Some(false)), key(Some(true))];
    assert_ne!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
    assert_ne!(keys[0], keys[2]);
}

#[test]
fn time_and_places_change_the_fingerprint_and_not_the_key() {
    let platform = Platform::default();
    let record = SoftwareRecord::new(Source::Deb, "a", "b");
    let later = SoftwareRecord { installed_at_s: Some(1), ..record.clone() };
    let moved = SoftwareRecord { locations: vec!["/opt".to_owned()], ..record.clone() };
    let key = SoftwareKey::of(&record, &platform);
    assert_eq!(SoftwareKey::of(&later, &platform), key);
    assert_eq!(SoftwareKey::of(&moved, &platform), key);
    let fingerprint = RecordFingerprint::of(key, &record);
    assert_ne!(RecordFingerprint::of(key, &later), fingerprint);
    assert_ne!(RecordFingerprint::of(key, &moved), fingerprint);
}
