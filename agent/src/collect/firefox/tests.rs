//! Add-ons: what people added, and not what came with the program.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::test_tree::Tree;

const PROFILE: &str = "/home/alice/.mozilla/firefox/x1y2.default-release";

fn tree(json: &str) -> Tree {
    Tree::new(&[(&format!("{PROFILE}/extensions.json"), json)])
}

#[test]
fn reads_what_was_added_and_not_what_came_along() {
    let tree = tree(
        r#"{"schemaVersion": 36, "addons": [
            {"id": "uBlock0@raymondhill.net", "version": "1.55.0", "type": "extension",
             "location": "app-profile", "active": true, "installDate": 1710000000123,
             "sourceURI": "https://addons.mozilla.org/firefox/downloads/file/1/x.xpi",
             "defaultLocale": {"name": "uBlock Origin", "creator": "Raymond Hill", "developers": null}},
            {"id": "own@corp", "version": "2", "type": "extension", "location": "app-global",
             "defaultLocale": null, "sourceURI": null},
            {"id": "screenshots@mozilla.org", "version": "39.0.1", "type": "extension",
             "location": "app-builtin"},
            {"id": "formautofill@mozilla.org", "version": "1", "type": "extension",
             "location": "app-system-defaults"},
            {"id": "default-theme@mozilla.org", "version": "1.3", "type": "theme",
             "location": "app-profile"}
        ]}"#,
    );
    let location = "~/.mozilla/firefox/x1y2.default-release".to_owned();
    assert_eq!(
        tree.read(Source::FirefoxAddon, read).all(),
        [
            SoftwareRecord {
                vendor: "Raymond Hill".to_owned(),
                origin: "addons.mozilla.org".to_owned(),
                bundle_id: "uBlock0@raymondhill.net".to_owned(),
                installed_at_s: Some(1_710_000_000),
                locations: vec![location.clone()],
                ..SoftwareRecord::new(Source::FirefoxAddon, "uBlock Origin", "1.55.0")
            },
            SoftwareRecord {
                bundle_id: "own@corp".to_owned(),
                locations: vec![location],
                ..SoftwareRecord::new(Source::FirefoxAddon, "own@corp", "2")
            }
        ]
    );
}

#[test]
fn a_list_that_cannot_be_read_costs_only_its_profile() {
    let tree = tree(r#"{"addons": [{"id": "a", "version": "1", "type": "extension"}]}"#);
    let other = "/home/alice/.mozilla/firefox";
    tree.write(&format!("{other}/b/extensions.json"), b"{\"addons\": 7}");
    tree.write(&format!("{other}/c/extensions.json"), b"{\"addons\": [{\"id\"");
    tree.pipe(&format!("{other}/d/extensions.json"));
    tree.write(&format!("{other}/profiles.ini"), b"");
    let outcome = tree.read(Source::FirefoxAddon, read);
    assert_eq!(outcome.names(), ["a 1"]);
    assert_eq!(
        outcome.defects.to_string(),
        "3 unreadable; first: ~/.mozilla/firefox/b/extensions.json: not a list of add-ons"
    );
}

#[test]
fn each_system_has_its_own_places() {
    for (system, profile) in [
        (System::Macos, "/Users/a/Library/Application Support/Firefox/Profiles/x"),
        (System::Windows, "/Users/a/AppData/Roaming/Thunderbird/Profiles/x"),
    ] {
        let json = r#"{"addons": [{"id": "a", "version": "1", "type": "extension"}]}"#;
        let tree = Tree::new(&[(&format!("{profile}/extensions.json"), json)]);
        let outcome = tree.read_on(system, Source::FirefoxAddon, read);
        assert_eq!(outcome.names(), ["a 1"], "{system:?}");
    }
    let outcome = Tree::new(&[]).read(Source::FirefoxAddon, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}
