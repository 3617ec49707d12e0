//! How the spool's file is laid out: its tables, and what their values are.
//!
//! Values are postcard. Whenever one of them changes its layout, [`FORMAT`] grows, and an older file
//! is set aside like a damaged one: it holds nothing that a scan and a snapshot do not bring back.

use protocol::fingerprint::InventoryDigest;
use protocol::frame::{Frame, Packing};
use protocol::ids::Position;
use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use super::Entry;

/// The layout's number.
pub(super) const FORMAT: u32 = 2;

/// Single values by their names.
pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
/// Reports that wait for an answer, by [`place`].
pub(super) const WAITING: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("waiting");
/// The inventory that was reported last: records by their software keys.
pub(super) const REPORTED: TableDefinition<'static, u128, &[u8]> = TableDefinition::new("reported");

/// The names in [`META`].
pub(super) mod name {
    pub(in super::super) const FORMAT: &str = "format";
    pub(in super::super) const LINE: &str = "line";
    pub(in super::super) const TOLD: &str = "told";
    pub(in super::super) const SETTINGS: &str = "settings";
}

/// Where the agent stands in its line of reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// The last position given to a report.
    pub(super) last: Position,
    /// The last report that a collector acknowledged.
    pub(super) acknowledged: Position,
    /// The digest as of that report.
    pub(super) acknowledged_digest: Option<InventoryDigest>,
    /// The first and the last report that wait.
    pub(super) pending: Option<(Position, Position)>,
    /// Bytes of what waits.
    pub(super) pending_bytes: u64,
    /// The digest of the inventory that was reported last.
    pub(super) digest: InventoryDigest,
    /// Whether the next scan begins an epoch.
    pub(super) is_snapshot_due: bool,
    /// The last scan that was asked for and done.
    pub(super) scan_done: u64,
}

impl Default for Line {
    /// Nothing was ever reported, so the first scan is a snapshot.
    fn default() -> Self {
        Self {
            last: Position::default(),
            acknowledged: Position::default(),
            acknowledged_digest: None,
            pending: None,
            pending_bytes: 0,
            digest: InventoryDigest::default(),
            is_snapshot_due: true,
            scan_done: 0,
        }
    }
}

/// A position as a key that sorts as positions do.
pub(super) fn place(position: Position) -> u64 {
    // Big enough for both, and redb sorts integers as numbers: so a range up to a place is
    // everything that one acknowledgement covers.
    u64::from(position.epoch.0) << 32 | u64::from(position.seq.0)
}

/// What a report counts against the spool's bound.
pub(super) fn bytes(frame: &Frame) -> u64 {
    /// Key, packing, digest, and the file's own share.
    const OVERHEAD_BYTES: usize = 64;
    u64::try_from(frame.payload.len() + OVERHEAD_BYTES).unwrap_or(u64::MAX)
}

/// A report that waits: its packing and digest, then its payload as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) digest: Option<InventoryDigest>,
    pub(super) frame: Frame,
}

impl Waiting {
    pub(super) fn encode(entry: &Entry) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = postcard::to_stdvec(&(entry.frame.packing.to_byte(), entry.digest))?;
        // Behind the head and not in it: the payload is copied once and needs no length of its own.
        bytes.extend_from_slice(&entry.frame.payload);
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        let ((packing, digest), payload) =
            postcard::take_from_bytes::<(u8, Option<InventoryDigest>)>(bytes)?;
        let packing = Packing::from_byte(packing).ok_or(postcard::Error::SerdeDeCustom)?;
        Ok(Self { digest, frame: Frame { packing, payload: payload.to_vec() } })
    }
}
