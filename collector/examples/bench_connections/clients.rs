//! The clients: agents that say what a session needs and nothing else.

use std::io::BufRead as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use collector::authority::Authority;
use collector::clock::Clock;
use protocol::frame::{Frame, HEADER_BYTES, Header, Packing, Unpacker};
use protocol::ids::{AgentId, CompanyId, Position};
use protocol::message::{
    ALPN_SESSION, AgentMessage, Attendance, Capabilities, CollectorMessage, Heartbeat, Hello,
    SERVER_NAME, VERSION_MAX, VERSION_MIN,
};
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, Endpoint, RecvStream, SendStream, TransportConfig};
use rcgen::{CertificateParams, KeyPair};
use ring::rand::SystemRandom;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::node::open_authority;

/// Sockets of the clients, each with an address of its own.
const SOCKETS: u8 = 16;
/// Clients that connect at the same time.
const AT_ONCE: usize = 64;
/// Agents that take turns for handshakes.
const TURNS: u32 = 32;
/// Records of the report that every client sends.
const RECORDS: usize = 50;

/// What is to be done, for so many.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Sessions that are closed behind their welcome, without a ticket.
    HandshakesFull,
    /// The same with one.
    HandshakesResumed,
    /// Sessions that stay, behind a heartbeat.
    Hold,
    /// A report over each of them, with its answer.
    Report,
    /// The collector ends them: all come back as agents do.
    Return,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) bytes_sent: f64,
    pub(crate) bytes_received: f64,
    pub(crate) median_us: f64,
    pub(crate) attempts: f64,
    pub(crate) most_in_a_second: f64,
}

/// Does orders from the input until it ends.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut lines = std::io::stdin().lock().lines();
    let address: SocketAddr = lines.next().context("an address")??.parse()?;
    let mut crowd = {
        let _runtime = runtime.enter();
        Crowd::new(folder, address)?
    };
    for line in lines {
        let (order, count): (Order, u32) = serde_json::from_str(&line?)?;
        let done = runtime.block_on(crowd.order(order, count))?;
        println!("{}", serde_json::to_string(&done)?);
    }
    Ok(())
}

struct Crowd {
    shared: Arc<Shared>,
    sessions: Vec<Session>,
}

struct Shared {
    address: SocketAddr,
    authority: Authority,
    key: KeyPair,
    csr: Vec<u8>,
    clock: Clock,
    endpoints: Vec<Endpoint>,
    transport: Arc<TransportConfig>,
}

/// One agent's session, and how it comes back.
struct Session {
    agent: u32,
    config: rustls::ClientConfig,
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    return_within: Duration,
}

impl Crowd {
    fn new(folder: &Path, address: SocketAddr) -> Result<Self> {
        let clock = Clock::system();
        let key = KeyPair::generate()?;
        let csr = CertificateParams::default().serialize_request(&key)?;
        let mut transport = TransportConfig::default();
        transport
            .max_concurrent_bidi_streams(0_u8.into())
            .max_concurrent_uni_streams(0_u8.into())
            .datagram_receive_buffer_size(None)
            // Nothing that is sent of its own accord while connections are held: what they cost is
            // measured.
            .mtu_discovery_config(None)
            .max_idle_timeout(None);
        let endpoints = (0..SOCKETS)
            .map(|number| Endpoint::client((Ipv4Addr::new(127, 0, 1, number + 1), 0).into()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            shared: Arc::new(Shared {
                address,
                authority: open_authority(folder, &clock)?,
                key,
                csr: csr.der().to_vec(),
                clock,
                endpoints,
                transport: Arc::new(transport),
            }),
            sessions: Vec::new(),
        })
    }

    async fn order(&mut self, order: Order, count: u32) -> Result<Done> {
        match order {
            Order::HandshakesFull => self.handshakes(count, false).await,
            Order::HandshakesResumed => self.handshakes(count, true).await,
            Order::Hold => {
                self.hold(count).await?;
                Ok(Done::default())
            }
            Order::Report => {
                for session in &mut self.sessions {
                    session.report().await?;
                }
                Ok(Done::default())
            }
            Order::Return => self.come_back().await,
        }
    }

