//! Tests of the certificate authority.

mod rotation;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use protocol::ids::{AgentId, CompanyId};
use rcgen::SanType;
use ring::rand::SystemRandom;
use uuid::Uuid;

use super::*;

const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 03:00 UTC);
const DOMAIN: &str = "muster.internal";
const MONTH: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

fn open(dir: &Path) -> Result<Authority, AuthorityError> {
    Authority::open_or_create(&Home::of(dir), DOMAIN, &SystemRandom::new(), NOW)
}

fn refusal(dir: &Path) -> String {
    open(dir).unwrap_err().to_string()
}

fn ids() -> (CompanyId, AgentId) {
    (CompanyId(Uuid::from_u128(0xc0)), AgentId(Uuid::from_u128(0xa9)))
}

fn csr(params: &CertificateParams) -> Vec<u8> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    params.serialize_request(&key).unwrap().der().to_vec()
}

fn issue(authority: &Authority, csr: &[u8]) -> Result<IssuedCertificate, IssueError> {
    authority.issue_agent(csr, ids(), MONTH, &SystemRandom::new(), NOW)
}

#[test]
fn the_second_start_opens_what_the_first_one_made() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let second = open(dir.path()).unwrap();
    assert_eq!(first.fingerprint(), second.fingerprint());
    let mode = fs::metadata(dir.path().join("ca/ca.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn derived_keys_outlive_the_process_and_differ_by_purpose_and_authority() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let key = open(dir.path()).unwrap().derive_key(b"one");
    assert_eq!(open(dir.path()).unwrap().derive_key(b"one"), key);
    assert_ne!(open(dir.path()).unwrap().derive_key(b"two"), key);
    assert_ne!(open(other.path()).unwrap().derive_key(b"one"), key);
}

#[test]
fn a_crash_before_the_rename_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("ca.new")).unwrap();
    // What is left when the power goes before the rename.
    fs::write(dir.path().join("ca.new/ca.key"), "half").unwrap();
    open(dir.path()).unwrap();
    assert!(!dir.path().join("ca.new").exists());
}

#[test]
fn never_makes_a_new_authority_where_one_was() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    fs::remove_dir_all(dir.path().join("ca")).unwrap();
    let text = refusal(dir.path());
    assert!(text.contains("restore the directory from a backup"), "{text}");
    assert!(!dir.path().join("ca").exists());
}

#[test]
fn refuses_half_an_authority() {
    for half in ["ca.key", "ca.crt"] {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).unwrap();
        fs::remove_file(dir.path().join("ca").join(half)).unwrap();
        let text = refusal(dir.path());
        assert!(text.contains(half) && text.contains("is missing"), "{text}");
    }
}

#[test]
fn what_cannot_be_looked_at_is_not_taken_for_missing() {
    // A loop of links, because to root every directory is open.
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca");
    std::os::unix::fs::symlink(&ca, &ca).unwrap();
    let text = refusal(dir.path());
    assert!(text.starts_with("look for"), "{text}");
    assert!(!text.contains("delete"), "{text}");
}

#[test]
fn refuses_damaged_files_by_their_names() {
    for (file, content) in [
        ("ca.key", &b"-----BEGIN nothing"[..]),
        ("ca.key", b"\xff\xfe"),
        ("ca.crt", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("ca.crt", b""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).unwrap();
        fs::write(dir.path().join("ca").join(file), content).unwrap();
        let text = refusal(dir.path());
        assert!(text.contains(file), "{text}");
    }
}

#[test]
fn refuses_a_certificate_of_another_key_and_another_authority() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    open(other.path()).unwrap();
    fs::copy(other.path().join("ca/ca.crt"), dir.path().join("ca/ca.crt")).unwrap();
    let text = refusal(dir.path());
    assert!(text.contains("does not belong to the key"), "{text}");
    fs::copy(other.path().join("ca/ca.key"), dir.path().join("ca/ca.key")).unwrap();
    let text = refusal(dir.path());
    assert!(text.contains("another authority"), "{text}");
}

