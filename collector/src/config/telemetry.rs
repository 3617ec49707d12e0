//! `[telemetry]`: what the process says about itself.

mod traces;

use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::filter::{LevelFilter, Targets};

pub use self::traces::TracesConfig;

use super::ConfigError;
use super::section::section;

section! {
    /// What the process says about itself, on standard error.
    "telemetry" RawTelemetry {
        /// `text` for people, `json` for machines.
        format: String = "text";
        /// Which lines are written: `error`, `warn`, `info`, `debug` or `trace`, also by module, as in
        /// `info,collector::ingest=debug`.
        level: String = "info,tokio_cron_scheduler=warn,sqlx=warn";
        /// Where `/metrics`, `/healthz` and `/readyz` are answered beside the API, and on nodes without it. Nobody
        /// is asked for a key there: keep strangers out.
        watch_listen: Option<SocketAddr> => "127.0.0.1:9464";
        /// Where traces of reports and requests are sent (OTLP over HTTP); without it nowhere. Who is away slows
        /// nothing.
        traces_endpoint: Option<String> => "http://127.0.0.1:4318/v1/traces";
        /// Of a million reports, and of a million requests, so many are traced whatever becomes of them.
        traces_per_million: u32 = 10_000;
        /// Reports and requests that take longer are traced as well, and those that fail: 20 a second at most.
        traces_slow_after_ms: u64 = 5_000;
        /// A file of headers that are sent along, `Name: value` a line, such as a key.
        traces_headers_file: Option<PathBuf> => "/etc/muster/traces-headers";
        /// A file of certificates (PEM) that are believed beside the public authorities'.
        traces_ca_file: Option<PathBuf> => "/etc/muster/traces-ca.pem";
    }
}

/// What the process says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// How lines look.
    pub format: LogFormat,
    /// Which lines are written, as directives of
    /// `tracing_subscriber::filter::Targets`.
    pub level: String,
    /// Where those who watch are answered, beside the API.
    pub watch_listen: Option<SocketAddr>,
    /// Where traces go, if anywhere.
    pub traces: Option<TracesConfig>,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl TryFrom<RawTelemetry> for TelemetryConfig {
    type Error = ConfigError;

    fn try_from(raw: RawTelemetry) -> Result<Self, ConfigError> {
        let format = match raw.format.as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            other => {
                return Err(ConfigError::value(
                    "telemetry.format",
                    format!("{other:?} is neither text nor json"),
                ));
            }
        };
        if let Err(error) = raw.level.parse::<Targets>() {
            return Err(ConfigError::value("telemetry.level", error.to_string()));
        }
        if let Some(part) = raw.level.split(',').find(|part| !is_directive(part)) {
            return Err(ConfigError::value(
                "telemetry.level",
                format!("{part:?} is neither a level nor module=level"),
            ));
        }
        let traces = TracesConfig::new(&raw)?;
        Ok(Self { format, level: raw.level, watch_listen: raw.watch_listen, traces })
    }
}

/// Whether a part of the directives is what its writer meant. The parser takes any other word, such
/// as a misspelt level, for the name of a module, and everything else falls silent.
fn is_directive(part: &str) -> bool {
    let is_spaced = part.contains(char::is_whitespace);
    !is_spaced && (part.contains('=') || part.parse::<LevelFilter>().is_ok())
}
