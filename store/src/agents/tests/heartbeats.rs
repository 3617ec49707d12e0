//! Heartbeats: what they note, and when they ask for a snapshot.

use protocol::fingerprint::InventoryDigest;
use protocol::ids::Position;
use uuid::Uuid;

use super::*;
use crate::test_fixtures::{Endpoint, record};
use crate::{hosts, nodes, summary};

async fn endpoint(world: &World) -> Endpoint {
    let mut endpoint = Endpoint::new(world.agent().await);
    world.apply(&endpoint.snapshot([record("a", "1")], 100)).await;
    endpoint
}

fn seen(endpoint: &Endpoint, seconds: i64) -> HeartbeatSeen {
    HeartbeatSeen {
        agent: endpoint.agent,
        at: at(seconds),
        acknowledged: endpoint.position,
        digest: Some(endpoint.digest()),
        scan_done: 0,
        every_s: 300,
        presence: None,
        is_repeat: false,
    }
}

async fn record_at(world: &World, heartbeats: &[HeartbeatSeen], seconds: i64) -> Vec<AgentId> {
    let noted = record_heartbeats(&world.scope, heartbeats, BEHIND_AFTER, at(seconds)).await;
    noted.unwrap().asked
}

const WRONG: InventoryDigest = InventoryDigest { count: 3, sum: 4 };

#[tokio::test]
async fn notes_signs_of_life_and_leaves_agents_that_agree_alone() {
    let world = World::new().await;
    let (one, two) = (endpoint(&world).await, endpoint(&world).await);
    let stranger = HeartbeatSeen { agent: AgentId(Uuid::from_u128(1)), ..seen(&one, 50) };
    // The last of an agent counts; time never goes back.
    let heartbeats = [seen(&two, 60), seen(&one, 50), stranger, seen(&two, 70)];
    assert_eq!(record_at(&world, &heartbeats, 70).await, []);
    assert_eq!(record_at(&world, &[seen(&two, 65)], 70).await, []);
    for (endpoint, seconds) in [(&one, 50), (&two, 70)] {
        let host = hosts::get(&world.scope, endpoint.agent).await.unwrap().unwrap();
        assert_eq!(host.host.last_seen_at, Some(at(seconds)));
    }
    assert_eq!(record_at(&world, &[], 70).await, []);
}

#[tokio::test]
async fn a_digest_that_differs_at_the_same_position_asks_for_a_snapshot() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    let wrong = HeartbeatSeen { digest: Some(WRONG), ..seen(&endpoint, 10) };
    assert_eq!(record_at(&world, &[wrong], 10).await, [endpoint.agent]);
    let pending = commands::pending(world.store(), &[endpoint.agent]).await.unwrap();
    assert_eq!(pending, [(endpoint.agent, Command::SendSnapshot)]);
}

#[tokio::test]
async fn a_digest_of_another_position_says_nothing_yet() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    let ahead = HeartbeatSeen {
        digest: Some(WRONG),
        acknowledged: Position::new(1, 2),
        ..seen(&endpoint, 10)
    };
    let unsure = HeartbeatSeen { digest: None, ..seen(&endpoint, 11) };
    assert_eq!(record_at(&world, &[ahead], 10).await, []);
    assert_eq!(record_at(&world, &[unsure], 11).await, []);
}

#[tokio::test]
async fn acknowledged_reports_that_never_come_are_made_up_for() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    let ahead =
        |seconds| HeartbeatSeen { acknowledged: Position::new(1, 2), ..seen(&endpoint, seconds) };
    assert_eq!(record_at(&world, &[ahead(10)], 10).await, []);
    assert_eq!(record_at(&world, &[ahead(900)], 900).await, []);
    assert_eq!(record_at(&world, &[ahead(910)], 910).await, [endpoint.agent]);
}

#[tokio::test]
async fn a_report_that_waits_in_no_nodes_queue_is_made_up_for_at_once() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    let node = Uuid::from_u128(0xa);
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let now = world.now().await;
    let note = async |acknowledged| {
        let ahead = HeartbeatSeen { at: now - minutes(10), acknowledged, ..seen(&endpoint, 0) };
        let noted = record_heartbeats(&world.scope, &[ahead], BEHIND_AFTER, now).await;
        noted.unwrap()
    };
    // What waits is older than the heartbeat, so the missing report may be among it.
    nodes::report(world.store(), node, "a", Some(minutes(11)), None).await.unwrap();
    let noted = note(Position::new(1, 2)).await;
    assert_eq!((noted.asked, noted.behind), (vec![], vec![endpoint.agent]));
    nodes::report(world.store(), node, "a", Some(minutes(9)), None).await.unwrap();
    let noted = note(Position::new(1, 2)).await;
    assert_eq!((noted.asked, noted.behind), (vec![endpoint.agent], vec![]));
}

#[tokio::test]
async fn a_node_whose_clock_is_late_takes_nothing_for_lost() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    nodes::report(world.store(), Uuid::from_u128(0xa), "a", None, None).await.unwrap();
    // Eight seconds, within what clocks may differ by; the report was acknowledged this moment.
    let late = world.now().await - Duration::from_secs(8);
    let acknowledged = Position::new(1, 2);
    let ahead = HeartbeatSeen { at: late, acknowledged, ..seen(&endpoint, 0) };
    let noted = record_heartbeats(&world.scope, &[ahead], BEHIND_AFTER, late).await.unwrap();
    assert_eq!((noted.asked, noted.behind), (vec![], vec![endpoint.agent]));
    // It finds out as soon as any other what is lost: once every node has said that nothing waits.
    world.database.execute("UPDATE nodes SET seen_at = seen_at + interval '10 seconds'").await;
    let again = HeartbeatSeen { is_repeat: true, ..ahead };
    let noted = record_heartbeats(&world.scope, &[again], BEHIND_AFTER, late).await.unwrap();
    assert_eq!(noted.asked, [endpoint.agent]);
}

