//! The uplink itself, over real sockets: back to QUIC as soon as UDP passes again, and past what is dead.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::frame::{Frame, Packing};
use protocol::way::Way;
use quinn::crypto::rustls::QuicServerConfig;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

use super::quic::Effort;
use super::*;
use crate::config::{Reach, Transport};
use crate::tls;

/// A collector's TLS, and a host's that trusts it.
fn pair() -> (rustls::ServerConfig, ClientConfig) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).expect("signed");
    let sha256 = ring::digest::digest(&ring::digest::SHA256, root.der());
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("a key");
    let names = vec!["collector.muster.internal".to_owned()];
    let mut own = CertificateParams::new(names).expect("a name");
    own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let own = own.signed_by(&key, &issuer).expect("signed");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone(), root.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .expect("a key for the certificate");
    server.alpn_protocols = vec![protocol::message::ALPN_ENROL.to_vec()];
    let sha256 = sha256.as_ref().try_into().expect("32 bytes");
    (server, tls::enrol_config(sha256).expect("TLS"))
}

/// Takes every connection over TCP and keeps it open.
async fn over_tcp(listener: TcpListener, acceptor: TlsAcceptor) {
    let mut open = Vec::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        open.push(acceptor.accept(stream).await);
    }
}

fn over_quic(tls: rustls::ServerConfig, address: SocketAddr) -> quinn::Endpoint {
    let crypto = QuicServerConfig::try_from(tls).expect("TLS for QUIC");
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    quinn::Endpoint::server(config, address).expect("a socket")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn goes_back_to_quic_when_udp_passes_again_without_losing_its_connection() {
    let (server, client) = pair();
    runtime().block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let hole = UdpSocket::bind(address).await.expect("a port");
        let serving = over_tcp(listener, TlsAcceptor::from(Arc::new(server.clone())));
        let going = async {
            let mut uplink = Uplink::default();
            let name = address.to_string();
            let plans = || vec![Plan::fresh(&name, &Reach::default(), CONNECT_WITHIN)];
            uplink.connect(plans(), client.clone());
            let UplinkEvent::Connected { path, .. } = uplink.next().await else {
                panic!("no connection");
            };
            assert_eq!(path.way, Way::Tcp);

            uplink.probe(name.clone(), client.clone());
            assert!(uplink.is_probing());
            let UplinkEvent::Probed(Err(_)) = uplink.next().await else {
                panic!("UDP does not pass");
            };
            assert!(!uplink.is_probing());

            drop(hole);
            let endpoint = over_quic(server, address);
            let accepting = async {
                // It leaves as soon as it knows, which may be before its handshake is done at this end.
                drop(endpoint.accept().await.expect("the probe").await);
                let connection = endpoint.accept().await.expect("one").await;
                connection.expect("a handshake").closed().await
            };
            let changing = async {
                uplink.probe(name.clone(), client.clone());
                let UplinkEvent::Probed(Ok(())) = uplink.next().await else {
                    panic!("UDP passes");
                };
                assert!(uplink.has_better());
                // The connection that stands goes on until it is told otherwise.
                assert!(uplink.has_room());
                uplink.connect(plans(), client.clone());
                let UplinkEvent::Connected { path, .. } = uplink.next().await else {
                    panic!("no connection");
                };
                assert_eq!(path.way, Way::Quic);
                assert!(!uplink.has_better());
                uplink.send(&Frame { packing: Packing::Plain, payload: vec![1] });
                assert!(matches!(uplink.next().await, UplinkEvent::Drained));
                assert!(uplink.traffic().sent_bytes > 0);
                uplink.farewell().await;
            };
            tokio::join!(accepting, changing);
        };
        let limit = tokio::time::timeout(Duration::from_secs(30), async {
            tokio::select! {
                () = serving => {}
                () = going => {}
            }
        });
        limit.await.expect("in time");
    });
}

/// How long connecting may take beside something dead: less than the time-out of anything.
const SOON: Duration = Duration::from_secs(3);

/// Somebody who takes whatever comes and never answers, over UDP and over TCP.
struct Hole {
    address: SocketAddr,
    _sockets: (TcpListener, UdpSocket),
}

