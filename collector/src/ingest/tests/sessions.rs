//! Sessions as they should be, and what a collector says in them.

use std::time::Duration;

use protocol::ids::Position;
use protocol::message::{AgentMessage, CollectorMessage, Heartbeat};
use protocol::reject::RejectReason;
use protocol::report::Lane;
use rcgen::KeyPair;

use super::client::{Client, hello, message, pack, report};
use super::fixture::{AGENT, COMPANY, Fixture, csr};
use super::office::standing;
use crate::authority::PeerIdentity;
use crate::ingest::agents::Standing;
use crate::ingest::registry::Command;

#[tokio::test]
async fn a_report_is_acknowledged_once_the_queue_holds_it_as_it_came() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    fixture.queue.shut();
    let frame = pack(message(report(1, 1)).encode());
    client.send_frame(&frame).await;
    let early = tokio::time::timeout(Duration::from_millis(50), client.hear_bytes()).await;
    assert!(early.is_err(), "acknowledged before it was durable");
    fixture.queue.open();
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
    let taken = fixture.queue.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].company, taken[0].agent), (COMPANY, AGENT));
    assert_eq!(taken[0].position, Position::new(1, 1));
    assert_eq!((taken[0].lane, taken[0].records), (Lane::Snapshot, 1));
    assert_eq!(taken[0].frame, frame);
}

#[tokio::test]
async fn reports_under_way_are_acknowledged_in_order_and_together() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    fixture.queue.shut();
    for seq in 1..=20 {
        client.say(&message(report(1, seq))).await;
    }
    fixture.queue.open();
    let mut last = Position::new(1, 0);
    while last < Position::new(1, 20) {
        let next = client.hear_ack().await;
        assert!(next > last);
        last = next;
    }
    let positions: Vec<_> = fixture.queue.taken().iter().map(|entry| entry.position).collect();
    assert_eq!(positions, (1..=20).map(|seq| Position::new(1, seq)).collect::<Vec<_>>());
}

#[tokio::test]
async fn more_reports_than_may_be_under_way_wait_in_the_stream() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    fixture.queue.shut();
    for seq in 1..=80 {
        client.say(&message(report(1, seq))).await;
    }
    fixture.queue.open();
    while client.hear_ack().await < Position::new(1, 80) {}
    assert_eq!(fixture.queue.taken().len(), 80);
}

#[tokio::test]
async fn a_welcome_brings_the_companys_settings_and_what_waits() {
    let fixture = Fixture::new();
    fixture.office.stands(
        AGENT,
        Standing {
            scan_asked: 5,
            is_snapshot_asked: true,
            applied: Position::new(4, 2),
            ..standing()
        },
    );
    let mut client = Client::connect(&fixture, fixture.credentials()).await;
    client.say(&AgentMessage::Hello(hello())).await;
    let CollectorMessage::Welcome(welcome) = client.hear().await else {
        panic!("no welcome");
    };
    assert_eq!((welcome.version, welcome.settings.revision), (1, 7));
    assert_eq!(welcome.applied(), Some(Position::new(4, 2)));
    assert_eq!(client.hear().await, CollectorMessage::ScanNow { request: 5 });
    assert_eq!(client.hear().await, CollectorMessage::SendSnapshot);
}

#[tokio::test]
async fn what_is_done_or_on_its_way_is_not_asked_for_again() {
    let fixture = Fixture::new();
    fixture.office.stands(
        AGENT,
        Standing {
            scan_asked: 5,
            is_snapshot_asked: true,
            applied: Position::new(2, 9),
            ..standing()
        },
    );
    let mut client = Client::connect(&fixture, fixture.credentials()).await;
    let mut hello = hello();
    hello.scan_done = 5;
    hello.acknowledged = Position::new(3, 1);
    client.say(&AgentMessage::Hello(hello)).await;
    assert!(matches!(client.hear().await, CollectorMessage::Welcome(_)));
    client.say(&message(report(3, 2))).await;
    assert_eq!(client.hear_ack().await, Position::new(3, 2));
}

