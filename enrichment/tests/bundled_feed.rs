//! The feed that the repository carries: whole, current enough to find what a development machine
//! has, and within its size.

use std::path::{Path, PathBuf};

use enrichment::advisory::Advisory;
use enrichment::cpe::Cpe;
use enrichment::cve::{CveRecord, EpssEntry, KevEntry};
use enrichment::evaluation::Status;
use enrichment::feeds::{self, FeedKind, FeedSink, SinkError};
use enrichment::index::{Builder, Index};
use enrichment::matching;
use enrichment::subject::{Platform, Subject};

const LINUX: Platform<'static> = Platform { family: "linux", id: "debian", version: "12" };

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/feed")
}

/// Builds an index and counts the rest.
#[derive(Default)]
struct All {
    builder: Builder,
    kevs: u64,
    scores: u64,
}

impl FeedSink for All {
    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.builder.advisory(advisory)
    }

    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.builder.cve(record)
    }

    fn kev(&mut self, _: KevEntry) -> Result<(), SinkError> {
        self.kevs += 1;
        Ok(())
    }

    fn epss(&mut self, _: EpssEntry) -> Result<(), SinkError> {
        self.scores += 1;
        Ok(())
    }
}

#[test]
fn the_bundled_feed_keeps_within_six_megabytes() {
    let entries = std::fs::read_dir(folder()).unwrap();
    let bytes: u64 = entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 6_000_000, "{bytes} bytes");
}

// One test, because reading the whole feed is what costs.
#[test]
fn the_bundled_feed_is_whole_and_finds_what_a_development_machine_has() {
    let mut all = All::default();
    let report = feeds::read_path(&folder(), &mut all).unwrap();
    assert_eq!(report.skipped(), 0, "{report:?}");
    assert!(report.files.iter().all(|file| file.damage.is_none()));
    assert!(report.records(FeedKind::Nvd) > 30_000);
    assert!(all.kevs > 1_400 && all.scores > 30_000);
    let index = Index::from_bytes(all.builder.into_bytes().unwrap()).unwrap();
    knows_products(&index);
    finds_language_packages(&index);
    finds_programs(&index);
    finds_packages_of_distributions(&index);
}

#[expect(clippy::panic, reason = "the rows are of this test")]
fn finds_packages_of_distributions(index: &Index) {
    for (row, cve, found) in [
        ("deb debian 12 openssh 1:9.2p1-2+deb12u2", "CVE-2024-6387", true),
        ("deb debian 12 openssh 1:9.2p1-2+deb12u3", "CVE-2024-6387", false),
        ("deb debian 12 glibc 2.36-9+deb12u2", "CVE-2023-4911", true),
        ("deb ubuntu 22.04 openssh 1:8.9p1-3ubuntu0.9", "CVE-2024-6387", true),
        ("deb ubuntu 24.04 openssh 1:9.6p1-3ubuntu13.3", "CVE-2024-6387", false),
        ("rpm rhel 9.4 openssh-server 8.7p1-38.el9", "CVE-2024-6387", true),
        ("rpm rhel 9.4 openssh-server 8.7p1-38.el9_4.1", "CVE-2024-6387", false),
        ("rpm rocky 9.0 openssl 1:3.0.1-41.el9_0", "CVE-2022-3602", true),
        ("apk alpine 3.20.3 openssl 3.3.0-r0", "CVE-2024-5535", true),
    ] {
        let words: Vec<&str> = row.split(' ').collect();
        let [source, id, release, name, version] = words[..] else {
            panic!("{row}");
        };
        let subject = Subject {
            source,
            name,
            version,
            platform: Platform { family: "linux", id, version: release },
            ..Subject::default()
        };
        let evaluation = matching::evaluate(index, &subject);
        assert_eq!(evaluation.status, Status::Evaluated, "{evaluation:?}");
        let is_found = evaluation.findings.iter().any(|finding| finding.cve == cve);
        let why_not = matching::why_not(index, &subject, cve);
        assert_eq!(is_found, found, "{row}: {why_not:?}");
    }
}

fn knows_products(index: &Index) {
    for name in [
        "docker:docker",
        "git-scm:git",
        "google:chrome",
        "grafana:grafana",
        "kubernetes:kubernetes",
        "microsoft:visual_studio_code",
        "mozilla:firefox",
        "nodejs:node.js",
        "npmjs:npm",
        "postgresql:postgresql",
        "pypa:pip",
        "redis:redis",
    ] {
        let is_known = name
            .split_once(':')
            .is_some_and(|(vendor, product)| index.has_product(vendor, product));
        assert!(is_known, "{name}");
    }
}

fn finds_language_packages(index: &Index) {
    for (source, name, version, cve) in [
        ("python", "requests", "2.28.1", "CVE-2023-32681"),
        ("python", "urllib3", "1.26.4", "CVE-2021-33503"),
        ("python", "Flask", "2.2.4", "CVE-2023-30861"),
        ("python", "setuptools", "66.1.1", "CVE-2024-6345"),
        ("python", "cryptography", "38.0.4", "CVE-2026-69248"),
        ("python", "pip", "23.0.1", "CVE-2026-6357"),
        ("npm", "minimist", "1.2.0", "CVE-2020-7598"),
        ("npm", "lodash", "4.17.20", "CVE-2021-23337"),
        ("gem", "rack", "2.2.2", "CVE-2026-34829"),
    ] {
        let subject = Subject {
            source,
            name,
            version,
            // Debian has packages of some of these very versions; this is what pip installed.
            is_standalone: true,
            platform: LINUX,
            ..Subject::default()
        };
        let evaluation = matching::evaluate(index, &subject);
        assert_eq!(evaluation.status, Status::Evaluated, "{evaluation:?}");
        let is_found = evaluation.findings.iter().any(|found| found.cve == cve);
        let why_not = matching::why_not(index, &subject, cve);
        assert!(is_found, "{name} {version}: {why_not:?}");
    }
}

#[expect(clippy::unwrap_used, reason = "the names are of this test")]
fn finds_programs(index: &Index) {
    for (name, found, cve) in [
        ("openbsd:openssh:9.2:p1", true, "CVE-2024-6387"),
        ("openbsd:openssh:9.8:p1", false, "CVE-2024-6387"),
        ("openssl:openssl:1.1.1j", true, "CVE-2021-3449"),
        ("openssl:openssl:1.1.1k", false, "CVE-2021-3449"),
        ("google:chrome:90.0.4430.72", true, "CVE-2021-21224"),
        ("nodejs:node.js:16.0.0", true, "CVE-2021-22931"),
        ("apache:http_server:2.4.58", false, "CVE-2007-6750"),
    ] {
        let given = name.matches(':').count() + 1;
        let name = format!("cpe:2.3:a:{name}{}", ":*".repeat(10 - given));
        let evaluation = matching::evaluate_cpe(index, &Cpe::parse(&name).unwrap(), LINUX);
        let is_found = evaluation.findings.iter().any(|finding| finding.cve == cve);
        assert_eq!(is_found, found, "{name} {cve}");
    }
}
