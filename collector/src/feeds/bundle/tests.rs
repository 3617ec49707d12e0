//! What a user would miss of bundles: nothing of one that is not to be believed ever counts.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use ring::rand::SystemRandom;
use time::OffsetDateTime;
use time::macros::datetime;

use super::manifest::FileEntry;
use super::*;
use crate::feeds::mirror::Manifest;

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

/// A site that makes bundles, and one that takes them.
struct Sites {
    dir: tempfile::TempDir,
    key: SigningKey,
}

impl Sites {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::generate(&dir.path().join("key"), &SystemRandom::new()).unwrap();
        let sites = Self { dir, key };
        sites.fetch("kev", "what CISA says");
        // Long and always the same, so that a bundle without compression would be seen by its size.
        sites.fetch("nvd", &"what NVD says ".repeat(10_000));
        sites
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Has the first site fetch something.
    fn fetch(&self, source: &str, text: &str) {
        let mirror = Mirror::open(&self.path("there")).unwrap();
        let mut file = mirror.create(source).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let part = file.finish().unwrap();
        let change = |manifest: &mut Manifest| {
            let source = manifest.sources.entry(source.to_owned()).or_default();
            source.parts.insert("all".to_owned(), part);
        };
        mirror.commit(change).unwrap();
    }

    fn export(&self, name: &str, now: OffsetDateTime) -> BundleManifest {
        export_bundle(&self.path("there"), &self.path(name), &self.key, now).unwrap()
    }

    /// Takes a bundle in as far as files go.
    fn unpack(&self, name: &str) -> Result<BundleManifest, BundleError> {
        self.unpack_trusting(name, &[self.key.public()])
    }

    fn unpack_trusting(
        &self,
        name: &str,
        trusted: &[PublicKey],
    ) -> Result<BundleManifest, BundleError> {
        let here = self.path("here");
        let mirror = Mirror::open(&here).map_err(|_| BundleError::Busy)?;
        let manifest = unpack_into(&mirror, &self.path(name), trusted)?;
        let taken = manifest.clone();
        let change = move |manifest: &mut Manifest| {
            manifest.sources = taken.sources().clone();
            manifest.bundle_taken = taken.sequence();
        };
        mirror.commit(change).map_err(BundleError::io(&here))?;
        Ok(manifest)
    }

    /// What counts at the second site.
    fn held(&self) -> BTreeMap<String, String> {
        let mirror = Mirror::open(&self.path("here")).unwrap();
        let manifest = mirror.manifest();
        let text = |part| fs::read_to_string(mirror.path(part)).unwrap();
        let parts = manifest.parts();
        parts.map(|(name, part)| (name.to_owned(), text(part))).collect()
    }

    /// The bytes of a bundle, changed and written as another one.
    fn forge(&self, from: &str, to: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(from)).unwrap();
        change(&mut bytes);
        fs::write(self.path(to), bytes).unwrap();
    }
}

/// Where the parts of a bundle begin.
const SIGNATURE_AT: usize = MAGIC.len();
const MANIFEST_AT: usize = SIGNATURE_AT + 64 + 4;

#[test]
fn what_one_site_fetched_another_one_has() {
    let sites = Sites::new();
    let made = sites.export("bundle", NOW);
    assert_eq!(sites.unpack("bundle").unwrap(), made);
    assert_eq!(sites.held()["kev"], "what CISA says");
    assert_eq!(sites.held().len(), 2);
    assert_eq!(verify_bundle(&sites.path("bundle"), &[sites.key.public()]).unwrap(), made);
    assert!(fs::metadata(sites.path("bundle")).unwrap().len() < 2_000, "it is not compressed");
}

#[test]
fn a_bundle_that_was_taken_in_is_refused_the_second_time() {
    let sites = Sites::new();
    sites.export("bundle", NOW);
    sites.unpack("bundle").unwrap();
    let error = sites.unpack("bundle").unwrap_err();
    assert!(matches!(error, BundleError::Replayed(_)), "{error}");
    assert_eq!(sites.held().len(), 2);
}

