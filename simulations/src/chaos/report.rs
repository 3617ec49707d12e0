//! What a chaos run has shown, and whether that is good.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::fault::{CLOCK_STEP, KINDS};
use super::fleet::Shown;
use super::progress::Standstill;

/// A fault that was done and mended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suffered {
    pub(super) kind: &'static str,
    pub(super) took: Duration,
    /// Nodes that ended by themselves meanwhile.
    pub(super) ended_alone: usize,
}

/// What a run has shown.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) nodes: u8,
    pub(super) seed: u64,
    pub(super) asked: u16,
    pub(super) broken_s: f64,
    pub(super) suffered: Vec<Suffered>,
    /// Nodes that ended by themselves when nothing was broken any more.
    pub(super) ended_afterwards: usize,
    pub(super) dead_letters: u64,
    /// Agents that were taken for several machines. None is: what restarts is one machine's.
    pub(super) cloned: u64,
    /// Whether nodes had no clock that could be set wrong.
    pub(super) is_without_clocks: bool,
    pub(super) standstill: Standstill,
    pub(super) fleets: Vec<Shown>,
}

impl Report {
    /// What is not good, if anything.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.suffered.len() < usize::from(self.asked) {
            complaints.push(format!(
                "{} of {} faults fit into the time: give it more",
                self.suffered.len(),
                self.asked
            ));
        }
        // A crash is a complaint also when nothing was lost by it.
        let meanwhile: usize = self.suffered.iter().map(|fault| fault.ended_alone).sum();
        let alone = meanwhile + self.ended_afterwards;
        if alone > 0 {
            complaints.push(format!("{alone} times a node ended by itself"));
        }
        if self.dead_letters > 0 {
            // No report of these fleets is bad.
            complaints.push(format!("{} dead letters", self.dead_letters));
        }
        if self.cloned > 0 {
            complaints.push(format!("{} honest agents were taken for clones", self.cloned));
        }
        let steps = self.suffered.iter().filter(|fault| fault.kind == CLOCK_STEP).count();
        if self.is_without_clocks && steps > 0 {
            complaints.push(format!(
                "{steps} clock steps moved no clock: libfaketime is missing (package faketime)"
            ));
        }
        for (number, fleet) in self.fleets.iter().enumerate() {
            let complaint = fleet.complaint();
            complaints.extend(complaint.map(|text| format!("company {}: {text}", number + 1)));
        }
        complaints
    }

    /// All of it, as one object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let sum = |value: fn(&Shown) -> u64| -> u64 { self.fleets.iter().map(value).sum() };
        // Of a fleet that was not compared nothing is added, and its complaint says so.
        let compared = |value: fn(&super::fleet::Compared) -> u64| -> u64 {
            let verdicts = self.fleets.iter().filter_map(|fleet| fleet.verify.as_ref());
            verdicts.map(value).sum()
        };
        json!({
            "nodes": self.nodes,
            "seed": self.seed,
            "faults": self.suffered.len(),
            "faults_by_kind": self.by_kind(),
            "seconds_of_faults": round(self.broken_s),
            "longest_without_progress_s": round(self.standstill.lasted.as_secs_f64()),
            "longest_without_progress_during": self.standstill.fault,
            "agents": sum(|fleet| fleet.agents),
            "records_acked": sum(|fleet| fleet.records_acked),
            "reports_acked": sum(|fleet| fleet.reports_acked),
            "reports_resent": sum(|fleet| fleet.reports_resent),
            "sessions": sum(|fleet| fleet.sessions),
            "snapshots_asked": sum(|fleet| fleet.snapshots_asked),
            "hosts_compared": compared(|verdict| verdict.hosts),
            "records_compared": compared(|verdict| verdict.records),
            "differing": compared(|verdict| verdict.differing),
            "lost": compared(|verdict| verdict.lost),
            "unexpected": compared(|verdict| verdict.unexpected),
            "twice": compared(|verdict| verdict.twice),
            "dead_letters": self.dead_letters,
            "taken_for_clones": self.cloned,
            "complaints": self.complaints(),
        })
    }

    fn by_kind(&self) -> BTreeMap<&'static str, Value> {
        let of = |kind: &'static str| {
            let times: Vec<f64> = self
                .suffered
                .iter()
                .filter(|fault| fault.kind == kind)
                .map(|fault| fault.took.as_secs_f64())
                .collect();
            let longest = times.iter().copied().fold(0.0, f64::max);
            (kind, json!({ "times": times.len(), "longest_s": round(longest) }))
        };
        KINDS.into_iter().map(of).collect()
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
