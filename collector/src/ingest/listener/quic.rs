//! Agents over QUIC, from their first packet to a stream.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{
    Connection, ConnectionError, Endpoint, IdleTimeout, Incoming, RecvStream, SendStream,
    ServerConfig, TransportConfig, TransportErrorCode, VarInt,
};
use rustls_pki_types::CertificateDer;
use tracing::Instrument as _;

use super::{
    Admitted, Counted, Gate, HANDSHAKE_WITHIN, LAST_WORDS_WITHIN, Purpose, failed, purpose, resets,
};
use crate::authority::PeerIdentity;
use crate::ingest::session::{self, Parting};
use crate::ingest::{Shared, enrolment};
use crate::metrics::{INGEST_SESSIONS_ENDED, LABEL_REASON};

/// How long a peer may take to open its stream.
const STREAM_WITHIN: Duration = Duration::from_secs(10);
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

/// A socket on which agents connect over QUIC.
#[derive(Debug)]
pub(super) struct QuicListener {
    endpoint: Endpoint,
    address: SocketAddr,
    gate: Arc<Gate>,
}

impl QuicListener {
    /// Binds the socket.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound, or TLS does not fit QUIC.
    pub(super) fn bind(
        shared: &Shared,
        tls: Arc<rustls::ServerConfig>,
        gate: Arc<Gate>,
    ) -> io::Result<Self> {
        let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(Arc::new(transport(shared.config.idle_timeout)?));
        // Packets of connections that nobody has accepted yet are kept by quinn; this bounds them.
        config.max_incoming(gate.handshakes_max);
        let socket = UdpSocket::bind(shared.config.listen)?;
        widen(&socket);
        let runtime = Arc::new(quinn::TokioRuntime);
        let endpoint = Endpoint::new(
            resets::endpoint_config(&shared.authority),
            Some(config),
            socket,
            runtime,
        )?;
        Ok(Self { address: endpoint.local_addr()?, endpoint, gate })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections until the stop, then waits until all have ended.
    pub(super) async fn run(self, shared: Arc<Shared>) {
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
            () = self.all_told(shared.config.connections_max) => {}
            () = refusing => {}
        }
    }

    /// Waits until every session has ended and its connection's close has had time to leave.
    async fn all_told(&self, connections_max: u32) {
        // Whoever has all places knows that nobody is left, over TCP either. The semaphore is never closed, so
        // it fails never.
        let _places = self.gate.connections.acquire_many(connections_max).await;
        // quinn sends the last frames of closed connections in its own task; leaving at once would cut off
        // goodbyes. It keeps a closed connection for three probe time-outs (RFC 9000 §10.2), which after a
        // load with long round trips is minutes, and nobody needs that from a process that ends.
        drop(tokio::time::timeout(FAREWELL_WITHIN, self.endpoint.wait_idle()).await);
    }

    fn accept(&self, shared: &Arc<Shared>, incoming: Incoming) {
        let now = shared.clock.instant();
        // Not from the first on: the retry is a round trip more, which everyday reconnects need not
        // pay.
        if self.gate.is_busy(shared, now) && !incoming.remote_address_validated() {
            // A full collector says so before it asks anybody to come back.
            if self.gate.connections.available_permits() == 0 {
                failed("limit");
                return incoming.refuse();
            }
            // A forged address never comes back with the token; a real one comes back at once.
            if incoming.retry().is_err() {
                failed("limit");
            }
            return;
        }
        match self.gate.admit(shared, now) {
            Some(admitted) => {
                let task = connection(Arc::clone(shared), incoming, admitted);
                shared.lifecycle.spawn("ingest.connection", task);
            }
            None => incoming.refuse(),
        }
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

async fn connection(shared: Arc<Shared>, incoming: Incoming, admitted: Admitted) {
    let Admitted { place: _place, handshake } = admitted;
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
        // An agent that only tried whether QUIC passes leaves as soon as it knows, and nothing has failed.
        Ok(Err(ConnectionError::ConnectionClosed(close)))
            if close.error_code == TransportErrorCode::APPLICATION_ERROR =>
        {
            return;
        }
        Ok(Err(error)) => {
            tracing::debug!(%source, %error, "a handshake ended");
            return failed("tls");
        }
        Err(_) => return failed("timeout"),
    };
    let _counted = Counted::new("quic");
    match purpose(&shared, alpn(&connection).as_deref(), chain(&connection).as_deref()) {
        Purpose::Session(peer) => {
            // From here on the peer has a name, a rate and a place among the connections.
            drop(handshake);
            Box::pin(serve_agent(&shared, &connection, &peer)).await;
        }
        // Whoever enrols stays a stranger to the end.
        Purpose::Enrolment => Box::pin(serve_stranger(&shared, &connection)).await,
        Purpose::Unidentified(why) => {
            tracing::info!(%source, why, "sent a connection without an identity away");
            connection.close(Close::Identity.code(), why.as_bytes());
        }
        Purpose::Nothing => {}
    }
}

async fn serve_agent(shared: &Arc<Shared>, connection: &Connection, peer: &PeerIdentity) {
    let source = connection.remote_address();
    let span = tracing::info_span!("ingest.session", company = %peer.company, agent = %peer.agent);
    let serving = async {
        let Some((send, receive)) = stream(connection).await else {
            return;
        };
        let parting = session::run(shared, peer, receive, send).await;
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
    if tokio::time::timeout(LAST_WORDS_WITHIN, connection.closed()).await.is_err() {
        connection.close(Close::Done.code(), b"");
    }
}

fn alpn(connection: &Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}

fn chain(connection: &Connection) -> Option<Vec<CertificateDer<'static>>> {
    let chain = connection.peer_identity()?;
    chain.downcast().ok().map(|chain| *chain)
}
