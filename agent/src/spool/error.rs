//! What can be wrong with the spool, by what can be done about it.

use std::io;
use std::path::PathBuf;

/// What can be wrong with the spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process has it.
    #[error("the spool {0} is in use: another muster-agent runs with this state directory")]
    InUse(PathBuf),
    /// It cannot be read or written. What was committed before is safe.
    #[error("the spool {path} cannot be used: {source}; make room on its disk or check its rights")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is damaged. The next use sets it aside and begins a new one.
    #[error("the spool {path} is damaged: {why}; a new one takes its place")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A snapshot alone is larger than the spool may be.
    #[error(
        "the inventory takes {bytes} bytes and the spool may have {max}: raise spool_bytes_max"
    )]
    TooSmall {
        /// Bytes of the snapshot's reports.
        bytes: u64,
        /// The bound.
        max: u64,
    },
}
