//! A real repository, cut to a few packages, and repositories that are wrong.

use super::*;

const MAIN: &str = include_str!("../../../tests/data/advisories/alpine-secdb.json");

fn of<'a>(found: &'a Advisories, id: &str) -> &'a Advisory {
    let advisory = found.advisories.iter().find(|advisory| advisory.id == id);
    advisory.unwrap_or_else(|| panic!("{id} is not in {found:?}"))
}

#[test]
fn each_fixed_version_of_a_package_is_an_advisory_with_its_cves() {
    let found = parse(MAIN.as_bytes()).unwrap();
    let openssl = of(&found, "v3.20/main/openssl-1.1.1d-r1");
    assert_eq!(openssl.publisher, Publisher::Alpine);
    let cves: Vec<String> = openssl.cves.iter().map(ToString::to_string).collect();
    assert_eq!(cves, ["CVE-2019-1547", "CVE-2019-1549", "CVE-2019-1563"]);
    let affected = &openssl.affected[0];
    assert_eq!((affected.package.as_str(), affected.kind), ("openssl", PackageKind::Source));
    assert_eq!(affected.spans[0].end, Some(End::Fixed("1.1.1d-r1".to_owned())));
    assert_eq!(
        affected.place,
        Place::Distribution {
            id: "alpine".to_owned(),
            release: "3.20".to_owned(),
            channel: String::new()
        }
    );
}

#[test]
fn version_0_says_that_the_package_was_never_affected() {
    let found = parse(MAIN.as_bytes()).unwrap();
    let openssh = of(&found, "v3.20/main/openssh-0");
    assert_eq!(openssh.cves, [CveId::new(2023, 38408)]);
    assert_eq!(openssh.affected[0].verdict, Verdict::NotAffected);
    assert!(openssh.affected[0].spans.is_empty());
}

#[test]
fn other_ids_beside_a_cve_are_passed_over() {
    let found = parse(MAIN.as_bytes()).unwrap();
    let glib = of(&found, "v3.20/main/glib-2.66.6-r0");
    assert_eq!(glib.cves, [CveId::new(2021, 27219)]);
}

#[test]
fn fixes_without_a_cve_are_left_out_and_counted() {
    let text = r#"{"distroversion":"edge","reponame":"main","packages":[{"pkg":{"name":"a",
        "secfixes":{"1-r0":["XSA-1"],"2-r0":null,"3-r0":["CVE-2024-0001"]}}},{"pkg":{"name":"b","secfixes":null}}]}"#;
    let found = parse(text.as_bytes()).unwrap();
    assert_eq!(found.left_out, ["Alpine without a CVE"; 2]);
    assert_eq!(found.advisories.len(), 1);
    assert_eq!(
        found.advisories[0].affected[0].place,
        Place::Distribution {
            id: "alpine".to_owned(),
            release: String::new(),
            channel: String::new()
        },
        "edge rolls"
    );
}

#[test]
fn a_bad_repository_is_refused_with_the_reason() {
    for (from, to, reason) in [
        ("\"v3.20\"", "\"3.20\"", "expected edge or one such as v3.20"),
        ("\"v3.20\"", "320", "string"),
        ("\"packages\": [", "\"packages\": {}, \"x\": [", "sequence"),
        ("\"name\": \"glib\",", "", "name"),
    ] {
        let text = MAIN.replace(from, to);
        assert_ne!(text, MAIN, "{from}");
        let refused = parse(text.as_bytes()).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
}
