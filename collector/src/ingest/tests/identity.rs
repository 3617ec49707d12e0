//! Identities that change hands: on several machines, and given up.

use protocol::ids::{AgentId, Position};
use protocol::message::{AgentMessage, CollectorMessage, Heartbeat, Hello, Presence};
use protocol::reject::RejectReason;
use protocol::way::{NotQuic, Path, Way};
use rcgen::KeyPair;
use uuid::Uuid;

use super::client::{Client, Credentials, hello};
use super::fixture::{AGENT, COMPANY, Fixture, csr};
use super::office::standing;
use crate::ingest::agents::Standing;

const PRESENCE: Presence =
    Presence { path: Path { way: Way::Tcp, not_quic: Some(NotQuic::Refused) }, process: 0xbeef };

async fn greet(fixture: &Fixture, presence: Option<Presence>) -> Client {
    let mut client = Client::connect(fixture, fixture.credentials()).await;
    let extension = presence.map_or_else(Vec::new, Hello::extension_of);
    let hello = Hello { extension, ..hello() };
    client.say(&AgentMessage::Hello(hello)).await;
    let heard = client.hear().await;
    assert!(matches!(heard, CollectorMessage::Welcome(_)), "{heard:?}");
    client
}

fn cloned(fixture: &Fixture) {
    let standing = Standing { is_cloned: true, ..standing() };
    fixture.office.stands(AGENT, standing);
}

#[tokio::test]
async fn a_heartbeat_is_noted_with_the_way_that_it_took() {
    let fixture = Fixture::new();
    for presence in [Some(PRESENCE), None] {
        let mut client = greet(&fixture, presence).await;
        let heartbeat = Heartbeat { acknowledged: Position::default(), digest: None, scan_done: 0 };
        client.say(&AgentMessage::Heartbeat(heartbeat)).await;
        client.is_read().await;
    }
    fixture.stop().await;
    let noted = fixture.office.heartbeats();
    assert_eq!(noted.len(), 1, "the last of an agent counts");
    assert_eq!((noted[0].0, noted[0].1.presence), (COMPANY, None));
}

#[tokio::test]
async fn an_agent_on_several_machines_is_asked_in_every_session_and_becomes_another() {
    let fixture = Fixture::new();
    cloned(&fixture);
    let mut client = greet(&fixture, Some(PRESENCE)).await;
    assert_eq!(client.hear().await, CollectorMessage::Rekey);
    let key = KeyPair::generate().unwrap();
    client.say(&AgentMessage::Rekey { csr: csr(&key) }).await;
    let CollectorMessage::Rekeyed { agent, chain } = client.hear().await else {
        panic!("not another identity");
    };
    assert_eq!(agent, AgentId(Uuid::from_u128(0xbeef)));
    let mut other = Client::connect(&fixture, Credentials::new(chain, &key)).await;
    other.say(&AgentMessage::Hello(hello())).await;
    assert!(matches!(other.hear().await, CollectorMessage::Welcome(_)));
    assert!(fixture.registry.has(agent));
}

#[tokio::test]
async fn an_older_agent_is_not_asked_for_what_it_does_not_know() {
    let fixture = Fixture::new();
    cloned(&fixture);
    let mut client = greet(&fixture, None).await;
    // The next thing that it hears is the answer to this.
    client.is_read().await;
}

#[tokio::test]
async fn nobody_becomes_another_agent_who_was_not_asked_to() {
    let fixture = Fixture::new();
    let key = KeyPair::generate().unwrap();
    for presence in [Some(PRESENCE), None] {
        let mut client = greet(&fixture, presence).await;
        let request = AgentMessage::Rekey { csr: csr(&key) };
        client.say(&request).await;
        let (position, reason, _) = client.hear_reject().await;
        assert_eq!(position, Position::default());
        assert_eq!(reason, RejectReason::UnexpectedMessage);
    }
}

#[tokio::test]
async fn an_agent_that_leaves_for_good_hears_it_and_does_not_come_back() {
    let fixture = Fixture::new();
    let mut client = greet(&fixture, None).await;
    client.say(&AgentMessage::Leave).await;
    assert_eq!(client.hear().await, CollectorMessage::Gone);
    assert_eq!(client.hear_bytes().await, None);
    let mut again = Client::connect(&fixture, fixture.credentials()).await;
    again.say(&AgentMessage::Hello(hello())).await;
    assert_eq!(again.hear_refusal().await, RejectReason::AgentRevoked);
}

#[tokio::test]
async fn a_departure_that_cannot_be_noted_is_not_confirmed() {
    let fixture = Fixture::new();
    let mut client = greet(&fixture, None).await;
    fixture.office.close();
    client.say(&AgentMessage::Leave).await;
    assert_eq!(client.hear_refusal().await, RejectReason::Internal);
}
