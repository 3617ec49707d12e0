//! The bytes of version 1, message by message: they may never change silently.
//!
//! Every message kind is encoded and compared with a file of `golden/v1`, and the file decoded and
//! compared with the message. A missing file is written and its test fails once, so that a new
//! message gets its file; a changed one means that hosts in the field would no longer be
//! understood, and has to become version 2.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests: a broken fixture has to stop the test"
)]

#[path = "golden/examples.rs"]
mod examples;
#[path = "golden/numbers.rs"]
mod numbers;

use std::fs;
use std::path::PathBuf;

use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::frame::{Frame, HEADER_BYTES, Header, Packer, Packing, Unpacker};
use protocol::ids::{AgentId, CompanyId, Position, TokenId};
use protocol::message::{
    AgentMessage, Attendance, Capabilities, CollectorMessage, Heartbeat, Hello, Presence, Welcome,
};
use protocol::reject::RejectReason;
use protocol::report::{Report, ReportBody};
use protocol::token::EnrolmentToken;
use protocol::way::{NotQuic, Path, Way};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use self::examples::{debian, delta, records, settings, snapshot};

fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(name);
    match fs::read(&path) {
        Ok(expected) => expected,
        Err(_) => {
            fs::write(&path, bytes).expect("the golden file can be written");
            panic!("{name} was missing and is written now: look at it and commit it");
        }
    }
}

fn check_agent_message(name: &str, message: &AgentMessage) {
    let bytes = message.encode();
    let expected = golden(name, &bytes);
    assert_eq!(bytes, expected, "the encoding of {name} changed");
    assert_eq!(AgentMessage::decode(&expected).as_ref(), Ok(message));
}

fn check_collector_message(name: &str, message: &CollectorMessage) {
    let bytes = message.encode();
    let expected = golden(name, &bytes);
    assert_eq!(bytes, expected, "the encoding of {name} changed");
    assert_eq!(CollectorMessage::decode(&expected).as_ref(), Ok(message));
}

#[test]
fn hello_keeps_its_bytes() {
    check_agent_message(
        "hello.bin",
        &AgentMessage::Hello(Hello {
            version_min: 1,
            version_max: 1,
            // Bits, and not what this crate has today: these bytes are of hosts in the field.
            capabilities: Capabilities(7),
            agent_version: "0.1.0".to_owned(),
            acknowledged: Position::new(2, 300),
            scan_done: 4,
            extension: vec![0xab, 0xcd],
        }),
    );
}

#[test]
fn snapshot_keeps_its_bytes() {
    check_agent_message("report_snapshot.bin", &AgentMessage::Report(snapshot()));
}

#[test]
fn delta_keeps_its_bytes() {
    check_agent_message("report_delta.bin", &AgentMessage::Report(delta()));
}

#[test]
fn empty_snapshot_keeps_its_bytes() {
    let empty = Report {
        facts: None,
        sources: Vec::new(),
        body: ReportBody::Snapshot { from: SoftwareKey(0), to: None, records: Vec::new() },
        digest: Some(InventoryDigest::default()),
        ..snapshot()
    };
    check_agent_message("report_empty_snapshot.bin", &AgentMessage::Report(empty));
}

#[test]
fn heartbeat_keeps_its_bytes() {
    let heartbeat = Heartbeat {
        acknowledged: Position::new(1, 20),
        digest: Some(InventoryDigest {
            count: 1_999,
            sum: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
        }),
        scan_done: 0,
    };
    check_agent_message("heartbeat.bin", &AgentMessage::Heartbeat(heartbeat));
    let without_digest = Heartbeat { digest: None, ..heartbeat };
    check_agent_message("heartbeat_in_snapshot.bin", &AgentMessage::Heartbeat(without_digest));
}

#[test]
fn renew_keeps_its_bytes() {
    let csr = vec![0x30, 0x82, 0x01, 0x02];
    check_agent_message("renew.bin", &AgentMessage::Renew { csr });
}

#[test]
fn the_ends_of_an_identity_keep_their_bytes() {
    check_agent_message("leave.bin", &AgentMessage::Leave);
    let csr = vec![0x30, 0x82, 0x01, 0x02];
    check_agent_message("rekey_request.bin", &AgentMessage::Rekey { csr });
    check_collector_message("gone.bin", &CollectorMessage::Gone);
    check_collector_message("rekey.bin", &CollectorMessage::Rekey);
    check_collector_message(
        "rekeyed.bin",
        &CollectorMessage::Rekeyed {
            agent: AgentId(Uuid::from_u128(0xa9)),
            chain: vec![vec![0x30, 1], vec![0x30, 2]],
        },
    );
}

