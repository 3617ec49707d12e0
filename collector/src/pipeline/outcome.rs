//! How a report leaves the queue: with exactly one outcome, by type.
//!
//! A [`Ticket`] stands for a report that is being worked on. It is ended with an [`Outcome`], which
//! completes the entry and counts, or given back. One that is dropped without either is a bug of
//! ours: the entry stays in the queue, so nothing is lost, and a metric shows it.

use metrics::counter;
use protocol::reject::RejectReason;

use crate::metrics::{LABEL_OUTCOME, LABEL_REASON, PIPELINE_OUTCOMES, PIPELINE_UNENDED};
use crate::queue::{Queue, Slip};

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the rows.
    Stored,
    /// It was in the rows before.
    Duplicate,
    /// It cannot be stored, and nothing is wrong with it.
    Rejected(RejectReason),
    /// It can never be stored, and is kept for people.
    DeadLettered(DeadLetterReason),
}

impl Outcome {
    /// The name in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Rejected(_) => "rejected",
            Self::DeadLettered(_) => "dead_lettered",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Stored | Self::Duplicate => "",
            Self::Rejected(reason) => reason.as_str(),
            Self::DeadLettered(reason) => reason.as_str(),
        }
    }
}

/// Why a report can never be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DeadLetterReason {
    /// The queue's disk does not give back what was written to it.
    Damaged,
    /// Its bytes are no report, although they were one when they were acknowledged.
    Undecodable,
    /// It breaks a limit or a rule, although it broke none when it was acknowledged.
    Invalid,
    /// The database refuses its data.
    Refused,
    /// It failed as often as a report may.
    Exhausted,
    /// Storing it panics.
    Panicked,
}

impl DeadLetterReason {
    /// The name in metrics and in the table of dead letters.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Undecodable => "undecodable",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Exhausted => "exhausted",
            Self::Panicked => "panicked",
        }
    }
}

/// A report that is being worked on.
#[derive(Debug)]
#[must_use = "a report has to come to an outcome, or go back"]
pub(crate) struct Ticket {
    slip: Slip,
    queue: Queue,
    is_open: bool,
}

impl Ticket {
    /// A ticket for an entry that waits in the queue.
    pub(crate) const fn new(slip: Slip, queue: Queue) -> Self {
        Self {
            slip,
            queue,
            is_open: true,
        }
    }

    /// The entry.
    pub(crate) const fn slip(&self) -> &Slip {
        &self.slip
    }

    /// Ends the report: its entry is complete.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.is_open = false;
        counter!(
            PIPELINE_OUTCOMES,
            LABEL_OUTCOME => outcome.as_str(), LABEL_REASON => outcome.reason()
        )
        .increment(1);
        self.queue.complete(&self.slip);
    }

    /// Gives the report back to be taken again.
    pub(crate) fn give_back(mut self) -> Slip {
        self.is_open = false;
        self.slip
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.is_open {
            counter!(PIPELINE_UNENDED).increment(1);
            tracing::warn!(
                sequence = self.slip.sequence,
                "a report was dropped without an outcome; it stays in the queue until a restart"
            );
        }
    }
}
