//! What many seeds came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::kinds::Kind;
use super::seconds;
use super::stage::Outcome;

/// A seed that broke a promise.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was broken.
    pub broken: Vec<String>,
    /// The last lines of its trace.
    pub last: Vec<String>,
}

impl Failure {
    /// The failure of a seed, if it is one.
    pub(super) fn of(seed: u64, outcome: &Outcome) -> Option<Self> {
        (!outcome.violations.is_empty()).then(|| Self {
            seed,
            broken: outcome.violations.clone(),
            last: outcome.last.clone(),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} broke a promise:", self.seed)?;
        for broken in &self.broken {
            writeln!(f, "  {broken}")?;
        }
        writeln!(f, "its last lines:")?;
        for line in &self.last {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "again, with all of them: muster-sim faults --seed {} --trace", self.seed)
    }
}

/// What seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that ran.
    pub seeds: u64,
    /// Time that they simulated.
    pub simulated: Duration,
    /// Time that they took.
    pub took: Duration,
    /// Faults by kind.
    pub injected: BTreeMap<Kind, u64>,
    /// Reports acknowledged to agents.
    pub acknowledged: u64,
    /// Reports that the rows took.
    pub stored: u64,
    /// What collectors counted: outcomes, refusals.
    pub counted: BTreeMap<String, u64>,
    /// The longest time until everything was right after the faults, and its seed.
    pub slowest: (Duration, u64),
    /// The longest time after the faults in which nothing got better, and its seed.
    pub stalled: (Duration, u64),
    /// Seeds that broke a promise.
    pub failures: Vec<Failure>,
}

impl Summary {
    pub(super) fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        self.simulated += outcome.simulated;
        self.acknowledged += outcome.acknowledged;
        self.stored += outcome.stored;
        for (kind, count) in &outcome.injected {
            *self.injected.entry(*kind).or_default() += count;
        }
        for (name, count) in &outcome.counted {
            *self.counted.entry(name.clone()).or_default() += count;
        }
        // By time first; of two alike the higher seed, which is as good.
        self.slowest = self.slowest.max((outcome.settled_after, seed));
        self.stalled = self.stalled.max((outcome.stalled, seed));
        self.failures.extend(Failure::of(seed, outcome));
    }

    /// Kinds of faults that no seed had.
    #[must_use]
    pub fn missing(&self) -> Vec<Kind> {
        let kinds = Kind::ALL.iter().map(|(kind, _)| *kind);
        kinds.filter(|kind| !self.injected.contains_key(kind)).collect()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A run of no seeds takes no time, and has no rate.
        let took = self.took.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.seeds as f64 / took;
        writeln!(
            f,
            "{} seeds in {} s ({rate:.1} a second), {:.1} simulated hours",
            self.seeds,
            seconds(self.took),
            self.simulated.as_secs_f64() / 3_600.0
        )?;
        writeln!(f, "{} reports acknowledged, {} stored", self.acknowledged, self.stored)?;
        writeln!(
            f,
            "all right {} s after the faults at the latest (seed {}); longest without progress {} s (seed {})",
            seconds(self.slowest.0),
            self.slowest.1,
            seconds(self.stalled.0),
            self.stalled.1
        )?;
        writeln!(f, "faults:")?;
        for (kind, count) in &self.injected {
            writeln!(f, "  {count:>8} {kind}")?;
        }
        writeln!(f, "counted:")?;
        for (name, count) in &self.counted {
            writeln!(f, "  {count:>8} {name}")?;
        }
        for failure in &self.failures {
            write!(f, "{failure}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
