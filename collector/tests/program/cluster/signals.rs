//! What happens on one node is known on all of them within five seconds, heard or not.

use protocol::ids::Position;
use protocol::message::CollectorMessage;
use protocol::reject::RejectReason;
use rustix::process::Signal;

use super::super::agent::{Agent, Stream};
use super::super::process::kill;
use super::super::world::World;
use super::{Node, PROMISED};

/// Two nodes, and an agent with a session on each.
struct Site {
    world: World,
    _second: Node,
    agents: [Agent; 2],
    sessions: [Stream; 2],
}

impl Site {
    async fn new() -> Self {
        let world = World::new().await;
        let second = Node::join(&world);
        let (one, mut two) = (world.agent().await, world.agent().await);
        second.take(&mut two);
        let sessions =
            [one.welcomed(Position::default()).await, two.welcomed(Position::default()).await];
        Self { world, _second: second, agents: [one, two], sessions }
    }

    async fn execute(&self, sql: &str) {
        self.world.database.execute(sql).await;
    }

    async fn everyone_is_refused(&mut self, reason: RejectReason) {
        for session in &mut self.sessions {
            let refused = tokio::time::timeout(PROMISED, session.no());
            assert_eq!(refused.await.expect("nothing within five seconds").0, reason);
        }
    }
}

#[tokio::test]
async fn a_suspension_that_no_notification_tells_of_reaches_every_node() {
    let mut site = Site::new().await;
    // As a lost notification leaves the database: changed, and nobody was told.
    site.execute("UPDATE companies SET suspended_at = now()").await;
    site.everyone_is_refused(RejectReason::CompanySuspended).await;
}

#[tokio::test]
async fn a_revocation_that_no_notification_tells_of_reaches_every_node() {
    let mut site = Site::new().await;
    for agent in &site.agents {
        let id = agent.id;
        // Also from a node whose clock is an hour late.
        site.execute(&format!(
            "UPDATE agents SET revoked_at = now() - interval '1 hour' WHERE id = '{id}';
             INSERT INTO revocations (kind, subject, created_at)
             VALUES ('agent', '{id}', clock_timestamp())"
        ))
        .await;
    }
    site.everyone_is_refused(RejectReason::AgentRevoked).await;
}

#[tokio::test]
async fn nodes_whose_listening_connections_are_cut_hear_of_everything() {
    let mut site = Site::new().await;
    site.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    .await;
    for agent in &site.agents {
        let path = format!("/api/v1/hosts/{}/scan", agent.id);
        let key = &site.world.key;
        assert_eq!(site.world.collector.ask("POST", &path, key).0, 202);
    }
    for session in &mut site.sessions {
        let heard = tokio::time::timeout(PROMISED, session.answer());
        let heard = heard.await.expect("nothing within five seconds");
        assert_eq!(heard, CollectorMessage::ScanNow { request: 1 });
    }
}

#[tokio::test]
async fn nodes_whose_listening_connections_fall_silent_hear_of_everything() {
    let mut site = Site::new().await;
    // A backend that stands still is a connection whose other end is gone without a word.
    let listening = "SELECT pid FROM pg_stat_activity
                     WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let silent = Silenced::new(&site.world.database.numbers(listening).await);
    assert!(!silent.0.is_empty());
    let path = format!("/api/v1/hosts/{}/revoke", site.agents[1].id);
    let (status, _) = site.world.collector.ask("POST", &path, &site.world.key);
    assert!((200..300).contains(&status), "{status}");
    let refused = tokio::time::timeout(PROMISED, site.sessions[1].no());
    let refused = refused.await.expect("nothing within five seconds");
    assert_eq!(refused.0, RejectReason::AgentRevoked);
}

/// Processes that stand still until the test ends.
struct Silenced(Vec<u32>);

impl Silenced {
    fn new(processes: &[i64]) -> Self {
        let processes: Vec<u32> = processes.iter().map(|pid| (*pid).try_into().unwrap()).collect();
        for process in &processes {
            kill(*process, Signal::STOP);
        }
        Self(processes)
    }
}

impl Drop for Silenced {
    fn drop(&mut self) {
        for process in &self.0 {
            kill(*process, Signal::CONT);
        }
    }
}