#[test]
fn authorities_keep_their_bytes() {
    for (name, renew_within_s) in
        [("authorities.bin", None), ("authorities_renew.bin", Some(3_600))]
    {
        let roots = vec![vec![0x30, 1], vec![0x30, 2]];
        check_collector_message(name, &CollectorMessage::Authorities { roots, renew_within_s });
    }
}

#[test]
fn a_hello_says_its_way_and_its_process_or_nothing() {
    let hello = |extension| Hello {
        version_min: 1,
        version_max: 1,
        capabilities: Capabilities::current(),
        agent_version: String::new(),
        acknowledged: Position::default(),
        scan_done: 0,
        extension,
    };
    let presence = Presence {
        path: Path { way: Way::Proxy, not_quic: Some(NotQuic::Handshake) },
        process: 300,
    };
    let mut extension = Hello::extension_of(presence);
    assert_eq!(extension, [2, 1, 2, 0xac, 0x02]);
    assert_eq!(hello(extension.clone()).authorities(), None);
    let trusting = Hello::extension_with(presence, 300);
    assert_eq!(trusting, [2, 1, 2, 0xac, 0x02, 0xac, 0x02]);
    // Also for a collector that knows only its first part.
    assert_eq!(hello(trusting.clone()).presence(), Some(presence));
    assert_eq!(hello(trusting).authorities(), Some(300));
    // Whatever a later version puts behind it.
    extension.push(7);
    assert_eq!(hello(extension).presence(), Some(presence));
    // An older agent, a way of a later version, and half of it.
    for strange in [&[][..], &[9, 0, 1], &[2, 1]] {
        assert_eq!(hello(strange.to_vec()).presence(), None);
    }
}

#[test]
fn welcome_keeps_its_bytes() {
    check_collector_message(
        "welcome.bin",
        &CollectorMessage::Welcome(Welcome {
            version: 1,
            capabilities: Capabilities(7),
            now_ms: 1_732_150_000_123,
            settings: settings(),
            extension: Vec::new(),
        }),
    );
}

#[test]
fn a_welcome_says_what_the_rows_have_or_nothing() {
    let welcome = |extension| Welcome {
        version: 1,
        capabilities: Capabilities::current(),
        now_ms: 0,
        settings: settings(),
        extension,
    };
    let applied = Position::new(300, 2);
    let mut extension = Welcome::extension_of(applied);
    assert_eq!(extension, [0xac, 0x02, 0x02]);
    // Whatever a later version puts behind it.
    extension.push(7);
    assert_eq!(welcome(extension).applied(), Some(applied));
    for cut in [&[][..], &[0x80]] {
        assert_eq!(welcome(cut.to_vec()).applied(), None);
    }
}

#[test]
fn answers_keep_their_bytes() {
    let position = Position::new(1, 128);
    check_collector_message("ack.bin", &CollectorMessage::Ack { position });
    check_collector_message(
        "refuse.bin",
        &CollectorMessage::Refuse {
            reason: RejectReason::AgentRevoked,
            detail: "revoked by an admin".to_owned(),
            retry_after_ms: 3_600_000,
        },
    );
    check_collector_message(
        "reject.bin",
        &CollectorMessage::Reject {
            position,
            reason: RejectReason::QueueFull,
            detail: "the queue is full".to_owned(),
            retry_after_ms: 5_000,
        },
    );
}

#[test]
fn orders_keep_their_bytes() {
    check_collector_message("send_snapshot.bin", &CollectorMessage::SendSnapshot);
    check_collector_message("scan_now.bin", &CollectorMessage::ScanNow { request: 300 });
    check_collector_message("settings.bin", &CollectorMessage::Settings(settings()));
    check_collector_message(
        "certificate.bin",
        &CollectorMessage::Certificate { chain: vec![vec![0x30, 0x01], vec![0x30, 0x02]] },
    );
    for (name, attendance) in [
        ("attend_hold.bin", Attendance::Hold { return_within_s: 20 }),
        ("attend_visit.bin", Attendance::Visit { every_s: 900 }),
    ] {
        check_collector_message(name, &CollectorMessage::Attend(attendance));
    }
}

