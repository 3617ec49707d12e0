//! Releases that their distribution's tracker has dropped: judged by what later ones say, and no
//! release that is still looked after ever is.

use super::*;

/// Debian 8, 12 and 13 as its feed has them: of 8 there are bulletins only.
fn debian() -> Index {
    // The kernel's records tell which releases are looked after.
    let mut all: Vec<Advisory> = (1..=12)
        .map(|number| {
            let cve = format!("CVE-2024-{number:04}");
            let said =
                ["debian 12|linux|affected||< 6.1.90-1|", "debian 13|linux|affected||< 6.8.9-1|"];
            advisory(Publisher::Debian, &format!("DEBIAN-{cve}"), &[&cve], &said)
        })
        .collect();
    all.push(advisory(
        Publisher::Debian,
        "DLA-2241-1",
        &["CVE-2015-8839"],
        &["debian 8|linux|affected||< 3.16.84-1|"],
    ));
    for (cve, said) in [
        // Repaired in every release before the tracker's oldest one was new.
        (
            "CVE-2017-13730",
            vec![
                "debian 12|ncurses|affected||< 6.0+20170827-1|",
                "debian 13|ncurses|affected||< 6.0+20170827-1|",
            ],
        ),
        // Open in the next release, repaired in the one behind it.
        (
            "CVE-2023-29491",
            vec!["debian 12|ncurses|affected||-|", "debian 13|ncurses|affected||< 5.8-1|"],
        ),
        // Debian 12's record leaves 13 out: it is not affected there.
        ("CVE-2024-0567", vec!["debian 13|gnutls28|affected||-|"]),
    ] {
        all.push(advisory(Publisher::Debian, &format!("DEBIAN-{cve}"), &[cve], &said));
    }
    all.push(advisory(
        Publisher::Debian,
        "DLA-1682-1",
        &["CVE-2018-19211"],
        &["debian 8|ncurses|affected||< 5.9+20140913-1+deb8u3|"],
    ));
    all.push(advisory(
        Publisher::Debian,
        "DEBIAN-CVE-2018-19211",
        &["CVE-2018-19211"],
        &["debian 12|ncurses|affected||< 6.1+20180714-1|"],
    ));
    index(&all)
}

#[test]
fn a_release_without_records_is_judged_least_surely_by_those_of_later_ones() {
    let index = debian();
    let libtinfo = on("debian", "8", deb("libtinfo5", "5.9+20140913-1", "ncurses"));
    let evaluation = evaluate(&index, &libtinfo);
    assert_eq!(cves(&evaluation), ["CVE-2017-13730", "CVE-2018-19211"]);
    let finding = &evaluation.findings[0];
    assert_eq!(finding.confidence, Confidence::Low);
    assert_eq!(finding.why.criteria, "debian 12: ncurses");
    assert_eq!(finding.fixed_in.as_deref(), Some("6.0+20170827-1 (debian 12)"));
    assert!(finding.why.notes[0].contains("no more records"), "{finding:?}");
}

#[test]
fn a_bulletin_of_the_release_itself_beats_records_of_later_ones() {
    let index = debian();
    let at = |version| evaluate(&index, &on("debian", "8", deb("libtinfo5", version, "ncurses")));
    let old = at("5.9+20140913-1");
    assert_eq!(old.findings[1].fixed_in.as_deref(), Some("5.9+20140913-1+deb8u3"));
    assert_eq!(old.findings[1].confidence, Confidence::High);
    assert_eq!(cves(&at("5.9+20140913-1+deb8u3")), ["CVE-2017-13730"]);
}

#[test]
fn the_fix_of_any_later_release_is_a_fix() {
    let index = debian();
    let libtinfo = on("debian", "8", deb("libtinfo5", "5.9+20140913-1", "ncurses"));
    let answer = why_not(&index, &libtinfo, "CVE-2023-29491");
    assert_eq!(answer.step, Step::Version, "{answer:?}");
    assert!(answer.detail.contains("5.8-1"), "{answer:?}");
}

#[test]
fn a_release_that_is_looked_after_is_judged_by_its_own_records_alone() {
    let index = debian();
    let gnutls = |release| {
        let libgnutls = on("debian", release, deb("libgnutls30", "3.3.8-6", "gnutls28"));
        evaluate(&index, &libgnutls)
    };
    assert_eq!(cves(&gnutls("13")), ["CVE-2024-0567"]);
    assert!(gnutls("12").findings.is_empty(), "its record leaves it out on purpose");
    assert_eq!(cves(&gnutls("8")), ["CVE-2024-0567"]);
}
