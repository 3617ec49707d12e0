//! What is kept, and what happens when there is no room for it.

use metrics_exporter_prometheus::PrometheusBuilder;
use protocol::ids::{AgentId, Position};
use time::OffsetDateTime;
use uuid::Uuid;

use super::*;
use crate::traces::context::SpanId;

const CONFIG: TracesConfig = TracesConfig {
    endpoint: String::new(),
    per_million: 0,
    slow_after: Duration::from_secs(5),
    headers: Vec::new(),
    ca_file: None,
};

/// A tracer of which nothing is sent.
fn tracer(config: &TracesConfig) -> (Tracer, Exporter, crate::clock::ManualClock) {
    let (clock, hand) = Clock::manual(OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_000));
    let (tracer, exporter) = Tracer::new(config, clock).unwrap();
    (tracer, exporter, hand)
}

fn traces() -> impl Iterator<Item = TraceId> {
    (1..=10_000).map(|seq| TraceId::of_report(AgentId(Uuid::from_u128(3)), Position::new(1, seq)))
}

#[test]
fn keeps_the_share_that_was_asked_for_of_reports_and_of_requests() {
    for (per_million, about) in [(0, 0..=0), (10_000, 60..=140), (1_000_000, 10_000..=10_000)] {
        let (tracer, _exporter, _) = tracer(&TracesConfig { per_million, ..CONFIG });
        let reports = traces().filter(|trace| tracer.keeps(*trace)).count();
        assert!(about.contains(&reports), "{per_million}: {reports} of reports");
        let requests = (0..10_000).filter(|_| tracer.keeps(TraceId::of(Uuid::new_v4()))).count();
        assert!(about.contains(&requests), "{per_million}: {requests} of requests");
    }
}

#[test]
fn keeps_what_failed_or_was_slow_and_not_more_of_it_than_a_bound() {
    let (tracer, _exporter, hand) = tracer(&CONFIG);
    let (quick, slow) = (Duration::from_secs(4), Duration::from_secs(6));
    assert!(!tracer.keeps_notable(quick, false));
    assert!(tracer.keeps_notable(slow, false) && tracer.keeps_notable(quick, true));
    let more = (0..1_000).filter(|_| tracer.keeps_notable(quick, true)).count();
    assert_eq!(more, NOTABLE_PER_SECOND as usize - 2);
    hand.advance(Duration::from_secs(1));
    assert!(tracer.keeps_notable(slow, false));
}

#[test]
fn what_finds_no_room_is_dropped_and_counted_and_waits_for_nothing() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let (tracer, _exporter, _) = tracer(&CONFIG);
        for _ in 0..WAITING_MAX + 3 {
            tracer.tell(vec![Span::default(), Span::default()]);
        }
    });
    let text = handle.render();
    assert!(text.contains("muster_trace_spans_total{outcome=\"dropped\"} 6"), "{text}");
}

#[test]
fn a_clock_that_is_set_bends_no_trace() {
    let (tracer, _exporter, hand) = tracer(&CONFIG);
    let began = tracer.moments().unwrap().now();
    hand.advance(Duration::from_secs(2));
    hand.jump(time::Duration::seconds(-500));
    let moments = tracer.moments().unwrap();
    let trace = TraceId::of(Uuid::from_u128(1));
    let span = Draft::new(trace, "work", &moments, (began, moments.now())).end();
    assert_eq!(span.end_time_unix_nano, 502_000_000_000);
    assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 2_000_000_000);
    // What was noted before the clock was set lies ahead of it: it counts as now.
    assert_eq!(moments.instant_of_ms(900_000), moments.now());
    assert_eq!(moments.instant_of_ms(501_000), moments.now() - Duration::from_secs(1));
}

#[test]
fn nothing_is_traced_by_default() {
    let tracer = Tracer::default();
    assert!(!tracer.is_on() && tracer.moments().is_none());
    assert!(!traces().any(|trace| tracer.keeps(trace)));
    assert!(!tracer.keeps_notable(Duration::MAX, true) && !tracer.keeps_asked_for());
    tracer.tell(vec![Span::default()]);
    assert_ne!(SpanId::random(), SpanId::random());
}
