//! macOS: its record and its facts.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::host;
use crate::collect::platform::System;
use crate::collect::test_tree::Tree;

const VERSION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
    <plist version=\"1.0\">\n<dict>\n\t<key>ProductBuildVersion</key>\n\t<string>23E224</string>\n\
    \t<key>ProductName</key>\n\t<string>macOS</string>\n\t<key>ProductVersion</key>\n\
    \t<string>14.4.1</string>\n</dict>\n</plist>\n";

#[test]
fn is_a_record_and_a_platform() {
    let tree = Tree::new(&[(PATH, VERSION)]);
    assert_eq!(
        tree.read_on(System::Macos, Source::Os, read).all(),
        [SoftwareRecord {
            release: "23E224".to_owned(),
            vendor: "Apple Inc.".to_owned(),
            ..SoftwareRecord::new(Source::Os, "macOS", "14.4.1")
        }]
    );
    let facts = host::read(&tree.root().holding(System::Macos)).unwrap();
    assert_eq!(facts.platform.family, "macos");
    assert_eq!(facts.platform.version, "14.4.1");
    assert_eq!((facts.os_name.as_str(), facts.os_build.as_str()), ("macOS 14.4.1", "23E224"));
}

#[test]
fn a_damaged_file_is_an_error_and_none_is_no_macos() {
    let tree = Tree::new(&[(PATH, "<plist><dict>")]);
    let error = tree.read_on(System::Macos, Source::Os, read).reading.unwrap_err();
    assert_eq!(error.to_string(), format!("{PATH}: not a property list"));
    let outcome = Tree::new(&[]).read_on(System::Macos, Source::Os, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}
