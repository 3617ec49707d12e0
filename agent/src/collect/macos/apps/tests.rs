//! Bundles: everybody's and people's, new and old, and what is inside of others.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::platform::System;
use crate::collect::test_tree::{Outcome, Tree};

fn info(id: &str, version: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>CFBundleIdentifier</key>\
         <string>{id}</string><key>CFBundleShortVersionString</key><string>{version}</string>\
         <key>CFBundleVersion</key><string>77</string></dict></plist>"
    )
}

fn apps(tree: &Tree) -> Outcome {
    tree.read_on(System::Macos, Source::Apps, read)
}

#[test]
fn reads_a_bundle_and_whether_it_is_from_the_store() {
    let tree = Tree::new(&[
        (
            "/Applications/Visual Studio Code.app/Contents/Info.plist",
            &info("com.microsoft.VSCode", "1.87.2"),
        ),
        ("/Applications/Xcode.app/Contents/Info.plist", &info("com.apple.dt.Xcode", "")),
        ("/Applications/Xcode.app/Contents/_MASReceipt/receipt", "x"),
    ]);
    let mut records = apps(&tree).all();
    assert!(records.iter_mut().all(|r| r.installed_at_s.take().is_some()));
    assert_eq!(
        records,
        [
            SoftwareRecord {
                bundle_id: "com.microsoft.VSCode".to_owned(),
                locations: vec!["/Applications/Visual Studio Code.app".to_owned()],
                ..SoftwareRecord::new(Source::Apps, "Visual Studio Code", "1.87.2")
            },
            SoftwareRecord {
                origin: "App Store".to_owned(),
                bundle_id: "com.apple.dt.Xcode".to_owned(),
                locations: vec!["/Applications/Xcode.app".to_owned()],
                ..SoftwareRecord::new(Source::Apps, "Xcode", "77")
            }
        ]
    );
}

#[test]
fn finds_them_in_folders_and_homes_and_not_inside_of_each_other() {
    let tree = Tree::new(&[]);
    for path in [
        "/Applications/Utilities/Terminal.app",
        "/System/Applications/Mail.app",
        "/Users/alice/Applications/Own.app",
        "/Applications/Outer.app",
        "/Applications/Outer.app/Inner.app",
        "/Applications/Outer.app/Contents/Frameworks/Helper.app",
    ] {
        tree.write(&format!("{path}/Contents/Info.plist"), info("a", "1").as_bytes());
    }
    let phone = "/Applications/Phone.app/WrappedBundle/Info.plist";
    tree.write(phone, info("b", "2").as_bytes());
    let outcome = apps(&tree);
    assert_eq!(outcome.names(), ["Outer 1", "Phone 2", "Terminal 1", "Mail 1", "Own 1"]);
    assert_eq!(outcome.records[4].locations, ["~/Applications/Own.app"]);
}

#[test]
fn a_list_that_is_none_or_a_pipe_costs_only_its_bundle() {
    let tree = Tree::new(&[
        ("/Applications/A.app/Contents/Info.plist", "not one"),
        ("/Applications/B.app/Contents/Info.plist", &info("b", "1")),
        ("/Applications/Empty.app/Contents/x", ""),
    ]);
    tree.pipe("/Applications/C.app/Contents/Info.plist");
    tree.link("/Applications", "/Applications/Loop.app");
    let outcome = apps(&tree);
    assert_eq!(outcome.names(), ["B 1"]);
    assert_eq!(
        outcome.defects.to_string(),
        "2 unreadable; first: /Applications/A.app/Contents/Info.plist: not a property list"
    );
}

#[test]
fn is_absent_without_bundles() {
    let outcome = apps(&Tree::new(&[("/Applications/.localized", "")]));
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}
