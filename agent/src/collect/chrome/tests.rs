//! Extensions of browsers: names in every language, shops, and hostile manifests.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::test_tree::{Outcome, Tree};

const ID: &str = "cjpalhdlnbpafiamejdnhcphjbkeiagm";
const PROFILE: &str = "/home/alice/.config/google-chrome/Default/Extensions";

fn tree(manifest: &str) -> Tree {
    let tree = Tree::new(&[]);
    tree.write(&format!("{PROFILE}/{ID}/1.2.3_0/manifest.json"), manifest.as_bytes());
    tree
}

fn translate(tree: &Tree, locale: &str, json: &str) {
    let path = format!("{PROFILE}/{ID}/1.2.3_0/_locales/{locale}/messages.json");
    tree.write(&path, json.as_bytes());
}

fn extensions(tree: &Tree) -> Outcome {
    tree.read(Source::ChromeExtension, read)
}

#[test]
fn reads_an_extension_with_its_shop_and_its_identifier() {
    let tree = tree(
        r#"{"name": "uBlock Origin", "version": "1.55.0", "author": {"email": "a@b.c"},
            "manifest_version": 3,
            "update_url": "https://clients2.google.com/service/update2/crx"}"#,
    );
    let mut records = extensions(&tree).all();
    assert!(records[0].installed_at_s.take().is_some());
    assert_eq!(
        records,
        [SoftwareRecord {
            origin: "Chrome Web Store".to_owned(),
            bundle_id: ID.to_owned(),
            locations: vec!["~/.config/google-chrome/Default/Extensions".to_owned()],
            ..SoftwareRecord::new(Source::ChromeExtension, "uBlock Origin", "1.55.0")
        }]
    );
}

#[test]
fn a_name_that_is_left_to_translations_is_looked_up_in_any_case() {
    let manifest = r#"{"name": "__MSG_APPname__", "version": "1", "default_locale": "de"}"#;
    let in_own = tree(manifest);
    translate(&in_own, "de", "\u{feff}{\"appName\": {\"message\": \"Werbeblocker\"}}");
    assert_eq!(extensions(&in_own).names(), ["Werbeblocker 1"]);

    let in_english = tree(manifest);
    translate(&in_english, "en", r#"{"appname": {"message": "Blocker", "placeholders": {}}}"#);
    assert_eq!(extensions(&in_english).names(), ["Blocker 1"]);
}

#[test]
fn a_name_that_nobody_translated_is_the_identifier() {
    for json in [r#"{"other": {"message": "x"}}"#, r#"{"appName": {"message": " "}}"#, "{"] {
        let tree = tree(r#"{"name": "__MSG_appName__", "version": "1", "default_locale": "en"}"#);
        translate(&tree, "en", json);
        assert_eq!(extensions(&tree).names(), [format!("{ID} 1")]);
    }
}

#[test]
fn a_locale_leads_to_no_file_but_a_translation() {
    for locale in ["../../../../../../secret", "..", "/etc", "a/b", ""] {
        let manifest =
            format!(r#"{{"name": "__MSG_a__", "version": "1", "default_locale": "{locale}"}}"#);
        let tree = tree(&manifest);
        for path in ["secret/messages.json", "messages.json", "_locales/a/b/messages.json"] {
            let path = format!("{PROFILE}/{ID}/1.2.3_0/{path}");
            tree.write(&path, br#"{"a": {"message": "leaked"}}"#);
        }
        assert_eq!(extensions(&tree).names(), [format!("{ID} 1")], "{locale}");
    }
}

#[test]
fn folders_that_are_called_otherwise_hold_no_extensions() {
    let tree = tree(r#"{"name": "a", "version": "1"}"#);
    for other in ["Temp", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let path = format!("{PROFILE}/{other}/1/manifest.json");
        tree.write(&path, br#"{"name": "b", "version": "1"}"#);
    }
    assert_eq!(extensions(&tree).names(), ["a 1"]);
}

#[test]
fn what_is_no_manifest_or_no_file_costs_only_itself() {
    let tree = tree(r#"{"name": "a", "version": "1"}"#);
    let other = |letter: &str| format!("{PROFILE}/{}/1/manifest.json", letter.repeat(32));
    tree.write(&other("b"), b"{\"name\": 7}");
    tree.write(&other("c"), "[".repeat(100_000).as_bytes());
    tree.pipe(&other("d"));
    tree.link("..", &format!("{PROFILE}/{}", "e".repeat(32)));
    let outcome = extensions(&tree);
    assert_eq!(outcome.names(), ["a 1"]);
    let place = format!("~/.config/google-chrome/Default/Extensions/{}/1", "b".repeat(32));
    assert_eq!(
        outcome.defects.to_string(),
        format!("3 unreadable; first: {place}/manifest.json: not an extension's manifest")
    );
}

#[test]
fn each_system_has_its_own_places() {
    for (system, profile) in [
        (System::Macos, "/Users/a/Library/Application Support/Microsoft Edge/Profile 1"),
        (System::Windows, "/Users/a/AppData/Local/BraveSoftware/Brave-Browser/User Data/Default"),
    ] {
        let tree = Tree::new(&[(
            &format!("{profile}/Extensions/{ID}/1_0/manifest.json"),
            r#"{"name": "a", "version": "1", "update_url": "https://example.org:8080/x"}"#,
        )]);
        let outcome = tree.read_on(system, Source::ChromeExtension, read);
        assert_eq!(outcome.names(), ["a 1"], "{system:?}");
        assert_eq!(outcome.records[0].origin, "example.org");
    }
    let outcome = extensions(&Tree::new(&[]));
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}
