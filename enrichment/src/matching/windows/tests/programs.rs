//! Programs with versions of their own that Microsoft speaks about.

use super::*;

fn program<'a>(name: &'a str, version: &'a str) -> Subject<'a> {
    Subject {
        source: "programs",
        name,
        version,
        vendor: "Microsoft Corporation",
        platform: Platform { family: "windows", id: "", version: "10.0.19045" },
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
    assert_eq!((found.source.as_str(), found.fixed_in.as_deref()), ("microsoft", Some("17.9.3")));
    assert_eq!(found.why.criteria, "microsoft: microsoft:visual_studio_2022");
    assert_eq!(found.why.range.as_deref(), Some(">= 17.9, < 17.9.3"));
    assert!(of("17.9.3").is_none());
    assert_eq!(of("17.6.12").and_then(|found| found.fixed_in).as_deref(), Some("17.6.13"));
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
    let answer = why_not(&index, &program("Microsoft Edge", "129.0.2792.52"), "CVE-2025-29806");
    assert_eq!(answer.step, Step::Version);
    assert_eq!(answer.detail, "129.0.2792.52 is not below 129.0.2792.52 (microsoft)");
}

#[test]
fn a_change_of_microsofts_documents_concerns_windows_and_the_programs_that_they_name() {
    let range = r#""versionEndExcluding":"1.0""#;
    let known = [
        ("CVE-2020-0001", "microsoft:visual_studio_2022"),
        ("CVE-2020-0002", "microsoft:edge_chromium"),
    ];
    let known = known.map(|(cve, name)| record(cve, 1, &any_of(&[(&app(name), range)])));
    let (april, march) =
        (APRIL.replace("10.0.19045.4291", "10.0.19045.4290"), MARCH.replace("17.9.3", "17.9.2"));
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
    assert!(is_asked(&program("Visual Studio Professional 2022", "17.9.2")));
    assert!(!is_asked(&program("Microsoft Edge", "129.0.2792.52")));
    assert!(!is_asked(&program("7-Zip 19.00 (x64)", "19.00")));
}
