//! The first way: QUIC over UDP.
//!
//! With UDP dropped on the way, QUIC itself would give up only after its idle timeout, and it does not
//! hear what the network says of a datagram that cannot get there. So every attempt is watched from the
//! outside: by the time that it is given, and by a socket that is told.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::message::SERVER_NAME;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ConnectionError, Endpoint, EndpointConfig, TransportConfig, TransportErrorCode};
use rustls::ClientConfig;
use tokio::net::UdpSocket;

use super::error::WayError;
use super::stagger::first_of;
use super::stream::{Quic, Stream};
use crate::logging::sanitise;

/// What a collector may send before it is read: its messages are small.
const RECEIVE_WINDOW_BYTES: u32 = 64 * 1024;
/// What may be on its way to a collector: the outbox and a little more.
const SEND_WINDOW_BYTES: u64 = 256 * 1024;
/// What a probe takes for a round trip until it knows: it sends one datagram, and not three, where
/// nobody will answer.
const PROBE_ROUND_TRIP: Duration = Duration::from_secs(1);

/// How a connection is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// To be connected.
    Full,
    /// To find out whether it would be, beside a connection that stands.
    Probe,
}

/// Connects over QUIC to the first of a name's addresses that shakes hands.
///
/// # Errors
///
/// When the network refuses UDP to all of them, or no handshake succeeds. It does not end by itself where
/// nothing answers.
pub(super) async fn connect(
    sockets: Vec<SocketAddr>,
    tls: ClientConfig,
    effort: Effort,
) -> Result<Stream, WayError> {
    first_of(sockets, |socket| Box::pin(connect_to(socket, tls.clone(), effort))).await
}

async fn connect_to(
    socket: SocketAddr,
    tls: ClientConfig,
    effort: Effort,
) -> Result<Stream, WayError> {
    let crypto = QuicClientConfig::try_from(tls)
        .map_err(|error| WayError::Handshake { why: error.to_string() })?;
    let mut client = quinn::ClientConfig::new(Arc::new(crypto));
    client.transport_config(Arc::new(transport(effort)));
    tokio::select! {
        connected = shake_hands(socket, client) => connected,
        error = refused(socket) => Err(error),
    }
}

async fn shake_hands(socket: SocketAddr, client: quinn::ClientConfig) -> Result<Stream, WayError> {
    // A socket for each connection: a new one gets through where a router has forgotten the old.
    let endpoint = std::net::UdpSocket::bind(unspecified(socket))
        .and_then(|udp| {
            let runtime = Arc::new(quinn::TokioRuntime);
            Endpoint::new(EndpointConfig::default(), None, udp, runtime)
        })
        .map_err(WayError::Udp)?;
    let connection = endpoint
        .connect_with(client, socket, SERVER_NAME)
        .map_err(|error| handshake(&error))?
        .await
        .map_err(|error| failed(&error))?;
    // A stream is open as soon as it has a number: nothing goes over the wire for it before the
    // first byte does.
    let (send, recv) = connection.open_bi().await.map_err(|error| failed(&error))?;
    let quic = Quic { endpoint, connection, send, recv };
    Ok(Stream::quic(socket, quic))
}

/// Resolves when the network says that nothing gets there, which a socket hears that is connected to one
/// address, and QUIC's own, which is not, never does.
async fn refused(socket: SocketAddr) -> WayError {
    let knock = async {
        let udp = UdpSocket::bind(unspecified(socket)).await?;
        udp.connect(socket).await?;
        // Anything will do: a collector passes over what is no packet of QUIC.
        udp.send(&[0]).await?;
        let mut answer = [0; 1];
        udp.recv(&mut answer).await
    };
    match knock.await.err().and_then(told) {
        Some(why) => why,
        // Whatever else this socket meets says nothing about the other one.
        None => std::future::pending().await,
    }
}

/// What the network says by an error of a connected socket, if it is the network that speaks.
fn told(error: io::Error) -> Option<WayError> {
    // An ICMP message that the port is closed is the second for Windows (WSAECONNRESET).
    let is_refused =
        matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset);
    if is_refused {
        return Some(WayError::UdpRefused);
    }
    is_unreachable(&error).then_some(WayError::Udp(error))
}

fn is_unreachable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::AddrNotAvailable
    )
}

fn unspecified(socket: SocketAddr) -> SocketAddr {
    if socket.is_ipv6() {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    }
}

/// A handshake that did not succeed. Whoever answers has not shown yet who it is, and the
/// reason of a QUIC close is its own text (RFC 9000, section 19.19): `enroll` and `check` would
/// print it on somebody's terminal.
fn handshake(why: &dyn std::fmt::Display) -> WayError {
    WayError::Handshake { why: sanitise(&why.to_string()) }
}

fn failed(error: &ConnectionError) -> WayError {
    match error {
        // A collector that has no room: another way would only knock twice at the same door.
        ConnectionError::ConnectionClosed(close)
            if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
        {
            WayError::Busy
        }
        ConnectionError::TimedOut => WayError::NoAnswer,
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::ApplicationClosed(_)
        | ConnectionError::Reset
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted => handshake(error),
    }
}

/// One stream, small windows, and silence while nothing is said.
fn transport(effort: Effort) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        // A collector opens no stream towards an agent: there is nothing that it could ask there.
        .max_concurrent_bidi_streams(0_u8.into())
        .max_concurrent_uni_streams(0_u8.into())
        .stream_receive_window(RECEIVE_WINDOW_BYTES.into())
        .receive_window(RECEIVE_WINDOW_BYTES.into())
        .send_window(SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(None)
        // Probing for larger packets would wake an idle agent up, for frames that are small.
        .mtu_discovery_config(None)
        .keep_alive_interval(None)
        // The collector's own holds for both sides (RFC 9000, section 10.1). A shorter one here
        // would be one more thing to wake up for, and a heartbeat that nobody answers ends the
        // connection sooner.
        .max_idle_timeout(None);
    if effort == Effort::Probe {
        transport.initial_rtt(PROBE_ROUND_TRIP);
    }
    transport
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_gives_as_its_reason_stays_on_its_line() {
        let why = "closed by peer: \u{1b}[2J\u{1b}[1;1Hok\nok  collector: welcomes the agent";
        let said = handshake(&why).to_string();
        assert!(!said.contains(char::is_control), "{said:?}");
    }

    #[test]
    fn knows_in_the_words_of_every_system_that_the_network_refuses() {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset, NetworkUnreachable, TimedOut};
        for kind in [ConnectionRefused, ConnectionReset] {
            assert!(matches!(told(kind.into()), Some(WayError::UdpRefused)), "{kind:?}");
        }
        assert!(matches!(told(NetworkUnreachable.into()), Some(WayError::Udp(_))));
        assert!(told(TimedOut.into()).is_none());
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn hears_at_once_that_a_port_is_closed() {
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = closed.local_addr().expect("bound");
        drop(closed);
        assert!(matches!(refused(address).await, WayError::UdpRefused));
    }
}
