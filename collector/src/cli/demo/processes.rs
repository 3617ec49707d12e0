//! The demo's processes: this program as `serve`, and the agent. Whatever happens, both are gone
//! when the demo is.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::app;

/// Where agents and people are listened for, when the ports are free.
const PREFERRED: [(&str, &str); 2] = [("--listen", "127.0.0.1:7070"), ("--http", "127.0.0.1:7080")];
/// How often a starting process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a process may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(90);

/// `muster-collector serve`.
#[derive(Debug)]
pub(super) struct CollectorProcess {
    child: Child,
    address: SocketAddr,
}

impl CollectorProcess {
    /// Starts it, and waits until the API listens.
    ///
    /// # Errors
    ///
    /// When it ends instead, or is not there in time.
    pub(super) async fn start(data_dir: &Path, patience: Duration) -> anyhow::Result<Self> {
        // This very program, whatever is installed beside it.
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--data-dir").arg(data_dir).arg("serve");
        for (flag, address) in PREFERRED {
            command.arg(flag).arg(free_or_any(flag, address));
        }
        command
            // The demo goes by the bundled data, wherever it runs.
            .env("MUSTER_FEEDS_SYNC", "false")
            .stdin(Stdio::null())
            // Its log comes on standard error, which stays the terminal's; standard output is the
            // demo's own.
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().context("start the collector")?;
        let listening = async {
            loop {
                if let Some(address) = app::running(data_dir).and_then(|run| run.http) {
                    return Ok(address);
                }
                if let Some(status) = child.try_wait()? {
                    bail!("the collector ended ({status}); its last lines above say why");
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let address = timeout(patience, listening).await.context("start the collector")??;
        Ok(Self { child, address })
    }

    /// Where its API listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same for a browser.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Resolves when it has ended.
    ///
    /// # Cancel safety
    ///
    /// Safe: waiting again finds the same end.
    pub(super) async fn ended(&mut self) {
        self.child.wait().await.ok();
    }

    /// Has it finish its work and end.
    pub(super) async fn stop(self) {
        stop(self.child).await;
    }
}

/// `muster-agent run`.
#[derive(Debug)]
pub(super) struct AgentProcess {
    child: Child,
    program: PathBuf,
    state_dir: PathBuf,
}

impl AgentProcess {
    /// Enrols the agent if it is not, and starts it.
    ///
    /// # Errors
    ///
    /// When it does not enrol or does not start.
    pub(super) fn start(program: &Path, state_dir: &Path, token: &str) -> anyhow::Result<Self> {
        let command = |name: &str| {
            let mut command = std::process::Command::new(program);
            command.arg(name).arg("--state-dir").arg(state_dir);
            command
        };
        let status = command("status").arg("--json").output().context("ask the agent")?;
        let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        // A second run goes on with the agent of the first; what cannot be read counts as not
        // enrolled.
        if status["enrolment"].is_null() {
            let mut enrol = command("enroll");
            // The token goes where no other user sees it.
            enrol.args(["--token-file", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
            let mut enrol = enrol.spawn().context("start the agent's enrolment")?;
            if let Some(mut stdin) = enrol.stdin.take() {
                stdin.write_all(token.as_bytes()).context("hand the agent its token")?;
            }
            let status = enrol.wait()?;
            anyhow::ensure!(status.success(), "the agent did not enrol ({status})");
        }
        let mut run = Command::from(command("run"));
        run.args(["--log-level", "warn"]).stdin(Stdio::null()).kill_on_drop(true);
        Ok(Self {
            child: run.spawn().context("start the agent")?,
            program: program.to_owned(),
            state_dir: state_dir.to_owned(),
        })
    }

    /// How to ask the agent for its status.
    pub(super) fn state_dir(&self) -> (PathBuf, PathBuf) {
        (self.program.clone(), self.state_dir.clone())
    }

    /// Resolves when it has ended.
    ///
    /// # Cancel safety
    ///
    /// Safe: waiting again finds the same end.
    pub(super) async fn ended(&mut self) {
        self.child.wait().await.ok();
    }

    /// Has it end.
    pub(super) async fn stop(self) {
        stop(self.child).await;
    }
}

async fn stop(mut child: Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // One that has ended meanwhile needs no signal.
        kill_process(pid, Signal::TERM).ok();
    }
    if timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
        child.kill().await.ok();
    }
}

/// The preferred address, or any port of this machine when it is taken.
fn free_or_any(flag: &str, preferred: &str) -> String {
    // Somebody may take it before the collector does; then the start fails and says so, and the
    // next run finds another.
    let is_free = std::net::TcpListener::bind(preferred).is_ok();
    // Agents come over both.
    let is_free = is_free && (flag != "--listen" || std::net::UdpSocket::bind(preferred).is_ok());
    if is_free { preferred.to_owned() } else { "127.0.0.1:0".to_owned() }
}
