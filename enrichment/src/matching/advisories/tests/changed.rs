//! Which packages are named for another look when advisories change.

use super::*;

#[test]
fn a_changed_statement_names_its_packages_for_another_look_and_no_others() {
    let fixed_in = |fix: &str| {
        let openssh = format!("debian 12|openssh|affected||< {fix}|");
        let curl = "debian 12|curl|affected||< 7.88.1-10+deb12u5|";
        index(&[
            advisory(Publisher::Debian, "DSA-1", &["CVE-2024-6387"], &[&openssh]),
            advisory(Publisher::Debian, "DSA-2", &["CVE-2023-38545"], &[curl]),
        ])
    };
    let (before, after) = (fixed_in("1:9.2p1-2+deb12u3"), fixed_in("1:9.2p1-2+deb12u4"));
    let server = on("debian", "12", deb("openssh-server", "1:9.2p1-2+deb12u3", "openssh"));
    let curl = on("debian", "12", deb("curl", "7.88.1-10", "curl"));
    assert_eq!(evaluate(&before, &server).findings, []);
    assert_eq!(evaluate(&after, &server).findings.len(), 1);
    assert!(is_named_by_the_change(&before, &after, &server));
    assert!(!is_named_by_the_change(&before, &after, &curl));
}

#[test]
fn a_release_that_gets_advisories_names_all_packages_that_could_not_be_judged() {
    let said = |place: &str| format!("{place}|openssh|affected||< 1:9.2p1-2+deb12u3|");
    let bookworm = advisory(Publisher::Debian, "D1", &["CVE-2024-6387"], &[&said("debian 12")]);
    let trixie = advisory(Publisher::Debian, "D2", &["CVE-2024-6387"], &[&said("debian 13")]);
    let before = index(std::slice::from_ref(&bookworm));
    let after = index(&[bookworm, trixie]);
    let bash = on("debian", "13", deb("bash", "5.2.37-2", "bash"));
    assert_eq!(evaluate(&before, &bash).status, Status::NotEvaluable);
    assert_eq!(evaluate(&after, &bash).status, Status::Evaluated);
    assert!(is_named_by_the_change(&before, &after, &bash));
}

#[test]
fn a_registrys_first_word_about_a_package_names_it_for_another_look() {
    let jinja = advisory(
        Publisher::PyPa,
        "PYSEC-1",
        &["CVE-2024-22195"],
        &["pypi|jinja2|affected||< 3.1.3|"],
    );
    let (before, after) = (index(&[]), index(&[jinja]));
    let subject =
        Subject { source: "python", name: "Jinja2", version: "3.1.2", ..Subject::default() };
    assert_eq!(evaluate(&after, &subject).findings.len(), 1);
    assert!(is_named_by_the_change(&before, &after, &subject));
}
