//! Traces: where the time of one report, or of one request, went. OTLP over HTTP, to whoever was named.
//!
//! A report's trace id is made from its agent and its position, so that whoever sees the report knows its
//! trace: ingest, the pipeline after a restart, another node to which it comes again, a person with a line of the
//! log. Nothing has to be carried through the queue (decision 51). What is worth keeping is decided behind the
//! work, when its length and its outcome are known. Telling costs a push into a bounded channel and never waits;
//! what finds it full is dropped and counted. Attributes name a company by its id and nothing else of it.

pub mod context;
mod export;
mod span;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::counter;
use tokio::sync::mpsc;

use self::context::TraceId;
pub(crate) use self::export::probe;
pub use self::export::{ExportError, Exporter};
pub(crate) use self::span::{Draft, Moments, SpanKind, steps_under};
use crate::clock::Clock;
use crate::config::TracesConfig;
use crate::metrics::{LABEL_OUTCOME, TRACE_SPANS};
/// A span as it is sent.
pub(crate) use opentelemetry_proto::tonic::trace::v1::Span;

/// Traces that wait to be sent; a trace has some ten spans, and 90 at most.
const WAITING_MAX: usize = 1_024;
/// Traces a second that are kept for what became of them: when everything is slow, some of it says so.
const NOTABLE_PER_SECOND: u32 = 20;
/// Sampling looks at so many bits of an id, the last ones, as OpenTelemetry's samplers do.
const SHARE_BITS: u32 = 56;

/// Takes what is known of a piece of work. Clones are the same; the default takes nothing.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    sender: mpsc::Sender<Vec<Span>>,
    clock: Clock,
    /// Ids whose share is less are traced whatever becomes of the work.
    below: u64,
    slow_after: Duration,
    notable: Mutex<Notable>,
}

/// How many traces were kept this second for what became of them.
#[derive(Debug)]
struct Notable {
    since: Option<Instant>,
    taken: u32,
}

impl Tracer {
    /// A tracer, and what sends what it takes.
    ///
    /// # Errors
    ///
    /// When the file of certificates cannot be used.
    pub fn new(config: &TracesConfig, clock: Clock) -> Result<(Self, Exporter), ExportError> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let exporter = Exporter::new(config, receiver)?;
        let inner = Inner {
            sender,
            clock,
            below: below(config.per_million),
            slow_after: config.slow_after,
            notable: Mutex::new(Notable { since: None, taken: 0 }),
        };
        Ok((Self(Some(Arc::new(inner))), exporter))
    }

    /// Whether anything is traced.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a trace is kept whatever becomes of it. Every node says the same of the same one.
    pub(crate) fn keeps(&self, trace: TraceId) -> bool {
        self.0.as_ref().is_some_and(|inner| trace.share() < inner.below)
    }

    /// Whether work that took so long, or that failed, is kept for that.
    pub(crate) fn keeps_notable(&self, took: Duration, has_failed: bool) -> bool {
        self.0
            .as_ref()
            .is_some_and(|inner| (has_failed || took > inner.slow_after) && inner.take_notable())
    }

    /// Whether a trace is kept that somebody outside asks for.
    pub(crate) fn keeps_asked_for(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.take_notable())
    }

    /// What turns measured times into times of day; `None` when nothing is traced.
    pub(crate) fn moments(&self) -> Option<Moments> {
        self.0.as_ref().map(|inner| Moments::of(&inner.clock))
    }

    /// Takes a trace's spans. Never waits: where there is no room they are dropped and counted.
    pub(crate) fn tell(&self, spans: Vec<Span>) {
        let Some(inner) = &self.0 else { return };
        let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        if inner.sender.try_send(spans).is_err() {
            counter!(TRACE_SPANS, LABEL_OUTCOME => "dropped").increment(count);
        }
    }
}

/// The share of which so many ids of a million are below.
fn below(per_million: u32) -> u64 {
    let share = (u128::from(per_million) << SHARE_BITS) / 1_000_000;
    u64::try_from(share).unwrap_or(u64::MAX)
}

impl Inner {
    fn take_notable(&self) -> bool {
        let now = self.clock.instant();
        let mut notable = self.notable.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = notable.since.is_none_or(|since| now - since >= Duration::from_secs(1));
        if is_over {
            *notable = Notable { since: Some(now), taken: 0 };
        }
        notable.taken += 1;
        notable.taken <= NOTABLE_PER_SECOND
    }
}

#[cfg(test)]
mod tests;
