//! A report: at most a hundred changes of one host's inventory, and where they belong.

mod validate;

use serde::{Deserialize, Serialize};

use crate::fingerprint::{InventoryDigest, SoftwareKey};
use crate::host::{HostFacts, Platform};
use crate::ids::Position;
use crate::limits;
use crate::software::{SoftwareRecord, SourceStatus};

/// What an agent sends and a collector acknowledges.
///
/// Once a position was sent, its content never changes: a report is built once, kept in the
/// agent's spool, and sent again byte for byte until it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its place in the agent's line.
    pub position: Position,
    /// When the agent made it, in milliseconds since 1970 by the host's clock.
    pub made_at_ms: u64,
    /// The platform that the records' keys are computed with.
    pub platform: Platform,
    /// Facts about the host, when they changed and with every snapshot's first part.
    pub facts: Option<Box<HostFacts>>,
    /// Statuses of the sources, when they changed and with every snapshot's first part.
    pub sources: Vec<SourceStatus>,
    /// The changes.
    pub body: ReportBody,
    /// The digest of the inventory once this report is applied; `None` inside a snapshot, where
    /// only the last part completes an inventory.
    pub digest: Option<InventoryDigest>,
}

/// The changes of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportBody {
    /// In a range of keys, the host has exactly these records.
    ///
    /// The parts of a snapshot follow each other in key order and without gaps: the first begins at
    /// zero and the last has no end. Each part can be applied alone, so nothing has to be kept
    /// between two parts.
    Snapshot {
        /// The range's first key, inclusive.
        from: SoftwareKey,
        /// The range's end, exclusive; `None` in the last part.
        to: Option<SoftwareKey>,
        /// The records within the range, in key order.
        records: Vec<SoftwareRecord>,
    },
    /// What changed since the report before.
    Delta {
        /// New records, and records whose time or places changed.
        upserts: Vec<SoftwareRecord>,
        /// Records that are gone.
        removes: Vec<SoftwareKey>,
    },
}

impl ReportBody {
    /// Records and removes, which together may not be more than
    /// [`limits::REPORT_RECORDS_MAX`].
    #[must_use]
    pub const fn record_count(&self) -> usize {
        match self {
            Self::Snapshot { records, .. } => records.len(),
            Self::Delta { upserts, removes } => upserts.len() + removes.len(),
        }
    }

    /// The lane that it takes.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Snapshot { .. } => Lane::Snapshot,
            Self::Delta { .. } => Lane::Delta,
        }
    }
}

/// Which of the queue's lanes a report takes: changes overtake snapshots of other agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// Changes.
    Delta,
    /// Parts of a snapshot.
    Snapshot,
}

impl Lane {
    /// The name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::Snapshot => "snapshot",
        }
    }
}

/// Why a report cannot ever be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReport {
    /// Too many records.
    #[error("{0} records in one report, at most {max} are allowed", max = limits::REPORT_RECORDS_MAX)]
    TooManyRecords(usize),
    /// A text is longer than it may be.
    #[error("record {record}: {field} has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// The record's number in the report, from 0.
        record: usize,
        /// The field.
        field: &'static str,
        /// What it has.
        bytes: usize,
        /// What it may have.
        max: usize,
    },
    /// A text holds a control character.
    #[error("record {record}: {field} holds a control character")]
    ControlCharacter {
        /// The record's number in the report, from 0.
        record: usize,
        /// The field.
        field: &'static str,
    },
    /// A record without a name.
    #[error("record {record}: the name is empty")]
    EmptyName {
        /// The record's number in the report, from 0.
        record: usize,
    },
    /// A list is longer than it may be.
    #[error("{what}: {count} entries, at most {max} are allowed")]
    TooMany {
        /// Which list.
        what: &'static str,
        /// What it has.
        count: usize,
        /// What it may have.
        max: usize,
    },
    /// A snapshot whose records are not in its range, not in key order, or twice.
    #[error("record {record}: its key is outside the snapshot's range or out of order")]
    OutOfRange {
        /// The record's number in the report, from 0.
        record: usize,
    },
    /// A delta that names one key twice, so that its result would depend on an order.
    #[error("record {record}: its key stands twice in the report")]
    RepeatedKey {
        /// The second one's number in the report, from 0, removes after upserts.
        record: usize,
    },
    /// A snapshot part whose range ends before it begins.
    #[error("the snapshot's range is empty")]
    EmptyRange,
    /// The first report of an epoch is not the first part of a snapshot.
    #[error("an epoch has to begin with a snapshot from the first key")]
    EpochWithoutSnapshot,
    /// A position that no report can have.
    #[error("a report's epoch and seq count from 1")]
    ZeroPosition,
    /// A host fact or another text of the report itself holds a control character.
    #[error("{field} holds a control character")]
    FactControlCharacter {
        /// Which text.
        field: &'static str,
    },
    /// A host fact or another text of the report itself breaks a limit.
    #[error("{field} has {bytes} bytes, at most {max} are allowed")]
    FactTooLong {
        /// Which text.
        field: &'static str,
        /// What it has.
        bytes: usize,
        /// What it may have.
        max: usize,
    },
}
