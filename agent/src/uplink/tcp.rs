//! The second way: TLS over TCP, straight or through an HTTP proxy.
//!
//! It is for networks that drop UDP, so it is also where whoever opens TLS on the way is met. The
//! certificate is checked like QUIC's, and nothing is sent to anybody else.

mod silence;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use protocol::message::SERVER_NAME;
use protocol::way::{Path, Way};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::WayError;
use super::proxy;
use super::stagger::first_of;
use super::stream::{Meter, Metered, Stream, Tls};
use crate::config::Proxy;
use crate::logging::sanitise;
use crate::tls::Stranger;

/// Connects to the first of a name's addresses that shakes hands.
pub(super) async fn connect(
    sockets: Vec<SocketAddr>,
    tls: Arc<ClientConfig>,
) -> Result<Stream, WayError> {
    first_of(sockets, |socket| {
        let tls = Arc::clone(&tls);
        Box::pin(async move { shake_hands(open(socket).await?, tls, Way::Tcp).await })
    })
    .await
}

/// Connects through a proxy, which finds the collector's address itself.
pub(super) async fn connect_through(
    proxy: &Proxy,
    sockets: Vec<SocketAddr>,
    target: &str,
    tls: Arc<ClientConfig>,
) -> Result<Stream, WayError> {
    // The first that takes the connection: to ask several for a way would show each of them the password, and let
    // each of them connect to the collector.
    let opened = first_of(sockets, |socket| Box::pin(open(socket))).await;
    let mut stream = opened.map_err(|error| proxy::ProxyError::Unreachable {
        proxy: proxy.address(),
        why: error.to_string(),
    })?;
    proxy::ask(&mut stream, proxy, target).await?;
    shake_hands(stream, tls, Way::Proxy).await
}

async fn open(socket: SocketAddr) -> Result<TcpStream, WayError> {
    let stream = TcpStream::connect(socket).await.map_err(WayError::Connect)?;
    set_up(&stream).map_err(WayError::Connect)?;
    Ok(stream)
}

fn set_up(stream: &TcpStream) -> io::Result<()> {
    // A frame is written at once, and what it says is waited for.
    stream.set_nodelay(true)?;
    // A system that does not know it finds a dead connection later, and this one is as good.
    silence::limit(stream).ok();
    Ok(())
}

async fn shake_hands(
    stream: TcpStream,
    tls: Arc<ClientConfig>,
    way: Way,
) -> Result<Stream, WayError> {
    let address = stream.peer_addr().map_err(WayError::Connect)?;
    let name = ServerName::try_from(SERVER_NAME)
        .map_err(|error| WayError::Handshake { why: error.to_string() })?;
    let (stream, meter) = Metered::new(stream);
    let stream = TlsConnector::from(tls)
        .connect(name, stream)
        .await
        .map_err(|error| failed(&error, &meter))?;
    let wanted = stream.get_ref().1.alpn_protocol();
    // Unlike QUIC (RFC 9001, section 8.1), TLS over TCP lets a server pass over the protocol's name.
    if wanted.is_none() {
        return Err(WayError::Handshake {
            why: "the other side does not speak this protocol (ALPN)".to_owned(),
        });
    }
    let path = Path {
        way,
        // Whoever has tried QUIC knows.
        not_quic: None,
    };
    Ok(Stream::tls(address, path, Tls { stream, meter }))
}

/// What a handshake that failed was.
fn failed(error: &io::Error, meter: &Meter) -> WayError {
    if meter.looks_like_http() {
        return WayError::Portal;
    }
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(stranger) = inner.and_then(Stranger::of) {
        return WayError::Stranger(sanitise(&stranger.to_string()));
    }
    let is_end = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    );
    let why = match is_end {
        true if meter.has_heard() => "the connection is cut".to_owned(),
        true => "the connection is cut without an answer".to_owned(),
        false => sanitise(&error.to_string()),
    };
    WayError::Handshake { why }
}
