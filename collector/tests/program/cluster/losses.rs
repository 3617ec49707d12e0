//! A node that never comes back, and its disk with it.

use std::time::Duration;

use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::ids::Position;
use protocol::message::{AgentMessage, CollectorMessage, Heartbeat};

use super::super::agent::{record, report};
use super::super::world::{World, set};
use super::Node;

#[tokio::test]
async fn what_a_lost_disk_took_with_it_is_right_again_after_one_heartbeat() {
    let world = World::new().await;
    let mut lost = Node::join(&world);
    let mut agent = world.agent().await;
    let first = agent.address();
    let mut stream = agent.welcomed(Position::default()).await;
    stream.deliver(report(1, 1, vec![record("kept")])).await;
    world.stored(&agent, Position::new(1, 1)).await;

    // Acknowledged by a node that cannot store it, and then is gone with its disk.
    let blocked = world.database.lock("agents").await;
    lost.take(&mut agent);
    let mut stream = agent.welcomed(Position::new(1, 1)).await;
    stream.deliver(report(1, 2, vec![record("lost")])).await;
    lost.collector.kill();
    drop(lost);
    drop(blocked);

    agent.moved_to(first);
    let mut stream = agent.welcomed(Position::new(1, 2)).await;
    let heartbeat = Heartbeat {
        acknowledged: Position::new(1, 2),
        digest: Some(digest(&["kept", "lost"])),
        scan_done: 0,
    };
    // One, as of an agent that speaks every few minutes. The node has to be missed for a while before it counts as
    // gone, and its heartbeat is looked at again after that.
    stream.say(&AgentMessage::Heartbeat(heartbeat)).await;
    let asked = tokio::time::timeout(Duration::from_secs(60), stream.answer()).await;
    assert_eq!(asked.unwrap(), CollectorMessage::SendSnapshot);
    stream.deliver(report(2, 1, vec![record("kept"), record("lost")])).await;
    let stored = world.stored(&agent, Position::new(2, 1)).await;
    assert_eq!(stored, set(&["kept", "lost"]));
}

fn digest(names: &[&str]) -> InventoryDigest {
    let platform = report(1, 1, Vec::new()).platform;
    names
        .iter()
        .map(|name| {
            let record = record(name);
            RecordFingerprint::of(SoftwareKey::of(&record, &platform), &record)
        })
        .collect()
}
