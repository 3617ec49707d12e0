//! Ingest: agents' connections, admitted and acknowledged.
//!
//! A connection becomes a stream with a known peer in `listener`; `session` reads its frames and
//! answers them; what a session may take is decided in `limits` and `line`, which know neither
//! sockets nor clocks. A report that is taken goes to the queue and to nowhere else, and is
//! acknowledged when the queue says that it is durable. Strangers can only enrol.
//!
//! Every report gets one answer, an acknowledgement or a typed reject; nothing is dropped in
//! silence, and nothing from the network can make it panic or take memory without a bound.

pub mod agents;
mod attendance;
mod enrolment;
mod frames;
mod heartbeats;
mod in_flight;
pub(crate) mod limits;
mod line;
mod listener;
mod memory;
pub mod registry;
mod session;
#[cfg(feature = "test-support")]
pub mod simulated;
mod tickets;
mod tls;

#[cfg(test)]
pub(crate) mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::gauge;
use protocol::ids::{AgentId, CompanyId};
use ring::rand::SystemRandom;

use self::agents::{Agents, ReportQueue};
use self::attendance::{Load, Rules};
use self::frames::Codecs;
use self::heartbeats::Heartbeats;
use self::limits::{ByteBudget, Limiter, Rate, Throttle};
use self::listener::Listener;
use self::registry::{Registry, Told};
use crate::authority::{Authority, AuthorityError, ServerCertificate};
use crate::clock::Clock;
use crate::config::IngestConfig;
use crate::lifecycle::Lifecycle;
use crate::metrics::{INGEST_BYTES_IN_FLIGHT, INGEST_BYTES_IN_READING, INGEST_HELD};
use crate::traces::Tracer;

/// Agents, companies and addresses whose rates are remembered.
// Far more than one node has connections. Some 10 MB a limiter when all of them are busy.
const RATE_KEYS_MAX: usize = 200_000;
/// How often the collector looks whether its own certificate is due.
const RENEW_CHECK_EVERY: Duration = Duration::from_secs(3_600);
/// How often gauges are set.
const GAUGE_EVERY: Duration = Duration::from_secs(5);

/// What ingest is made of.
#[derive(Debug)]
pub struct Parts {
    /// What it may take.
    pub config: IngestConfig,
    /// The time.
    pub clock: Clock,
    /// Who signs.
    pub authority: Arc<Authority>,
    /// Where reports go.
    pub queue: Arc<dyn ReportQueue>,
    /// Where agents are kept.
    pub agents: Arc<dyn Agents>,
    /// The open sessions.
    pub registry: Registry,
    /// The process' tasks.
    pub lifecycle: Lifecycle,
    /// What takes traces.
    pub tracer: Tracer,
}

/// Why ingest does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The collector's own certificate cannot be made.
    #[error(transparent)]
    Certificate(#[from] AuthorityError),
    /// TLS cannot be set up.
    #[error("set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The socket cannot be bound.
    #[error("listen on {address} ({transport}): {error}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Over UDP or over TCP.
        transport: &'static str,
        /// Why not.
        error: io::Error,
    },
}

/// What all sessions share.
#[derive(Debug)]
struct Shared {
    config: IngestConfig,
    clock: Clock,
    authority: Arc<Authority>,
    queue: Arc<dyn ReportQueue>,
    agents: Arc<dyn Agents>,
    registry: Registry,
    lifecycle: Lifecycle,
    tracer: Tracer,
    agent_rate: Limiter<AgentId>,
    company_rate: Limiter<CompanyId>,
    enrolments: Limiter<IpAddr>,
    handshakes: Throttle,
    rules: Rules,
    memory_bytes: AtomicU64,
    /// What an agent is told of whom nobody can say anything.
    nothing_told: Arc<Told>,
    bytes: Arc<ByteBudget>,
    bytes_in_reading: Arc<ByteBudget>,
    heartbeats: Heartbeats,
    codecs: Codecs,
    random: SystemRandom,
}

impl Shared {
    fn new(parts: Parts) -> Self {
        let Parts { config, clock, authority, queue, agents, registry, lifecycle, tracer } = parts;
        let per_agent = Rate::per_minute(config.agent_requests_per_minute);
        let per_company = Rate::per_minute(config.company_requests_per_minute);
        let per_address = Rate::per_minute(config.enrolments_per_minute);
        Self {
            agent_rate: Limiter::new(per_agent, RATE_KEYS_MAX),
            company_rate: Limiter::new(per_company, RATE_KEYS_MAX),
            enrolments: Limiter::new(per_address, RATE_KEYS_MAX),
            handshakes: Throttle::new(Rate::per_second(config.handshakes_per_second)),
            rules: Rules::new(&config),
            memory_bytes: AtomicU64::new(0),
            nothing_told: Arc::default(),
            bytes: ByteBudget::new(config.bytes_in_flight_max),
            bytes_in_reading: ByteBudget::new(config.bytes_in_reading_max),
            heartbeats: Heartbeats::default(),
            codecs: Codecs::default(),
            random: SystemRandom::new(),
            config,
            clock,
            authority,
            queue,
            agents,
            registry,
            lifecycle,
            tracer,
        }
    }

