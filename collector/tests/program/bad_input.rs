//! Bad input where it meets the program: it is answered clearly, and what was acknowledged before it
//! is in the API's answers afterwards.

use std::collections::BTreeMap;
use std::path::Path;

use collector::authority::{Authority, Home};
use collector::clock::Clock;
use protocol::frame::{Frame, Packing};
use protocol::host::HostFacts;
use protocol::ids::{Position, TokenId};
use protocol::limits::{FRAME_RAW_BYTES_MAX, FRAME_WIRE_BYTES_MAX};
use protocol::message::{AgentMessage, Hello};
use protocol::reject::RejectReason;
use protocol::software::SoftwareRecord;
use protocol::token::EnrolmentToken;
use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use ring::rand::SystemRandom;
use serde_json::Value;
use store::enrolment_tokens::{self, NewEnrolmentToken};
use uuid::Uuid;

use super::agent::{Agent, hello, pack, record, report};
use super::process::print;
use super::world::{World, set};

/// What no honest agent sends, the reason that it gets, and words of the text for people.
fn hostile_frames() -> Vec<(&'static str, Vec<u8>, RejectReason, &'static str)> {
    let too_long = u32::try_from(FRAME_WIRE_BYTES_MAX + 2).unwrap();
    let bomb = pack(vec![0; FRAME_RAW_BYTES_MAX + 1]).to_bytes();
    let noise = Frame {
        packing: Packing::Plain,
        payload: (0..200_u8).map(|i| i.wrapping_mul(73) ^ 0xa5).collect(),
    };
    let mut cut = pack(AgentMessage::Report(report(1, 1, vec![record("cut")])).encode());
    // Said to be packed, whatever the packer chose, so that the unpacker is what meets the missing
    // half.
    cut.packing = Packing::Zstd1;
    cut.payload.truncate(cut.payload.len() / 2);
    vec![
        (
            "oversized",
            [&too_long.to_be_bytes()[..], &[0]].concat(),
            RejectReason::FrameTooLarge,
            "262146 bytes",
        ),
        ("bomb", bomb, RejectReason::FrameTooLarge, "1048577"),
        ("random", noise.to_bytes(), RejectReason::Undecodable, "not a message of this protocol"),
        ("packing", vec![0, 0, 0, 1, 9], RejectReason::Undecodable, "packing 9 is unknown"),
        ("cut", cut.to_bytes(), RejectReason::Undecodable, "cannot be unpacked"),
    ]
}

