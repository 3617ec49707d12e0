//! The uplink itself, over real sockets: back to QUIC as soon as UDP passes again.

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

use super::*;
use crate::config::Reach;
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
            let plan = || Plan::fresh(&name, &Reach::default(), CONNECT_WITHIN);
            uplink.connect(plan(), client.clone());
            let UplinkEvent::Connected(_, path) = uplink.next().await else {
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
                uplink.connect(plan(), client.clone());
                let UplinkEvent::Connected(_, path) = uplink.next().await else {
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
