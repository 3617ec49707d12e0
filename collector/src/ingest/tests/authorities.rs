//! One authority after another: whose certificates open a session, and whose do not any more.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::message::{ALPN_SESSION, AgentMessage, CollectorMessage, Hello, Presence};
use protocol::reject::RejectReason;
use protocol::way::{Path, Way};
use rcgen::KeyPair;
use ring::rand::SystemRandom;
use tokio::io::duplex;

use super::client::{Client, dial, hello, tls};
use super::fixture::{AGENT, COMPANY, Fixture, csr};
use crate::authority::{AuthorityError, PeerIdentity, Shared, hex};
use crate::ingest::session;

/// A rotation, as the nodes read it in the database.
struct Rotation {
    shared: Shared,
}

impl Rotation {
    /// Makes another authority on this node, which goes along with it.
    fn prepare(fixture: &Fixture) -> Self {
        let (active, now) = (fixture.authority.fingerprint(), fixture.clock.now());
        let made = fixture.authority.prepare(&fixture.home(), &SystemRandom::new(), now).unwrap();
        let next = Some(made.sha256);
        let rotation = Self { shared: Shared { active, next, previous: None, is_retired: false } };
        rotation.reaches(fixture);
        rotation
    }

    fn activate(self, fixture: &Fixture) -> Self {
        let Shared { active, next, .. } = self.shared;
        let rotation = Self {
            shared: Shared {
                active: next.unwrap(),
                next: None,
                previous: Some(active),
                is_retired: false,
            },
        };
        rotation.reaches(fixture);
        rotation
    }

    fn retire(self, fixture: &Fixture) -> Self {
        let rotation = Self { shared: Shared { is_retired: true, ..self.shared } };
        rotation.reaches(fixture);
        rotation
    }

    /// A node goes along.
    fn reaches(&self, fixture: &Fixture) {
        let now = fixture.clock.now();
        assert!(fixture.authority.follow(&fixture.home(), &self.shared, now).unwrap());
    }
}

/// Says hello to a node, with a ticket where the configuration has one.
async fn greets(address: SocketAddr, config: &rustls::ClientConfig) -> Client {
    let (endpoint, connection) = dial(address, config.clone()).await.unwrap();
    let mut client = Client::on(endpoint, connection).await;
    client.say(&AgentMessage::Hello(hello())).await;
    client
}

async fn is_welcome(client: &mut Client) {
    let heard = client.hear().await;
    assert!(matches!(heard, CollectorMessage::Welcome(_)), "{heard:?}");
}

#[tokio::test]
async fn a_ticket_brings_no_certificate_of_a_retired_authority_back_in() {
    let fixture = Fixture::new();
    let config = tls(&fixture.authority, Some(fixture.credentials()), ALPN_SESSION);
    is_welcome(&mut greets(fixture.address, &config).await).await;
    let rotation = Rotation::prepare(&fixture).activate(&fixture).retire(&fixture);
    let mut client = greets(fixture.address, &config).await;
    assert_eq!(client.hear_refusal().await, RejectReason::AgentRevoked);
    // Nobody can say any more that it was retired; a full handshake would fail.
    std::fs::remove_file(fixture.home().data_dir.join("ca/ca.crt")).unwrap();
    rotation.reaches(&fixture);
    let mut client = greets(fixture.address, &config).await;
    assert_eq!(client.hear_refusal().await, RejectReason::Internal);
    // The next rotation forgets it as well.
    Rotation::prepare(&fixture);
    let mut client = greets(fixture.address, &config).await;
    assert_eq!(client.hear_refusal().await, RejectReason::Internal);
    assert!(fixture.registry.is_empty());
}

#[tokio::test]
async fn a_retirement_ends_the_sessions_of_those_that_have_not_come_over_and_no_others() {
    let fixture = Fixture::new();
    let mut late = Client::welcomed(&fixture).await;
    let rotation = Rotation::prepare(&fixture).activate(&fixture);
    let mut heard = late.hear().await;
    while matches!(heard, CollectorMessage::Authorities { renew_within_s: None, .. }) {
        heard = late.hear().await;
    }
    let is_told = matches!(heard, CollectorMessage::Authorities { renew_within_s: Some(_), .. });
    assert!(is_told, "{heard:?}");
    let other = protocol::ids::AgentId(uuid::Uuid::from_u128(0xaa));
    let credentials = fixture.credentials_of(other, std::time::Duration::from_secs(86_400));
    let mut over = Client::connect(&fixture, credentials).await;
    over.say(&AgentMessage::Hello(hello())).await;
    is_welcome(&mut over).await;

    rotation.retire(&fixture);

    late.try_to_say(&AgentMessage::Renew { csr: csr(&KeyPair::generate().unwrap()) }).await;
    assert_eq!(late.hear_refusal().await, RejectReason::AgentRevoked);
    let heard = over.hear().await;
    let CollectorMessage::Authorities { roots, renew_within_s: None } = heard else {
        panic!("{heard:?}");
    };
    assert_eq!(roots.len(), 1);
    over.is_read().await;
}