#[tokio::test]
async fn commands_reach_a_session_once_each() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    let scan = |request| Command::ScanNow { request };
    let tell = |command| assert!(fixture.registry.tell(AGENT, command));
    tell(scan(2));
    assert_eq!(client.hear().await, CollectorMessage::ScanNow { request: 2 });
    // As polls do, whose rows overlap.
    tell(scan(1));
    tell(scan(2));
    tell(Command::SendSnapshot);
    assert_eq!(client.hear().await, CollectorMessage::SendSnapshot);
    tell(Command::SendSnapshot);
    tell(scan(3));
    assert_eq!(client.hear().await, CollectorMessage::ScanNow { request: 3 });
    // A new epoch is what was asked for; another request may follow it.
    client.say(&message(report(1, 1))).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
    assert!(fixture.registry.tell(AGENT, Command::SendSnapshot));
    assert_eq!(client.hear().await, CollectorMessage::SendSnapshot);
}

#[tokio::test]
async fn heartbeats_are_noted_with_the_certificates_identity() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    let heartbeat = Heartbeat { acknowledged: Position::new(1, 4), digest: None, scan_done: 2 };
    client.say(&AgentMessage::Heartbeat(heartbeat)).await;
    // The acknowledgement of a report says that the heartbeat before it was read.
    client.say(&message(report(1, 1))).await;
    client.hear_ack().await;
    fixture.stop().await;
    let noted = fixture.office.heartbeats();
    assert_eq!(noted.len(), 1);
    assert_eq!((noted[0].0, noted[0].1.agent), (COMPANY, AGENT));
    assert_eq!(noted[0].1.heartbeat, heartbeat);
}

#[tokio::test]
async fn a_certificate_is_renewed_for_the_same_identity() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    let key = KeyPair::generate().unwrap();
    client.say(&AgentMessage::Renew { csr: csr(&key) }).await;
    let CollectorMessage::Certificate { chain } = client.hear().await else {
        panic!("no certificate");
    };
    let peer = PeerIdentity::from_certificate(&chain[0], "muster.internal").unwrap();
    assert_eq!((peer.company, peer.agent), (COMPANY, AGENT));
}

#[tokio::test]
async fn a_renewal_that_cannot_be_signed_is_refused_and_the_session_goes_on() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    client.say(&AgentMessage::Renew { csr: vec![1, 2, 3] }).await;
    let (position, reason, _) = client.hear_reject().await;
    assert_eq!((position, reason), (Position::default(), RejectReason::InvalidRequest));
    fixture.office.close();
    let key = KeyPair::generate().unwrap();
    client.say(&AgentMessage::Renew { csr: csr(&key) }).await;
    assert_eq!(client.hear_reject().await.1, RejectReason::Internal);
    client.say(&message(report(1, 1))).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
}

#[tokio::test]
async fn an_agent_that_was_revoked_meanwhile_gets_no_new_certificate() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    fixture.office.refuse_certificates(AGENT);
    let key = KeyPair::generate().unwrap();
    client.say(&AgentMessage::Renew { csr: csr(&key) }).await;
    assert_eq!(client.hear_refusal().await, RejectReason::AgentRevoked);
}

#[tokio::test]
async fn a_database_that_is_away_keeps_no_report_away() {
    let fixture = Fixture::new();
    fixture.office.close();
    let mut client = Client::welcomed(&fixture).await;
    client.say(&message(report(1, 1))).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
}

#[tokio::test]
async fn a_second_session_of_an_agent_ends_the_first() {
    let fixture = Fixture::new();
    let mut first = Client::welcomed(&fixture).await;
    let mut second = Client::welcomed(&fixture).await;
    assert_eq!(first.hear_bytes().await, None);
    second.say(&message(report(1, 1))).await;
    assert_eq!(second.hear_ack().await, Position::new(1, 1));
    assert_eq!(fixture.registry.len(), 1);
}

#[tokio::test]
async fn an_agent_that_leaves_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    assert!(fixture.registry.has(AGENT));
    client.finish().await;
    assert_eq!(client.hear_bytes().await, None);
    assert!(fixture.registry.is_empty());
}