#[test]
fn refuses_a_key_that_others_can_read() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    let key = dir.path().join("ca/ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal(dir.path()).contains("chmod 600"));
}

#[test]
fn refuses_an_authority_that_has_expired() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    let later = NOW + AUTHORITY_VALIDITY + Duration::DAY;
    let error =
        Authority::open_or_create(&Home::of(dir.path()), DOMAIN, &SystemRandom::new(), later);
    assert!(matches!(error, Err(AuthorityError::Expired { .. })));
}

#[test]
fn an_agents_certificate_reads_back_as_its_identity() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let issued = issue(&authority, &csr(&CertificateParams::default())).unwrap();
    let peer = PeerIdentity::from_certificate(&issued.chain[0], DOMAIN).unwrap();
    assert_eq!((peer.company, peer.agent), ids());
    assert_eq!(peer.serial, hex(&issued.serial));
    assert_eq!(peer.not_after, NOW + MONTH);
}

#[test]
fn nothing_of_a_request_but_its_key_gets_into_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let mut wish = CertificateParams::new(vec!["collector.muster.internal".to_owned()]).unwrap();
    // All that a request may wish for and that would be dangerous in a certificate.
    wish.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    wish.distinguished_name.push(DnType::CommonName, "root");
    let issued = issue(&authority, &csr(&wish)).unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(&issued.chain[0]).unwrap();
    assert!(!parsed.is_ca());
    assert_eq!(parsed.subject().to_string(), format!("CN={}", ids().1));
    let names = parsed.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 1);
    assert!(PeerIdentity::from_certificate(&issued.chain[0], DOMAIN).is_ok());
}

#[test]
fn serial_numbers_differ_for_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let request = csr(&CertificateParams::default());
    let first = issue(&authority, &request).unwrap();
    let second = issue(&authority, &request).unwrap();
    assert_ne!(first.serial, second.serial);
    assert_ne!(first.sha256, second.sha256);
}

#[test]
fn requests_that_prove_nothing_are_not_signed() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let good = csr(&CertificateParams::default());
    let mut forged = good.clone();
    // The last byte is the signature's.
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(issue(&authority, &forged), Err(IssueError::Signature));
    assert_eq!(issue(&authority, b"garbage"), Err(IssueError::Unreadable));
    assert_eq!(issue(&authority, &[]), Err(IssueError::Unreadable));
    let trailing = [good, vec![0]].concat();
    assert_eq!(issue(&authority, &trailing), Err(IssueError::Unreadable));
    assert_eq!(issue(&authority, &[0; 5_000]), Err(IssueError::TooLong(5_000)));
}

#[test]
fn certificates_end_with_their_authority() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    let late = NOW + AUTHORITY_VALIDITY - Duration::DAY;
    let random = SystemRandom::new();
    let authority =
        Authority::open_or_create(&Home::of(dir.path()), DOMAIN, &random, late).unwrap();
    let issued = authority
        .issue_agent(&csr(&CertificateParams::default()), ids(), MONTH, &random, late)
        .unwrap();
    assert_eq!(issued.not_after, NOW + AUTHORITY_VALIDITY);
}

