//! Enrolments, granted and refused.

use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::ids::{Position, TokenId};
use protocol::label::Label;
use protocol::limits::FRAME_RAW_BYTES_MAX;
use protocol::message::{ALPN_ENROL, AgentMessage, CollectorMessage};
use protocol::reject::RejectReason;
use rcgen::KeyPair;
use uuid::Uuid;

use super::client::{Client, Credentials, hello, message, pack, report};
use super::fixture::{COMPANY, Fixture, csr};

const TOKEN: TokenId = TokenId(Uuid::from_u128(0x70));

async fn stranger(fixture: &Fixture) -> Client {
    Client::dial(fixture, None, ALPN_ENROL).await.unwrap()
}

async fn enrol(fixture: &Fixture, request: &EnrolRequest) -> EnrolReply {
    let mut client = stranger(fixture).await;
    client.send_frame(&pack(request.encode())).await;
    EnrolReply::decode(&client.hear_bytes().await.unwrap()).unwrap()
}

fn request(key: &KeyPair) -> EnrolRequest {
    EnrolRequest {
        token: TOKEN,
        secret: [7; 32],
        csr: csr(key),
        hostname: "web-1".to_owned(),
        agent_version: "1.2.3".to_owned(),
        labels: Vec::new(),
    }
}

fn reason(reply: &EnrolReply) -> RejectReason {
    match reply {
        EnrolReply::Refused { reason, .. } => *reason,
        EnrolReply::Granted { .. } => panic!("granted"),
    }
}

#[tokio::test]
async fn a_token_buys_a_certificate_that_opens_a_session() {
    let fixture = Fixture::new();
    fixture.office.token(TOKEN, COMPANY, Ok(1));
    let key = KeyPair::generate().unwrap();
    let EnrolReply::Granted { company, chain, roots, settings, .. } =
        enrol(&fixture, &request(&key)).await
    else {
        panic!("refused");
    };
    assert_eq!((company, settings.revision), (COMPANY, 7));
    assert_eq!(roots, [fixture.authority.certificate().to_vec()]);
    let mut client = Client::connect(&fixture, Credentials::new(chain, &key)).await;
    client.say(&AgentMessage::Hello(hello())).await;
    assert!(matches!(client.hear().await, CollectorMessage::Welcome(_)));
    client.say(&message(report(1, 1))).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
}

