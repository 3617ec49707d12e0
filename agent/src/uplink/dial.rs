//! Making a connection: from addresses, `host:port`, to an open stream, by whichever way leads there.
//!
//! Collectors, the ways to each of them and the addresses of each name are tried beside each other, each with a
//! lead over the next (see [`super::stagger`]). So a collector that is away costs a second and not a time-out,
//! a network that drops UDP costs seconds, and where nothing is wrong nobody notices that there is
//! anything else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::way::{NotQuic, Way};
use rustls::ClientConfig;

use super::error::{DialError, Unreached, WayError};
use super::paths::{Network, Plan};
use super::quic::{self, Effort};
use super::stagger::{Attempt, Stagger};
use super::stream::Stream;
use super::tcp;

/// How long connecting to one collector may take.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a collector has for itself before another one is tried as well.
// Longer than an address has: collectors that are slow because a whole fleet comes back at once would else be asked
// by each of its agents at once, and be slower.
const COLLECTOR_LEAD: Duration = Duration::from_secs(1);
/// How long a way has for itself.
// A handshake over a satellite takes less than two seconds; a network that drops UDP costs this.
const HEAD_START: Duration = Duration::from_secs(3);
/// How long QUIC is given beside a connection that stands.
const PROBE_WITHIN: Duration = Duration::from_millis(2_500);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

/// Connects to one collector and opens the stream.
///
/// # Errors
///
/// When no way leads there, with what became of each.
///
/// # Cancel safety
///
/// Dropping it gives the attempt up.
async fn dial(plan: Plan, config: ClientConfig) -> Result<Stream, DialError> {
    let mut race = Race::new(&plan, &config);
    let connected = tokio::time::timeout(plan.within, race.0.run()).await;
    if let Ok(Some(mut stream)) = connected {
        stream.to = plan.address;
        if stream.path.way != Way::Quic {
            stream.path.not_quic = race.not_quic().or(plan.not_quic);
        }
        return Ok(stream);
    }
    Err(race.lost(plan.address))
}

/// Connects to the first of several collectors that shakes hands, the preferred one first.
///
/// # Errors
///
/// When none of them does, with what became of each.
///
/// # Cancel safety
///
/// Dropping it gives the attempts up.
pub async fn dial_first(plans: Vec<Plan>, config: ClientConfig) -> Result<Stream, Unreached> {
    let attempts = plans.into_iter().map(|plan| {
        let attempt: Attempt<Stream, DialError> = Box::pin(dial(plan, config.clone()));
        ((), attempt)
    });
    // One that is busy says nothing of the others.
    let mut stagger = Stagger::new(attempts, COLLECTOR_LEAD, |_| false);
    match stagger.run().await {
        Some(stream) => Ok(stream),
        None => Err(Unreached(stagger.failed.into_iter().map(|((), error)| error).collect())),
    }
}

/// Tries QUIC alone, for a moment, and sparingly.
///
/// # Errors
///
/// When it does not work.
pub(super) async fn probe(address: String, config: ClientConfig) -> Result<Stream, WayError> {
    let probing = async {
        let sockets = resolve(&address).await?;
        quic::connect(sockets, config, Effort::Probe).await
    };
    let probed = tokio::time::timeout(PROBE_WITHIN, probing).await;
    let mut stream = probed.unwrap_or(Err(WayError::NoAnswer))?;
    stream.to = address;
    Ok(stream)
}

/// The network that this host is in now.
#[must_use]
pub fn network() -> Network {
    // A socket that is connected to an address has that of the way there, and no datagram goes out for
    // it. These are kept for documentation (RFC 5737, RFC 3849): their way is the one to everywhere.
    let elsewhere: [IpAddr; 2] =
        [Ipv4Addr::new(192, 0, 2, 1).into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()];
    let own = elsewhere.into_iter().find_map(|there| {
        let any: IpAddr = match there {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
        socket.connect((there, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    Network::of(own)
}

/// The ways to one collector.
struct Race(Stagger<Way, Stream, WayError>);

impl Race {
    fn new(plan: &Plan, config: &ClientConfig) -> Self {
        let ways = plan.ways.iter();
        Self::of(ways.map(|way| (*way, attempt(*way, plan.clone(), config.clone()))))
    }

    fn of(ways: impl IntoIterator<Item = (Way, Attempt<Stream, WayError>)>) -> Self {
        // The collector itself has spoken, at each of its addresses, and it would say the same at its other door.
        Self(Stagger::new(ways, HEAD_START, |error| matches!(error, WayError::Busy)))
    }

    /// Why it is not QUIC, if QUIC had its turn.
    fn not_quic(&self) -> Option<NotQuic> {
        let failed = self.0.failed.iter().find(|(way, _)| *way == Way::Quic);
        let is_running = self.0.running.iter().any(|(way, _)| *way == Way::Quic);
        failed
            .map(|(_, error)| error.not_quic())
            .or_else(|| is_running.then_some(NotQuic::NoAnswer))
    }

    /// What became of every way that had its turn.
    fn lost(self, address: String) -> DialError {
        let mut ways = self.0.failed;
        let unanswered = self.0.running.into_iter();
        ways.extend(unanswered.map(|(way, _)| (way, WayError::NoAnswer)));
        DialError { address, ways }
    }
}

fn attempt(way: Way, plan: Plan, config: ClientConfig) -> Attempt<Stream, WayError> {
    Box::pin(async move {
        match (way, &plan.proxy) {
            (Way::Quic, _) => {
                let sockets = resolve(&plan.address).await?;
                quic::connect(sockets, config, Effort::Full).await
            }
            (Way::Proxy, Some(proxy)) => {
                let sockets = resolve(&proxy.address()).await.map_err(|error| {
                    super::proxy::ProxyError::Unreachable {
                        proxy: proxy.address(),
                        why: error.to_string(),
                    }
                })?;
                tcp::connect_through(proxy, sockets, &plan.address, Arc::new(config)).await
            }
            (Way::Tcp | Way::Proxy, _) => {
                let sockets = resolve(&plan.address).await?;
                tcp::connect(sockets, Arc::new(config)).await
            }
        }
    })
}

/// The addresses of a name that are tried, in their turn.
async fn resolve(address: &str) -> Result<Vec<SocketAddr>, WayError> {
    // getaddrinfo(3) blocks, so the runtime makes a thread for it, the only one that it ever makes.
    let found = tokio::net::lookup_host(address).await.map_err(WayError::Resolve)?;
    let found = in_turn(found.collect());
    if found.is_empty() {
        return Err(WayError::Resolve(io::Error::from(io::ErrorKind::NotFound)));
    }
    Ok(found)
}

/// The order of a name's addresses: both kinds by turns, so that one that does not work here costs no more than its
/// lead (RFC 8305, section 4), and IPv4 first, which is the one that more networks let through.
fn in_turn(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (four, six): (Vec<_>, Vec<_>) = found.into_iter().partition(SocketAddr::is_ipv4);
    let turns = 0..four.len().max(six.len());
    let both = turns.flat_map(|turn| [four.get(turn), six.get(turn)]);
    both.flatten().copied().take(ADDRESSES_MAX).collect()
}

#[cfg(test)]
mod tests;
