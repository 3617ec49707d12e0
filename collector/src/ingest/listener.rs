//! The listener: QUIC connections, from their first packet to a stream with a known peer.
//!
//! The only file that knows which transport this is. It bounds what strangers can cost: how many
//! may shake hands at once, how long they may take, and from when on they have to prove their
//! address first. It must never hand a stream on without an identity, but to an enrolment.

mod resets;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use protocol::message::{ALPN_ENROL, ALPN_SESSION};
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{
    Connection, ConnectionError, Endpoint, IdleTimeout, Incoming, RecvStream, SendStream,
    ServerConfig, TransportConfig, VarInt,
};
use rustls_pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument as _;

use super::session::{self, Parting};
use super::{Shared, enrolment};
use crate::authority::PeerIdentity;
use crate::metrics::{
    INGEST_CONNECTIONS, INGEST_HANDSHAKES_FAILED, INGEST_SESSIONS_ENDED, LABEL_REASON,
};

/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long a peer may take to open its stream.
const STREAM_WITHIN: Duration = Duration::from_secs(10);
/// How long the last words may take to arrive.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(3);
/// How long the closes of connections may stay under way before a stopping collector leaves.
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);
/// Bytes of a connection that may wait unread: an agent that sends more waits.
// Times all connections it is what a stopped disk can pile up here. A host's first inventory takes two of
// them.
const RECEIVE_WINDOW_BYTES: u32 = 16 * 1024;
/// Bytes to a peer that may wait for its acknowledgement.
const SEND_WINDOW_BYTES: u64 = 64 * 1024;
/// Bytes of packets that may wait in the kernel, as far as it allows.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Why a connection is closed, as its peer sees it.
#[derive(Clone, Copy, Debug)]
enum Close {
    Done,
    Identity,
    Slow,
}

impl Close {
    fn code(self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Done => 0,
            Self::Identity => 1,
            Self::Slow => 2,
        })
    }
}

/// A socket on which agents connect.
#[derive(Debug)]
pub(super) struct Listener {
    endpoint: Endpoint,
    address: SocketAddr,
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    handshakes_max: usize,
}