#[test]
fn an_older_bundle_is_refused_and_the_newer_data_stays() {
    let sites = Sites::new();
    sites.export("old", NOW);
    sites.fetch("kev", "what CISA says now");
    sites.export("new", NOW);
    sites.unpack("new").unwrap();
    let error = sites.unpack("old").unwrap_err();
    assert!(matches!(error, BundleError::Older { .. }), "{error}");
    assert!(error.to_string().contains("2026-11-21T12:00:00Z"), "{error}");
    assert_eq!(sites.held()["kev"], "what CISA says now");
}

#[test]
fn numbers_grow_within_a_second_and_with_a_mirror_that_was_made_anew() {
    let sites = Sites::new();
    let first = sites.export("1", NOW).sequence();
    let second = sites.export("2", NOW).sequence();
    assert!(second > first);
    fs::remove_dir_all(sites.path("there")).unwrap();
    sites.fetch("kev", "again");
    let third = sites.export("3", NOW + time::Duration::seconds(60)).sequence();
    assert!(third > second);
}

#[test]
fn an_unsigned_bundle_is_refused() {
    let sites = Sites::new();
    sites.export("bundle", NOW);
    sites.forge("bundle", "unsigned", |bytes| {
        // What a tool writes that leaves the place of the signature empty.
        bytes[SIGNATURE_AT..MANIFEST_AT - 4].fill(0);
    });
    let error = sites.unpack("unsigned").unwrap_err();
    assert!(matches!(error, BundleError::Unsigned), "{error}");
    assert!(sites.held().is_empty());
}

#[test]
fn a_bundle_that_somebody_else_signed_is_refused() {
    let sites = Sites::new();
    sites.export("bundle", NOW);
    let other = SigningKey::generate(&sites.path("other"), &SystemRandom::new()).unwrap();
    let error = sites.unpack_trusting("bundle", &[other.public()]).unwrap_err();
    assert!(matches!(error, BundleError::WrongSignature), "{error}");
    let error = sites.unpack_trusting("bundle", &[]).unwrap_err();
    assert!(matches!(error, BundleError::NoKeys), "{error}");
    assert!(sites.held().is_empty());
    // One of several is enough: keys are replaced while both are trusted.
    let both = [other.public(), sites.key.public()];
    sites.unpack_trusting("bundle", &both).unwrap();
}

#[test]
fn a_signature_for_something_else_is_none_for_a_bundle() {
    let sites = Sites::new();
    sites.export("bundle", NOW);
    sites.forge("bundle", "other", |bytes| {
        let length = bytes[MANIFEST_AT - 4..MANIFEST_AT].try_into().unwrap();
        let end = MANIFEST_AT + usize::try_from(u32::from_le_bytes(length)).unwrap();
        // The right key and the right manifest, without the text that says what for.
        let signature = sites.key.sign(&bytes[MANIFEST_AT..end]);
        bytes[SIGNATURE_AT..MANIFEST_AT - 4].copy_from_slice(&signature);
    });
    let error = sites.unpack("other").unwrap_err();
    assert!(matches!(error, BundleError::WrongSignature), "{error}");
}

#[test]
fn any_changed_byte_is_found_and_nothing_of_it_counts() {
    let sites = Sites::new();
    sites.export("good", NOW);
    sites.unpack("good").unwrap();
    let before = sites.held();
    sites.fetch("kev", "what CISA says now");
    sites.export("next", NOW);
    let length = fs::read(sites.path("next")).unwrap().len();
    let mut harmless = 0;
    // Every third, which comes by each field of the head and by the middle of the files.
    for at in (0..length).step_by(3) {
        sites.forge("next", "changed", |bytes| bytes[at] ^= 0x01);
        let verified = verify_bundle(&sites.path("changed"), &[sites.key.public()]);
        if verified.is_err() {
            sites.unpack("changed").unwrap_err();
        } else {
            harmless += 1;
        }
    }
    // The stream's head says how much memory to take; another figure gives the same files.
    assert!(harmless <= 1, "{harmless}");
    assert_eq!(sites.held(), before);
    sites.unpack("next").unwrap();
}

