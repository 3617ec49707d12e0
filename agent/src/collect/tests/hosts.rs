//! Whole hosts: one with ten thousand packages, one with hostile names and broken files everywhere,
//! and one of each other system.

use std::os::unix::ffi::OsStringExt as _;

use protocol::ids::Epoch;

use super::*;
use crate::delta;

fn scan_as(system: System, tree: &Tree) -> Inventory {
    let options = ScanOptions { system, ..options(tree) };
    Scanner::new(options).scan(|_| Vec::new(), &clock())
}

/// What is sent of an inventory has to be what a collector takes.
fn assert_fits_the_wire(inventory: &Inventory) {
    let heading = delta::Heading {
        made_at_ms: 0,
        platform: &inventory.platform,
        facts: Some(&inventory.facts),
        sources: &inventory.sources,
    };
    let sent: usize = delta::snapshot(heading, Epoch(1), &inventory.records)
        .map(|report| report.validate().unwrap().len())
        .sum();
    assert_eq!(sent, inventory.records.len());
}

#[test]
fn a_host_with_ten_thousand_packages_is_told_whole() {
    let many: String = (0..10_000).map(|n| package(&format!("package-{n}"), "1.2.3-4")).collect();
    let tree = Tree::new(&[(STATUS, &many)]);
    let inventory = scan_as(System::Linux, &tree);
    assert_eq!(status(&inventory, Source::Deb).state, SourceState::Ok);
    assert_eq!(inventory.records.len(), 10_000);
    assert_fits_the_wire(&inventory);
}

#[test]
fn a_host_of_any_system_with_nothing_has_every_source_absent() {
    for system in [System::Linux, System::Macos, System::Windows] {
        let inventory = scan_as(system, &Tree::new(&[]));
        assert!(!inventory.sources.is_empty());
        for status in &inventory.sources {
            assert_eq!(status.state, SourceState::Absent, "{status:?}");
        }
        assert_eq!(inventory.platform.family, system.family());
    }
}

#[test]
fn every_list_that_is_broken_costs_its_own_source_alone() {
    let tree = Tree::new(&[
        ("/lib/apk/db/installed", "P:musl\nV:1.2.4-r4\n"),
        ("/home/a/.vscode/extensions/extensions.json", "{"),
        ("/home/a/.mozilla/firefox/x/extensions.json", "["),
        ("/home/a/.cargo/.crates2.json", "7"),
        ("/var/lib/rpm/rpmdb.sqlite", "not a database"),
    ]);
    tree.pipe(STATUS);
    let inventory = scan_as(System::Linux, &tree);
    let state = |source| status(&inventory, source).state;
    assert_eq!(state(Source::Apk), SourceState::Ok);
    assert_eq!(state(Source::Deb), SourceState::Failed);
    assert_eq!(state(Source::Rpm), SourceState::Failed);
    for source in [Source::Vscode, Source::FirefoxAddon, Source::Cargo] {
        assert_eq!(state(source), SourceState::Partial, "{source}");
    }
    assert_eq!(inventory.records.len(), 1);
}

#[test]
fn names_that_nobody_should_have_are_made_fit() {
    let long = "x".repeat(5_000);
    let manifest = format!(
        "{{\"publisher\": \"\\u0007{long}\", \"name\": \"\\u202e\", \"version\": \"\\n\"}}"
    );
    let tree = Tree::new(&[("/home/a/.vscode/extensions/a/package.json", &manifest)]);
    // A folder's name that is no UTF-8.
    let odd = std::ffi::OsString::from_vec(b"f\xff\x1b[31mo".to_vec());
    let folder = tree.path("/opt/homebrew/Cellar").join(odd).join("1.0");
    std::fs::create_dir_all(folder).unwrap();
    let inventory = scan_as(System::Linux, &tree);
    assert_eq!(inventory.records_of(Source::Vscode).len(), 1);
    let formulae = inventory.records_of(Source::Homebrew);
    assert_eq!(formulae[0].name, "f\u{fffd}\u{fffd}[31mo");
    assert_fits_the_wire(&inventory);
}

#[test]
fn a_home_that_leads_to_itself_is_read_once() {
    let manifest = r#"{"publisher": "p", "name": "n", "version": "1"}"#;
    let tree = Tree::new(&[("/home/a/.vscode/extensions/a/package.json", manifest)]);
    tree.link("a", "/home/b");
    tree.link("..", "/home/a/loop");
    tree.link("/home", "/var/home");
    let inventory = scan_as(System::Linux, &tree);
    let records = inventory.records_of(Source::Vscode);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].locations, ["~/.vscode/extensions"]);
}