impl Listener {
    /// Binds the socket.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound, or TLS does not fit QUIC.
    pub(super) fn bind(shared: &Shared, tls: rustls::ServerConfig) -> io::Result<Self> {
        let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(Arc::new(transport(shared.config.idle_timeout)?));
        let handshakes_max = shared.config.handshakes_max as usize;
        // Packets of connections that nobody has accepted yet are kept by quinn; this bounds them.
        config.max_incoming(handshakes_max);
        let socket = UdpSocket::bind(shared.config.listen)?;
        widen(&socket);
        let runtime = Arc::new(quinn::TokioRuntime);
        let endpoint = Endpoint::new(
            resets::endpoint_config(&shared.authority),
            Some(config),
            socket,
            runtime,
        )?;
        Ok(Self {
            address: endpoint.local_addr()?,
            endpoint,
            handshakes: Arc::new(Semaphore::new(handshakes_max)),
            connections: Arc::new(Semaphore::new(shared.config.connections_max as usize)),
            handshakes_max,
        })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections until the stop, then waits until all have ended.
    pub(super) async fn run(self, shared: Arc<Shared>) {
        let connections_max = shared.config.connections_max;
        loop {
            let incoming = tokio::select! {
                biased;
                () = shared.lifecycle.stopping() => break,
                incoming = self.endpoint.accept() => incoming,
            };
            match incoming {
                Some(incoming) => self.accept(&shared, incoming),
                None => break,
            }
        }
        // New ones are refused one by one, so that their agents look elsewhere at once: an endpoint without
        // its configuration would not answer them at all. Those that stand are told by their sessions.
        let refusing = async {
            while let Some(incoming) = self.endpoint.accept().await {
                incoming.refuse();
            }
        };
        tokio::select! {
            () = self.all_told(connections_max) => {}
            () = refusing => {}
        }
    }

    /// Waits until every session has ended and its connection's close has had time to leave.
    async fn all_told(&self, connections_max: u32) {
        // Whoever has all places knows that nobody is left. The semaphore is never closed, so it fails never.
        let _places = self.connections.acquire_many(connections_max).await;
        // quinn sends the last frames of closed connections in its own task; leaving at once would cut off
        // goodbyes. It keeps a closed connection for three probe time-outs (RFC 9000 §10.2), which after a
        // load with long round trips is minutes, and nobody needs that from a process that ends.
        drop(tokio::time::timeout(FAREWELL_WITHIN, self.endpoint.wait_idle()).await);
    }

    fn accept(&self, shared: &Arc<Shared>, incoming: Incoming) {
        // Refused before any cryptography: a full collector must stay cheap to knock at.
        let Ok(place) = Arc::clone(&self.connections).try_acquire_owned() else {
            failed("limit");
            incoming.refuse();
            return;
        };
        let under_way = self.handshakes_max - self.handshakes.available_permits();
        // Not from the first on: the retry is a round trip more, which everyday reconnects need not
        // pay.
        let now = shared.clock.instant();
        let is_busy = under_way >= self.handshakes_max / 4 || shared.handshakes.is_busy(now);
        if is_busy && !incoming.remote_address_validated() {
            // A forged address never comes back with the token; a real one comes back at once.
            if incoming.retry().is_err() {
                failed("limit");
            }
            return;
        }
        let Ok(handshake) = Arc::clone(&self.handshakes).try_acquire_owned() else {
            failed("limit");
            incoming.refuse();
            return;
        };
        // Last, so that forged addresses use up nobody's share. What is refused costs one packet each way,
        // and its agent waits longer every time.
        if !shared.handshakes.take(now) {
            failed("rate");
            incoming.refuse();
            return;
        }
        let task = connection(Arc::clone(shared), incoming, handshake, place);
        shared.lifecycle.spawn("ingest.connection", task);
    }
}

fn transport(idle_timeout: Duration) -> io::Result<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        // One stream a session (decision 0004): more would be memory that an agent can ask for
        // without saying anything.
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(None)
        // Probing for larger packets costs an idle agent wake-ups, and its frames are small.
        .mtu_discovery_config(None)
        // A connection keeps the buffer of its largest burst, which is its handshake's: a packet at a time
        // is a third of that, and nothing that a collector says is longer.
        .enable_segmentation_offload(false)
        // The agent keeps the connection alive with packets of its own choice; here is only how
        // long its silence is borne.
        .max_idle_timeout(Some(
            IdleTimeout::try_from(idle_timeout).map_err(io::Error::other)?,
        ));
    Ok(transport)
}

/// Asks for room for a herd's packets. The kernel gives what it allows, and less only costs time.
fn widen(socket: &UdpSocket) {
    use rustix::net::sockopt;
    if let Err(error) = sockopt::set_socket_recv_buffer_size(socket, SOCKET_BUFFER_BYTES) {
        tracing::debug!(%error, "the receive buffer stays as it is");
    }
    if let Err(error) = sockopt::set_socket_send_buffer_size(socket, SOCKET_BUFFER_BYTES) {
        tracing::debug!(%error, "the send buffer stays as it is");
    }
}

fn failed(reason: &'static str) {
    counter!(INGEST_HANDSHAKES_FAILED, LABEL_REASON => reason).increment(1);
}

/// Counts a connection for as long as it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        gauge!(INGEST_CONNECTIONS).increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!(INGEST_CONNECTIONS).decrement(1.0);
    }
}

