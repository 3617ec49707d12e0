//! Real records with CISA's additions, and records that are wrong.

use super::*;
use crate::cve::{CpeMatch, CveId};

fn real() -> Vec<CveRecord> {
    include_str!("../../../tests/data/advisories/vulnrichment.jsonl")
        .lines()
        .map(|line| parse(line.as_bytes()).unwrap().unwrap())
        .collect()
}

fn matches(record: &CveRecord) -> Vec<String> {
    let nodes = record.configurations.iter().flat_map(|of| &of.nodes);
    nodes
        .flat_map(|node| &node.matches)
        .map(|CpeMatch { criteria, range, vulnerable }| {
            assert!(*vulnerable);
            let name = criteria.trim_start_matches("cpe:2.3:").trim_end_matches(":*");
            format!("{name} {range}").trim_end().to_owned()
        })
        .collect()
}

/// A record whose only addition of CISA's is a product with these names and versions.
fn with(cpes: &str, versions: &str) -> String {
    format!(
        r#"{{"dataType":"CVE_RECORD","cveMetadata":{{"cveId":"CVE-2024-0001","state":"PUBLISHED"}},
        "containers":{{"cna":{{}},"adp":[{{"providerMetadata":{{"orgId":"{CISA}","shortName":"CISA-ADP"}},
        "affected":[{{"cpes":{cpes},"versions":{versions}}}]}}]}}}}"#
    )
}

fn matched(cpes: &str, versions: &str) -> Vec<String> {
    matches(&parse(with(cpes, versions).as_bytes()).unwrap().unwrap())
}

#[test]
fn a_name_with_a_version_stands_for_the_ranges_beside_it() {
    let yugabyte = &real()[0];
    assert_eq!((yugabyte.id, yugabyte.source), (CveId::new(2024, 6), RecordSource::Cisa));
    assert_eq!(
        matches(yugabyte)[..2],
        [
            "a:yugabyte:yugabytedb >= 2.18.0.0, < 2.18.9.0",
            "a:yugabyte:yugabytedb >= 2.20.0.0, < 2.20.2.3"
        ]
    );
}

#[test]
fn scores_of_the_assigner_and_of_cisa_keep_their_publishers() {
    let records = real();
    let yugabyte = records[0].preferred_cvss().unwrap();
    assert_eq!((yugabyte.version.as_str(), yugabyte.source.as_str()), ("4.0", "Yugabyte"));
    let mediatek = records[1].preferred_cvss().unwrap();
    assert_eq!((mediatek.severity.as_str(), mediatek.source.as_str()), ("medium", "CISA-ADP"));
    assert!(!mediatek.primary);
}

#[test]
fn cisas_decision_and_the_assigners_products_are_kept() {
    let yugabyte = &real()[0];
    let decision = yugabyte.ssvc.as_ref().unwrap();
    assert_eq!(
        [&decision.exploitation, &decision.automatable, &decision.technical_impact],
        ["none", "no", "total"]
    );
    let product = &yugabyte.cna[0];
    assert_eq!(
        (product.vendor.as_str(), product.product.as_str()),
        ("YugabyteDB", "YugabyteDB Anywhere")
    );
    assert_eq!(product.default_status, CnaStatus::Unaffected);
    assert_eq!(product.versions[0].less_than.as_deref(), Some("2.18.9.0"));
    assert!(yugabyte.summary.len() > 20 && !yugabyte.references.is_empty());
}

#[test]
fn ranges_of_commits_are_left_out() {
    let aops = &real()[2];
    assert!(aops.configurations.is_empty(), "{:?}", aops.configurations);
    assert_eq!(aops.cna[0].versions[0].changes.len(), 2, "what the assigner says is still kept");
}

#[test]
fn a_withdrawn_record_says_so_though_cisa_has_added_nothing() {
    let withdrawn = &real()[3];
    assert!(withdrawn.is_rejected());
    assert!(withdrawn.modified > withdrawn.published);
}

#[test]
fn a_decision_alone_is_a_record_too_and_placeholders_are_no_products() {
    let bare = &real()[4];
    assert!(bare.configurations.is_empty() && bare.cna.is_empty());
    assert!(bare.ssvc.is_some());
}

#[test]
fn a_record_that_cisa_has_not_added_to_is_not_used() {
    let record = r#"{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-2024-0001","state":"PUBLISHED"},
        "containers":{"cna":{},"adp":[{"providerMetadata":{"orgId":"another"}}]}}"#;
    assert_eq!(parse(record.as_bytes()).unwrap(), None);
}

