//! A collector's ingest whose agents are all welcome and whose reports are durable at once, and the process
//! of its clients.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use collector::authority::{Authority, Home, IssuedCertificate};
use collector::clock::Clock;
use collector::config::{Config, Connections, Layers};
use collector::ingest::agents::{
    Admission, Agents, Answer, EnrolError, Enrolled, Issue, ReportQueue, SeenHeartbeat, Standing,
    Unavailable,
};
use collector::ingest::registry::{Registry, Told};
use collector::ingest::{self, Parts};
use collector::lifecycle::Lifecycle;
use collector::queue::{AppendError, Entry};
use collector::traces::Tracer;
use protocol::enrolment::EnrolRequest;
use protocol::ids::{AgentId, CompanyId, Position};
use ring::rand::SystemRandom;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use crate::clients::{Done, Order};

/// How long a stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// A collector that listens.
pub(crate) struct Node {
    address: SocketAddr,
    lifecycle: Lifecycle,
}

impl Node {
    /// Starts one on an address, or on any of this host's.
    pub(crate) fn start(
        folder: &Path,
        address: Option<SocketAddr>,
        handshakes_per_second: u32,
    ) -> Result<Self> {
        let clock = Clock::system();
        let mut config = Config::from_layers(Layers::defaults())?.ingest;
        config.listen = address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        config.connections = Connections::Hold;
        config.connections_max = 1_000_000;
        config.handshakes_per_second = handshakes_per_second;
        config.company_requests_per_minute = 10_000_000;
        let authority = open_authority(folder, &clock)?;
        let lifecycle = Lifecycle::new();
        let listening = ingest::start(Parts {
            config,
            clock,
            authority: Arc::new(authority),
            queue: Arc::new(Anything),
            agents: Arc::new(Anything),
            registry: Registry::new(),
            lifecycle: lifecycle.clone(),
            tracer: Tracer::default(),
        })?;
        Ok(Self { address: listening.address, lifecycle })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, until another one can listen on its address.
    pub(crate) async fn stop(self) {
        self.lifecycle.stop();
        let never = std::future::pending();
        self.lifecycle.run_to_end(STOP_WITHIN, never).await;
        // A process would end here. In this one quinn keeps the socket for as long as a peer might still
        // send to a closed connection.
        let freed = async {
            while UdpSocket::bind(self.address).is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        drop(timeout(STOP_WITHIN, freed).await);
    }
}

/// The authority of both processes.
pub(crate) fn open_authority(folder: &Path, clock: &Clock) -> Result<Authority> {
    let random = SystemRandom::new();
    let home = Home::of(folder);
    let authority = Authority::open_or_create(&home, "muster.internal", &random, clock.now());
    authority.context("make an authority")
}

/// Welcomes everybody and takes everything.
#[derive(Debug)]
struct Anything;

impl Agents for Anything {
    fn admit(&self, _company: CompanyId, _agent: AgentId) -> Answer<'_, Admission> {
        Box::pin(async {
            Ok(Admission::Admitted(Standing {
                told: Told::default(),
                applied: Position::default(),
                scan_asked: 0,
                is_snapshot_asked: false,
                is_cloned: false,
            }))
        })
    }

    fn enrol<'a>(
        &'a self,
        _request: &'a EnrolRequest,
        _issue: Issue<'a>,
    ) -> Answer<'a, Enrolled, EnrolError> {
        Box::pin(async { Err(EnrolError::Unavailable(Unavailable)) })
    }

    fn note_certificate<'a>(
        &'a self,
        _company: CompanyId,
        _agent: AgentId,
        _certificate: &'a IssuedCertificate,
    ) -> Answer<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn note_authority(&self, _: CompanyId, _: AgentId, _: [u8; 32]) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn note_departure(&self, _company: CompanyId, _agent: AgentId) -> Answer<'_, ()> {
        Box::pin(async { Err(Unavailable) })
    }

    fn rekey<'a>(
        &'a self,
        _company: CompanyId,
        _agent: AgentId,
        _process: u64,
        _issue: Issue<'a>,
    ) -> Answer<'a, Option<(AgentId, IssuedCertificate)>> {
        Box::pin(async { Ok(None) })
    }

    fn note_heartbeats<'a>(
        &'a self,
        _company: CompanyId,
        _heartbeats: &'a [SeenHeartbeat],
    ) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl ReportQueue for Anything {
    fn append(
        &self,
        _entry: Entry,
    ) -> Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send + 'static>> {
        Box::pin(async { Ok(()) })
    }
}

/// The process of the clients, which does one order after another.
pub(crate) struct Crowd {
    _process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Crowd {
    pub(crate) async fn start(folder: &Path, address: SocketAddr) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("clients")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut orders = process.stdin.take().context("its input")?;
        orders.write_all(format!("{address}\n").as_bytes()).await?;
        let answers = process.stdout.take().context("its output")?;
        Ok(Self { _process: process, orders, answers: BufReader::new(answers).lines() })
    }

    pub(crate) async fn order(&mut self, order: Order, count: u32) -> Result<Done> {
        let line = format!("{}\n", serde_json::to_string(&(order, count))?);
        self.orders.write_all(line.as_bytes()).await?;
        let answer = self.answers.next_line().await?;
        Ok(serde_json::from_str(&answer.context("the clients ended")?)?)
    }

    pub(crate) async fn end(mut self) -> Result<()> {
        self.orders.shutdown().await?;
        Ok(())
    }
}
