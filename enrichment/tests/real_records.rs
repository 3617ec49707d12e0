//! Matching on real records of NVD and Anchore: famous CVEs, their neighbours in version, and the
//! questions that analysts ask about them.

use std::path::Path;

use enrichment::cpe::Cpe;
use enrichment::evaluation::{Confidence, Evaluation, Finding};
use enrichment::feeds;
use enrichment::index::{Builder, Index};
use enrichment::matching::{self, Step};
use enrichment::subject::{Platform, Subject};

const LINUX: Platform<'static> = Platform { family: "linux", id: "debian", version: "12" };
const WINDOWS: Platform<'static> = Platform { family: "windows", id: "", version: "10.0.19045" };

/// An index of the recorded files.
#[expect(clippy::unwrap_used, reason = "the files are of this repository")]
fn index() -> Index {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/feeds");
    let mut builder = Builder::new();
    feeds::read_path(&folder, &mut builder).unwrap();
    Index::from_bytes(builder.into_bytes().unwrap()).unwrap()
}

/// An application's name: vendor, product, version, and maybe more.
#[expect(clippy::unwrap_used, reason = "the names are of these tests")]
fn app(name: &str) -> Cpe {
    let given = name.matches(':').count() + 1;
    Cpe::parse(&format!("cpe:2.3:a:{name}{}", ":*".repeat(10 - given))).unwrap()
}

fn finding(index: &Index, name: &str, platform: Platform<'_>, cve: &str) -> Option<Finding> {
    let evaluation = matching::evaluate_cpe(index, &app(name), platform);
    evaluation.findings.into_iter().find(|found| found.cve == cve)
}

#[test]
fn the_first_fixed_release_is_where_a_finding_ends() {
    let index = index();
    for (last, first, cve) in [
        ("openssl:openssl:1.0.1f", "openssl:openssl:1.0.1g", "CVE-2014-0160"),
        ("openssl:openssl:1.1.1j", "openssl:openssl:1.1.1k", "CVE-2021-3449"),
        ("openssl:openssl:1.0.2zc", "openssl:openssl:1.0.2zd", "CVE-2022-0778"),
        ("php:php:7.2.23", "php:php:7.2.24", "CVE-2019-11043"),
        ("zlib:zlib:1.2.11", "zlib:zlib:1.2.12", "CVE-2018-25032"),
        ("libexpat_project:libexpat:2.4.8", "libexpat_project:libexpat:2.4.9", "CVE-2022-40674"),
        ("google:chrome:90.0.4430.72", "google:chrome:90.0.4430.85", "CVE-2021-21224"),
        ("nginx:nginx:1.20.0", "nginx:nginx:1.20.1", "CVE-2021-23017"),
        ("apache:http_server:2.4.52", "apache:http_server:2.4.53", "CVE-2022-23943"),
        ("openbsd:openssh:7.3:p1", "openbsd:openssh:7.4:p1", "CVE-2016-10012"),
        ("openbsd:openssh:9.7:p1", "openbsd:openssh:9.8:p1", "CVE-2024-6387"),
        ("golang:text:0.3.7", "golang:text:0.3.8", "CVE-2022-32149"),
    ] {
        assert!(finding(&index, last, LINUX, cve).is_some(), "{last} {cve}");
        assert_eq!(finding(&index, first, LINUX, cve), None, "{first} {cve}");
    }
}

#[test]
fn the_first_affected_release_is_where_a_finding_begins() {
    let index = index();
    for (before, first, cve) in [
        ("openssl:openssl:1.0.0t", "openssl:openssl:1.0.1", "CVE-2014-0160"),
        ("openbsd:openssh:8.4:p1", "openbsd:openssh:8.5:p1", "CVE-2024-6387"),
        ("python:requests:2.2.1", "python:requests:2.3.0", "CVE-2023-32681"),
    ] {
        assert_eq!(finding(&index, before, LINUX, cve), None, "{before}");
        assert!(finding(&index, first, LINUX, cve).is_some(), "{first}");
    }
}

#[test]
fn an_enumerated_version_is_found_and_its_neighbour_is_not() {
    let index = index();
    let cve = "CVE-2016-0736";
    assert!(finding(&index, "apache:http_server:2.4.20", LINUX, cve).is_some());
    assert_eq!(finding(&index, "apache:http_server:2.4.25", LINUX, cve), None);
}

