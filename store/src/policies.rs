//! Policies: what a company wants to hold for its hosts, and for which of them it does, does not, or
//! nobody knows, each with the reason.
//!
//! A policy is computed when it is written and by a job, because many of them fail by the mere passing of
//! time (decision 37). Results change in one transaction with the events that tell of them.

mod evaluate;
mod events;
mod question;
mod read;
pub mod rule;
mod write;

use time::OffsetDateTime;
use uuid::Uuid;

pub use self::evaluate::{Evaluated, evaluate, evaluate_all};
pub use self::events::{PolicyEvent, events_after, purge_events};
pub use self::read::{
    HostResult, PolicyResult, PolicySummary, ResultExport, ResultFilter, export_results, get, list,
    of_host, results, summary,
};
use self::rule::PolicyRule;
pub use self::write::{ChangeError, NewPolicy, PolicyChange, change, create, delete};

/// Policies of a company.
pub const POLICIES_MAX: u32 = 200;

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its id.
    pub id: Uuid,
    /// Its name, which no other policy of the company has, whatever the letters' case.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What is to hold.
    pub rule: PolicyRule,
    /// For the hosts with this label; for all where there is none.
    pub label: Option<Uuid>,
    /// Whether it is computed.
    pub is_enabled: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub changed_at: OffsetDateTime,
    /// Grows with every change.
    pub revision: u64,
    /// When it was computed last.
    pub evaluated_at: Option<OffsetDateTime>,
    /// For how many hosts it holds, and does not.
    pub hosts: HostCounts,
}

/// Hosts by what a policy comes to for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostCounts {
    /// It holds.
    pub pass: u64,
    /// It does not.
    pub fail: u64,
    /// Nobody knows: the host has not reported yet, or a version cannot be compared.
    pub unknown: u64,
}

/// What a policy comes to for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyState {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// Nobody knows.
    Unknown,
}

impl PolicyState {
    const ALL: [Self; 3] = [Self::Pass, Self::Fail, Self::Unknown];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }

    /// The state of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

#[cfg(test)]
mod tests;
