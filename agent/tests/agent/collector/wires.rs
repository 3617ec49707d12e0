//! The ways on which the tests' collector is there, and what stands in its place on the others.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{Connection, Endpoint, ServerConfig};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What a network does with UDP, and what it lets through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wires {
    /// Everything.
    #[default]
    All,
    /// UDP is dropped: a socket takes it and says nothing.
    UdpSilent,
    /// Nobody is there over UDP, and the network says so.
    UdpClosed,
    /// Something else answers over UDP.
    UdpForeign,
    /// Nothing but UDP.
    UdpAlone,
    /// The first datagrams of a connection over UDP, and no more: enough to shake hands.
    UdpBrief,
}

/// Datagrams that pass then, those of both directions together.
const BRIEF: usize = 8;

/// The sockets of a collector.
pub(super) struct Sockets {
    pub(super) quic: Option<Endpoint>,
    pub(super) tcp: Option<(TcpListener, TlsAcceptor)>,
    /// Kept, and never read.
    _silent: Option<UdpSocket>,
    pub(super) address: SocketAddr,
}

/// Carries the first datagrams of everybody who comes, there and back, and drops what follows.
fn pass_the_first(at: SocketAddr, to: SocketAddr) {
    let front = Arc::new(std::net::UdpSocket::bind(at).expect("a port"));
    std::thread::spawn(move || {
        let mut guests = HashMap::new();
        let mut datagram = [0; 2_048];
        while let Ok((bytes, guest)) = front.recv_from(&mut datagram) {
            let (there, left) = guests.entry(guest).or_insert_with(|| {
                let there = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                there.connect(to).expect("an address");
                let (there, left) = (Arc::new(there), Arc::new(AtomicUsize::new(BRIEF)));
                let (from, back) = (Arc::clone(&there), Arc::clone(&front));
                let counted = Arc::clone(&left);
                std::thread::spawn(move || {
                    let mut datagram = [0; 2_048];
                    while let Ok(bytes) = from.recv(&mut datagram) {
                        if passes(&counted) {
                            back.send_to(&datagram[..bytes], guest).ok();
                        }
                    }
                });
                (there, left)
            });
            if passes(left) {
                there.send(&datagram[..bytes]).ok();
            }
        }
    });
}

fn passes(left: &AtomicUsize) -> bool {
    let next = |left: usize| left.checked_sub(1);
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).is_ok()
}

