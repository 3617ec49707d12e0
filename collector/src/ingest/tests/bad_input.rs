//! What no honest agent sends.

use protocol::frame::{Frame, Packing};
use protocol::ids::Position;
use protocol::limits::{FRAME_RAW_BYTES_MAX, FRAME_WIRE_BYTES_MAX, REPORT_RECORDS_MAX};
use protocol::message::{AgentMessage, Hello};
use protocol::reject::RejectReason;
use protocol::report::ReportBody;
use protocol::software::{SoftwareRecord, Source};

use super::client::{Client, hello, message, pack, report};
use super::fixture::Fixture;

async fn refusal_of_first(say: &AgentMessage) -> RejectReason {
    let fixture = Fixture::new();
    let mut client = Client::connect(&fixture, fixture.credentials()).await;
    client.say(say).await;
    client.hear_refusal().await
}

async fn refusal_of_bytes(bytes: &[u8]) -> RejectReason {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    client.send_bytes(bytes).await;
    let reason = client.hear_refusal().await;
    assert!(fixture.queue.taken().is_empty());
    reason
}

#[tokio::test]
async fn a_report_before_the_hello_is_refused() {
    assert_eq!(refusal_of_first(&message(report(1, 1))).await, RejectReason::UnexpectedMessage);
}

#[tokio::test]
async fn an_agent_of_another_time_is_refused() {
    let newer = Hello { version_min: 2, version_max: 3, ..hello() };
    assert_eq!(
        refusal_of_first(&AgentMessage::Hello(newer)).await,
        RejectReason::UnsupportedVersion
    );
}

#[tokio::test]
async fn a_hello_with_control_characters_is_refused() {
    let forged = Hello { agent_version: "1.0\n2026 INFO all is well".to_owned(), ..hello() };
    assert_eq!(refusal_of_first(&AgentMessage::Hello(forged)).await, RejectReason::Undecodable);
}

#[tokio::test]
async fn a_second_hello_is_refused() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    client.say(&AgentMessage::Hello(hello())).await;
    assert_eq!(client.hear_refusal().await, RejectReason::UnexpectedMessage);
}

#[tokio::test]
async fn a_frame_longer_than_the_limit_is_refused_by_its_header() {
    let length = u32::try_from(FRAME_WIRE_BYTES_MAX + 2).unwrap();
    let header = [&length.to_be_bytes()[..], &[0]].concat();
    assert_eq!(refusal_of_bytes(&header).await, RejectReason::FrameTooLarge);
    let endless = [0xff; 5];
    assert_eq!(refusal_of_bytes(&endless).await, RejectReason::FrameTooLarge);
}

#[tokio::test]
async fn a_compression_bomb_is_refused_by_what_it_says() {
    let bomb = pack_raw(vec![0; FRAME_RAW_BYTES_MAX + 1]);
    assert!(bomb.payload.len() < 1_000);
    assert_eq!(refusal_of_bytes(&bomb.to_bytes()).await, RejectReason::FrameTooLarge);
}

fn pack_raw(message: Vec<u8>) -> Frame {
    // The packer knows no limit on what is packed, only on what comes out.
    let frame = pack(message);
    assert_eq!(frame.packing, Packing::Zstd1);
    frame
}

#[tokio::test]
async fn random_bytes_are_refused() {
    for seed in 0..20u8 {
        let payload: Vec<u8> =
            (0..200u32).map(|i| (i * 31 + u32::from(seed) * 97).to_le_bytes()[0] ^ seed).collect();
        let frame =
            Frame { packing: if seed % 2 == 0 { Packing::Plain } else { Packing::Zstd1 }, payload };
        assert_eq!(refusal_of_bytes(&frame.to_bytes()).await, RejectReason::Undecodable);
    }
}

#[tokio::test]
async fn an_unknown_packing_and_an_empty_message_are_refused() {
    assert_eq!(refusal_of_bytes(&[0, 0, 0, 1, 9]).await, RejectReason::Undecodable);
    assert_eq!(refusal_of_bytes(&[0, 0, 0, 1, 0]).await, RejectReason::Undecodable);
}

#[tokio::test]
async fn a_stream_that_is_cut_within_a_frame_brings_nothing() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    let bytes = pack(message(report(1, 1)).encode()).to_bytes();
    client.send_bytes(&bytes[..bytes.len() - 1]).await;
    client.finish().await;
    assert_eq!(client.hear_bytes().await, None);
    assert!(fixture.queue.taken().is_empty());
}

#[tokio::test]
async fn records_that_break_a_rule_are_rejected_with_the_rule() {
    let with = |records: Vec<SoftwareRecord>| {
        let mut report = report(1, 1);
        report.body = ReportBody::Delta { upserts: records, removes: Vec::new() };
        report.position = Position::new(1, 2);
        report
    };
    let record = |name: &str| SoftwareRecord::new(Source::Deb, name, "1");
    for (records, expected) in [
        (vec![record("")], RejectReason::InvalidRecord),
        (vec![record("a\u{7}b")], RejectReason::InvalidRecord),
        (vec![record(&"x".repeat(10_000))], RejectReason::InvalidRecord),
        (
            (0..=REPORT_RECORDS_MAX).map(|n| record(&format!("p{n}"))).collect(),
            RejectReason::TooManyRecords,
        ),
    ] {
        let fixture = Fixture::new();
        let mut client = Client::welcomed(&fixture).await;
        client.say(&message(report(1, 1))).await;
        client.hear_ack().await;
        client.say(&message(with(records))).await;
        client.say(&message(report(1, 3))).await;
        let (position, reason, _) = client.hear_reject().await;
        assert_eq!((position, reason), (Position::new(1, 2), expected));
        // What stands behind it would leave a hole.
        assert_eq!(client.hear_reject().await.1, RejectReason::Gap);
        // A new epoch heals everything.
        client.say(&message(report(2, 1))).await;
        assert_eq!(client.hear_ack().await, Position::new(2, 1));
        assert_eq!(fixture.queue.taken().len(), 2);
    }
}

#[tokio::test]
async fn an_empty_version_is_no_fault() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    let mut report = report(1, 1);
    report.body = ReportBody::Snapshot {
        from: protocol::fingerprint::SoftwareKey(0),
        to: None,
        records: vec![SoftwareRecord::new(Source::Deb, "unversioned", "")],
    };
    client.say(&message(report)).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
}

#[tokio::test]
async fn a_report_with_a_hole_before_it_is_rejected_as_a_gap() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    client.say(&message(report(1, 2))).await;
    let (position, reason, _) = client.hear_reject().await;
    assert_eq!((position, reason), (Position::new(1, 2), RejectReason::Gap));
    client.say(&message(report(1, 1))).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
}
