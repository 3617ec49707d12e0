//! Agents that are on several machines, agents that leave, and the way that each takes.

use protocol::ids::CompanyId;
use protocol::message::Presence;
use protocol::reject::RejectReason;
use protocol::way::{NotQuic, Path, Way};
use uuid::Uuid;

use super::*;
use crate::hosts::{self, HostDetail};
use crate::test_fixtures::certificate;

const COMPANY: CompanyId = CompanyId(Uuid::from_u128(0xc0));

fn heartbeat(agent: AgentId, process: Option<u64>, seconds: i64) -> HeartbeatSeen {
    HeartbeatSeen {
        agent,
        at: at(seconds),
        acknowledged: Position::default(),
        digest: None,
        scan_done: 0,
        every_s: 300,
        presence: process.map(|process| Presence {
            path: Path { way: Way::Proxy, not_quic: Some(NotQuic::Handshake) },
            process,
        }),
        is_repeat: false,
    }
}

/// Hears these processes, a second apart; gives the agents that became known as clones.
async fn hear(world: &World, agent: AgentId, processes: &[u64]) -> Vec<AgentId> {
    let mut cloned = Vec::new();
    let last = host(world, agent).await.host.last_seen_at;
    let from = last.map_or(100, |last| (last - at(0)).whole_seconds() + 1);
    for (seconds, process) in (from..).zip(processes) {
        let seen = [heartbeat(agent, Some(*process), seconds)];
        let noted = record_heartbeats(&world.scope, &seen, BEHIND_AFTER, at(seconds)).await;
        cloned.extend(noted.unwrap().cloned);
    }
    cloned
}

/// Notes one heartbeat, some seconds after it came; gives whether the agent became known as a clone.
async fn is_cloned_by(world: &World, seen: HeartbeatSeen, now: i64) -> bool {
    let noted = record_heartbeats(&world.scope, &[seen], BEHIND_AFTER, at(now)).await;
    !noted.unwrap().cloned.is_empty()
}

async fn host(world: &World, agent: AgentId) -> HostDetail {
    hosts::get(&world.scope, agent).await.unwrap().unwrap()
}

async fn take_the_place(
    world: &World,
    agent: AgentId,
    process: u64,
    successor: u128,
) -> Option<AgentId> {
    let rekeying = Rekeying { agent, process, successor: AgentId(Uuid::from_u128(successor)) };
    let issue = |_: CompanyId, agent: AgentId| Ok((certificate(), agent));
    let made = rekey(&world.scope, COMPANY, rekeying, &issue, at(500)).await;
    let (successor, issued) = made.unwrap()?;
    assert_eq!(successor, issued, "the certificate is the one agent's");
    Some(successor)
}

#[tokio::test]
async fn a_host_shows_the_way_of_its_last_connection_and_nothing_that_was_not_said() {
    let world = World::new().await;
    let agent = world.agent().await;
    assert_eq!(host(&world, agent).await.connection.transport, None);
    hear(&world, agent, &[1]).await;
    let connection = host(&world, agent).await.connection;
    assert_eq!(connection.transport.as_deref(), Some("proxy"));
    assert_eq!(connection.not_quic.as_deref(), Some("handshake"));
    // An older agent, after a downgrade.
    let seen = [heartbeat(agent, None, 200)];
    let noted = record_heartbeats(&world.scope, &seen, BEHIND_AFTER, at(200)).await;
    noted.unwrap();
    assert_eq!(host(&world, agent).await.connection.transport, None);
}

#[tokio::test]
async fn two_machines_with_one_identity_are_marked_and_asked_and_a_restart_is_not() {
    let world = World::new().await;
    let (honest, cloned) = (world.agent().await, world.agent().await);
    // With the highest bit as well: the database's numbers have a sign.
    assert_eq!(hear(&world, honest, &[1, 1, u64::MAX, 3, 4]).await, []);
    assert_eq!(hear(&world, cloned, &[1, u64::MAX, 1]).await, []);
    assert_eq!(hear(&world, cloned, &[u64::MAX]).await, [cloned]);
    assert_eq!(host(&world, honest).await.cloned_at, None);
    let marked = host(&world, cloned).await.cloned_at;
    assert!(marked.is_some());
    let pending = commands::pending(world.store(), &[honest, cloned]).await;
    assert_eq!(pending.unwrap(), [(cloned, Command::Rekey)]);
    let found = admission(&world.scope, cloned).await.unwrap().unwrap();
    assert_eq!(found.cloned_at, marked);
}

