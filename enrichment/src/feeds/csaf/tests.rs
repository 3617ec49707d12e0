//! Real documents of Red Hat, cut to a few products, and documents that are wrong.

use super::*;
use crate::advisory::Place;

const LIBTIFF: &str = include_str!("../../../tests/data/advisories/redhat-vex-2023-6228.json");
const OPENSSL: &str = include_str!("../../../tests/data/advisories/redhat-vex-2023-6237.json");

fn read(document: &str) -> Advisories {
    parse(document.as_bytes()).unwrap().unwrap()
}

/// Place, package, verdict, version of the fix and note of each statement.
fn statements(document: &str) -> Vec<String> {
    let mut found = read(document);
    let advisory = found.advisories.remove(0);
    advisory.affected.iter().map(statement).collect()
}

fn statement(affected: &Affected) -> String {
    let Place::Distribution { id, release, .. } = &affected.place else {
        panic!("{affected:?}");
    };
    let fixed = match affected.spans.first() {
        Some(Span { end: Some(End::Fixed(version)), .. }) => format!(" < {version}"),
        Some(_) => " open".to_owned(),
        None => String::new(),
    };
    let module = &affected.module;
    format!(
        "{id} {release} {:?} {} {module} {:?}{fixed} {}",
        affected.kind, affected.package, affected.verdict, affected.note
    )
    .replace("  ", " ")
    .trim_end()
    .to_owned()
}

#[test]
fn packages_are_fixed_wait_for_a_fix_or_get_none() {
    assert_eq!(
        statements(LIBTIFF),
        [
            "rhel 6 Source libtiff WontFix open Out of support scope",
            "rhel 7 Source compat-libtiff3 WontFix open Out of support scope",
            "rhel 7 Source libtiff WontFix open Out of support scope",
            "rhel 8 Source compat-libtiff3 WontFix open Will not fix",
            "rhel 8 Source libtiff Affected open",
            "rhel 9 Binary libtiff Affected < 0:4.4.0-12.el9",
            "rhel 9 Binary libtiff-debuginfo Affected < 0:4.4.0-12.el9",
            "rhel 9 Binary libtiff-debugsource Affected < 0:4.4.0-12.el9",
        ]
    );
}

#[test]
fn a_document_is_one_advisory_of_its_cve_with_its_instant_and_severity() {
    let found = read(OPENSSL);
    let advisory = &found.advisories[0];
    assert_eq!((advisory.id.as_str(), advisory.publisher), ("CVE-2023-6237", Publisher::RedHat));
    assert_eq!((advisory.cves.len(), advisory.severity.as_str()), (1, "low"));
    assert_eq!(advisory.modified, Timestamp::parse("2024-08-02T12:27:56Z"));
}

#[test]
fn an_epoch_is_part_of_the_fixed_version_and_a_flag_says_why_something_is_not_affected() {
    let statements = statements(OPENSSL);
    let openssl = "rhel 9 Binary openssl Affected < 1:3.0.7-27.el9".to_owned();
    assert!(statements.contains(&openssl), "{statements:?}");
    let fips = "rhel 9 Binary openssl-fips-provider NotAffected vulnerable_code_not_present";
    assert!(statements.contains(&fips.to_owned()), "{statements:?}");
}

/// A document with these products, relationships and statuses.
fn document(products: &str, relationships: &str, status: &str) -> String {
    format!(
        r#"{{"document":{{"csaf_version":"2.0","publisher":{{"namespace":"https://www.redhat.com"}},
        "tracking":{{"id":"CVE-2024-0001"}}}},
        "product_tree":{{"branches":[{{"branches":[{{"product":{{"product_id":"rhel","product_identification_helper":
        {{"cpe":"cpe:/o:redhat:enterprise_linux:8"}}}}}},{products}]}}],"relationships":[{relationships}]}},
        "vulnerabilities":[{{"cve":"CVE-2024-0001","product_status":{{{status}}}}}]}}"#
    )
}

fn product(id: &str, purl: &str) -> String {
    format!(
        r#"{{"product":{{"product_id":"{id}","product_identification_helper":{{"purl":"{purl}"}}}}}}"#
    )
}

