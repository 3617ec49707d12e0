//! A QUIC server that speaks another protocol, for networks where something else answers at a collector's port.
//!
//! It listens on the port that it is told, refuses everything but `h3`, and ends when it is killed.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context as _;
use quinn::crypto::rustls::QuicServerConfig;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;

#[expect(clippy::disallowed_methods, reason = "nothing here is shut down")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).context("which port?")?.parse()?;
    let key = KeyPair::generate()?;
    let certificate =
        CertificateParams::new(vec!["foreign.example".to_owned()])?.self_signed(&key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let endpoint = quinn::Endpoint::server(config, (Ipv4Addr::UNSPECIFIED, port).into())?;
    while let Some(incoming) = endpoint.accept().await {
        // The handshake fails by itself: nobody who comes speaks `h3`.
        tokio::spawn(async move { incoming.await.ok() });
    }
    Ok(())
}
