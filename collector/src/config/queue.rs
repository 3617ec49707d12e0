//! `[queue]`: the durable queue on this node's disk.

use std::path::PathBuf;

use protocol::limits::FRAME_WIRE_BYTES_MAX;

use super::section::section;
use super::{ConfigError, NodeConfig, in_range};

section! {
    /// The durable queue between acknowledgement and database, on this node's disk.
    "queue" RawQueue {
        /// Bytes that it may hold. When it is full, agents are asked to wait.
        bytes_max: u64 = 4_294_967_296;
        /// Reports that it may hold, some 50 bytes of memory each. Small ones, as most changes are, reach this bound
        /// before the other.
        entries_max: u64 = 4_000_000;
        /// Bytes of one of its files. A file is deleted once all in it is stored.
        segment_bytes: u64 = 33_554_432;
        /// Free bytes that it leaves on its disk.
        disk_free_bytes_min: u64 = 268_435_456;
    }
}

/// The durable queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// Where its files are.
    pub dir: PathBuf,
    /// Bytes that it may hold.
    pub bytes_max: u64,
    /// Reports that it may hold.
    pub entries_max: u64,
    /// Bytes of one of its files.
    pub segment_bytes: u64,
    /// Free bytes that it leaves on its disk.
    pub disk_free_bytes_min: u64,
}

impl QueueConfig {
    pub(super) fn new(raw: &RawQueue, node: &NodeConfig) -> Result<Self, ConfigError> {
        let frame = FRAME_WIRE_BYTES_MAX as u64;
        let segment_bytes =
            in_range("queue.segment_bytes", raw.segment_bytes, 4 * frame..=1_073_741_824)?;
        Ok(Self {
            dir: node.data_dir.join("queue"),
            bytes_max: in_range("queue.bytes_max", raw.bytes_max, 2 * segment_bytes..=u64::MAX)?,
            entries_max: in_range("queue.entries_max", raw.entries_max, 1_000..=100_000_000)?,
            segment_bytes,
            disk_free_bytes_min: raw.disk_free_bytes_min,
        })
    }
}
