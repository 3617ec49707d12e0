//! Real records of every publisher, and records that are wrong.

mod registries;
mod rpms;

use super::*;
use crate::advisory::PackageKind;
use crate::feeds::record::{self, Parsed};
use crate::version::Scheme;

/// The records of a file of real ones, a record a line.
fn real(lines: &str) -> Vec<Advisories> {
    lines.lines().map(|line| parse(line.as_bytes()).unwrap()).collect()
}

fn one(record: &str) -> Advisory {
    let mut found = parse(record.as_bytes()).unwrap();
    assert_eq!(found.advisories.len(), 1, "{found:?}");
    found.advisories.remove(0)
}

/// A record of one package of an ecosystem.
fn of(id: &str, ecosystem: &str, rest: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"2024-01-01T00:00:00Z",
            "affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"Some_Package"}},{rest}}}]}}"#
    )
}

fn range(events: &str) -> String {
    format!(r#""ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]"#)
}

fn fixed(version: &str) -> Span {
    Span { introduced: None, end: Some(End::Fixed(version.to_owned())) }
}

fn place(affected: &Affected) -> String {
    match &affected.place {
        Place::Distribution { id, release, channel } => {
            format!("{id} {release} {channel}").trim_end().to_owned()
        }
        Place::Language(kind) => kind.clone(),
    }
}

#[test]
fn a_cve_of_debian_names_the_source_package_and_its_first_fixed_version() {
    let records = real(include_str!("../../../tests/data/advisories/debian-osv.jsonl"));
    let advisory = &records[0].advisories[0];
    assert_eq!(advisory.id, "DEBIAN-CVE-2024-6387");
    assert_eq!(advisory.publisher, Publisher::Debian);
    assert_eq!(advisory.cves, [CveId::new(2024, 6387)]);
    let openssh = &advisory.affected[0];
    assert_eq!((place(openssh).as_str(), openssh.package.as_str()), ("debian 12", "openssh"));
    assert_eq!((openssh.kind, openssh.scheme), (PackageKind::Source, Scheme::Deb));
    assert_eq!(openssh.spans, [fixed("1:9.2p1-2+deb12u3")]);
    assert_eq!(openssh.note, "", "an urgency that nobody has set says nothing");
}

#[test]
fn a_security_announcement_of_debian_tells_its_cves_as_related() {
    let records = real(include_str!("../../../tests/data/advisories/debian-osv.jsonl"));
    let dsa = &records[1].advisories[0];
    assert_eq!((dsa.id.as_str(), &dsa.cves[..]), ("DSA-5724-1", &[CveId::new(2024, 6387)][..]));
    let dla = &records[4].advisories[0];
    assert_eq!(dla.cves, [CveId::new(2020, 1957), CveId::new(2020, 11989)]);
}

#[test]
fn an_open_vulnerability_has_no_end_and_debian_says_when_it_stays_so() {
    let records = real(include_str!("../../../tests/data/advisories/debian-osv.jsonl"));
    let ended = &records[2].advisories[0].affected[0];
    assert_eq!(ended.spans, [Span::default()]);
    assert_eq!((ended.verdict, ended.note.as_str()), (Verdict::WontFix, "end-of-life"));
    let unimportant = &records[3].advisories[0].affected[0];
    assert_eq!(unimportant.verdict, Verdict::Affected);
    assert_eq!(unimportant.note, "unimportant");
}

#[test]
fn what_debian_calls_unimportant_may_be_denied_by_its_maintainers_too() {
    let record = |details: &str, urgency: &str| {
        let record = format!(
            r#"{{"id":"CVE-2019-1010023","details":"{details}","affected":[{{"package":{{"ecosystem":"Debian:12","name":"glibc"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}}]}}],"ecosystem_specific":{{"urgency":"{urgency}"}}}}]}}"#
        );
        let advisories = parse(record.as_bytes()).unwrap().advisories;
        advisories[0].affected[0].note.clone()
    };
    let remark = "NOTE: Upstream comments indicate this is being treated as a non-security bug.";
    assert_eq!(record(remark, "unimportant"), DENIED);
    assert_eq!(record("** DISPUTED ** In PCRE 8.41, a crash.", "unimportant"), DENIED);
    assert_eq!(record("In PCRE 8.41, a crash.", "unimportant"), UNIMPORTANT);
    // Debian means to repair it, whatever its maintainers say.
    assert_eq!(record(remark, "low"), "low");
}

#[test]
fn a_fix_in_version_0_means_that_no_version_is_affected() {
    let records = real(include_str!("../../../tests/data/advisories/alpine-osv.jsonl"));
    let advisory = &records[0].advisories[0];
    assert_eq!(advisory.id, "ALPINE-CVE-2016-0682");
    let db = &advisory.affected[0];
    assert_eq!(db.verdict, Verdict::NotAffected);
    assert!(db.spans.is_empty() && db.versions.is_empty());
}

#[test]
fn a_record_that_speaks_for_several_publishers_is_an_advisory_for_each() {
    let package = |ecosystem: &str, fixed: &str| {
        format!(
            r#"{{"package":{{"ecosystem":"{ecosystem}","name":"vte"}},{}}}"#,
            range(&format!(r#"{{"introduced":"0"}},{{"fixed":"{fixed}"}}"#))
        )
    };
    let record = format!(
        r#"{{"id":"CVE-2012-2738","modified":"2025-01-14T06:08:08Z","affected":[{},{},{{"ranges":[{{"type":"GIT",
            "events":[{{"introduced":"0"}}]}}]}}]}}"#,
        package("Alpine:v3.10", "0.28.2-r12"),
        package("Debian:12", "1:0.28.2-5"),
    );
    let found = parse(record.as_bytes()).unwrap();
    let ids: Vec<&str> = found.advisories.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(ids, ["ALPINE-CVE-2012-2738", "DEBIAN-CVE-2012-2738"]);
    assert_eq!(found.left_out, ["no ecosystem"], "commits of a repository are nobody's package");
}