impl Hole {
    async fn open() -> Self {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = tcp.local_addr().expect("bound");
        let udp = UdpSocket::bind(address).await.expect("a port");
        Self { address, _sockets: (tcp, udp) }
    }
}

/// Shakes hands with everybody who comes over QUIC.
async fn welcome(endpoint: quinn::Endpoint) {
    let mut open = Vec::new();
    while let Some(incoming) = endpoint.accept().await {
        open.push(incoming.await);
    }
}

/// What comes of dialling while somebody serves.
async fn soon<T>(serving: impl Future<Output = ()>, dialling: impl Future<Output = T>) -> T {
    tokio::select! {
        () = serving => panic!("nobody serves any more"),
        dialled = tokio::time::timeout(SOON, dialling) => dialled.expect("in time"),
    }
}

#[test]
fn an_address_that_is_dead_costs_a_moment_over_quic() {
    let (server, client) = pair();
    runtime().block_on(async {
        let endpoint = over_quic(server, (Ipv4Addr::LOCALHOST, 0).into());
        let (hole, good) = (Hole::open().await, endpoint.local_addr().expect("bound"));
        for effort in [Effort::Full, Effort::Probe] {
            let dialling = quic::connect(vec![hole.address, good], client.clone(), effort);
            let stream = soon(welcome(endpoint.clone()), dialling).await.expect("connected");
            assert_eq!((stream.address, stream.path.way), (good, Way::Quic), "{effort:?}");
        }
    });
}

#[test]
fn an_address_that_is_dead_costs_a_moment_over_tcp() {
    let (server, client) = pair();
    runtime().block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let (hole, good) = (Hole::open().await, listener.local_addr().expect("bound"));
        let serving = over_tcp(listener, TlsAcceptor::from(Arc::new(server)));
        let dialling = tcp::connect(vec![hole.address, good], Arc::new(client));
        let stream = soon(serving, dialling).await.expect("connected");
        assert_eq!((stream.address, stream.path.way), (good, Way::Tcp));
    });
}

#[test]
fn a_collector_that_is_dead_costs_a_moment_whatever_it_is_gone_to_by() {
    let (server, client) = pair();
    runtime().block_on(async {
        let endpoint = over_quic(server.clone(), (Ipv4Addr::LOCALHOST, 0).into());
        let good = endpoint.local_addr().expect("bound");
        let listener = TcpListener::bind(good).await.expect("a port");
        let hole = Hole::open().await;
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let serving = async {
            tokio::join!(welcome(endpoint), over_tcp(listener, acceptor));
        };
        let going = async {
            for (transport, way) in [(Transport::Auto, Way::Quic), (Transport::Tcp, Way::Tcp)] {
                let reach = Reach { transport, ..Reach::default() };
                let plan = |to: SocketAddr| Plan::fresh(&to.to_string(), &reach, CONNECT_WITHIN);
                let mut uplink = Uplink::default();
                uplink.connect(vec![plan(hole.address), plan(good)], client.clone());
                let UplinkEvent::Connected { to, address, path } = uplink.next().await else {
                    panic!("no connection");
                };
                assert_eq!((to, address, path.way), (good.to_string(), good, way));
                uplink.farewell().await;
            }
        };
        soon(serving, going).await;
    });
}

#[cfg(target_os = "linux")]
#[test]
fn of_collectors_that_are_all_away_each_is_said() {
    let (_, client) = pair();
    runtime().block_on(async {
        // Both open until both are known, or they might be one.
        let holes = (Hole::open().await, Hole::open().await);
        let (one, other) = (holes.0.address, holes.1.address);
        drop(holes);
        let plan = |to| Plan::fresh(&format!("{to}"), &Reach::default(), CONNECT_WITHIN);
        let mut uplink = Uplink::default();
        uplink.connect(vec![plan(one), plan(other)], client);
        let event = soon(std::future::pending(), uplink.next()).await;
        let UplinkEvent::Failed(error) = event else {
            panic!("connected to nobody");
        };
        let said = error.to_string();
        for address in [one, other] {
            assert!(
                said.contains(&format!("{address}: QUIC (UDP): the network refuses UDP")),
                "{said}"
            );
        }
    });
}
