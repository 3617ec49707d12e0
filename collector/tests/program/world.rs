//! A collector, its database, a company and a key for it: where a test of the whole program begins.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use protocol::ids::{AgentId, Position};
use serde_json::Value;
use store::test_support::FreshDatabase;
use tempfile::TempDir;

use super::agent::Agent;
use super::process::{Collector, command, data_dir, print};

/// A collector with one company.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) database: FreshDatabase,
    pub(crate) collector: Collector,
    /// An API key of the company's admin.
    pub(crate) key: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose first collector was started in a way of its own.
    pub(crate) async fn with(change: impl FnOnce(&mut Command)) -> Self {
        let (dir, database) = (data_dir(), FreshDatabase::create().await);
        let mut command = command(dir.path(), Some(&database));
        change(&mut command);
        let collector = Collector::start(command);
        print(dir.path(), &database, &["company", "create", "Ours"]);
        let words = ["key", "create", "tests", "--company", "Ours"];
        let key = print(dir.path(), &database, &words);
        Self { key: key["key"].as_str().unwrap().to_owned(), dir, database, collector }
    }

    pub(crate) fn token(&self, more: &[&str]) -> String {
        let words = [&["token", "create", "--company", "Ours"], more].concat();
        let token = print(self.dir.path(), &self.database, &words);
        token["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn agent(&self) -> Agent {
        let enrolled = Agent::enrol(self.dir.path(), &self.token(&[])).await;
        enrolled.unwrap_or_else(|why| panic!("{why:?}"))
    }

    /// Starts a collector again after the last one ended, and tells the agent where it is.
    pub(crate) fn start_again(&mut self, agent: &mut Agent, change: impl FnOnce(&mut Command)) {
        let mut command = command(self.dir.path(), Some(&self.database));
        change(&mut command);
        self.collector = Collector::start(command);
        agent.moved_to(listening(self.dir.path()));
    }

    pub(crate) fn ask(&self, path: &str) -> Value {
        let (status, answer) = self.collector.ask("GET", path, &self.key);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Waits until the API's host stands there, and gives the names of what it has.
    pub(crate) async fn stored(&self, agent: &Agent, position: Position) -> BTreeSet<String> {
        let host = format!("/api/v1/hosts/{}", agent.id);
        // Half a minute; what it waits for takes a fraction of a second on an idle machine.
        for _ in 0..1_500 {
            if self.ask(&host)["delivery"]["applied"] == position.to_string() {
                return self.names(agent);
            }
            // Between two questions to another process; the bound of the loop is what fails.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{position} was acknowledged and is not there: {}", self.ask(&host));
    }

    /// The names of what a host has, however many.
    pub(crate) fn names(&self, agent: &Agent) -> BTreeSet<String> {
        names_of(|path| self.ask(path), agent.id)
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..1_500 {
            if is_so().await {
                return;
            }
            // As above.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("half a minute and not yet: {what}");
    }
}

/// Where the collector of a data directory takes agents.
pub(crate) fn listening(dir: &Path) -> SocketAddr {
    let run = std::fs::read(dir.join("collector.json")).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    run["ingest"].as_str().unwrap().parse().unwrap()
}

/// The names of what a host has, page by page.
pub(crate) fn names_of(ask: impl Fn(&str) -> Value, host: AgentId) -> BTreeSet<String> {
    let path = format!("/api/v1/hosts/{host}/software?limit=100");
    let mut page = ask(&path);
    let mut all = names(&page);
    while let Some(token) = page["next_page_token"].as_str() {
        page = ask(&format!("{path}&page_token={token}"));
        all.extend(names(&page));
    }
    all
}

/// The names in a list of software.
fn names(software: &Value) -> BTreeSet<String> {
    let items = software["items"].as_array().unwrap();
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    items.iter().map(name).collect()
}

/// Names to compare with.
pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