#[tokio::test]
async fn a_retired_authoritys_certificate_gets_no_other_before_its_session_has_heard_of_it() {
    let request = csr(&KeyPair::generate().unwrap());
    for asked in
        [AgentMessage::Renew { csr: request.clone() }, AgentMessage::Rekey { csr: request }]
    {
        // Without what tells sessions that the authorities have changed.
        let (fixture, parts) = Fixture::parts(|_| {});
        let shared = Arc::new(crate::ingest::Shared::new(parts));
        let peer = PeerIdentity {
            company: COMPANY,
            agent: AGENT,
            serial: String::new(),
            not_after: fixture.clock.now() + time::Duration::days(30),
            issuer: fixture.authority.name(),
        };
        let (near, far) = duplex(64 * 1024);
        let (receive, send) = tokio::io::split(far);
        let asking = async {
            let mut client = Client::over(near);
            client.say(&AgentMessage::Hello(hello())).await;
            is_welcome(&mut client).await;
            Rotation::prepare(&fixture).activate(&fixture).retire(&fixture);
            client.say(&asked).await;
            assert_eq!(client.hear_refusal().await, RejectReason::AgentRevoked);
        };
        let session = Box::pin(session::run(&shared, &peer, receive, send));
        let (parting, ()) = tokio::join!(session, asking);
        assert_eq!(parting.as_str(), "agent_revoked");
    }
}

#[tokio::test]
async fn a_node_without_the_new_files_takes_no_agent_back() {
    let first = Fixture::new();
    let second = first.beside();
    // It listens, and shows another certificate as soon as the authorities change.
    let _open = Client::welcomed(&first).await;
    Rotation::prepare(&first).activate(&first);
    let config = tls(&first.authority, Some(first.credentials()), ALPN_SESSION);
    is_welcome(&mut greets(first.address, &config).await).await;
    // Tickets are good on every node. Sent elsewhere, and not for good: its files are only on their way.
    let mut client = greets(second.address, &config).await;
    assert_eq!(client.hear_refusal().await, RejectReason::Internal);
    is_welcome(&mut greets(first.address, &config).await).await;
}

#[tokio::test]
async fn a_node_that_has_yet_to_follow_asks_nobody_to_go_back() {
    let first = Fixture::new();
    let second = first.beside();
    let rotation = Rotation::prepare(&first);
    let folder = hex(&rotation.shared.next.unwrap());
    let [from, to] = [&first, &second].map(|node| node.home().data_dir.join("ca").join(&folder));
    std::fs::create_dir(&to).unwrap();
    for file in ["ca.key", "ca.crt", "cross.crt", "seal.key"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    rotation.reaches(&second);
    rotation.activate(&first);
    let path = Path { way: Way::Quic, not_quic: None };
    let trusted = second.authority.present().trusted_number();
    let extension = Hello::extension_with(Presence { path, process: 1 }, trusted);
    let mut client = Client::connect(&second, first.credentials()).await;
    client.say(&AgentMessage::Hello(Hello { extension, ..hello() })).await;
    is_welcome(&mut client).await;
    // The next thing that it hears is the answer to this.
    client.is_read().await;
}

#[tokio::test]
async fn a_node_without_the_new_files_is_told_to_end_when_its_authority_is_retired() {
    let first = Fixture::new();
    let second = first.beside();
    let follow = |rotation: &Rotation| {
        let now = second.clock.now();
        second.authority.follow(&second.home(), &rotation.shared, now).unwrap_err()
    };
    let rotation = Rotation::prepare(&first).activate(&first);
    let error = follow(&rotation);
    assert!(!matches!(error, AuthorityError::Retired { .. }), "{error}");
    let error = follow(&rotation.retire(&first));
    assert!(matches!(error, AuthorityError::Retired { .. }), "{error}");
}
