//! Windows and Microsoft's programs against Microsoft's own documents, and CVE records beside them.

mod programs;
mod updates;

use std::io::Cursor;
use std::path::Path;

use crate::cve::CveRecord;
use crate::evaluation::{Confidence, Evaluation, Finding, Status};
use crate::feeds;
use crate::index::{Builder, ChangedKeys, Index, changes};
use crate::matching::{Step, evaluate, why_not};
use crate::subject::{Platform, Subject};
use crate::testing::{any_of, app, record, system};

const APRIL: &str = include_str!("../../../tests/data/advisories/msrc-2024-apr.json");
const MARCH: &str = include_str!("../../../tests/data/advisories/msrc-2024-mar.json");
const OLD: &str = include_str!("../../../tests/data/advisories/msrc-2016-apr.json");
const EDGE: &str = include_str!("../../../tests/data/advisories/msrc-csaf-2025-29806.json");
const TABLE: &str = include_str!("../../../tests/data/advisories/msrc-updates.csv");

fn index_with(documents: &[&str], records: &[CveRecord]) -> Index {
    let mut builder = Builder::new();
    for document in documents {
        let mut bytes = Cursor::new(document.as_bytes());
        feeds::read_stream(Path::new("document"), &mut bytes, &mut builder).unwrap();
    }
    for record in records {
        builder.add(record).unwrap();
    }
    Index::from_bytes(builder.into_bytes().unwrap()).unwrap()
}

fn index(documents: &[&str]) -> Index {
    index_with(documents, &[])
}

fn windows<'a>(name: &'a str, version: &'a str, arch: &'a str) -> Subject<'a> {
    Subject {
        source: "os",
        name,
        version,
        arch,
        platform: Platform { family: "windows", id: "", version },
        ..Subject::default()
    }
}

fn pro(version: &str) -> Subject<'_> {
    windows("Windows 10 Pro", version, "x86_64")
}

fn server_2012_r2(updates: &[String]) -> Subject<'_> {
    Subject { updates, ..windows("Windows Server 2012 R2 Standard", "6.3.9600", "x86_64") }
}

fn updates(numbers: &[&str]) -> Vec<String> {
    numbers.iter().map(|number| format!("KB{number}")).collect()
}

fn cves(evaluation: &Evaluation) -> Vec<&str> {
    let findings = evaluation.findings.iter();
    findings.map(|finding| finding.cve.as_str()).collect()
}

fn finding(index: &Index, subject: &Subject<'_>, cve: &str) -> Option<Finding> {
    let found = evaluate(index, subject).findings;
    found.into_iter().find(|finding| finding.cve == cve)
}

