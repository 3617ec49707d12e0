//! Where traces go, and of how many reports and requests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use super::super::{ConfigError, Secret, in_range};
use super::RawTelemetry;

/// Headers that a file may have.
const HEADERS_MAX: usize = 16;

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracesConfig {
    /// The address that takes OTLP over HTTP.
    pub endpoint: String,
    /// Of a million reports, and of a million requests, so many are traced whatever becomes of them.
    pub per_million: u32,
    /// Whatever takes longer is traced as well.
    pub slow_after: Duration,
    /// Headers that are sent along, such as a key.
    pub headers: Vec<(String, Secret)>,
    /// Certificates that are believed beside the public ones.
    pub ca_file: Option<PathBuf>,
}

impl TracesConfig {
    /// What the settings come to; `None` where traces go nowhere.
    pub(super) fn new(raw: &RawTelemetry) -> Result<Option<Self>, ConfigError> {
        let per_million =
            in_range("telemetry.traces_per_million", raw.traces_per_million, 0..=1_000_000)?;
        let slow_after_ms =
            in_range("telemetry.traces_slow_after_ms", raw.traces_slow_after_ms, 1..=3_600_000)?;
        let Some(endpoint) = &raw.traces_endpoint else {
            return Ok(None);
        };
        let headers = raw.traces_headers_file.as_deref().map(headers).transpose()?;
        Ok(Some(Self {
            endpoint: address(endpoint)?,
            per_million,
            slow_after: Duration::from_millis(slow_after_ms),
            headers: headers.unwrap_or_default(),
            ca_file: raw.traces_ca_file.clone(),
        }))
    }
}

/// An address of HTTP that has no secret in it: it stands in logs.
fn address(text: &str) -> Result<String, ConfigError> {
    const SETTING: &str = "telemetry.traces_endpoint";
    let url: Url = text.parse().map_err(|error| {
        ConfigError::value(
            SETTING,
            format!("it is no address ({error}); such as http://127.0.0.1:4318/v1/traces"),
        )
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ConfigError::value(SETTING, "it has to begin with http:// or https://"));
    }
    let has_secrets = !url.username().is_empty() || url.password().is_some();
    if has_secrets || url.query().is_some() {
        return Err(ConfigError::value(
            SETTING,
            "it is written to the log: put names, passwords and keys into a header, by \
             telemetry.traces_headers_file",
        ));
    }
    Ok(url.into())
}

/// Headers, one a line: `Name: value`.
fn headers(path: &Path) -> Result<Vec<(String, Secret)>, ConfigError> {
    const SETTING: &str = "telemetry.traces_headers_file";
    let text = Secret::from_file(SETTING, path)?;
    // Never with the line itself: it holds the secret.
    let wrong = |number: usize, what: &str| {
        ConfigError::value(SETTING, format!("{}, line {number}: {what}", path.display()))
    };
    let mut headers = Vec::new();
    for (number, line) in (1..).zip(text.expose().lines()) {
        let Some((name, value)) = line.split_once(':') else {
            return Err(wrong(number, "it is no `Name: value`"));
        };
        let (name, value) = (name.trim(), value.trim());
        if name.parse::<HeaderName>().is_err() || HeaderValue::from_str(value).is_err() {
            return Err(wrong(number, "the name or the value may not stand in a header"));
        }
        if headers.len() == HEADERS_MAX {
            return Err(wrong(number, "there may be 16 headers at most"));
        }
        headers.push((name.to_owned(), Secret::new(value)));
    }
    Ok(headers)
}
