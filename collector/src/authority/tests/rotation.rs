//! One authority after another: who signs, who vouches, and what a node does that has not all of the files.

use super::*;

/// What the nodes share in a step.
fn shared(active: [u8; 32], next: Option<[u8; 32]>, previous: Option<[u8; 32]>) -> Shared {
    Shared { active, next, previous, is_retired: false }
}

#[test]
fn another_authority_signs_with_the_same_secrets_and_the_old_one_vouches_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let (home, old) = (Home::of(dir.path()), authority.fingerprint());
    let (secret, ticket) = (authority.derive_key(b"webhooks"), authority.certificate());
    let new = authority.prepare(&home, &SystemRandom::new(), NOW).unwrap().sha256;
    assert!(authority.follow(&home, &shared(old, Some(new), None), NOW).unwrap());
    assert!(!authority.follow(&home, &shared(old, Some(new), None), NOW).unwrap());
    assert_eq!((authority.fingerprint(), authority.present().trusted().count()), (old, 2));
    let before = authority.present().trusted_number();
    assert!(authority.follow(&home, &shared(new, None, Some(old)), NOW).unwrap());
    assert_eq!(authority.fingerprint(), new);
    assert_eq!(authority.present().trusted_number(), before);
    assert_eq!(authority.derive_key(b"webhooks"), secret);
    // The new one, its certificate by the old one, the old one.
    let chain: Vec<_> = authority.present().shown().collect();
    assert_eq!((chain.len(), &chain[2]), (3, &ticket));
    let (_, cross) = x509_parser::parse_x509_certificate(&chain[1]).unwrap();
    let (_, by) = x509_parser::parse_x509_certificate(&ticket).unwrap();
    cross.verify_signature(Some(by.public_key())).unwrap();
    let issued = issue(&authority, &csr(&CertificateParams::default())).unwrap();
    let peer = PeerIdentity::from_certificate(&issued.chain[0], DOMAIN).unwrap();
    assert_eq!(authority.present().stand_of(peer.issuer), Some(Stand::Signs));
    // A start finds the one that signs, by the database's word or by its own note, also without the old key.
    fs::remove_file(dir.path().join("ca/ca.key")).unwrap();
    for home in [Home { shared: Some(new), ..home }, home] {
        let again = Authority::open_or_create(&home, DOMAIN, &SystemRandom::new(), NOW).unwrap();
        assert_eq!((again.fingerprint(), again.derive_key(b"webhooks")), (new, secret));
    }
    let retired = Shared { is_retired: true, ..shared(new, None, Some(old)) };
    assert!(authority.follow(&home, &retired, NOW).unwrap());
    assert_eq!(authority.present().trusted().count(), 1);
    assert_eq!(authority.present().known().count(), 2);
}

/// A node that was given the first authority's files as they were once, and the first one.
fn two_nodes() -> ([tempfile::TempDir; 2], [Authority; 2]) {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let one = open(dirs[0].path()).unwrap();
    fs::create_dir(dirs[1].path().join("ca")).unwrap();
    for file in ["ca/ca.key", "ca/ca.crt"] {
        fs::copy(dirs[0].path().join(file), dirs[1].path().join(file)).unwrap();
    }
    let other = open(dirs[1].path()).unwrap();
    (dirs, [one, other])
}

