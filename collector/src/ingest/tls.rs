//! TLS of the listener: who may shake hands.
//!
//! A client certificate is optional here, because hosts that enrol have none; whoever wants a
//! session without one is sent away once the handshake has said which protocol is wanted. A
//! certificate that is shown has to be the authority's own and valid now.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use protocol::message::{ALPN_ENROL, ALPN_SESSION};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::authority::{Authority, Present, ServerCertificate};
use crate::clock::Clock;
use crate::ingest::tickets::Tickets;

/// The collector's side of TLS 1.3.
///
/// # Errors
///
/// When the authority's certificate cannot be a root.
pub(super) fn server_config(
    authority: &Arc<Authority>,
    certificate: Arc<ServerCertificate>,
    clock: &Clock,
) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = AgentVerifier::new(Arc::clone(authority), Arc::clone(&provider))?;
    let time = Arc::new(Time(clock.clone()));
    let mut config = rustls::ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(certificate);
    // Without early data: a report that was replayed by a third party would be harmless, an
    // enrolment would not, and quinn's server offers it only when asked to.
    config.alpn_protocols = vec![ALPN_SESSION.to_vec(), ALPN_ENROL.to_vec()];
    // Nothing is kept here: what an agent needs to come back, it carries (decision 0026). What a resumed
    // handshake skips is the check of the certificate's signature, which was made for the ticket; the
    // rest of it is asked again by the listener and by whoever admits.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::new(Tickets::new(Arc::clone(authority), clock.clone()));
    // One, which is used up by the next connection; that one brings another.
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// Checks agents' certificates against the authorities that are known at this moment.
struct AgentVerifier {
    authority: Arc<Authority>,
    provider: Arc<CryptoProvider>,
    /// A check against the authorities of that number.
    current: RwLock<(u64, Arc<dyn ClientCertVerifier>)>,
}

impl fmt::Debug for AgentVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentVerifier").finish_non_exhaustive()
    }
}

impl AgentVerifier {
    fn new(
        authority: Arc<Authority>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, rustls::Error> {
        let present = authority.present();
        let current = RwLock::new((present.number, check_of(&present, &provider)?));
        Ok(Self { authority, provider, current })
    }

    fn current(&self) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
        let present = self.authority.present();
        let kept = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if kept.0 == present.number {
            return Ok(Arc::clone(&kept.1));
        }
        drop(kept);
        let check = check_of(&present, &self.provider)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = (present.number, Arc::clone(&check));
        Ok(check)
    }
}

/// A check against these authorities.
fn check_of(
    present: &Present,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for root in present.known() {
        roots.add(root.clone())?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        // Strangers come to enrol. That a session has a certificate is checked once the ALPN is
        // known; TLS itself cannot tell the two apart.
        .allow_unauthenticated()
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

impl ClientCertVerifier for AgentVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // An agent has one certificate, and shows it.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.current()?.verify_client_cert(end_entity, intermediates, now)
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
        self.current()?.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The collector's clock, as TLS reads it.
#[derive(Debug)]
struct Time(Clock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_millis(self.0.now_ms())))
    }
}
