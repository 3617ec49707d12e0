//! From a binary package to the version of the source package that statements are about.

use super::*;

/// Two flaws of which the fixes are in updates of the source package.
fn offices_and_samba() -> Index {
    index(&[
        advisory(
            Publisher::Ubuntu,
            "UBUNTU-CVE-2021-25636",
            &["CVE-2021-25636"],
            &["ubuntu 20.04|libreoffice|affected||< 1:6.4.7-0ubuntu0.20.04.4|"],
        ),
        advisory(
            Publisher::Debian,
            "DEBIAN-CVE-2023-4091",
            &["CVE-2023-4091"],
            &["debian 12|samba|affected||< 2:4.17.12+dfsg-0+deb12u1|"],
        ),
    ])
}

#[test]
fn a_binary_package_with_a_version_of_its_own_is_judged_by_the_one_that_it_carries() {
    let index = offices_and_samba();
    for (id, release, name, source, affected, well) in [
        (
            "ubuntu",
            "20.04",
            "fonts-opensymbol",
            "libreoffice",
            "2:102.11+LibO6.4.7-0ubuntu0.20.04.2",
            "2:102.11+LibO6.4.7-0ubuntu0.20.04.4",
        ),
        (
            "debian",
            "12",
            "libldb2",
            "samba",
            "2:2.6.2+samba4.17.11+dfsg-0+deb12u1",
            "2:2.6.2+samba4.17.12+dfsg-0+deb12u1",
        ),
    ] {
        // Who lists packages may name the source, without its version, or not.
        for source in ["", source] {
            let ask = |version| evaluate(&index, &on(id, release, deb(name, version, source)));
            let evaluation = ask(affected);
            let finding = only(&evaluation);
            assert_eq!(finding.confidence, Confidence::Medium, "{name}");
            let notes = finding.why.notes.join("; ");
            assert!(notes.contains("leaves the epoch out"), "{name}: {notes}");
            assert!(ask(well).findings.is_empty(), "{name}");
        }
    }
}

#[test]
fn the_version_that_a_record_names_comes_before_the_one_that_a_version_carries() {
    let subject = Subject {
        source_version: "1:6.4.7-0ubuntu0.20.04.4",
        ..deb("fonts-opensymbol", "2:102.11+LibO6.4.7-0ubuntu0.20.04.2", "libreoffice")
    };
    let evaluation = evaluate(&offices_and_samba(), &on("ubuntu", "20.04", subject));
    assert!(evaluation.findings.is_empty(), "{evaluation:?}");
}
