//! A real HTTP server that takes messages, or does whatever else servers do.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What a server does with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Takes it.
    Take,
    /// Breaks every connection off.
    BreakOff,
    /// Answers with a status.
    Answer(u16),
    /// Sends it on to another address.
    Redirect(String),
    /// Says nothing until it is released.
    Hang,
    /// Takes those of some CVEs, and answers others with 500.
    TakeBut(&'static str),
}

/// A message as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) was_taken: bool,
}

impl Received {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Kinds and CVEs of its events.
    pub(super) fn events(&self) -> Vec<(String, String)> {
        let message = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let events = message["events"].as_array().unwrap().iter();
        events.map(|event| (text(&event["kind"]), text(&event["finding"]["cve"]))).collect()
    }
}

#[derive(Debug)]
struct Shared {
    does: Mutex<Does>,
    received: Mutex<Vec<Received>>,
    released: Notify,
}

/// The server; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Receiver {
    shared: Arc<Shared>,
    pub(super) address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Receiver {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            does: Mutex::new(Does::Take),
            received: Mutex::default(),
            released: Notify::new(),
        });
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&shared)));
        Self { shared, address, _serving: serving }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(super) fn does(&self, does: Does) {
        *self.shared.does.lock().unwrap() = does;
    }

    pub(super) fn release(&self) {
        self.shared.released.notify_waiters();
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Kinds and CVEs of all events that were taken, in the order in which they came.
    pub(super) fn events(&self) -> Vec<(String, String)> {
        let taken = self.received().into_iter().filter(|one| one.was_taken);
        taken.flat_map(|one| one.events()).collect()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        if *shared.does.lock().unwrap() == Does::BreakOff {
            continue;
        }
        connections.spawn(connection(stream, Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(request, &shared).await) }
    });
    // A connection for each message, so that one that is kept does not hide a server that is down.
    let serving =
        http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
    // That the client went away is what some tests are about.
    serving.await.ok();
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(Body::new(body), 1 << 20).await.unwrap().to_vec();
    let does = shared.does.lock().unwrap().clone();
    let mut received = Received { headers: parts.headers, body, was_taken: does == Does::Take };
    if let Does::TakeBut(cve) = does {
        received.was_taken = !received.events().iter().any(|(_, one)| one == cve);
    }
    let was_taken = received.was_taken;
    shared.received.lock().unwrap().push(received);
    let mut response = Response::new(Body::from("so it is"));
    match does {
        Does::Take | Does::BreakOff => {}
        Does::TakeBut(_) if was_taken => {}
        Does::TakeBut(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        Does::Answer(status) => *response.status_mut() = StatusCode::from_u16(status).unwrap(),
        Does::Redirect(to) => {
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert("location", to.parse().unwrap());
        }
        Does::Hang => shared.released.notified().await,
    }
    response
}
