//! PostgreSQL away, standing still, full and replaced: nothing that was acknowledged is lost, agents
//! are answered, and nobody has to restart the collector.

mod pooler;
mod replica;
pub(crate) mod server;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use protocol::ids::Position;
use protocol::message::{AgentMessage, CollectorMessage};
use protocol::reject::RejectReason;
use protocol::report::Report;
use protocol::software::SoftwareRecord;
use serde_json::Value;
use tempfile::TempDir;

use self::server::Server;
use super::agent::{Agent, Stream, record, report};
use super::process::{Collector, command, data_dir, print_at};
use super::world::names_of;

/// How long the collector may take to find out that the database is back, or another.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an agent may wait for any answer, whatever has happened to the database.
const ANSWERED: Duration = Duration::from_secs(12);

/// A collector, the database that it was told of, and one agent.
struct Site {
    dir: TempDir,
    url: String,
    collector: Collector,
    key: String,
    agent: Agent,
    names: BTreeSet<String>,
    position: Position,
}

impl Site {
    async fn on(url: &str, settings: &[(&str, &str)]) -> Self {
        let dir = data_dir();
        let mut serve = command(dir.path(), None);
        serve.env("DATABASE_URL", url).envs(settings.iter().copied());
        let collector = Collector::start(serve);
        let run = |words: &[&str]| print_at(dir.path(), url, words);
        run(&["company", "create", "Ours"]);
        let key = run(&["key", "create", "tests", "--company", "Ours"]);
        let token = run(&["token", "create", "--company", "Ours"]);
        let agent = enrol(dir.path(), &token).await;
        Self {
            url: url.to_owned(),
            collector,
            key: key["key"].as_str().unwrap().to_owned(),
            agent,
            names: BTreeSet::new(),
            position: Position::default(),
            dir,
        }
    }

    fn next(&mut self) -> Report {
        let seq = self.position.seq.0 + 1;
        let name = format!("p{seq}");
        self.position = Position::new(1, seq);
        let next = report(1, seq, vec![record(&name)]);
        self.names.insert(name);
        next
    }

    /// Delivers reports, each acknowledged within the time that agents are promised.
    async fn deliver(&mut self, stream: &mut Stream, count: usize) {
        for _ in 0..count {
            let next = self.next();
            let delivered = tokio::time::timeout(ANSWERED, stream.deliver(next)).await;
            delivered.expect("no acknowledgement");
        }
    }

    async fn session(&self) -> Stream {
        let welcomed = tokio::time::timeout(ANSWERED, self.agent.welcomed(self.position)).await;
        welcomed.expect("no welcome")
    }

    /// Waits until everything that was acknowledged is there, and nothing else.
    async fn is_whole(&self) {
        let host = format!("/api/v1/hosts/{}", self.agent.id);
        let stored = async {
            loop {
                let (status, host) = self.collector.ask("GET", &host, &self.key);
                if status == 200 && host["delivery"]["applied"] == self.position.to_string() {
                    return;
                }
                // Between two questions to a process; the deadline below is what fails.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, stored).await.expect("stored");
        let ask = |path: &str| self.collector.ask("GET", path, &self.key).1;
        assert_eq!(names_of(ask, self.agent.id), self.names);
        let letters = self.collector.ask("GET", "/api/v1/dead-letters", &self.key);
        assert_eq!(letters.1["items"], Value::Array(Vec::new()), "dead letters");
    }

    fn is_ready(&self) -> bool {
        self.collector.get("/readyz").starts_with("HTTP/1.1 200")
    }
}

async fn enrol(dir: &Path, token: &Value) -> Agent {
    let enrolled = Agent::enrol(dir, token["token"].as_str().unwrap()).await;
    enrolled.unwrap_or_else(|why| panic!("{why:?}"))
}

#[tokio::test]
async fn a_database_that_crashes_and_comes_back_loses_nothing() {
    let server = Server::start("");
    let mut site = Site::on(&server.url(), &[]).await;
    let mut stream = site.session().await;
    site.deliver(&mut stream, 5).await;
    server.stop_at_once();
    // Agents that are there, and agents that come, notice nothing.
    site.deliver(&mut stream, 5).await;
    assert!(!site.is_ready());
    let mut stream = site.session().await;
    site.deliver(&mut stream, 5).await;
    server.start_again();
    site.is_whole().await;
    assert!(site.is_ready());
}

#[tokio::test]
async fn a_database_that_stands_still_holds_nobody_up() {
    let server = Server::start("");
    let mut site = Site::on(&server.url(), &[]).await;
    let mut stream = site.session().await;
    site.deliver(&mut stream, 5).await;
    let still = server.stand_still();
    site.deliver(&mut stream, 5).await;
    let mut stream = site.session().await;
    site.deliver(&mut stream, 5).await;
    let asked = std::thread::scope(|threads| {
        let ready = threads.spawn(|| site.is_ready());
        ready.join().unwrap()
    });
    assert!(!asked);
    drop(still);
    site.is_whole().await;
}

#[tokio::test]
async fn a_database_without_a_free_connection_is_waited_for() {
    let server = Server::start("");
    server.sql("CREATE ROLE muster LOGIN CREATEROLE");
    server.sql("CREATE DATABASE muster OWNER muster");
    let url = server.url().replace("postgres@", "muster@");
    let url = url.replace("/postgres", "/muster");
    let mut site = Site::on(&url, &[]).await;
    let mut stream = site.session().await;
    site.deliver(&mut stream, 2).await;
    site.is_whole().await;
    // Refused with the same code as by a server whose max_connections are in use.
    server.sql("ALTER ROLE muster CONNECTION LIMIT 0");
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'muster'");
    site.deliver(&mut stream, 5).await;
    assert!(!site.is_ready());
    let mut stream = site.session().await;
    site.deliver(&mut stream, 5).await;
    server.sql("ALTER ROLE muster CONNECTION LIMIT -1");
    site.is_whole().await;
}

#[tokio::test]
async fn a_failover_to_a_synchronous_standby_loses_nothing() {
    let primary = Server::start("");
    let standby = primary.standby();
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        // The standby first: it takes no writes and has to be passed over.
        standby.port,
        primary.port
    );
    let mut site = Site::on(&url, &[]).await;
    let mut stream = site.session().await;
    site.deliver(&mut stream, 20).await;
    primary.stop_at_once();
    site.deliver(&mut stream, 5).await;
    standby.promote();
    site.is_whole().await;
    site.deliver(&mut stream, 5).await;
    site.is_whole().await;
    let words = ["authority", "show"];
    // The command line finds the one that takes writes as well.
    assert!(print_at(site.dir.path(), &site.url, &words)["sha256"].is_string());
}

#[tokio::test]
async fn a_primary_that_stands_still_is_left_for_the_standby_that_was_promoted() {
    let primary = Server::start("");
    let standby = primary.standby();
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres",
        primary.port, standby.port
    );
    let mut site = Site::on(&url, &[]).await;
    let mut stream = site.session().await;
    site.deliver(&mut stream, 5).await;
    site.is_whole().await;
    let _still = primary.stand_still();
    site.deliver(&mut stream, 5).await;
    standby.promote();
    site.is_whole().await;
}