#[tokio::test]
async fn each_machine_becomes_an_agent_of_its_own_and_asking_again_gives_the_same() {
    let world = World::new().await;
    let agent = world.agent().await;
    assert_eq!(take_the_place(&world, agent, 1, 0xe1).await, None, "it is no clone");
    hear(&world, agent, &[1, 2, 1, 2]).await;
    let one = take_the_place(&world, agent, 1, 0xe1).await.unwrap();
    let two = take_the_place(&world, agent, 2, 0xe2).await.unwrap();
    assert_ne!(one, two);
    assert_eq!(take_the_place(&world, agent, 1, 0xe3).await, Some(one));
    for successor in [one, two] {
        let host = host(&world, successor).await;
        assert_eq!(host.rekeyed_from, Some(agent));
        assert!(host.certificate_expires_at.is_some());
        assert_eq!(host.cloned_at, None);
    }
    let labels = host(&world, agent).await.labels;
    assert_eq!(host(&world, one).await.labels, labels);
    revoke(&world.scope, agent, at(600)).await.unwrap();
    assert_eq!(take_the_place(&world, agent, 9, 0xe9).await, None);
}

#[tokio::test]
async fn nothing_is_made_for_a_request_that_cannot_be_signed() {
    let world = World::new().await;
    let agent = world.agent().await;
    hear(&world, agent, &[1, 2, 1, 2]).await;
    let rekeying = Rekeying { agent, process: 1, successor: AgentId(Uuid::from_u128(0xe1)) };
    let issue =
        |_: CompanyId, _: AgentId| Err::<(Certificate, ()), _>(RejectReason::InvalidRequest);
    let made = rekey(&world.scope, COMPANY, rekeying, &issue, at(500)).await;
    assert_eq!(made.unwrap(), None);
    let found = hosts::get(&world.scope, rekeying.successor).await;
    assert!(found.unwrap().is_none());
}

#[tokio::test]
async fn an_agent_that_left_is_refused_and_its_host_says_since_when() {
    let world = World::new().await;
    let agent = world.agent().await;
    depart(&world.scope, agent, at(7)).await.unwrap();
    depart(&world.scope, agent, at(8)).await.unwrap();
    let detail = host(&world, agent).await;
    assert_eq!(detail.uninstalled_at, Some(at(7)));
    assert_eq!(detail.host.revoked_at, Some(at(7)));
    let found = admission(&world.scope, agent).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(at(7)));
}

#[tokio::test]
async fn one_copy_that_leaves_shuts_none_of_the_others_out() {
    let world = World::new().await;
    let agent = world.agent().await;
    hear(&world, agent, &[1, 2, 1, 2]).await;
    depart(&world.scope, agent, at(300)).await.unwrap();
    let detail = host(&world, agent).await;
    assert_eq!((detail.uninstalled_at, detail.host.revoked_at), (None, None));
    assert!(take_the_place(&world, agent, 2, 0xe2).await.is_some(), "the other one comes");
    // The copies that were made are agents like any other, and leave like any other.
    let one = take_the_place(&world, agent, 1, 0xe1).await.unwrap();
    depart(&world.scope, one, at(600)).await.unwrap();
    assert_eq!(host(&world, one).await.uninstalled_at, Some(at(600)));
}

#[tokio::test]
async fn a_restart_whose_heartbeats_are_noted_in_another_order_is_no_clone() {
    let world = World::new().await;
    let agent = world.agent().await;
    let beat = |process, seconds| heartbeat(agent, Some(process), seconds);
    assert!(!is_cloned_by(&world, beat(1, 100), 100).await);
    // It was restarted and went to another node; the one before notes late what it had heard.
    assert!(!is_cloned_by(&world, beat(2, 110), 110).await);
    assert!(!is_cloned_by(&world, beat(1, 105), 112).await);
    assert!(!is_cloned_by(&world, beat(2, 120), 120).await);
    // And what waited for the rows is noted once more.
    let again = HeartbeatSeen { is_repeat: true, ..beat(1, 121) };
    assert!(!is_cloned_by(&world, again, 125).await);
    assert!(!is_cloned_by(&world, beat(2, 130), 130).await);
    assert_eq!(host(&world, agent).await.cloned_at, None);
}

#[tokio::test]
async fn an_older_heartbeat_does_not_say_by_which_way_a_host_comes_now() {
    let world = World::new().await;
    let agent = world.agent().await;
    hear(&world, agent, &[1]).await;
    let seen = host(&world, agent).await.host.last_seen_at.unwrap();
    let older = HeartbeatSeen { at: seen - Duration::from_secs(1), ..heartbeat(agent, None, 0) };
    record_heartbeats(&world.scope, &[older], BEHIND_AFTER, seen).await.unwrap();
    assert_eq!(host(&world, agent).await.connection.transport.as_deref(), Some("proxy"));
}

#[tokio::test]
async fn a_sign_of_life_of_a_time_yet_to_come_keeps_no_other_from_being_heard() {
    let world = World::new().await;
    let agent = world.agent().await;
    // A node whose clock was an hour ahead; then two machines with one identity come to others.
    assert!(!is_cloned_by(&world, heartbeat(agent, Some(1), 3_600), 3_600).await);
    for (process, seconds) in [(2, 10), (1, 20)] {
        assert!(!is_cloned_by(&world, heartbeat(agent, Some(process), seconds), seconds).await);
    }
    assert!(is_cloned_by(&world, heartbeat(agent, Some(2), 30), 30).await);
}
