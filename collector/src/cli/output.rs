//! What commands print: the one file of the collector that writes to standard output and error.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use serde::Serialize;

use crate::causes::Causes;

/// Whether a line could not be written, and somebody wanted it.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Prints a line.
pub(super) fn line(text: impl std::fmt::Display) {
    // Not `println!`, which panics: the command would end at once, and leave behind what it is about
    // to stop, such as a private PostgreSQL.
    match writeln!(io::stdout(), "{text}") {
        // Whoever reads has had enough, as in `| head -1`.
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            // Once: what fails for a full disk fails for every line.
            if !IS_LOST.swap(true, Ordering::Relaxed) {
                error(&anyhow::Error::from(why).context("write the answer"));
            }
        }
        Ok(()) | Err(_) => {}
    }
}

/// Whether some line could not be written. A command has not done its work then: an answer such as
/// a new key is given only once.
pub(super) fn is_lost() -> bool {
    IS_LOST.load(Ordering::Relaxed)
}

/// Prints a JSON document, a line.
///
/// # Errors
///
/// When a value cannot be JSON, which is a fault of ours.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value).context("write the answer as JSON")?);
    Ok(())
}

/// Prints what went wrong, with its causes.
pub(super) fn error(error: &anyhow::Error) {
    // Nobody is left to tell when standard error is closed.
    writeln!(io::stderr(), "muster-collector: {}", Causes(error)).ok();
}
