//! TLS of the listener: who may shake hands.
//!
//! A client certificate is optional here, because hosts that enrol have none; whoever wants a
//! session without one is sent away once the handshake has said which protocol is wanted. A
//! certificate that is shown has to be the authority's own and valid now.

use std::sync::Arc;

use protocol::message::{ALPN_ENROL, ALPN_SESSION};
use rustls::RootCertStore;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

use crate::authority::{Authority, ServerCertificate};
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
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            // Strangers come to enrol. That a session has a certificate is checked once the ALPN is
            // known; TLS itself cannot tell the two apart.
            .allow_unauthenticated()
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
    let time = Arc::new(Time(clock.clone()));
    let mut config = rustls::ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
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

/// The collector's clock, as TLS reads it.
#[derive(Debug)]
struct Time(Clock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_millis(self.0.now_ms())))
    }
}
