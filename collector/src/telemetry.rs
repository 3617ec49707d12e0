//! The log: one line an event, to standard error, for people or for machines.

use std::fmt;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{LogFormat, TelemetryConfig};

/// The process' log.
#[derive(Debug)]
pub struct Log {
    set: Set,
}

impl Log {
    /// Has lines written by other directives from now on, which the configuration has checked.
    pub fn set_level(&self, level: &str) {
        (self.set.0)(filter(level));
    }
}

/// What puts other directives into a log, whatever the format of its lines is.
struct Set(Box<dyn Fn(Targets) + Send + Sync>);

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Set")
    }
}

/// Installs the process' log.
///
/// # Errors
///
/// When one is installed already.
pub fn install(config: &TelemetryConfig) -> Result<Log, TryInitError> {
    let (filter, handle) = reload::Layer::new(filter(&config.level));
    // Standard output belongs to the commands' answers, which other programs read.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).try_init()?;
    let set = move |filter| {
        // Only a subscriber that is gone takes none, and this one lives as long as the process.
        handle.reload(filter).ok();
    };
    Ok(Log { set: Set(Box::new(set)) })
}

fn filter(level: &str) -> Targets {
    // The directives were checked with the configuration.
    level.parse().unwrap_or_default()
}
