//! Origins: which of apt's lists count, and for which packages.

use protocol::software::Source;

use super::*;
use crate::collect::defects::Reading;
use crate::collect::lines::test_lines;
use crate::collect::test_tree::{Tree, read_data};

fn origins(records: &[SoftwareRecord]) -> Vec<(&str, &str)> {
    let known = records.iter().filter(|r| !r.origin.is_empty());
    known.map(|r| (r.name.as_str(), r.origin.as_str())).collect()
}

#[test]
fn names_packages_of_third_parties_and_leaves_those_of_the_distribution() {
    let records = read_data("dpkg", Source::Deb, super::super::read).all();
    assert_eq!(
        origins(&records),
        [
            // By version, in a list that is packed; the repository calls itself `. nodistro`.
            ("nodejs", "deb.nodesource.com"),
            // By maintainer: the list has only a newer version.
            ("google-cloud-cli", "packages.cloud.google.com"),
            // By version, of another maintainer.
            ("kubectl", "packages.cloud.google.com"),
            // By dpkg's own field.
            ("with-origin", "Example Inc"),
        ]
    );
}

const STATUS: &str = "Package: a\nStatus: install ok installed\nVersion: 1\nMaintainer: m\n\n\
    Package: b\nStatus: install ok installed\nVersion: 1\nMaintainer: m\n\n\
    Package: c\nStatus: install ok installed\nVersion: 1\nMaintainer: m\n";

fn tree(release: &str, packages: &str) -> Tree {
    Tree::new(&[
        ("/etc/os-release", "ID=ubuntu\nID_LIKE=debian\n"),
        ("/var/lib/dpkg/status", STATUS),
        ("/var/lib/apt/lists/repo.example.org_apt_InRelease", release),
        ("/var/lib/apt/lists/repo.example.org_apt_Packages", packages),
    ])
}

fn names(tree: &Tree) -> Vec<String> {
    let outcome = tree.read(Source::Deb, super::super::read);
    assert_eq!(outcome.reading.unwrap(), Reading::Read);
    let known = outcome.records.into_iter().filter(|r| !r.origin.is_empty());
    known.map(|r| format!("{} {}", r.name, r.origin)).collect()
}

#[test]
fn what_the_distribution_sells_beside_it_is_its_own() {
    let packages = "Package: a\nVersion: 1\n";
    assert_eq!(names(&tree("Origin: UbuntuESM\n", packages)), [""; 0]);
    assert_eq!(names(&tree("Origin: Debian Backports\n", packages)), [""; 0]);
    assert_eq!(names(&tree("Origin: Example\n", packages)), ["a Example"]);
}

#[test]
fn a_mirror_of_the_distribution_under_another_name_is_no_third_party() {
    let all = "Package: a\nVersion: 1\n\nPackage: b\nVersion: 1\n\nPackage: c\nVersion: 1\n";
    assert_eq!(names(&tree("Origin: Company Mirror\n", all)), [""; 0]);
}

#[test]
fn a_package_of_the_same_name_from_elsewhere_keeps_its_own() {
    let packages = "Package: a\nVersion: 2\nMaintainer: somebody else\n";
    assert_eq!(names(&tree("Origin: Example\n", packages)), [""; 0]);
}

#[test]
fn damaged_lists_cost_origins_and_never_packages() {
    let tree = tree("Origin: Example\n", "");
    let lists = "/var/lib/apt/lists/repo.example.org_apt";
    tree.write(&format!("{lists}_main_Packages.lz4"), b"\x04\x22\x4d\x18 nothing");
    tree.pipe(&format!("{lists}_other_Packages"));
    tree.pipe("/var/lib/apt/lists/pipe.example.org_InRelease");
    let outcome = tree.read(Source::Deb, super::super::read);
    assert_eq!(outcome.all().len(), 3);
}

#[test]
fn reads_an_origin_behind_the_armour_of_a_signature() {
    let origin = |text: &str| read_origin(&mut test_lines(text.as_bytes())).unwrap();
    let armour = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n";
    assert_eq!(origin(&format!("{armour}Origin: Docker\nLabel: CE\n")), "Docker");
    assert_eq!(origin("Label: CE\nDate: x\n"), "CE");
    assert_eq!(origin(&format!("{armour}Date: x\n")), "");
    assert_eq!(origin(armour), "");
    assert_eq!(origin(""), "");
}
