//! Whom the agent trusts: the authority of its own collector, and nobody else.
//!
//! A host's list of public authorities plays no part, so no proxy and no stranger's certificate can
//! come between. Collectors are checked by one fixed name, whatever address they were reached by.

use std::sync::Arc;

use protocol::message::{ALPN_ENROL, ALPN_SESSION};
use rustls::client::Resumption;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::identity::Identity;

/// How an enrolled agent connects: with its certificate, to its authority's collectors.
///
/// # Errors
///
/// When the identity's key or certificates cannot be used.
pub fn session_config(identity: &Identity) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for root in identity.roots() {
        roots.add(root.clone())?;
    }
    let key = PrivateKeyDer::from(identity.expose_key());
    let config = ClientConfig::builder_with_provider(provider())
        // QUIC is TLS 1.3 (RFC 9001, section 4.2), and the same frames over TCP take no less.
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
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
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedAuthority {
            sha256: authority_sha256,
            provider: provider(),
        }))
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

/// Trusts exactly one authority, known by its fingerprint until it is seen.
#[derive(Debug)]
struct PinnedAuthority {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = intermediates
            .iter()
            .find(|certificate| has_sha256(certificate, &self.sha256))
            .ok_or_else(|| {
                rustls::Error::General(
                    "its certificate does not end in the authority that the token names".to_owned(),
                )
            })?;
        // From here on it is an ordinary verification, with this authority as the only root: name,
        // dates, usage and signatures.
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        )
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
        // The authority is among the intermediates as well, where webpki passes over it: a chain
        // ends at the first trusted root.
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