#[tokio::test]
async fn an_older_acknowledgement_does_not_take_the_place_of_a_newer_one() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    let ahead = |seq, seconds| HeartbeatSeen {
        acknowledged: Position::new(1, seq),
        ..seen(&endpoint, seconds)
    };
    assert_eq!(record_at(&world, &[ahead(3, 20)], 20).await, []);
    // A node that was cut off says what it heard before; the wait goes on from where it began.
    assert_eq!(record_at(&world, &[ahead(2, 10)], 30).await, []);
    assert_eq!(record_at(&world, &[ahead(3, 925)], 925).await, [endpoint.agent]);
}

#[tokio::test]
async fn an_acknowledgement_that_moves_on_begins_another_wait() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    let ahead =
        |position, seconds| HeartbeatSeen { acknowledged: position, ..seen(&endpoint, seconds) };
    // The snapshot that was asked for is on its way, and must not be asked for again.
    let (lost, snapshot) = (Position::new(1, 2), Position::new(2, 1));
    assert_eq!(record_at(&world, &[ahead(lost, 10)], 10).await, []);
    assert_eq!(record_at(&world, &[ahead(snapshot, 910)], 910).await, []);
    let asked = record_at(&world, &[ahead(snapshot, 1_810)], 1_810).await;
    assert_eq!(asked, [endpoint.agent]);
}

#[tokio::test]
async fn rows_that_only_come_late_are_waited_for() {
    let world = World::new().await;
    let mut endpoint = endpoint(&world).await;
    let late = endpoint.delta(vec![record("b", "1")], &[]);
    let ahead = |endpoint: &Endpoint, seconds| HeartbeatSeen {
        acknowledged: Position::new(1, 3),
        ..seen(endpoint, seconds)
    };
    assert_eq!(record_at(&world, &[ahead(&endpoint, 10)], 10).await, []);
    // Progress, though not yet all of it, begins the wait anew.
    world.apply(&[late]).await;
    assert_eq!(record_at(&world, &[ahead(&endpoint, 920)], 920).await, []);
    assert_eq!(record_at(&world, &[ahead(&endpoint, 1_810)], 1_810).await, []);
    assert_eq!(record_at(&world, &[ahead(&endpoint, 1_820)], 1_820).await, [endpoint.agent]);
}

#[tokio::test]
async fn a_scan_that_is_done_is_not_asked_for_again() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    let request = request_scan(&world.scope, endpoint.agent).await.unwrap().unwrap();
    let agents = [endpoint.agent];
    let pending = || commands::pending(world.store(), &agents);
    record_at(&world, &[seen(&endpoint, 2)], 2).await;
    assert_eq!(pending().await.unwrap().len(), 1);
    let done = HeartbeatSeen { scan_done: request, ..seen(&endpoint, 3) };
    record_at(&world, &[done], 3).await;
    assert_eq!(pending().await.unwrap(), []);
    // A number that nobody gave out is not believed, so the next request is a new one.
    let boast = HeartbeatSeen { scan_done: u64::MAX, ..seen(&endpoint, 4) };
    record_at(&world, &[boast], 4).await;
    assert_eq!(request_scan(&world.scope, endpoint.agent).await.unwrap(), Some(2));
}

#[tokio::test]
async fn a_scan_is_asked_for_by_a_number_that_its_agent_has_not_done_before_a_restore() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    // Seven were asked for and done, and the database went back to before the first of them.
    let done = HeartbeatSeen { scan_done: 7, ..seen(&endpoint, 2) };
    record_at(&world, &[done], 2).await;
    let request = request_scan(&world.scope, endpoint.agent).await.unwrap().unwrap();
    assert_eq!(request, 8);
    record_at(&world, &[HeartbeatSeen { scan_done: 7, ..seen(&endpoint, 3) }], 3).await;
    let pending = commands::pending(world.store(), &[endpoint.agent]).await.unwrap();
    assert_eq!(pending.len(), 1, "it has still to be done");
}

#[tokio::test]
async fn a_revoked_host_is_not_waited_for() {
    let world = World::new().await;
    let endpoint = endpoint(&world).await;
    let ahead = HeartbeatSeen { acknowledged: Position::new(1, 9), ..seen(&endpoint, 10) };
    record_at(&world, &[ahead], 10).await;
    ask_for_snapshots(&world.scope, &[endpoint.agent], at(11)).await.unwrap();
    let pipeline = summary::pipeline(&world.scope).await.unwrap();
    assert_eq!((pipeline.behind, pipeline.snapshots_asked), (1, 1));
    revoke(&world.scope, endpoint.agent, at(12)).await.unwrap();
    // It will never send what it owes: an alarm on these numbers would not end.
    let pipeline = summary::pipeline(&world.scope).await.unwrap();
    assert_eq!((pipeline.behind, pipeline.snapshots_asked), (0, 0));
    assert_eq!((pipeline.behind_since, pipeline.reports), (None, 1));
}
