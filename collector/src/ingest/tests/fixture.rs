//! A collector's ingest with an authority of its own, listening on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::{AgentId, CompanyId};
use rcgen::{CertificateParams, Issuer, KeyPair};
use ring::rand::SystemRandom;
use tempfile::TempDir;
use time::OffsetDateTime;
use uuid::Uuid;

use super::client::Credentials;
use super::office::Office;
use super::queue::StandIn;
use crate::authority::{Authority, Home};
use crate::clock::Clock;
use crate::config::{Config, IngestConfig, Layers};
use crate::ingest::registry::Registry;
use crate::ingest::{Parts, Rates, start};
use crate::lifecycle::{Ending, Lifecycle};
use crate::traces::Tracer;

pub(super) const COMPANY: CompanyId = CompanyId(Uuid::from_u128(0xc0));
pub(super) const AGENT: AgentId = AgentId(Uuid::from_u128(0xa9));
const MONTH: Duration = Duration::from_secs(30 * 86_400);

pub(super) struct Fixture {
    pub(super) address: SocketAddr,
    pub(super) authority: Arc<Authority>,
    pub(super) clock: Clock,
    pub(super) queue: Arc<StandIn>,
    pub(super) office: Arc<Office>,
    pub(super) registry: Registry,
    pub(super) lifecycle: Lifecycle,
    config: IngestConfig,
    rates: Option<Rates>,
    dir: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut IngestConfig)) -> Self {
        let (mut fixture, parts) = Self::parts(change);
        let listening = start(parts).unwrap();
        (fixture.address, fixture.rates) = (listening.address, Some(listening.rates));
        fixture
    }

    /// Changes what may change while it listens, as a reload does.
    pub(super) fn set(&self, change: impl FnOnce(&mut IngestConfig)) {
        let mut config = self.config.clone();
        change(&mut config);
        self.rates.as_ref().unwrap().set(&config);
    }

    /// What one is made of, without a socket.
    pub(super) fn parts(change: impl FnOnce(&mut IngestConfig)) -> (Self, Parts) {
        Self::parts_in(tempfile::tempdir().unwrap(), change)
    }

    /// Another node, to which the authority's files were brought.
    pub(super) fn beside(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("ca")).unwrap();
        for file in ["ca/ca.key", "ca/ca.crt"] {
            std::fs::copy(self.dir.path().join(file), dir.path().join(file)).unwrap();
        }
        let (mut fixture, parts) = Self::parts_in(dir, |_| {});
        fixture.address = start(parts).unwrap().address;
        fixture
    }

    /// Where its authority is.
    pub(super) fn home(&self) -> Home<'_> {
        Home::of(self.dir.path())
    }

    fn parts_in(dir: TempDir, change: impl FnOnce(&mut IngestConfig)) -> (Self, Parts) {
        // Real, as quinn's own timers are.
        let clock = Clock::system();
        let mut config = Config::from_layers(Layers::defaults()).unwrap().ingest;
        // Any free port: tests run side by side.
        config.listen = "127.0.0.1:0".parse().unwrap();
        change(&mut config);
        let authority = Arc::new(authority(dir.path(), &clock));
        let queue = Arc::new(StandIn::new());
        let office = Arc::new(Office::default());
        let registry = Registry::new();
        let lifecycle = Lifecycle::new();
        let parts = Parts {
            config: config.clone(),
            clock: clock.clone(),
            authority: Arc::clone(&authority),
            queue: queue.clone(),
            agents: office.clone(),
            registry: registry.clone(),
            lifecycle: lifecycle.clone(),
            tracer: Tracer::default(),
        };
        let fixture = Self {
            // Becomes the real one when `start` has bound it; nothing connects before.
            address: ([127, 0, 0, 1], 0).into(),
            authority,
            clock,
            queue,
            office,
            registry,
            lifecycle,
            config,
            rates: None,
            dir,
        };
        (fixture, parts)
    }

    /// What an enrolled agent has.
    pub(super) fn credentials(&self) -> Credentials {
        self.credentials_of(AGENT, MONTH)
    }

    pub(super) fn credentials_of(&self, agent: AgentId, validity: Duration) -> Credentials {
        let key = KeyPair::generate().unwrap();
        let csr = csr(&key);
        let issued = self
            .authority
            .issue_agent(&csr, (COMPANY, agent), validity, &SystemRandom::new(), self.clock.now())
            .unwrap();
        Credentials::new(issued.chain, &key)
    }

    /// A certificate that this collector's authority signs, but never would.
    pub(super) fn signed(&self, params: &CertificateParams) -> Credentials {
        // Past the authority's own checks, to try those of whoever verifies: they must hold even
        // when a certificate was signed by mistake.
        let key_pem = std::fs::read_to_string(self.dir.path().join("ca/ca.key")).unwrap();
        let ca_key = KeyPair::from_pem(&key_pem).unwrap();
        let issuer = Issuer::from_ca_cert_der(&self.authority.certificate(), ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Credentials::new(vec![certificate.der().to_vec()], &key)
    }

    /// Stops it, and waits until everything has ended.
    pub(super) async fn stop(&self) -> Ending {
        self.lifecycle.stop();
        self.lifecycle.run_to_end(Duration::from_secs(20), std::future::pending()).await.0
    }
}

/// Another authority than the collector's.
pub(super) fn authority(dir: &std::path::Path, clock: &Clock) -> Authority {
    Authority::open_or_create(&Home::of(dir), "muster.internal", &SystemRandom::new(), clock.now())
        .unwrap()
}

pub(super) fn csr(key: &KeyPair) -> Vec<u8> {
    CertificateParams::default().serialize_request(key).unwrap().der().to_vec()
}

/// An agent's certificate by an authority, from one instant to another.
pub(super) fn agent_params(from: OffsetDateTime, to: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = from;
    params.not_after = to;
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![rcgen::SanType::URI(
        format!("spiffe://muster.internal/company/{COMPANY}/agent/{AGENT}").try_into().unwrap(),
    )];
    params
}
