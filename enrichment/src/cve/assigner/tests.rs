//! What assigners write, from records of the CVE programme, and what of it is matched on.

use super::*;
use crate::cve::CnaChange;

fn entry(version: &str, below: &str, last: &str) -> CnaVersions {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    CnaVersions {
        version: version.to_owned(),
        less_than: given(below),
        less_than_or_equal: given(last),
        status: CnaStatus::Affected,
        version_type: "semver".to_owned(),
        changes: Vec::new(),
    }
}

fn product(cpes: &[&str], versions: Vec<CnaVersions>) -> CnaProduct {
    CnaProduct {
        cpes: cpes.iter().map(|cpe| (*cpe).to_owned()).collect(),
        versions,
        ..CnaProduct::default()
    }
}

/// The matches, as `criteria's version | range`.
fn matches(product: CnaProduct) -> Vec<String> {
    let configuration = configuration(&[product]);
    let nodes = configuration.into_iter().flat_map(|all| all.nodes);
    nodes
        .flat_map(|node| node.matches)
        .map(|found| {
            let Range { start_including: from, end_excluding: below, end_including: last, .. } =
                found.range;
            let version = Cpe::parse(&found.criteria).unwrap();
            let version = version.get(Attribute::Version).as_value();
            let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            match version {
                Some(version) => format!("= {version}"),
                None => format!("{}..{} {}", text(from), text(below), text(last)),
            }
        })
        .collect()
}

const GITLAB: &str = "cpe:2.3:a:gitlab:gitlab:*:*:*:*:*:*:*:*";

#[test]
fn ranges_beside_a_name_are_what_is_affected() {
    // CVE-2023-0120.
    let ranges = vec![entry("10.0", "16.1.5", ""), entry("16.2", "16.2.5", "")];
    assert_eq!(matches(product(&[GITLAB], ranges)), ["10.0..16.1.5 -", "16.2..16.2.5 -"]);
}

#[test]
fn names_that_differ_in_their_versions_alone_are_one() {
    // CVE-2021-38963.
    let names = [
        "cpe:2.3:a:ibm:aspera_console:3.4.0:*:*:*:*:*:*:*",
        "cpe:2.3:a:ibm:aspera_console:3.4.4:*:*:*:*:*:*:*",
    ];
    let found = matches(product(&names, vec![entry("3.4.0", "", "3.4.4")]));
    assert_eq!(found, ["3.4.0..- 3.4.4"]);
}

#[test]
fn versions_of_two_products_in_one_list_are_nobodys() {
    // CVE-2022-32759.
    let names = [
        "cpe:2.3:a:ibm:security_verify_directory:10.0.0:*:*:*:*:*:*:*",
        "cpe:2.3:a:ibm:security_directory_integrator:7.2.0:*:*:*:*:*:*:*",
    ];
    assert!(matches(product(&names, vec![entry("7.2.0", "", "")])).is_empty());
}

#[test]
fn systems_and_devices_are_judged_by_others() {
    let system = "cpe:2.3:o:fortinet:fortianalyzer:7.0.2:*:*:*:*:*:*:*";
    let uri = "cpe:/a:redhat:rhel_eus:9.2";
    for name in [system, uri] {
        assert!(matches(product(&[name], vec![entry("7.0.0", "", "7.0.2")])).is_empty());
    }
}

#[test]
fn what_is_no_version_bounds_nothing() {
    for (version, below) in [
        ("10.0.0", "publication"),
        ("16.0.1", "https://aka.ms/OfficeSecurityReleases"),
        ("4.0.0.58 (commit 563fae9)", "4.4.1.a1 (commit 57572c7)"),
        ("0", "*"),
        ("7.x", "7.4"),
    ] {
        let found = matches(product(&[GITLAB], vec![entry(version, below, "")]));
        assert!(found.is_empty(), "{version} to {below}: {found:?}");
    }
}

#[test]
fn commits_and_versions_of_packages_are_in_another_order() {
    for order in ["git", "rpm"] {
        let mut range = entry("1.0", "2.0", "");
        range.version_type = order.to_owned();
        assert!(matches(product(&[GITLAB], vec![range])).is_empty(), "{order}");
    }
}

#[test]
fn a_single_version_is_only_itself_and_a_word_is_none() {
    let versions = vec![entry("v3.2.1", "", ""), entry("unspecified", "", "")];
    assert_eq!(matches(product(&[GITLAB], versions)), ["= 3.2.1"]);
}

#[test]
fn a_range_ends_where_its_status_changes_and_may_begin_again() {
    // CVE-2024-9463 has the first of these.
    let mut range = entry("1.2.0", "3.0", "");
    range.changes = [("1.2.96", CnaStatus::Unaffected), ("2.0", CnaStatus::Affected)]
        .map(|(at, status)| CnaChange { at: at.to_owned(), status })
        .into();
    assert_eq!(matches(product(&[GITLAB], vec![range])), ["1.2.0..1.2.96 -", "2.0..3.0 -"]);
}

#[test]
fn what_is_not_affected_or_unknown_is_never_matched() {
    for status in [CnaStatus::Unaffected, CnaStatus::Unknown] {
        let mut range = entry("1.0", "2.0", "");
        range.status = status;
        assert!(matches(product(&[GITLAB], vec![range])).is_empty());
    }
}

#[test]
fn all_but_the_listed_are_all_below_the_first_that_is_well_for_ever() {
    let mut well = entry("23.3", "*", "");
    well.status = CnaStatus::Unaffected;
    let mut all = product(&[GITLAB], vec![well]);
    assert!(matches(all.clone()).is_empty(), "nothing is said of the others");
    all.default_status = CnaStatus::Affected;
    assert_eq!(matches(all.clone()), ["-..23.3 -"]);
    // CVE-2023-5752 lists one version that is well, and says nothing of those behind it.
    all.versions[0].less_than = None;
    assert!(matches(all).is_empty());
}