/// NVD's record of CVE-2024-26234 for Windows 10 22H2.
fn nvd(fixed: &str) -> CveRecord {
    let criteria = system("microsoft:windows_10_22h2");
    let range = format!(r#""versionEndExcluding":"{fixed}""#);
    record("CVE-2024-26234", 1, &any_of(&[(&criteria, &range)]))
}

const APRILS: [&str; 3] = ["CVE-2024-26218", "CVE-2024-26234", "CVE-2024-29988"];

#[test]
fn a_windows_one_build_below_the_fix_has_the_cves_and_one_at_or_above_it_has_none() {
    let index = index(&[APRIL]);
    for (version, expected) in [
        ("10.0.19045.4170", &APRILS[..]),
        ("10.0.19045.4290", &APRILS[..]),
        ("10.0.19045.4291", &[]),
        ("10.0.19045.4412", &[]),
    ] {
        let evaluation = evaluate(&index, &pro(version));
        assert_eq!(cves(&evaluation), expected, "{version}");
        assert_eq!(evaluation.status, Status::Evaluated);
    }
}

#[test]
fn a_finding_names_the_update_the_build_and_what_was_compared() {
    let index = index(&[APRIL]);
    let found = finding(&index, &pro("10.0.19045.4170"), "CVE-2024-26234").unwrap();
    assert_eq!((found.source.as_str(), found.confidence), ("microsoft", Confidence::High));
    assert_eq!(found.fixed_in.as_deref(), Some("KB5036892 (10.0.19045.4291)"));
    assert_eq!(found.why.criteria, "windows 10 22h2 x64: windows");
    assert_eq!(found.why.range.as_deref(), Some("< 10.0.19045.4291"));
    assert_eq!(found.why.version, "10.0.19045.4170");
    assert_eq!(found.why.rule, "system:windows_10_22h2");
    assert_eq!(found.why.conditions, ["the build does not imply KB5036892"]);
    let statement = found.why.advisory.unwrap();
    assert_eq!(
        (statement.id.as_str(), statement.note.as_str(), statement.severity.as_str()),
        ("CVE-2024-26234", "KB5036892", "important")
    );
}

#[test]
fn why_not_says_which_build_was_compared_with_which() {
    let index = index(&[APRIL]);
    let answer = why_not(&index, &pro("10.0.19045.4291"), "CVE-2024-26234");
    assert_eq!(answer.step, Step::Version);
    assert_eq!(
        answer.detail,
        "build 10.0.19045.4291 is not below 10.0.19045.4291 of KB5036892 (windows 10 22h2 x64)"
    );
    let found = why_not(&index, &pro("10.0.19045.4170"), "CVE-2024-26234");
    assert_eq!(found.step, Step::Found);
}

#[test]
fn microsofts_word_stands_for_nvds_and_no_cve_is_found_twice() {
    // NVD's end of the range is a later one, of a record that was made from a draft.
    let index = index_with(&[APRIL], &[nvd("10.0.19045.4999")]);
    let found = evaluate(&index, &pro("10.0.19045.4170"));
    assert_eq!(cves(&found), APRILS);
    assert!(found.findings.iter().all(|finding| finding.source == "microsoft"));
    assert_eq!(cves(&evaluate(&index, &pro("10.0.19045.4291"))), [""; 0]);
}

#[test]
fn nvd_fills_in_what_microsoft_is_silent_about() {
    let other = record(
        "CVE-2023-0001",
        1,
        &any_of(&[(
            &system("microsoft:windows_10_22h2"),
            r#""versionEndExcluding":"10.0.19045.4999""#,
        )]),
    );
    let index = index_with(&[APRIL], &[other]);
    let found = evaluate(&index, &pro("10.0.19045.4291"));
    assert_eq!(cves(&found), ["CVE-2023-0001"]);
    assert_eq!(found.findings[0].source, "nvd");
}

#[test]
fn findings_of_both_are_in_the_order_of_cves() {
    let range = r#""versionEndExcluding":"10.0.19045.4999""#;
    let criteria = system("microsoft:windows_10_22h2");
    let of = |cve| record(cve, 1, &any_of(&[(&criteria, range)]));
    let index =
        index_with(&[APRIL], &[of("CVE-2024-26999"), of("CVE-2024-9999"), of("CVE-2024-26220")]);
    assert_eq!(
        cves(&evaluate(&index, &pro("10.0.19045.4170"))),
        [
            "CVE-2024-9999",
            "CVE-2024-26218",
            "CVE-2024-26220",
            "CVE-2024-26234",
            "CVE-2024-26999",
            "CVE-2024-29988"
        ]
    );
}

#[test]
fn the_build_and_not_the_name_tells_windows_11_from_10() {
    let index = index(&[APRIL]);
    let eleven = windows("Windows 10 Pro", "10.0.22631.3296", "AMD64");
    let found = finding(&index, &eleven, "CVE-2024-26234").unwrap();
    assert_eq!(found.fixed_in.as_deref(), Some("KB5036893 (10.0.22631.3447)"));
    assert!(
        cves(&evaluate(&index, &windows("Windows 10 Pro", "10.0.22631.3447", "AMD64"))).is_empty()
    );
}

#[test]
fn workstations_and_servers_of_one_build_are_two_products() {
    let index = index(&[APRIL]);
    let server = windows("Windows Server 2019 Standard", "10.0.17763.5576", "x86_64");
    let found = finding(&index, &server, "CVE-2024-26234").unwrap();
    assert_eq!(found.why.criteria, "windows server 2019: windows");
    // The document's cut has no workstation of that build.
    let client = windows("Windows 10 Enterprise LTSC", "10.0.17763.5576", "x86_64");
    assert!(evaluate(&index, &client).findings.is_empty());
}

#[test]
fn a_server_without_a_desktop_is_judged_by_its_own_product() {
    let index = index(&[APRIL]);
    let core = windows("Windows Server 2019 Standard (Server Core)", "10.0.17763.5576", "x86_64");
    let found = finding(&index, &core, "CVE-2024-26234").unwrap();
    assert_eq!(found.why.criteria, "windows server 2019 core: windows");
}

#[test]
fn what_microsoft_names_for_other_machines_alone_is_not_found_on_this_one() {
    let arm = APRIL.replace(
        "Windows 11 Version 23H2 for x64-based",
        "Windows 11 Version 23H2 for ARM64-based",
    );
    let criteria = system("microsoft:windows_11_23h2");
    let range = r#""versionEndExcluding":"10.0.22631.3447""#;
    let nvd = record("CVE-2024-26234", 1, &any_of(&[(&criteria, range)]));
    let index = index_with(&[&arm], &[nvd]);
    let on = |arch| windows("Windows 11 Pro", "10.0.22631.3296", arch);
    assert!(finding(&index, &on("x64"), "CVE-2024-26234").is_none());
    assert!(finding(&index, &on("ARM64"), "CVE-2024-26234").is_some());
    let answer = why_not(&index, &on("x64"), "CVE-2024-26234");
    assert_eq!(answer.step, Step::Hardware);
    assert!(answer.detail.contains("windows 11 23h2 arm64 only"), "{}", answer.detail);
}

#[test]
fn a_host_that_does_not_tell_its_architecture_is_judged_less_surely_where_that_matters() {
    // One of the three CVEs is taken from the 32-bit systems.
    let index = index(&[&APRIL.replacen(r#""12097", "12098", "12099""#, r#""12097", "12098""#, 2)]);
    let unsaid = windows("Windows 10 Pro", "10.0.19045.4170", "");
    let confidences: Vec<_> =
        evaluate(&index, &unsaid).findings.into_iter().map(|finding| finding.confidence).collect();
    assert_eq!(confidences, [Confidence::High, Confidence::Medium, Confidence::High]);
}

#[test]
fn a_windows_of_which_neither_revision_nor_updates_are_known_cannot_be_judged() {
    // Compared as it is, 10.0.19045 would come before every fix.
    let index = index_with(&[APRIL], &[nvd("10.0.19045.4291")]);
    let evaluation = evaluate(&index, &pro("10.0.19045"));
    assert_eq!(evaluation.status, Status::NotEvaluable);
    assert!(evaluation.findings.is_empty());
    assert!(evaluation.reason.unwrap().contains("10.0.19045.1234"));
    let answer = why_not(&index, &pro("10.0.19045"), "CVE-2024-26234");
    assert_eq!(answer.step, Step::NotEvaluable);
}

#[test]
fn an_unknown_build_of_windows_is_left_to_the_records() {
    let index = index(&[APRIL]);
    let evaluation = evaluate(&index, &windows("Windows 12", "10.0.99999.1", "x64"));
    assert_eq!(evaluation.status, Status::Unmapped);
}

#[test]
fn what_nobody_can_decide_is_found_with_low_confidence() {
    let index = index(&[OLD]);
    let host = windows("Windows 8.1 Pro", "6.3.9600.18264", "x64");
    let found = finding(&index, &host, "CVE-2016-0088").unwrap();
    assert_eq!((found.confidence, found.fixed_in.as_deref()), (Confidence::Low, Some("KB3135456")));
    assert!(found.why.notes[0].contains("gives no build"), "{:?}", found.why.notes);
}

#[test]
fn what_has_no_fix_is_found_without_one() {
    let index = index(&[&APRIL.replace("\"Type\": 2", "\"Type\": 1")]);
    let found = finding(&index, &pro("10.0.19045.9999"), "CVE-2024-26234").unwrap();
    assert_eq!((found.fixed_in, found.why.range), (None, None));
    assert_eq!(found.confidence, Confidence::High);
}

#[test]
fn a_withdrawn_cve_is_found_with_low_confidence() {
    let line = r#"{"cve":{"id":"CVE-2024-26234","vulnStatus":"Rejected","lastModified":"2024-05-01T00:00:00"}}"#;
    let index = index(&[APRIL, line]);
    let found = finding(&index, &pro("10.0.19045.4170"), "CVE-2024-26234").unwrap();
    assert_eq!(found.confidence, Confidence::Low);
}
