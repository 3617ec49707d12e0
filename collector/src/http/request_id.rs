//! The request's id and its trace: in the answer's header, in every problem and in the log.
//!
//! The id is made here and never taken from the client, so that a client cannot write into the log. The trace is
//! the client's, if it says that it is in one (`traceparent`, W3C Trace Context); otherwise it has the request's id.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use store::timeline::{self, Step};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::clock::Clock;
use crate::traces::context::{Caller, SpanId, TraceId};
use crate::traces::{Draft, SpanKind, Tracer, steps_under};

pub(super) const HEADER: HeaderName = HeaderName::from_static("muster-request-id");
/// What a client says of the trace that it is in.
pub(super) const PARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    // Of the task, because a problem is made wherever something goes wrong, and nobody there has
    // the request at hand.
    static CURRENT: RequestId;
}

/// One request's id.
#[derive(Clone, Debug)]
pub(crate) struct RequestId {
    id: Arc<str>,
    trace: Arc<str>,
}

impl RequestId {
    /// The id of the request that is being answered, or an empty one outside of requests.
    pub(crate) fn current() -> Self {
        let none = || Self { id: Arc::default(), trace: Arc::default() };
        CURRENT.try_with(Clone::clone).unwrap_or_else(|_| none())
    }

    /// The same work, for another task, as part of the request that is being answered.
    pub(super) fn kept<F: Future>(work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(Self::current(), work)
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.id
    }

    /// The id of the request's trace, as text.
    pub(crate) fn trace(&self) -> &str {
        &self.trace
    }
}

/// Gives a request its id and its trace.
pub(crate) async fn assign(State(tracer): State<Tracer>, request: Request, next: Next) -> Response {
    let id = Uuid::new_v4();
    let asked = Asked::of(&request, id);
    let request_id =
        RequestId { id: id.simple().to_string().into(), trace: asked.trace.to_string().into() };
    let span = tracing::info_span!(
        "http.request",
        request_id = request_id.as_str(),
        trace_id = request_id.trace(),
        method = %request.method(),
        path = request.uri().path(),
    );
    let header = HeaderValue::from_str(request_id.as_str());
    let answering = CURRENT.scope(request_id, next.run(request).instrument(span));
    let mut response = if tracer.is_on() {
        let (response, steps) = timeline::watched(answering).await;
        asked.tell(&tracer, response.status(), &steps);
        response
    } else {
        answering.await
    };
    if let Ok(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    response
}

/// What a request's trace says of it.
struct Asked {
    caller: Option<Caller>,
    trace: TraceId,
    /// By which the sample is taken: the caller has no say in it, who could have every request of its own sent.
    own: TraceId,
    /// As it is declared, never as it was asked for: a path holds ids, and whatever a client makes up.
    route: Option<MatchedPath>,
    method: Method,
    came_at: Instant,
}

impl Asked {
    fn of(request: &Request, id: Uuid) -> Self {
        let mut parents = request.headers().get_all(PARENT).iter();
        // Two of them are none.
        let parent = parents.next().filter(|_| parents.next().is_none());
        let caller = parent.and_then(|parent| Caller::parse(parent.as_bytes()));
        let own = TraceId::of(id);
        Self {
            caller,
            trace: caller.map_or(own, |caller| caller.trace),
            own,
            route: request.extensions().get().cloned(),
            method: request.method().clone(),
            // A length for a trace decides nothing, so it needs no clock that a test could move.
            came_at: Clock::system().instant(),
        }
    }

    /// Tells how it was answered, if that is worth it.
    fn tell(&self, tracer: &Tracer, status: StatusCode, steps: &[Step]) {
        let Some(clock) = tracer.moments() else { return };
        let took = clock.now().saturating_duration_since(self.came_at);
        let is_ours = status.is_server_error();
        // Whoever asks for a trace gets it, as far as that costs others nothing.
        let is_asked_for = self.caller.is_some_and(|caller| caller.is_sampled);
        let keeps = tracer.keeps(self.own)
            || is_asked_for && tracer.keeps_asked_for()
            || tracer.keeps_notable(took, is_ours);
        if !keeps {
            return;
        }
        let all = SpanId::random();
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        let method = if is_known(&self.method) { self.method.as_str() } else { "_OTHER" };
        let name = format!("{method} {route}");
        let root = Draft::new(self.trace, name, &clock, (self.came_at, clock.now()))
            .id(all)
            .under(self.caller.map(|caller| caller.span))
            .kind(SpanKind::Server)
            .text("http.request.method", method)
            .text("http.route", route)
            .number("http.response.status_code", status.as_u16().into())
            .failed(is_ours.then_some("server_error"));
        let mut spans = vec![root.end()];
        spans.extend(steps_under(all, self.trace, &clock, steps));
        tracer.tell(spans);
    }
}

/// Whether a method is one of HTTP's: any word is allowed, and a client could write what it likes.
fn is_known(method: &Method) -> bool {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    known.contains(method)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware;
    use axum::routing::get;
    use time::OffsetDateTime;
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::TracesConfig;

    #[tokio::test]
    async fn a_stranger_does_not_choose_to_be_in_the_sample() {
        let config = TracesConfig {
            endpoint: String::new(),
            per_million: 10_000,
            slow_after: std::time::Duration::MAX,
            headers: Vec::new(),
            ca_file: None,
        };
        // It stands still: all of it happens within one second.
        let (clock, _hand) = Clock::manual(OffsetDateTime::UNIX_EPOCH);
        let (tracer, mut exporter) = Tracer::new(&config, clock).unwrap();
        let assigned = middleware::from_fn_with_state(tracer, assign);
        let router = Router::new().route("/", get(async || "here")).layer(assigned);
        // One of a hundred by chance, and of those that ask for it as many as anybody else may have.
        for (flag, most) in [("00", 20), ("01", 40)] {
            for request in 1..=100 {
                // The smallest share that an id can have.
                let parent = format!("00-{request:016x}0000000000000000-00f067aa0ba902b7-{flag}");
                let request = Request::get("/").header(PARENT, parent).body(Body::empty()).unwrap();
                let answer = router.clone().oneshot(request).await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
            }
            let kept = exporter.taken().len();
            assert!(kept <= most, "{kept} of 100 with the flag {flag}");
        }
    }
}
