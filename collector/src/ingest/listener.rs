//! The listener: agents' connections, from their first packet to a stream with a known peer.
//!
//! They come over QUIC, or over TLS on TCP where UDP does not pass. Which of the two is known in the files
//! below and nowhere else; who may come in, and who it is, is the same for both and stands here. It
//! bounds what strangers can cost: how many may shake hands at once, how long they may take, and
//! from when on they have to prove their address first. It must never hand a stream on without an
//! identity, but to an enrolment.

mod idle;
mod quic;
mod resets;
mod tcp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use protocol::message::{ALPN_ENROL, ALPN_SESSION};
use rustls_pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::quic::QuicListener;
use self::tcp::TcpListener;
use super::Shared;
use crate::authority::PeerIdentity;
use crate::metrics::{
    INGEST_CONNECTIONS, INGEST_HANDSHAKES, INGEST_HANDSHAKES_FAILED, LABEL_REASON, LABEL_TRANSPORT,
};

/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long the last words may take to arrive.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(3);
/// Tries to find a port that is free for both, where any will do.
const PORT_TRIES: u32 = 32;

/// The sockets on which agents connect.
#[derive(Debug)]
pub(super) struct Listener {
    quic: QuicListener,
    tcp: Option<TcpListener>,
}

impl Listener {
    /// Binds the sockets.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound, or TLS does not fit QUIC; with the address and its transport.
    pub(super) fn bind(
        shared: &Shared,
        tls: rustls::ServerConfig,
    ) -> Result<Self, (SocketAddr, &'static str, io::Error)> {
        let (udp_at, tcp_at) = (shared.config.listen, shared.config.tcp_address());
        let gate = Arc::new(Gate::new(
            shared.config.handshakes_max as usize,
            shared.config.connections_max as usize,
        ));
        let tls = Arc::new(tls);
        let mut tries = 0;
        loop {
            tries += 1;
            let quic = QuicListener::bind(shared, Arc::clone(&tls), Arc::clone(&gate))
                .map_err(|error| (udp_at, "UDP", error))?;
            let Some(mut tcp_at) = tcp_at else {
                return Ok(Self { quic, tcp: None });
            };
            if udp_at.port() == 0 && tcp_at.port() == 0 {
                tcp_at.set_port(quic.address().port());
            }
            match TcpListener::bind(tcp_at, Arc::clone(&tls), Arc::clone(&gate)) {
                Ok(tcp) => {
                    return Ok(Self { quic, tcp: Some(tcp) });
                }
                // Somebody has taken the number for TCP that was free for UDP: another will do.
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse
                        && udp_at.port() == 0
                        && tries < PORT_TRIES => {}
                Err(error) => return Err((tcp_at, "TCP", error)),
            }
        }
    }

    /// Where it listens for QUIC.
    pub(super) const fn address(&self) -> SocketAddr {
        self.quic.address()
    }

    /// Accepts connections until the stop, then waits until all have ended.
    pub(super) async fn run(self, shared: Arc<Shared>) {
        let over_tcp = async {
            if let Some(tcp) = self.tcp {
                tcp.run(Arc::clone(&shared)).await;
            }
        };
        tokio::join!(self.quic.run(Arc::clone(&shared)), over_tcp);
    }
}

/// Who may come in, by whichever way.
#[derive(Debug)]
struct Gate {
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    handshakes_max: usize,
}

/// A place among the connections, and one among the strangers.
struct Admitted {
    place: OwnedSemaphorePermit,
    handshake: OwnedSemaphorePermit,
}

impl Gate {
    fn new(handshakes_max: usize, connections_max: usize) -> Self {
        Self {
            handshakes: Arc::new(Semaphore::new(handshakes_max)),
            connections: Arc::new(Semaphore::new(connections_max)),
            handshakes_max,
        }
    }

    /// Whether so many shake hands that a forged address would be a burden.
    fn is_busy(&self, shared: &Shared, now: Instant) -> bool {
        let under_way = self.handshakes_max - self.handshakes.available_permits();
        under_way >= self.handshakes_max / 4 || shared.handshakes.is_busy(now)
    }

    /// Lets somebody shake hands whose address is its own. Refused before any cryptography: a full
    /// collector must stay cheap to knock at.
    fn admit(&self, shared: &Shared, now: Instant) -> Option<Admitted> {
        let place = Arc::clone(&self.connections).try_acquire_owned();
        let handshake = Arc::clone(&self.handshakes).try_acquire_owned();
        let (Ok(place), Ok(handshake)) = (place, handshake) else {
            failed("limit");
            return None;
        };
        // Last, so that whoever has no place uses up nobody's share. What is refused costs one packet each
        // way, and its agent waits longer every time.
        if !shared.handshakes.take(now) {
            failed("rate");
            return None;
        }
        Some(Admitted { place, handshake })
    }
}

fn failed(reason: &'static str) {
    counter!(INGEST_HANDSHAKES_FAILED, LABEL_REASON => reason).increment(1);
}

/// Counts a connection for as long as it lives.
struct Counted;

impl Counted {
    fn new(transport: &'static str) -> Self {
        counter!(INGEST_HANDSHAKES, LABEL_TRANSPORT => transport).increment(1);
        gauge!(INGEST_CONNECTIONS).increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!(INGEST_CONNECTIONS).decrement(1.0);
    }
}

/// What somebody has shaken hands for.
enum Purpose {
    /// A session of this agent.
    Session(PeerIdentity),
    /// An enrolment.
    Enrolment,
    /// Nothing that there is.
    Nothing,
    /// A session, and this is why it has none.
    Unidentified(String),
}

/// What somebody wants, by the protocol's name, and who it is, by the certificate.
fn purpose(
    shared: &Shared,
    alpn: Option<&[u8]>,
    chain: Option<&[CertificateDer<'static>]>,
) -> Purpose {
    match alpn {
        Some(ALPN_SESSION) => match identity(shared, chain) {
            Ok(peer) => Purpose::Session(peer),
            Err(why) => {
                failed("identity");
                Purpose::Unidentified(why)
            }
        },
        Some(ALPN_ENROL) => Purpose::Enrolment,
        Some(_) | None => {
            failed("tls");
            Purpose::Nothing
        }
    }
}

/// Who the peer is. TLS has checked the certificate; it must be there, and be an agent's.
fn identity(
    shared: &Shared,
    chain: Option<&[CertificateDer<'static>]>,
) -> Result<PeerIdentity, String> {
    let certificate = chain.and_then(<[_]>::first).ok_or("a session needs a client certificate")?;
    let peer = PeerIdentity::from_certificate(certificate, shared.authority.trust_domain())
        .map_err(|error| error.to_string())?;
    // TLS has checked the dates during the handshake, against the same clock; this is for the one
    // that ended since.
    if peer.not_after <= shared.clock.now() {
        return Err("the certificate has expired".to_owned());
    }
    Ok(peer)
}
