//! `muster-collector trace-id`: under which trace a report is found.

use clap::Args;
use protocol::ids::{AgentId, Position};
use serde_json::json;
use uuid::Uuid;

use super::output;
use super::settings::Settings;
use crate::traces::context::TraceId;

/// Arguments of `trace-id`.
#[derive(Debug, Args)]
pub(super) struct OfReport {
    /// The agent, as the API and the log name its host
    agent: Uuid,
    /// The report's epoch: the first number of its position
    epoch: u32,
    /// The report's number in its epoch: the second one
    seq: u32,
}

impl OfReport {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let position = Position::new(self.epoch, self.seq);
        let trace = TraceId::of_report(AgentId(self.agent), position).to_string();
        if settings.json {
            return output::json(&json!({ "trace_id": trace }));
        }
        output::line(trace);
        Ok(())
    }
}
