//! What all agents of a fleet share: sockets, packers, figures, the clock.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use protocol::frame::{Frame, FrameError, Packer, Unpacker};
use protocol::token::EnrolmentToken;
use quinn::Endpoint;

use super::stats::Stats;
use super::tls::Tls;
use crate::clock::Clock;

/// Packers of a fleet: as many reports can be packed at once.
// Each is about a megabyte: one an agent would be ten gigabytes for ten thousand.
const PACKERS: u32 = 4;

/// What all agents of a fleet share.
#[derive(Debug)]
pub(crate) struct Context {
    /// The clock.
    pub(crate) clock: Clock,
    /// The figures.
    pub(crate) stats: Stats,
    /// What makes connections' configurations.
    pub(crate) tls: Tls,
    /// Unpacks what collectors say.
    pub(crate) unpacker: Mutex<Unpacker>,
    packers: Vec<Mutex<Packer>>,
    endpoints: Vec<Endpoint>,
    addresses: Vec<SocketAddr>,
}

impl Context {
    /// Opens the sockets and finds the collectors that the token names.
    ///
    /// # Errors
    ///
    /// When no name can be resolved, or the system gives no sockets or memory.
    pub(crate) async fn open(
        clock: Clock,
        token: &EnrolmentToken,
        sockets: u32,
        idle: Duration,
    ) -> anyhow::Result<Self> {
        let addresses = resolve(&token.addresses).await?;
        // One family for all sockets, and IPv4 where the names have both: a socket of the one
        // cannot call an address of the other.
        let is_v6 = addresses.iter().all(SocketAddr::is_ipv6);
        let local: SocketAddr = if is_v6 {
            (Ipv6Addr::UNSPECIFIED, 0).into()
        } else {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        };
        // Several sockets, because one is one queue in the kernel: ten thousand agents behind one
        // would measure that.
        let endpoints = (0..sockets)
            .map(|_| Endpoint::client(local))
            .collect::<Result<_, _>>()
            .context("open a UDP socket")?;
        let packers = (0..PACKERS)
            .map(|_| Packer::new().map(Mutex::new))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            clock,
            stats: Stats::new()?,
            tls: Tls::new(idle),
            unpacker: Mutex::new(Unpacker::new()?),
            packers,
            endpoints,
            addresses: addresses
                .into_iter()
                .filter(|address| address.is_ipv6() == is_v6)
                .collect(),
        })
    }

    /// The socket and the collector of the `number`th agent: fleets spread over both.
    pub(crate) fn route(&self, number: u32) -> (&Endpoint, SocketAddr) {
        let number = usize::try_from(number).unwrap_or(0);
        let endpoint = &self.endpoints[number % self.endpoints.len()];
        (endpoint, self.addresses[number % self.addresses.len()])
    }

    /// A packer for the `number`th agent. Not to be held across an await.
    pub(crate) fn packer(&self, number: u32) -> MutexGuard<'_, Packer> {
        let number = usize::try_from(number).unwrap_or(0);
        self.packers[number % self.packers.len()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A message as a frame.
    ///
    /// # Errors
    ///
    /// When it is too long for one.
    pub(crate) fn pack(&self, message: Vec<u8>) -> Result<Frame, FrameError> {
        // Any will do: hellos and heartbeats are short and rare.
        self.packer(0).pack(message)
    }

    /// Waits until the last connections have said goodbye, for a moment at most.
    pub(crate) async fn close(&self) {
        let idle = async {
            for endpoint in &self.endpoints {
                endpoint.wait_idle().await;
            }
        };
        // Whoever does not hear the goodbye will notice the silence.
        tokio::time::timeout(Duration::from_secs(2), idle)
            .await
            .ok();
    }
}

async fn resolve(names: &[String]) -> anyhow::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for name in names {
        let found = tokio::net::lookup_host(name)
            .await
            .with_context(|| format!("find the collector {name}"))?;
        // One a name: a fleet is spread over nodes, not over the addresses of a node.
        addresses.extend(found.take(1));
    }
    anyhow::ensure!(!addresses.is_empty(), "the token's names have no address");
    Ok(addresses)
}
