//! A report's layout: its frame of facts, and its records by columns.
//!
//! It is a mirror of [`Report`] that borrows from the message. The order of the fields is the
//! wire's; `docs/PROTOCOL.md` says what was measured to choose it.

use serde::{Deserialize, Serialize};

use super::records::{WireRecords, WireStrings};
use super::{DecodeError, SLACK, bounded};
use crate::fingerprint::{InventoryDigest, SoftwareKey};
use crate::host::{HostFacts, Platform};
use crate::ids::Position;
use crate::limits;
use crate::report::{Report, ReportBody};
use crate::software::SourceStatus;

/// A report on the wire.
#[derive(Serialize, Deserialize)]
pub(super) struct WireReport<'a> {
    position: Position,
    made_at_ms: u64,
    platform: Platform,
    facts: Option<Box<HostFacts>>,
    #[serde(deserialize_with = "bounded::list::<_, _, { limits::REPORT_SOURCES_MAX * SLACK }>")]
    sources: Vec<SourceStatus>,
    digest: Option<InventoryDigest>,
    body: WireBody,
    #[serde(borrow)]
    strings: WireStrings<'a>,
    #[serde(borrow)]
    records: WireRecords<'a>,
}

/// A report's body without its records.
#[derive(Serialize, Deserialize)]
enum WireBody {
    Snapshot {
        from: SoftwareKey,
        to: Option<SoftwareKey>,
    },
    Delta {
        #[serde(
            deserialize_with = "bounded::list::<_, _, { limits::REPORT_RECORDS_MAX * SLACK }>"
        )]
        removes: Vec<SoftwareKey>,
    },
}

impl<'a> From<&'a Report> for WireReport<'a> {
    fn from(report: &'a Report) -> Self {
        let (strings, records) = WireRecords::new(report.body.records());
        Self {
            position: report.position,
            made_at_ms: report.made_at_ms,
            platform: report.platform.clone(),
            facts: report.facts.clone(),
            sources: report.sources.clone(),
            digest: report.digest,
            body: match &report.body {
                ReportBody::Snapshot { from, to, .. } => {
                    WireBody::Snapshot { from: *from, to: *to }
                }
                ReportBody::Delta { removes, .. } => WireBody::Delta { removes: removes.clone() },
            },
            strings,
            records,
        }
    }
}

impl TryFrom<WireReport<'_>> for Report {
    type Error = DecodeError;

    fn try_from(wire: WireReport<'_>) -> Result<Self, DecodeError> {
        // Only the layout is checked here. Ranges, lengths and control characters are for
        // `Report::validate`, which names the record and the field; a decoder could only say
        // "undecodable", and that costs the agent its session instead of one report.
        let records = wire.records.into_records(&wire.strings)?;
        Ok(Self {
            position: wire.position,
            made_at_ms: wire.made_at_ms,
            platform: wire.platform,
            facts: wire.facts,
            sources: wire.sources,
            body: match wire.body {
                WireBody::Snapshot { from, to } => ReportBody::Snapshot { from, to, records },
                WireBody::Delta { removes } => ReportBody::Delta { upserts: records, removes },
            },
            digest: wire.digest,
        })
    }
}