#[tokio::test]
async fn nothing_that_an_agent_sends_costs_what_was_acknowledged() {
    let world = World::new().await;
    let (honest, hostile) = (world.agent().await, world.agent().await);
    let mut session = honest.welcomed(Position::default()).await;
    let first = vec![record("bash"), record("curl")];
    session.deliver(report(1, 1, first)).await;

    // A session for each: after bytes that are no frame nobody can tell where the next one begins,
    // so each ends its own.
    for (what, bytes, reason, words) in hostile_frames() {
        let mut stream = hostile.welcomed(Position::default()).await;
        stream.send(&bytes).await;
        let (said, detail) = stream.no().await;
        assert_eq!(said, reason, "{what}: {detail}");
        assert!(detail.contains(words), "{what}: {detail}");
        assert!(stream.hear().await.is_err(), "{what}: the session goes on");
    }
    let mut stream = hostile.connect().await.unwrap();
    let newer = Hello { version_min: 7, version_max: 9, ..hello() };
    stream.say(&AgentMessage::Hello(newer)).await;
    let (reason, detail) = stream.no().await;
    assert_eq!(reason, RejectReason::UnsupportedVersion);
    assert!(detail.contains("versions 7 to 9, this collector 1 to 1"), "{detail}");

    // A frame that ends in its middle brings nothing, and no answer either.
    let mut stream = hostile.welcomed(Position::default()).await;
    let bytes = pack(AgentMessage::Report(report(1, 1, vec![record("half")])).encode()).to_bytes();
    // All but the last byte, which a collector that trusted a length it had not read might take for
    // whole.
    stream.send(&bytes[..bytes.len() - 1]).await;
    stream.finish();
    assert!(stream.hear().await.is_err());

    // The honest session has stood all the while, beside those that ended badly.
    session.deliver(report(1, 2, vec![record("dash")])).await;
    let stored = world.stored(&honest, Position::new(1, 2)).await;
    assert_eq!(stored, set(&["bash", "curl", "dash"]));
    let (host, letters) =
        (world.ask(&format!("/api/v1/hosts/{}", hostile.id)), world.ask("/api/v1/dead-letters"));
    assert_eq!((&host["delivery"]["applied"], &host["software"]), (&"0.0".into(), &0.into()));
    assert_eq!(letters["items"], Value::Array(Vec::new()));
    let (status, said) = world.collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn a_bad_record_is_refused_with_its_rule_and_the_host_heals_with_its_next_epoch() {
    let world = World::new().await;
    let agent = world.agent().await;
    let mut session = agent.welcomed(Position::default()).await;
    let plain = record("x");
    let unversioned = SoftwareRecord { version: String::new(), ..record("unversioned") };
    // Software without a version exists (a macOS bundle without a plist, a manual install): it is
    // kept, and says of itself that it cannot be judged.
    session.deliver(report(1, 1, vec![unversioned])).await;
    for (bad, words) in [
        (record("a\u{1b}[2J"), "name holds a control character"),
        (record(""), "the name is empty"),
        (record(&"n".repeat(10_000)), "10000 bytes"),
        (
            SoftwareRecord { version: "1\n2".to_owned(), ..plain },
            "version holds a control character",
        ),
    ] {
        session.say(&AgentMessage::Report(report(1, 2, vec![bad]))).await;
        let (reason, detail) = session.no().await;
        assert!(detail.contains(words), "{reason}: {detail}");
        if reason == RejectReason::Undecodable {
            // Far over a limit, it is not even read; the session is over.
            session = agent.welcomed(Position::new(1, 1)).await;
        } else {
            assert_eq!(reason, RejectReason::InvalidRecord, "{detail}");
        }
    }
    let stored = world.stored(&agent, Position::new(1, 1)).await;
    assert_eq!(stored, set(&["unversioned"]), "what was acknowledged is gone");
    // What was refused for ever is gone from the agent's line, so the position after it would be a
    // gap: a new epoch is the way on.
    session.deliver(report(2, 1, vec![record("good")])).await;
    let stored = world.stored(&agent, Position::new(2, 1)).await;
    assert_eq!(stored, set(&["good"]));
}

#[tokio::test]
async fn a_token_lets_in_as_many_hosts_as_it_says_and_none_once_it_is_over() {
    let world = World::new().await;
    let dir = world.dir.path();
    let refused = async |token: &str| Agent::enrol(dir, token).await.err().unwrap().0;

    let once = world.token(&["--uses", "1"]);
    let agent = Agent::enrol(dir, &once).await.unwrap_or_else(|why| panic!("{why:?}"));
    assert_eq!(refused(&once).await, RejectReason::TokenSpent);

    let unknown = EnrolmentToken { id: TokenId(Uuid::from_u128(1)), ..once.parse().unwrap() };
    assert_eq!(refused(&unknown.expose()).await, RejectReason::TokenUnknown);

    // Past the command line, which makes no token that is over already.
    let over = EnrolmentToken { id: TokenId(Uuid::from_u128(2)), ..unknown };
    let now = Clock::system().now();
    let new = NewEnrolmentToken {
        id: over.id,
        secret: &over.secret,
        name: "over",
        labels: &BTreeMap::new(),
        expires_at: Some(now - time::Duration::seconds(1)),
        uses_max: None,
    };
    let scope = world.database.store().pipeline_scope(agent.company).await;
    let scope = scope.unwrap().unwrap();
    enrolment_tokens::create(&scope, &new, now).await.unwrap();
    assert_eq!(refused(&over.expose()).await, RejectReason::TokenExpired);

    let taken_back = world.token(&[]);
    let id = taken_back.parse::<EnrolmentToken>().unwrap().id;
    let path = format!("/api/v1/enrolment-tokens/{id}");
    let (status, answer) = world.collector.ask("DELETE", &path, &world.key);
    assert!(status < 300, "{status}: {answer}");
    assert_eq!(refused(&taken_back).await, RejectReason::TokenRevoked);

    let hosts = world.ask("/api/v1/hosts");
    assert_eq!(hosts["items"].as_array().unwrap().len(), 1, "{hosts}");
}

#[tokio::test]
async fn a_certificate_opens_a_session_only_while_it_is_good_and_keeps_what_it_brought() {
    let world = World::new().await;
    let dir = world.dir.path();
    let mut agent = world.agent().await;
    let mut session = agent.welcomed(Position::default()).await;
    session.deliver(report(1, 1, vec![record("kept")])).await;

    let now = Clock::system().now();
    let day = time::Duration::days(1);
    let ours = authority(dir);
    let elsewhere = tempfile::tempdir().unwrap();
    let random = SystemRandom::new();
    Authority::open_or_create(&Home::of(elsewhere.path()), "muster.internal", &random, now)
        .unwrap();
    let foreign = authority(elsewhere.path());
    // The identity and the key are the agent's own in both: only the date and the signer are wrong.
    for (what, issuer, until) in [("expired", &ours, now - day), ("foreign", &foreign, now + day)] {
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (now - 2 * day, until);
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let name = format!("spiffe://muster.internal/company/{}/agent/{}", agent.company, agent.id);
        params.subject_alt_names = vec![SanType::URI(name.try_into().unwrap())];
        let certificate = params.signed_by(agent.key(), issuer).unwrap();
        let good = agent.present(vec![certificate.der().clone()]);
        assert!(is_sent_away(&agent).await, "{what}");
        agent.present(good);
    }

    let path = format!("/api/v1/hosts/{}/revoke", agent.id);
    assert_eq!(world.collector.ask("POST", &path, &world.key).0, 204);
    // The session that stands ends as well, and says why.
    assert_eq!(session.no().await.0, RejectReason::AgentRevoked);
    let mut stream = agent.connect().await.unwrap();
    stream.say(&AgentMessage::Hello(hello())).await;
    assert_eq!(stream.no().await.0, RejectReason::AgentRevoked);
    let stored = world.stored(&agent, Position::new(1, 1)).await;
    assert_eq!(stored, set(&["kept"]));
}

/// The authority in a directory, with its key.
fn authority(dir: &Path) -> Issuer<'static, KeyPair> {
    let read = |name: &str| std::fs::read_to_string(dir.join("ca").join(name)).unwrap();
    let key = KeyPair::from_pem(&read("ca.key")).unwrap();
    Issuer::from_ca_cert_pem(&read("ca.crt"), key).unwrap()
}

