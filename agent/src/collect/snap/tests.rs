//! Snaps: the mounts, the state and the assertions of a host, together and each missing.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::lines::test_lines;
use crate::collect::test_tree::{Tree, read_data};

const YAML: &str = "name: a\nversion: 1.0\n";

fn mounted(state: Option<&str>) -> Tree {
    let tree = Tree::new(&[("/snap/a/5/meta/snap.yaml", YAML)]);
    tree.link("5", "/snap/a/current");
    if let Some(state) = state {
        tree.write(STATE, state.as_bytes());
    }
    tree
}

#[test]
fn joins_what_mounts_state_and_assertions_say() {
    let records = read_data("snap", Source::Snap, read).all();
    let mozilla = SoftwareRecord {
        arch: "amd64".to_owned(),
        vendor: "Mozilla".to_owned(),
        origin: "latest/stable/ubuntu-22.04".to_owned(),
        bundle_id: "3wdHCAVyZEmYsCMFDE9qt92UV8rC8Wdk".to_owned(),
        ..SoftwareRecord::new(Source::Snap, "firefox", "124.0.2-1")
    };
    assert_eq!(records.len(), 3, "{records:?}");
    assert_eq!(records[1], mozilla);
    // Installed from a file: no channel, no identity.
    let local = SoftwareRecord {
        arch: "all".to_owned(),
        ..SoftwareRecord::new(Source::Snap, "hello", "1.0+git")
    };
    assert_eq!(records[2], local);
}

#[test]
fn an_active_snap_that_is_not_mounted_is_reported_without_a_version() {
    let state = r#"{"data": {"snaps": {"a": {"active": true, "current": "5"},
        "b": {"active": true, "current": "1"}, "c": {"active": false, "current": "1"}}}}"#;
    let outcome = mounted(Some(state)).read(Source::Snap, read);
    assert_eq!(outcome.names(), ["a 1.0", "b "]);
    assert_eq!(
        outcome.defects.to_string(),
        "1 unreadable; first: /var/lib/snapd/state.json: an active snap that is not mounted"
    );
}

#[test]
fn a_damaged_state_costs_the_channels_but_no_snap() {
    for state in [
        "",
        "{\"data\": {\"snaps\": {\"a\"",
        "7",
        "{\"data\": {\"snaps\": {\"a\": {\"active\": 7}}}}",
    ] {
        let outcome = mounted(Some(state)).read(Source::Snap, read);
        assert_eq!(outcome.names(), ["a 1.0"], "{state}");
        assert_eq!(
            outcome.defects.to_string(),
            "1 unreadable; first: /var/lib/snapd/state.json: not the state of snapd"
        );
    }
}

#[test]
fn a_pipe_in_place_of_the_state_or_a_description_does_not_hang() {
    let tree = mounted(None);
    tree.pipe(STATE);
    tree.pipe("/snap/b/current/meta/snap.yaml");
    let outcome = tree.read(Source::Snap, read);
    assert_eq!(outcome.names(), ["a 1.0"]);
    assert!(outcome.defects.to_string().starts_with("2 unreadable"));
}

#[test]
fn an_identity_that_is_a_path_is_never_opened() {
    let state = r#"{"data": {"snaps": {"a": {"active": true, "current": "5",
        "sequence": [{"revision": "5", "snap-id": "../../account/x"}]}}}}"#;
    let tree = mounted(Some(state));
    tree.write(&format!("{ASSERTIONS}/account/x/active"), b"publisher-id: y\n");
    tree.write(&format!("{ASSERTIONS}/account/y/active"), b"display-name: Trick\n");
    let records = tree.read(Source::Snap, read).all();
    assert_eq!(records[0].vendor, "");
}

#[test]
fn believes_the_newest_format_of_an_assertion() {
    let state = r#"{"data": {"snaps": {"a": {"active": true, "current": "5",
        "sequence": [{"revision": "5", "snap-id": "abc"}]}}}}"#;
    let tree = mounted(Some(state));
    let declaration = format!("{ASSERTIONS}/snap-declaration/16/abc");
    for (file, publisher) in [
        ("active", "first"),
        ("active.2", "second"),
        ("active.10", "tenth"),
        ("active.new", "none"),
    ] {
        let text = format!("publisher-id: {publisher}\n");
        tree.write(&format!("{declaration}/{file}"), text.as_bytes());
        let name = format!("display-name: The {publisher}\n");
        tree.write(&format!("{ASSERTIONS}/account/{publisher}/active"), name.as_bytes());
    }
    assert_eq!(tree.read(Source::Snap, read).all()[0].vendor, "The tenth");
}

#[test]
fn is_absent_where_the_folder_holds_no_snap() {
    let tree = Tree::new(&[("/snap/README", "")]);
    let outcome = tree.read(Source::Snap, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}

#[test]
fn is_read_but_empty_where_snapd_has_no_snaps() {
    let tree = Tree::new(&[(STATE, r#"{"data": {}}"#)]);
    assert!(tree.read(Source::Snap, read).all().is_empty());
}

#[test]
fn reads_keys_at_the_beginning_of_a_line_only() {
    let yaml =
        b"description: |\n  version: 9\nversion: \"1.2\"\narchitectures: [ 'arm64', amd64 ]\n";
    let description = parse_yaml(&mut test_lines(yaml)).unwrap();
    assert_eq!((description.version, description.arch), (b"1.2".to_vec(), b"arm64".to_vec()));
    let description = parse_yaml(&mut test_lines(b"architectures:\nversion: '\n")).unwrap();
    assert_eq!((description.version, description.arch), (b"'".to_vec(), Vec::new()));
}
