//! dpkg's database: what counts as installed, what a record says, and what damage costs.

use proptest::prelude::*;
use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::lines::test_lines;
use crate::collect::records::Room;
use crate::collect::test_tree::{Tree, data, read_data};

fn find<'a>(records: &'a [SoftwareRecord], name: &str) -> &'a SoftwareRecord {
    records.iter().find(|r| r.name == name).unwrap()
}

#[test]
fn reads_what_matching_needs_from_a_real_status_file() {
    let records = read_data("dpkg", Source::Deb, read).all();
    let openssl = find(&records, "libssl3");
    assert_eq!(openssl.arch, "amd64");
    assert_eq!(openssl.source_name, "openssl");
    assert_eq!(openssl.source_version, "");
    assert!(openssl.vendor.starts_with("Debian OpenSSL Team"), "{}", openssl.vendor);
    let base = find(&records, "gcc-12-base");
    assert_eq!(base.source_name, "gcc-12");
    assert_eq!(find(&records, "bash").source_name, "");
}

#[test]
fn counts_a_package_whose_files_are_on_the_disk_and_no_other() {
    let records = read_data("dpkg", Source::Deb, read).all();
    let has = |name: &str| records.iter().any(|r| r.name == name);
    let there = ["bash", "held", "pending", "unpacked", "with-origin"];
    assert!(there.into_iter().all(has));
    assert!(!["removed-config", "half", "purged"].into_iter().any(has));
}

#[test]
fn takes_the_time_of_the_list_of_files_with_and_without_an_architecture() {
    let records = read_data("dpkg", Source::Deb, read).all();
    for name in ["bash", "libc6", "gcc-12-base"] {
        assert!(find(&records, name).installed_at_s.is_some(), "{name}");
    }
    assert_eq!(find(&records, "tzdata").installed_at_s, None);
}

#[test]
fn a_name_that_is_a_path_leads_nowhere() {
    let status = "Package: ../../../../etc/x\nStatus: install ok installed\nVersion: 1\n";
    let tree = Tree::new(&[(STATUS, status), ("/etc/x.list", "")]);
    let records = tree.read(Source::Deb, read).all();
    assert_eq!(records[0].installed_at_s, None);
}

#[test]
fn reads_images_that_keep_a_file_per_package() {
    let part = "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n";
    let with_status = "Package: tzdata\nStatus: install ok installed\nVersion: 2024a\n";
    let tree = Tree::new(&[
        ("/var/lib/dpkg/status.d/base", part),
        ("/var/lib/dpkg/status.d/base.md5sums", "0 usr/lib/x\n"),
        ("/var/lib/dpkg/status.d/tzdata", with_status),
    ]);
    tree.pipe("/var/lib/dpkg/status.d/pipe");
    let outcome = tree.read(Source::Deb, read);
    assert_eq!(outcome.names(), ["base-files 12.4", "tzdata 2024a"]);
    assert!(outcome.defects.to_string().starts_with("1 unreadable"));
}

#[test]
fn a_pipe_in_place_of_the_status_file_fails_at_once() {
    let tree = Tree::new(&[]);
    tree.pipe(STATUS);
    let error = tree.read(Source::Deb, read).reading.unwrap_err();
    assert_eq!(error.to_string(), "/var/lib/dpkg/status: not a regular file");
}

#[test]
fn is_absent_without_dpkg() {
    let outcome = Tree::new(&[("/etc/os-release", "ID=fedora\n")]).read(Source::Deb, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}

#[test]
fn reads_ten_thousand_packages() {
    let mut status = String::new();
    for number in 0..10_000 {
        let stanza = format!(
            "Package: package-{number}\nStatus: install ok installed\nVersion: 1.{number}\n\
             Description: text\n that goes on\n .\n for lines\n\n"
        );
        status.push_str(&stanza);
    }
    let records = Tree::new(&[(STATUS, &status)]).read(Source::Deb, read).all();
    assert_eq!(records.len(), 10_000);
    assert_eq!(records[9_999].name, "package-9999");
}

#[test]
fn hostile_texts_are_made_fit_and_counted() {
    let long = "x".repeat(10_000);
    let status = format!(
        "Package: {long}\nStatus: install ok installed\nVersion: 1\n\n\
         Package: evil\u{1b}[2J\u{7}\nStatus: install ok installed\nMaintainer: a\tb\n\n\
         Package:\nStatus: install ok installed\nVersion: 3\n"
    );
    let tree = Tree::new(&[]);
    let mut bytes = status.into_bytes();
    bytes.extend_from_slice(b"\nPackage: caf\xe9\nStatus: install ok installed\n");
    tree.write(STATUS, &bytes);
    let outcome = tree.read(Source::Deb, read);
    assert_eq!(outcome.records.len(), 3);
    assert_eq!(outcome.records[0].name.len(), 512);
    assert_eq!(outcome.records[1].name, "evil\u{fffd}[2J\u{fffd}");
    assert_eq!(outcome.records[2].name, "caf\u{fffd}");
    assert_eq!(
        outcome.defects.to_string(),
        "1 without a name, 1 texts cut, 3 texts with unprintable characters"
    );
}

#[test]
fn splits_sources_with_and_without_a_version() {
    let split = |source: &'static str| split_source(source.as_bytes());
    assert_eq!(split("glibc"), (b"glibc".as_slice(), b"".as_slice()));
    assert_eq!(split("bash (5.2.15-2)"), (b"bash".as_slice(), b"5.2.15-2".as_slice()));
    assert_eq!(split("a (1"), (b"a".as_slice(), b"1".as_slice()));
    assert_eq!(split("(1)"), (b"".as_slice(), b"1".as_slice()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn survives_every_damage_to_a_status_file(at: prop::sample::Index, bytes: Vec<u8>, cut: prop::sample::Index) {
        let mut status = std::fs::read(data("dpkg/var/lib/dpkg/status")).unwrap();
        let at = at.index(status.len());
        status.splice(at..(at + bytes.len()).min(status.len()), bytes);
        status.truncate(cut.index(status.len()) + 1);
        let root = Tree::new(&[]).root();
        let mut records = Records::new(Source::Deb, Room { records: 100, bytes: usize::MAX });
        parse(&mut test_lines(&status), false, &mut InstallTimes::new(&root), &mut records).unwrap();
        prop_assert!(records.finish().0.len() <= 20);
    }
}