/// Whether a hello gets no answer. In TLS 1.3 a client is through before the server has seen its
/// certificate, so it is the first answer that tells.
async fn is_sent_away(agent: &Agent) -> bool {
    let Ok(mut stream) = agent.connect().await else {
        return true;
    };
    let bytes = pack(AgentMessage::Hello(hello()).encode()).to_bytes();
    stream.try_send(&bytes).await.is_err() || stream.hear().await.is_err()
}

#[tokio::test]
async fn a_report_belongs_to_its_certificates_company_whatever_it_says() {
    let world = World::new().await;
    let theirs = print(world.dir.path(), &world.database, &["company", "create", "Theirs"]);
    let theirs = theirs["id"].as_str().unwrap();
    let agent = world.agent().await;
    let mut session = agent.welcomed(Position::default()).await;
    // Another company's id wherever a report has room for a text.
    let mut report = report(1, 1, vec![record(theirs)]);
    report.facts = Some(Box::new(HostFacts {
        hostname: format!("spiffe://muster.internal/company/{theirs}/agent/{theirs}"),
        ..HostFacts::default()
    }));
    session.deliver(report).await;
    let stored = world.stored(&agent, Position::new(1, 1)).await;
    assert_eq!(stored, set(&[theirs]));
    let words = ["key", "create", "theirs", "--company", "Theirs"];
    let key = print(world.dir.path(), &world.database, &words);
    let key = key["key"].as_str().unwrap();
    let (_, hosts) = world.collector.ask("GET", "/api/v1/hosts", key);
    assert_eq!(hosts["items"], Value::Array(Vec::new()));
    let (status, problem) = world.collector.ask("GET", &format!("/api/v1/hosts/{}", agent.id), key);
    assert_eq!((status, &problem["detail"]), (404, &"there is no such host".into()));
}
