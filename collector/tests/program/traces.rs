//! Traces over OTLP: one of a real report from an agent's socket to its commit, one of a request; and nothing that
//! anybody notices when whoever takes them is away.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use collector::traces::context::TraceId;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use protocol::ids::Position;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::agent::{record, report};
use super::world::World;

/// What takes traces, as far as a test has to know.
#[derive(Clone, Default)]
struct Taker {
    spans: Arc<Mutex<Vec<Span>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Taker {
    /// Takes traces at a port from now on.
    async fn listen() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taker = Self::default();
        let taking = taker.clone();
        let tracker = TaskTracker::new();
        let connections = tracker.clone();
        tracker.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(taking.clone().answer(stream));
            }
        });
        (taker, port)
    }

    async fn answer(self, mut stream: tokio::net::TcpStream) {
        let mut bytes = Vec::new();
        loop {
            let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                    return;
                }
                continue;
            };
            let text = String::from_utf8(bytes[..head].to_vec()).unwrap().to_lowercase();
            let length = text.split("content-length: ").nth(1).unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            while bytes.len() < head + 4 + length {
                assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
            }
            let rest = bytes.split_off(head + 4 + length);
            let request = ExportTraceServiceRequest::decode(&bytes[head + 4..]).unwrap();
            bytes = rest;
            let scopes = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
            self.spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
            self.heads.lock().unwrap().push(text);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    }

    /// The spans of a trace that have come.
    fn of(&self, trace: &str) -> HashMap<String, Span> {
        let spans = self.spans.lock().unwrap();
        let of_it = spans.iter().filter(|span| hex(&span.trace_id) == trace);
        of_it.map(|span| (span.name.clone(), span.clone())).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(span: &Span) -> Vec<(&str, String)> {
    let value = |value: &Option<Any>| match value {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let all = span.attributes.iter();
    all.map(|one| (one.key.as_str(), value(&one.value.as_ref().unwrap().value))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_report_is_one_trace_from_the_socket_to_the_commit() {
    let (taker, port) = Taker::listen().await;
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), "X-Scope: ours\nAuthorization: Bearer of-traces\n").unwrap();
    let world = World::with(|command| {
        command
            .env("MUSTER_TELEMETRY_TRACES_ENDPOINT", format!("http://127.0.0.1:{port}/v1/traces"))
            .env("MUSTER_TELEMETRY_TRACES_HEADERS_FILE", keys.path())
            .env("MUSTER_TELEMETRY_TRACES_PER_MILLION", "1000000");
    })
    .await;
    let agent = world.agent().await;
    let mut session = agent.welcomed(Position::default()).await;
    let position = Position::new(1, 1);
    session.deliver(report(1, 1, vec![record("a-secret-tool"), record("another")])).await;
    world.stored(&agent, position).await;
    let trace = TraceId::of_report(agent.id, position).to_string();
    // Each with what it stands under.
    let expected = [
        ("ingest.report", None),
        ("ingest.read", Some("ingest.report")),
        ("ingest.decode", Some("ingest.report")),
        ("ingest.admit", Some("ingest.report")),
        ("queue.append", Some("ingest.report")),
        ("pipeline.report", Some("ingest.report")),
        ("queue.wait", Some("pipeline.report")),
        ("pipeline.load", Some("pipeline.report")),
        ("pipeline.store", Some("pipeline.report")),
        ("match", Some("pipeline.store")),
        ("reports.software", Some("pipeline.store")),
        ("reports.apply", Some("pipeline.store")),
    ];
    let is_whole = async || expected.iter().all(|(name, _)| taker.of(&trace).contains_key(*name));
    world.until("the trace is whole", is_whole).await;
    let spans = taker.of(&trace);
    for (name, parent) in expected {
        let span = &spans[name];
        let above = parent.map(|parent| spans[parent].span_id.clone()).unwrap_or_default();
        assert_eq!(span.parent_span_id, above, "{name}");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{name}");
        assert_eq!(span.status, None, "{name}");
        if let Some(parent) = parent {
            // Up to a millisecond, which is all that the queue keeps of a moment.
            let slack = 1_000_000;
            let begins = spans[parent].start_time_unix_nano;
            assert!(span.start_time_unix_nano + slack >= begins, "{name}");
        }
    }
    let company = agent.company.to_string();
    assert!(attributes(&spans["ingest.report"]).contains(&("muster.company", company)));
    let outcome = ("muster.outcome", "stored".to_owned());
    assert!(attributes(&spans["pipeline.report"]).contains(&outcome));
    // Neither what a host has nor which host it is.
    let everything = format!("{spans:?}");
    assert!(!everything.contains("secret-tool") && !everything.contains(&agent.id.to_string()));
    let head = taker.heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("post /v1/traces ") && head.contains("x-scope: ours"), "{head}");
    assert!(head.contains("authorization: bearer of-traces"), "{head}");
    let (status, said) = world.collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("of-traces"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_on_with_its_callers_trace_and_its_problem_names_it() {
    let (taker, port) = Taker::listen().await;
    let world = World::with(|command| {
        command
            .env("MUSTER_TELEMETRY_TRACES_ENDPOINT", format!("http://127.0.0.1:{port}/v1/traces"))
            // What a caller keeps is kept all the same.
            .env("MUSTER_TELEMETRY_TRACES_PER_MILLION", "0");
    })
    .await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut stream = TcpStream::connect(world.collector.http).unwrap();
    write!(
        stream,
        "GET /api/v1/hosts/00000000-0000-4000-8000-000000000000 HTTP/1.1\r\nHost: x\r\n\
         Authorization: Bearer {}\r\nTraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\
         Connection: close\r\n\r\n",
        world.key
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let problem: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&problem["status"], &problem["trace_id"]), (&404.into(), &trace.into()));
    let route = "GET /api/v1/hosts/{host}";
    world.until("the trace came", async || taker.of(trace).contains_key(route)).await;
    let spans = taker.of(trace);
    assert_eq!(hex(&spans[route].parent_span_id), "00f067aa0ba902b7");
    let status = ("http.response.status_code", "404".to_owned());
    assert!(attributes(&spans[route]).contains(&status));
    let below = spans.values().filter(|span| span.parent_span_id == spans[route].span_id);
    let below: Vec<&str> = below.map(|span| span.name.as_str()).collect();
    assert!(!below.is_empty(), "no transaction of the request: {spans:?}");
    // Nobody asked for this one.
    let (status, problem) = world.collector.ask("GET", "/api/v1/nowhere", &world.key);
    assert_eq!(status, 404);
    let own = problem["trace_id"].as_str().unwrap();
    assert_eq!(own, problem["request_id"].as_str().unwrap());
    assert!(taker.of(own).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_when_whoever_takes_traces_is_away_but_the_metric() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let world = World::with(|command| {
        command
            .env("MUSTER_TELEMETRY_TRACES_ENDPOINT", format!("http://127.0.0.1:{port}/v1/traces"))
            .env("MUSTER_TELEMETRY_TRACES_PER_MILLION", "1000000");
    })
    .await;
    let agent = world.agent().await;
    let mut session = agent.welcomed(Position::default()).await;
    for seq in 1..=20 {
        session.deliver(report(1, seq, vec![record(&format!("tool-{seq}"))])).await;
    }
    let there = world.stored(&agent, Position::new(1, 20)).await;
    assert_eq!(there.len(), 20);
    let failed = async || {
        let metrics = world.collector.get("/metrics");
        let line = "muster_trace_spans_total{outcome=\"failed\"} ";
        let value = metrics.lines().find_map(|found| found.strip_prefix(line));
        value.is_some_and(|value| value != "0")
    };
    world.until("the loss is counted", failed).await;
    let (status, said) = world.collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(said.matches("traces are lost until they are taken").count(), 1, "{said}");
}
