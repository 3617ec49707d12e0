//! A company and its fleet of real protocol clients, in a process of its own.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use protocol::ids::CompanyId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::host::Host;
use super::node::{API_PORT, INGEST_PORT, settings};
use super::process::{Process, Program};
use super::shell::run;
use crate::api::Api;

/// How long agreement with the rows is awaited once nothing goes wrong any more, in seconds.
const SETTLE_S: u32 = 240;
/// Reports, by heartbeat, are compared so often, in seconds. The shortest that there is.
const HEARTBEAT_S: u32 = 10;

/// What a fleet of a run is and does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Agents.
    pub(super) agents: u32,
    /// Records of each.
    pub(super) apps: u32,
    /// For how long they change.
    pub(super) seconds: u32,
}

/// A company and its fleet.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) company: CompanyId,
    /// A client of the API of each node.
    pub(super) apis: Vec<Api>,
    process: Process,
    result: PathBuf,
    log: PathBuf,
}

/// What a fleet has shown, as far as a run judges it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Shown {
    pub(super) agents: u64,
    pub(super) enrolled: u64,
    pub(super) records_acked: u64,
    pub(super) reports_acked: u64,
    pub(super) reports_resent: u64,
    pub(super) reports_unanswered: u64,
    pub(super) changes: u64,
    pub(super) sessions: u64,
    pub(super) snapshots_asked: u64,
    pub(super) verify: Option<Compared>,
}

/// The hosts' sets beside the rows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Compared {
    pub(super) hosts: u64,
    pub(super) records: u64,
    pub(super) differing: u64,
    pub(super) lost: u64,
    pub(super) unexpected: u64,
    pub(super) twice: u64,
    #[serde(default)]
    pub(super) error: Option<String>,
}

impl Fleet {
    /// Makes a company and starts its fleet.
    ///
    /// # Errors
    ///
    /// When the collector's commands or the fleet cannot be run.
    pub(super) async fn start(
        name: &str,
        folder: &Path,
        collector: &Path,
        nodes: u8,
        size: Size,
    ) -> anyhow::Result<Self> {
        let path = |kind: &str| folder.join(format!("{name}.{kind}"));
        let command = Command { folder, collector, nodes };
        let company = command.run(&["--json", "company", "create", name]).await?;
        let company: Created = serde_json::from_str(&company).context("read the company")?;
        let token = command.run(&["token", "create", "--company", name]).await?;
        std::fs::write(path("token"), token)?;
        let key = command.run(&["key", "create", name, "--company", name]).await?;
        // As files and not as arguments, which every user of the machine can read.
        std::fs::write(path("key"), key)?;
        let url = |node| format!("http://{}:{API_PORT}", Host::Node(node).address());
        let apis = (0..nodes).map(|node| Api::new(&url(node), &path("key")));
        let apis = apis.collect::<anyhow::Result<_>>()?;
        // The API of one node is enough for the comparison, for the rows are everybody's.
        let line = line(&path("token"), &path("key"), &url(0), size)?;
        let program =
            Program { host: Host::Agents, line, environment: Vec::new(), log: path("log") };
        Ok(Self {
            company: CompanyId(company.id),
            apis,
            process: program.start_printing_to(&path("json"))?,
            result: path("json"),
            log: path("log"),
        })
    }

    /// Whether its fleet still changes or waits for agreement.
    pub(super) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Waits for its end, and gives what it has shown.
    ///
    /// # Errors
    ///
    /// When it ended without saying.
    pub(super) async fn shown(&mut self) -> anyhow::Result<Shown> {
        let status = self.process.wait().await?;
        // Read whatever its exit code was: a fleet that found a difference ends with a failure, and
        // says which.
        let text = std::fs::read_to_string(&self.result)?;
        let ended = || format!("the fleet ended with {status}; see {}", self.log.display());
        serde_json::from_str(text.lines().last().unwrap_or_default()).with_context(ended)
    }
}

/// Tells all agents of all companies to send a heartbeat as often as they may.
///
/// # Errors
///
/// When the database refuses it.
pub(super) fn heartbeats() -> String {
    format!(
        "UPDATE companies SET settings_revision = settings_revision + 1, \
         heartbeat_every_s = {HEARTBEAT_S}"
    )
}

/// The collector's command line, on the first node.
pub(super) struct Command<'a> {
    /// Of the run.
    pub(super) folder: &'a Path,
    /// The program.
    pub(super) collector: &'a Path,
    /// How many nodes agents are told of.
    pub(super) nodes: u8,
}

impl Command<'_> {
    /// Runs a command; gives what it printed.
    ///
    /// # Errors
    ///
    /// When it ends with anything but 0.
    pub(super) async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let namespace = Host::Node(0).namespace().context("no namespace")?;
        let collector = self.collector.display().to_string();
        // The data directory that nodes begin with: what a command leaves there, the authority
        // first of all, every node has.
        let data = self.folder.join("template").display().to_string();
        let mut line: Vec<String> =
            ["netns", "exec", &namespace, "env"].map(str::to_owned).to_vec();
        line.extend(settings().into_iter().map(|(name, value)| format!("{name}={value}")));
        // What a token says, and with it every agent.
        line.push(format!("MUSTER_INGEST_ADDRESSES={}", addresses(self.nodes)));
        line.extend([collector, "--data-dir".to_owned(), data]);
        line.extend(arguments.iter().map(|&argument| argument.to_owned()));
        run("ip", &line).await
    }
}

/// The addresses of so many nodes, as the collector's setting wants them.
fn addresses(nodes: u8) -> String {
    let address = |node| format!("{}:{INGEST_PORT}", Host::Node(node).address());
    (0..nodes).map(address).collect::<Vec<_>>().join(",")
}

fn line(token: &Path, key: &Path, api: &str, size: Size) -> anyhow::Result<Vec<String>> {
    let own = std::env::current_exe().context("find this program")?;
    let Size { agents, apps, seconds } = size;
    let line = format!(
        "fleet --agents {agents} --apps {apps} --seconds {seconds} --change-every-s 1 --api {api} \
         --verify --settle-s {SETTLE_S} --json"
    );
    let mut line: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    // This very program: the fleets are of the version that judges them.
    line.insert(0, own.display().to_string());
    line.extend(["--token-file".to_owned(), token.display().to_string()]);
    line.extend(["--api-key-file".to_owned(), key.display().to_string()]);
    Ok(line)
}

#[derive(Deserialize)]
struct Created {
    id: Uuid,
}

impl Shown {
    /// Why what it has shown is not good; `None` when it is.
    pub(super) fn complaint(&self) -> Option<String> {
        let Some(compared) = &self.verify else {
            return Some("its hosts were not compared with the rows".to_owned());
        };
        // Before the differences: of hosts that could not be asked nobody knows whether they
        // differ.
        if let Some(error) = &compared.error {
            return Some(format!("its hosts could not be compared with the rows: {error}"));
        }
        if compared.differing > 0 {
            return Some(format!(
                "{} of {} hosts differ from the rows: {} records lost, {} unexpected, {} twice",
                compared.differing,
                compared.hosts,
                compared.lost,
                compared.unexpected,
                compared.twice
            ));
        }
        // Both: only agents that enrolled are compared, and the others would not be missed.
        if self.enrolled != self.agents || compared.hosts != self.agents {
            return Some(format!("{} of {} agents enrolled", self.enrolled, self.agents));
        }
        (self.reports_unanswered > 0)
            .then(|| format!("{} reports have no answer", self.reports_unanswered))
    }
}

#[cfg(test)]
mod tests;
