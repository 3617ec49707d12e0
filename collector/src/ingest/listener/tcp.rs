//! Agents over TLS on TCP, from their connection to a stream: the way for networks that drop UDP.
//!
//! What QUIC does by itself is done here: silence has an end, what waits in the kernel has a bound, and
//! last words are waited for, because TCP takes them back when it is closed over unread bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::Instrument as _;

use super::idle::Idle;
use super::{
    Admitted, Counted, Gate, HANDSHAKE_WITHIN, LAST_WORDS_WITHIN, Purpose, failed, purpose,
};
use crate::authority::PeerIdentity;
use crate::ingest::session;
use crate::ingest::{Shared, enrolment};
use crate::metrics::{INGEST_SESSIONS_ENDED, LABEL_REASON};

/// Connections that the kernel has accepted and nobody here has yet.
const BACKLOG: u32 = 1_024;
/// Bytes of a connection that may wait unread in the kernel.
// Twice QUIC's, because the kernel counts its own overhead. Without it, each may come to megabytes.
const RECEIVE_BUFFER_BYTES: usize = 32 * 1024;
/// Bytes of a connection that may wait unsent in the kernel.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How long the listener rests when the system cannot give it another connection.
const REST: Duration = Duration::from_millis(100);
/// Bytes that are read and dropped for the sake of last words.
const LAST_BYTES_MAX: u64 = 1024 * 1024;

type Secured = TlsStream<Idle<TcpStream>>;

/// A socket on which agents connect over TCP.
#[derive(Debug)]
pub(super) struct TcpListener {
    listener: tokio::net::TcpListener,
    tls: Arc<rustls::ServerConfig>,
    gate: Arc<Gate>,
}

impl TcpListener {
    /// Binds the socket.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub(super) fn bind(
        address: SocketAddr,
        tls: Arc<rustls::ServerConfig>,
        gate: Arc<Gate>,
    ) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // So that a restart finds its port, whatever the connections of the process before wait for.
        socket.set_reuseaddr(true)?;
        // Before it listens: connections inherit them, and a window is announced with the first packet.
        sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES)?;
        sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES)?;
        socket.bind(address)?;
        Ok(Self { listener: socket.listen(BACKLOG)?, tls, gate })
    }

    /// Accepts connections until the stop.
    pub(super) async fn run(self, shared: Arc<Shared>) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = shared.lifecycle.stopping() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, source)) => self.accept(&shared, stream, source),
                Err(error) => {
                    // Nearly always no file descriptor is left: asking again at once would only be busy.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    failed("limit");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn accept(&self, shared: &Arc<Shared>, stream: TcpStream, source: SocketAddr) {
        // Whoever gets this far has its address: no forged one completes TCP's own handshake.
        let Some(admitted) = self.gate.admit(shared, shared.clock.instant()) else {
            // A reset, so that neither side has to remember it.
            sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).ok();
            return;
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&self.tls));
        let task = connection(Arc::clone(shared), acceptor, stream, source, admitted);
        shared.lifecycle.spawn("ingest.connection", task);
    }
}

async fn connection(
    shared: Arc<Shared>,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    source: SocketAddr,
    admitted: Admitted,
) {
    let Admitted { place: _place, handshake } = admitted;
    // Answers are small and waited for. A socket that cannot be told so works all the same.
    stream.set_nodelay(true).ok();
    let idle = Idle::new(stream, shared.config.idle_timeout);
    let accepting = tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(idle));
    let stream = match Box::pin(accepting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%source, %error, "a handshake ended");
            return failed("tls");
        }
        Err(_) => return failed("timeout"),
    };
    let _counted = Counted::new("tcp");
    let (_, tls) = stream.get_ref();
    match purpose(&shared, tls.alpn_protocol(), tls.peer_certificates()) {
        Purpose::Session(peer) => {
            // From here on the peer has a name, a rate and a place among the connections.
            drop(handshake);
            Box::pin(serve_agent(&shared, stream, source, &peer)).await;
        }
        // Whoever enrols stays a stranger to the end.
        Purpose::Enrolment => Box::pin(serve_stranger(&shared, stream, source)).await,
        Purpose::Unidentified(why) => {
            tracing::info!(%source, why, "sent a connection without an identity away");
        }
        Purpose::Nothing => {}
    }
}

async fn serve_agent(
    shared: &Arc<Shared>,
    stream: Secured,
    source: SocketAddr,
    peer: &PeerIdentity,
) {
    let span = tracing::info_span!("ingest.session", company = %peer.company, agent = %peer.agent);
    let serving = async {
        let (mut receive, send): (ReadHalf<Secured>, WriteHalf<Secured>) = tokio::io::split(stream);
        let parting = session::run(shared, peer, &mut receive, send).await;
        let reason = parting.as_str();
        counter!(INGEST_SESSIONS_ENDED, LABEL_REASON => reason).increment(1);
        tracing::debug!(%source, reason, "a session ended");
        last_words(receive).await;
    };
    serving.instrument(span).await;
}

async fn serve_stranger(shared: &Arc<Shared>, stream: Secured, source: SocketAddr) {
    let (mut receive, send) = tokio::io::split(stream);
    enrolment::run(shared, source.ip(), &mut receive, send).await;
    last_words(receive).await;
}

/// Waits until the peer has read what was said last and closes.
async fn last_words<R: AsyncRead + Unpin>(receive: R) {
    // Closing a socket over bytes that were not read resets the connection (RFC 1122, section
    // 4.2.2.13), and with it goes what the peer has not read yet.
    let mut rest = receive.take(LAST_BYTES_MAX);
    let mut nowhere = tokio::io::sink();
    let draining = tokio::io::copy(&mut rest, &mut nowhere);
    tokio::time::timeout(LAST_WORDS_WITHIN, draining).await.ok();
}
