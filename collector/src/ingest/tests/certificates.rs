//! Who gets a session, and who does not.

use std::time::Duration;

use protocol::ids::{AgentId, CompanyId, Position};
use protocol::message::{ALPN_SESSION, AgentMessage};
use protocol::reject::RejectReason;
use rcgen::{KeyPair, SanType};
use ring::rand::SystemRandom;
use time::Duration as Span;
use uuid::Uuid;

use super::client::{Client, Credentials, hello, message, report};
use super::fixture::{AGENT, COMPANY, Fixture, agent_params, authority, csr};

/// Whether the collector sends the connection away before it says anything.
async fn is_sent_away(fixture: &Fixture, credentials: Option<Credentials>) -> bool {
    // In TLS 1.3 the client is through before the server has seen its certificate.
    let Ok(mut client) = Client::dial(fixture, credentials, ALPN_SESSION).await else {
        return true;
    };
    client.try_to_say(&AgentMessage::Hello(hello())).await;
    client.hear_bytes().await.is_none()
}

#[tokio::test]
async fn nobody_gets_a_session_without_a_certificate() {
    let fixture = Fixture::new();
    assert!(is_sent_away(&fixture, None).await);
    assert!(fixture.registry.is_empty());
}

#[tokio::test]
async fn a_foreign_authoritys_certificate_is_sent_away() {
    let fixture = Fixture::new();
    let dir = tempfile::tempdir().unwrap();
    let foreign = authority(dir.path(), &fixture.clock);
    let key = KeyPair::generate().unwrap();
    let issued = foreign
        .issue_agent(
            &csr(&key),
            (COMPANY, AGENT),
            Duration::from_secs(86_400),
            &SystemRandom::new(),
            fixture.clock.now(),
        )
        .unwrap();
    assert!(is_sent_away(&fixture, Some(Credentials::new(issued.chain, &key))).await);
}

#[tokio::test]
async fn certificates_of_another_time_are_sent_away_and_todays_is_not() {
    let fixture = Fixture::new();
    let now = fixture.clock.now();
    let signed = |from, to| fixture.signed(&agent_params(from, to));
    let expired = signed(now - Span::days(3), now - Span::days(1));
    assert!(is_sent_away(&fixture, Some(expired)).await);
    let early = signed(now + Span::days(1), now + Span::days(3));
    assert!(is_sent_away(&fixture, Some(early)).await);
    let good = signed(now - Span::days(1), now + Span::days(1));
    assert!(!is_sent_away(&fixture, Some(good)).await);
}

#[tokio::test]
async fn a_certificate_for_something_else_is_sent_away() {
    let fixture = Fixture::new();
    let now = fixture.clock.now();
    let (from, to) = (now - Span::days(1), now + Span::days(1));
    let mut server = agent_params(from, to);
    server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    assert!(is_sent_away(&fixture, Some(fixture.signed(&server))).await);
    let mut nameless = agent_params(from, to);
    nameless.subject_alt_names.clear();
    assert!(is_sent_away(&fixture, Some(fixture.signed(&nameless))).await);
    let mut foreign = agent_params(from, to);
    foreign.subject_alt_names = vec![SanType::URI("spiffe://other/agent/1".try_into().unwrap())];
    assert!(is_sent_away(&fixture, Some(fixture.signed(&foreign))).await);
}

#[tokio::test]
async fn a_revoked_agent_is_told_so() {
    let fixture = Fixture::new();
    for reason in
        [RejectReason::AgentRevoked, RejectReason::AgentUnknown, RejectReason::CompanySuspended]
    {
        fixture.office.refuse(AGENT, reason);
        let mut client = Client::connect(&fixture, fixture.credentials()).await;
        client.say(&AgentMessage::Hello(hello())).await;
        assert_eq!(client.hear_refusal().await, reason);
    }
    assert!(fixture.registry.is_empty());
}

#[tokio::test]
async fn an_open_session_ends_when_its_agent_or_its_company_is_let_go() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    assert!(fixture.registry.refuse(AGENT, RejectReason::AgentRevoked));
    assert_eq!(client.hear_refusal().await, RejectReason::AgentRevoked);
    let mut client = Client::welcomed(&fixture).await;
    let reason = RejectReason::CompanySuspended;
    assert_eq!(fixture.registry.refuse_company(COMPANY, reason), 1);
    assert_eq!(client.hear_refusal().await, reason);
}

#[tokio::test]
async fn a_session_ends_with_its_certificate() {
    let fixture = Fixture::new();
    let credentials = fixture.credentials_of(AGENT, Duration::from_secs(2));
    let mut client = Client::connect(&fixture, credentials).await;
    client.say(&AgentMessage::Hello(hello())).await;
    client.hear().await;
    assert_eq!(client.hear_bytes().await, None);
}

#[tokio::test]
async fn nothing_in_a_report_changes_whose_it_is() {
    let fixture = Fixture::new();
    let other = AgentId(Uuid::from_u128(0xbad));
    let credentials = fixture.credentials_of(other, Duration::from_secs(86_400));
    let mut liar = Client::connect(&fixture, credentials).await;
    liar.say(&AgentMessage::Hello(hello())).await;
    liar.hear().await;
    // Names of another company and agent wherever a text can stand.
    let mut report = report(1, 1);
    report.platform.id = CompanyId(Uuid::from_u128(0xc1)).to_string();
    report.facts = Some(Box::new(protocol::host::HostFacts {
        hostname: AGENT.to_string(),
        ..protocol::host::HostFacts::default()
    }));
    liar.say(&message(report)).await;
    assert_eq!(liar.hear_ack().await, Position::new(1, 1));
    let taken = fixture.queue.taken();
    assert_eq!((taken[0].company, taken[0].agent), (COMPANY, other));
}
