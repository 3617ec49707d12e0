//! An index is what its records say, in any order, or it does not open.

mod damage;
mod file;
mod order;
mod sections;

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::advisory::{Advisory, Affected, End, PackageKind, Place, Publisher, Span, Verdict};
use crate::cpe::Cpe;
use crate::cve::{CveRecord, Timestamp};
use crate::evaluation::SmolStr;
use crate::index::format::{CHECKSUM_AT, HEADER_BYTES};
use crate::matching;
use crate::subject::{Platform, Subject};
use crate::testing::{any_of, app, index_of, name_of, on, record, system};
use crate::version::Scheme;

/// Records with a bit of everything that the format has.
fn records() -> Vec<CveRecord> {
    let linux = system("linux:linux_kernel:-");
    let debian = system("debian:debian_linux:10.0");
    vec![
        record(
            "CVE-2024-0001",
            1,
            &any_of(&[
                (&app("v:p:1.0"), ""),
                (&app("v:p:1.5:rc1"), ""),
                (&app("v:p:*"), r#""versionStartIncluding":"2.0","versionEndExcluding":"2.4""#),
            ]),
        ),
        record(
            "CVE-2024-0002",
            2,
            &on(&[(&app("v:p:*"), r#""versionEndIncluding":"3.1""#)], &[&linux, &debian]),
        ),
        record(
            "CVE-2023-10000",
            3,
            &any_of(&[
                (&app("v:p:*"), ""),
                (&app("w:q:-"), ""),
                (&app("w:q:*:*:*:*:lts:windows:x64"), r#""versionStartExcluding":"7""#),
            ]),
        ),
        record("CVE-2022-0003", 4, "[]"),
    ]
}

fn bytes_of(records: &[CveRecord]) -> Vec<u8> {
    let mut builder = Builder::new();
    for record in records {
        builder.add(record).unwrap();
    }
    builder.into_bytes().unwrap()
}

/// Advisories with a bit of everything that the format has.
fn advisories() -> Vec<Advisory> {
    let debian = |release: &str| Place::Distribution {
        id: "debian".to_owned(),
        release: release.to_owned(),
        channel: String::new(),
    };
    let affected = |place: Place, package: &str, spans: Vec<Span>| Affected {
        place,
        package: package.to_owned(),
        kind: PackageKind::Source,
        module: String::new(),
        verdict: Verdict::Affected,
        spans,
        versions: vec!["9.9".to_owned()],
        scheme: Scheme::Deb,
        note: "a remark".to_owned(),
    };
    let span =
        |introduced: &str, end: Option<End>| Span { introduced: Some(introduced.to_owned()), end };
    let advisory = |id: &str, cves: &[&str], affected: Vec<Affected>| Advisory {
        id: id.to_owned(),
        publisher: Publisher::Debian,
        cves: cves.iter().map(|cve| cve.parse().unwrap()).collect(),
        modified: Some(Timestamp(5)),
        is_withdrawn: false,
        severity: "low".to_owned(),
        affected,
    };
    let fixed = |version: &str| Some(End::Fixed(version.to_owned()));
    vec![
        advisory(
            "DEBIAN-CVE-2024-0001",
            &["CVE-2024-0001"],
            vec![
                affected(debian("12"), "p", vec![span("0", fixed("1:2.0-1"))]),
                affected(debian("11"), "p", vec![span("1.0", None)]),
            ],
        ),
        advisory(
            "DSA-1-1",
            &["CVE-2024-0001", "CVE-2024-0002"],
            vec![affected(
                debian("12"),
                "q",
                vec![span("0", Some(End::LastAffected("3~rc1".to_owned())))],
            )],
        ),
        advisory("DSA-2-1", &[], vec![affected(debian("12"), "p", Vec::new())]),
    ]
}

fn bytes_with(records: &[CveRecord], advisories: &[Advisory]) -> Vec<u8> {
    let mut builder = Builder::new();
    for record in records {
        builder.add(record).unwrap();
    }
    for advisory in advisories {
        builder.add_advisory(advisory).unwrap();
    }
    builder.into_bytes().unwrap()
}

/// Everything that an index can be asked about the records above, as text.
fn answers(index: &Index) -> String {
    let platform = Platform { family: "linux", id: "debian", version: "10" };
    let mut answers = format!("{:?} {}", index.stats(), index.generation());
    for name in ["v:p:1.0", "v:p:1.5:rc1", "v:p:2.3", "w:q:8", "w:q:1"] {
        let cpe = Cpe::parse(&app(name)).unwrap();
        let evaluation = matching::evaluate_cpe(index, &cpe, platform);
        answers.push_str(&format!("\n{name} {evaluation:?}"));
        for cve in ["CVE-2024-0001", "CVE-2024-0002", "CVE-2023-10000", "CVE-2022-0003"] {
            let why_not = matching::why_not_cpe(index, &cpe, platform, cve);
            answers.push_str(&format!("\n{why_not:?}"));
            answers.push_str(&format!("\n{:?}", index.cve(cve.parse().unwrap())));
        }
    }
    for (release, name, version) in [("12", "p", "1:1.0-1"), ("12", "q", "2"), ("11", "p", "1")] {
        let subject = Subject {
            source: "deb",
            name,
            version,
            platform: Platform { version: release, ..platform },
            ..Subject::default()
        };
        answers.push_str(&format!("\n{:?}", matching::evaluate(index, &subject)));
        for cve in ["CVE-2024-0001", "DSA-2-1"] {
            answers.push_str(&format!("\n{:?}", matching::why_not(index, &subject, cve)));
        }
    }
    answers
}

#[test]
fn another_content_is_another_generation() {
    let one = index_of(&records());
    let other = index_of(&records()[..3]);
    assert_ne!(one.generation(), other.generation());
}

#[test]
fn counts_what_it_holds_and_finds_products_and_cves() {
    let index = index_of(&records());
    let stats = index.stats();
    assert_eq!((stats.cves, stats.products), (4, 2));
    assert_eq!((stats.exact_rules, stats.range_rules, stats.open_rules), (2, 3, 2));
    assert!(index.has_product("v", "p"));
    assert!(!index.has_product("v", "q"));
    assert!(!index.has_product("linux", "linux_kernel"), "only a partner");
    let cve = index.cve("CVE-2023-10000".parse().unwrap()).unwrap();
    assert_eq!(cve.products, ["v:p", "w:q"]);
    assert_eq!(index.cve("CVE-2023-0001".parse().unwrap()), None);
    let silent = index.cve("CVE-2022-0003".parse().unwrap()).unwrap();
    assert!(silent.products.is_empty());
}

#[test]
fn an_empty_index_opens_and_finds_nothing() {
    let index = index_of(&[]);
    assert_eq!(index.stats().cves, 0);
    assert!(!index.has_product("v", "p"));
    assert_eq!(index.cve("CVE-2024-0001".parse().unwrap()), None);
}

#[test]
fn an_operating_system_and_an_application_of_one_name_are_two_products() {
    let index = index_of(&[record(
        "CVE-2024-0001",
        0,
        &any_of(&[(&name_of("a", "v:p:1"), ""), (&name_of("o", "v:p:2"), "")]),
    )]);
    let found = |part: &str, version: &str| {
        let cpe = Cpe::parse(&name_of(part, &format!("v:p:{version}"))).unwrap();
        let evaluation = matching::evaluate_cpe(&index, &cpe, Platform::default());
        evaluation.findings.len()
    };
    assert_eq!((found("a", "1"), found("a", "2")), (1, 0));
    assert_eq!((found("o", "1"), found("o", "2")), (0, 1));
}

#[test]
fn many_products_are_all_found() {
    let names: Vec<String> = (0..3000).map(|at| format!("vendor{at}:product:1")).collect();
    let matches: Vec<String> = names.iter().map(|name| app(name)).collect();
    let matches: Vec<(&str, &str)> = matches.iter().map(|name| (name.as_str(), "")).collect();
    let index = index_of(&[record("CVE-2024-0001", 0, &any_of(&matches))]);
    for at in 0..3000 {
        assert!(index.has_product(&format!("vendor{at}"), "product"));
        assert!(!index.has_product(&format!("vendor{at}"), "produc"));
    }
}

proptest! {
    #[test]
    fn an_exact_version_is_found_among_any_others(
        versions in proptest::collection::btree_set((0_u32..50, 0_u32..50), 1..60),
    ) {
        let names: Vec<String> = versions
            .iter()
            .map(|(major, minor)| app(&format!("v:p:{major}.{minor}.1")))
            .collect();
        let records: Vec<CveRecord> = (1..)
            .zip(&names)
            .map(|(number, name)| {
                record(&format!("CVE-2024-{number:04}"), 0, &any_of(&[(name, "")]))
            })
            .collect();
        let index = index_of(&records);
        for (number, name) in (1..).zip(&names) {
            let cpe = Cpe::parse(name).unwrap();
            let evaluation = matching::evaluate_cpe(&index, &cpe, Platform::default());
            let found: Vec<&str> = evaluation.findings.iter().map(|f| f.cve.as_str()).collect();
            prop_assert_eq!(found, vec![format!("CVE-2024-{number:04}")]);
        }
    }

    #[test]
    fn ranges_hold_what_is_between_their_bounds(
        ranges in proptest::collection::vec((0_u32..30, 0_u32..30, any::<bool>(), any::<bool>()), 1..40),
        installed in 0_u32..30,
    ) {
        let records: Vec<CveRecord> = (1..)
            .zip(&ranges)
            .map(|(number, (lower, upper, lower_in, upper_in))| {
                let start = if *lower_in { "versionStartIncluding" } else { "versionStartExcluding" };
                let end = if *upper_in { "versionEndIncluding" } else { "versionEndExcluding" };
                let bounds = format!(r#""{start}":"1.{lower}","{end}":"1.{upper}""#);
                record(&format!("CVE-2024-{number:04}"), 0, &any_of(&[(&app("v:p:*"), &bounds)]))
            })
            .collect();
        let index = index_of(&records);
        let cpe = Cpe::parse(&app(&format!("v:p:1.{installed}"))).unwrap();
        let evaluation = matching::evaluate_cpe(&index, &cpe, Platform::default());
        let found: Vec<SmolStr> = evaluation.findings.into_iter().map(|f| f.cve).collect();
        let expected: Vec<SmolStr> = (1..)
            .zip(&ranges)
            .filter(|(_, (lower, upper, lower_in, upper_in))| {
                let above = if *lower_in { installed >= *lower } else { installed > *lower };
                let below = if *upper_in { installed <= *upper } else { installed < *upper };
                above && below
            })
            .map(|(number, _)| format!("CVE-2024-{number:04}").into())
            .collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn an_index_is_shared_between_threads() {
    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }
    let index = shared(index_of(&records()));
    let expected = answers(&index);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(answers(&index), expected));
        }
    });
}
