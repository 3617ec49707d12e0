//! How many requests a second the API answers, beside a bare axum handler that gives the same bytes in the
//! same process in the same run. Prints one JSON object a line.
//!
//! `scripts/with-postgres.sh cargo run --release -p collector --example bench_http`. Server and clients share
//! this process and its cores, so the ratio says more than the rates do.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints and reads the clock"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use axum::http::header;
use axum::{Router, routing};
use collector::clock::Clock;
use collector::config::{Config, Layers, OidcConfig, WebhooksConfig};
use collector::http::{self, ApiState, Explained, Gate, Node, NodeStatus};
use collector::lifecycle::Lifecycle;
use collector::mail::Passes;
use collector::oidc::Oidc;
use collector::traces::Tracer;
use collector::webhooks::{Reach, Sealer};
use metrics_exporter_prometheus::PrometheusBuilder;
use protocol::host::Platform;
use protocol::ids::{CompanyId, TokenId};
use protocol::software::SoftwareRecord;
use protocol::token::EnrolmentToken;
use serde_json::json;
use store::api_keys::{self, NewApiKey, PresentedKey};
use store::companies;
use store::tenant::Role;
use store::test_support::FreshDatabase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use uuid::Uuid;

/// How long each measurement lasts.
const LASTS: Duration = Duration::from_secs(5);
/// Connections that ask one thing after the other.
const CONNECTIONS: usize = 64;

/// A node that has nothing.
struct NoNode;

impl Node for NoNode {
    fn status(&self) -> NodeStatus {
        NodeStatus::default()
    }

    fn new_token(&self, _: TokenId) -> Result<EnrolmentToken> {
        bail!("there is no authority here")
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn why_not(&self, _: &SoftwareRecord, _: &Platform, _: &str) -> Option<Explained> {
        None
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = FreshDatabase::create().await;
    let key = viewer(&database).await?;
    let api = serve_api(&database).await?;
    // Who asks: looked up in the database every other second, and in memory between.
    let (known, body) = Requests::to(api, "/api/v1/me", &key).measure().await?;
    let bare = serve_bare(body).await?;
    let (plain, _) = Requests::to(bare, "/", &key).measure().await?;
    // A list: two statements of PostgreSQL for each.
    let (list, _) = Requests::to(api, "/api/v1/hosts", &key).measure().await?;
    figure("http_authenticated_in_memory", &known, &plain);
    figure("http_authenticated_list", &list, &plain);
    Ok(())
}

/// The key of a company's viewer.
async fn viewer(database: &FreshDatabase) -> Result<String> {
    let (operator, now) = (database.store().local_operator(), Clock::system().now());
    let company = CompanyId(Uuid::from_u128(1));
    companies::create(&operator, company, "Bench", now).await?;
    let scope = operator.scope(company).await?;
    let scope = scope.context("find the company that was made")?;
    let key = PresentedKey::new(Uuid::from_u128(2), [7; 32]);
    let new = NewApiKey { key: &key, name: "bench", expires_at: None };
    api_keys::create(&scope, &new, Role::Viewer, now).await?;
    Ok(key.expose())
}

async fn serve_api(database: &FreshDatabase) -> Result<SocketAddr> {
    let mut config = Config::from_layers(Layers::defaults())?.http;
    // What limits cost is measured; what they stop is tested elsewhere.
    config.principal_requests_per_minute = u32::MAX;
    config.company_requests_per_minute = u32::MAX;
    let state = ApiState {
        store: database.store().clone(),
        clock: Clock::system(),
        metrics: PrometheusBuilder::new().build_recorder().handle(),
        node: Arc::new(NoNode),
        gate: Gate::new(&config),
        tasks: Lifecycle::new(),
        exports: http::Exports::new(Lifecycle::new()),
        uploads: http::Uploads::new(&config),
        live: http::Live::default(),
        reach: Reach::new(&WebhooksConfig::default()),
        sealer: Sealer::new(|_| [0; 32])?,
        oidc: Oidc::new(&OidcConfig::default(), Clock::system(), |_| [0; 32])?,
        history_days: 90,
        mail: None,
        passes: Passes::new(|_| [0; 32]),
        deletion_wait: Duration::ZERO,
        tracer: Tracer::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        http::serve(listener, state, &config, None, std::future::pending()).await
    });
    Ok(address)
}

async fn serve_bare(body: String) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let answer = async move || ([(header::CONTENT_TYPE, "application/json")], body.clone());
    let router = Router::new().route("/", routing::get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// What is asked, and of whom.
struct Requests {
    address: SocketAddr,
    text: Arc<str>,
}

/// What came of it.
struct Measured {
    count: usize,
    lasted: Duration,
    p99: Duration,
}

impl Requests {
    fn to(address: SocketAddr, path: &str, key: &str) -> Self {
        let text =
            format!("GET {path} HTTP/1.1\r\nHost: muster\r\nAuthorization: Bearer {key}\r\n\r\n");
        Self { address, text: text.into() }
    }

    /// Asks for a while; also gives the body of an answer.
    async fn measure(&self) -> Result<(Measured, String)> {
        let mut first = Asker::connect(self.address).await?;
        let body = first.ask(&self.text).await?;
        let (begun, mut asking) = (Instant::now(), JoinSet::new());
        for _ in 0..CONNECTIONS {
            let mut asker = Asker::connect(self.address).await?;
            let text = Arc::clone(&self.text);
            asking.spawn(async move {
                let mut took = Vec::new();
                while begun.elapsed() < LASTS {
                    let asked = Instant::now();
                    asker.ask(&text).await?;
                    took.push(asked.elapsed());
                }
                anyhow::Ok(took)
            });
        }
        let mut took = Vec::new();
        while let Some(of_one) = asking.join_next().await {
            took.extend(of_one??);
        }
        let lasted = begun.elapsed();
        took.sort_unstable();
        let p99 = took.get(took.len().saturating_mul(99) / 100);
        let p99 = *p99.context("nothing was answered")?;
        let count = took.len();
        Ok((Measured { count, lasted, p99 }, body))
    }
}

/// A connection that is kept.
struct Asker {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Asker {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and reads the whole answer, of which it gives the body.
    async fn ask(&mut self, text: &str) -> Result<String> {
        self.stream.write_all(text.as_bytes()).await?;
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the connection ended in the middle of an answer");
            let answer = std::str::from_utf8(&self.buffer)?;
            let Some((head, body)) = answer.split_once("\r\n\r\n") else {
                continue;
            };
            ensure!(head.starts_with("HTTP/1.1 200 "), "{answer}");
            if body.len() >= length(head)? {
                return Ok(body.to_owned());
            }
        }
    }
}

fn length(head: &str) -> Result<usize> {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.context("an answer without a length")?;
    Ok(length.parse()?)
}

fn figure(name: &str, measured: &Measured, bare: &Measured) {
    let rate = |of: &Measured| per_second(of.count, of.lasted);
    let figure = json!({
        "name": name,
        "per_second": rate(measured).round(),
        "p99_ms": measured.p99.as_secs_f64() * 1_000.0,
        "bare_per_second": rate(bare).round(),
        "of_bare": rate(measured) / rate(bare),
        "connections": CONNECTIONS,
    });
    println!("{figure}");
}

fn per_second(count: usize, lasted: Duration) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from) / lasted.as_secs_f64()
}
