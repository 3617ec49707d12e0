//! Making a connection: from `host:port` to an open stream.
//!
//! With UDP dropped on the way, QUIC itself would give up only after its idle timeout; so every
//! attempt has a deadline of its own.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::message::SERVER_NAME;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig};
use quinn::{Connection, Endpoint, EndpointConfig, RecvStream, SendStream, TransportConfig};
use rustls::ClientConfig;

use crate::logging::sanitise;

/// How long finding the addresses of one name may take, and then again how long connecting to all
/// of them may.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// What a collector may send before it is read: its messages are small.
const RECEIVE_WINDOW_BYTES: u32 = 64 * 1024;
/// What may be on its way to a collector: the outbox and a little more.
const SEND_WINDOW_BYTES: u64 = 256 * 1024;

/// An open stream to a collector.
#[derive(Debug)]
pub struct Dialled {
    /// The address that answered.
    pub address: SocketAddr,
    /// The socket, for this connection alone.
    pub endpoint: Endpoint,
    /// The connection.
    pub connection: Connection,
    /// The stream's way out.
    pub send: SendStream,
    /// The stream's way in.
    pub recv: RecvStream,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("find the address of {address}: {source}; check the name and the resolver")]
    Resolve {
        /// What was looked for, `host:port`.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// There is no socket.
    #[error("open a UDP socket: {0}")]
    Socket(#[from] io::Error),
    /// Nothing came back in time.
    #[error(
        "{address} does not answer within {} s; check that it runs and that UDP gets through",
        CONNECT_WITHIN.as_secs()
    )]
    NoAnswer {
        /// What was tried, `host:port`.
        address: String,
    },
    /// It answered and the handshake did not succeed.
    #[error("{address} answers, and the handshake ends with: {why}")]
    Handshake {
        /// What was tried, `host:port`.
        address: String,
        /// What the other side or TLS says.
        why: String,
    },
    /// The cryptography does not fit QUIC.
    #[error("prepare the handshake: {0}")]
    Crypto(#[from] NoInitialCipherSuite),
}

impl DialError {
    /// A handshake that did not succeed. Whoever answers has not shown yet who it is, and the
    /// reason of a QUIC close is its own text (RFC 9000, section 19.19): `enroll` and `check` would
    /// print it on somebody's terminal.
    fn handshake(address: &str, why: &dyn std::fmt::Display) -> Self {
        Self::Handshake {
            address: address.to_owned(),
            why: sanitise(&why.to_string()),
        }
    }
}

/// Connects and opens the stream; the addresses of a name are tried one after another.
///
/// # Errors
///
/// The last address's.
///
/// # Cancel safety
///
/// Dropping it gives the attempt up.
pub async fn dial(address: String, config: ClientConfig) -> Result<Dialled, DialError> {
    let crypto = QuicClientConfig::try_from(config)?;
    let mut client = quinn::ClientConfig::new(Arc::new(crypto));
    client.transport_config(Arc::new(transport()));

    let no_answer = || DialError::NoAnswer {
        address: address.clone(),
    };
    let found = tokio::time::timeout(CONNECT_WITHIN, resolve(&address))
        .await
        .map_err(|_| no_answer())??;
    // All of a name's addresses share the deadline, so that a dead one cannot eat it up.
    let each = CONNECT_WITHIN / u32::try_from(found.len().max(1)).unwrap_or(1);
    let mut outcome = Err(no_answer());
    for socket in found {
        let attempt = attempt(&address, socket, client.clone());
        outcome = tokio::time::timeout(each, attempt)
            .await
            .unwrap_or_else(|_| Err(no_answer()));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The addresses of a name, IPv4 first: it is the one that more networks let through.
async fn resolve(address: &str) -> Result<Vec<SocketAddr>, DialError> {
    let failed = |source| DialError::Resolve {
        address: address.to_owned(),
        source,
    };
    // getaddrinfo(3) blocks, so the runtime makes a thread for it, the only one that it ever makes.
    let mut found: Vec<_> = tokio::net::lookup_host(address)
        .await
        .map_err(failed)?
        .collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.truncate(ADDRESSES_MAX);
    if found.is_empty() {
        return Err(failed(io::Error::from(io::ErrorKind::NotFound)));
    }
    Ok(found)
}

async fn attempt(
    address: &str,
    socket: SocketAddr,
    client: quinn::ClientConfig,
) -> Result<Dialled, DialError> {
    let local: SocketAddr = if socket.is_ipv6() {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    };
    // A socket for each connection: a new one gets through where a router has forgotten the old.
    let endpoint = Endpoint::new(
        EndpointConfig::default(),
        None,
        std::net::UdpSocket::bind(local)?,
        Arc::new(quinn::TokioRuntime),
    )?;
    let connection = endpoint
        .connect_with(client, socket, SERVER_NAME)
        .map_err(|error| DialError::handshake(address, &error))?
        .await
        .map_err(|error| DialError::handshake(address, &error))?;
    // A stream is open as soon as it has a number: nothing goes over the wire for it before the
    // first byte does.
    let (send, recv) = connection
        .open_bi()
        .await
        .map_err(|error| DialError::handshake(address, &error))?;
    Ok(Dialled {
        address: socket,
        endpoint,
        connection,
        send,
        recv,
    })
}

/// One stream, small windows, and silence while nothing is said.
fn transport() -> TransportConfig {
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
    transport
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_gives_as_its_reason_stays_on_its_line() {
        let why = "closed by peer: \u{1b}[2J\u{1b}[1;1Hok\nok  collector: welcomes the agent";
        let said = DialError::handshake("collector.example:7070", &why).to_string();
        assert!(said.starts_with("collector.example:7070 answers"), "{said}");
        assert!(!said.contains(char::is_control), "{said:?}");
    }
}
