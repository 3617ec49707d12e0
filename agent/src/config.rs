//! What the person who installs the agent can set: defaults, then the file, then the environment,
//! then the command line.
//!
//! The only file of the agent that reads the environment. What a collector may set is not here but
//! in [`protocol::message::Settings`]. Unknown keys are refused, so a typing error is not a silent
//! default.

mod proxy;
mod raw;
mod reach;
#[cfg(test)]
mod tests;
mod winhttp;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::label::Label;
use protocol::limits::{HOST_LABEL_CHARS_MAX, HOST_LABELS_MAX, TOKEN_ADDRESSES_MAX};
use protocol::software::Source;
use protocol::token::is_address;

pub use self::proxy::{Proxy, ProxyRule};
pub use self::raw::Raw;
pub use self::reach::{Reach, Transport};
pub use self::winhttp::WinHttp;
use crate::collect::ScanOptions;
use crate::logging::Level;

/// Where the file is when nothing else is said.
#[cfg(target_os = "windows")]
pub const FILE: &str = r"C:\ProgramData\Muster\agent.toml";
/// Where the file is when nothing else is said.
#[cfg(not(target_os = "windows"))]
pub const FILE: &str = "/etc/muster/agent.toml";

/// Where the agent keeps its state when nothing else is said.
#[cfg(target_os = "windows")]
const STATE_DIR: &str = r"C:\ProgramData\Muster\state";
/// Where the agent keeps its state when nothing else is said.
#[cfg(target_os = "macos")]
const STATE_DIR: &str = "/Library/Application Support/Muster";
/// Where the agent keeps its state when nothing else is said.
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const STATE_DIR: &str = "/var/lib/muster-agent";

/// The spool's file in the state folder.
pub(crate) const SPOOL_FILE: &str = "spool.redb";

/// The file as it ships: every key with its meaning, all at their defaults.
pub const TEMPLATE: &str = include_str!("../agent.toml");

/// Bytes that the spool may have.
const SPOOL_BYTES: std::ops::RangeInclusive<u64> = 256 * 1024..=1024 * 1024 * 1024;
/// Seconds that one source may take.
const SOURCE_TIMEOUT_S: std::ops::RangeInclusive<u32> = 1..=600;
/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read {path}: {source}; check the path and its rights")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no configuration.
    #[error("{path}: {why}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what, by TOML's reader.
        why: String,
    },
    /// A variable of the environment has no value of its kind.
    #[error("{name}={value:?} in the environment: {why}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        why: String,
    },
    /// A value is outside of what makes sense.
    #[error("{key} is {value}; it has to be {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: String,
    },
}

/// The configuration, valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where identity, spool and lock are.
    pub state_dir: PathBuf,
    /// Where the collectors are, instead of those that the enrolment gave; empty for those.
    pub collectors: Vec<String>,
    /// What the host is labelled with when it enrols.
    pub labels: Vec<Label>,
    /// How collectors may be reached.
    pub reach: Reach,
    /// How much is logged.
    pub log_level: Level,
    /// Bytes of reports that may wait for a collector.
    pub spool_bytes_max: u64,
    /// Sources that are never read, whatever a collector sets.
    pub sources_off: Vec<Source>,
    /// How long one source may take.
    pub source_timeout: Duration,
    /// The tree that is inventoried.
    pub scan_root: PathBuf,
    /// What was passed over and somebody may wonder about, a sentence each, for the log.
    pub warnings: Vec<String>,
}

impl Config {
    /// The configuration of file, environment and command line.
    ///
    /// `file` is the path that was asked for; without one, the usual file is read if it is there.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or when a value is not valid.
    pub fn load(
        file: Option<&Path>,
        environment: &dyn Fn(&str) -> Option<String>,
        flags: Raw,
    ) -> Result<Self, ConfigError> {
        let named =
            file.map(Path::to_owned).or_else(|| environment("MUSTER_CONFIG").map(PathBuf::from));
        let from_file = match named {
            // A file that somebody named and that is not there is a mistake; the usual one may be
            // missing.
            Some(path) => read(&path)?.ok_or_else(|| ConfigError::Read {
                path,
                source: io::Error::from(io::ErrorKind::NotFound),
            })?,
            None => read(Path::new(FILE))?.unwrap_or_default(),
        };
        let own = from_file.overlaid_with(Raw::from_environment(environment)?).overlaid_with(flags);
        // What is meant for every program of this host is the weakest wish for this one, and what is meant for every
        // service comes before that.
        let (surroundings, unusable) = Raw::from_surroundings(environment);
        let (is_told, no_proxy) = (own.proxy.is_some(), own.no_proxy.clone());
        let mut config = Self::try_from(surroundings.overlaid_with(own))?;
        if !is_told {
            let told = winhttp::of_this_host();
            let told = told.map(|services| services.overlay(&mut config.reach, no_proxy));
            config.warnings = unusable.into_iter().chain(told.unwrap_or_else(Some)).collect();
        }
        Ok(config)
    }

    /// What to scan, with what a collector has switched off besides.
    #[must_use]
    pub fn scan_options(&self, sources_off: &[Source]) -> ScanOptions {
        let mut off = self.sources_off.clone();
        off.extend_from_slice(sources_off);
        off.sort_unstable();
        off.dedup();
        ScanOptions {
            root: self.scan_root.clone(),
            sources_off: off,
            time_box: self.source_timeout,
            ..ScanOptions::default()
        }
    }

