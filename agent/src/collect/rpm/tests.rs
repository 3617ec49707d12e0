//! rpm's databases as rpm itself wrote them, compared with what rpm itself says of them.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::test_tree::{Tree, data, read_data};

/// A record as `rpm -qa` was asked to print it when the test data was made.
fn line(record: &SoftwareRecord) -> String {
    let none = |text: &str| {
        if text.is_empty() { "(none)".to_owned() } else { text.to_owned() }
    };
    let number = |number: Option<u32>| none(&number.map_or_else(String::new, |n| n.to_string()));
    [
        record.name.clone(),
        record.version.clone(),
        record.release.clone(),
        number(record.epoch),
        record.arch.clone(),
        none(&record.origin),
        number(record.installed_at_s),
    ]
    .join("|")
}

/// What `rpm -qa` printed, without the fields that a record splits up.
fn expected(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(data(name).join("expected.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("gpg-pubkey|"));
    let mut lines: Vec<_> = lines
        .map(|line| {
            let fields: Vec<_> = line.split('|').collect();
            [0, 1, 2, 3, 4, 7, 8].map(|field| fields[field]).join("|")
        })
        .collect();
    lines.sort_unstable();
    lines
}

fn assert_as_rpm_says(name: &str) -> Vec<SoftwareRecord> {
    let records = read_data(name, Source::Rpm, read).all();
    let mut lines: Vec<_> = records.iter().map(line).collect();
    lines.sort_unstable();
    assert_eq!(lines, expected(name));
    records
}

#[test]
fn reads_a_sqlite_database_as_rpm_does() {
    let records = assert_as_rpm_says("rpm/sqlite");
    let find = |name: &str| records.iter().find(|r| r.name == name).unwrap();
    assert_eq!(find("openssl-libs").source_name, "openssl");
    assert_eq!(find("openssl-libs").source_version, "");
    assert_eq!(find("bash").source_name, "");
    assert_eq!(find("google-chrome-stable").vendor, "Google LLC");
    assert_eq!(find("nodejs").origin, "nodejs:20:9030020240229115828:rhel9");
    // No vendor: who packed it.
    assert_eq!(find("local-tool").vendor, "Packagers <packagers@example.org>");
}

#[test]
fn reads_what_is_only_in_the_write_ahead_log() {
    let records = assert_as_rpm_says("rpm/wal");
    let has = |name: &str| records.iter().any(|r| r.name == name);
    assert!(has("late-arrival") && has("library-extra"));
    assert!(!has("bash"), "removed in the log only");
}

#[test]
fn reads_an_ndb_database() {
    assert_as_rpm_says("rpm/ndb");
}

#[test]
fn reads_a_berkeley_db_database_as_rpm_does() {
    assert_as_rpm_says("rpm/bdb");
}

#[test]
fn prefers_the_database_that_rpm_converted_to_over_the_one_it_left_behind() {
    let tree = sqlite_tree();
    tree.write("/var/lib/rpm/Packages", b"left behind");
    assert!(!tree.read(Source::Rpm, read).all().is_empty());
}

#[test]
fn reads_the_database_alone_where_the_log_is_of_another_one() {
    for log in [b"".as_slice(), b"not a log", &[0x37; 5000]] {
        let tree = sqlite_tree();
        tree.write("/var/lib/rpm/rpmdb.sqlite-wal", log);
        assert_eq!(tree.read(Source::Rpm, read).all().len(), expected("rpm/sqlite").len());
    }
}

fn sqlite_tree() -> Tree {
    let tree = Tree::new(&[]);
    let database = std::fs::read(data("rpm/sqlite/var/lib/rpm/rpmdb.sqlite")).unwrap();
    tree.write("/var/lib/rpm/rpmdb.sqlite", &database);
    tree
}

#[test]
fn refuses_a_database_in_the_middle_of_a_change() {
    let tree = sqlite_tree();
    tree.write("/var/lib/rpm/rpmdb.sqlite-journal", b"x");
    let error = tree.read(Source::Rpm, read).reading.unwrap_err();
    assert!(error.to_string().contains("rpm --rebuilddb"), "{error}");
}

#[test]
fn a_pipe_in_place_of_the_database_is_said_and_does_not_hang() {
    let tree = Tree::new(&[]);
    tree.pipe("/var/lib/rpm/rpmdb.sqlite");
    let error = tree.read(Source::Rpm, read).reading.unwrap_err();
    assert_eq!(error.to_string(), "/var/lib/rpm/rpmdb.sqlite: not a regular file");
}

#[test]
fn is_absent_without_a_database() {
    let outcome = Tree::new(&[("/var/lib/rpm/.rpm.lock", "")]).read(Source::Rpm, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}

#[test]
fn splits_the_names_of_source_packages() {
    let split = |file: &'static str| split_source(file.as_bytes());
    let parts = |a: &'static str, b: &'static str| (a.as_bytes(), b.as_bytes());
    assert_eq!(split("glibc-common-2.34-83.el9.src.rpm"), parts("glibc-common", "2.34-83.el9"));
    assert_eq!(split("a-1-2.nosrc.rpm"), parts("a", "1-2"));
    for odd in ["", "(none)", "a-1.src.rpm", "a-1-2.rpm"] {
        assert_eq!(split(odd), parts("", ""), "{odd}");
    }
}
