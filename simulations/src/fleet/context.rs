//! What all agents of a fleet share: sockets, packers, figures, the clock.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use protocol::frame::{Frame, FrameError, Packer, Unpacker};
use protocol::token::EnrolmentToken;
use quinn::Endpoint;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::identity::Authorities;
use super::stats::Stats;
use super::stock::Stock;
use super::tls::Tls;
use crate::clock::Clock;

/// Packers of a fleet: as many reports can be packed at once.
// Each is about a megabyte: one an agent would be ten gigabytes for ten thousand.
const PACKERS: u32 = 4;
/// Bytes of packets that may wait in the kernel for one socket, as far as it allows.
// As much as is read in a fraction of a second: behind more, a handshake's answer is heard when the agent has
// given it up, and all that this machine does is answer the dead.
const SOCKET_BUFFER_BYTES: usize = 1024 * 1024;
/// Agents that shake hands at the same time.
// Each of them has a processor of its own where it lives; here they share a few with the collector.
const GREETINGS_MAX: usize = 1_024;

/// What all agents of a fleet share.
#[derive(Debug)]
pub(crate) struct Context {
    /// The clock.
    pub(crate) clock: Clock,
    /// The figures.
    pub(crate) stats: Stats,
    /// What makes connections' configurations.
    pub(crate) tls: Tls,
    /// The software that hosts can have.
    pub(crate) stock: Stock,
    /// The authorities that signed its agents' certificates.
    pub(crate) authorities: Authorities,
    /// Unpacks what collectors say.
    pub(crate) unpacker: Mutex<Unpacker>,
    packers: Vec<Mutex<Packer>>,
    endpoints: Vec<Endpoint>,
    addresses: Vec<SocketAddr>,
    greetings: Semaphore,
    /// By the agents' numbers, where they have lines of their own.
    lines: OnceLock<Vec<SocketAddr>>,
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
        tls: Tls,
    ) -> anyhow::Result<Self> {
        let addresses = resolve(&token.addresses).await?;
        // One family for all sockets, and IPv4 where the names have both: a socket of the one
        // cannot call an address of the other.
        let is_v6 = addresses.iter().all(SocketAddr::is_ipv6);
        let is_here = addresses.iter().all(|address| address.ip().is_loopback());
        // Several sockets, because one is one queue in the kernel: ten thousand agents behind one
        // would measure that.
        let endpoints = (0..sockets)
            .map(|number| open_socket(number, is_v6, is_here))
            .collect::<Result<_, _>>()
            .context("open a UDP socket")?;
        let packers =
            (0..PACKERS).map(|_| Packer::new().map(Mutex::new)).collect::<Result<_, _>>()?;
        Ok(Self {
            clock,
            stats: Stats::new()?,
            tls,
            stock: Stock::load()?,
            authorities: Authorities::default(),
            unpacker: Mutex::new(Unpacker::new()?),
            packers,
            endpoints,
            greetings: Semaphore::new(GREETINGS_MAX),
            lines: OnceLock::new(),
            addresses: addresses.into_iter().filter(|address| address.is_ipv6() == is_v6).collect(),
        })
    }

    /// The socket and the collector of the `number`th agent: fleets spread over both.
    pub(crate) fn route(&self, number: u32) -> (&Endpoint, SocketAddr) {
        let number = usize::try_from(number).unwrap_or(0);
        let endpoint = &self.endpoints[number % self.endpoints.len()];
        if let Some(line) = self.lines.get().and_then(|lines| lines.get(number)) {
            return (endpoint, *line);
        }
        (endpoint, self.addresses[number % self.addresses.len()])
    }

    /// Waits for a place among those who shake hands; it is free again when the permit is dropped.
    pub(crate) async fn greeting(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed: there is always one.
        self.greetings.acquire().await.ok()
    }

    /// Every agent has a line of its own from now on: these are their near ends, by the agents'
    /// numbers. Works once.
    pub(crate) fn lay(&self, lines: Vec<SocketAddr>) {
        // Before any agent connects; a second time would leave some on the old lines and some on
        // the new.
        self.lines.set(lines).ok();
    }

    /// What the `number`th agent makes its reports with. Not to be held across an await.
    pub(crate) fn workshop(&self, number: u32) -> (&Stock, MutexGuard<'_, Packer>) {
        (&self.stock, self.packer(number))
    }

    /// A packer for the `number`th agent. Not to be held across an await.
    fn packer(&self, number: u32) -> MutexGuard<'_, Packer> {
        let number = usize::try_from(number).unwrap_or(0);
        self.packers[number % self.packers.len()].lock().unwrap_or_else(PoisonError::into_inner)
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
        tokio::time::timeout(Duration::from_secs(2), idle).await.ok();
    }
}

/// A socket of its own source address where the collector is on this machine, as hosts have: limits by
/// address, and the collector's own tables, see many callers and not one.
fn open_socket(number: u32, is_v6: bool, is_here: bool) -> io::Result<Endpoint> {
    if is_v6 {
        // IPv6 has one loopback address and no more, ::1 (RFC 4291, section 2.5.3).
        return endpoint(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)));
    }
    if is_here {
        // 127.1.0.1 and on: all of 127.0.0.0/8 is this machine (RFC 1122, section 3.2.1.3).
        let source = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + number);
        match endpoint(SocketAddr::from((source, 0))) {
            // Where only 127.0.0.1 is, one source has to do.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            opened => return opened,
        }
    }
    // Unspecified, so that the kernel picks the source by the way that the packet takes.
    endpoint(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
}

/// An endpoint that calls from an address. Thousands of agents share its socket, and what the kernel has no
/// room for is lost to whichever of them it was for.
fn endpoint(source: SocketAddr) -> io::Result<Endpoint> {
    let socket = std::net::UdpSocket::bind(source)?;
    // The kernel gives what it allows; less only costs time.
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER_BYTES).ok();
    let runtime = Arc::new(quinn::TokioRuntime);
    Endpoint::new(quinn::EndpointConfig::default(), None, socket, runtime)
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

#[cfg(test)]
mod tests;
