//! Single records, as NVD and others write them.

use super::*;
use crate::feeds::record::{self, Parsed, Refused};
use crate::feeds::report::FeedKind;

fn cve(record: &str) -> CveRecord {
    match record::parse(record.as_bytes(), FeedKind::Unknown) {
        Ok(Parsed::Cve(record)) => *record,
        other => panic!("{other:?}"),
    }
}

fn refused(record: &str) -> Refused {
    match record::parse(record.as_bytes(), FeedKind::Nvd) {
        Err(refused) => refused,
        Ok(other) => panic!("{other:?}"),
    }
}

/// A record with these members beside its id.
fn with(members: &str) -> String {
    format!(r#"{{"cve":{{"id":"CVE-2024-0001",{members}}}}}"#)
}

#[test]
fn a_record_may_leave_out_everything_but_its_id() {
    for record in [
        r#"{"cve":{"id":"CVE-2024-0001"}}"#.to_owned(),
        with(r#""configurations":null,"metrics":null,"descriptions":null,"vulnStatus":null"#),
        with(r#""affected":[{"source":"x"}],"cveTags":[],"new":{"member":[1]}"#),
    ] {
        let record = cve(&record);
        assert_eq!(record.id, CveId::new(2024, 1));
        assert_eq!(record.source, RecordSource::Nvd);
        assert!(record.configurations.is_empty() && record.summary.is_empty());
    }
}

#[test]
fn the_description_is_the_english_one_of_whatever_region() {
    for (lang, text) in [("en", "x"), ("en-US", "x"), ("EN", "x"), ("es", ""), ("é", "")] {
        let record = cve(&with(&format!(
            r#""descriptions":[{{"lang":"fr","value":"y"}},{{"lang":"{lang}","value":"x"}}]"#
        )));
        assert_eq!(record.summary, text, "{lang}");
    }
}

#[test]
fn every_score_is_kept_with_its_publisher() {
    let record = cve(&with(
        r#""metrics":{"cvssMetricV2":[{"source":"nvd@nist.gov","type":"Primary",
            "cvssData":{"version":"2.0","vectorString":"AV:N","baseScore":7.5},"baseSeverity":"HIGH"}],
          "cvssMetricV31":[{"source":"cna@example.org","type":"Secondary",
            "cvssData":{"version":"3.1","vectorString":"CVSS:3.1/AV:N","baseScore":9.8}}],
          "ssvcV203":[{"source":"x","ssvcData":{}}]}"#,
    ));
    assert_eq!(record.cvss.len(), 2);
    let shown = record.preferred_cvss().unwrap();
    assert_eq!(shown.source, "cna@example.org");
    assert_eq!(shown.severity, "critical", "derived where it is not said");
    assert!(!shown.primary);
    assert_eq!(record.cvss[1].severity, "high");
}

#[test]
fn weaknesses_and_references_come_once_and_placeholders_not_at_all() {
    let record = cve(&with(
        r#""weaknesses":[{"description":[{"lang":"en","value":"NVD-CWE-Other"}]},
            {"description":[{"lang":"en","value":"CWE-79"},{"lang":"en","value":"CWE-79"}]}],
          "references":[{"url":"https://a","source":"x"},{"url":"https://a"},{"url":"https://b"}]"#,
    ));
    assert_eq!(record.cwes, ["CWE-79"]);
    assert_eq!(record.references, ["https://a", "https://b"]);
}

#[test]
fn the_catalogue_entry_that_nvd_repeats_is_read() {
    let record = cve(&with(
        r#""cisaExploitAdd":"2021-12-10","cisaActionDue":"2021-12-24",
           "cisaRequiredAction":"Patch","cisaVulnerabilityName":"Log4j""#,
    ));
    let kev = record.kev.unwrap();
    assert_eq!((kev.added_on.as_str(), kev.name.as_str()), ("2021-12-10", "Log4j"));
}