async fn connection(
    shared: Arc<Shared>,
    incoming: Incoming,
    handshake: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
) {
    let source = incoming.remote_address();
    let connecting = match incoming.accept() {
        Ok(connecting) => connecting,
        Err(error) => {
            tracing::debug!(%source, %error, "a connection was not accepted");
            return failed("tls");
        }
    };
    let connection = match tokio::time::timeout(HANDSHAKE_WITHIN, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            tracing::debug!(%source, %error, "a handshake ended");
            return failed("tls");
        }
        Err(_) => return failed("timeout"),
    };
    let _counted = Counted::new();
    match alpn(&connection).as_deref() {
        Some(ALPN_SESSION) => {
            // From here on the peer has a name, a rate and a place among the connections.
            drop(handshake);
            Box::pin(serve_agent(&shared, &connection)).await;
        }
        // Whoever enrols stays a stranger to the end.
        Some(ALPN_ENROL) => Box::pin(serve_stranger(&shared, &connection)).await,
        Some(_) | None => failed("tls"),
    }
}

async fn serve_agent(shared: &Arc<Shared>, connection: &Connection) {
    let source = connection.remote_address();
    let peer = match identity(shared, connection) {
        Ok(peer) => peer,
        Err(why) => {
            tracing::info!(%source, why, "sent a connection without an identity away");
            failed("identity");
            return connection.close(Close::Identity.code(), why.as_bytes());
        }
    };
    let span = tracing::info_span!("ingest.session", company = %peer.company, agent = %peer.agent);
    let serving = async {
        let Some((send, receive)) = stream(connection).await else {
            return;
        };
        let parting = session::run(shared, &peer, receive, send).await;
        let reason = match connection.close_reason() {
            // A connection that ended by itself only looks broken from within.
            Some(ConnectionError::ApplicationClosed(_)) => Parting::Closed.as_str(),
            // The cable was pulled, or the laptop closed: the everyday end of a session, and no
            // error.
            Some(ConnectionError::TimedOut) => Parting::Slow.as_str(),
            Some(_) | None => parting.as_str(),
        };
        counter!(INGEST_SESSIONS_ENDED, LABEL_REASON => reason).increment(1);
        tracing::debug!(%source, reason, "a session ended");
        last_words(connection).await;
    };
    serving.instrument(span).await;
}

async fn serve_stranger(shared: &Arc<Shared>, connection: &Connection) {
    let source = connection.remote_address().ip();
    if let Some((send, receive)) = stream(connection).await {
        enrolment::run(shared, source, receive, send).await;
        last_words(connection).await;
    }
}

/// The stream that the peer opens.
async fn stream(connection: &Connection) -> Option<(SendStream, RecvStream)> {
    match tokio::time::timeout(STREAM_WITHIN, connection.accept_bi()).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(_)) => None,
        Err(_) => {
            failed("timeout");
            connection.close(Close::Slow.code(), b"no stream");
            None
        }
    }
}

/// Waits until the peer has read what was said last and closes, and closes if it does not.
async fn last_words(connection: &Connection) {
    if tokio::time::timeout(LAST_WORDS_WITHIN, connection.closed())
        .await
        .is_err()
    {
        connection.close(Close::Done.code(), b"");
    }
}

fn alpn(connection: &Connection) -> Option<Vec<u8>> {
    connection
        .handshake_data()?
        .downcast::<HandshakeData>()
        .ok()?
        .protocol
}

/// Who the peer is. TLS has checked the certificate; it must be there, and be an agent's.
fn identity(shared: &Shared, connection: &Connection) -> Result<PeerIdentity, String> {
    let chain = connection
        .peer_identity()
        .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
        .ok_or("a session needs a client certificate")?;
    let certificate = chain
        .first()
        .ok_or("a session needs a client certificate")?;
    let peer = PeerIdentity::from_certificate(certificate, shared.authority.trust_domain())
        .map_err(|error| error.to_string())?;
    // TLS has checked the dates during the handshake, against the same clock; this is for the one
    // that ended since.
    if peer.not_after <= shared.clock.now() {
        return Err("the certificate has expired".to_owned());
    }
    Ok(peer)
}
