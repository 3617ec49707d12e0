//! Coming back with a ticket: who the agent is comes from it, whether it may is asked again.

use std::time::Duration;

use protocol::message::{ALPN_ENROL, ALPN_SESSION, AgentMessage, CollectorMessage};
use protocol::reject::RejectReason;
use quinn::Connection;

use super::client::{Client, dial, hello, tls};
use super::fixture::{AGENT, Fixture};

const HOUR: Duration = Duration::from_secs(3_600);

/// Says hello, and gives the bytes that the collector needed for the handshake.
async fn said_hello(fixture: &Fixture, config: &rustls::ClientConfig) -> (Client, u64) {
    let (endpoint, connection) = dial(fixture.address, config.clone()).await.unwrap();
    let bytes = handshake_bytes(&connection);
    let mut client = Client::on(endpoint, connection).await;
    client.say(&AgentMessage::Hello(hello())).await;
    (client, bytes)
}

fn handshake_bytes(connection: &Connection) -> u64 {
    // By QUIC's own count: what was saved is the collector's certificates, which are most of a
    // handshake.
    connection.stats().udp_rx.bytes
}

#[tokio::test]
async fn an_agent_that_was_here_comes_back_without_its_certificate() {
    let fixture = Fixture::new();
    let config = tls(&fixture.authority, Some(fixture.credentials()), ALPN_SESSION);
    let (mut first, full) = said_hello(&fixture, &config).await;
    assert!(matches!(first.hear().await, CollectorMessage::Welcome(_)));
    let (mut second, resumed) = said_hello(&fixture, &config).await;
    assert!(matches!(second.hear().await, CollectorMessage::Welcome(_)));
    // It is the same agent: the newer session takes the older one's place.
    assert_eq!(fixture.registry.len(), 1);
    assert!(fixture.registry.has(AGENT));
    // Neither side shows its certificate again.
    assert!(resumed + 250 < full, "{resumed} bytes after {full}");
}

#[tokio::test]
async fn a_revoked_agents_ticket_opens_nothing() {
    let fixture = Fixture::new();
    let config = tls(&fixture.authority, Some(fixture.credentials()), ALPN_SESSION);
    let (mut first, _) = said_hello(&fixture, &config).await;
    first.hear().await;
    fixture.office.refuse(AGENT, RejectReason::AgentRevoked);
    let (mut second, _) = said_hello(&fixture, &config).await;
    assert_eq!(second.hear_refusal().await, RejectReason::AgentRevoked);
}

#[tokio::test]
async fn a_ticket_is_worth_no_more_than_its_certificate() {
    let (mut fixture, mut parts) = Fixture::parts(|_| {});
    let (clock, hand) = crate::clock::Clock::manual(fixture.clock.now());
    parts.clock = clock;
    fixture.address = crate::ingest::start(parts).unwrap().address;
    let credentials = fixture.credentials_of(AGENT, HOUR);
    let config = tls(&fixture.authority, Some(credentials), ALPN_SESSION);
    let (mut first, _) = said_hello(&fixture, &config).await;
    first.hear().await;
    hand.advance(HOUR + Duration::from_secs(1));
    let (_endpoint, connection) = dial(fixture.address, config).await.unwrap();
    let ended = connection.closed().await.to_string();
    assert!(ended.contains("expired"), "{ended}");
}

#[tokio::test]
async fn a_strangers_ticket_makes_no_session() {
    let fixture = Fixture::new();
    let mut config = tls(&fixture.authority, None, ALPN_ENROL);
    let (endpoint, connection) = dial(fixture.address, config.clone()).await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    // No frame is empty, so the answer comes at once, and the ticket before it.
    send.write_all(&[0; 5]).await.unwrap();
    receive.read_to_end(10_000).await.ok();
    drop((endpoint, connection));
    config.alpn_protocols = vec![ALPN_SESSION.to_vec()];
    let (_endpoint, connection) = dial(fixture.address, config).await.unwrap();
    let ended = connection.closed().await.to_string();
    assert!(ended.contains("client certificate"), "{ended}");
}

#[tokio::test]
async fn a_ticket_outlives_the_process_that_gave_it() {
    let (mut fixture, parts) = Fixture::parts(|_| {});
    let config = {
        let one = crate::ingest::Parts {
            config: parts.config.clone(),
            clock: parts.clock.clone(),
            authority: parts.authority.clone(),
            queue: parts.queue.clone(),
            agents: parts.agents.clone(),
            registry: crate::ingest::registry::Registry::new(),
            lifecycle: crate::lifecycle::Lifecycle::new(),
            tracer: crate::traces::Tracer::default(),
        };
        let stopping = one.lifecycle.clone();
        fixture.address = crate::ingest::start(one).unwrap().address;
        let config = tls(&fixture.authority, Some(fixture.credentials()), ALPN_SESSION);
        let (mut first, _) = said_hello(&fixture, &config).await;
        first.hear().await;
        // Without waiting for its end: it lets go of its port in its own time, and the next one has
        // another.
        stopping.stop();
        config
    };
    fixture.address = crate::ingest::start(parts).unwrap().address;
    let (_, full) = {
        let config = tls(&fixture.authority, Some(fixture.credentials()), ALPN_SESSION);
        said_hello(&fixture, &config).await
    };
    let (mut second, resumed) = said_hello(&fixture, &config).await;
    assert!(matches!(second.hear().await, CollectorMessage::Welcome(_)));
    assert!(resumed + 250 < full, "{resumed} bytes after {full}");
}