#[test]
fn ubuntus_records_tell_lines_of_updates_and_cves_upstream() {
    let text = include_str!("../../../tests/data/advisories/ubuntu-osv.json");
    let records: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let advisories: Vec<Advisory> = records.iter().map(|record| one(&record.to_string())).collect();
    let netty = &advisories[0];
    assert_eq!((netty.cves.len(), netty.severity.as_str()), (1, "low"));
    let places: Vec<String> = netty.affected.iter().map(place).collect();
    assert!(places.contains(&"ubuntu 16.04 esm-apps".to_owned()), "{places:?}");
    assert!(places.contains(&"ubuntu 14.04 esm-infra-legacy".to_owned()), "{places:?}");
    let usn = &advisories[1];
    assert_eq!((usn.id.as_str(), &usn.cves[..]), ("USN-5614-1", &[CveId::new(2021, 3782)][..]));
    let wayland = &usn.affected[0];
    assert_eq!(wayland.spans, [fixed("1.16.0-1ubuntu1.1~18.04.4")]);
    assert!(wayland.versions.is_empty(), "the list only spells the range out");
}

#[test]
fn events_are_read_in_the_order_of_their_versions() {
    let events = r#"{"fixed":"10.2"},{"introduced":"9.1"},{"introduced":"0"},{"fixed":"2.10"}"#;
    let advisory = one(&of("GHSA-x", "npm", &range(events)));
    let second =
        Span { introduced: Some("9.1".to_owned()), end: Some(End::Fixed("10.2".to_owned())) };
    assert_eq!(advisory.affected[0].spans, [fixed("2.10"), second]);
    let last = one(&of("GHSA-x", "npm", &range(r#"{"introduced":"0"},{"last_affected":"3"}"#)));
    assert_eq!(last.affected[0].spans[0].end, Some(End::LastAffected("3".to_owned())));
    let twice = r#"{"introduced":"0"},{"fixed":"3"},{"fixed":"5"}"#;
    assert_eq!(one(&of("GHSA-x", "npm", &range(twice))).affected[0].spans, [fixed("3")]);
}

#[test]
fn a_record_may_leave_out_everything_but_its_id_and_instant() {
    let record = r#"{"id":"DSA-1-1","modified":"2024-01-01T00:00:00Z","affected":null,"aliases":null,"severity":null,
        "database_specific":{"severity":["any","shape"]},"new":{"member":[]}}"#;
    let advisory = one(record);
    assert!(advisory.affected.is_empty() && advisory.cves.is_empty());
    assert_eq!(advisory.severity, "");
}

#[test]
fn a_bad_record_is_refused_with_its_id_and_the_reason() {
    for (record, reason) in [
        (of("DSA-1-1", "Debian:12", r#""ranges":{}"#), "sequence"),
        (of("DSA-1-1", "Debian:12", r#""ranges":[{"events":[]}]"#), "type"),
        (of("DSA-1-1", "Debian:12", r#""ranges":[{"type":"TIME"}]"#), "expected ECOSYSTEM"),
        (of("DSA-1-1", "Debian:12", &range(r#"{"fixed":"1"}"#)), "no `introduced`"),
        (of("DSA-1-1", "Debian:12", r#""versions":[1]"#), "string"),
        (
            of("DSA-1-1", "Debian:12", "").replace(",}", "}").replace("2024-01-01T", "2024-13-01T"),
            "expected an instant",
        ),
        (
            of("DSA-1-1", "Debian:12", &range(r#"{"introduced":"0"}"#))
                .replace("Some_Package", " "),
            "no name",
        ),
    ] {
        let refused = match record::parse(record.as_bytes(), FeedKind::Osv) {
            Err(refused) => refused,
            Ok(Parsed::Other | Parsed::NotUsed(_)) => panic!("{record} is known for what it is"),
            Ok(parsed) => panic!("{parsed:?}"),
        };
        assert_eq!(refused.id.as_deref(), Some("DSA-1-1"), "{record}");
        assert_eq!(refused.kind, FeedKind::Osv);
        assert!(refused.reason.contains(reason), "{}", refused.reason);
    }
}
