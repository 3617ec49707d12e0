//! Reports for people and their tools: what was asked for, how far it is, and the file that came of it.
//!
//! What an agent sends is a report of another kind and stands in [`crate::reports`]. A file is kept in
//! parts of one size and for a bounded time; nothing here knows what stands in one.

mod content;
mod read;
mod write;

use protocol::ids::CompanyId;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub use self::content::{Finished, Making, Put, begin, fail, finish, part, put_part};
pub(crate) use self::read::SpecRow;
pub use self::read::{get, list};
pub use self::write::{CreateError, NewReport, create, delete, give_up_lost, purge};
pub(crate) use self::write::{cancel_within, insert, keep_newest};
use crate::cves::Severity;

/// The kind of job that makes reports.
pub const JOB: &str = "make_reports";
/// Reports of a company at a time that somebody asked for. Those of schedules are bounded by how many schedules there may
/// be, and how many reports each keeps.
pub const FILES_MAX: u32 = 200;
/// Bytes of one part, but for the last.
pub const PART_BYTES: usize = 256 * 1024;
/// Bytes of one file.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of a company's files.
pub const BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// How long a report is kept.
pub const KEPT: Duration = Duration::days(30);

/// What the job is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// One report of a company; where there is none, whatever schedules say.
    #[serde(default)]
    pub report: Option<(CompanyId, Uuid)>,
}

/// Declares a set of words that rows and the API have.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $what:literal])+ $one:ident $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[doc = $what])+ $one,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$one),+];

            /// The name in the API and the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$one => $word,)+
                }
            }

            /// The one of a name, if it is one.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

words! {
    /// What a report tells.
    ReportKind {
        /// Every finding that some host has.
        Findings "findings",
        /// How the company stands, and what is worst.
        Summary "summary",
    }
}

words! {
    /// What a report is written as.
    ReportFormat {
        /// A page for people and printers.
        Html "html",
        /// A JSON document of our own.
        Json "json",
        /// Comma-separated values.
        Csv "csv",
        /// SARIF 2.1.0.
        Sarif "sarif",
        /// `CycloneDX` 1.6 with vulnerabilities.
        CycloneDx "cyclonedx",
    }
}

words! {
    /// How far a report is.
    ReportState {
        /// It is being made, or waits for that.
        Waiting "waiting",
        /// It can be had.
        Done "done",
        /// It could not be made.
        Failed "failed",
        /// Somebody cancelled it.
        Cancelled "cancelled",
    }
}

/// What a report is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What it tells.
    pub kind: ReportKind,
    /// What it is written as.
    pub format: ReportFormat,
    /// Only CVEs that are at least as severe.
    pub severity_min: Option<Severity>,
    /// Only those that are known to be exploited, or that are not.
    pub kev: Option<bool>,
    /// Only what hosts with this label have.
    pub label: Option<Uuid>,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    /// Its id.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// What it is to be.
    pub spec: Spec,
    /// The schedule that asked for it.
    pub schedule: Option<Uuid>,
    /// How far it is.
    pub state: ReportState,
    /// When it was asked for.
    pub created_at: OffsetDateTime,
    /// Who asked for it, in a word that stays the same: `user:<uuid>`, `api_key:<uuid>`, `local`, `system`. What earlier
    /// releases wrote is a name.
    pub created_by: String,
    /// What they are called now; of the company's own alone.
    pub created_by_name: Option<String>,
    /// When it was done, or given up.
    pub finished_at: Option<OffsetDateTime>,
    /// When it is forgotten.
    pub expires_at: OffsetDateTime,
    /// How long the file is.
    pub bytes: u64,
    /// How many records it has: findings, or CVEs.
    pub records: u64,
    /// Why it was given up.
    pub error: Option<String>,
}

#[cfg(test)]
mod tests;
