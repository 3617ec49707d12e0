//! A report's way from the queue to its outcome, as spans.
//!
//! Reports of a group share its transactions, so each of those that are kept has spans of them, with the number
//! of reports that shared them.

use std::ops::Range;
use std::time::Instant;

use protocol::ids::CompanyId;
use store::timeline::Step;

use super::batch::{Batch, Standing};
use super::outcome::Outcome;
use crate::traces::context::{SpanId, TraceId};
use crate::traces::{Draft, Moments, Span, SpanKind, Tracer, steps_under};

/// Attempts to store that are remembered of one group: halving makes two for each halved range.
const STAGES_MAX: usize = 32;

/// One attempt to store entries of a group together.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) entries: Range<usize>,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) steps: Vec<Step>,
}

/// What was done with a group, and when.
#[derive(Debug)]
pub(super) struct Stages {
    taken_at: Instant,
    loaded_at: Instant,
    stages: Vec<Stage>,
}

impl Stages {
    /// Of a group that was taken at one moment and loaded at another.
    pub(super) const fn begin(taken_at: Instant, loaded_at: Instant) -> Self {
        Self { taken_at, loaded_at, stages: Vec::new() }
    }

    /// Remembers an attempt.
    pub(super) fn add(&mut self, stage: Stage) {
        if self.stages.len() < STAGES_MAX {
            self.stages.push(stage);
        }
    }

    /// Tells of the group's reports, of those that are worth it.
    pub(super) fn tell(&self, tracer: &Tracer, batch: &mut Batch) {
        let Some(clock) = tracer.moments() else { return };
        let company = batch.company();
        for standing in batch.standings() {
            let trace = TraceId::of_report(standing.agent, standing.slip.position);
            let is_sampled = tracer.keeps(trace);
            let came_at = clock.instant_of_ms(standing.slip.received_at_ms).min(self.taken_at);
            let took = clock.now().saturating_duration_since(came_at);
            if is_sampled || tracer.keeps_notable(took, failure(&standing).is_some()) {
                let way = Way { trace, is_sampled, came_at, company, clock: &clock };
                tracer.tell(self.spans(&way, &standing));
            }
        }
    }

    fn spans(&self, way: &Way<'_>, standing: &Standing) -> Vec<Span> {
        let all = SpanId::random();
        let draft = |name: &str, began: Instant, ended: Instant| {
            Draft::new(way.trace, name, way.clock, (began, ended))
        };
        // What ingest told stands above it, if it told anything: of a trace that is kept for what became of it
        // here, ingest knew nothing.
        let came_in = SpanId::of_ingest(way.trace, standing.slip.received_at_ms);
        let root = draft("pipeline.report", way.came_at, way.clock.now())
            .id(all)
            .under(way.is_sampled.then_some(came_in))
            .kind(SpanKind::Consumer)
            .text("muster.company", way.company.to_string())
            .text("muster.lane", standing.slip.lane.as_str())
            .text("muster.outcome", standing.outcome.map_or("goes_back", Outcome::as_str))
            .number("muster.records", standing.slip.records.into())
            .failed(failure(standing));
        let wait = draft("queue.wait", way.came_at, self.taken_at).under(Some(all));
        let load = draft("pipeline.load", self.taken_at, self.loaded_at).under(Some(all));
        let mut spans = vec![root.end(), wait.end(), load.end()];
        let stages = self.stages.iter().filter(|stage| stage.entries.contains(&standing.number));
        for stage in stages {
            let id = SpanId::random();
            let reports = u64::try_from(stage.entries.len()).unwrap_or(u64::MAX);
            let store = draft("pipeline.store", stage.began, stage.ended)
                .id(id)
                .under(Some(all))
                .number("muster.group.reports", reports);
            spans.push(store.end());
            spans.extend(steps_under(id, way.trace, way.clock, &stage.steps));
        }
        spans
    }
}

/// What the spans of one report have in common.
struct Way<'a> {
    trace: TraceId,
    is_sampled: bool,
    came_at: Instant,
    company: CompanyId,
    clock: &'a Moments,
}

/// What went wrong with a report, if anything did.
const fn failure(standing: &Standing) -> Option<&'static str> {
    match standing.outcome {
        Some(Outcome::Stored | Outcome::Duplicate | Outcome::CompanyGone) => None,
        Some(Outcome::Rejected(reason)) => Some(reason.as_str()),
        Some(Outcome::DeadLettered(reason)) => Some(reason.as_str()),
        None if standing.has_failed => Some("failed"),
        None => None,
    }
}
