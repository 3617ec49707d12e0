//! The configuration as it is written, before anything is checked.

use std::path::PathBuf;

use protocol::software::Source;
use serde::Deserialize;

use super::reach::{ProxyText, Transport};
use super::{ConfigError, Proxy};
use crate::logging::Level;

/// One layer of the configuration: every key may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// See [`super::Config::state_dir`].
    pub state_dir: Option<PathBuf>,
    /// See [`super::Config::collectors`].
    pub collectors: Option<Vec<String>>,
    /// See [`super::Config::labels`], each as `name=value`.
    pub labels: Option<Vec<String>>,
    /// See [`super::Reach::transport`].
    pub transport: Option<Transport>,
    /// See [`super::Reach::proxies`].
    pub proxy: Option<ProxyText>,
    /// The file with the proxy's password.
    pub proxy_password_file: Option<PathBuf>,
    /// See [`super::ProxyRule::bypass`].
    pub no_proxy: Option<Vec<String>>,
    /// See [`super::Config::log_level`].
    pub log_level: Option<Level>,
    /// See [`super::Config::spool_bytes_max`].
    pub spool_bytes_max: Option<u64>,
    /// See [`super::Config::sources_off`].
    pub sources_off: Option<Vec<Source>>,
    /// See [`super::Config::source_timeout`], in seconds.
    pub source_timeout_s: Option<u32>,
    /// See [`super::Config::scan_root`].
    pub scan_root: Option<PathBuf>,
}

impl Raw {
    /// This layer with another one over it.
    #[must_use]
    pub fn overlaid_with(self, over: Self) -> Self {
        // A list takes the place of the one below and is not added to it: what one layer sets, the
        // next must be able to take back.
        Self {
            state_dir: over.state_dir.or(self.state_dir),
            collectors: over.collectors.or(self.collectors),
            labels: over.labels.or(self.labels),
            transport: over.transport.or(self.transport),
            // One wish: a password belongs to the proxy that it was set with.
            proxy_password_file: match &over.proxy {
                Some(_) => over.proxy_password_file,
                None => over.proxy_password_file.or(self.proxy_password_file),
            },
            proxy: over.proxy.or(self.proxy),
            no_proxy: over.no_proxy.or(self.no_proxy),
            log_level: over.log_level.or(self.log_level),
            spool_bytes_max: over.spool_bytes_max.or(self.spool_bytes_max),
            sources_off: over.sources_off.or(self.sources_off),
            source_timeout_s: over.source_timeout_s.or(self.source_timeout_s),
            scan_root: over.scan_root.or(self.scan_root),
        }
    }

    /// What the environment says to every program: `HTTPS_PROXY` and `NO_PROXY`, in capitals or not. A proxy that is
    /// none for this one, such as `socks5://…`, is passed over, with words for that: others of this host may well
    /// use it, and an agent finds its way without.
    pub(super) fn from_surroundings(
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> (Self, Option<String>) {
        let either =
            |one, other| [one, other].into_iter().find_map(|name| Some((name, environment(name)?)));
        let mut unusable = None;
        let proxy = either("HTTPS_PROXY", "https_proxy").and_then(|(name, text)| {
            match Proxy::parse(&text, None) {
                Ok(_) => Some(ProxyText(text)),
                // Without what was written, which may hold a password.
                Err(expected) => {
                    unusable = Some(format!(
                        "{name} in the environment is passed over: a proxy has to be {expected}; \
                         set `proxy` for another one, or `proxy = \"none\"`"
                    ));
                    None
                }
            }
        });
        let no_proxy = either("NO_PROXY", "no_proxy").map(|(_, text)| split(&text));
        (Self { proxy, no_proxy, ..Self::default() }, unusable)
    }

    /// The layer of the environment: `MUSTER_` and the key in capitals, lists with commas.
    pub(super) fn from_environment(
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let list = |name| environment(name).map(|text| split(&text));
        let sources_off = list("MUSTER_SOURCES_OFF")
            .map(|names| names.iter().map(|name| parse("MUSTER_SOURCES_OFF", name)).collect())
            .transpose()?;
        Ok(Self {
            state_dir: environment("MUSTER_STATE_DIR").map(PathBuf::from),
            collectors: list("MUSTER_COLLECTORS"),
            labels: list("MUSTER_LABELS"),
            transport: value("MUSTER_TRANSPORT", environment)?,
            proxy: environment("MUSTER_PROXY").map(ProxyText),
            proxy_password_file: environment("MUSTER_PROXY_PASSWORD_FILE").map(PathBuf::from),
            no_proxy: list("MUSTER_NO_PROXY"),
            log_level: value("MUSTER_LOG_LEVEL", environment)?,
            spool_bytes_max: value("MUSTER_SPOOL_BYTES_MAX", environment)?,
            sources_off,
            source_timeout_s: value("MUSTER_SOURCE_TIMEOUT_S", environment)?,
            scan_root: environment("MUSTER_SCAN_ROOT").map(PathBuf::from),
        })
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn value<T>(
    name: &'static str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<T>, ConfigError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    environment(name).map(|text| parse(name, &text)).transpose()
}

fn parse<T>(name: &'static str, text: &str) -> Result<T, ConfigError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| ConfigError::Environment {
        name,
        value: text.to_owned(),
        why: error.to_string(),
    })
}
