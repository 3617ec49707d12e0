//! The figures of a fleet, taken while it runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use protocol::reject::RejectReason;
use protocol::report::Lane;
use serde::Serialize;
use tokio::time::Instant;

use super::model::Settled;

/// Distinct error texts that are kept; more are counted under one.
const ERRORS_MAX: usize = 20;

/// Something that is counted.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub(crate) fn one(&self) {
        self.many(1);
    }

    /// Counts many.
    pub(crate) fn many(&self, amount: usize) {
        let amount = u64::try_from(amount).unwrap_or(u64::MAX);
        // Counters stand for themselves; nobody concludes from one what another holds.
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// What it has come to.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The figures of a fleet.
#[derive(Debug)]
pub(crate) struct Stats {
    /// Records and removes whose reports were acknowledged.
    pub(crate) records_acked: Counter,
    /// Reports that were acknowledged.
    pub(crate) reports_acked: Counter,
    /// Reports that were sent again: these may reach the collector twice, and may count once.
    pub(crate) reports_resent: Counter,
    /// Bytes of frames that were sent, before QUIC's own.
    pub(crate) bytes_sent: Counter,
    /// Changes of hosts.
    pub(crate) changes: Counter,
    /// Changes that did not happen: too many reports waited, or the host had it already.
    pub(crate) changes_skipped: Counter,
    /// Sessions that were welcomed.
    pub(crate) sessions: Counter,
    /// Sessions that the agent ended because nothing more was to be said.
    pub(crate) visits: Counter,
    /// Connections that could not be had, and sessions that broke.
    pub(crate) sessions_lost: Counter,
    /// Snapshots that the collector asked for.
    pub(crate) snapshots_asked: Counter,
    /// Agents whose first snapshot was acknowledged whole.
    pub(crate) first_snapshots: Counter,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    welcome: Histogram<u64>,
    ack: Histogram<u64>,
    change_ack: Histogram<u64>,
    visible: Histogram<u64>,
    unseen: u64,
    rejects: BTreeMap<&'static str, u64>,
    errors: BTreeMap<String, u64>,
    first_sent_at: Option<Instant>,
    first_snapshots_at: Option<Instant>,
    last_ack_at: Option<Instant>,
}

impl Inner {
    fn seconds_until(&self, at: Option<Instant>) -> f64 {
        match (self.first_sent_at, at) {
            (Some(from), Some(to)) => (to - from).as_secs_f64(),
            (None, _) | (_, None) => 0.0,
        }
    }
}

/// Percentiles of a latency, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    /// How often it was measured.
    pub(crate) count: u64,
    /// The middle.
    pub(crate) p50: f64,
    /// Nine in ten are below it.
    pub(crate) p90: f64,
    /// Ninety-nine in a hundred are below it.
    pub(crate) p99: f64,
    /// All but one in a thousand are below it.
    pub(crate) p999: f64,
    /// The longest.
    pub(crate) max: f64,
}

/// What was measured from the first report sent.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Measured {
    /// From the first packet of a connection to the collector's welcome.
    pub(crate) welcome_ms: Percentiles,
    /// From a report's sending to its ack.
    pub(crate) ack_ms: Percentiles,
    /// The same, of reports of changes only: first snapshots come all at once and wait for each other.
    pub(crate) change_ack_ms: Percentiles,
    /// From a change to its row in the API.
    pub(crate) end_to_end_ms: Percentiles,
    /// Changes whose rows did not come in time.
    pub(crate) unseen: u64,
    /// Rejects and refusals by reason.
    pub(crate) rejects: BTreeMap<&'static str, u64>,
    /// What went wrong, with how often.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Seconds until the last first snapshot was acknowledged.
    pub(crate) snapshot_seconds: f64,
    /// Seconds until the last ack.
    pub(crate) seconds: f64,
}

