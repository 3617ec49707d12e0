//! One span, from what was measured.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use store::timeline::{Step, StepKind};

use super::context::{SpanId, TraceId};
use crate::clock::Clock;

/// What a span stands for.
pub(crate) use self::span::SpanKind;

/// Turns measured times into times of day, by one look at both clocks: a clock that is set meanwhile bends
/// no trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    instant: Instant,
    unix_ns: u64,
}

impl Moments {
    pub(super) fn of(clock: &Clock) -> Self {
        let unix_ns = clock.now().unix_timestamp_nanos();
        Self { instant: clock.instant(), unix_ns: u64::try_from(unix_ns).unwrap_or(0) }
    }

    /// The moment of the look.
    pub(crate) const fn now(&self) -> Instant {
        self.instant
    }

    /// The measured time of a time of day that lies behind; of one ahead, now.
    pub(crate) fn instant_of_ms(&self, unix_ms: u64) -> Instant {
        let behind = self.unix_ns.saturating_sub(unix_ms.saturating_mul(1_000_000));
        self.instant.checked_sub(Duration::from_nanos(behind)).unwrap_or(self.instant)
    }

    fn ns(&self, at: Instant) -> u64 {
        let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        match at.checked_duration_since(self.instant) {
            Some(ahead) => self.unix_ns.saturating_add(ns(ahead)),
            None => self.unix_ns.saturating_sub(ns(self.instant.duration_since(at))),
        }
    }
}

/// A span that is being put together.
#[derive(Debug)]
pub(crate) struct Draft(Span);

impl Draft {
    /// A span of a trace, from one moment to another.
    pub(crate) fn new(
        trace: TraceId,
        name: impl Into<String>,
        moments: &Moments,
        (began, ended): (Instant, Instant),
    ) -> Self {
        Self(Span {
            trace_id: trace.to_vec(),
            span_id: SpanId::random().to_vec(),
            name: name.into(),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: moments.ns(began),
            end_time_unix_nano: moments.ns(ended.max(began)),
            // Sampled, as W3C has it.
            flags: 1,
            ..Span::default()
        })
    }

    pub(crate) fn id(mut self, id: SpanId) -> Self {
        self.0.span_id = id.to_vec();
        self
    }

    pub(crate) fn under(mut self, parent: Option<SpanId>) -> Self {
        self.0.parent_span_id = parent.map(SpanId::to_vec).unwrap_or_default();
        self
    }

    pub(crate) fn kind(mut self, kind: SpanKind) -> Self {
        self.0.kind = kind.into();
        self
    }

    pub(crate) fn text(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.attributes.push(attribute(key, Value::StringValue(value.into())));
        self
    }

    pub(crate) fn number(mut self, key: &str, value: u64) -> Self {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.0.attributes.push(attribute(key, Value::IntValue(value)));
        self
    }

    /// Marks it as failed, for a reason out of a fixed list: what went wrong in detail may hold a company's data.
    pub(crate) fn failed(mut self, reason: Option<&'static str>) -> Self {
        if let Some(reason) = reason {
            let status = Status { message: reason.to_owned(), code: StatusCode::Error.into() };
            self.0.status = Some(status);
        }
        self
    }

    pub(crate) fn end(self) -> Span {
        self.0
    }
}

/// An attribute.
pub(super) fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// The spans of what was done for a piece of work.
pub(crate) fn steps_under(
    parent: SpanId,
    trace: TraceId,
    moments: &Moments,
    steps: &[Step],
) -> impl Iterator<Item = Span> {
    steps.iter().map(move |step| {
        let times = (step.began, step.began + step.took);
        let draft = Draft::new(trace, step.name, moments, times).under(Some(parent));
        let draft = match step.kind {
            StepKind::Transaction(is_committed) => draft
                .kind(SpanKind::Client)
                .text("db.system.name", "postgresql")
                .text("muster.transaction.end", if is_committed { "commit" } else { "rollback" }),
            StepKind::Part => draft,
        };
        let counted = step.counts.iter();
        counted
            .fold(draft, |draft, (name, number)| draft.number(&format!("muster.{name}"), *number))
            .end()
    })
}