    async fn handshakes(&self, count: u32, with_tickets: bool) -> Result<Done> {
        let mut tasks = JoinSet::new();
        for agent in 0..TURNS {
            let shared = Arc::clone(&self.shared);
            tasks.spawn(async move {
                let mut config = shared.config(agent)?;
                if with_tickets {
                    // Brings the first ticket and is not measured.
                    shared.session(agent, config.clone()).await?.part();
                }
                let mut measured = Vec::new();
                for _ in 0..count / TURNS {
                    if !with_tickets {
                        // With a store of tickets of its own, which is empty.
                        config = shared.config(agent)?;
                    }
                    let began = Instant::now();
                    let session = shared.session(agent, config.clone()).await?;
                    let took = began.elapsed();
                    let stats = session.connection.stats();
                    measured.push((took, stats.udp_tx.bytes, stats.udp_rx.bytes));
                    session.part();
                }
                anyhow::Ok(measured)
            });
        }
        let mut all = Vec::new();
        while let Some(measured) = tasks.join_next().await {
            all.extend(measured??);
        }
        all.sort_unstable();
        let mean = |of: fn(&(Duration, u64, u64)) -> u64| {
            let sum: u64 = all.iter().map(of).sum();
            sum as f64 / all.len().max(1) as f64
        };
        Ok(Done {
            bytes_sent: mean(|measured| measured.1),
            bytes_received: mean(|measured| measured.2),
            median_us: all
                .get(all.len() / 2)
                .map_or(0.0, |measured| measured.0.as_secs_f64() * 1e6),
            ..Done::default()
        })
    }

    async fn hold(&mut self, count: u32) -> Result<()> {
        let mut tasks = JoinSet::new();
        for agent in 0..count {
            if tasks.len() >= AT_ONCE
                && let Some(session) = tasks.join_next().await
            {
                self.sessions.push(session??);
            }
            let shared = Arc::clone(&self.shared);
            tasks.spawn(async move {
                let config = shared.config(agent)?;
                let mut session = shared.session(agent, config).await?;
                session.heartbeat().await?;
                anyhow::Ok(session)
            });
        }
        while let Some(session) = tasks.join_next().await {
            self.sessions.push(session??);
        }
        Ok(())
    }

    /// Comes back when the collector has ended every session: within the time that it named, and with
    /// longer and longer waits where it refuses.
    async fn come_back(&mut self) -> Result<Done> {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for session in self.sessions.drain(..) {
            let shared = Arc::clone(&self.shared);
            tasks.spawn(async move {
                let Session { agent, config, return_within, connection, .. } = session;
                connection.closed().await;
                drop(connection);
                let mut attempts = 1_u32;
                let mut random = Random::new(agent);
                tokio::time::sleep(return_within.mul_f64(random.draw())).await;
                loop {
                    match shared.session(agent, config.clone()).await {
                        Ok(session) => break (session, attempts, began.elapsed()),
                        Err(_) => {
                            let step = Duration::from_secs(1 << attempts.min(8));
                            tokio::time::sleep(step.mul_f64(0.25 + random.draw() / 4.0)).await;
                            attempts += 1;
                        }
                    }
                }
            });
        }
        let mut attempts = 0;
        // Ten minutes; whoever comes later counts for the last second.
        let mut seconds = vec![0_u32; 600];
        while let Some(back) = tasks.join_next().await {
            let (session, tried, after) = back?;
            self.sessions.push(session);
            attempts += tried;
            let second = usize::try_from(after.as_secs())?.min(seconds.len() - 1);
            seconds[second] += 1;
        }
        Ok(Done {
            attempts: attempts.into(),
            most_in_a_second: seconds.into_iter().max().unwrap_or(0).into(),
            ..Done::default()
        })
    }
}

/// Numbers that spread agents (`SplitMix64`).
struct Random(u64);

impl Random {
    fn new(agent: u32) -> Self {
        Self(u64::from(agent).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// From 0 to 1.
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from(mixed >> 33).unwrap_or(0)) / f64::from(1_u32 << 31)
    }
}

