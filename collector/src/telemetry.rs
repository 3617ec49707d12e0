//! The log: one line an event, to standard error, for people or for machines.

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{LogFormat, TelemetryConfig};

/// Installs the process' log.
///
/// # Errors
///
/// When one is installed already.
pub fn install(config: &TelemetryConfig) -> Result<(), TryInitError> {
    // The directives were checked with the configuration.
    let filter: Targets = config.level.parse().unwrap_or_default();
    // Standard output belongs to the commands' answers, which other programs read.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).try_init()
}
