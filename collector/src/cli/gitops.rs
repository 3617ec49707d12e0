//! `muster-collector apply` and `export`: a company's settings as files, which somebody keeps and reviews.
//!
//! Both are clients of the public API and of nothing else: what they may do is what their key may. Files say what
//! is to be, objects are found again by their names (decision 48), and a second `apply` of the same files changes
//! nothing. No secret is ever written: files name where it is read from.

mod client;
mod connection;
mod document;
mod kind;
mod plan;
mod present;
mod reference;
mod spec;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use self::client::Client;
use self::connection::Connection;
use self::document::Object;
use self::plan::{Action, Plan};
use super::output;
use super::settings::Settings;

/// The exit code of a dry run that found differences: neither done, nor failed, nor wrong use.
const DIFFERENCES: u8 = 3;

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    #[command(flatten)]
    connection: Connection,
    /// A file of what is to be, or a folder of them (*.yaml, *.yml); - for standard input
    #[arg(short, long = "file", required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print what would be done and do nothing; 3 when there is something to do
    #[arg(long)]
    dry_run: bool,
    /// Delete what the files do not name, of the kinds that they have
    #[arg(long)]
    prune: bool,
}

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    connection: Connection,
    /// Write the addresses of Slack's and Teams' webhooks too, which are secrets, in place of where they come from
    #[arg(long)]
    webhook_urls: bool,
}

impl Apply {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<ExitCode> {
        // All of the files before the first request: what is wrong in one changes nothing.
        let objects = document::read(&self.files)?;
        let client = self.connection.open()?;
        runtime()?.block_on(self.work(settings, &client, objects))
    }

    async fn work(
        &self,
        settings: &Settings,
        client: &Client,
        objects: Vec<Object>,
    ) -> anyhow::Result<ExitCode> {
        let present = present::read(client, plan::kinds(&objects)).await?;
        let plan = Plan::new(client, objects, present, self.prune).await?;
        if settings.json {
            let steps: Vec<_> = plan.steps().map(Shown::of).collect();
            output::json(&serde_json::json!({
                "dry_run": self.dry_run, "changes": plan.changes(), "steps": steps,
            }))?;
        } else {
            for step in plan.steps() {
                output::line(step);
            }
            let (changes, all) = (plan.changes(), plan.steps().count());
            let what = if self.dry_run { "to do" } else { "changes" };
            output::line(format_args!("{changes} {what}, {} unchanged", all - changes));
        }
        if self.dry_run {
            let is_same = plan.changes() == 0;
            return Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENCES) });
        }
        write::all(client, plan).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A step as JSON has it.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    action: Action,
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    /// What is another way now. Values are left out: some are secrets.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: &'a [String],
}

impl<'a> Shown<'a> {
    fn of(step: &'a plan::Step) -> Self {
        let (kind, name) = (step.kind.as_str(), step.name.as_str());
        Self { action: step.action, kind, name, fields: &step.fields }
    }
}

impl Export {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let client = self.connection.open()?;
        let documents = runtime()?.block_on(self.documents(&client))?;
        if settings.json {
            return output::json(&documents);
        }
        for document in &documents {
            output::line(format_args!("---\n{}", document::to_yaml(document)?.trim_end()));
        }
        Ok(())
    }

    async fn documents(&self, client: &Client) -> anyhow::Result<Vec<Value>> {
        let present = present::read(client, kind::Kind::ALL.into_iter().collect()).await?;
        let objects = present.objects.into_iter();
        Ok(objects.map(|object| document::of(object, self.webhook_urls)).collect())
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