/// An address of this machine whose number nobody has, neither for TCP nor for UDP.
fn free_address() -> SocketAddr {
    for _ in 0..32 {
        let tcp = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = tcp.local_addr().expect("bound");
        if std::net::UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no number is free for both")
}

impl Sockets {
    pub(super) async fn open(
        wires: Wires,
        mut address: SocketAddr,
        tls: rustls::ServerConfig,
    ) -> Self {
        if address.port() == 0 {
            address = free_address();
        }
        let acceptor = TlsAcceptor::from(Arc::new(tls.clone()));
        let tcp = match wires {
            Wires::UdpAlone => None,
            Wires::All
            | Wires::UdpSilent
            | Wires::UdpClosed
            | Wires::UdpForeign
            | Wires::UdpBrief => {
                let listener = TcpListener::bind(address).await.expect("a port");
                Some((listener, acceptor))
            }
        };
        let endpoint = |mut tls: rustls::ServerConfig, address| {
            if wires == Wires::UdpForeign {
                tls.alpn_protocols = vec![b"h3".to_vec()];
            }
            let crypto = QuicServerConfig::try_from(tls).expect("TLS for QUIC");
            let config = ServerConfig::with_crypto(Arc::new(crypto));
            Endpoint::server(config, address).expect("a socket")
        };
        let quic = match wires {
            Wires::All | Wires::UdpForeign | Wires::UdpAlone => Some(endpoint(tls, address)),
            Wires::UdpBrief => {
                let behind = endpoint(tls, (Ipv4Addr::LOCALHOST, 0).into());
                pass_the_first(address, behind.local_addr().expect("bound"));
                Some(behind)
            }
            Wires::UdpSilent | Wires::UdpClosed => None,
        };
        let silent = match wires {
            Wires::UdpSilent => Some(UdpSocket::bind(address).await.expect("a port")),
            Wires::All
            | Wires::UdpClosed
            | Wires::UdpForeign
            | Wires::UdpAlone
            | Wires::UdpBrief => None,
        };
        Self { address, quic, tcp, _silent: silent }
    }

    /// The next agent that has shaken hands; handshakes that fail are the agent's to report.
    pub(super) async fn accept(&self) -> Option<Accepted> {
        tokio::select! {
            incoming = next_quic(self.quic.as_ref()) => Some(Accepted::Quic(Box::new(incoming?))),
            stream = next_tcp(self.tcp.as_ref()) => stream,
        }
    }
}

async fn next_quic(endpoint: Option<&Endpoint>) -> Option<quinn::Incoming> {
    match endpoint {
        Some(endpoint) => endpoint.accept().await,
        None => std::future::pending().await,
    }
}

async fn next_tcp(tcp: Option<&(TcpListener, TlsAcceptor)>) -> Option<Accepted> {
    let Some((listener, acceptor)) = tcp else {
        return std::future::pending().await;
    };
    let (stream, _) = listener.accept().await.expect("a connection");
    Some(Accepted::Tcp(stream, acceptor.clone()))
}

/// Somebody who has not shaken hands yet.
pub(super) enum Accepted {
    Quic(Box<quinn::Incoming>),
    Tcp(TcpStream, TlsAcceptor),
}

/// Somebody who has.
pub(super) struct Arrived {
    pub(super) protocol: Option<Vec<u8>>,
    pub(super) certificate: Option<Vec<u8>>,
    pub(super) peer: Peer,
    pub(super) send: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) recv: Box<dyn AsyncRead + Send + Unpin>,
}

impl Accepted {
    pub(super) async fn shake_hands(self) -> Option<Arrived> {
        match self {
            Self::Quic(incoming) => {
                let connection = (*incoming).await.ok()?;
                let (send, recv) = connection.accept_bi().await.ok()?;
                let protocol = connection
                    .handshake_data()
                    .and_then(|data| data.downcast::<HandshakeData>().ok())
                    .and_then(|data| data.protocol);
                let certificate = connection
                    .peer_identity()
                    .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
                    .and_then(|chain| chain.first().map(|der| der.to_vec()));
                Some(Arrived {
                    protocol,
                    certificate,
                    peer: Peer::Quic(connection),
                    send: Box::new(send),
                    recv: Box::new(recv),
                })
            }
            Self::Tcp(stream, acceptor) => {
                let stream = acceptor.accept(stream).await.ok()?;
                let (_, tls) = stream.get_ref();
                let protocol = tls.alpn_protocol().map(<[u8]>::to_vec);
                let chain = tls.peer_certificates();
                let certificate = chain.and_then(|chain| chain.first().map(|der| der.to_vec()));
                let (recv, send) = tokio::io::split(stream);
                Some(Arrived {
                    protocol,
                    certificate,
                    peer: Peer::Tcp(Arc::default()),
                    send: Box::new(send),
                    recv: Box::new(recv),
                })
            }
        }
    }
}

/// A connection, to be ended.
#[derive(Clone)]
pub(super) enum Peer {
    Quic(Connection),
    Tcp(Arc<Notify>),
}

impl Peer {
    pub(super) fn close(&self) {
        match self {
            Self::Quic(connection) => connection.close(0_u32.into(), b"test"),
            Self::Tcp(over) => over.notify_one(),
        }
    }

    /// Resolves when the test wants the connection to end.
    pub(super) async fn is_over(&self) {
        match self {
            // Its streams end with it.
            Self::Quic(_) => std::future::pending().await,
            Self::Tcp(over) => over.notified().await,
        }
    }

    /// Waits until the agent has gone, where going first would take back what it has not read yet.
    pub(super) async fn has_gone(&self) {
        if let Self::Quic(connection) = self {
            connection.closed().await;
        }
    }
}
