//! Certificates of collectors and of others, looked at by hosts whose clocks are right and wrong.

use std::time::Duration;

use protocol::message::SERVER_NAME;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::*;

const DAY: u64 = 86_400;
/// When the collector's certificate begins, in seconds since 1970.
const FROM: u64 = 1_800_000_000;
const TO: u64 = FROM + 30 * DAY;

struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn at(seconds: u64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn authority(name: &str) -> Authority {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = at(FROM - 365 * DAY).into();
    params.not_after = at(FROM + 3_650 * DAY).into();
    let certificate = params.self_signed(&key).expect("signed");
    Authority { certificate: certificate.der().clone(), issuer: Issuer::new(params, key) }
}

impl Authority {
    fn collector(&self, name: &str) -> CertificateDer<'static> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = at(FROM).into();
        params.not_after = at(TO).into();
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        certificate.der().clone()
    }

    fn known(&self, passed: u64) -> Verifier {
        let authorities = Authorities::Known(vec![self.certificate.clone()]);
        Verifier::new(authorities, passed * 1_000, super::super::provider())
    }

    fn pinned(&self) -> Verifier {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.certificate);
        let sha256 = digest.as_ref().try_into().expect("32 bytes");
        Verifier::new(Authorities::Fingerprint(sha256), 0, super::super::provider())
    }
}

fn name() -> ServerName<'static> {
    ServerName::try_from(SERVER_NAME).expect("a name")
}

/// What a host thinks of a certificate whose clock says this.
fn verify(
    verifier: &Verifier,
    certificate: &CertificateDer<'static>,
    shown: &Authority,
    clock: u64,
) -> Result<(), rustls::Error> {
    let name = name();
    let chain = [shown.certificate.clone()];
    let now = UnixTime::since_unix_epoch(Duration::from_secs(clock));
    verifier.verify_server_cert(certificate, &chain, &name, &[], now).map(|_| ())
}

#[test]
fn a_clock_that_is_wrong_by_years_does_not_keep_a_host_from_its_collector() {
    let ours = authority("ours");
    let certificate = ours.collector(SERVER_NAME);
    for verifier in [ours.known(FROM - DAY), ours.pinned()] {
        for clock in [0, FROM - 400 * DAY, FROM + DAY, TO + 1, TO + 5_000 * DAY] {
            let verified = verify(&verifier, &certificate, &ours, clock);
            assert_eq!(verified, Ok(()), "clock at {clock}");
        }
    }
}

#[test]
fn a_certificate_that_ended_before_the_agents_own_began_is_refused_by_every_wrong_clock() {
    let ours = authority("ours");
    let certificate = ours.collector(SERVER_NAME);
    for clock in [TO + 1, FROM - 400 * DAY] {
        let verified = verify(&ours.known(TO), &certificate, &ours, clock);
        let error = verified.expect_err("refused");
        assert_eq!(Stranger::of(&error), Some(&Stranger::Outdated), "{clock}");
    }
}

#[test]
fn no_clock_makes_a_strangers_certificate_good() {
    let (ours, theirs) = (authority("ours"), authority("Inspecting Proxy"));
    let certificate = theirs.collector(SERVER_NAME);
    for verifier in [ours.known(0), ours.pinned()] {
        for clock in [0, FROM + DAY, TO + 1] {
            let verified = verify(&verifier, &certificate, &theirs, clock);
            let error = verified.expect_err("refused");
            let stranger = Stranger::of(&error).expect("a stranger");
            assert!(matches!(stranger, Stranger::Issuer(_)), "{stranger:?}");
            // Who stands in the way, and what to do about it.
            let words = stranger.to_string();
            assert!(words.contains("Inspecting Proxy"), "{words}");
            assert!(words.contains("exempt"), "{words}");
        }
    }
}

#[test]
fn a_stranger_that_shows_our_authority_beside_its_own_certificate_is_refused() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let certificate = theirs.collector(SERVER_NAME);
    let verified = verify(&ours.pinned(), &certificate, &ours, FROM + DAY);
    let error = verified.expect_err("refused");
    assert!(matches!(Stranger::of(&error), Some(Stranger::Issuer(_))));
}

#[test]
fn an_authority_that_is_shown_as_a_servers_own_certificate_is_called_by_its_name() {
    let (ours, theirs) = (authority("ours"), authority("Corporate Inspection"));
    for verifier in [ours.known(0), ours.pinned()] {
        let verified = verify(&verifier, &theirs.certificate, &ours, FROM + DAY);
        let error = verified.expect_err("refused");
        let stranger = Stranger::of(&error).expect("a stranger").to_string();
        assert!(stranger.contains("Corporate Inspection"), "{stranger}");
    }
}

#[test]
fn another_name_is_refused_whatever_the_clock_says() {
    let ours = authority("ours");
    let certificate = ours.collector("other.example");
    for clock in [FROM + DAY, TO + 1] {
        verify(&ours.known(0), &certificate, &ours, clock).expect_err("refused");
    }
}