#[test]
fn only_one_exact_name_is_an_identity() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let id = "00000000-0000-0000-0000-0000000000c0";
    let good = format!("spiffe://{DOMAIN}/company/{id}/agent/{id}");
    let with = |names: &[&str]| {
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            names.iter().map(|name| SanType::URI((*name).try_into().unwrap())).collect();
        let key = KeyPair::generate().unwrap();
        // Past `issue_agent`, which would never sign such names: the reader has to refuse them by
        // itself.
        let certificate = params.signed_by(&key, &authority.present().signer.issuer).unwrap();
        PeerIdentity::from_certificate(certificate.der(), DOMAIN)
    };
    assert!(with(&[&good]).is_ok());
    assert_eq!(with(&[]), Err(InvalidIdentity::Names));
    assert_eq!(with(&[&good, &good]), Err(InvalidIdentity::Names));
    for wrong in [
        format!("spiffe://other.internal/company/{id}/agent/{id}"),
        format!("spiffe://{DOMAIN}.evil/company/{id}/agent/{id}"),
        format!("https://{DOMAIN}/company/{id}/agent/{id}"),
        format!("spiffe://{DOMAIN}/company/{id}/agent/{id}/"),
        format!("spiffe://{DOMAIN}/company/{id}/agent/{}", id.replace('-', "")),
        format!("spiffe://{DOMAIN}/company/{}/agent/{id}", id.to_uppercase()),
        format!("spiffe://{DOMAIN}/company//agent/{id}"),
        format!("spiffe://{DOMAIN}/agent/{id}"),
    ] {
        assert!(matches!(with(&[&wrong]), Err(InvalidIdentity::Foreign(_))), "{wrong}");
    }
    assert_eq!(
        PeerIdentity::from_certificate(b"garbage", DOMAIN),
        Err(InvalidIdentity::Unreadable)
    );
}

#[test]
fn the_servers_certificate_is_renewed_before_it_ends_and_not_earlier() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let random = SystemRandom::new();
    // An address and a name, which stand in the certificate as different kinds (RFC 5280, section
    // 4.2.1.6).
    let names = ["203.0.113.7".to_owned(), "collector.example".to_owned()];
    let server = ServerCertificate::issue(&authority, &names, &random, NOW).unwrap();
    let first_end = server.not_after();
    assert!(!server.renew_if_due(&authority, &random, NOW + Duration::days(19)).unwrap());
    assert_eq!(server.not_after(), first_end);
    assert!(server.renew_if_due(&authority, &random, NOW + Duration::days(21)).unwrap());
    assert!(server.not_after() > first_end);
}

#[test]
fn a_name_that_cannot_be_in_a_certificate_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let error =
        ServerCertificate::issue(&authority, &["müster".to_owned()], &SystemRandom::new(), NOW)
            .unwrap_err();
    assert!(error.to_string().contains("müster"));
}

#[test]
fn a_node_of_a_cluster_makes_no_authority_of_its_own() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shared = open(first.path()).unwrap().fingerprint();
    let home = Home { shared: Some(shared), ..Home::of(second.path()) };
    let open_there = || Authority::open_or_create(&home, DOMAIN, &SystemRandom::new(), NOW);
    let error = open_there().unwrap_err().to_string();
    assert!(error.contains(&hex(&shared)), "{error}");
    assert!(!second.path().join("ca").exists());

    // Copied from the first node, it is the second one's as well.
    fs::create_dir(second.path().join("ca")).unwrap();
    for file in ["ca/ca.key", "ca/ca.crt"] {
        fs::copy(first.path().join(file), second.path().join(file)).unwrap();
    }
    assert_eq!(open_there().unwrap().fingerprint(), shared);
}

#[test]
fn a_node_with_another_authority_than_its_cluster_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let here = open(dir.path()).unwrap().fingerprint();
    let home = Home { shared: Some([7; 32]), ..Home::of(dir.path()) };
    let error = Authority::open_or_create(&home, DOMAIN, &SystemRandom::new(), NOW);
    let error = error.unwrap_err().to_string();
    assert!(error.contains(&hex(&here)) && error.contains(&hex(&[7; 32])), "{error}");
}

#[test]
fn an_authority_that_somebody_else_keeps_is_used_there_and_never_made_there() {
    let (data, given) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Made below by a node of its own, as somebody else would put it there.
    let kept = given.path().join("ca");
    let home = Home { authority_dir: Some(&kept), ..Home::of(data.path()) };
    let open_there = || Authority::open_or_create(&home, DOMAIN, &SystemRandom::new(), NOW);
    let error = open_there().unwrap_err().to_string();
    assert!(error.contains("node.authority_dir"), "{error}");
    let fingerprint = open(given.path()).unwrap().fingerprint();
    assert_eq!(open_there().unwrap().fingerprint(), fingerprint);
}