#[test]
fn enrolment_keeps_its_bytes() {
    let request = EnrolRequest {
        token: TokenId(Uuid::from_u128(7)),
        secret: [9; 32],
        csr: vec![0x30, 0x82],
        hostname: "web-1.example".to_owned(),
        agent_version: "0.1.0".to_owned(),
        labels: vec!["site=berlin".parse().expect("a label")],
    };
    let bytes = request.encode();
    assert_eq!(bytes, golden("enrol_request.bin", &bytes));
    assert!(EnrolRequest::decode(&bytes).as_ref() == Ok(&request));

    // Numbered apart from the collector's other messages: a reply comes over another ALPN.
    let granted = EnrolReply::Granted {
        company: CompanyId(Uuid::from_u128(1)),
        agent: AgentId(Uuid::from_u128(2)),
        chain: vec![vec![0x30, 0x01]],
        roots: vec![vec![0x30, 0x02]],
        settings: settings(),
    };
    let refused = EnrolReply::Refused {
        reason: RejectReason::TokenExpired,
        detail: "expired on 2025-11-01".to_owned(),
        retry_after_ms: 0,
    };
    for (name, reply) in [("enrol_granted.bin", granted), ("enrol_refused.bin", refused)] {
        let bytes = reply.encode();
        assert_eq!(bytes, golden(name, &bytes));
        assert_eq!(EnrolReply::decode(&bytes), Ok(reply));
    }
}

#[test]
fn token_keeps_its_text() {
    let token = EnrolmentToken {
        id: TokenId(Uuid::from_u128(7)),
        secret: [9; 32],
        ca_sha256: [3; 32],
        addresses: vec!["collector.example:7070".to_owned(), "[2001:db8::1]:443".to_owned()],
    };
    let text = token.expose();
    let expected = golden("token.txt", text.as_bytes());
    assert_eq!(text.as_bytes(), expected);
    assert!(text.parse() == Ok(token));
}

#[test]
fn keys_fingerprints_and_digests_keep_their_values() {
    let platform = debian();
    let keyed: Vec<_> = records()
        .iter()
        .map(|record| {
            let key = SoftwareKey::of(record, &platform);
            (key, RecordFingerprint::of(key, record))
        })
        .collect();
    let mut lines: Vec<_> = keyed
        .iter()
        .map(|(key, fingerprint)| format!("{:032x} {:032x}", key.0, fingerprint.0))
        .collect();
    let digest: InventoryDigest = keyed.iter().map(|(_, fingerprint)| *fingerprint).collect();
    lines.push(format!("{} {:032x}", digest.count, digest.sum));
    let text = lines.join("\n") + "\n";
    let expected = golden("fingerprints.txt", text.as_bytes());
    assert_eq!(text.as_bytes(), expected);
}

/// How small zstd packs may change with its version; that it can be unpacked may not.
#[test]
fn a_frame_packed_once_can_be_unpacked_for_ever() {
    let message = AgentMessage::Report(snapshot()).encode();
    let frame = Packer::new()
        .and_then(|mut packer| packer.pack(message.clone()).map_err(std::io::Error::other))
        .expect("packs");
    assert_eq!(frame.packing, Packing::Zstd1);
    // What a host in the field packed and an old queue may hold, not what was packed just now.
    let stored = golden("report_snapshot.frame.bin", &frame.to_bytes());
    let (header, payload) = stored.split_first_chunk::<HEADER_BYTES>().expect("a header");
    let header = Header::parse(*header).expect("a header within limits");
    assert_eq!(header.payload_bytes, payload.len());
    let unpacked =
        Unpacker::new().expect("an unpacker").unpack(header.packing, payload).expect("unpacks");
    assert_eq!(unpacked, message);
}

#[test]
fn a_plain_frame_keeps_its_bytes() {
    let message = CollectorMessage::SendSnapshot.encode();
    let frame = Frame { packing: Packing::Plain, payload: message };
    assert_eq!(frame.to_bytes(), golden("plain.frame.bin", &frame.to_bytes()));
}

#[test]
fn dictionary_1_is_the_one_that_hosts_in_the_field_have() {
    let dictionary = include_bytes!("../dictionary/1.zdict");
    let hash: String =
        Sha256::digest(dictionary).iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = golden("dictionary_1.sha256", hash.as_bytes());
    assert_eq!(hash.as_bytes(), expected);
}
