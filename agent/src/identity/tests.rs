//! Identities with certificates of an authority that is made for each test.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use uuid::Uuid;

use super::*;

const COMPANY: CompanyId = CompanyId(Uuid::from_u128(1));
const AGENT: AgentId = AgentId(Uuid::from_u128(2));

fn uri() -> String {
    format!("spiffe://muster.example/company/{COMPANY}/agent/{AGENT}")
}

/// A certificate for a key with these names, and the authority's own.
fn sign(key: &NewKey, names: &[SanType]) -> (Vec<u8>, Vec<u8>) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).expect("signed");
    let issuer = Issuer::new(params, authority_key);
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.to_vec();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 31);
    let certificate = params.signed_by(&key.0, &issuer).expect("signed");
    (certificate.der().to_vec(), authority.der().to_vec())
}

fn grant(key: &NewKey) -> Grant {
    let name = SanType::URI(uri().try_into().expect("ASCII"));
    let (own, root) = sign(key, &[name]);
    Grant {
        company: COMPANY,
        agent: AGENT,
        chain: vec![own],
        roots: vec![root],
        collectors: vec!["collector.example:7070".to_owned()],
    }
}

fn identity() -> Identity {
    let key = NewKey::generate().expect("a key");
    let grant = grant(&key);
    Identity::new(key, grant).expect("usable")
}

#[test]
fn comes_back_from_its_file_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let identity = identity();
    identity.save(folder.path()).expect("written");
    let loaded = Identity::load(folder.path()).expect("readable").expect("there");
    assert_eq!(loaded.certificate(), identity.certificate());
    assert_eq!(loaded.chain(), identity.chain());
    assert_eq!(loaded.roots(), identity.roots());
    assert_eq!(loaded.collectors(), identity.collectors());
    assert_eq!(loaded.expose_key(), identity.expose_key());
    assert_eq!(loaded.certificate().trust_domain, "muster.example");
}

#[test]
fn a_host_that_is_not_enrolled_is_no_error() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(Identity::load(folder.path()).expect("an answer").is_none());
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    identity().save(folder.path()).expect("written");
    let path = folder.path().join(FILE);
    let mode = std::fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        let error = Identity::load(folder.path()).expect_err("open to others");
        assert!(matches!(error, IdentityError::Exposed(_)), "{error}");
    }
}

#[test]
fn says_which_file_is_damaged_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    identity().save(folder.path()).expect("written");
    let path = folder.path().join(FILE);
    let sound = std::fs::read(&path).expect("readable");
    let other = {
        let folder = tempfile::tempdir().expect("a folder");
        identity().save(folder.path()).expect("written");
        std::fs::read_to_string(folder.path().join(FILE)).expect("readable")
    };
    let key = |text: &str| -> String {
        let stored: Stored = serde_json::from_str(text).expect("JSON");
        stored.key
    };
    let text = String::from_utf8(sound.clone()).expect("text");
    let mixed = text.replace(&key(&text), &key(&other));
    for damaged in [&sound[..sound.len() / 2], b"", mixed.as_bytes()] {
        private_file::replace(&path, damaged).expect("written");
        let error = Identity::load(folder.path()).expect_err("damaged").to_string();
        assert!(error.contains(FILE) && error.contains("enrol again"), "{error}");
        assert!(!error.contains(&key(&text)), "no key in an error");
    }
}

#[test]
fn takes_no_certificate_that_is_not_its_own() {
    let key = || NewKey::generate().expect("a key");
    let other_key = Identity::new(key(), grant(&key())).expect_err("another key");
    assert_eq!(other_key, UnusableCertificate::OtherKey);

    let own = key();
    let other_agent = Grant { agent: AgentId(Uuid::from_u128(9)), ..grant(&own) };
    let error = Identity::new(own, other_agent).expect_err("another agent");
    assert_eq!(error, UnusableCertificate::OtherAgent(AGENT));

    let own = key();
    let rootless = Grant { roots: Vec::new(), ..grant(&own) };
    let error = Identity::new(own, rootless).expect_err("no root");
    assert_eq!(error, UnusableCertificate::NoRoot);

    let own = key();
    let long = Grant { chain: vec![vec![0; 10]; CHAIN_CERTIFICATES_MAX + 1], ..grant(&own) };
    let error = Identity::new(own, long).expect_err("too many");
    assert_eq!(error, UnusableCertificate::Chain(CHAIN_CERTIFICATES_MAX + 1));
}