    /// Where the collectors are: as it was configured here, or else as the enrolment said.
    #[must_use]
    pub fn collectors_or<'a>(&'a self, enrolled: &'a [String]) -> &'a [String] {
        if self.collectors.is_empty() { enrolled } else { &self.collectors }
    }

    /// The spool's file.
    #[must_use]
    pub fn spool_path(&self) -> PathBuf {
        self.state_dir.join(SPOOL_FILE)
    }

    /// The file that says which source is being read.
    #[must_use]
    pub fn marker_path(&self) -> PathBuf {
        self.state_dir.join("scanning")
    }

    /// The running agent's socket.
    #[must_use]
    pub fn control_path(&self) -> PathBuf {
        self.state_dir.join("control.sock")
    }
}

impl TryFrom<Raw> for Config {
    type Error = ConfigError;

    fn try_from(raw: Raw) -> Result<Self, ConfigError> {
        let reach = reach::reach(&raw)?;
        let state_dir = raw.state_dir.unwrap_or_else(|| PathBuf::from(STATE_DIR));
        let scan_root = raw.scan_root.unwrap_or_else(|| PathBuf::from("/"));
        for (key, path) in [("state_dir", &state_dir), ("scan_root", &scan_root)] {
            // A relative one would be below `/` for the service, and below somebody's home for
            // whoever types `check`: two agents' states, and neither is found again.
            // On Windows `/` is below the drive of the process, and is the whole host for a scan.
            if !path.has_root() {
                return Err(ConfigError::Value {
                    key,
                    value: path.display().to_string(),
                    expected: "an absolute path".to_owned(),
                });
            }
        }
        let collectors = raw.collectors.unwrap_or_default();
        check_collectors(&collectors)?;
        let labels = labels(&raw.labels.unwrap_or_default())?;
        let spool_bytes_max = raw.spool_bytes_max.unwrap_or(16 * 1024 * 1024);
        let source_timeout_s = raw.source_timeout_s.unwrap_or(20);
        check_range("spool_bytes_max", spool_bytes_max, &SPOOL_BYTES)?;
        check_range("source_timeout_s", source_timeout_s, &SOURCE_TIMEOUT_S)?;
        Ok(Self {
            state_dir,
            collectors,
            labels,
            reach,
            log_level: raw.log_level.unwrap_or_default(),
            spool_bytes_max,
            sources_off: raw.sources_off.unwrap_or_default(),
            source_timeout: Duration::from_secs(source_timeout_s.into()),
            scan_root,
            warnings: Vec::new(),
        })
    }
}

fn read(path: &Path) -> Result<Option<Raw>, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let Some(bytes) = crate::private_file::read(path, FILE_BYTES_MAX).map_err(failed)? else {
        return Ok(None);
    };
    let parse = |why: String| ConfigError::Parse { path: path.to_owned(), why };
    let text = String::from_utf8(bytes).map_err(|error| parse(error.to_string()))?;
    let raw: Raw =
        toml::from_str(&text).map_err(|error| parse(error.to_string().trim_end().to_owned()))?;
    let holds_password = raw.proxy.as_ref().is_some_and(|text| text.holds_password());
    if holds_password && crate::private_file::is_open_beyond_service(path).map_err(failed)? {
        return Err(parse(
            "`proxy` holds a password and others can read this file: put the password into a file of \
             its own and name that with `proxy_password_file`"
                .to_owned(),
        ));
    }
    Ok(Some(raw))
}

fn labels(texts: &[String]) -> Result<Vec<Label>, ConfigError> {
    let wrong =
        |value: String, expected: String| ConfigError::Value { key: "labels", value, expected };
    if texts.len() > HOST_LABELS_MAX {
        let expected = format!("at most {HOST_LABELS_MAX}");
        return Err(wrong(format!("{} labels", texts.len()), expected));
    }
    let mut labels: Vec<Label> = Vec::with_capacity(texts.len());
    for text in texts {
        let label: Label = text.parse().map_err(|_| {
            let expected = format!(
                "NAME=VALUE, each of at most {HOST_LABEL_CHARS_MAX} characters, none a control character"
            );
            wrong(format!("{text:?}"), expected)
        })?;
        // Of two values only one could be kept, and which one nobody would see.
        if labels.iter().any(|other| other.name == label.name) {
            let expected = "one value a name".to_owned();
            return Err(wrong(format!("{:?} twice", label.name), expected));
        }
        labels.push(label);
    }
    Ok(labels)
}

fn check_collectors(collectors: &[String]) -> Result<(), ConfigError> {
    let wrong = collectors.iter().find(|text| !is_address(text));
    let is_long = collectors.len() > TOKEN_ADDRESSES_MAX;
    if wrong.is_none() && !is_long {
        return Ok(());
    }
    Err(ConfigError::Value {
        key: "collectors",
        value: wrong
            .map_or_else(|| format!("{} addresses", collectors.len()), |text| format!("{text:?}")),
        expected: format!(
            "at most {TOKEN_ADDRESSES_MAX} addresses like \"collector.example:7070\", with brackets \
             around an IPv6 address"
        ),
    })
}

fn check_range<T: Copy + PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: T,
    range: &std::ops::RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Value {
        key,
        value: value.to_string(),
        expected: format!("{} to {}", range.start(), range.end()),
    })
}

/// A variable of this process's environment, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the environment")]
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
