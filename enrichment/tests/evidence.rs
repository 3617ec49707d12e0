//! The rules of evidence, each on a real record that once made some scanner lie.
//!
//! What counts as evidence against an installed program is decided in `docs/decisions/0009` to
//! `0011`; here is the record behind each rule, so that a change of the rule meets it again.

use std::path::Path;

use enrichment::cpe::{self, Cpe};
use enrichment::evaluation::{Confidence, Evaluation};
use enrichment::feeds;
use enrichment::index::{Builder, Index};
use enrichment::matching::{self, Step};
use enrichment::subject::{Platform, Subject};

const LINUX: Platform<'static> = Platform { family: "linux", id: "debian", version: "12" };
const WINDOWS: Platform<'static> = Platform { family: "windows", id: "", version: "10.0.19045" };

/// An index of the recorded files.
#[expect(clippy::unwrap_used, reason = "the files are of this repository")]
fn index() -> Index {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/evidence");
    let mut builder = Builder::new();
    let report = feeds::read_path(&folder, &mut builder).unwrap();
    assert_eq!(report.files.iter().map(|file| file.records).sum::<u64>(), 9);
    Index::from_bytes(builder.into_bytes().unwrap()).unwrap()
}

/// A name: part, vendor, product, version.
#[expect(clippy::unwrap_used, reason = "the names are of these tests")]
fn name(name: &str) -> Cpe {
    Cpe::parse(&format!("cpe:2.3:{name}{}", ":*".repeat(7))).unwrap()
}

fn confidence(evaluation: &Evaluation, cve: &str) -> Option<Confidence> {
    let mut findings = evaluation.findings.iter();
    findings.find(|found| found.cve == cve).map(|found| found.confidence)
}

fn program<'a>(name: &'a str, vendor: &'a str, version: &'a str) -> Subject<'a> {
    Subject { source: "programs", name, vendor, version, platform: WINDOWS, ..Subject::default() }
}

#[test]
fn what_a_record_only_mentions_is_never_found() {
    // CVE-2015-8960 is about TLS and says that browsers speak it; CVE-2011-5049 names Windows only.
    let index = index();
    for mentioned in ["a:google:chrome:45", "a:mozilla:firefox:40", "a:apple:safari:8"] {
        let evaluation = matching::evaluate_cpe(&index, &name(mentioned), WINDOWS);
        assert_eq!(confidence(&evaluation, "CVE-2015-8960"), None, "{mentioned}");
    }
    let windows = name("o:microsoft:windows:10");
    let evaluation = matching::evaluate_cpe(&index, &windows, WINDOWS);
    assert!(evaluation.findings.is_empty(), "{evaluation:?}");
    let why_not = matching::why_not_cpe(&index, &windows, WINDOWS, "CVE-2011-5049");
    assert_eq!(why_not.step, Step::NoProducts);
}

#[test]
fn what_needs_another_application_waits_for_proof_of_it() {
    // Of CVE-2015-8960 the TLS protocol is the vulnerable half, a browser the other.
    let index = index();
    let tls = name("a:ietf:transport_layer_security:1.2");
    let evaluation = matching::evaluate_cpe(&index, &tls, LINUX);
    assert_eq!(confidence(&evaluation, "CVE-2015-8960"), None);
    let why_not = matching::why_not_cpe(&index, &tls, LINUX, "CVE-2015-8960");
    assert_eq!(why_not.step, Step::OtherApplication);
    assert!(why_not.detail.contains("together with"), "{why_not:?}");
}

#[test]
fn a_record_without_a_version_is_about_none() {
    // CVE-2016-3198: `edge:-`.
    let index = index();
    let edge = name("a:microsoft:edge:38.14393");
    let why_not = matching::why_not_cpe(&index, &edge, WINDOWS, "CVE-2016-3198");
    assert_eq!(why_not.step, Step::Version, "{why_not:?}");
}

