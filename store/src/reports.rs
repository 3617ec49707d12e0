//! Reports into rows: several reports of one company in one transaction, applied by position.
//!
//! A report that was applied before changes nothing, so a queue may deliver it as often as it
//! likes. Rows that stay as they are are not written. The work is cut in four: `line` decides by
//! position what is to be applied, `inventory` computes the changes, `read` and `write` are the
//! statements, a handful a transaction however many records there are.
//!
//! Two transactions never wait for each other in a circle: one locks agents in the order of their keys,
//! and writes nothing that another agent's could wait for; new software is written before it, in
//! the order of its keys, in a transaction that locks no agent.

mod ahead;
mod apply;
mod digest;
mod inventory;
mod line;
mod mend;
mod read;
mod write;

use enrichment::evaluation::Evaluation;
use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::ids::{AgentId, Position};
use protocol::report::Report;
use protocol::software::SoftwareRecord;
use time::OffsetDateTime;

pub use self::ahead::{BroughtAhead, bring_ahead};
pub use self::apply::apply;
pub(crate) use self::digest::{Claim, settle_digests};
pub use self::mend::{Mended, Share, mend};

/// A validated report on its way into the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingReport {
    /// Whose, by its certificate.
    pub agent: AgentId,
    /// The report.
    pub report: Report,
    /// What [`Report::validate`] gave for it: the keys of its records in their order.
    pub keys: Vec<SoftwareKey>,
    /// When the collector took it.
    pub received_at: OffsetDateTime,
}

/// Judges software that a company had not had before; called before the transaction that writes it, once
/// for each such software.
pub type Evaluate<'a> = dyn Fn(&SoftwareRecord, &Platform, SoftwareKey) -> Evaluation + Sync + 'a;

/// What became of one report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in the rows.
    Stored(Stored),
    /// It was in the rows before.
    Duplicate,
    /// Reports before it are missing; nothing of it is in the rows.
    Gap {
        /// The last report of its agent that is.
        applied: Position,
    },
    /// The company has no such agent.
    AgentUnknown,
}

/// What a report that was stored came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Installations that it brought.
    pub opened: u32,
    /// Installations that it ended.
    pub closed: u32,
    /// Installations whose time or places it changed.
    pub changed: u32,
    /// Records that were in the rows as they are.
    pub unchanged: u32,
    /// Whether the rows come to the digest that it gave; `None` when it gave none.
    pub digest_agrees: Option<bool>,
}

/// What a transaction came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppliedBatch {
    /// What became of each report, in the order that they were given.
    pub reports: Vec<Applied>,
    /// Software that the company had not had before.
    pub software: u32,
    /// Findings of that software.
    pub findings: u32,
    /// Agents that were asked for a snapshot because their digest differs.
    pub asked: Vec<AgentId>,
}

/// What decides before the statements, for rows that are not PostgreSQL's.
#[cfg(any(test, feature = "test-support"))]
pub(crate) mod simulated {
    pub(crate) use super::inventory::{OpenRow, OpenRows, fold, touched};
    pub(crate) use super::line::{Line, Run, sort};
}

#[cfg(test)]
mod tests;
