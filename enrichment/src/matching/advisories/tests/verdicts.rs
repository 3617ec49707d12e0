//! What a distribution says of its package: denied, undecided, for subscribers, withdrawn.

use super::*;

#[test]
fn a_fix_that_only_subscribers_get_leaves_the_package_vulnerable_and_is_named() {
    let index = index(&[advisory(
        Publisher::Ubuntu,
        "UBUNTU-CVE-2023-1234",
        &["CVE-2023-1234"],
        &[
            "ubuntu 20.04|ansible|wont-fix:end of standard support||-|",
            "ubuntu 20.04/esm-apps|ansible|affected||< 2.9.6-1ubuntu0.1~esm1|",
        ],
    )]);
    let focal = |version| evaluate(&index, &on("ubuntu", "20.04", deb("ansible", version, "")));
    let evaluation = focal("2.9.6-1");
    let finding = only(&evaluation);
    assert_eq!(finding.fixed_in.as_deref(), Some("2.9.6-1ubuntu0.1~esm1 (esm-apps)"));
    assert_eq!(finding.why.advisory.as_ref().unwrap().verdict, "wont_fix");
    assert!(focal("2.9.6-1ubuntu0.1~esm1").findings.is_empty());
}

#[test]
fn a_denial_beats_what_bulletins_say() {
    let index = index(&[
        advisory(
            Publisher::Ubuntu,
            "USN-5310-1",
            &["CVE-2021-3998", "CVE-2021-3999"],
            &["ubuntu 20.04|glibc|affected||< 2.31-0ubuntu9.7|"],
        ),
        advisory(
            Publisher::Ubuntu,
            // Ubuntu's bulletin covers releases that never had the code.
            "UBUNTU-CVE-2021-3998",
            &["CVE-2021-3998"],
            &["ubuntu 20.04|glibc|not:code not present||-|"],
        ),
    ]);
    let libc = on("ubuntu", "20.04", deb("libc6", "2.31-0ubuntu9.2", "glibc"));
    assert_eq!(cves(&evaluate(&index, &libc)), ["CVE-2021-3999"]);
}

#[test]
fn below_the_version_that_is_not_affected_a_package_is_found_less_surely() {
    let index = index(&[advisory(
        Publisher::Ubuntu,
        "UBUNTU-CVE-2021-4034",
        &["CVE-2021-4034"],
        &[
            "ubuntu 22.04|policykit-1|affected:not affected from this version on||< 0.105-31ubuntu1|",
        ],
    )]);
    let jammy = |version| evaluate(&index, &on("ubuntu", "22.04", deb("policykit-1", version, "")));
    let evaluation = jammy("0.105-26ubuntu1");
    let finding = only(&evaluation);
    assert_eq!(finding.confidence, Confidence::Medium);
    assert_eq!(finding.fixed_in.as_deref(), Some("0.105-31ubuntu1"));
    assert!(finding.why.notes[0].contains("not affected, and no repair"), "{finding:?}");
    assert!(jammy("0.105-31ubuntu1").findings.is_empty());
}

#[test]
fn what_is_not_decided_yet_is_found_less_surely() {
    let index = index(&[
        advisory(
            Publisher::Ubuntu,
            "UBUNTU-CVE-2024-1111",
            &["CVE-2024-1111"],
            &["ubuntu 24.04|jq|triage||-|"],
        ),
        advisory(
            Publisher::Debian,
            "DEBIAN-CVE-2010-4756",
            &["CVE-2010-4756"],
            &["debian 12|glibc|affected:unimportant||-|"],
        ),
    ]);
    let jq = evaluate(&index, &on("ubuntu", "24.04", deb("jq", "1.7.1-3build1", "")));
    assert_eq!(only(&jq).confidence, Confidence::Medium);
    let libc = evaluate(&index, &on("debian", "12", deb("libc6", "2.36-9", "glibc")));
    assert_eq!(only(&libc).confidence, Confidence::Low);
    assert_eq!(only(&libc).fixed_in, None);
}

#[test]
fn what_the_distribution_and_the_maintainers_both_deny_is_no_finding_and_says_so() {
    let denied = "debian 12|glibc|affected:unimportant, and denied by its maintainers||-|";
    let index = index(&[
        advisory(Publisher::Debian, "DEBIAN-CVE-2019-1010023", &["CVE-2019-1010023"], &[denied]),
        advisory(
            Publisher::Debian,
            "DEBIAN-CVE-2010-4756",
            &["CVE-2010-4756"],
            &["debian 12|glibc|affected:unimportant||-|"],
        ),
    ]);
    let libc = on("debian", "12", deb("libc6", "2.36-9", "glibc"));
    assert_eq!(cves(&evaluate(&index, &libc)), ["CVE-2010-4756"]);
    let answer = why_not(&index, &libc, "CVE-2019-1010023");
    assert_eq!(answer.step, Step::NotAffected);
    assert!(answer.detail.contains("denied by its maintainers"), "{answer:?}");
}

#[test]
fn a_withdrawn_cve_that_a_distribution_still_lists_is_found_least_surely() {
    let mut withdrawn = record("CVE-2018-10754", 1, "[]");
    withdrawn.status = "Rejected".to_owned();
    let mut builder = Builder::new();
    builder.add(&withdrawn).unwrap();
    let said = ["debian 7|ncurses|affected||-|"];
    let lists = advisory(Publisher::Debian, "DEBIAN-CVE-2018-10754", &["CVE-2018-10754"], &said);
    builder.add_advisory(&lists).unwrap();
    let index = Index::from_bytes(builder.into_bytes().unwrap()).unwrap();
    let ncurses = on("debian", "7", deb("libtinfo5", "5.9-10", "ncurses"));
    let evaluation = evaluate(&index, &ncurses);
    let finding = only(&evaluation);
    assert_eq!(finding.confidence, Confidence::Low);
    assert!(finding.why.notes[0].contains("withdrawn"), "{finding:?}");
}
