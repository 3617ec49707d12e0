//! Exceptions: what a company has decided not to be told of, why, for which hosts and until when.
//!
//! An exception for all hosts stands with the findings that it leaves out; one for some hosts leaves
//! a finding out of what is said of those hosts (decision 36). Nothing is ever deleted for one: it ends,
//! and what it left out is open again. What is decided here is what is previewed: both ask the same
//! question ([`matching`]).

mod create;
mod decide;
pub mod documents;
mod matching;
mod preview;
mod read;
mod replace;
mod settle;

use protocol::ids::AgentId;
use protocol::software::Source;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::create::{CreateError, NewException, create};
pub use self::decide::{DecideError, Decision, approval, decide, set_approval, withdraw};
pub use self::preview::{Impact, ImpactItem, preview};
pub use self::read::{ExceptionExport, ExceptionFilter, export, get, list};
pub use self::replace::{ReplaceError, replace};
pub use self::settle::{Settled, expire, settle};
pub(crate) use self::settle::{Suppressed, suppress_new};

/// Exceptions of a company that are asked for or in force.
pub const EXCEPTIONS_MAX: u32 = 5_000;

/// What an exception is about: everything that is said has to hold of a finding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// This CVE.
    pub cve: Option<String>,
    /// Software of this name, whatever the letters' case.
    pub product: Option<String>,
    /// Read from this source.
    pub source: Option<Source>,
    /// Of exactly this version.
    pub version: Option<String>,
    /// Software with this package URL; of any version where it names none. Qualifiers do not count.
    pub purl: Option<String>,
    /// CVEs with a CVSS score below this. What nobody scored is not below.
    pub score_below: Option<f32>,
}

impl About {
    /// Whether it is about anything in particular: a version or a source alone is not.
    #[must_use]
    pub const fn is_particular(&self) -> bool {
        self.cve.is_some()
            || self.product.is_some()
            || self.purl.is_some()
            || self.score_below.is_some()
    }
}

/// For which hosts an exception is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// All of the company's.
    #[default]
    All,
    /// Those with this label, whenever they get it.
    Label(Uuid),
    /// This one.
    One(AgentId),
}

/// What is said of software and a CVE: the statuses of `OpenVEX` 0.2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VexStatus {
    /// It does not have it, or nobody can use it.
    NotAffected,
    /// It has it; where the exception suppresses, that is an accepted risk.
    Affected,
    /// It had it.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
}

impl VexStatus {
    const ALL: [Self; 4] =
        [Self::NotAffected, Self::Affected, Self::Fixed, Self::UnderInvestigation];

    /// The name in `OpenVEX`, the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        }
    }

    /// The status of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// Why software is not affected: the justifications of `OpenVEX` 0.2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Justification {
    /// The component is not in it.
    ComponentNotPresent,
    /// The component is, its vulnerable code is not.
    VulnerableCodeNotPresent,
    /// The vulnerable code is never run.
    VulnerableCodeNotInExecutePath,
    /// Nobody from outside reaches it.
    VulnerableCodeCannotBeControlledByAdversary,
    /// Something built in keeps it from being used.
    InlineMitigationsAlreadyExist,
}

impl Justification {
    const ALL: [Self; 5] = [
        Self::ComponentNotPresent,
        Self::VulnerableCodeNotPresent,
        Self::VulnerableCodeNotInExecutePath,
        Self::VulnerableCodeCannotBeControlledByAdversary,
        Self::InlineMitigationsAlreadyExist,
    ];

    /// The name in `OpenVEX`, the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ComponentNotPresent => "component_not_present",
            Self::VulnerableCodeNotPresent => "vulnerable_code_not_present",
            Self::VulnerableCodeNotInExecutePath => "vulnerable_code_not_in_execute_path",
            Self::VulnerableCodeCannotBeControlledByAdversary => {
                "vulnerable_code_cannot_be_controlled_by_adversary"
            }
            Self::InlineMitigationsAlreadyExist => "inline_mitigations_already_exist",
        }
    }

    /// The justification of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// What is said, and whether findings are left out for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The status.
    pub status: VexStatus,
    /// Why it is not affected.
    pub justification: Option<Justification>,
    /// More of it, for people.
    pub note: String,
    /// What is done about it, for people.
    pub action: String,
    /// Whether findings are left out; if not, it is a remark.
    pub suppresses: bool,
}

/// Where an exception stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExceptionState {
    /// Somebody asked for it, and another person has to agree.
    Requested,
    /// It is in force.
    Active,
    /// Another person did not agree.
    Rejected,
    /// Somebody took it back.
    Withdrawn,
    /// Its time is over.
    Expired,
}

impl ExceptionState {
    const ALL: [Self; 5] =
        [Self::Requested, Self::Active, Self::Rejected, Self::Withdrawn, Self::Expired];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }

    /// The state of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// An exception.
#[derive(Clone, Debug, PartialEq)]
pub struct Exception {
    /// Its id.
    pub id: Uuid,
    /// The name that it goes by, which no other one of the company has that is asked for or in force,
    /// whatever the letters' case.
    pub name: Option<String>,
    /// What it is about.
    pub about: About,
    /// For which hosts it is.
    pub hosts: Hosts,
    /// What is said.
    pub claim: Claim,
    /// Where it stands.
    pub state: ExceptionState,
    /// When it was made or asked for.
    pub created_at: OffsetDateTime,
    /// By whom, in a word that stays the same.
    pub created_by: String,
    /// What they are called now; `None` for who is none of the company's.
    pub created_by_name: Option<String>,
    /// When somebody agreed or did not.
    pub decided_at: Option<OffsetDateTime>,
    /// Who, in a word that stays the same.
    pub decided_by: Option<String>,
    /// What they are called now; `None` for who is none of the company's.
    pub decided_by_name: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// When it ended.
    pub ended_at: Option<OffsetDateTime>,
    /// Grows with every change.
    pub revision: u64,
    /// The document that it came in with.
    pub document: Option<Uuid>,
    /// Its statement in that document, whole.
    pub statement: Option<Value>,
    /// Findings that it leaves out now: the company's, or those of its hosts.
    pub findings: u64,
}

#[cfg(test)]
mod tests;