    /// What this node carries.
    fn load(&self) -> Load {
        Load { held: self.registry.held(), memory_bytes: self.memory_bytes.load(Ordering::Relaxed) }
    }
}

/// Starts to listen, and gives the address that is listened on and what can be changed while it is.
///
/// Everything runs as tasks of the lifecycle and ends with it.
///
/// # Errors
///
/// When the certificate cannot be made or the socket cannot be bound.
pub fn start(parts: Parts) -> Result<Listening, StartError> {
    let shared = Arc::new(Shared::new(parts));
    // Made anew at every start and never written to disk: there is no key of the server's to lose.
    let certificate = Arc::new(ServerCertificate::issue(
        &shared.authority,
        &shared.config.names,
        &shared.random,
        shared.clock.now(),
    )?);
    let tls = tls::server_config(&shared.authority, Arc::clone(&certificate), &shared.clock)?;
    let listener = Listener::bind(&shared, tls)
        .map_err(|(address, transport, error)| StartError::Bind { address, transport, error })?;
    let address = listener.address();
    spawn_tasks(&shared, listener, certificate);
    Ok(Listening { address, rates: Rates(shared) })
}

/// An ingest that listens.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    /// What agents are held to there.
    pub rates: Rates,
}

/// How often agents may ask on this node, and whether it holds their connections.
#[derive(Clone, Debug)]
pub struct Rates(Arc<Shared>);

impl Rates {
    /// Holds agents to other rates from now on, and decides by other rules whose connections are held.
    pub(crate) fn set(&self, config: &IngestConfig) {
        self.0.agent_rate.set(Rate::per_minute(config.agent_requests_per_minute));
        self.0.company_rate.set(Rate::per_minute(config.company_requests_per_minute));
        self.0.enrolments.set(Rate::per_minute(config.enrolments_per_minute));
        self.0.handshakes.set(Rate::per_second(config.handshakes_per_second));
        // All of them, and at once: whoever is to visit leaves, and comes back at a moment of its own.
        if self.0.rules.set(config) {
            let told = self.0.registry.tell_all(&registry::Command::Reconsider);
            tracing::info!(told, "told agents whether their connections are held by the new rules");
        }
    }
}

fn spawn_tasks(shared: &Arc<Shared>, listener: Listener, certificate: Arc<ServerCertificate>) {
    let lifecycle = &shared.lifecycle;
    let listening = Arc::clone(shared);
    lifecycle.spawn_essential("ingest.listener", async move {
        listener.run(listening).await;
        Ok(())
    });
    let beating = Arc::clone(shared);
    lifecycle.spawn_essential("ingest.heartbeats", async move {
        let agents = Arc::clone(&beating.agents);
        beating.heartbeats.flush_until_stopped(&*agents, &beating.lifecycle).await;
        Ok(())
    });
    let renewing = Arc::clone(shared);
    lifecycle.spawn_essential("ingest.certificate", async move {
        keep_certificate(&renewing, &certificate).await;
        Ok(())
    });
    let gauging = Arc::clone(shared);
    lifecycle.spawn_essential("ingest.gauges", async move {
        keep_gauges(&gauging).await;
        Ok(())
    });
}

/// Renews the collector's certificate until the stop, and tells agents whom to trust when that changes.
async fn keep_certificate(shared: &Shared, certificate: &ServerCertificate) {
    let mut changes = shared.authority.changes();
    loop {
        let has_changed = tokio::select! {
            is_on = pause(&shared.lifecycle, RENEW_CHECK_EVERY) => {
                if !is_on {
                    return;
                }
                false
            }
            // The authority lives as long as the listener, so there is always somebody who could say it.
            _ = changes.changed() => true,
        };
        let now = shared.clock.now();
        match certificate.renew_if_due(&shared.authority, &shared.random, now) {
            Ok(true) => tracing::info!("renewed the collector's own certificate"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the collector's own certificate stays as it is"),
        }
        // After the certificate that they will meet: an agent that comes back at once finds it.
        if has_changed {
            let told = shared.registry.tell_all(&registry::Command::Authorities);
            tracing::info!(told, "told agents which authorities to trust");
        }
    }
}

async fn keep_gauges(shared: &Shared) {
    while pause(&shared.lifecycle, GAUGE_EVERY).await {
        #[expect(clippy::cast_precision_loss, reason = "a gauge need not be exact")]
        {
            gauge!(INGEST_BYTES_IN_FLIGHT).set(shared.bytes.taken() as f64);
            gauge!(INGEST_BYTES_IN_READING).set(shared.bytes_in_reading.taken() as f64);
            gauge!(INGEST_HELD).set(shared.registry.held() as f64);
        }
        keep_load(shared);
    }
}

/// Looks what the node carries, and sends away what is too much.
fn keep_load(shared: &Shared) {
    let memory_bytes = memory::resident_bytes().unwrap_or(0);
    shared.memory_bytes.store(memory_bytes, Ordering::Relaxed);
    let too_many = shared.rules.too_many(shared.load());
    if too_many > 0 {
        let told = shared.registry.reconsider_youngest(too_many);
        tracing::info!(told, memory_bytes, "told agents to visit instead of holding");
    }
}

/// Waits; `false` when the stop came first.
async fn pause(lifecycle: &Lifecycle, duration: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(duration) => true,
        () = lifecycle.stopping() => false,
    }
}