#[test]
fn reads_no_name_that_could_be_read_in_two_ways() {
    let key = NewKey::generate().expect("a key");
    let name = |text: &str| SanType::URI(text.try_into().expect("ASCII"));
    let wrong = [
        vec![],
        vec![name(&uri()), name(&uri())],
        vec![SanType::DnsName("host.example".try_into().expect("ASCII"))],
        vec![name(&uri().to_uppercase())],
        vec![name(&uri().replace("company/0", "company/{0"))],
        vec![name(&format!("{}/more", uri()))],
        vec![name("spiffe:///company/1/agent/2")],
    ];
    for names in wrong {
        let (der, _) = sign(&key, &names);
        Certificate::parse(&der).expect_err("no agent's name");
    }
    Certificate::parse(b"no certificate").expect_err("no certificate");
}

#[test]
fn renewal_is_due_after_two_thirds_of_the_life() {
    const DAY_MS: u64 = 86_400_000;
    let certificate = identity().certificate().clone();
    let from = certificate.not_before_ms;
    assert_eq!(certificate.renew_after(from), Duration::from_millis(20 * DAY_MS));
    assert_eq!(certificate.renew_after(from + 21 * DAY_MS), Duration::ZERO);
    assert!(!certificate.has_expired(from + 30 * DAY_MS - 1));
    assert!(certificate.has_expired(from + 30 * DAY_MS));
}

#[test]
fn a_renewal_keeps_everything_but_key_and_certificate() {
    let identity = identity();
    let key = NewKey::generate().expect("a key");
    let renewal = grant(&key);
    let renewed = identity.renewed(key, renewal.chain).expect("usable");
    assert_ne!(renewed.chain(), identity.chain());
    assert_eq!(renewed.roots(), identity.roots());
    assert_eq!(renewed.collectors(), identity.collectors());

    let stray = NewKey::generate().expect("a key");
    let error = identity
        .renewed(stray, identity.chain().iter().map(|der| der.to_vec()).collect())
        .expect_err("another key");
    assert_eq!(error, UnusableCertificate::OtherKey);
}

#[test]
fn never_shows_its_key() {
    let identity = identity();
    let shown = format!("{identity:?}{:?}", NewKey::generate());
    let key = identity.expose_key();
    assert!(!shown.contains(&to_text(key.secret_pkcs8_der())));
    let secret = format!("{:?}", &key.secret_pkcs8_der()[..40]);
    assert!(!shown.contains(secret.trim_matches(['[', ']'])));
}

/// Another authority's certificate.
fn another_root() -> Vec<u8> {
    sign(&NewKey::generate().expect("a key"), &[]).1
}

#[test]
fn trusts_other_authorities_beside_or_after_one_that_it_knows_and_keeps_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut identity = identity();
    let (old, new) = (identity.roots()[0].to_vec(), another_root());
    let both = vec![new.clone(), old];
    assert!(identity.trust(both.clone(), folder.path()).expect("trusted"));
    assert!(!identity.trust(both, folder.path()).expect("known"));
    let loaded = || Identity::load(folder.path()).expect("readable").expect("there");
    assert_eq!(loaded().roots().len(), 2);
    assert!(identity.trust(vec![new.clone()], folder.path()).expect("trusted"));
    assert_eq!(loaded().roots(), [CertificateDer::from(new)]);
    assert_eq!(loaded().expose_key(), identity.expose_key());
}

#[test]
fn never_trusts_strangers_alone_nor_what_is_no_authority() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut identity = identity();
    let (known, own) = (identity.roots().to_vec(), identity.chain()[0].to_vec());
    let old = known[0].to_vec();
    for roots in [vec![], vec![another_root()], vec![old.clone(), own], vec![old.clone(), vec![1]]]
    {
        assert!(identity.trust(roots, folder.path()).is_err());
    }
    // What cannot be kept is not trusted either.
    let nowhere = folder.path().join("absent");
    assert!(identity.trust(vec![another_root(), old], &nowhere).is_err());
    assert_eq!(identity.roots(), known);
    assert!(Identity::load(folder.path()).expect("an answer").is_none());
}