impl Stats {
    /// All at zero.
    ///
    /// # Errors
    ///
    /// When there is no memory for a histogram.
    pub(crate) fn new() -> Result<Self, CreationError> {
        Ok(Self {
            records_acked: Counter::default(),
            reports_acked: Counter::default(),
            reports_resent: Counter::default(),
            bytes_sent: Counter::default(),
            changes: Counter::default(),
            changes_skipped: Counter::default(),
            sessions: Counter::default(),
            visits: Counter::default(),
            sessions_lost: Counter::default(),
            snapshots_asked: Counter::default(),
            first_snapshots: Counter::default(),
            inner: Mutex::new(Inner {
                welcome: latencies()?,
                ack: latencies()?,
                change_ack: latencies()?,
                visible: latencies()?,
                unseen: 0,
                rejects: BTreeMap::new(),
                errors: BTreeMap::new(),
                first_sent_at: None,
                first_snapshots_at: None,
                last_ack_at: None,
            }),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session was welcomed, so long after its connection was begun.
    pub(crate) fn welcomed(&self, after: Duration) {
        self.sessions.one();
        self.inner().welcome.saturating_record(micros(after));
    }

    /// The latencies until now, which begin anew: for a run of several parts.
    pub(crate) fn turn(&self) -> Measured {
        // Its own lock, and then another: a figure that comes between the two is lost, one of
        // thousands.
        let measured = self.measured();
        let mut inner = self.inner();
        inner.welcome.reset();
        inner.ack.reset();
        inner.change_ack.reset();
        inner.visible.reset();
        measured
    }

    /// A report goes out.
    pub(crate) fn sent(&self, bytes: usize, is_again: bool, now: Instant) {
        self.bytes_sent.many(bytes);
        if is_again {
            self.reports_resent.one();
        }
        self.inner().first_sent_at.get_or_insert(now);
    }

    /// Reports were acknowledged.
    pub(crate) fn settled(&self, settled: &Settled, now: Instant) {
        self.records_acked.many(settled.records);
        self.reports_acked.many(settled.waited.len());
        let mut inner = self.inner();
        for (lane, waited) in &settled.waited {
            // Saturating: a latency of more than an hour is a longest one, and not a panic at the
            // end of a long run.
            inner.ack.saturating_record(micros(*waited));
            if *lane == Lane::Delta {
                inner.change_ack.saturating_record(micros(*waited));
            }
        }
        inner.last_ack_at = Some(now);
    }

    /// An agent's first snapshot was acknowledged whole.
    pub(crate) fn first_snapshot(&self, now: Instant) {
        self.first_snapshots.one();
        // Whoever writes last was the last agent, give or take the microseconds of this lock.
        self.inner().first_snapshots_at = Some(now);
    }

    /// A change became visible in the API.
    pub(crate) fn seen(&self, after: Duration) {
        self.inner().visible.saturating_record(micros(after));
    }

    /// A change did not become visible in time.
    pub(crate) fn unseen(&self) {
        self.inner().unseen += 1;
    }

    /// The collector said no.
    pub(crate) fn rejected(&self, reason: RejectReason) {
        *self.inner().rejects.entry(reason.as_str()).or_default() += 1;
    }

    /// Something went wrong.
    pub(crate) fn error(&self, text: String) {
        let mut inner = self.inner();
        // Texts come from the other side as well: a collector that names a position in each of them
        // must not fill the memory.
        let is_room = inner.errors.len() < ERRORS_MAX || inner.errors.contains_key(&text);
        let text = if is_room { text } else { "others".to_owned() };
        *inner.errors.entry(text).or_default() += 1;
    }

    /// Seconds from the first report sent; zero when none was.
    pub(crate) fn seconds_until(&self, now: Instant) -> f64 {
        self.inner().seconds_until(Some(now))
    }

    /// The latencies and the reasons so far.
    pub(crate) fn measured(&self) -> Measured {
        let inner = self.inner();
        let since = |at: Option<Instant>| inner.seconds_until(at);
        Measured {
            welcome_ms: percentiles(&inner.welcome),
            ack_ms: percentiles(&inner.ack),
            change_ack_ms: percentiles(&inner.change_ack),
            end_to_end_ms: percentiles(&inner.visible),
            unseen: inner.unseen,
            rejects: inner.rejects.clone(),
            errors: inner.errors.clone(),
            snapshot_seconds: since(inner.first_snapshots_at),
            seconds: since(inner.last_ack_at),
        }
    }
}

/// Microseconds up to an hour, to three digits; what takes longer counts as an hour.
fn latencies() -> Result<Histogram<u64>, CreationError> {
    Histogram::new_with_max(3_600_000_000, 3)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    let milliseconds = |micros: u64| Duration::from_micros(micros).as_secs_f64() * 1_000.0;
    let at = |percentile: f64| milliseconds(histogram.value_at_percentile(percentile));
    Percentiles {
        count: histogram.len(),
        p50: at(50.0),
        p90: at(90.0),
        p99: at(99.0),
        p999: at(99.9),
        max: milliseconds(histogram.max()),
    }
}

/// A count as a figure for people.
#[expect(clippy::cast_precision_loss, reason = "figures for people have fewer digits than a float")]
pub(crate) const fn float(number: u64) -> f64 {
    number as f64
}

/// A rate; zero when no time passed.
pub(crate) fn quotient(number: u64, by: f64) -> f64 {
    if by > 0.0 { float(number) / by } else { 0.0 }
}

#[cfg(test)]
mod tests;
