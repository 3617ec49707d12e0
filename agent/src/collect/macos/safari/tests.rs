//! Extensions of Safari: those, and not what extends other parts of macOS.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::platform::System;
use crate::collect::test_tree::Tree;

fn info(point: &str) -> String {
    format!(
        "<plist><dict><key>CFBundleDisplayName</key><string>Blocker</string>\
         <key>CFBundleIdentifier</key><string>org.example.blocker</string>\
         <key>CFBundleShortVersionString</key><string>3.1</string><key>NSExtension</key><dict>\
         <key>NSExtensionAttributes</key><dict><key>NSExtensionPointIdentifier</key>\
         <string>other</string></dict><key>NSExtensionPointIdentifier</key>\
         <string>{point}</string></dict></dict></plist>"
    )
}

#[test]
fn reads_what_extends_safari_and_nothing_else() {
    let plug_ins = "/Applications/Blocker.app/Contents/PlugIns";
    let tree = Tree::new(&[
        (
            &format!("{plug_ins}/Blocker.appex/Contents/Info.plist"),
            &info("com.apple.Safari.web-extension"),
        ),
        (&format!("{plug_ins}/Share.appex/Contents/Info.plist"), &info("com.apple.share-services")),
        (&format!("{plug_ins}/Bad.appex/Contents/Info.plist"), "x"),
    ]);
    let outcome = tree.read_on(System::Macos, Source::SafariExtension, read);
    assert_eq!(
        outcome.defects.to_string(),
        format!("1 unreadable; first: {plug_ins}/Bad.appex: not a property list")
    );
    let mut records = outcome.records;
    assert!(records[0].installed_at_s.take().is_some());
    assert_eq!(
        records,
        [SoftwareRecord {
            bundle_id: "org.example.blocker".to_owned(),
            locations: vec![format!("{plug_ins}/Blocker.appex")],
            ..SoftwareRecord::new(Source::SafariExtension, "Blocker", "3.1")
        }]
    );
}

#[test]
fn is_absent_without_any() {
    let outcome = Tree::new(&[]).read_on(System::Macos, Source::SafariExtension, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}
