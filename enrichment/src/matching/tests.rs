//! What is found and what is not, by the traps that records and inventories set.

mod editions;
mod packages;
mod partners;
mod versions;

use super::*;
use crate::cve::CveRecord;
use crate::evaluation::Confidence;
use crate::testing::{any_of, app, index_of, name_of, on, record, system};

const LINUX: Platform<'static> = Platform { family: "linux", id: "debian", version: "12" };
const WINDOWS: Platform<'static> = Platform { family: "windows", id: "", version: "10.0.19045" };
const MACOS: Platform<'static> = Platform { family: "macos", id: "", version: "14.5" };
const CVE: &str = "CVE-2024-0001";

/// An index of one record.
fn one(configurations: &str) -> Index {
    index_of(&[record(CVE, 0, configurations)])
}

fn evaluation(index: &Index, installed: &str, platform: Platform<'_>) -> Evaluation {
    evaluate_cpe(index, &Cpe::parse(&app(installed)).unwrap(), platform)
}

fn is_found(index: &Index, installed: &str) -> bool {
    is_found_on(index, installed, LINUX)
}

fn is_found_on(index: &Index, installed: &str, platform: Platform<'_>) -> bool {
    !evaluation(index, installed, platform).findings.is_empty()
}

fn confidence(index: &Index, installed: &str, platform: Platform<'_>) -> Option<Confidence> {
    let evaluation = evaluation(index, installed, platform);
    evaluation.findings.first().map(|finding| finding.confidence)
}

fn step(index: &Index, installed: &str, platform: Platform<'_>) -> Step {
    let cpe = Cpe::parse(&app(installed)).unwrap();
    why_not_cpe(index, &cpe, platform, CVE).step
}

