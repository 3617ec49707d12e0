//! The certificate authority of the tests' collector, and its clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agent::clock::{Clock as _, SystemClock};
use protocol::ids::AgentId;
use protocol::message::{ALPN_ENROL, ALPN_SESSION};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::RootCertStore;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::{
    CertificateDer, CertificateSigningRequestDer, PrivatePkcs8KeyDer, UnixTime,
};

use super::company;

/// The trust domain of the tests.
const TRUST_DOMAIN: &str = "muster.test";

/// The tests' certificate authority.
#[derive(Clone)]
pub(super) struct Authority {
    pub(super) certificate: CertificateDer<'static>,
    key: Vec<u8>,
    pub(super) tickets_used: Arc<AtomicUsize>,
    clock_ahead_s: i64,
}

/// The collector's clock, as TLS reads it.
#[derive(Debug)]
pub(super) struct Time(i64);

impl Time {
    fn now(&self) -> SystemTime {
        let now = UNIX_EPOCH + Duration::from_millis(SystemClock.now_ms());
        let by = Duration::from_secs(self.0.unsigned_abs());
        if self.0 < 0 { now - by } else { now + by }
    }

    pub(super) fn now_ms(&self) -> u64 {
        let since = self.now().duration_since(UNIX_EPOCH).expect("after 1970");
        u64::try_from(since.as_millis()).expect("in this age")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let since = Duration::from_millis(self.now_ms());
        Some(UnixTime::since_unix_epoch(since))
    }
}

impl Authority {
    pub(super) fn new(clock_ahead_s: i64) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = Self::params().self_signed(&key).expect("signed");
        Self {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
            tickets_used: Arc::default(),
            clock_ahead_s,
        }
    }

    pub(super) const fn time(&self) -> Time {
        Time(self.clock_ahead_s)
    }

    fn params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    }

    fn issuer(&self) -> Issuer<'static, KeyPair> {
        let key = KeyPair::try_from(self.key.clone()).expect("a key");
        Issuer::new(Self::params(), key)
    }

    pub(super) fn sha256(&self) -> [u8; 32] {
        ring::digest::digest(&ring::digest::SHA256, &self.certificate)
            .as_ref()
            .try_into()
            .expect("32 bytes")
    }

    /// An agent's certificate of thirty days, some of them gone.
    pub(super) fn sign(&self, csr: &[u8], agent: AgentId, age: Duration) -> Vec<u8> {
        let request = CertificateSigningRequestDer::from(csr);
        let mut request = CertificateSigningRequestParams::from_der(&request).expect("a request");
        let company = company();
        let uri = format!("spiffe://{TRUST_DOMAIN}/company/{company}/agent/{agent}");
        request.params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ASCII"))];
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let now = self.time().now();
        // A little back, as a collector does it: a host whose clock is behind has to be able to use
        // it.
        let from = now - age - Duration::from_secs(60);
        request.params.not_before = from.into();
        request.params.not_after = (from + Duration::from_secs(30 * 86_400)).into();
        let certificate = request.signed_by(&self.issuer()).expect("signed");
        certificate.der().to_vec()
    }

    pub(super) fn tls(&self) -> rustls::ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let names = vec!["collector.muster.internal".to_owned()];
        let mut params = CertificateParams::new(names).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = self.time().now();
        params.not_before = (now - Duration::from_secs(300)).into();
        params.not_after = (now + Duration::from_secs(30 * 86_400)).into();
        let own = params.signed_by(&key, &self.issuer()).expect("signed");
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .expect("a verifier");
        let time = Arc::new(self.time());
        let mut tls = rustls::ServerConfig::builder_with_details(provider, time)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![own.der().clone(), self.certificate.clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .expect("a key for the certificate");
        tls.alpn_protocols = vec![ALPN_SESSION.to_vec(), ALPN_ENROL.to_vec()];
        tls.session_storage = Arc::new(Tickets {
            kept: ServerSessionMemoryCache::new(64),
            used: Arc::clone(&self.tickets_used),
        });
        tls
    }
}

/// Counts the tickets that agents come back with.
#[derive(Debug)]
struct Tickets {
    kept: Arc<ServerSessionMemoryCache>,
    used: Arc<AtomicUsize>,
}

impl StoresServerSessions for Tickets {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.kept.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let taken = self.kept.take(key);
        self.used.fetch_add(usize::from(taken.is_some()), Ordering::Relaxed);
        taken
    }

    fn can_cache(&self) -> bool {
        true
    }
}
