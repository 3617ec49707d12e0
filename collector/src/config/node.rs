//! `[node]`: this process, wherever it runs.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::section::section;
use super::{ConfigError, in_range};

section! {
    /// This process.
    "node" RawNode {
        /// Where everything lives that must outlast a restart: the certificate authority, the
        /// queue, the private PostgreSQL, the match index and its cache.
        data_dir: PathBuf = "/var/lib/muster";
        /// Where the certificate authority's `ca.key` and `ca.crt` are, if not in the data directory's `ca`:
        /// all nodes of one database share them, for example as a mounted secret.
        authority_dir: Option<PathBuf> => "/run/secrets/muster-authority";
        /// What this process does: `ingest` takes reports and works through its own queue, `api`
        /// answers over HTTP, `jobs` does what the clock asks for.
        roles: Vec<String> = ["ingest", "api", "jobs"];
        /// How long a stop waits for work at hand before it drops it, in seconds. Nothing that was
        /// acknowledged is lost either way.
        stop_timeout_s: u32 = 30;
    }
}

/// This process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// The directory of everything that must outlast a restart; absolute.
    pub data_dir: PathBuf,
    /// Where the authority is, if not in the data directory; absolute.
    pub authority_dir: Option<PathBuf>,
    /// What the process does.
    pub roles: Roles,
    /// How long a soft stop may take.
    pub stop_timeout: Duration,
}

impl TryFrom<RawNode> for NodeConfig {
    type Error = ConfigError;

    fn try_from(raw: RawNode) -> Result<Self, ConfigError> {
        if raw.data_dir.as_os_str().is_empty() {
            return Err(ConfigError::value("node.data_dir", "the path is empty"));
        }
        // Absolute from here on: the private PostgreSQL runs in a directory of its own, where a
        // relative path would mean another place.
        let data_dir = std::path::absolute(&raw.data_dir)
            .map_err(|error| ConfigError::value("node.data_dir", error.to_string()))?;
        let authority_dir = raw
            .authority_dir
            .map(std::path::absolute)
            .transpose()
            .map_err(|error| ConfigError::value("node.authority_dir", error.to_string()))?;
        let stop_timeout_s = in_range("node.stop_timeout_s", raw.stop_timeout_s, 1..=3_600)?;
        Ok(Self {
            data_dir,
            authority_dir,
            roles: Roles::from_names(&raw.roles)?,
            stop_timeout: Duration::from_secs(stop_timeout_s.into()),
        })
    }
}

/// One thing that a collector does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes reports, and works through the queue beside it.
    Ingest,
    /// Answers over HTTP.
    Api,
    /// Does what the clock asks for.
    Jobs,
}

impl Role {
    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Api => "api",
            Self::Jobs => "jobs",
        }
    }
}

impl FromStr for Role {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "ingest" => Ok(Self::Ingest),
            "api" => Ok(Self::Api),
            "jobs" => Ok(Self::Jobs),
            other => Err(ConfigError::value(
                "node.roles",
                format!("{other:?} is no role: ingest, api and jobs are"),
            )),
        }
    }
}

/// The set of things that a collector does; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    ingest: bool,
    api: bool,
    jobs: bool,
}

impl Roles {
    fn from_names(names: &[String]) -> Result<Self, ConfigError> {
        let mut roles = Self { ingest: false, api: false, jobs: false };
        for name in names {
            match name.parse()? {
                // Naming one twice does no harm.
                Role::Ingest => roles.ingest = true,
                Role::Api => roles.api = true,
                Role::Jobs => roles.jobs = true,
            }
        }
        if names.is_empty() {
            return Err(ConfigError::value("node.roles", "name at least one role"));
        }
        Ok(roles)
    }

    /// Whether a role is among them.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        match role {
            Role::Ingest => self.ingest,
            Role::Api => self.api,
            Role::Jobs => self.jobs,
        }
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = [Role::Ingest, Role::Api, Role::Jobs]
            .into_iter()
            .filter(|role| self.has(*role))
            .map(Role::as_str)
            .collect();
        f.write_str(&names.join(","))
    }
}
