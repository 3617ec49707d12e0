//! Whom the agent trusts: the authority of its own collector, and nobody else.
//!
//! A host's list of public authorities plays no part, so no proxy and no stranger's certificate can
//! come between. Collectors are checked by one fixed name, whatever address they were reached by, and
//! by dates that do not depend on this host's clock being right (decision 32).

mod verifier;

use std::sync::Arc;

use protocol::message::{ALPN_ENROL, ALPN_SESSION};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub use self::verifier::Stranger;
use self::verifier::{Authorities, Verifier};
use crate::identity::Identity;

/// How an enrolled agent connects: with its certificate, to its authority's collectors.
///
/// # Errors
///
/// When the identity's key or certificates cannot be used.
pub fn session_config(identity: &Identity) -> Result<ClientConfig, rustls::Error> {
    let verifier = Verifier::new(
        Authorities::Known(identity.roots().to_vec()),
        identity.certificate().not_before_ms,
        provider(),
    );
    let key = PrivateKeyDer::from(identity.expose_key());
    let config = ClientConfig::builder_with_provider(provider())
        // QUIC is TLS 1.3 (RFC 9001, section 4.2), and the same frames over TCP take no less.
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(own_chain(identity), key)?;
    let mut config = finish(config, ALPN_SESSION);
    // In memory alone (decision 0026): a ticket on the disk would be another secret to keep, for a
    // handshake after a start. Whoever keeps this configuration and uses clones of it comes back with
    // a ticket; another certificate needs another configuration, for a ticket holds the old one.
    config.resumption = Resumption::in_memory_sessions(1);
    Ok(config)
}

/// The chain without the authority, which every collector has: what is shown is sent with every handshake
/// and carried in every ticket, and a ticket that fits into the first packet costs no second one.
fn own_chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
    let roots = identity.roots();
    let mut chain = identity.chain().to_vec();
    chain.retain(|certificate| !roots.contains(certificate));
    chain
}

/// How a host connects that has only a token: without a certificate, to a collector whose chain
/// holds the authority of this fingerprint (SHA-256 of the DER).
///
/// # Errors
///
/// When the cryptography cannot be used.
pub fn enrol_config(authority_sha256: [u8; 32]) -> Result<ClientConfig, rustls::Error> {
    // Nothing is known of the time yet that this collector's authority has vouched for.
    let verifier = Verifier::new(Authorities::Fingerprint(authority_sha256), 0, provider());
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(finish(config, ALPN_ENROL))
}

/// Whether this is the certificate (DER) with that SHA-256.
#[must_use]
pub fn has_sha256(certificate: &[u8], sha256: &[u8; 32]) -> bool {
    ring::digest::digest(&ring::digest::SHA256, certificate).as_ref() == sha256
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn finish(mut config: ClientConfig, protocol: &[u8]) -> ClientConfig {
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::disabled();
    config
}
