//! Python distributions: the layouts of forty years of packaging, and who owns them.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::test_tree::{Tree, data};

const LOCAL: &str = "/usr/local/lib/python3.11/dist-packages";
const SYSTEM: &str = "/usr/lib/python3/dist-packages";
const METADATA: &str = "Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\nAuthor: Kenneth Reitz\n\n\
    Name: not this one\nVersion: 9\n";

fn record(name: &str, version: &str, vendor: &str, location: &str) -> SoftwareRecord {
    SoftwareRecord {
        vendor: vendor.to_owned(),
        locations: vec![location.to_owned()],
        ..SoftwareRecord::new(Source::Python, name, version)
    }
}

fn without_times(tree: &Tree) -> Vec<SoftwareRecord> {
    let mut records = tree.read(Source::Python, read).all();
    assert!(records.iter().all(|r| r.installed_at_s.is_some()));
    records.iter_mut().for_each(|r| r.installed_at_s = None);
    records
}

fn local(files: &[(&str, &str)]) -> Tree {
    let tree = Tree::new(&[]);
    for (name, text) in files {
        tree.write(&format!("{LOCAL}/{name}"), text.as_bytes());
    }
    tree
}

#[test]
fn reads_every_layout() {
    let tree = local(&[
        (
            "PyJWT-2.6.0.egg-info",
            "Name: PyJWT\nVersion: 2.6.0\nAuthor: UNKNOWN\nAuthor-email: a@b.c\n",
        ),
        ("old-1.0-py2.7.egg/EGG-INFO/PKG-INFO", "Name: old\nVersion: 1.0\nMaintainer: M\n"),
        ("requests-2.31.0.dist-info/METADATA", METADATA),
        ("six-1.16.0.egg-info/PKG-INFO", "Name: six\nVersion: 1.16.0\n"),
        ("six.py", ""),
    ]);
    assert_eq!(
        without_times(&tree),
        [
            record("PyJWT", "2.6.0", "a@b.c", LOCAL),
            record("old", "1.0", "M", LOCAL),
            record("requests", "2.31.0", "Kenneth Reitz", LOCAL),
            record("six", "1.16.0", "", LOCAL),
        ]
    );
}

#[test]
fn takes_the_name_of_the_folder_apart_where_the_metadata_says_nothing() {
    let tree = local(&[("zope.interface-5.5.2-py3.11.egg-info", "\n")]);
    assert_eq!(without_times(&tree), [record("zope.interface", "5.5.2", "", LOCAL)]);
}

#[test]
fn passes_over_the_remains_of_a_removed_distribution() {
    let tree = local(&[
        ("~equests-2.30.0.dist-info/RECORD", ""),
        ("requests-2.31.0.dist-info/METADATA", METADATA),
    ]);
    assert_eq!(tree.read(Source::Python, read).all().len(), 1);
}

#[test]
fn a_pipe_in_place_of_the_metadata_costs_only_its_distribution() {
    let tree = local(&[("requests-2.31.0.dist-info/METADATA", METADATA)]);
    tree.pipe(&format!("{LOCAL}/hang-1.0.dist-info/METADATA"));
    let outcome = tree.read(Source::Python, read);
    assert_eq!(outcome.names(), ["requests 2.31.0"]);
    let reason =
        format!("1 unreadable; first: {LOCAL}/hang-1.0.dist-info/METADATA: not a regular file");
    assert_eq!(outcome.defects.to_string(), reason);
}

#[test]
fn finds_interpreters_of_root_and_environments_in_opt() {
    let file = "requests-2.31.0.dist-info/METADATA";
    let pyenv = "/root/.pyenv/versions/3.11.7/lib/python3.11/site-packages";
    let opt = "/opt/tool/venv/lib/python3.9/site-packages";
    let tree =
        Tree::new(&[(&format!("{pyenv}/{file}"), METADATA), (&format!("{opt}/{file}"), METADATA)]);
    let locations: Vec<_> = without_times(&tree).into_iter().flat_map(|r| r.locations).collect();
    assert_eq!(locations, [opt, pyenv]);
}

#[test]
fn one_folder_with_two_names_is_read_once() {
    let site = "/usr/lib/python3.12/site-packages";
    let tree = Tree::new(&[(&format!("{site}/requests-2.31.0.dist-info/METADATA"), METADATA)]);
    tree.link("lib", "/usr/lib64");
    assert_eq!(without_times(&tree), [record("requests", "2.31.0", "Kenneth Reitz", site)]);
}

#[test]
fn leaves_distributions_to_the_deb_that_owns_them() {
    let tree = local(&[("requests-2.31.0.dist-info/METADATA", METADATA)]);
    let owned = format!("{SYSTEM}/six-1.16.0.dist-info/METADATA");
    tree.write(&owned, b"Name: six\nVersion: 1.16.0\n");
    tree.write("/var/lib/dpkg/info/python3-six.list", format!("{owned}\n").as_bytes());
    let stray = format!("{SYSTEM}/stray-1.0.egg-info");
    tree.write(&stray, b"Name: stray\nVersion: 1.0\n");
    assert_eq!(tree.read(Source::Python, read).names(), ["stray 1.0", "requests 2.31.0"]);
}

#[test]
fn leaves_distributions_to_the_rpm_that_owns_them() {
    let database = std::fs::read(data("rpm/sqlite/var/lib/rpm/rpmdb.sqlite")).unwrap();
    let site = "/usr/lib/python3.9/site-packages";
    let stray = "Name: stray\nVersion: 1.0\n";
    let tree = Tree::new(&[
        (&format!("{site}/requests-2.25.1.dist-info/METADATA"), METADATA),
        (&format!("{site}/stray-1.0.dist-info/METADATA"), stray),
    ]);
    tree.write("/var/lib/rpm/rpmdb.sqlite", &database);
    assert_eq!(tree.read(Source::Python, read).names(), ["stray 1.0"]);
}

#[test]
fn a_database_of_rpm_that_cannot_be_read_fails_rather_than_report_twice() {
    let tree = local(&[("requests-2.31.0.dist-info/METADATA", METADATA)]);
    tree.pipe("/var/lib/rpm/rpmdb.sqlite");
    let error = tree.read(Source::Python, read).reading.unwrap_err();
    assert_eq!(error.to_string(), "/var/lib/rpm/rpmdb.sqlite: not a regular file");
}

#[test]
fn is_absent_where_python_has_no_distributions() {
    let tree = local(&[("six.py", "")]);
    assert_eq!(tree.read(Source::Python, read).reading.unwrap(), Reading::Absent);
}