#[test]
fn versions_and_names_are_put_together_as_nvd_would() {
    let any = r#"["cpe:2.3:a:x:y\\:z:*:*:*:*:*:*:*:*"]"#;
    for (versions, expected) in [
        (r#"{"version":"1.2+3","status":"affected"}"#, r"a:x:y\:z:1.2\+3"),
        (r#"{"version":"0","lessThan":" 2.0 ","status":"affected"}"#, r"a:x:y\:z < 2.0"),
        (r#"{"version":"1","lessThanOrEqual":"2","status":"affected"}"#, r"a:x:y\:z >= 1, <= 2"),
        (r#"{"version":"1","lessThan":"*","status":"affected"}"#, r"a:x:y\:z >= 1"),
        (r#"{"version":"0","lessThanOrEqual":"*","status":"affected"}"#, r"a:x:y\:z"),
        (r#"{"version":"*","status":"affected"}"#, r"a:x:y\:z"),
    ] {
        assert_eq!(matched(any, &format!("[{versions}]")), [expected], "{versions}");
    }
}

#[test]
fn what_names_no_version_that_is_affected_matches_nothing() {
    let any = r#"["cpe:2.3:a:x:y:*:*:*:*:*:*:*:*"]"#;
    for versions in [
        "[]",
        r#"[{"version":"1","status":"unaffected"}]"#,
        r#"[{"version":"n/a","status":"affected"}]"#,
        r#"[{"version":"Unspecified","status":"affected"}]"#,
        r#"[{"version":"0","status":"affected"}]"#,
        r#"[{"version":"1.0 and earlier","status":"affected"}]"#,
        r#"[{"version":"1","lessThan":"2","versionType":"git","status":"affected"}]"#,
    ] {
        assert_eq!(matched(any, versions), [""; 0], "{versions}");
    }
}

#[test]
fn several_names_with_versions_stand_for_their_own() {
    let names = r#"["cpe:2.3:o:x:y:1.0:*:*:*:*:*:*:*","cpe:2.3:o:x:y:2.0:*:*:*:*:*:*:*",
        "cpe:2.3:o:x:y:2.0:*:*:*:*:*:*:*"]"#;
    let versions = r#"[{"version":"1.0","lessThan":"1.5","status":"affected"},
        {"version":"3","status":"affected"}]"#;
    assert_eq!(matched(names, versions), ["o:x:y >= 1.0, < 1.5", "o:x:y:2.0"]);
}

#[test]
fn applicability_in_nvds_shape_counts_before_lists() {
    let record = with(r#"["cpe:2.3:a:x:listed:1:*:*:*:*:*:*:*"]"#, r#"[{"version":"1","status":"affected"}]"#)
        .replace(
            r#""affected":"#,
            r#""cpeApplicability":[{"nodes":[{"operator":"OR","negate":false,"cpeMatch":[{"vulnerable":true,
                "criteria":"cpe:2.3:a:x:applicable:*:*:*:*:*:*:*:*","versionEndExcluding":"2"}]}]}],"affected":"#,
        );
    assert_eq!(matches(&parse(record.as_bytes()).unwrap().unwrap()), ["a:x:applicable < 2"]);
}

#[test]
fn a_bad_record_is_refused_with_the_reason() {
    let right = with("[]", "[]");
    let names: Vec<String> =
        (0..200).map(|n| format!(r#""cpe:2.3:a:x:{n}:*:*:*:*:*:*:*:*""#)).collect();
    let versions: Vec<String> =
        (1..200).map(|n| format!(r#"{{"version":"{n}","status":"affected"}}"#)).collect();
    for (record, reason) in [
        (right.replace("CVE-2024-0001", "CVE-24"), "no CVE id"),
        (right.replace(r#""cpes":[]"#, r#""cpes":{}"#), "sequence"),
        (right.replace(r#""state":"PUBLISHED""#, r#""datePublished":"soon""#), "instant"),
        (
            right.replace(
                r#""affected""#,
                r#""metrics":[{"cvssV3_1":{"version":"3.1","baseScore":99}}],"affected""#,
            ),
            "score of 99",
        ),
        (
            with(&format!("[{}]", names.join(",")), &format!("[{}]", versions.join(","))),
            "more than 20000",
        ),
    ] {
        let refused = parse(record.as_bytes()).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
}
