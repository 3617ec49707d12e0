//! Making a connection: from `host:port` to an open stream, by whichever way leads there.
//!
//! The ways are tried one beside the other, each with a head start over the next (as RFC 8305 has it for
//! addresses). So a network that drops UDP costs seconds and not a time-out, and one that does not
//! never notices that there is another way.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use protocol::way::{NotQuic, Way};
use rustls::ClientConfig;

use super::error::{DialError, WayError};
use super::paths::{Network, Plan};
use super::quic::{self, Effort};
use super::stream::Stream;
use super::tcp;

/// How long connecting may take where there is no other address to go to.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take where there is: with two addresses of which one is dead, an agent is connected
/// before a quarter of a minute is over.
pub const CONNECT_WITHIN_OF_SEVERAL: Duration = Duration::from_secs(7);
/// How long a way has for itself.
// A handshake over a satellite takes less than two seconds; a network that drops UDP costs this.
const HEAD_START: Duration = Duration::from_secs(3);
/// How long QUIC is given beside a connection that stands.
const PROBE_WITHIN: Duration = Duration::from_millis(2_500);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

/// Connects and opens the stream.
///
/// # Errors
///
/// When no way leads there, with what became of each.
///
/// # Cancel safety
///
/// Dropping it gives the attempt up.
pub async fn dial(plan: Plan, config: ClientConfig) -> Result<Stream, DialError> {
    let mut race = Race::new(&plan, &config);
    let connected = tokio::time::timeout(plan.within, race.run()).await;
    if let Ok(Some(mut stream)) = connected {
        if stream.path.way != Way::Quic {
            stream.path.not_quic = race.not_quic().or(plan.not_quic);
        }
        return Ok(stream);
    }
    Err(race.lost(plan.address))
}

/// Tries QUIC alone, for a moment, and sparingly.
///
/// # Errors
///
/// When it does not work.
pub(super) async fn probe(address: String, config: ClientConfig) -> Result<Stream, WayError> {
    let probing = async {
        let sockets = resolve(&address).await?;
        let first = sockets.first().copied().ok_or(WayError::NoAnswer)?;
        quic::connect(first, config, Effort::Probe).await
    };
    tokio::time::timeout(PROBE_WITHIN, probing).await.unwrap_or(Err(WayError::NoAnswer))
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

type Attempt = Pin<Box<dyn Future<Output = Result<Stream, WayError>>>>;

/// Ways under way, and ways that have their turn later.
struct Race {
    waiting: VecDeque<(Way, Attempt)>,
    running: Vec<(Way, Attempt)>,
    failed: Vec<(Way, WayError)>,
}

impl Race {
    fn new(plan: &Plan, config: &ClientConfig) -> Self {
        let waiting =
            plan.ways.iter().map(|way| (*way, attempt(*way, plan.clone(), config.clone())));
        Self { waiting: waiting.collect(), running: Vec::new(), failed: Vec::new() }
    }

    /// The first stream; `None` when every way has failed.
    async fn run(&mut self) -> Option<Stream> {
        loop {
            self.running.extend(self.waiting.pop_front());
            if self.running.is_empty() {
                return None;
            }
            let mut head_start = pin!(tokio::time::sleep(HEAD_START));
            let is_last = self.waiting.is_empty();
            let turn = poll_fn(|context| match self.poll(context) {
                Poll::Ready(turn) => Poll::Ready(turn),
                Poll::Pending if is_last => Poll::Pending,
                Poll::Pending => head_start.as_mut().poll(context).map(|()| Turn::Next),
            });
            match turn.await {
                Turn::Won(stream) => return Some(*stream),
                Turn::Next => {}
                Turn::Over => return None,
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        let mut place = 0;
        let mut has_failed = false;
        while place < self.running.len() {
            let (_, attempt) = &mut self.running[place];
            match attempt.as_mut().poll(context) {
                Poll::Ready(Ok(stream)) => return Poll::Ready(Turn::Won(Box::new(stream))),
                Poll::Ready(Err(error)) => {
                    let (way, _) = self.running.remove(place);
                    // The collector itself has spoken, and it would say the same at its other door.
                    let is_over = matches!(error, WayError::Busy);
                    self.failed.push((way, error));
                    if is_over {
                        return Poll::Ready(Turn::Over);
                    }
                    has_failed = true;
                }
                Poll::Pending => place += 1,
            }
        }
        // The next way waits for nobody who has given up.
        if has_failed && (self.running.is_empty() || !self.waiting.is_empty()) {
            Poll::Ready(Turn::Next)
        } else {
            Poll::Pending
        }
    }

    /// Why it is not QUIC, if QUIC had its turn.
    fn not_quic(&self) -> Option<NotQuic> {
        let failed = self.failed.iter().find(|(way, _)| *way == Way::Quic);
        let is_running = self.running.iter().any(|(way, _)| *way == Way::Quic);
        failed
            .map(|(_, error)| error.not_quic())
            .or_else(|| is_running.then_some(NotQuic::NoAnswer))
    }

    /// What became of every way that had its turn.
    fn lost(self, address: String) -> DialError {
        let mut ways = self.failed;
        let unanswered = self.running.into_iter();
        ways.extend(unanswered.map(|(way, _)| (way, WayError::NoAnswer)));
        DialError { address, ways }
    }
}

enum Turn {
    Won(Box<Stream>),
    Next,
    Over,
}

fn attempt(way: Way, plan: Plan, config: ClientConfig) -> Attempt {
    Box::pin(async move {
        match (way, &plan.proxy) {
            (Way::Quic, _) => {
                let sockets = resolve(&plan.address).await?;
                one_by_one(sockets, &config, plan.within).await
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

/// QUIC with each address of a name, which share the time, so that a dead one cannot eat it up.
async fn one_by_one(
    sockets: Vec<SocketAddr>,
    config: &ClientConfig,
    within: Duration,
) -> Result<Stream, WayError> {
    let each = within / u32::try_from(sockets.len().max(1)).unwrap_or(1);
    let mut outcome = Err(WayError::NoAnswer);
    for socket in sockets {
        let connecting = quic::connect(socket, config.clone(), Effort::Full);
        outcome = tokio::time::timeout(each, connecting).await.unwrap_or(Err(WayError::NoAnswer));
        if matches!(outcome, Ok(_) | Err(WayError::Busy)) {
            break;
        }
    }
    outcome
}

/// The addresses of a name, IPv4 first: it is the one that more networks let through.
async fn resolve(address: &str) -> Result<Vec<SocketAddr>, WayError> {
    // getaddrinfo(3) blocks, so the runtime makes a thread for it, the only one that it ever makes.
    let mut found: Vec<_> =
        tokio::net::lookup_host(address).await.map_err(WayError::Resolve)?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.truncate(ADDRESSES_MAX);
    if found.is_empty() {
        return Err(WayError::Resolve(io::Error::from(io::ErrorKind::NotFound)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
