//! What is found and what is not, by the traps that records and inventories set.

mod editions;

use super::*;
use crate::cve::CveRecord;
use crate::evaluation::Confidence;
use crate::testing::{any_of, app, index_of, name_of, on, record, system};

const LINUX: Platform<'static> = Platform {
    family: "linux",
    id: "debian",
    version: "12",
};
const WINDOWS: Platform<'static> = Platform {
    family: "windows",
    id: "",
    version: "10.0.19045",
};
const MACOS: Platform<'static> = Platform {
    family: "macos",
    id: "",
    version: "14.5",
};
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
    evaluation
        .findings
        .first()
        .map(|finding| finding.confidence)
}

fn step(index: &Index, installed: &str, platform: Platform<'_>) -> Step {
    let cpe = Cpe::parse(&app(installed)).unwrap();
    why_not_cpe(index, &cpe, platform, CVE).step
}

fn below(version: &str) -> String {
    any_of(&[(
        &app("v:p:*"),
        &format!(r#""versionEndExcluding":"{version}""#),
    )])
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
fn versions_are_compared_as_numbers_and_short_ones_filled_with_zeros() {
    let index = one(&below("1.10"));
    assert!(is_found(&index, "v:p:1.9"));
    assert!(!is_found(&index, "v:p:1.10.0"));
    let exact = one(&any_of(&[(&app("v:p:1.0"), "")]));
    assert!(is_found(&exact, "v:p:1.0.0"));
    assert!(!is_found(&exact, "v:p:1.0.1"));
}

#[test]
fn a_release_candidate_is_older_than_its_release() {
    let index = one(&below("2.0"));
    assert!(is_found(&index, "v:p:2.0:rc1"));
    assert!(is_found(&index, "v:p:2.0rc1"));
    assert!(!is_found(&index, "v:p:2.0"));
    let candidate = one(&any_of(&[(&app("v:p:2.0:rc1"), "")]));
    assert!(is_found(&candidate, "v:p:2.0:rc1"));
    assert!(
        is_found(&candidate, "v:p:2.0rc1"),
        "the update within the version"
    );
    assert!(!is_found(&candidate, "v:p:2.0"));
    assert!(!is_found(&candidate, "v:p:2.0:rc2"));
}

#[test]
fn a_patched_release_is_newer_and_still_that_release() {
    let up_to = one(&any_of(&[(
        &app("v:p:*"),
        r#""versionEndIncluding":"9.2""#,
    )]));
    assert!(is_found(&up_to, "v:p:9.2:p1"), "9.2p1 is a 9.2");
    assert!(!is_found(&up_to, "v:p:9.3:p1"));
    assert!(!is_found(&one(&below("9.8")), "v:p:9.8:p1"));
    let any_update = one(&any_of(&[(&app("v:p:9.2"), "")]));
    assert!(is_found(&any_update, "v:p:9.2:p1"));
    let no_update = one(&any_of(&[(&app("v:p:9.2:-"), "")]));
    assert!(is_found(&no_update, "v:p:9.2"));
    assert!(!is_found(&no_update, "v:p:9.2:p1"));
}

#[test]
fn an_update_beside_a_range_belongs_to_its_upper_bound() {
    let index = one(&any_of(&[(
        &app("v:p:*:p2"),
        r#""versionEndIncluding":"1.9.17""#,
    )]));
    assert!(is_found(&index, "v:p:1.9.17:p2"));
    assert!(is_found(&index, "v:p:1.9.16:p9"));
    assert!(!is_found(&index, "v:p:1.9.17:p3"));
}

#[test]
fn letters_of_openssl_go_on_after_z() {
    let index = one(&any_of(&[(
        &app("openssl:openssl:*"),
        r#""versionStartIncluding":"1.0.2","versionEndExcluding":"1.0.2zd""#,
    )]));
    assert!(is_found(&index, "openssl:openssl:1.0.2z"));
    assert!(is_found(&index, "openssl:openssl:1.0.2zc"));
    assert!(!is_found(&index, "openssl:openssl:1.0.2zd"));
    assert!(!is_found(&index, "openssl:openssl:1.0.1u"));
}

#[test]
fn a_date_says_nothing_about_a_release_number() {
    let index = one(&below("2020-10-29"));
    assert!(!is_found(&index, "v:p:1.3.00.4461"));
    assert!(is_found(&index, "v:p:2020-08-01"));
    assert_eq!(step(&index, "v:p:1.3", LINUX), Step::Version);
}

#[test]
fn a_version_that_is_none_matches_nothing() {
    let index = one(&any_of(&[(&app("v:p:*"), "")]));
    for version in ["*", "-", "unknown"] {
        let evaluation = evaluation(&index, &format!("v:p:{version}"), LINUX);
        assert_eq!(evaluation.status, Status::NotEvaluable, "{version}");
        assert!(evaluation.findings.is_empty());
        assert!(evaluation.reason.is_some());
    }
}

#[test]
fn a_record_without_a_version_matches_none() {
    let index = one(&any_of(&[(&app("apache:http_server:-"), "")]));
    assert!(!is_found(&index, "apache:http_server:2.4.58"));
    assert_eq!(
        step(&index, "apache:http_server:2.4.58", LINUX),
        Step::Version
    );
}

#[test]
fn a_record_about_every_version_is_found_with_low_confidence() {
    let index = one(&any_of(&[(&app("v:p:*"), "")]));
    assert_eq!(confidence(&index, "v:p:99", LINUX), Some(Confidence::Low));
    let range = one(&below("100"));
    assert_eq!(confidence(&range, "v:p:99", LINUX), Some(Confidence::High));
}

#[test]
fn a_plug_in_of_the_same_name_is_another_product() {
    let index = one(&any_of(&[(
        &app("v:p:*:*:*:*:*:wordpress"),
        r#""versionEndExcluding":"5""#,
    )]));
    assert!(!is_found(&index, "v:p:4"));
    assert_eq!(step(&index, "v:p:4", LINUX), Step::Target);
}

#[test]
fn a_record_for_one_system_is_not_about_the_others() {
    let index = one(&any_of(&[(
        &app("v:p:*:*:*:*:*:windows"),
        r#""versionEndExcluding":"5""#,
    )]));
    assert_eq!(confidence(&index, "v:p:4", WINDOWS), Some(Confidence::High));
    assert!(!is_found_on(&index, "v:p:4", LINUX));
    assert!(!is_found_on(&index, "v:p:4", MACOS));
    let unknown = confidence(&index, "v:p:4", Platform::default());
    assert_eq!(unknown, Some(Confidence::Low));
}

#[test]
fn a_partner_system_decides() {
    let index = one(&on(
        &[(&app("google:chrome:*"), r#""versionEndExcluding":"148""#)],
        &[&system("apple:macos:-"), &system("apple:mac_os_x:-")],
    ));
    assert_eq!(
        confidence(&index, "google:chrome:147", MACOS),
        Some(Confidence::High)
    );
    assert!(!is_found_on(&index, "google:chrome:147", WINDOWS));
    assert_eq!(
        step(&index, "google:chrome:147", WINDOWS),
        Step::OtherSystem
    );
    assert_eq!(
        confidence(&index, "google:chrome:147", Platform::default()),
        Some(Confidence::Low)
    );
}

#[test]
fn what_needs_another_application_is_not_found_and_says_so() {
    let index = one(&on(
        &[(&app("v:plugin:*"), r#""versionEndExcluding":"5""#)],
        &[&app("mozilla:firefox:*")],
    ));
    assert!(!is_found(&index, "v:plugin:4"));
    let cpe = Cpe::parse(&app("v:plugin:4")).unwrap();
    let why_not = why_not_cpe(&index, &cpe, LINUX, CVE);
    assert_eq!(why_not.step, Step::OtherApplication);
    assert!(why_not.detail.contains("mozilla:firefox"), "{why_not:?}");
}

#[test]
fn what_needs_hardware_is_found_with_low_confidence() {
    let index = one(&on(
        &[(&app("intel:driver:*"), r#""versionEndExcluding":"5""#)],
        &[&name_of("h", "intel:wifi_6:-")],
    ));
    let evaluation = evaluation(&index, "intel:driver:4", LINUX);
    let finding = &evaluation.findings[0];
    assert_eq!(finding.confidence, Confidence::Low);
    assert_eq!(finding.why.conditions, ["not checked: on intel:wifi_6"]);
}

#[test]
fn another_architecture_is_another_program() {
    let index = one(&any_of(&[(
        &app("v:p:*:*:*:*:*:*:x86"),
        r#""versionEndExcluding":"5""#,
    )]));
    let found = |arch: &str| confidence(&index, &format!("v:p:4:*:*:*:*:*:{arch}"), LINUX);
    assert_eq!(found("x86"), Some(Confidence::High));
    assert_eq!(found("x64"), None);
    assert_eq!(found("*"), Some(Confidence::Medium));
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
fn only_an_excluded_upper_bound_is_a_fix() {
    let index = one(&any_of(&[(
        &app("v:p:*"),
        r#""versionEndIncluding":"2.0""#,
    )]));
    let evaluation = evaluation(&index, "v:p:1.5", LINUX);
    assert_eq!(evaluation.findings[0].fixed_in, None);
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
    for installed in [
        "9.2", "9.2:p1", "1.5", "1.5:rc1", "1.5rc1", "3", "3:sp1", "3:sp2", "4",
    ] {
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

fn python<'a>(name: &'a str, version: &'a str) -> Subject<'a> {
    Subject {
        source: "python",
        name,
        version,
        platform: LINUX,
        ..Subject::default()
    }
}

#[test]
fn a_python_package_is_judged_in_the_order_of_its_own_scheme() {
    let index = one(&any_of(&[(
        &app("python:requests:*:*:*:*:*:python"),
        r#""versionStartIncluding":"2.3.0","versionEndExcluding":"2.31.0""#,
    )]));
    let evaluation = evaluate(&index, &python("requests", "2.31.0.dev1"));
    assert_eq!(evaluation.findings.len(), 1, "{evaluation:?}");
    assert_eq!(evaluation.findings[0].why.scheme, "pypi");
    assert!(
        evaluate(&index, &python("requests", "2.31.0.post1"))
            .findings
            .is_empty()
    );
}

#[test]
fn a_package_of_the_distribution_is_not_judged_by_upstream_versions() {
    let index = one(&any_of(&[(
        &app("openbsd:openssh:*"),
        r#""versionEndExcluding":"9.8""#,
    )]));
    let subject = Subject {
        source: "deb",
        name: "openssh-server",
        version: "1:9.2p1-2+deb12u3",
        source_name: "openssh",
        vendor: "Debian OpenSSH Maintainers <debian-ssh@lists.debian.org>",
        origin: "Debian",
        platform: LINUX,
        ..Subject::default()
    };
    let evaluation = evaluate(&index, &subject);
    assert_eq!(evaluation.status, Status::NotEvaluable, "{evaluation:?}");
    assert!(evaluation.findings.is_empty());
    assert_eq!(why_not(&index, &subject, CVE).step, Step::NotEvaluable);
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
fn a_cpe_tells_what_it_runs_in() {
    let any = one(&below("5"));
    let of_chrome = one(&any_of(&[(
        &app("v:p:*:*:*:*:*:chrome"),
        r#""versionEndExcluding":"5""#,
    )]));
    let of_python = one(&any_of(&[(
        &app("v:p:*:*:*:*:*:python"),
        r#""versionEndExcluding":"5""#,
    )]));
    let on = |target: &str| format!("v:p:4:*:*:*:*:{target}");
    assert!(
        !is_found(&any, &on("chrome")),
        "an extension is another product"
    );
    assert!(is_found(&of_chrome, &on("chrome")));
    assert!(!is_found(&of_chrome, &on("firefox")));
    assert!(is_found(&any, &on("python")), "a package is the product");
    assert!(is_found(&of_python, &on("python")));
    assert!(!is_found(&of_python, &on("node.js")));
}

#[test]
fn a_cpe_tells_its_operating_system_before_what_is_said_around_it() {
    let index = one(&on(
        &[(&app("google:chrome:*"), r#""versionEndExcluding":"148""#)],
        &[&system("apple:macos:-")],
    ));
    let mac = "google:chrome:147:*:*:*:*:macos";
    for platform in [Platform::default(), WINDOWS, MACOS] {
        assert_eq!(confidence(&index, mac, platform), Some(Confidence::High));
    }
    let windows = "google:chrome:147:*:*:*:*:windows";
    assert_eq!(confidence(&index, windows, MACOS), None);
}

#[test]
fn a_range_in_years_says_nothing_about_other_numbers() {
    let years = one(&below("2020.5.0"));
    assert!(!is_found(&years, "v:p:1.90.0"));
    assert!(is_found(&years, "v:p:2019.3"));
    assert_eq!(step(&years, "v:p:1.90.0", LINUX), Step::Version);
    let renumbered = one(&any_of(&[(
        &app("v:p:*"),
        r#""versionStartIncluding":"14.0","versionEndExcluding":"2016.1""#,
    )]));
    assert!(is_found(&renumbered, "v:p:15.0.2"), "its range has both");
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
    let index = one(&any_of(&[(
        &app("zoom:zoom:*:*:*:*:*:windows"),
        r#""versionEndExcluding":"5.13.3""#,
    )]));
    let evaluation = evaluate(&index, &subject);
    let first = evaluation.identity.cpes.first().map(String::as_str);
    assert_eq!(
        first,
        Some("cpe:2.3:a:zoom:zoom:5.11.1:*:*:*:*:windows:*:*")
    );
    assert_eq!(evaluation.findings[0].confidence, Confidence::High);
    assert_eq!(evaluation.findings[0].why.version, "5.11.1 (8356)");
}

#[test]
fn a_record_about_a_package_is_about_the_program_that_is_built_of_it() {
    let of = |language: &str| {
        let name = app(&format!("v:p:*:*:*:*:*:{language}"));
        one(&any_of(&[(&name, r#""versionEndExcluding":"5""#)]))
    };
    let program = |language| confidence(&of(language), "v:p:4", LINUX);
    assert_eq!(program("go"), Some(Confidence::High));
    assert_eq!(program("maven"), Some(Confidence::High));
    assert_eq!(program("python"), Some(Confidence::Medium));
    assert_eq!(program("jenkins"), None, "a plug-in is another product");
    let package = confidence(&of("go"), "v:p:4:*:*:*:*:python", LINUX);
    assert_eq!(
        package, None,
        "a package of another language is another product"
    );
}

#[test]
fn a_third_partys_package_is_a_program_on_its_system() {
    let index = one(&any_of(&[(
        &app("grafana:grafana:*:*:*:*:*:go"),
        r#""versionEndExcluding":"10.4.13""#,
    )]));
    let subject = Subject {
        source: "deb",
        name: "grafana",
        vendor: "contact@grafana.com",
        version: "9.5.2",
        platform: LINUX,
        ..Subject::default()
    };
    let evaluation = evaluate(&index, &subject);
    assert_eq!(evaluation.findings.len(), 1, "{evaluation:?}");
    assert_eq!(evaluation.findings[0].confidence, Confidence::High);
}
