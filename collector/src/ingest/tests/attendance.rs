//! Who holds a connection, who visits, and what changes in mid-session.

use std::sync::Arc;
use std::time::Duration;

use protocol::ids::{AgentId, Position};
use protocol::message::{
    AgentMessage, Attendance, Capabilities, CollectorMessage, Heartbeat, Settings,
};
use protocol::reject::RejectReason;
use uuid::Uuid;

use super::client::{Client, hello};
use super::fixture::{AGENT, COMPANY, Fixture};
use super::office::standing;
use crate::config::Connections;
use crate::ingest::agents::Standing;
use crate::ingest::registry::Told;

const HOUR: Duration = Duration::from_secs(3_600);

fn agent(number: u128) -> AgentId {
    AgentId(Uuid::from_u128(number))
}

/// Says hello as an agent that can visit, and gives what it is told before and as the last word.
async fn greeted(client: &mut Client) -> (Vec<CollectorMessage>, Attendance) {
    let mut hello = hello();
    hello.capabilities = Capabilities::current();
    client.say(&AgentMessage::Hello(hello)).await;
    let mut before = Vec::new();
    loop {
        let heard = client.hear().await;
        if let CollectorMessage::Attend(attendance) = heard {
            return (before, attendance);
        }
        before.push(heard);
    }
}

async fn told(fixture: &Fixture, number: u128) -> (Client, Attendance) {
    let credentials = fixture.credentials_of(agent(number), HOUR);
    let mut client = Client::connect(fixture, credentials).await;
    let (_, attendance) = greeted(&mut client).await;
    (client, attendance)
}

fn company_wants(fixture: &Fixture, visits: Option<bool>, settings: Settings) {
    let told = Arc::new(Told { settings, visits });
    fixture.registry.tell_company(COMPANY, &told);
}

const fn visits(attendance: Attendance) -> bool {
    matches!(attendance, Attendance::Visit { .. })
}

#[tokio::test]
async fn whoever_comes_when_there_is_no_room_visits_and_is_held_when_there_is() {
    let fixture = Fixture::with(|config| config.held_max = 2);
    let first = told(&fixture, 1).await;
    let second = told(&fixture, 2).await;
    let third = told(&fixture, 3).await;
    assert!(!visits(first.1) && !visits(second.1));
    assert!(visits(third.1));
    drop(third);
    for (client, _) in [first, second] {
        client.close().await;
    }
    while fixture.registry.held() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(!visits(told(&fixture, 3).await.1));
}

#[tokio::test]
async fn everything_that_waits_is_said_before_the_last_word() {
    let fixture = Fixture::with(|config| config.connections = Connections::Visit);
    fixture.office.stands(AGENT, Standing { scan_asked: 5, is_snapshot_asked: true, ..standing() });
    let mut client = Client::connect(&fixture, fixture.credentials()).await;
    let (before, attendance) = greeted(&mut client).await;
    assert!(matches!(before[0], CollectorMessage::Welcome(_)));
    assert_eq!(
        before[1..],
        [CollectorMessage::ScanNow { request: 5 }, CollectorMessage::SendSnapshot]
    );
    assert_eq!(attendance, Attendance::Visit { every_s: 900 });
}

#[tokio::test]
async fn an_agent_that_does_not_know_visits_is_held_and_never_told() {
    let fixture = Fixture::with(|config| config.connections = Connections::Visit);
    let mut client = Client::welcomed(&fixture).await;
    client.is_read().await;
    assert_eq!(fixture.registry.held(), 1);
    company_wants(&fixture, Some(true), standing().told.settings);
    client.is_read().await;
}

#[tokio::test]
async fn what_the_company_sets_reaches_the_agent_in_mid_session() {
    let fixture = Fixture::new();
    let (mut client, attendance) = told(&fixture, 1).await;
    assert!(!visits(attendance));
    let settings = Settings { revision: 8, heartbeat_every_s: 1_200, ..Settings::default() };
    company_wants(&fixture, Some(true), settings.clone());
    assert_eq!(client.hear().await, CollectorMessage::Settings(settings.clone()));
    let told = CollectorMessage::Attend(Attendance::Visit { every_s: 1_200 });
    assert_eq!(client.hear().await, told);
    assert_eq!(fixture.registry.held(), 0);
    // And back again, with nothing said of settings that did not change.
    company_wants(&fixture, Some(false), settings);
    let heard = client.hear().await;
    assert!(matches!(heard, CollectorMessage::Attend(Attendance::Hold { .. })), "{heard:?}");
    assert_eq!(fixture.registry.held(), 1);
}

