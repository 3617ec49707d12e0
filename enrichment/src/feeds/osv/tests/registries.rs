//! Records of the languages' registries.

use super::*;

#[test]
fn gos_records_have_no_instant_of_their_own_and_may_be_withdrawn_or_unusable() {
    let records = real(include_str!("../../../../tests/data/advisories/go-osv.jsonl"));
    let text = &records[0].advisories[0];
    assert_eq!((text.publisher, text.modified), (Publisher::Go, None));
    assert_eq!(text.affected[0].package, "golang.org/x/text");
    assert!(!text.is_withdrawn && records[2].advisories[0].is_withdrawn);
    // Its only usable range, "all versions", would be wrong for every fixed one.
    let ingress = &records[3];
    assert!(ingress.advisories[0].affected.is_empty());
    assert_eq!(ingress.left_out, ["Go without versions of packages"]);
}

#[test]
fn a_cve_that_is_only_related_is_not_the_one_of_a_registrys_advisory() {
    let versions = range(r#"{"introduced":"0"},{"fixed":"2"}"#);
    let record = of("GHSA-aaaa-bbbb-cccc", "npm", &versions).replacen(
        '{',
        r#"{"aliases":["CVE-2024-0002","GHSA-x"],"related":["CVE-2024-0001"],"database_specific":{"severity":"HIGH"},"#,
        1,
    );
    let advisory = one(&record);
    assert_eq!(advisory.cves, [CveId::new(2024, 2)]);
    assert_eq!((advisory.publisher, advisory.severity.as_str()), (Publisher::GitHub, "high"));
}

#[test]
fn pypis_names_have_one_spelling_and_versions_beyond_the_ranges_stay() {
    let rest = format!(
        r#"{},"versions":["1.0","1.5","3.0.post1","not a version"]"#,
        range(r#"{"introduced":"1.0"},{"fixed":"2.0"}"#)
    );
    let advisory = one(&of("PYSEC-2024-1", "PyPI", &rest));
    let affected = &advisory.affected[0];
    assert_eq!(affected.package, "some-package");
    assert_eq!(affected.versions, ["3.0.post1", "not a version"]);
}

#[test]
fn a_registrys_record_of_an_unknown_database_is_left_out() {
    let found = parse(of("MAL-2024-1", "npm", &range(r#"{"introduced":"0"}"#)).as_bytes()).unwrap();
    assert!(found.advisories.is_empty());
    assert_eq!(found.left_out, ["npm"]);
}
