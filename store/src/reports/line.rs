//! Which of the reports that came are to be applied, by their agents' lines alone.

use std::collections::BTreeMap;

use protocol::fingerprint::InventoryDigest;
use protocol::ids::{AgentId, Position, Succession};
use time::{Duration, OffsetDateTime};

use super::{Applied, IncomingReport, Stored};

/// An agent's row, locked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) agent_key: i64,
    pub(crate) agent: AgentId,
    pub(crate) applied: Position,
    pub(crate) applied_at: Option<OffsetDateTime>,
    pub(crate) digest: InventoryDigest,
}

/// An agent's reports that are to be applied, in order.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) line: Line,
    /// The reports, each with its number in the batch.
    pub(crate) reports: Vec<(usize, &'a IncomingReport)>,
    /// The instant that the rows get. It grows with every transaction of an agent, whatever the
    /// clocks of the nodes say, so that an installation that ends and begins again has two.
    pub(crate) at: OffsetDateTime,
}

impl Run<'_> {
    /// Where the line ends once the run is applied.
    pub(crate) fn end(&self) -> Position {
        self.reports.last().map_or(self.line.applied, |(_, incoming)| incoming.report.position)
    }

    /// Whether it begins a snapshot.
    pub(crate) fn begins_epoch(&self) -> bool {
        // An epoch's first report is always part of a snapshot; a run that ends in the epoch in
        // which the line stood brings deltas, or a snapshot's later parts.
        self.end().epoch > self.line.applied.epoch
    }

    pub(crate) fn records(&self) -> usize {
        self.reports.iter().map(|(_, incoming)| incoming.report.body.record_count()).sum()
    }
}

/// Sorts reports into runs by agent, and says at once what becomes of the others. What is in a run
/// stands as stored.
pub(crate) fn sort<'a>(
    lines: &BTreeMap<AgentId, Line>,
    batch: &'a [IncomingReport],
) -> (Vec<Applied>, Vec<Run<'a>>) {
    // By the agents' keys, so that every statement that takes the runs touches rows in the order in
    // which they were locked.
    let mut runs: BTreeMap<i64, Run<'a>> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(batch.len());
    for (number, incoming) in batch.iter().enumerate() {
        let Some(line) = lines.get(&incoming.agent) else {
            outcomes.push(Applied::AgentUnknown);
            continue;
        };
        // Against what this batch has taken already: a second copy in the same batch is a
        // duplicate, too.
        let applied = runs.get(&line.agent_key).map_or(line.applied, Run::end);
        outcomes.push(match applied.succession(incoming.report.position) {
            Succession::Seen => Applied::Duplicate,
            Succession::Gap => Applied::Gap { applied },
            Succession::Next => {
                let run = runs.entry(line.agent_key).or_insert_with(|| Run {
                    line: *line,
                    reports: Vec::new(),
                    at: first_instant(line),
                });
                // One instant for a run: its reports are one transaction, and between them no row
                // was ever seen.
                run.at = run.at.max(incoming.received_at);
                run.reports.push((number, incoming));
                Applied::Stored(Stored::default())
            }
        });
    }
    (outcomes, runs.into_values().collect())
}

/// The earliest instant that a line's next rows may have. PostgreSQL counts microseconds.
fn first_instant(line: &Line) -> OffsetDateTime {
    line.applied_at
        .map_or(OffsetDateTime::UNIX_EPOCH, |at| at.saturating_add(Duration::MICROSECOND))
}
