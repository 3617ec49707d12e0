//! Windows and Microsoft's programs against Microsoft's own documents, and CVE records beside them.

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
        platform: Platform {
            family: "windows",
            id: "",
            version,
        },
        ..Subject::default()
    }
}

fn pro(version: &str) -> Subject<'_> {
    windows("Windows 10 Pro", version, "x86_64")
}

fn server_2012_r2(updates: &[String]) -> Subject<'_> {
    Subject {
        updates,
        ..windows("Windows Server 2012 R2 Standard", "6.3.9600", "x86_64")
    }
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
    assert_eq!(
        (found.source.as_str(), found.confidence),
        ("microsoft", Confidence::High)
    );
    assert_eq!(
        found.fixed_in.as_deref(),
        Some("KB5036892 (10.0.19045.4291)")
    );
    assert_eq!(found.why.criteria, "windows 10 22h2 x64: windows");
    assert_eq!(found.why.range.as_deref(), Some("< 10.0.19045.4291"));
    assert_eq!(found.why.version, "10.0.19045.4170");
    assert_eq!(found.why.rule, "system:windows_10_22h2");
    assert_eq!(found.why.conditions, ["the build does not imply KB5036892"]);
    let statement = found.why.advisory.unwrap();
    assert_eq!(
        (
            statement.id.as_str(),
            statement.note.as_str(),
            statement.severity.as_str()
        ),
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
    assert!(
        found
            .findings
            .iter()
            .all(|finding| finding.source == "microsoft")
    );
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
    let index = index_with(
        &[APRIL],
        &[
            of("CVE-2024-26999"),
            of("CVE-2024-9999"),
            of("CVE-2024-26220"),
        ],
    );
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
    assert_eq!(
        found.fixed_in.as_deref(),
        Some("KB5036893 (10.0.22631.3447)")
    );
    assert!(
        cves(&evaluate(
            &index,
            &windows("Windows 10 Pro", "10.0.22631.3447", "AMD64")
        ))
        .is_empty()
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
    let core = windows(
        "Windows Server 2019 Standard (Server Core)",
        "10.0.17763.5576",
        "x86_64",
    );
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
    assert!(
        answer.detail.contains("windows 11 23h2 arm64 only"),
        "{}",
        answer.detail
    );
}

#[test]
fn a_host_that_does_not_tell_its_architecture_is_judged_less_surely_where_that_matters() {
    // One of the three CVEs is taken from the 32-bit systems.
    let index = index(&[&APRIL.replacen(r#""12097", "12098", "12099""#, r#""12097", "12098""#, 2)]);
    let unsaid = windows("Windows 10 Pro", "10.0.19045.4170", "");
    let confidences: Vec<_> = evaluate(&index, &unsaid)
        .findings
        .into_iter()
        .map(|finding| finding.confidence)
        .collect();
    assert_eq!(
        confidences,
        [Confidence::High, Confidence::Medium, Confidence::High]
    );
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
fn installed_updates_hold_what_they_replace() {
    let index = index(&[TABLE]);
    let has = |numbers: &[&str]| -> Vec<String> {
        let updates = updates(numbers);
        let evaluation = evaluate(&index, &server_2012_r2(&updates));
        assert_eq!(evaluation.status, Status::Evaluated);
        cves(&evaluation).into_iter().map(str::to_owned).collect()
    };
    let all = [
        "CVE-2016-0088",
        "CVE-2024-20674",
        "CVE-2024-21340",
        "CVE-2024-21427",
        "CVE-2024-21429",
    ];
    assert_eq!(has(&["2919355"]), all);
    // March holds February and January, and knows nothing of April.
    assert_eq!(has(&["5035885"]), ["CVE-2016-0088", "CVE-2024-21427"]);
    // April holds them all; the chain does not reach back to 2016.
    assert_eq!(has(&["5036960"]), ["CVE-2016-0088"]);
    assert_eq!(has(&["5036960", "3135456"]), [""; 0]);
}

#[test]
fn a_finding_by_updates_alone_names_the_update() {
    let index = index(&[TABLE]);
    let updates = updates(&["5035885"]);
    let found = finding(&index, &server_2012_r2(&updates), "CVE-2024-21427").unwrap();
    assert_eq!(
        (found.fixed_in.as_deref(), found.confidence),
        (Some("KB5036960"), Confidence::High)
    );
    assert_eq!(found.why.range, None);
    assert_eq!(
        found.why.conditions,
        ["of the installed updates none is or holds KB5036960"]
    );
}

#[test]
fn why_not_says_that_an_installed_update_has_the_fix() {
    let index = index(&[TABLE]);
    let updates = updates(&["5036960"]);
    let answer = why_not(&index, &server_2012_r2(&updates), "CVE-2024-21340");
    assert_eq!(answer.step, Step::Update);
    assert_eq!(
        answer.detail,
        "an installed update is or holds KB5034819 (windows server 2012 r2)"
    );
}

#[test]
fn a_build_implies_the_updates_before_it() {
    // The table has no builds; April's document has that of KB5036892, which holds what was before.
    let index = index(&[TABLE, APRIL]);
    let behind = evaluate(&index, &pro("10.0.19045.4291"));
    assert_eq!(behind.status, Status::Evaluated);
    assert!(behind.findings.is_empty(), "{:?}", cves(&behind));
    let answer = why_not(&index, &pro("10.0.19045.4291"), "CVE-2024-21338");
    assert_eq!(answer.step, Step::Update);
    assert!(
        answer
            .detail
            .starts_with("an update that build 10.0.19045.4291 has"),
        "{}",
        answer.detail
    );
}

#[test]
fn a_cumulative_update_holds_earlier_ones_even_where_the_chain_is_broken() {
    // Between two security updates may lie one that is none, and that no document names.
    let broken = TABLE.replace("\"5034763\",\"\"", "\"5034000\",\"\"");
    assert_ne!(broken, TABLE);
    let index = index(&[&broken, APRIL]);
    assert!(
        evaluate(&index, &pro("10.0.19045.4291"))
            .findings
            .is_empty()
    );
    // Older releases have updates that hold one month alone, so there the chain is all.
    let broken = TABLE.replace("\"5034819\",\"\"", "\"5034000\",\"\"");
    let index = index_with(&[&broken], &[]);
    let updates = updates(&["5036960"]);
    let found = evaluate(&index, &server_2012_r2(&updates));
    assert_eq!(
        cves(&found),
        ["CVE-2016-0088", "CVE-2024-20674", "CVE-2024-21340"]
    );
}

#[test]
fn an_update_without_a_build_leaves_a_host_by_build_to_the_records() {
    let march = |fixed: &str| {
        let range = format!(r#""versionEndExcluding":"{fixed}""#);
        let criteria = system("microsoft:windows_10_22h2");
        record("CVE-2024-21429", 1, &any_of(&[(&criteria, &range)]))
    };
    let index = index_with(&[TABLE], &[march("10.0.19045.4170")]);
    let found = finding(&index, &pro("10.0.19045.4046"), "CVE-2024-21429").unwrap();
    assert_eq!(
        (found.source.as_str(), found.confidence),
        ("nvd", Confidence::High)
    );
    assert_eq!(
        found.fixed_in.as_deref(),
        Some("KB5035845 (10.0.19045.4170)")
    );
}

#[test]
fn what_nobody_can_decide_is_found_with_low_confidence() {
    let index = index(&[OLD]);
    let host = windows("Windows 8.1 Pro", "6.3.9600.18264", "x64");
    let found = finding(&index, &host, "CVE-2016-0088").unwrap();
    assert_eq!(
        (found.confidence, found.fixed_in.as_deref()),
        (Confidence::Low, Some("KB3135456"))
    );
    assert!(
        found.why.notes[0].contains("gives no build"),
        "{:?}",
        found.why.notes
    );
}

#[test]
fn a_list_of_updates_counts_before_the_build_where_updates_are_not_cumulative() {
    // Who installs April's update of security alone has its build, and not what March repaired.
    let index = index(&[TABLE, APRIL]);
    let updates = updates(&["5036967"]);
    let host = Subject {
        updates: &updates,
        ..windows("Windows Server 2012 R2 Standard", "6.3.9600.21924", "x64")
    };
    assert!(finding(&index, &host, "CVE-2024-21429").is_some());
    let by_build = Subject {
        updates: &[],
        ..host
    };
    assert!(finding(&index, &by_build, "CVE-2024-21429").is_none());
}

#[test]
fn any_of_the_updates_of_a_cve_is_enough() {
    let hot = APRIL.replacen(
        r#""Remediations": ["#,
        r#""Remediations": [{"Type":2,"SubType":"SecurityHotpatchUpdate","ProductID":["12097"],
            "Description":{"Value":"5036999"},"FixedBuild":"10.0.19045.4200"},"#,
        1,
    );
    let index = index(&[&hot]);
    assert!(finding(&index, &pro("10.0.19045.4200"), "CVE-2024-26234").is_none());
    // The update of every host is the one to name.
    let found = finding(&index, &pro("10.0.19045.4199"), "CVE-2024-26234").unwrap();
    assert_eq!(
        found.fixed_in.as_deref(),
        Some("KB5036892 (10.0.19045.4291)")
    );
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

fn program<'a>(name: &'a str, version: &'a str) -> Subject<'a> {
    Subject {
        source: "programs",
        name,
        version,
        vendor: "Microsoft Corporation",
        platform: Platform {
            family: "windows",
            id: "",
            version: "10.0.19045",
        },
        ..Subject::default()
    }
}

#[test]
fn a_program_is_judged_by_the_line_of_its_version() {
    let index = index(&[MARCH]);
    let of = |version| {
        let studio = program("Visual Studio Professional 2022", version);
        finding(&index, &studio, "CVE-2024-21392")
    };
    let found = of("17.9.2").unwrap();
    assert_eq!(
        (found.source.as_str(), found.fixed_in.as_deref()),
        ("microsoft", Some("17.9.3"))
    );
    assert_eq!(
        found.why.criteria,
        "microsoft: microsoft:visual_studio_2022"
    );
    assert_eq!(found.why.range.as_deref(), Some(">= 17.9, < 17.9.3"));
    assert!(of("17.9.3").is_none());
    assert_eq!(
        of("17.6.12").and_then(|found| found.fixed_in).as_deref(),
        Some("17.6.13")
    );
    assert!(of("17.6.13").is_none());
}

#[test]
fn a_line_that_microsoft_is_silent_about_is_left_to_the_records() {
    // 17.7 was no longer supported in March 2024; NVD's range goes over it.
    let criteria = app("microsoft:visual_studio_2022");
    let range = r#""versionStartIncluding":"17.0","versionEndExcluding":"17.9.3""#;
    let nvd = record("CVE-2024-21392", 1, &any_of(&[(&criteria, range)]));
    let index = index_with(&[MARCH], &[nvd]);
    let of = |version| {
        let studio = program("Visual Studio Professional 2022", version);
        finding(&index, &studio, "CVE-2024-21392").map(|found| found.source)
    };
    assert_eq!(of("17.7.5").as_deref(), Some("nvd"));
    assert_eq!(of("17.8.8"), None);
    assert_eq!(of("17.8.7").as_deref(), Some("microsoft"));
}

#[test]
fn a_program_of_one_line_is_judged_by_its_version_on_every_system() {
    let index = index(&[EDGE]);
    let edge = program("Microsoft Edge", "128.0.2739.79");
    let found = finding(&index, &edge, "CVE-2025-29806").unwrap();
    assert_eq!(found.fixed_in.as_deref(), Some("129.0.2792.52"));
    let answer = why_not(
        &index,
        &program("Microsoft Edge", "129.0.2792.52"),
        "CVE-2025-29806",
    );
    assert_eq!(answer.step, Step::Version);
    assert_eq!(
        answer.detail,
        "129.0.2792.52 is not below 129.0.2792.52 (microsoft)"
    );
}

#[test]
fn a_change_of_microsofts_documents_concerns_windows_and_the_programs_that_they_name() {
    let range = r#""versionEndExcluding":"1.0""#;
    let known = [
        ("CVE-2020-0001", "microsoft:visual_studio_2022"),
        ("CVE-2020-0002", "microsoft:edge_chromium"),
    ];
    let known = known.map(|(cve, name)| record(cve, 1, &any_of(&[(&app(name), range)])));
    let (april, march) = (
        APRIL.replace("10.0.19045.4291", "10.0.19045.4290"),
        MARCH.replace("17.9.3", "17.9.2"),
    );
    let before = index_with(&[&april, &march, EDGE], &known);
    let after = index_with(&[APRIL, MARCH, EDGE], &known);
    let ChangedKeys::These(changed) = changes(&before, &after) else {
        panic!("everything");
    };
    let is_asked = |subject: &Subject<'_>| {
        let keys = evaluate(&before, subject).keys;
        keys.iter().any(|key| changed.contains(key))
    };
    assert!(is_asked(&pro("10.0.19045.4170")));
    assert!(is_asked(&program(
        "Visual Studio Professional 2022",
        "17.9.2"
    )));
    assert!(!is_asked(&program("Microsoft Edge", "129.0.2792.52")));
    assert!(!is_asked(&program("7-Zip 19.00 (x64)", "19.00")));
}
