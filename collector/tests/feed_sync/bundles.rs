//! Bundles from a site that fetches to one that cannot.

use std::path::{Path, PathBuf};

use collector::feeds::{
    BundleError, ImportError, ImportReport, PublicKey, SigningKey, export_bundle,
};
use ring::rand::SystemRandom;

use crate::server::{Answer, Server};
use crate::site::{NOW, Site};

const PAGE: &str = include_str!("../data/nvd/deltas/2020.json");

/// A site that fetched three CVEs, and its key.
async fn fetching_site() -> (Site, SigningKey) {
    let server = Server::start(|_| Answer::ok(PAGE)).await;
    let feeds = format!("sources = [\"nvd\"]\nnvd_url = \"{}/cves/2.0\"", server.url);
    let site = Site::new(&feeds).await;
    site.sync().await;
    let key = SigningKey::generate(&site.dir.path().join("key"), &SystemRandom::new()).unwrap();
    (site, key)
}

fn export(site: &Site, key: &SigningKey, name: &str) -> PathBuf {
    let out = site.dir.path().join(name);
    export_bundle(&site.paths().mirror, &out, key, NOW).unwrap();
    out
}

async fn import(site: &Site, key: PublicKey, path: &Path) -> Result<ImportReport, ImportError> {
    let importer = site.importer().trusting(vec![key]);
    importer.import(vec![path.to_owned()]).await
}

#[tokio::test]
async fn a_site_without_a_network_knows_what_the_other_one_fetched() {
    let (there, key) = fetching_site().await;
    let here = Site::new("sources = []").await;
    let report = import(&here, key.public(), &export(&there, &key, "bundle")).await.unwrap();
    assert_eq!(report.changed, 3);
    assert_eq!(report.bundles.len(), 1);
    assert_eq!(here.index().generation(), there.index().generation());
    assert_eq!(here.lines("nvd"), there.lines("nvd"));
    let mirror = here.manifest();
    assert_eq!(mirror["sources"], there.manifest()["sources"], "it could go on by itself");
}

#[tokio::test]
async fn what_was_imported_by_hand_stays_beside_a_bundle() {
    let (there, key) = fetching_site().await;
    let here = Site::new("sources = []").await;
    let file = here.dir.path().join("more.json");
    // Three records, of which two are those of the bundle.
    let more = PAGE.replace("CVE-2020-0001", "CVE-2020-9999");
    std::fs::write(&file, more).unwrap();
    here.importer().import(vec![file]).await.unwrap();
    import(&here, key.public(), &export(&there, &key, "bundle")).await.unwrap();
    assert_eq!(here.index().stats().cves, 4);
}

#[tokio::test]
async fn a_refused_bundle_leaves_index_mirror_and_rows_as_they_were() {
    let (there, key) = fetching_site().await;
    let here = Site::new("sources = []").await;
    // Two of the same second: the number grows all the same.
    let old = export(&there, &key, "old");
    let good = export(&there, &key, "good");
    import(&here, key.public(), &good).await.unwrap();
    let before = (here.manifest(), here.index().generation());
    let next = export(&there, &key, "next");

    let forged = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let path = here.dir.path().join(name);
        let mut bytes = std::fs::read(&next).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let stranger = SigningKey::generate(&here.dir.path().join("other"), &SystemRandom::new());
    let cases = [
        (good, "was taken in already"),
        (old, "older"),
        (
            // Behind the 15 bytes that a bundle begins with stand the 64 of the signature.
            forged("unsigned", &|bytes| bytes[15..79].fill(0)),
            "not signed",
        ),
        (forged("head", &|bytes| bytes[200] ^= 1), "no trusted key"),
        (forged("cut", &|bytes| bytes.truncate(bytes.len() - 100)), "damaged"),
        (
            forged("rotten", &|bytes| {
                let at = bytes.len() - 100;
                bytes[at] ^= 1;
            }),
            "damaged",
        ),
        (export(&there, &stranger.unwrap(), "stranger"), "no trusted key"),
    ];
    for (path, why) in cases {
        let error = import(&here, key.public(), &path).await.unwrap_err();
        assert!(matches!(error, ImportError::Bundle { .. }), "{error}");
        assert!(error.to_string().contains(why), "{why}: {error}");
        let after = (here.manifest(), here.index().generation());
        assert_eq!(after, before, "{why}");
    }
    let untrusting = here.importer().import(vec![next.clone()]).await.unwrap_err();
    let is_told = matches!(untrusting, ImportError::Bundle { error: BundleError::NoKeys, .. });
    assert!(is_told, "{untrusting}");
    import(&here, key.public(), &next).await.unwrap();
}

#[tokio::test]
async fn a_bundle_that_cannot_be_taken_in_does_not_count() {
    let (there, key) = fetching_site().await;
    // Signed and whole, and no feed: somebody put a wrong file into the mirror over there.
    let mirror = there.paths().mirror;
    let mut manifest = there.manifest();
    let part = &mut manifest["sources"]["nvd"]["parts"]["00000001"];
    let text = "no feed at all";
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let name: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(mirror.join(&name), text).unwrap();
    part["sha256"] = name.into();
    part["bytes"] = text.len().into();
    // Listed with its right hash, so that the export finds nothing wrong with it.
    std::fs::write(mirror.join("manifest.json"), manifest.to_string()).unwrap();
    let bundle = export(&there, &key, "wrong");

    let here = Site::new("sources = []").await;
    let error = import(&here, key.public(), &bundle).await.unwrap_err();
    assert!(error.to_string().contains("no feed"), "{error}");
    assert!(!here.paths().index.exists());
    assert_eq!(here.manifest()["sources"], serde_json::json!({}));
    assert_eq!(here.manifest()["bundle_taken"], 0);
}