fn part(id: &str, part: &str, whole: &str) -> String {
    format!(
        r#"{{"full_product_name":{{"product_id":"{id}"}},"product_reference":"{part}","relates_to_product_reference":"{whole}"}}"#
    )
}

#[test]
fn a_package_of_a_module_tells_it_in_whichever_way_red_hat_wrote_it() {
    let fixed = "pkg:rpm/redhat/nodejs@16.20.2-1.module%2Bel8?arch=x86_64&epoch=1";
    for (products, relationships) in [
        (
            product("node", &format!("{fixed}&rpmmod=nodejs:16:8080:b46a")),
            part("rhel:node", "node", "rhel"),
        ),
        (
            [product("node", fixed), product("module", "pkg:rpmmod/redhat/nodejs@16:8080:b46a")]
                .join(","),
            [part("rhel:module", "module", "rhel"), part("rhel:node", "node", "rhel:module")]
                .join(","),
        ),
        (product("nodejs:16/nodejs", fixed), part("rhel:node", "nodejs:16/nodejs", "rhel")),
    ] {
        let document = document(&products, &relationships, r#""fixed":["rhel:node"]"#);
        assert_eq!(
            statements(&document),
            ["rhel 8 Binary nodejs nodejs:16 Affected < 1:16.20.2-1.module+el8"]
        );
    }
}

#[test]
fn what_is_being_looked_at_is_said_to_be() {
    let document = document(
        &product("curl", "pkg:rpm/redhat/curl?arch=src"),
        &part("rhel:curl", "curl", "rhel"),
        r#""under_investigation":["rhel:curl"],"fixed":null"#,
    );
    assert_eq!(statements(&document), ["rhel 8 Source curl UnderInvestigation open"]);
}

#[test]
fn products_that_are_no_package_of_a_release_are_left_out_and_counted() {
    let products = [
        product("image", "pkg:oci/rhel8/node@sha256:1"),
        product("bare", "pkg:rpm/redhat/curl"),
        r#"{"product":{"product_id":"shift","product_identification_helper":{"cpe":"cpe:/a:redhat:openshift:4"}}}"#.to_owned(),
        r#"{"product":{"product_id":"none"}}"#.to_owned(),
    ];
    let relationships = [
        part("1", "image", "rhel"),
        part("2", "bare", "shift"),
        part("3", "none", "rhel"),
        part("4", "bare", "nowhere"),
        part("5", "bare", "rhel"),
        part("6", "bare", "6"),
    ];
    let status = r#""known_affected":["1","2","3","4","6","unheard of"],"fixed":["5"]"#;
    let found = read(&document(&products.join(","), &relationships.join(","), status));
    assert!(found.advisories[0].affected.is_empty(), "{found:?}");
    let left_out: Vec<&str> = found.left_out.iter().map(String::as_str).collect();
    assert_eq!(
        left_out,
        [
            "Red Hat without the version that has the fix",
            "products that are no rpm: pkg:oci",
            "Red Hat:openshift:4",
            "a product without a purl",
            "a product without a CPE of Red Hat",
            "a product without a CPE of Red Hat",
            "a product that is no package of a release",
        ]
    );
}

#[test]
fn documents_of_others_and_red_hats_advisories_are_known_and_not_used() {
    for (from, to) in [
        ("https://www.redhat.com", "https://msrc.microsoft.com"),
        ("\"id\": \"CVE-2023-6228\"", "\"id\": \"RHSA-2024:2289\""),
    ] {
        let document = LIBTIFF.replace(from, to);
        assert_ne!(document, LIBTIFF);
        assert_eq!(parse(document.as_bytes()).unwrap(), None, "{to}");
    }
}

#[test]
fn a_bad_document_is_refused_with_the_reason() {
    for (from, to, reason) in [
        ("\"cve\": \"CVE-2023-6228\"", "\"cve\": \"CVE-2023-0001\"", "holds another one"),
        ("2024-08-02T12:22:44+00:00", "soon", "expected an instant"),
        ("\"id\": \"CVE-2023-6228\"", "\"id\": \"CVE-23\"", "no CVE id"),
        ("\"product_status\": {", "\"product_status\": [{", "expected"),
    ] {
        let document = LIBTIFF.replace(from, to);
        assert_ne!(document, LIBTIFF, "{from}");
        let refused = parse(document.as_bytes()).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
}