fn below(version: &str) -> String {
    any_of(&[(&app("v:p:*"), &format!(r#""versionEndExcluding":"{version}""#))])
}

fn python<'a>(name: &'a str, version: &'a str) -> Subject<'a> {
    Subject { source: "python", name, version, platform: LINUX, ..Subject::default() }
}

#[test]
fn a_finding_says_what_was_compared() {
    let index = one(&on(
        &[(
            &app("v:p:*:*:*:*:lts"),
            r#""versionStartIncluding":"2.0","versionEndExcluding":"2.4.1""#,
        )],
        &[&system("linux:linux_kernel:-")],
    ));
    let evaluation = evaluation(&index, "v:p:2.4", LINUX);
    assert_eq!(evaluation.status, Status::Evaluated);
    insta::assert_json_snapshot!(evaluation, @r#"
    {
      "status": "evaluated",
      "identity": {
        "cpes": [
          "cpe:2.3:a:v:p:2.4:*:*:*:*:*:*:*"
        ],
        "rule": "cpe"
      },
      "findings": [
        {
          "cve": "CVE-2024-0001",
          "source": "nvd",
          "confidence": "medium",
          "fixed_in": "2.4.1",
          "why": {
            "criteria": "cpe:2.3:a:v:p:*:*:*:*:lts:*:*:*",
            "range": ">= 2.0, < 2.4.1",
            "version": "2.4",
            "scheme": "generic",
            "rule": "cpe",
            "conditions": [
              "runs on linux:linux_kernel"
            ],
            "notes": [
              "the record is about lts, the host does not tell"
            ]
          }
        }
      ]
    }
    "#);
}

#[test]
fn a_cve_is_found_once_by_its_surest_rule() {
    let index = one(&any_of(&[
        (&app("v:p:*"), ""),
        (&app("v:p:1.5"), ""),
        (&app("v:p:*"), r#""versionEndExcluding":"2.0""#),
    ]));
    let evaluation = evaluation(&index, "v:p:1.5", LINUX);
    assert_eq!(evaluation.findings.len(), 1);
    assert_eq!(evaluation.findings[0].confidence, Confidence::High);
    assert_eq!(evaluation.findings[0].fixed_in.as_deref(), Some("2.0"));
}

#[test]
fn findings_are_sorted_by_year_and_number() {
    let ids = ["CVE-2024-10000", "CVE-2024-9999", "CVE-2023-0001"];
    let records: Vec<CveRecord> = ids.iter().map(|id| record(id, 0, &below("2"))).collect();
    let evaluation = evaluation(&index_of(&records), "v:p:1", LINUX);
    let found: Vec<&str> = evaluation.findings.iter().map(|f| f.cve.as_str()).collect();
    assert_eq!(found, ["CVE-2023-0001", "CVE-2024-9999", "CVE-2024-10000"]);
}

#[test]
fn a_withdrawn_cve_is_not_found() {
    let mut withdrawn = record(CVE, 1, "[]");
    withdrawn.status = "Rejected".to_owned();
    let index = index_of(&[record(CVE, 0, &below("2")), withdrawn]);
    assert!(!is_found(&index, "v:p:1"));
    assert_eq!(step(&index, "v:p:1", LINUX), Step::Withdrawn);
}

#[test]
fn products_that_were_taken_back_stay_with_less_confidence() {
    // As NVD took products back in December 2024.
    let index = index_of(&[record(CVE, 0, &below("2")), record(CVE, 1, "[]")]);
    let evaluation = evaluation(&index, "v:p:1", LINUX);
    let finding = &evaluation.findings[0];
    assert_eq!(finding.confidence, Confidence::Medium);
    assert!(finding.why.notes[0].contains("newest record names none"));
}

#[test]
fn why_not_names_the_first_condition_that_fails() {
    let index = index_of(&[
        record(CVE, 0, &below("2")),
        record("CVE-2024-0002", 0, "[]"),
        record("CVE-2024-0003", 0, &any_of(&[(&app("other:thing:1"), "")])),
    ]);
    let ask = |installed: &str, cve: &str| {
        let cpe = Cpe::parse(&app(installed)).unwrap();
        why_not_cpe(&index, &cpe, LINUX, cve)
    };
    assert_eq!(ask("v:p:1", CVE).step, Step::Found);
    let newer = ask("v:p:3", CVE);
    assert_eq!(newer.step, Step::Version);
    assert!(newer.detail.contains("3 is not in < 2"), "{newer:?}");
    assert_eq!(ask("v:p:1", "CVE-2024-0002").step, Step::NoProducts);
    let other = ask("v:p:1", "CVE-2024-0003");
    assert_eq!(other.step, Step::Product);
    assert!(other.detail.contains("other:thing"), "{other:?}");
    assert_eq!(ask("v:p:1", "CVE-1999-0001").step, Step::UnknownCve);
    assert_eq!(ask("v:p:1", "log4shell").step, Step::UnknownCve);
    assert_eq!(ask("v:p:*", CVE).step, Step::NotEvaluable);
}

#[test]
fn what_is_found_is_what_why_not_calls_found() {
    let index = one(&any_of(&[
        (&app("v:p:9.2:-"), ""),
        (&app("v:p:1.5:rc1"), ""),
        (&app("v:p:*:sp1"), r#""versionEndIncluding":"3""#),
    ]));
    for installed in ["9.2", "9.2:p1", "1.5", "1.5:rc1", "1.5rc1", "3", "3:sp1", "3:sp2", "4"] {
        let installed = format!("v:p:{installed}");
        let found = is_found(&index, &installed);
        let is_step_found = step(&index, &installed, LINUX) == Step::Found;
        assert_eq!(found, is_step_found, "{installed}");
    }
}

#[test]
fn a_name_of_no_product_is_not_evaluable() {
    let index = one(&below("2"));
    for name in [name_of("h", "intel:xeon:1"), app("*:p:1"), app("v:-:1")] {
        let cpe = Cpe::parse(&name).unwrap();
        let evaluation = evaluate_cpe(&index, &cpe, LINUX);
        assert_eq!(evaluation.status, Status::NotEvaluable, "{name}");
    }
}

#[test]
fn a_program_without_a_known_product_is_unmapped() {
    let subject = Subject {
        source: "programs",
        name: "Contoso Intranet Tool 17",
        vendor: "Contoso",
        version: "17.1",
        platform: WINDOWS,
        ..Subject::default()
    };
    let index = one(&below("2"));
    let evaluation = evaluate(&index, &subject);
    assert_eq!(evaluation.status, Status::Unmapped);
    assert!(evaluation.reason.is_some());
    assert_eq!(why_not(&index, &subject, CVE).step, Step::Unmapped);
}

#[test]
fn a_correction_of_nvds_record_takes_its_place() {
    let nvd = record(CVE, 0, &any_of(&[(&app("v:p:*"), "")]));
    let mut correction = record(CVE, 0, &below("2"));
    correction.source = crate::cve::RecordSource::Anchore;
    correction.is_correction = true;
    let index = index_of(&[nvd, correction]);
    assert!(!is_found(&index, "v:p:3"));
    let evaluation = evaluation(&index, "v:p:1", LINUX);
    let finding = &evaluation.findings[0];
    assert_eq!(finding.source, "anchore");
    assert_eq!(finding.confidence, Confidence::Medium);
    assert_eq!(finding.why.notes, ["stated by Anchore, not by NVD"]);
}

#[test]
fn a_remark_behind_a_version_is_no_part_of_its_name() {
    let subject = Subject {
        source: "programs",
        name: "Zoom",
        vendor: "Zoom Video Communications, Inc.",
        version: "5.11.1 (8356)",
        ..Subject::default()
    };
    let index =
        one(&any_of(&[(&app("zoom:zoom:*:*:*:*:*:windows"), r#""versionEndExcluding":"5.13.3""#)]));
    let evaluation = evaluate(&index, &subject);
    let first = evaluation.identity.cpes.first().map(String::as_str);
    assert_eq!(first, Some("cpe:2.3:a:zoom:zoom:5.11.1:*:*:*:*:windows:*:*"));
    assert_eq!(evaluation.findings[0].confidence, Confidence::High);
    assert_eq!(evaluation.findings[0].why.version, "5.11.1 (8356)");
}