#[tokio::test]
async fn what_waits_for_an_answer_of_a_primary_without_one_is_stored_by_the_next() {
    let primary = Server::start("");
    let standby = primary.standby();
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres",
        primary.port, standby.port
    );
    let mut site = Site::on(&url, &[]).await;
    let mut stream = site.session().await;
    site.deliver(&mut stream, 5).await;
    site.is_whole().await;
    // In the middle of a transaction when the server stops: nothing comes of that question, not even an error.
    let _locked = primary.lock("agents");
    site.deliver(&mut stream, 5).await;
    primary.wait_for("SELECT count(*) FROM pg_locks WHERE NOT granted");
    let _still = primary.stand_still();
    standby.promote();
    // Within half of the time that a worker would wait for an answer.
    site.is_whole().await;
}

#[tokio::test]
async fn agents_are_told_when_to_come_back_once_the_queue_is_full() {
    let server = Server::start("");
    let small = ("MUSTER_QUEUE_BYTES_MAX", "8388608");
    let segments = ("MUSTER_QUEUE_SEGMENT_BYTES", "4194304");
    let fast = ("MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE", "1000000");
    let site = Site::on(&server.url(), &[small, segments, fast]).await;
    let mut stream = site.session().await;
    server.stop_at_once();
    let mut seq = 0;
    let retry_after_ms = loop {
        seq += 1;
        let records = (0..100).map(|n| noise(seq, n)).collect();
        stream.say(&AgentMessage::Report(report(1, seq, records))).await;
        let answer = tokio::time::timeout(ANSWERED, stream.answer()).await;
        match answer.expect("silence") {
            CollectorMessage::Ack { .. } => assert!(seq < 20_000, "it never fills"),
            CollectorMessage::Reject { reason, retry_after_ms, .. } => {
                assert_eq!(reason, RejectReason::QueueFull);
                break retry_after_ms;
            }
            answer @ (CollectorMessage::Welcome(_)
            | CollectorMessage::Refuse { .. }
            | CollectorMessage::SendSnapshot
            | CollectorMessage::ScanNow { .. }
            | CollectorMessage::Settings(_)
            | CollectorMessage::Attend(_)
            | CollectorMessage::Gone
            | CollectorMessage::Rekey
            | CollectorMessage::Rekeyed { .. }
            | CollectorMessage::Authorities { .. }
            | CollectorMessage::Certificate { .. }) => panic!("{answer:?}"),
        }
    };
    assert!(retry_after_ms > 0);
    server.start_again();
    let host = format!("/api/v1/hosts/{}", site.agent.id);
    let applied = Position::new(1, seq - 1).to_string();
    let stored = async {
        while site.collector.ask("GET", &host, &site.key).1["delivery"]["applied"] != applied {
            // As above.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stored).await.expect("stored");
}

/// Software in places that no packing makes shorter.
fn noise(report: u32, number: u32) -> SoftwareRecord {
    let mut state = (u64::from(report) << 32) | u64::from(number);
    let place: String = (0..60)
        .map(|_| {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            format!("{:016x}", mixed ^ (mixed >> 27))
        })
        .collect();
    let mut record = record(&format!("p{number}"));
    record.locations = vec![place];
    record
}