impl Shared {
    /// How an agent connects; clones share its ticket.
    fn config(&self, agent: u32) -> Result<rustls::ClientConfig> {
        let issued = self.authority.issue_agent(
            &self.csr,
            (CompanyId(Uuid::from_u128(1)), AgentId(Uuid::from_u128(agent.into()))),
            Duration::from_secs(86_400),
            &SystemRandom::new(),
            self.clock.now(),
        )?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.authority.certificate().clone())?;
        let key: PrivateKeyDer<'static> = PrivatePkcs8KeyDer::from(self.key.serialize_der()).into();
        // All agents have one key: to make twenty thousand would be most of the work.
        let own = issued.chain.into_iter().take(1).map(CertificateDer::from);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(own.collect(), key)?;
        config.alpn_protocols = vec![ALPN_SESSION.to_vec()];
        config.resumption = rustls::client::Resumption::in_memory_sessions(1);
        Ok(config)
    }

    /// A session up to its last word of greeting.
    async fn session(&self, agent: u32, config: rustls::ClientConfig) -> Result<Session> {
        let crypto = QuicClientConfig::try_from(config.clone())?;
        let mut client = quinn::ClientConfig::new(Arc::new(crypto));
        client.transport_config(Arc::clone(&self.transport));
        let endpoint = &self.endpoints[agent as usize % self.endpoints.len()];
        let connection = endpoint.connect_with(client, self.address, SERVER_NAME)?.await?;
        let (send, receive) = connection.open_bi().await?;
        let mut session =
            Session { agent, config, connection, send, receive, return_within: Duration::ZERO };
        session.greet().await?;
        Ok(session)
    }
}

impl Session {
    async fn greet(&mut self) -> Result<()> {
        self.say(&AgentMessage::Hello(Hello {
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            capabilities: Capabilities::current(),
            agent_version: "1.2.3".to_owned(),
            acknowledged: Position::default(),
            scan_done: 0,
            extension: Vec::new(),
        }))
        .await?;
        loop {
            let heard = self.hear().await?;
            if let CollectorMessage::Attend(Attendance::Hold { return_within_s }) = heard {
                self.return_within = Duration::from_secs(return_within_s.into());
                return Ok(());
            }
            ensure!(matches!(heard, CollectorMessage::Welcome(_)), "not a greeting: {heard:?}");
        }
    }

    async fn heartbeat(&mut self) -> Result<()> {
        self.say(&AgentMessage::Heartbeat(Heartbeat {
            acknowledged: Position::default(),
            digest: None,
            scan_done: 0,
        }))
        .await
    }

    async fn report(&mut self) -> Result<()> {
        let records = (0..RECORDS)
            .map(|number| SoftwareRecord::new(Source::Deb, format!("package-{number}"), "1.2.3-4"))
            .collect();
        let body = ReportBody::Delta { upserts: records, removes: Vec::new() };
        self.say(&AgentMessage::Report(Report {
            // No epoch has that number, so it is refused: what is measured is a session that had a
            // report, and no queue.
            position: Position::new(0, 1),
            made_at_ms: 0,
            platform: protocol::host::Platform::default(),
            facts: None,
            sources: Vec::new(),
            body,
            digest: None,
        }))
        .await?;
        // Whatever it is: an answer has gone both ways.
        self.hear().await.map(drop)
    }

    async fn say(&mut self, message: &AgentMessage) -> Result<()> {
        let frame = Frame { packing: Packing::Plain, payload: message.encode() };
        Ok(self.send.write_all(&frame.to_bytes()).await?)
    }

    async fn hear(&mut self) -> Result<CollectorMessage> {
        let mut header = [0; HEADER_BYTES];
        self.receive.read_exact(&mut header).await?;
        let header = Header::parse(header)?;
        let mut payload = vec![0; header.payload_bytes];
        self.receive.read_exact(&mut payload).await?;
        let message = match header.packing {
            Packing::Plain => payload,
            Packing::Zstd1 => Unpacker::new()?.unpack(Packing::Zstd1, &payload)?,
        };
        Ok(CollectorMessage::decode(&message)?)
    }

    fn part(&self) {
        self.connection.close(0_u32.into(), b"");
    }
}
