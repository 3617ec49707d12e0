//! TLS of a simulated agent: how it checks a collector before it is enrolled, and after.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use protocol::message::{ALPN_ENROL, ALPN_SESSION};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, IdleTimeout, TransportConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};

use super::identity::Identity;

/// What makes connections' configurations.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    transport: Arc<TransportConfig>,
    resumes: bool,
}

impl Tls {
    /// With connections that count as lost after `idle` without a sign of life, and agents that resume
    /// their sessions where the collector lets them.
    pub(crate) fn new(idle: Duration, resumes: bool) -> Self {
        let idle_ms = u32::try_from(idle.as_millis()).unwrap_or(u32::MAX);
        let mut transport = TransportConfig::default();
        transport
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle_ms))))
            // Real agents have none and sleep. Simulated ones share a machine that is busy, and a
            // connection that times out there would say nothing of the collector.
            .keep_alive_interval(Some(idle / 3))
            // The collector opens no stream (decision 4).
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .max_concurrent_bidi_streams(VarInt::from_u32(0))
            .datagram_receive_buffer_size(None);
        Self {
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            transport: Arc::new(transport),
            resumes,
        }
    }

    /// For enrolment: trusts the CA with this SHA-256 and no other.
    pub(crate) fn enrolment(&self, ca_sha256: [u8; 32]) -> anyhow::Result<ClientConfig> {
        let verifier = PinnedCa { sha256: ca_sha256, provider: Arc::clone(&self.provider) };
        let tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            // So called by rustls: what is trusted instead is less than what would be otherwise.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        self.finish(tls, ALPN_ENROL)
    }

    /// For sessions: with the agent's certificate, trusting the roots that it was given. What resumes
    /// has to be the same configuration each time, which is kept in `kept` then.
    pub(crate) fn session(
        &self,
        identity: &Identity,
        kept: &OnceLock<ClientConfig>,
    ) -> anyhow::Result<ClientConfig> {
        if let Some(config) = kept.get() {
            return Ok(config.clone());
        }
        let config = self.first_session(identity)?;
        if self.resumes {
            kept.set(config.clone()).ok();
        }
        Ok(config)
    }

    fn first_session(&self, identity: &Identity) -> anyhow::Result<ClientConfig> {
        let authority = &identity.authority;
        let own = CertificateDer::from(identity.certificate.to_vec());
        let issuers = authority.certificates.issuers.iter().cloned();
        let chain = std::iter::once(own).chain(issuers.map(CertificateDer::from));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.to_vec()));
        let tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(Arc::clone(&authority.roots))
            .with_client_auth_cert(chain.collect(), key)?;
        self.finish(tls, ALPN_SESSION)
    }

    fn finish(&self, mut tls: rustls::ClientConfig, alpn: &[u8]) -> anyhow::Result<ClientConfig> {
        tls.alpn_protocols = vec![alpn.to_vec()];
        // Each agent has tickets of its own, as on real hosts, or none at all.
        tls.resumption = match self.resumes {
            true => Resumption::in_memory_sessions(1),
            false => Resumption::disabled(),
        };
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        config.transport_config(Arc::clone(&self.transport));
        Ok(config)
    }
}

/// Trusts chains that end in the certificate with a known SHA-256, which the server sends along.
#[derive(Debug)]
struct PinnedCa {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCa {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_pinned = |certificate: &&CertificateDer<'_>| {
            Sha256::digest(certificate).as_slice() == self.sha256
        };
        // The secret of the token goes over this connection, so nothing but the pinned certificate
        // may decide: not the host's own authorities, and not whatever else the server sends.
        let root = intermediates
            .iter()
            .find(is_pinned)
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        // It has to have signed the chain: the pin alone makes no server trusted.
        roots.add(root.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // QUIC is TLS 1.3 (RFC 9001, section 4.2).
        Err(Error::General("TLS 1.2 is not spoken over QUIC".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;
    use protocol::message::SERVER_NAME;

    /// A CA and a server's certificate under it.
    fn chain(name: &str) -> (CertificateDer<'static>, CertificateDer<'static>) {
        let ca_key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).expect("a CA");
        let issuer = Issuer::new(params, ca_key);
        let key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new([name.to_owned()])
            .and_then(|params| params.signed_by(&key, &issuer))
            .expect("a certificate");
        (ca.der().clone(), server.der().clone())
    }

    fn verify(pinned: &[u8], server: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> bool {
        let verifier = PinnedCa {
            sha256: Sha256::digest(pinned).into(),
            provider: Arc::new(rustls::crypto::ring::default_provider()),
        };
        let name = ServerName::try_from(SERVER_NAME).expect("a name");
        // 2026, when the certificates made here are valid.
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_780_000_000));
        verifier.verify_server_cert(server, chain, &name, &[], now).is_ok()
    }

    #[test]
    fn trusts_the_pinned_ca_and_no_other() {
        let (ca, server) = chain(SERVER_NAME);
        let (other_ca, other_server) = chain(SERVER_NAME);
        let whole = [ca.clone(), other_ca.clone()];
        assert!(verify(&ca, &server, &whole));
        assert!(!verify(&ca, &other_server, &whole), "signed by another");
        assert!(!verify(&ca, &server, &[other_ca]), "the CA is not there");
        assert!(!verify(&server, &server, std::slice::from_ref(&server)), "a server is no CA");
    }

    #[test]
    fn refuses_a_server_of_another_name() {
        let (ca, server) = chain("elsewhere.example");
        assert!(!verify(&ca, &server, std::slice::from_ref(&ca)));
    }
}
