//! A report's way in, as spans: from its first bytes to its answer.

use std::time::Instant;

use protocol::reject::RejectReason;

use super::Session;
use crate::ingest::in_flight::Due;
use crate::traces::context::{SpanId, TraceId};
use crate::traces::{Draft, SpanKind};

impl<W> Session<'_, W> {
    /// Tells how a report came in, and why it was refused if it was.
    pub(super) fn trace(&self, due: &Due, refused: Option<RejectReason>) {
        let tracer = &self.shared.tracer;
        let Some(clock) = tracer.moments() else { return };
        let trace = TraceId::of_report(self.peer.agent, due.position);
        let times = due.moments;
        let took = clock.now().saturating_duration_since(times.read_from);
        if !tracer.keeps(trace) && !tracer.keeps_notable(took, refused.is_some()) {
            return;
        }
        let all = SpanId::of_ingest(trace, times.received_at_ms);
        let root = Draft::new(trace, "ingest.report", &clock, (times.read_from, clock.now()))
            .id(all)
            .kind(SpanKind::Server)
            .text("muster.company", self.peer.company.to_string())
            .text("muster.lane", due.lane.as_str())
            .number("muster.records", due.records.into())
            .failed(refused.map(RejectReason::as_str));
        let mut spans = vec![root.end()];
        let mut part = |name: &str, began: Instant, ended: Instant| {
            let span = Draft::new(trace, name, &clock, (began, ended)).under(Some(all));
            spans.push(span.end());
        };
        part("ingest.read", times.read_from, times.came_at);
        part("ingest.decode", times.came_at, times.decoded_at);
        part("ingest.admit", times.decoded_at, times.admitted_at);
        // What holds its share of the budget was given to the queue.
        if due.permit.is_some() {
            part("queue.append", times.admitted_at, clock.now());
        }
        tracer.tell(spans);
    }
}
