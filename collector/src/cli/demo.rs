//! `muster-collector demo`: a collector and a real agent on this machine, from nothing.
//!
//! It does what a newcomer would do by hand, with the same programs: makes a company, an API key and
//! an enrolment token, imports the bundled CVE data, starts `serve` and the agent as processes of
//! their own, and asks the API what is installed and what is vulnerable. A second run goes on with
//! the same data.

mod client;
mod prepare;
mod processes;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use self::client::Client;
use self::processes::{AgentProcess, CollectorProcess};
use super::output;
use super::serve::StopSignals;
use super::settings::Settings;
use crate::clock::Clock;

/// How long the collector may take to come up, and the agent to deliver its first inventory.
const PATIENCE: Duration = Duration::from_secs(300);

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// End once the first inventory is stored and matched, with one JSON object as the last line
    #[arg(long)]
    once: bool,
    /// The agent's program [default: muster-agent beside this one]
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
}

/// What the demo came to.
#[derive(Debug, Serialize)]
struct Summary {
    agents: u64,
    software: u64,
    installations: u64,
    findings: u64,
    critical: u64,
    kev: u64,
    /// From the agent's start to its first finding in the API; absent when nothing was found.
    seconds_to_first_finding: Option<f64>,
    console_url: String,
}

impl Demo {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let program = self.agent_program()?;
        let config = settings.config()?;
        // Before the runtime: it brings one of its own, and one inside of another panics.
        let prepared = prepare::prepare(settings)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let summary = runtime.block_on(async {
            let mut signals = StopSignals::listen()?;
            let data_dir = &config.node.data_dir;
            let mut collector = CollectorProcess::start(data_dir, PATIENCE).await?;
            let client = Client::new(collector.address(), &prepared.key);
            let outcome = async {
                let token = prepared.new_token(&client).await?;
                let mut agent = AgentProcess::start(&program, &data_dir.join("agent"), &token)?;
                let outcome = tokio::select! {
                    outcome = self.watch(&client, data_dir, &mut collector, &mut agent) => outcome,
                    // No error: whoever ends the demo has seen enough. Everything is stopped in
                    // order below.
                    () = signals.next() => Ok(None),
                };
                // The agent before the collector, so that its last words still find one.
                agent.stop().await;
                outcome
            };
            let outcome = outcome.await;
            collector.stop().await;
            outcome
        })?;
        // After everything else has had its say, so that it is the last line.
        if let Some(summary) = summary {
            output::json(&summary)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Waits for the first inventory; then gives what was found, or prints it and stays up.
    async fn watch(
        &self,
        client: &Client,
        data_dir: &Path,
        collector: &mut CollectorProcess,
        agent: &mut AgentProcess,
    ) -> anyhow::Result<Option<Summary>> {
        let url = collector.url();
        let clock = Clock::system();
        let watched = watch::first_inventory(client, agent.state_dir(), &clock);
        let ended = async {
            tokio::select! {
                () = collector.ended() => "the collector",
                () = agent.ended() => "the agent",
            }
        };
        let inventory = async {
            let first = tokio::time::timeout(PATIENCE, watched)
                .await
                .context("the first inventory did not arrive in five minutes")??;
            let summary = Summary::ask(client, url, first.seconds_to_first_finding).await?;
            if self.once {
                return Ok(Some(summary));
            }
            summary.explain(data_dir);
            // Until a signal comes or one of the two ends, which the selects around this wait for.
            std::future::pending().await
        };
        tokio::select! {
            outcome = inventory => outcome,
            who = ended => anyhow::bail!("{who} ended; its last lines above say why"),
        }
    }

    fn agent_program(&self) -> anyhow::Result<PathBuf> {
        let program = match &self.agent {
            Some(program) => program.clone(),
            None => std::env::current_exe()?.with_file_name("muster-agent"),
        };
        anyhow::ensure!(
            program.is_file(),
            "there is no agent at {}: build it (cargo build --release --package agent), or name it \
             with --agent",
            program.display()
        );
        Ok(program)
    }
}

impl Summary {
    async fn ask(client: &Client, url: String, first: Option<f64>) -> anyhow::Result<Self> {
        let summary = client.get("/api/v1/summary").await?;
        let count = |path: &str| {
            let number = summary.pointer(path).and_then(serde_json::Value::as_u64);
            number.with_context(|| format!("the API's summary has no number at {path}"))
        };
        Ok(Self {
            agents: count("/hosts")?,
            software: count("/software")?,
            installations: count("/installations")?,
            findings: count("/findings/open")?,
            critical: count("/findings/critical")?,
            kev: count("/findings/kev")?,
            seconds_to_first_finding: first,
            console_url: url,
        })
    }

    /// Prints it for people, with a command that works when it is pasted.
    fn explain(&self, data_dir: &Path) {
        let [key_file, password_file] =
            [prepare::KEY_FILE, prepare::PASSWORD_FILE].map(|name| data_dir.join(name));
        let (key_file, password_file) = (key_file.display(), password_file.display());
        let (url, operator) = (&self.console_url, prepare::OPERATOR);
        output::line(format_args!(
            "\nThis host has {} pieces of software; {} findings, {} of them critical, {} known to be \
             exploited.\n\n  console   {url}\n  sign in   {operator}, with what is in {password_file}\n  \
             API       {url}api/v1/\n  key       {key_file}\n\n\
             Try:\n  curl -H \"Authorization: Bearer $(cat '{key_file}')\" \
             '{url}api/v1/findings?sort=epss&limit=5'\n\nCtrl-C ends it; the next run goes on with \
             the same data.",
            self.installations, self.findings, self.critical, self.kev
        ));
    }
}
