//! Receipts: one a package, read through the link that macOS has there.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::platform::System;
use crate::collect::test_tree::Tree;

const FOLDER: &str = "/private/var/db/receipts";

fn receipt(id: &str) -> String {
    format!(
        "<plist version=\"1.0\"><dict><key>InstallDate</key><date>2024-03-09T16:00:00Z</date>\
         <key>InstallProcessName</key><string>installer</string><key>PackageIdentifier</key>\
         <string>{id}</string><key>PackageVersion</key><string>1.2</string></dict></plist>"
    )
}

#[test]
fn reads_each_receipt_once() {
    let path = format!("{FOLDER}/org.example.tool.plist");
    let tree = Tree::new(&[
        (path.as_str(), &receipt("org.example.tool")),
        (&format!("{FOLDER}/org.example.tool.bom"), "BOMStore"),
    ]);
    tree.link("private/var", "/var");
    let mut records = tree.read_on(System::Macos, Source::Pkg, read).all();
    assert!(records[0].installed_at_s.take().is_some());
    assert_eq!(
        records,
        [SoftwareRecord {
            origin: "installer".to_owned(),
            locations: vec![path],
            ..SoftwareRecord::new(Source::Pkg, "org.example.tool", "1.2")
        }]
    );
}

#[test]
fn a_damaged_receipt_costs_only_itself() {
    let tree = Tree::new(&[
        (&format!("{FOLDER}/a.plist"), "bplist00"),
        (&format!("{FOLDER}/b.plist"), &receipt("b")),
    ]);
    tree.pipe(&format!("{FOLDER}/c.plist"));
    let outcome = tree.read_on(System::Macos, Source::Pkg, read);
    assert_eq!(outcome.names(), ["b 1.2"]);
    assert_eq!(
        outcome.defects.to_string(),
        format!("2 unreadable; first: {FOLDER}/a.plist: not a property list")
    );
}

#[test]
fn is_absent_without_receipts() {
    let outcome = Tree::new(&[]).read_on(System::Macos, Source::Pkg, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}