#[test]
fn a_finding_tells_the_fix_of_its_own_line() {
    let index = index();
    for (installed, fixed_in) in
        [("nodejs:node.js:17.1.0", "17.3.1"), ("nodejs:node.js:12.13.0", "12.22.9")]
    {
        let found = finding(&index, installed, LINUX, "CVE-2022-21824");
        let fixed = found.and_then(|found| found.fixed_in);
        assert_eq!(fixed.as_deref(), Some(fixed_in), "{installed}");
    }
}

#[test]
fn an_edition_that_the_host_does_not_tell_lowers_the_confidence() {
    let index = index();
    let found = finding(&index, "nodejs:node.js:12.13.0", LINUX, "CVE-2022-21824");
    assert_eq!(found.map(|found| found.confidence), Some(Confidence::Medium));
}

#[test]
fn a_record_about_chrome_on_a_mac_is_not_about_chrome_on_windows() {
    let index = index();
    let mac = Platform { family: "macos", ..Platform::default() };
    let (installed, cve) = ("google:chrome:148.0.7778.100", "CVE-2026-9999");
    assert!(finding(&index, installed, mac, cve).is_some());
    assert_eq!(finding(&index, installed, WINDOWS, cve), None);
    let why_not = matching::why_not_cpe(&index, &app(installed), WINDOWS, cve);
    assert_eq!(why_not.step, Step::OtherSystem);
    assert!(why_not.detail.contains("apple:macos"), "{why_not:?}");
}

#[test]
fn a_record_about_one_architecture_is_not_about_another() {
    let index = index();
    let cve = "CVE-2019-14697";
    let on = |arch: &str| {
        let name = format!("musl-libc:musl:1.1.20:*:*:*:*:*:{arch}");
        finding(&index, &name, LINUX, cve).map(|found| found.confidence)
    };
    assert_eq!(on("x86"), Some(Confidence::High));
    assert_eq!(on("x86_64"), None);
    assert_eq!(on("*"), Some(Confidence::Medium));
}

#[test]
fn the_system_that_a_record_mentions_besides_is_no_partner() {
    // The record of this CVE lists Debian as another affected product, not as a condition.
    let index = index();
    let (installed, cve) = ("openssl:openssl:1.1.1j", "CVE-2021-3449");
    assert!(finding(&index, installed, WINDOWS, cve).is_some());
}

#[test]
fn log4j_is_found_by_its_ranges_and_not_beyond_them() {
    let index = index();
    let cve = "CVE-2021-44228";
    for (version, is_found) in [
        ("2.14.1", true),
        ("2.0:beta9", true),
        ("2.12.2", false),
        ("2.15.0", false),
        ("1.2.17", false),
    ] {
        let found = finding(&index, &format!("apache:log4j:{version}"), LINUX, cve);
        assert_eq!(found.is_some(), is_found, "{version}");
    }
}

#[test]
fn a_correction_that_names_nothing_silences_a_record() {
    let index = index();
    let info = "CVE-1999-0037".parse().ok().and_then(|id| index.cve(id));
    assert!(info.is_some_and(|info| info.products.is_empty()));
}

#[test]
fn packages_of_an_inventory_are_found_through_their_identity() {
    let index = index();
    let subject = |source, name, version| Subject {
        source,
        name,
        version,
        platform: LINUX,
        ..Subject::default()
    };
    for (subject, cve) in [
        (subject("python", "requests", "2.30.0"), "CVE-2023-32681"),
        (subject("python", "urllib3", "1.26.4"), "CVE-2021-33503"),
    ] {
        let evaluation = matching::evaluate(&index, &subject);
        let ids: Vec<&str> = evaluation.findings.iter().map(|f| f.cve.as_str()).collect();
        assert_eq!(ids, [cve], "{evaluation:?}");
        assert!(evaluation.identity.purl.is_some());
        let found = &evaluation.findings[0];
        assert_eq!(found.why.rule, evaluation.identity.rule);
    }
}

#[test]
fn an_evaluation_survives_being_stored() {
    let index = index();
    let evaluation = matching::evaluate_cpe(&index, &app("openssl:openssl:1.1.1j"), LINUX);
    assert!(!evaluation.findings.is_empty());
    let stored = serde_json::to_string(&evaluation).ok();
    let loaded = stored.and_then(|text| serde_json::from_str(&text).ok());
    // What was looked up is for whoever judges again, and shown to nobody.
    let shown = Evaluation { keys: Vec::new(), ..evaluation };
    assert_eq!(loaded, Some(shown));
}
