//! Hosts as people ask for them: lists, one host, what is installed on it.
//!
//! A host is an agent with its facts, or an asset whose software documents list; nothing here writes but what
//! erases one.

mod changes;
mod counted;
mod erase;
mod excepted;
mod export;
mod filter;
mod get;
mod held;
mod list;
mod numbers;
mod software;
mod sort;
mod then;
mod timeline;
mod unsaid;

use protocol::host::Platform;
use protocol::ids::AgentId;
use time::OffsetDateTime;

pub use self::changes::{ChangeFilter, HostChange, HostChangeKind, changes};
pub use self::erase::{Erased, erase};
pub use self::export::{HostExport, export};
pub use self::filter::HostFilter;
pub(crate) use self::filter::{EXCEPTED, EXCEPTED_BY_LABEL, push_host_filter};
pub use self::get::{Connection, HostDetail, get};
pub use self::held::{HeldRow, HostData, export_data};
pub use self::list::{how_many, list};
pub(crate) use self::numbers::{NumbersFrom, push_numbers};
pub use self::software::{
    HostSoftware, HostSoftwareExport, HostSoftwareFilter, export_software, software,
};
pub use self::sort::HostSort;
pub use self::timeline::{MOMENT_CHANGES_MAX, Moment, MomentChange, MomentKind, timeline};
use crate::software::FindingCounts;

/// What a host is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostKind {
    /// A machine with an agent.
    Agent,
    /// An asset without one, whose software documents list.
    Sbom,
}

impl HostKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Agent, Self::Sbom];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Sbom => "sbom",
        }
    }

    /// The kind of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its agent.
    pub id: AgentId,
    /// What it is to us.
    pub kind: HostKind,
    /// Its name.
    pub hostname: String,
    /// Its operating system.
    pub platform: Platform,
    /// Its operating system's name for people, or empty.
    pub os_name: String,
    /// The agent's version.
    pub agent_version: String,
    /// When it became an agent.
    pub enrolled_at: OffsetDateTime,
    /// When it last said anything.
    pub last_seen_at: Option<OffsetDateTime>,
    /// From when on it is missed, by how often it was told to show itself.
    pub overdue_at: Option<OffsetDateTime>,
    /// Since when it is refused.
    pub revoked_at: Option<OffsetDateTime>,
    /// Pieces of software that it has.
    pub software: u64,
    /// Findings of that software.
    pub findings: FindingCounts,
}

#[cfg(test)]
mod tests;
