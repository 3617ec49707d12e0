//! Real CVEs of the tracker, and records that are wrong.

use super::*;
use crate::feeds::record::{self, Parsed, Refused};

fn real() -> Vec<Result<Parsed, Refused>> {
    include_str!("../../../tests/data/advisories/ubuntu-tracker.jsonl")
        .lines()
        .map(|line| record::parse(line.as_bytes(), FeedKind::UbuntuTracker))
        .collect()
}

fn advisory(cve: &str) -> Advisory {
    let found = real().into_iter().find_map(|parsed| match parsed {
        Ok(Parsed::Advisories(mut found)) if found.advisories[0].id.ends_with(cve) => {
            Some(found.advisories.remove(0))
        }
        _ => None,
    });
    found.unwrap()
}

/// What is said of a package in a release and line of updates.
fn said<'a>(advisory: &'a Advisory, release: &str, channel: &str, package: &str) -> &'a Affected {
    let place = Place::Distribution {
        id: "ubuntu".to_owned(),
        release: release.to_owned(),
        channel: channel.to_owned(),
    };
    let found = advisory
        .affected
        .iter()
        .find(|affected| affected.place == place && affected.package == package);
    found.unwrap()
}

/// A record of one package in jammy.
fn with(status: &str, note: &str) -> String {
    format!(
        r#"{{"candidate":"CVE-2024-0001","packages":{{"jammy":{{"curl":["{status}","{note}"]}}}}}}"#
    )
}

#[test]
fn one_cve_is_fixed_in_one_release_and_was_never_in_another() {
    let openssh = advisory("CVE-2024-6387");
    assert_eq!((openssh.id.as_str(), openssh.severity.as_str()), ("UBUNTU-CVE-2024-6387", "high"));
    assert_eq!(openssh.modified, None, "so that an OSV record replaces it");
    let jammy = said(&openssh, "22.04", "", "openssh");
    assert_eq!(jammy.spans[0].end, Some(End::Fixed("1:8.9p1-3ubuntu0.10".to_owned())));
    assert_eq!((jammy.kind, jammy.note.as_str()), (PackageKind::Source, ""));
    let focal = said(&openssh, "20.04", "", "openssh");
    assert_eq!(focal.verdict, Verdict::NotAffected);
    assert_eq!(focal.note, "introduced in v8.5p1");
    let xenial = said(&openssh, "16.04", "esm-infra", "openssh");
    assert_eq!(xenial.verdict, Verdict::NotAffected);
    assert!(
        openssh.affected.iter().all(|affected| affected.note != "9.8p1"),
        "upstream is no release"
    );
}

#[test]
fn a_deferred_fix_is_open_and_an_ended_release_gets_none() {
    let xerces = advisory("CVE-2012-0880");
    let jammy = said(&xerces, "22.04", "", "xerces-c");
    assert_eq!((jammy.verdict, &jammy.spans[..]), (Verdict::Affected, &[Span::default()][..]));
    let trusty = said(&xerces, "14.04", "", "xerces-c");
    assert_eq!(
        (trusty.verdict, trusty.note.as_str()),
        (Verdict::WontFix, "end of standard support")
    );
}

#[test]
fn a_pending_fix_is_open_and_a_release_that_was_never_triaged_is_unknown() {
    let tracker = advisory("CVE-2022-25802");
    let noble = said(&tracker, "24.04", "esm-apps", "request-tracker4");
    assert_eq!(noble.spans, [Span::default()], "no host can have it yet");
    assert_eq!(noble.note, "4.4.4+dfsg-2ubuntu2");
    let bionic = said(&tracker, "18.04", "", "request-tracker4");
    assert_eq!(bionic.verdict, Verdict::UnderInvestigation);
    let in_bionic = |affected: &&Affected| match &affected.place {
        Place::Distribution { release, .. } => release == "18.04",
        Place::Language(_) => false,
    };
    let packages: Vec<&str> = tracker
        .affected
        .iter()
        .filter(in_bionic)
        .map(|affected| affected.package.as_str())
        .collect();
    assert!(!packages.contains(&"request-tracker5"), "DNE: there is no such package");
}

#[test]
fn a_candidate_that_has_no_cve_id_yet_is_refused_by_its_name() {
    let refused: Vec<Refused> = real().into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].id.as_deref(), Some("CVE-2006-NNN0"));
    assert!(refused[0].reason.contains("no CVE id"), "{}", refused[0].reason);
}

#[test]
fn a_fix_without_a_version_and_a_release_without_a_number_are_left_out_and_counted() {
    let found = parse(with("released", "").as_bytes()).unwrap();
    assert_eq!(found.left_out, ["Ubuntu without the version that has the fix"]);
    let found = parse(with("needed", "").replace("jammy", "snap/curl").as_bytes()).unwrap();
    assert_eq!(found.left_out, ["Ubuntu snap/curl"]);
    assert!(found.advisories[0].affected.is_empty());
    let found = parse(with("needed", "").replace("jammy", "devel").as_bytes()).unwrap();
    assert!(found.left_out.is_empty(), "what has no release yet is on no host");
}

#[test]
fn remarks_behind_a_version_are_no_part_of_it() {
    let found = parse(with("released", " 7.81.0-1 (regression) ").as_bytes()).unwrap();
    let span = &found.advisories[0].affected[0].spans[0];
    assert_eq!(span.end, Some(End::Fixed("7.81.0-1".to_owned())));
}

#[test]
fn a_version_that_is_not_affected_came_with_the_fix_and_other_remarks_are_a_denial() {
    for (note, fixed) in [
        ("1.1.1f-1ubuntu2.12", Some("1.1.1f-1ubuntu2.12")),
        (" 4:4.6.5.1-1 ", Some("4:4.6.5.1-1")),
        ("2.x only", None),
        ("v3.x only", None),
        ("", None),
    ] {
        let found = parse(with("not-affected", note).as_bytes()).unwrap();
        let said = &found.advisories[0].affected[0];
        match fixed {
            Some(fixed) => {
                assert_eq!(said.verdict, Verdict::Affected, "{note}");
                assert_eq!(said.spans[0].end, Some(End::Fixed(fixed.to_owned())));
                assert_eq!(said.note, NOT_AFFECTED_FROM);
            }
            None => {
                assert_eq!(said.verdict, Verdict::NotAffected, "{note}");
                assert_eq!((said.spans.len(), said.note.as_str()), (0, note));
            }
        }
    }
}

#[test]
fn lines_of_updates_are_known_in_either_order() {
    for (text, channel) in [
        ("trusty/esm", "esm"),
        ("esm-infra-legacy/trusty", "esm-infra-legacy"),
        ("fips-updates/trusty", "fips-updates"),
    ] {
        let found = parse(with("needed", "").replace("jammy", text).as_bytes()).unwrap();
        assert_eq!(said(&found.advisories[0], "14.04", channel, "curl").verdict, Verdict::Affected);
    }
}

#[test]
fn a_bad_record_is_refused_with_the_reason() {
    for (record, reason) in [
        (with("fixed-ish", ""), "expected released"),
        (with("needed", "").replace(r#","""#, ""), "invalid length"),
        (with("needed", "").replace(r#"["needed",""]"#, r#"{"status":"needed"}"#), "invalid"),
        (with("needed", "").replace("CVE-2024-0001", "2024"), "no CVE id"),
    ] {
        let refused = parse(record.as_bytes()).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
}
