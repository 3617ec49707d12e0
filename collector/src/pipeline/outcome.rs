//! How a report leaves the queue: with exactly one outcome, by type.
//!
//! A [`Ticket`] stands for a report that is being worked on. It is ended with an [`Outcome`], which
//! completes the entry and counts, or given back. One that is dropped without either is a bug of
//! ours: the entry stays in the queue, so nothing is lost, and a metric shows it.

use metrics::{Counter, counter};
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
    /// Its company is erased, so nothing of it is kept.
    CompanyGone,
}

impl Outcome {
    /// The name in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Rejected(_) => "rejected",
            Self::DeadLettered(_) => "dead_lettered",
            Self::CompanyGone => "dropped",
        }
    }

    /// Its counter, with both labels always: to Prometheus an empty label is none, so one series
    /// with it and one without are the same series twice, and a scrape keeps the wrong one.
    fn counter(self) -> Counter {
        counter!(
            PIPELINE_OUTCOMES,
            LABEL_OUTCOME => self.as_str(), LABEL_REASON => self.reason()
        )
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Stored | Self::Duplicate => "",
            Self::Rejected(reason) => reason.as_str(),
            Self::DeadLettered(reason) => reason.as_str(),
            Self::CompanyGone => "company_gone",
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
    const ALL: [Self; 6] = [
        Self::Damaged,
        Self::Undecodable,
        Self::Invalid,
        Self::Refused,
        Self::Exhausted,
        Self::Panicked,
    ];

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

/// Makes the counters of all outcomes, so that a rate of the first event is seen.
pub(crate) fn start_at_zero() {
    // Those that the pipeline itself gives; ingest counts the others.
    let rejected = [RejectReason::AgentUnknown, RejectReason::Gap, RejectReason::Internal];
    let outcomes = [Outcome::Stored, Outcome::Duplicate, Outcome::CompanyGone]
        .into_iter()
        .chain(rejected.map(Outcome::Rejected))
        .chain(DeadLetterReason::ALL.map(Outcome::DeadLettered));
    // Never lowers a counter that counts already.
    outcomes.for_each(|outcome| outcome.counter().absolute(0));
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
        Self { slip, queue, is_open: true }
    }

    /// The entry.
    pub(crate) const fn slip(&self) -> &Slip {
        &self.slip
    }

    /// Ends the report: its entry is complete.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.is_open = false;
        outcome.counter().increment(1);
        // Counted first: a crash between the two counts twice, never a report that nobody counted.
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

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn an_outcome_counts_in_the_series_that_was_there_before() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            crate::metrics::start_at_zero();
            start_at_zero();
            Outcome::Stored.counter().increment(3);
            Outcome::DeadLettered(DeadLetterReason::Refused).counter().increment(1);
        });
        let text = handle.render();
        let of = |outcome: &str| -> Vec<String> {
            let with = format!("{PIPELINE_OUTCOMES}{{outcome=\"{outcome}\"");
            let lines = text.lines().filter(|line| line.starts_with(&with));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(of("stored").len(), 1, "{text}");
        assert!(of("stored")[0].ends_with(" 3"), "{text}");
        assert_eq!(of("dead_lettered").len(), DeadLetterReason::ALL.len());
    }
}
