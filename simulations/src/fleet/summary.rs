//! What a fleet has shown, as one JSON object or as text for people.

mod text;

use serde::Serialize;

use super::commits::Commits;
use super::context::Context;
use super::process::{Part, Usage};
use super::scenario::Played;
use super::stats::{Counter, Measured, Stats, float, quotient};
use super::verify::Verdict;
use crate::cli::{FleetArgs, Scenario};

/// What a fleet has shown.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Agents asked for, those beside the fleet included.
    pub(crate) agents: u32,
    /// Records of each.
    pub(crate) apps: u32,
    /// The seed.
    pub(crate) seed: u64,
    /// Agents that have a certificate.
    pub(crate) enrolled: u64,
    /// Seconds that enrolment took.
    pub(crate) enrol_seconds: f64,
    /// Agents whose first snapshot was acknowledged whole.
    pub(crate) first_snapshots: u64,
    /// Records and removes that were acknowledged.
    pub(crate) records_acked: u64,
    /// Records acknowledged a second, from the first report sent to the last ack.
    pub(crate) records_per_second: f64,
    /// Records of first snapshots a second, until the last of them was acknowledged.
    pub(crate) snapshot_records_per_second: f64,
    /// Reports that were acknowledged.
    pub(crate) reports_acked: u64,
    /// Reports that were sent again.
    pub(crate) reports_resent: u64,
    /// Reports without an answer in the end.
    pub(crate) reports_unanswered: u64,
    /// Bytes of frames, before QUIC's own.
    pub(crate) bytes_sent: u64,
    /// Bytes of frames for every acknowledged record.
    pub(crate) bytes_per_record: f64,
    /// Changes of hosts.
    pub(crate) changes: u64,
    /// Changes that did not happen because too many reports waited.
    pub(crate) changes_skipped: u64,
    /// Sessions that were welcomed.
    pub(crate) sessions: u64,
    /// Sessions that broke, and connections that could not be had.
    pub(crate) sessions_lost: u64,
    /// Snapshots that the collector asked for.
    pub(crate) snapshots_asked: u64,
    /// Sessions that agents ended because nothing more was to be said.
    pub(crate) visits: u64,
    /// Latencies, reasons, errors.
    #[serde(flatten)]
    pub(crate) measured: Measured,
    /// The same of the agents beside the fleet, in scenarios that have some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) second: Option<Measured>,
    /// What happened, and its figures.
    pub(crate) scenario: &'static str,
    /// What the scenario has shown; absent in a steady run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) played: Option<Played>,
    /// What the collectors took; absent when it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) collector: Option<Usage>,
    /// The same by the parts of the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<Part>,
    /// When all acknowledged records were in rows; absent when it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commits: Option<Commits>,
    /// Whether the collector holds what the agents have; absent when it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verify: Option<Verdict>,
}

impl Summary {
    /// The figures of a fleet that has come to its end.
    pub(crate) fn new(args: &FleetArgs, contexts: &[&Context], end: End) -> Self {
        let sum = |of: fn(&Stats) -> &Counter| -> u64 {
            let counters = contexts.iter().map(|context| of(&context.stats).get());
            counters.sum()
        };
        let all: Vec<Measured> = contexts.iter().map(|c| c.stats.measured()).collect();
        // Counts are of all agents, so the time is that of the crew which took longest: by the
        // fleet's own time, what the others brought later would make it look quicker.
        let longest = |of: fn(&Measured) -> f64| all.iter().map(of).fold(0.0, f64::max);
        let (seconds, snapshot_seconds) = (longest(|m| m.seconds), longest(|m| m.snapshot_seconds));
        // The fleet's own first, then those beside it, in the order of `Stage::contexts`.
        let mut each = all.into_iter();
        let measured = each.next().unwrap_or_default();
        let records_acked = sum(|stats| &stats.records_acked);
        let bytes_sent = sum(|stats| &stats.bytes_sent);
        let first_snapshots = sum(|stats| &stats.first_snapshots);
        // Whole inventories alone count: an agent whose snapshot is half acknowledged has brought
        // nothing that can be looked at.
        let snapshot_records = u64::from(args.apps) * first_snapshots;
        Self {
            agents: asked(args),
            apps: args.apps,
            seed: args.seed,
            enrolled: end.enrolled,
            enrol_seconds: end.enrol_seconds,
            first_snapshots,
            records_acked,
            records_per_second: quotient(records_acked, seconds),
            snapshot_records_per_second: quotient(snapshot_records, snapshot_seconds),
            reports_acked: sum(|stats| &stats.reports_acked),
            reports_resent: sum(|stats| &stats.reports_resent),
            reports_unanswered: end.unanswered,
            bytes_sent,
            // Hellos and heartbeats included: what a fleet costs, and not what packing is worth.
            bytes_per_record: quotient(bytes_sent, float(records_acked)),
            changes: sum(|stats| &stats.changes),
            changes_skipped: sum(|stats| &stats.changes_skipped),
            sessions: sum(|stats| &stats.sessions),
            sessions_lost: sum(|stats| &stats.sessions_lost),
            snapshots_asked: sum(|stats| &stats.snapshots_asked),
            visits: sum(|stats| &stats.visits),
            measured,
            second: each.next(),
            scenario: args.scenario.name(),
            played: end.played,
            collector: end.collector,
            parts: end.parts,
            commits: end.commits,
            verify: end.verdict,
        }
    }

    /// Whether all agents were enrolled, everything was answered, and what was asked of the API agrees.
    #[must_use]
    pub fn is_good(&self) -> bool {
        // Lost sessions, rejects and errors do not count: a collector may refuse and die as often
        // as it likes, as long as everything is there in the end.
        self.enrolled >= u64::from(self.agents)
            && self.reports_unanswered == 0
            && self.played.as_ref().is_none_or(|played| played.failures.is_empty())
            && self.commits.as_ref().is_none_or(Commits::is_good)
            && self.verify.as_ref().is_none_or(Verdict::is_good)
    }
}

/// Agents that were asked for, those beside the fleet included: with fewer, one that is missing in
/// the fleet would be made up for by one of its neighbours.
fn asked(args: &FleetArgs) -> u32 {
    match args.scenario {
        Scenario::NoisyNeighbour => args.agents + args.neighbour_agents,
        // The slow ones are some of the fleet.
        Scenario::Steady
        | Scenario::Herd
        | Scenario::Churn
        | Scenario::UpgradeDay
        | Scenario::Clone
        | Scenario::SlowLink => args.agents,
    }
}

/// How a fleet ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    /// Agents that have a certificate.
    pub(crate) enrolled: u64,
    /// Seconds that enrolment took.
    pub(crate) enrol_seconds: f64,
    /// Reports without an answer.
    pub(crate) unanswered: u64,
    /// What the scenario has shown.
    pub(crate) played: Option<Played>,
    /// What the collectors took.
    pub(crate) collector: Option<Usage>,
    /// The same by the parts of the run.
    pub(crate) parts: Vec<Part>,
    /// When all acknowledged records were in rows.
    pub(crate) commits: Option<Commits>,
    /// Whether the collector holds what the agents have.
    pub(crate) verdict: Option<Verdict>,
}

#[cfg(test)]
pub(crate) mod tests;
