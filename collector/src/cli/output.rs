//! What commands print: the one file of the collector that writes to standard output and error.

use serde::Serialize;

use crate::causes::Causes;

/// Prints a line.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub(super) fn line(text: impl std::fmt::Display) {
    println!("{text}");
}

/// Prints a JSON document, a line.
///
/// # Errors
///
/// When a value cannot be JSON, which is a fault of ours.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value)?);
    Ok(())
}

/// Prints what went wrong, with its causes.
#[expect(clippy::print_stderr, reason = "a command's answer")]
pub(super) fn error(error: &anyhow::Error) {
    eprintln!("muster-collector: {}", Causes(error));
}
