//! Registries that `SQLite` wrote after `MacPorts`' own schemas, and damaged ones: an error or fewer ports,
//! never a panic, never without an end.

use proptest::prelude::*;
use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::platform::System;
use crate::collect::test_tree::{Outcome, Tree, data};

fn real(name: &str) -> Vec<u8> {
    std::fs::read(data("macports").join(name)).unwrap()
}

fn outcome(registry: &[u8]) -> Outcome {
    let tree = Tree::new(&[]);
    tree.write(REGISTRY, registry);
    tree.read_on(System::Macos, Source::Macports, read)
}

fn error(registry: &[u8]) -> String {
    outcome(registry).reading.unwrap_err().to_string()
}

fn port(name: &str, version: &str, revision: &str, arch: &str, at_s: u32) -> SoftwareRecord {
    SoftwareRecord {
        release: revision.to_owned(),
        arch: arch.to_owned(),
        installed_at_s: Some(at_s),
        ..SoftwareRecord::new(Source::Macports, name, version)
    }
}

/// A record without its place, which the archive's name repeats.
fn placeless(mut record: SoftwareRecord) -> SoftwareRecord {
    record.locations.clear();
    record
}

#[test]
fn reads_the_active_ports_and_none_that_is_only_kept() {
    let records = outcome(&real("registry.db")).all();
    assert_eq!(
        records[0].locations,
        ["/opt/local/var/macports/software/curl/curl-8.7.1_0+http2+ssl.darwin_23.arm64.tbz2"]
    );
    let records: Vec<_> = records.into_iter().map(placeless).collect();
    assert_eq!(
        records,
        [
            port("curl", "8.7.1", "0", "arm64", 1_711_900_000),
            port("openssl3", "3.3.0", "1", "arm64", 1_713_000_000),
            port("zlib", "1.3.1", "0", "arm64 x86_64", 1_706_000_000),
            SoftwareRecord {
                epoch: Some(1),
                ..port("perl5.34", "5.34.3", "0", "arm64", 1_701_300_000)
            },
            port("py-certifi", "2024.2.2", "0", "noarch", 1_708_000_000),
        ]
    );
}

#[test]
fn reads_a_registry_of_old_that_keeps_whole_portfiles_in_its_rows() {
    let records: Vec<_> = outcome(&real("old.db")).all().into_iter().map(placeless).collect();
    assert_eq!(
        records,
        [
            port("apache2", "2.2.29", "0", "x86_64", 1_410_000_000),
            port("openssl", "1.0.2", "1", "x86_64", 1_424_000_000),
        ]
    );
}

#[test]
fn reads_what_is_only_in_the_log_yet() {
    let tree = Tree::new(&[]);
    tree.write(REGISTRY, &real("logged.db"));
    let names = || tree.read_on(System::Macos, Source::Macports, read).names();
    assert_eq!(names(), ["curl 8.7.1", "openssl3 3.3.0"]);
    // A port was installed and another one removed since.
    tree.write(&format!("{REGISTRY}-wal"), &real("logged.db-wal"));
    assert_eq!(names(), ["openssl3 3.3.0", "zlib 1.3.1"]);
}

#[test]
fn a_change_that_was_left_in_the_middle_is_said() {
    let tree = Tree::new(&[(&format!("{REGISTRY}-journal"), "a page as it was")]);
    tree.write(REGISTRY, &real("registry.db"));
    let outcome = tree.read_on(System::Macos, Source::Macports, read);
    assert!(outcome.reading.unwrap_err().to_string().contains("sudo port"));
}

#[test]
fn is_absent_without_macports() {
    let outcome = Tree::new(&[]).read_on(System::Macos, Source::Macports, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}

#[test]
fn refuses_what_is_no_registry() {
    assert!(error(b"").ends_with("shorter than a database"));
    assert!(error(&[0; 4096]).ends_with("not a SQLite database"));
    let whole = real("registry.db");
    assert!(error(&whole[..4096]).contains("not in the file"));
    // A database of rpm has other tables.
    let other = std::fs::read(data("rpm/sqlite/var/lib/rpm/rpmdb.sqlite")).unwrap();
    assert!(error(&other).ends_with("no table of ports"));
    let renamed = replaced(&whole, b"state TEXT", b"stage TEXT");
    assert!(error(&renamed).contains("without names, versions or states"));
}

#[test]
fn a_pipe_or_a_folder_in_place_of_the_registry_costs_the_source_alone() {
    let tree = Tree::new(&[]);
    tree.pipe(REGISTRY);
    let outcome = tree.read_on(System::Macos, Source::Macports, read);
    assert!(outcome.reading.is_err());
    let tree = Tree::new(&[(&format!("{REGISTRY}/file"), "")]);
    let outcome = tree.read_on(System::Macos, Source::Macports, read);
    assert!(outcome.reading.is_err());
}

#[test]
fn a_damaged_port_costs_only_itself() {
    // The kinds of py-certifi's columns from its variants on: the state becomes NULL.
    let registry = real("registry.db");
    let damaged = replaced(&registry, &[13, 13, 31, 4, 23, 25], &[13, 13, 0, 4, 23, 25]);
    let outcome = outcome(&damaged);
    assert_eq!(
        outcome.defects.to_string(),
        format!("1 unreadable; first: {REGISTRY}: a damaged port")
    );
    assert_eq!(outcome.records.len(), 4);
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn survives_every_damage(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..64),
        in_headers: bool,
        is_old: bool,
        cut: prop::sample::Index,
        is_cut: bool,
    ) {
        let (mut registry, page) =
            if is_old { (real("old.db"), 1024) } else { (real("registry.db"), 4096) };
        let pages = registry.len() / page;
        for (at, byte) in damage {
            // Half of the time only the headers of pages, where the structure is.
            let at = if in_headers {
                at.index(pages) * page + usize::from(byte) % 64
            } else {
                at.index(registry.len())
            };
            registry[at] = byte;
        }
        if is_cut {
            registry.truncate(cut.index(registry.len()));
        }
        prop_assert!(outcome(&registry).records.len() <= 1000);
    }
}