#[test]
fn a_node_without_the_files_goes_on_with_what_it_has_until_that_is_retired() {
    let (dirs, [one, other]) = two_nodes();
    let old = one.fingerprint();
    let new = one.prepare(&Home::of(dirs[0].path()), &SystemRandom::new(), NOW).unwrap().sha256;
    let follow = |shared: &Shared| other.follow(&Home::of(dirs[1].path()), shared, NOW);
    for shared in [shared(old, Some(new), None), shared(new, None, Some(old))] {
        let error = follow(&shared).unwrap_err();
        assert!(!matches!(error, AuthorityError::Retired { .. }), "{error}");
        assert!(error.to_string().contains(&hex(&new)), "{error}");
        assert_eq!(other.fingerprint(), old);
    }
    // By its word, and by the next rotation's, which names it no more.
    let retired = Shared { is_retired: true, ..shared(new, None, Some(old)) };
    for shared in [retired, shared(new, None, None), shared(new, Some([9; 32]), None)] {
        let error = follow(&shared).unwrap_err();
        assert!(matches!(error, AuthorityError::Retired { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&hex(&old)) && text.contains(&hex(&new)), "{text}");
    }
}

#[test]
fn a_retirement_is_heard_of_whatever_other_files_are_missing() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let home = Home::of(dir.path());
    let old = authority.fingerprint();
    let new = authority.prepare(&home, &SystemRandom::new(), NOW).unwrap().sha256;
    // Deleted too early: it is trusted as long as all nodes say so.
    fs::remove_file(dir.path().join("ca/ca.crt")).unwrap();
    assert!(authority.follow(&home, &shared(new, None, Some(old)), NOW).unwrap());
    assert_eq!(authority.present().trusted().count(), 2);
    // The next rotation has begun already, and its files are not here.
    let later = shared(new, Some([9; 32]), None);
    let error = authority.follow(&home, &later, NOW).unwrap_err();
    assert!(!matches!(error, AuthorityError::Retired { .. }), "{error}");
    assert_eq!((authority.fingerprint(), authority.present().known().count()), (new, 1));
}

#[test]
fn an_authority_whose_key_is_not_here_is_not_said_to_be_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let home = Home::of(dir.path());
    let prepared = authority.prepare(&home, &SystemRandom::new(), NOW).unwrap();
    let step = shared(authority.fingerprint(), Some(prepared.sha256), None);
    let (key, away) = (prepared.folder.join("ca.key"), dir.path().join("away"));
    fs::rename(&key, &away).unwrap();
    let error = authority.follow(&home, &step, NOW).unwrap_err();
    assert!(error.to_string().contains("ca.key"), "{error}");
    assert_eq!(authority.present().next(), None);
    fs::rename(&away, &key).unwrap();
    assert!(authority.follow(&home, &step, NOW).unwrap());
    assert_eq!(authority.present().next(), Some(prepared.sha256));
}

#[test]
fn a_prepared_authority_is_found_without_a_folder_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let home = Home::of(dir.path());
    let old = authority.fingerprint();
    let prepared = authority.prepare(&home, &SystemRandom::new(), NOW).unwrap();
    // As a secret of Kubernetes holds it, whose keys have no folders.
    let (ca, name) = (dir.path().join("ca"), hex(&prepared.sha256));
    for file in ["ca.key", "ca.crt", "cross.crt", "seal.key"] {
        fs::rename(prepared.folder.join(file), ca.join(format!("{name}.{file}"))).unwrap();
    }
    fs::remove_dir(&prepared.folder).unwrap();
    let step = shared(prepared.sha256, None, Some(old));
    assert!(authority.follow(&home, &step, NOW).unwrap());
    assert_eq!(
        (authority.fingerprint(), authority.present().shown().count()),
        (prepared.sha256, 3)
    );
    // With the first one's key deleted it starts all the same, and a backup has what is there.
    fs::remove_file(ca.join("ca.key")).unwrap();
    let home = Home { shared: Some(prepared.sha256), ..home };
    let again = Authority::open_or_create(&home, DOMAIN, &SystemRandom::new(), NOW).unwrap();
    assert_eq!(again.seal_check(), authority.seal_check());
    let mut names = files_of(&ca).unwrap();
    names.sort_unstable();
    let ours = ["ca.crt", "ca.key", "cross.crt", "seal.key"].map(|part| format!("{name}.{part}"));
    let mut wanted = [&ours[..], &["ca.crt".to_owned()]].concat();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
}

#[test]
fn a_prepared_authority_with_another_sites_secrets_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let home = Home::of(dir.path());
    let old = authority.fingerprint();
    let prepared = authority.prepare(&home, &SystemRandom::new(), NOW).unwrap();
    fs::remove_file(prepared.folder.join("seal.key")).unwrap();
    let error = authority.follow(&home, &shared(prepared.sha256, None, Some(old)), NOW);
    assert!(error.unwrap_err().to_string().contains("seal.key"));
    assert_eq!(authority.fingerprint(), old);
}
