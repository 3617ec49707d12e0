//! Imports: documents (SBOMs) on their way into the rows, and the assets without an agent that they are of.
//!
//! An asset is a host of another kind: a row of `agents` without a certificate, whose line has an epoch for
//! each document. So a document is applied like a snapshot, by position: twice is once, and an earlier one
//! never comes after a later one (decision 38). What is judged and written is the job's; here is what it is
//! about and how far it has got.

mod create;
mod end;
mod read;
mod work;

use protocol::ids::AgentId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::create::{CreateError, NewImport, create};
pub use self::end::{CancelError, cancel, give_up_lost, purge};
pub(crate) use self::end::{cancel_within, let_go};
pub(crate) use self::read::waiting_of;
pub use self::read::{ImportFilter, get, list};
pub use self::work::{Outcome, Payload, Work, begin, finish, progress, stumble};

/// The kind of job that applies a document.
pub const JOB: &str = "import";
/// Documents of a company that wait or are being applied: each lies in the database meanwhile.
pub const WAITING_MAX: u32 = 20;

/// How an import stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImportState {
    /// It waits for a node, or for its next attempt.
    Queued,
    /// A node works at it.
    Running,
    /// The asset has what the document lists.
    Done,
    /// It was given up; the asset has what it had before.
    Failed,
    /// Somebody cancelled it, or a later document of the asset came; the asset has what it had before.
    Cancelled,
}

impl ImportState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }

    /// Whether nothing happens to it any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// An import.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Its id.
    pub id: Uuid,
    /// The asset.
    pub host: AgentId,
    /// What the asset is called.
    pub name: String,
    /// What the document is written as.
    pub format: String,
    /// Of which version of that.
    pub version: String,
    /// SHA-256 of the document.
    pub sha256: Vec<u8>,
    /// Its bytes.
    pub bytes: u64,
    /// How it stands.
    pub state: ImportState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it came.
    pub created_at: OffsetDateTime,
    /// Who brought it, in a word that stays the same: `user:<uuid>`, `api_key:<uuid>`, `local`, `system`. What earlier
    /// releases wrote is a name.
    pub created_by: String,
    /// What they are called now; of the company's own alone.
    pub created_by_name: Option<String>,
    /// When it was first tried.
    pub started_at: Option<OffsetDateTime>,
    /// When it was over.
    pub ended_at: Option<OffsetDateTime>,
    /// How far it has got, and what came of it.
    pub counts: Counts,
    /// What is wrong with the document, as the caller wrote it.
    pub warnings: Value,
    /// What happened.
    pub log: Vec<LogLine>,
    /// Why it failed or was cancelled, or why its last attempt did not work.
    pub error: Option<String>,
    /// Grows with every change.
    pub revision: u64,
}

/// An import in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Components that the document has.
    pub components: u64,
    /// Pieces of software that they come to.
    pub software: u64,
    /// Of those, how many were judged.
    pub judged: u64,
    /// Software that the asset had not before.
    pub opened: u64,
    /// Software that it has no more.
    pub closed: u64,
    /// Software that it has as before.
    pub unchanged: u64,
    /// Findings of software that was new to the company.
    pub findings: u64,
}

/// A line of an import's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What.
    pub text: String,
}

/// A line as a column of a statement appends it.
fn line(at: OffsetDateTime, text: impl Into<String>) -> Value {
    // An instant of this type always has such a text up to the year 9999.
    serde_json::to_value([LogLine { at, text: text.into() }])
        .unwrap_or_else(|_| Value::Array(Vec::new()))
}

#[cfg(test)]
mod tests;
