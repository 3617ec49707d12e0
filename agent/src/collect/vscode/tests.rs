//! Extensions of editors: by the editor's list, and without one by the folders.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::platform::System;
use crate::collect::test_tree::Tree;

const FOLDER: &str = "/home/alice/.vscode/extensions";

const MANIFEST: &str = r#"{"publisher": "ms-python", "name": "python", "version": "2024.2.0"}"#;

#[test]
fn the_list_counts_and_not_what_waits_to_be_deleted() {
    let list = r#"[{"identifier": {"id": "ms-python.python", "uuid": "f1f5"}, "version": "2024.2.1",
        "location": {"$mid": 1, "path": "/home/alice/.vscode/extensions/x", "scheme": "file"},
        "metadata": {"installedTimestamp": 1710000000999, "publisherDisplayName": "Microsoft",
                     "source": "gallery", "isPreReleaseVersion": false}},
        {"identifier": {"id": "own.thing"}, "version": "1.0.0"}]"#;
    let tree = Tree::new(&[
        (&format!("{FOLDER}/extensions.json"), list),
        (&format!("{FOLDER}/ms-python.python-2024.2.0/package.json"), MANIFEST),
    ]);
    let place = vec!["~/.vscode/extensions".to_owned()];
    assert_eq!(
        tree.read(Source::Vscode, read).all(),
        [
            SoftwareRecord {
                vendor: "Microsoft".to_owned(),
                origin: "gallery".to_owned(),
                installed_at_s: Some(1_710_000_000),
                locations: place.clone(),
                ..SoftwareRecord::new(Source::Vscode, "ms-python.python", "2024.2.1")
            },
            SoftwareRecord {
                vendor: "own".to_owned(),
                locations: place,
                ..SoftwareRecord::new(Source::Vscode, "own.thing", "1.0.0")
            }
        ]
    );
}

#[test]
fn without_a_list_the_folders_are_the_list() {
    let folder = "/home/alice/.cursor/extensions";
    let tree = Tree::new(&[
        (&format!("{folder}/a/package.json"), MANIFEST),
        (&format!("{folder}/b/package.json"), "{\"name\": \"no publisher\"}"),
        (&format!("{folder}/.obsolete"), "{}"),
    ]);
    tree.pipe(&format!("{folder}/c/package.json"));
    let outcome = tree.read(Source::Vscode, read);
    assert_eq!(outcome.names(), ["ms-python.python 2024.2.0"]);
    assert_eq!(
        outcome.defects.to_string(),
        "2 unreadable; first: ~/.cursor/extensions/b/package.json: not an extension's manifest"
    );
}

#[test]
fn a_damaged_list_leaves_the_folders() {
    let tree = Tree::new(&[
        (&format!("{FOLDER}/extensions.json"), "[{\"identifier\": "),
        (&format!("{FOLDER}/a/package.json"), MANIFEST),
    ]);
    let outcome = tree.read(Source::Vscode, read);
    assert_eq!(outcome.names(), ["ms-python.python 2024.2.0"]);
    assert!(!outcome.defects.is_empty());
}

#[test]
fn homes_are_where_the_system_keeps_them() {
    for (system, home) in [(System::Macos, "/Users/a"), (System::Windows, "/Users/b c")] {
        let path = format!("{home}/.vscode/extensions/a/package.json");
        let tree = Tree::new(&[(&path, MANIFEST)]);
        let records = tree.read_on(system, Source::Vscode, read).all();
        assert_eq!(records[0].locations, ["~/.vscode/extensions"]);
        let elsewhere = tree.read_on(System::Linux, Source::Vscode, read);
        assert_eq!(elsewhere.reading.unwrap(), Reading::Absent);
    }
}