#[tokio::test]
async fn what_the_operator_sets_reaches_an_agent_that_is_held() {
    let fixture = Fixture::new();
    let (mut client, attendance) = told(&fixture, 1).await;
    assert!(!visits(attendance));
    fixture.set(|config| config.connections = Connections::Visit);
    let told = CollectorMessage::Attend(Attendance::Visit { every_s: 900 });
    assert_eq!(client.hear().await, told);
    assert_eq!(fixture.registry.held(), 0);
    // The same again is not said again.
    fixture.set(|config| config.connections = Connections::Visit);
    client.is_read().await;
}

#[tokio::test]
async fn settings_that_are_older_than_the_welcome_are_not_said() {
    let fixture = Fixture::new();
    let (mut client, _) = told(&fixture, 1).await;
    let settings = Settings { revision: 6, ..Settings::default() };
    company_wants(&fixture, Some(true), settings);
    client.is_read().await;
}

#[tokio::test]
async fn a_node_that_holds_too_much_sends_the_youngest_away_but_not_who_is_to_hold() {
    let fixture = Fixture::new();
    fixture.office.stands(
        agent(3),
        Standing { told: Told { visits: Some(false), ..standing().told }, ..standing() },
    );
    let (mut first, _) = told(&fixture, 1).await;
    let (mut second, _) = told(&fixture, 2).await;
    let (mut wanted, _) = told(&fixture, 3).await;
    fixture.registry.reconsider_youngest(2);
    assert!(matches!(second.hear().await, CollectorMessage::Attend(Attendance::Visit { .. })));
    first.is_read().await;
    wanted.is_read().await;
    assert_eq!(fixture.registry.held(), 2);
}

#[tokio::test]
async fn a_heartbeat_is_noted_with_the_time_to_the_next() {
    let fixture = Fixture::with(|config| config.connections = Connections::Visit);
    let (mut client, _) = told(&fixture, 1).await;
    let heartbeat = Heartbeat { acknowledged: Position::default(), digest: None, scan_done: 0 };
    client.say(&AgentMessage::Heartbeat(heartbeat)).await;
    client.is_read().await;
    // The office is told by a task of its own, which signals nothing: looked for, not waited out.
    let noted = async {
        while fixture.office.heartbeats().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), noted).await.expect("the heartbeat is noted");
    assert_eq!(fixture.office.heartbeats()[0].1.every_s, 900);
}

#[tokio::test]
async fn a_fleet_that_is_sent_elsewhere_is_told_to_come_one_after_another() {
    let fixture = Fixture::with(|config| config.handshakes_per_second = 6);
    let mut clients = Vec::new();
    for number in [1, 0x8000_0000, 0xffff_ffff] {
        clients.push(told(&fixture, number).await.0);
    }
    fixture.lifecycle.stop();
    let mut waits = Vec::new();
    for client in &mut clients {
        let heard = client.hear().await;
        let CollectorMessage::Refuse { reason, retry_after_ms, .. } = heard else {
            panic!("{heard:?}");
        };
        assert_eq!(reason, RejectReason::ShuttingDown);
        waits.push(retry_after_ms);
    }
    assert!(waits.is_sorted() && waits[2] >= 1_000, "{waits:?}");
    assert!(waits[1] >= 500 && waits[1] < waits[2], "{waits:?}");
}

#[tokio::test]
async fn a_session_that_waits_is_small() {
    let (fixture, parts) = Fixture::parts(|_| {});
    let shared = Arc::new(crate::ingest::Shared::new(parts));
    let peer = crate::authority::PeerIdentity {
        company: COMPANY,
        agent: AGENT,
        serial: String::new(),
        not_after: time::OffsetDateTime::UNIX_EPOCH,
        issuer: fixture.authority.name(),
    };
    let (receive, send) = (tokio::io::empty(), tokio::io::sink());
    let session = crate::ingest::session::run(&shared, &peer, receive, send);
    // Every connection carries it from its welcome on.
    let bytes = size_of_val(&session);
    assert!(bytes <= 1_400, "{bytes} bytes");
}