#[tokio::test]
async fn a_spent_expired_revoked_or_unknown_token_buys_nothing() {
    let fixture = Fixture::new();
    let key = KeyPair::generate().unwrap();
    assert_eq!(reason(&enrol(&fixture, &request(&key)).await), RejectReason::TokenUnknown);
    fixture.office.token(TOKEN, COMPANY, Ok(0));
    assert_eq!(reason(&enrol(&fixture, &request(&key)).await), RejectReason::TokenSpent);
    for denial in
        [RejectReason::TokenExpired, RejectReason::TokenRevoked, RejectReason::CompanySuspended]
    {
        fixture.office.token(TOKEN, COMPANY, Err(denial));
        assert_eq!(reason(&enrol(&fixture, &request(&key)).await), denial);
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_signed_costs_no_token() {
    let fixture = Fixture::new();
    fixture.office.token(TOKEN, COMPANY, Ok(1));
    let key = KeyPair::generate().unwrap();
    let mut forged = request(&key);
    // The last byte is the signature's: the request is well-formed, and whoever sends it does not
    // hold the key.
    *forged.csr.last_mut().unwrap() ^= 1;
    let EnrolReply::Refused { reason, detail, .. } = enrol(&fixture, &forged).await else {
        panic!("granted");
    };
    assert_eq!(reason, RejectReason::InvalidRequest);
    assert!(detail.contains("not signed with its own key"), "{detail}");
    assert_eq!(fixture.office.uses_left(TOKEN), 1);
}

#[tokio::test]
async fn texts_that_people_will_read_have_to_be_plain() {
    let fixture = Fixture::new();
    fixture.office.token(TOKEN, COMPANY, Ok(1));
    let key = KeyPair::generate().unwrap();
    for (hostname, expected) in [
        // An escape sequence in a host's name would run in the terminal of whoever lists hosts.
        ("a\u{1b}[31mb".to_owned(), RejectReason::InvalidRequest),
        ("x".repeat(300), RejectReason::Undecodable),
    ] {
        let request = EnrolRequest { hostname, ..request(&key) };
        assert_eq!(reason(&enrol(&fixture, &request).await), expected);
    }
    assert_eq!(fixture.office.uses_left(TOKEN), 1);
}

#[tokio::test]
async fn labels_that_no_page_could_show_are_refused_and_spend_nothing() {
    let fixture = Fixture::new();
    fixture.office.token(TOKEN, COMPANY, Ok(1));
    let key = KeyPair::generate().unwrap();
    let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
    for (labels, expected) in [
        (vec![label("", "x")], RejectReason::InvalidRequest),
        (vec![label("a=b", "x")], RejectReason::InvalidRequest),
        (vec![label("site", "a\u{7}b")], RejectReason::InvalidRequest),
        (vec![label("site", &"x".repeat(101))], RejectReason::InvalidRequest),
        // Beyond the limits of the wire already: nothing of it is decoded.
        (vec![label("site", &"x".repeat(401))], RejectReason::Undecodable),
        (vec![label("site", "x"); 17], RejectReason::Undecodable),
    ] {
        let request = EnrolRequest { labels, ..request(&key) };
        assert_eq!(reason(&enrol(&fixture, &request).await), expected);
    }
    assert_eq!(fixture.office.uses_left(TOKEN), 1);
}

#[tokio::test]
async fn garbage_and_long_requests_are_refused() {
    let fixture = Fixture::new();
    let mut client = stranger(&fixture).await;
    client.send_frame(&pack(vec![0xff; 40])).await;
    let reply = EnrolReply::decode(&client.hear_bytes().await.unwrap()).unwrap();
    assert_eq!(reason(&reply), RejectReason::Undecodable);
    let mut client = stranger(&fixture).await;
    // A head alone that promises 4 MiB: refused for what it says, before a byte of it is waited
    // for.
    client.send_bytes(&[0, 0, 0x40, 0, 0]).await;
    let reply = EnrolReply::decode(&client.hear_bytes().await.unwrap()).unwrap();
    assert_eq!(reason(&reply), RejectReason::FrameTooLarge);
}

#[tokio::test]
async fn a_stranger_is_told_the_same_reasons_as_an_agent() {
    let fixture = Fixture::new();
    let bomb = pack(vec![0; FRAME_RAW_BYTES_MAX + 1]).to_bytes();
    for (bytes, expected, words) in [
        (vec![0, 0, 0, 1, 9], RejectReason::Undecodable, "packing 9 is unknown"),
        // Zeros pack to a few dozen bytes; the number is their length unpacked, one beyond the
        // limit.
        (bomb, RejectReason::FrameTooLarge, "1048577"),
    ] {
        let mut client = stranger(&fixture).await;
        client.send_bytes(&bytes).await;
        let reply = EnrolReply::decode(&client.hear_bytes().await.unwrap()).unwrap();
        let EnrolReply::Refused { reason, detail, .. } = reply else {
            panic!("granted");
        };
        assert_eq!(reason, expected);
        assert!(detail.contains(words), "{detail}");
    }
}

#[tokio::test]
async fn an_address_that_tries_too_often_is_told_when_to_come_again() {
    let fixture = Fixture::with(|config| config.enrolments_per_minute = 2);
    let key = KeyPair::generate().unwrap();
    for _ in 0..2 {
        let reply = enrol(&fixture, &request(&key)).await;
        assert_eq!(reason(&reply), RejectReason::TokenUnknown);
    }
    let EnrolReply::Refused { reason, retry_after_ms, .. } = enrol(&fixture, &request(&key)).await
    else {
        panic!("granted");
    };
    assert_eq!(reason, RejectReason::RateLimited);
    assert!(
        // Two a minute are one in thirty seconds, less what the two before took; ten seconds are
        // for a slow machine.
        (20_000..=30_001).contains(&retry_after_ms),
        "{retry_after_ms}"
    );
}

#[tokio::test]
async fn an_enrolment_without_a_database_may_come_again() {
    let fixture = Fixture::new();
    fixture.office.close();
    let key = KeyPair::generate().unwrap();
    let EnrolReply::Refused { reason, retry_after_ms, .. } = enrol(&fixture, &request(&key)).await
    else {
        panic!("granted");
    };
    assert_eq!(reason, RejectReason::Internal);
    assert!(retry_after_ms > 0);
}

#[tokio::test]
async fn an_enrolment_is_no_way_to_a_session() {
    let fixture = Fixture::new();
    let mut client = stranger(&fixture).await;
    client.say(&AgentMessage::Hello(hello())).await;
    let reply = EnrolReply::decode(&client.hear_bytes().await.unwrap()).unwrap();
    assert_eq!(reason(&reply), RejectReason::Undecodable);
    assert_eq!(client.hear_bytes().await, None);
    assert!(fixture.registry.is_empty());
}
