//! Editions, lines of versions, names that two products had, and the many names of one home.

use super::*;

fn program<'a>(name: &'a str, vendor: &'a str, version: &'a str) -> Subject<'a> {
    Subject { source: "programs", name, vendor, version, platform: WINDOWS, ..Subject::default() }
}

/// CVE-2024-0741 as NVD has it: Firefox below 122, and its long-lived line below 115.7.
fn firefox() -> Index {
    one(&any_of(&[
        (&app("mozilla:firefox:*:*:*:*:-"), r#""versionEndExcluding":"122.0""#),
        (&app("mozilla:firefox:*:*:*:*:esr"), r#""versionEndExcluding":"115.7""#),
    ]))
}

#[test]
fn an_esr_is_judged_by_its_own_line_only() {
    let index = firefox();
    let found = |name, version| {
        let evaluation = evaluate(&index, &program(name, "Mozilla", version));
        evaluation.findings.first().map(|found| found.confidence)
    };
    let esr = "Mozilla Firefox ESR (x64 en-US)";
    assert_eq!(found(esr, "115.6.0"), Some(Confidence::High));
    assert_eq!(found(esr, "115.7.0"), None, "repaired, though below 122");
    let plain = "Mozilla Firefox (x64 en-US)";
    assert_eq!(found(plain, "121.0"), Some(Confidence::High));
    assert_eq!(found(plain, "122.0"), None);
    let why_not = why_not(&index, &program(esr, "Mozilla", "115.7.0"), CVE);
    assert_eq!(why_not.step, Step::Edition, "{why_not:?}");
}

#[test]
fn an_esr_is_found_under_its_name_as_a_product_too() {
    // As Anchore and NVD's older records write it.
    let index = one(&any_of(&[
        (&app("mozilla:firefox:*"), r#""versionEndExcluding":"122""#),
        (&app("mozilla:firefox_esr:*"), r#""versionEndExcluding":"115.7""#),
    ]));
    let esr = |version| {
        let subject = program("Mozilla Firefox ESR (x64 de)", "Mozilla", version);
        evaluate(&index, &subject).findings.len()
    };
    assert_eq!((esr("115.6.0"), esr("115.7.0")), (1, 0));
}

#[test]
fn an_esr_is_told_from_a_cpe_name() {
    let index = firefox();
    assert!(is_found(&index, "mozilla:firefox:115.6:*:*:*:esr"));
    assert!(!is_found(&index, "mozilla:firefox:115.7:*:*:*:esr"));
    assert!(is_found(&index, "mozilla:firefox:115.7"), "which is unknown");
}

#[test]
fn the_edition_of_a_cpe_name_decides() {
    let index = one(&any_of(&[(
        &app("gitlab:gitlab:*:*:*:*:enterprise"),
        r#""versionEndExcluding":"16""#,
    )]));
    let of = |edition| format!("gitlab:gitlab:15:*:*:*:{edition}");
    assert_eq!(confidence(&index, &of("enterprise"), LINUX), Some(Confidence::High));
    assert_eq!(confidence(&index, &of("community"), LINUX), None);
    assert_eq!(step(&index, &of("community"), LINUX), Step::Edition);
    assert_eq!(confidence(&index, &of("*"), LINUX), Some(Confidence::Medium));
}

#[test]
fn a_record_about_every_version_of_an_older_namesake_says_nothing() {
    // Edge before Chromium, of which CVE-2016-7200 and 225 more name every version.
    let old = one(&any_of(&[(&app("microsoft:edge:*"), "")]));
    let edge = program("Microsoft Edge", "Microsoft Corporation", "120.0.2210.61");
    assert!(evaluate(&old, &edge).findings.is_empty());
    let why_not = why_not(&old, &edge, CVE);
    assert_eq!(why_not.step, Step::Version);
    assert!(why_not.detail.contains("another product"), "{why_not:?}");
    // With a range, the name is as good as the other.
    let ranged = one(&any_of(&[(&app("microsoft:edge:*"), r#""versionEndExcluding":"121.0""#)]));
    assert_eq!(evaluate(&ranged, &edge).findings.len(), 1);
    // The CPE name itself is asked for as it is.
    assert!(is_found(&old, "microsoft:edge:44"));
}

#[test]
fn the_names_of_one_home_are_one() {
    for (target, source, name) in [
        ("pypi", "python", "requests"),
        ("pypl", "python", "requests"),
        ("nodejs", "npm", "express"),
        ("npm", "npm", "express"),
        ("rubygems", "gem", "rack"),
    ] {
        let known = evaluate(
            &one(&below("1")),
            &Subject { source, name, version: "1", platform: LINUX, ..Subject::default() },
        );
        let first = Cpe::parse(&known.identity.cpes[0]).unwrap();
        let value = |attribute| first.get(attribute).as_value().unwrap().to_owned();
        let (vendor, product) = (value(Attribute::Vendor), value(Attribute::Product));
        let index = one(&any_of(&[(
            &app(&format!("{vendor}:{product}:*:*:*:*:*:{target}")),
            r#""versionEndExcluding":"2""#,
        )]));
        let subject = Subject { source, name, version: "1", platform: LINUX, ..Subject::default() };
        let evaluation = evaluate(&index, &subject);
        assert_eq!(evaluation.findings.len(), 1, "{target}");
        assert_eq!(evaluation.findings[0].confidence, Confidence::High);
    }
    // An extension's home is none of a language's.
    let index =
        one(&any_of(&[(&app("python:requests:*:*:*:*:*:chrome"), r#""versionEndExcluding":"2""#)]));
    assert!(evaluate(&index, &python("requests", "1")).findings.is_empty());
}

#[test]
fn a_product_that_records_mean_on_one_system_is_not_found_on_another() {
    // CVE-2017-13797 and its kind are about iCloud for Windows, and do not say so.
    let index = one(&any_of(&[(&app("apple:icloud:*"), r#""versionEndExcluding":"7.1""#)]));
    let icloud = "apple:icloud:1.0";
    assert!(is_found_on(&index, icloud, WINDOWS));
    assert!(!is_found_on(&index, icloud, MACOS));
    assert_eq!(step(&index, icloud, MACOS), Step::OtherSystem);
    assert!(is_found_on(&index, icloud, Platform::default()), "unknown");
    assert!(!is_found(&index, "apple:icloud:1.0:*:*:*:*:macos"));
}
