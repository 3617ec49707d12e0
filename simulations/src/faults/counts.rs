//! What a simulated process counts: the collector's own metrics, read instead of scraped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use collector::metrics as names;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// The counters of one process that a run is checked with.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

const WANTED: [&str; 4] = [
    names::PIPELINE_OUTCOMES,
    names::PIPELINE_UNENDED,
    names::INGEST_REPORTS,
    names::QUEUE_DAMAGED,
];

impl Counts {
    /// A counter's sum over all labels.
    pub(super) fn sum(&self, name: &str) -> u64 {
        let counts = self.lock();
        let of_name = counts.iter().filter(|(key, _)| {
            // The whole name: one counter's may be the beginning of another's.
            key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        of_name
            .map(|(_, count)| count.load(Ordering::Relaxed))
            // On one thread, so no count moves while they are added up.
            .sum()
    }

    /// Every counter that has counted, by its name and labels.
    pub(super) fn all(&self) -> Vec<(String, u64)> {
        let counts = self.lock();
        let counted =
            counts.iter().map(|(key, count)| (key.clone(), count.load(Ordering::Relaxed)));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<AtomicU64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        // Nothing is kept of what no check reads.
        if !WANTED.contains(&key.name()) {
            return Counter::noop();
        }
        let mut name = key.name().to_owned();
        // By value alone: the checks know which labels a counter has and in which order.
        for label in key.labels().filter(|label| !label.value().is_empty()) {
            name.push(' ');
            name.push_str(label.value());
        }
        let mut counts = self.lock();
        Counter::from_arc(Arc::clone(counts.entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[cfg(test)]
mod tests;