#[test]
fn operators_are_optional_and_bounds_are_trimmed() {
    let record = cve(&with(
        r#""configurations":[{"nodes":[{"cpeMatch":[{"vulnerable":true,"criteria":"c",
            "versionEndExcluding":" 5.10.35 ","versionStartIncluding":" "}]}]},
          {"operator":"AND","nodes":[{"operator":"AND","negate":true,"cpeMatch":[]}]}]"#,
    ));
    let [plain, all] = &record.configurations[..] else {
        panic!("{record:?}");
    };
    assert!(!plain.all && !plain.nodes[0].all && !plain.nodes[0].negate);
    let range = &plain.nodes[0].matches[0].range;
    assert_eq!(range.end_excluding.as_deref(), Some("5.10.35"));
    assert_eq!(range.start_including, None);
    assert!(all.all && all.nodes[0].all && all.nodes[0].negate);
}

#[test]
fn anchores_annotation_stands_in_for_what_its_record_lacks() {
    let record = cve(
        r#"{"_annotation":{"cve_id":"CVE-2026-9999","description":"text","modified":"2026-05-28T22:25:50.465000+00:00",
            "published":"2026-05-28T22:25:50.465000+00:00","references":["https://a"]},
          "cve":{"configurations":[]}}"#,
    );
    assert_eq!(record.source, RecordSource::Anchore);
    assert_eq!(record.id, CveId::new(2026, 9999));
    assert_eq!(record.summary, "text");
    assert_eq!(record.modified, record.published);
    assert_eq!(record.references, ["https://a"]);
}

#[test]
fn a_bare_record_is_one_too() {
    let record = cve(r#"{"id":"CVE-2024-0001","vulnStatus":"Received","descriptions":[]}"#);
    assert_eq!(record.status, "Received");
}

#[test]
fn other_objects_are_told_apart() {
    let is = |record: &str| record::parse(record.as_bytes(), FeedKind::Nvd).unwrap();
    assert!(matches!(is(r#"{"matchString":{}}"#), Parsed::Other));
    assert!(matches!(is(r#"{"id":"CVE-2024-0001"}"#), Parsed::Other));
    assert!(matches!(is("{}"), Parsed::Other));
    let program =
        r#"{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-2024-0001"},"containers":{}}"#;
    assert!(matches!(is(program), Parsed::NotUsed(FeedKind::CveProgram)));
}

#[test]
fn a_bad_record_is_refused_with_its_id_and_the_reason() {
    for (members, reason) in [
        (r#""lastModified":"2025-14-11T00:51:21.963""#, "instant"),
        (r#""configurations":[{"nodes":[{"cpeMatch":[{"criteria":"c"}]}]}]"#, "vulnerable"),
        (
            r#""configurations":[{"nodes":[{"cpeMatch":[{"vulnerable":true,"criteria":5}]}]}]"#,
            "string",
        ),
        (r#""configurations":{}"#, "sequence"),
        (
            r#""metrics":{"cvssMetricV31":[{"cvssData":{"version":"3.1","baseScore":11}}]}"#,
            "score of 11",
        ),
        (r#""cisaExploitAdd":"soon""#, "date"),
    ] {
        let refused = refused(&with(members));
        assert_eq!(refused.id.as_deref(), Some("CVE-2024-0001"), "{members}");
        assert!(refused.reason.contains(reason), "{members}: {}", refused.reason);
    }
}

#[test]
fn an_id_that_is_none_is_refused() {
    for id in [
        "CVE-2024-1",
        "CVE-2024/../../x-0001",
        "CVE-24-0001",
        "CVE-2024-00001",
        "CVE-2025-30331111111",
        "",
        "cve-2024-0001",
    ] {
        let reason = refused(&format!(r#"{{"cve":{{"id":"{id}"}}}}"#)).reason;
        assert!(reason.contains("no CVE id"), "{id}: {reason}");
    }
    assert!(refused(r#"{"cve":{}}"#).reason.contains("no id"));
}

#[test]
fn broken_json_is_refused_without_an_id() {
    for record in ["{", "[]", "{\"cve\":{\"id\":}}", "\u{feff}{}", "nul"] {
        assert_eq!(refused(record).id, None, "{record}");
    }
}
