//! Versions that are compared, and those that say nothing about each other.

use super::*;

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
    assert!(is_found(&candidate, "v:p:2.0rc1"), "the update within the version");
    assert!(!is_found(&candidate, "v:p:2.0"));
    assert!(!is_found(&candidate, "v:p:2.0:rc2"));
}

#[test]
fn a_patched_release_is_newer_and_still_that_release() {
    let up_to = one(&any_of(&[(&app("v:p:*"), r#""versionEndIncluding":"9.2""#)]));
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
        // CVE-1999-0182 has this of Samba.
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
        // Since CVE-2014-0224, whose fix is 0.9.8za.
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
    // CVE-2020-10146, of Teams.
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
    // CVE-1999-0236 and twenty others have it.
    let index = one(&any_of(&[(&app("apache:http_server:-"), "")]));
    assert!(!is_found(&index, "apache:http_server:2.4.58"));
    assert_eq!(step(&index, "apache:http_server:2.4.58", LINUX), Step::Version);
}

#[test]
fn a_record_about_every_version_is_found_with_low_confidence() {
    let index = one(&any_of(&[(&app("v:p:*"), "")]));
    assert_eq!(confidence(&index, "v:p:99", LINUX), Some(Confidence::Low));
    let range = one(&below("100"));
    assert_eq!(confidence(&range, "v:p:99", LINUX), Some(Confidence::High));
}

#[test]
fn only_an_excluded_upper_bound_is_a_fix() {
    let index = one(&any_of(&[(&app("v:p:*"), r#""versionEndIncluding":"2.0""#)]));
    let evaluation = evaluation(&index, "v:p:1.5", LINUX);
    assert_eq!(evaluation.findings[0].fixed_in, None);
}

#[test]
fn a_range_in_years_says_nothing_about_other_numbers() {
    let years = one(&below("2020.5.0"));
    assert!(!is_found(&years, "v:p:1.90.0"));
    assert!(is_found(&years, "v:p:2019.3"));
    assert_eq!(step(&years, "v:p:1.90.0", LINUX), Step::Version);
    let renumbered = one(&any_of(&[(
        &app("v:p:*"),
        // A product that began to count in years: its range says which numbers came before.
        r#""versionStartIncluding":"14.0","versionEndExcluding":"2016.1""#,
    )]));
    assert!(is_found(&renumbered, "v:p:15.0.2"), "its range has both");
}