#[test]
fn a_record_about_every_version_is_of_low_confidence() {
    // CVE-2016-7200: `edge:*` without a range.
    let index = index();
    let edge = name("a:microsoft:edge:38.14393");
    let evaluation = matching::evaluate_cpe(&index, &edge, WINDOWS);
    assert_eq!(confidence(&evaluation, "CVE-2016-7200"), Some(Confidence::Low));
}

#[test]
fn the_edge_of_today_is_not_its_older_namesake() {
    let index = index();
    let edge = program("Microsoft Edge", "Microsoft Corporation", "120.0.2210.61");
    let evaluation = matching::evaluate(&index, &edge);
    assert!(evaluation.findings.is_empty(), "{evaluation:?}");
    let why_not = matching::why_not(&index, &edge, "CVE-2016-7200");
    assert!(why_not.detail.contains("another product"), "{why_not:?}");
}

#[test]
fn a_record_of_a_whole_vendor_or_a_nameless_one_finds_nothing() {
    // CVE-2022-24436: `h:intel:*`; CVE-2022-38392: `h:*:5400rmp_oem_harddrive`.
    let index = index();
    for installed in ["a:intel:driver:1.0", "h:intel:xeon:-", "h:acme:5400rmp_oem_harddrive:-"] {
        let evaluation = matching::evaluate_cpe(&index, &name(installed), LINUX);
        assert!(evaluation.findings.is_empty(), "{installed}");
    }
    let nameless = name("h:*:5400rmp_oem_harddrive:-");
    assert!(!cpe::matches(&name("h:intel:*:*"), &nameless));
    assert!(!cpe::matches(&nameless, &name("h:intel:*:*")));
}

#[test]
fn a_date_is_no_bound_of_a_release_number() {
    // CVE-2006-1514: abcmidi up to 2006-04-22, which called its releases by their day then.
    let index = index();
    let of = |version: &str| {
        let installed = name(&format!("a:abcmidi:abcmidi:{version}"));
        let evaluation = matching::evaluate_cpe(&index, &installed, LINUX);
        confidence(&evaluation, "CVE-2006-1514")
    };
    assert_eq!(of("2006-01-10"), Some(Confidence::High));
    assert_eq!(of("20060110"), Some(Confidence::High), "the same day");
    assert_eq!(of("2006-04-23"), None);
    assert_eq!(of("4.84"), None, "no date");
}

#[test]
fn a_package_is_found_under_the_name_that_the_record_uses() {
    // CVE-2016-10745: PyPI's jinja2 is `palletsprojects:jinja`, and was `pocoo:jinja2`.
    let index = index();
    let of = |version| {
        let subject = Subject {
            source: "python",
            name: "Jinja2",
            version,
            platform: LINUX,
            ..Subject::default()
        };
        confidence(&matching::evaluate(&index, &subject), "CVE-2016-10745")
    };
    assert_eq!((of("2.8"), of("2.8.1")), (Some(Confidence::High), None));
}

#[test]
fn a_stand_in_for_nvd_counts_with_less_confidence_and_tells_each_line() {
    // CVE-2026-0877 of Anchore: Firefox below 147 and its long-lived lines below 115.32 and 140.7.
    let index = index();
    let of = |name, version| {
        let evaluation = matching::evaluate(&index, &program(name, "Mozilla", version));
        confidence(&evaluation, "CVE-2026-0877")
    };
    let (esr, plain) = ("Mozilla Firefox ESR (x64 de)", "Mozilla Firefox (x64 de)");
    assert_eq!(of(plain, "146.0"), Some(Confidence::Medium));
    assert_eq!(of(plain, "147.0"), None);
    assert_eq!(of(esr, "140.6.0"), Some(Confidence::Medium));
    assert_eq!(of(esr, "140.7.0"), None);
    assert_eq!(of(esr, "115.32.0"), None);
    // And of the ranges, the one that the version has just passed is named.
    let why_not = matching::why_not(&index, &program(esr, "Mozilla", "140.7.0"), "CVE-2026-0877");
    let expected = "140.7.0 is not in >= 116, < 140.7 of cpe:2.3:a:mozilla:firefox_esr:";
    assert!(why_not.detail.starts_with(expected), "{why_not:?}");
}