#[test]
fn a_bundle_that_is_cut_anywhere_or_has_something_behind_it_is_refused() {
    let sites = Sites::new();
    sites.export("bundle", NOW);
    let length = fs::read(sites.path("bundle")).unwrap().len();
    for cut in (0..length).step_by(7).chain([length - 1]) {
        sites.forge("bundle", "cut", |bytes| bytes.truncate(cut));
        let error = sites.unpack("cut").unwrap_err();
        let is_told = matches!(error, BundleError::Damaged(_) | BundleError::NotABundle);
        assert!(is_told, "cut at {cut}: {error}");
    }
    sites.forge("bundle", "long", |bytes| bytes.extend_from_slice(b"more"));
    let error = sites.unpack("long").unwrap_err();
    assert!(matches!(error, BundleError::Damaged(_)), "{error}");
    assert!(sites.held().is_empty());
}

#[test]
fn a_manifest_is_checked_even_when_it_is_signed() {
    let entry = |sha256: &str, bytes| FileEntry { sha256: sha256.to_owned(), bytes };
    let manifest = |files: Vec<FileEntry>, format: u32| {
        let json = serde_json::json!({
            "format": format, "sequence": 1, "created_at": "2026-11-21T12:00:00Z",
            "files": files, "sources": {},
        });
        BundleManifest::parse(json.to_string().as_bytes())
    };
    let hash = "ab".repeat(32);
    manifest(vec![entry(&hash, 1)], 1).unwrap();
    for wrong in [
        manifest(vec![entry("../../etc/passwd", 1)], 1),
        manifest(vec![entry(&hash.to_uppercase(), 1)], 1),
        // The two sizes together are 1 where they overflow.
        manifest(vec![entry(&hash, u64::MAX), entry(&hash, 2)], 1),
        manifest(vec![], 2),
    ] {
        assert!(matches!(wrong, Err(BundleError::Damaged(_))), "{wrong:?}");
    }
    let sources = serde_json::json!({
        "format": 1, "sequence": 1, "created_at": "2026-11-21T12:00:00Z", "files": [],
        "sources": { "kev": { "parts": { "all": { "sha256": hash, "bytes": 1 } } } },
    });
    BundleManifest::parse(sources.to_string().as_bytes()).unwrap_err();
}

#[test]
fn a_mirror_that_is_empty_or_damaged_is_not_exported() {
    let sites = Sites::new();
    let export =
        |mirror: &str| export_bundle(&sites.path(mirror), &sites.path("b"), &sites.key, NOW);
    assert!(matches!(export("nothing"), Err(BundleError::Empty)));
    let mirror = Mirror::open(&sites.path("there")).unwrap();
    // The mirror is open here, as a sync has it.
    assert!(matches!(export("there"), Err(BundleError::Busy)));
    let manifest = mirror.manifest();
    let (_, part) = manifest.parts().next().unwrap();
    fs::write(mirror.path(part), "rotten").unwrap();
    drop(mirror);
    let error = export("there").unwrap_err().to_string();
    assert!(error.contains("feed sync --force"), "{error}");
    assert!(!sites.path("b").exists() && !sites.path("b.partial").exists());
}

#[test]
fn other_files_are_no_bundles() {
    let sites = Sites::new();
    for content in ["", "{\"vulnerabilities\":[]}", "MUSTER-FEEDS-2\n and more"] {
        fs::write(sites.path("other"), content).unwrap();
        assert!(!is_bundle(&sites.path("other")));
        assert!(matches!(sites.unpack("other"), Err(BundleError::NotABundle)));
    }
}
