//! Records of the distributions that build RPMs: repositories, modules and minor releases.

use super::*;

#[test]
fn red_hats_repositories_of_a_release_are_one_place_and_eus_is_another() {
    let records = real(include_str!("../../../../tests/data/advisories/redhat-osv.jsonl"));
    let nodejs = &records[0].advisories[0];
    assert!(nodejs.affected.iter().all(|affected| affected.module == "nodejs:12"));
    assert_eq!(nodejs.affected[0].kind, PackageKind::Binary);
    let squid = &records[1].advisories[0];
    assert_eq!(place(&squid.affected[0]), "rhel 9.2 eus");
    assert_eq!(squid.affected[0].module, "", "a build that is of no module");
    let tboot = &records[2].advisories[0];
    let packages: Vec<(String, &str)> = tboot
        .affected
        .iter()
        .map(|affected| (place(affected), affected.package.as_str()))
        .collect();
    let rhel = "rhel 7".to_owned();
    assert_eq!(packages, [(rhel.clone(), "tboot"), (rhel, "tboot-debuginfo")]);
}

#[test]
fn products_whose_release_cannot_be_told_are_left_out_and_counted() {
    let records = real(include_str!("../../../../tests/data/advisories/redhat-osv.jsonl"));
    let stack = &records[3];
    assert!(stack.left_out.contains(&"Red Hat:rhel_application_stack:1".to_owned()));
    let records = real(include_str!("../../../../tests/data/advisories/suse-osv.jsonl"));
    let requests = &records[1];
    assert!(requests.left_out.contains(&"SUSE:OpenStack Cloud 8".to_owned()));
}

#[test]
fn suses_modules_are_places_of_the_server_that_they_extend() {
    let records = real(include_str!("../../../../tests/data/advisories/suse-osv.jsonl"));
    let places: Vec<String> = records[0].advisories[0].affected.iter().map(place).collect();
    assert_eq!(places, ["opensuse-leap 15.5", "sles 15.5"]);
    let nothing_listed = &records[2].advisories[0];
    assert_eq!(nothing_listed.publisher, Publisher::Suse);
    assert!(nothing_listed.affected.is_empty(), "it replaces what was listed before");
    assert_eq!(place(&records[3].advisories[0].affected[0]), "opensuse-tumbleweed");
}

#[test]
fn an_advisory_of_two_modules_is_stated_for_both() {
    let records = real(include_str!("../../../../tests/data/advisories/rocky-osv.jsonl"));
    let virt = &records[0].advisories[0];
    assert_eq!(virt.severity, "important");
    let hivex = virt.affected.iter().filter(|affected| affected.package == "hivex");
    let modules: Vec<&str> = hivex.map(|affected| affected.module.as_str()).collect();
    assert_eq!(modules, ["virt-devel:rhel", "virt:rhel"]);
    let cloud = &records[1].advisories[0].affected[0];
    assert_eq!((place(cloud).as_str(), cloud.module.as_str()), ("rocky 8 sig-cloud", ""));
}
