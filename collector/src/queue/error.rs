//! Why the queue did not do what it was asked to.

use std::io;
use std::sync::Arc;

use super::segment;

/// Why an entry was not taken. The entry is not in the queue then, and the agent must send it again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// As much waits as may wait.
    #[error("the queue is full")]
    Full,
    /// The disk does not take it.
    #[error("the queue's disk does not take the entry: {0}")]
    // Shared, because one error is the answer of a whole group, and `io::Error` cannot be cloned.
    Storage(#[source] Arc<io::Error>),
    /// The collector is going down.
    #[error("the queue is closed")]
    Closed,
}

/// Why a queue does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("another process has the queue in {0} open: stop it first, or use another directory")]
    Locked(String),
    /// The limits contradict each other.
    #[error("queue limits: {0}")]
    Limits(&'static str),
    /// A newer release wrote it.
    #[error(
        "segment {segment} has format {format}, this release reads {known}: run the release that \
         wrote it until the queue is empty",
        known = segment::FORMAT
    )]
    Format {
        /// The segment's number.
        segment: u64,
        /// What its header says.
        format: u32,
    },
    /// The disk.
    #[error("{action}: {source}")]
    Disk {
        /// What was done.
        action: &'static str,
        /// What came of it.
        source: io::Error,
    },
}

/// Why an entry cannot be read. It stays in the queue until it is completed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The entry was completed before.
    #[error("entry {0} is not in the queue")]
    Unknown(u64),
    /// The disk gives other bytes than were written.
    #[error("entry {0} is damaged on disk")]
    Damaged(u64),
    /// The disk gives nothing.
    #[error("reading entry {sequence}: {source}")]
    Disk {
        /// The entry.
        sequence: u64,
        /// What came of it.
        source: io::Error,
    },
}
