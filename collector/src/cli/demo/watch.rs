//! Waiting for the first inventory: until what the agent says it has is what the API shows.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::sleep;

use super::client::Client;
use crate::clock::Clock;

/// How often both sides are asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// An inventory that is stored and matched.
#[derive(Debug)]
pub(super) struct FirstInventory {
    /// From the beginning of the watch to the first finding in the API.
    pub(super) seconds_to_first_finding: Option<f64>,
}

/// Resolves when everything that the agent has is in the API.
///
/// # Errors
///
/// When the agent or the API cannot be asked.
pub(super) async fn first_inventory(
    client: &Client,
    (program, state_dir): (PathBuf, PathBuf),
    clock: &Clock,
) -> anyhow::Result<FirstInventory> {
    let began = clock.instant();
    let mut seconds_to_first_finding = None;
    loop {
        let output = Command::new(&program)
            .args(["status", "--json", "--state-dir"])
            .arg(&state_dir)
            .output()
            .await
            .context("ask the agent for its status")?;
        // An agent that is starting says nothing yet.
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        // After the agent's status, not before: what the agent calls delivered is then certainly
        // asked for later.
        let summary = client.get("/api/v1/summary").await?;
        let found = summary.pointer("/findings/open").and_then(Value::as_u64).unwrap_or(0);
        if found > 0 && seconds_to_first_finding.is_none() {
            seconds_to_first_finding = Some((clock.instant() - began).as_secs_f64());
        }
        if is_delivered(&status) && is_shown(client, &status).await? {
            return Ok(FirstInventory { seconds_to_first_finding });
        }
        sleep(ASK_EVERY).await;
    }
}

/// Whether the agent has scanned, and everything that it found is acknowledged.
fn is_delivered(status: &Value) -> bool {
    status["last_scan"].is_object()
        && status["is_scanning"] == false
        && status.pointer("/spool/waiting_reports") == Some(&Value::from(0))
}

/// Whether the API's host stands where the agent stands.
async fn is_shown(client: &Client, status: &Value) -> anyhow::Result<bool> {
    let Some(agent) = status.pointer("/enrolment/agent").and_then(Value::as_str) else {
        return Ok(false);
    };
    let host = client.get(&format!("/api/v1/hosts/{agent}")).await?;
    Ok(
        // Both: the position says what was applied, the number that nothing is missing of it.
        host.pointer("/delivery/applied") == status.pointer("/spool/acknowledged")
            && host.pointer("/delivery/records") == status.pointer("/spool/records"),
    )
}
