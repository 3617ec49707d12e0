//! Commands of the system, run to their end.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::process::Command;
use tokio::time::timeout;

/// How long a command may take. Copying a database is the longest.
const WITHIN: Duration = Duration::from_secs(60);

/// Runs a command; gives what it printed.
///
/// # Errors
///
/// When it is not there, takes too long, or ends with anything but 0; with what it said then.
pub(super) async fn run<A: AsRef<str>>(program: &str, arguments: &[A]) -> anyhow::Result<String> {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let shown = || format!("{program} {}", arguments.join(" "));
    let mut command = Command::new(program);
    // The timeout drops the future, and the child with it: what takes too long must not go on
    // unseen.
    command.args(&arguments).kill_on_drop(true);
    let output = timeout(WITHIN, command.output()).await;
    let output = output
        .with_context(|| format!("{}: no end after {WITHIN:?}", shown()))?
        .with_context(shown)?;
    ensure!(
        output.status.success(),
        "{}: {}: {}",
        shown(),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests;
