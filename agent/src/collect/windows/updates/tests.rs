//! Updates: by name, by folder, and only what is installed.

use protocol::software::Source;

use super::*;
use crate::collect::windows::test_registry::{read as read_tree, windows};

const REGISTRY: &str = r#"
[Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_for_KB5036892~31bf3856ad364e35~amd64~~19041.4291.1.7]
"CurrentState"=dword:00000070
"InstallTimeHigh"=dword:01da8f0c
"InstallTimeLow"=dword:00000000
[Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_1_for_KB5036892~31bf3856ad364e35~amd64~~19041.4291.1.7]
"CurrentState"=dword:00000070
[Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.4291.1.7]
"CurrentState"=dword:00000070
"InstallLocation"="\\\\?\\C:\\Windows\\CbsTemp\\31101635_1234567890\\Windows10.0-kb5036893-x64.cab\\"
[Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_for_KB5000001~31bf3856ad364e35~amd64~~1.0]
"CurrentState"=dword:00000050
[Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_for_KB5000002~31bf3856ad364e35~amd64~~1.0]
[Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Microsoft-Windows-Foundation-Package~31bf3856ad364e35~amd64~~10.0.19041.1]
"CurrentState"=dword:00000070
"InstallLocation"="C:\\KB5000003"
"#;

#[test]
fn gives_each_installed_update_once() {
    let records = read_tree(&windows(REGISTRY), Source::WindowsUpdate, read).all();
    let facts: Vec<_> =
        records.iter().map(|r| (r.name.as_str(), r.version.as_str(), r.installed_at_s)).collect();
    assert_eq!(facts, [("KB5036892", "", Some(1_713_168_466)), ("KB5036893", "", None)]);
}

#[test]
fn finds_an_article_only_where_a_number_of_one_stands() {
    for (name, expected) in [
        ("Package_for_KB5036892~31bf", Some(5_036_892)),
        ("windows10.0-kb982018-x64", Some(982_018)),
        ("Package_for_KB12345", None),
        ("Package_for_KB123456789", None),
        ("KB", None),
        ("Package_for_KBé", None),
    ] {
        assert_eq!(article(name), expected, "{name}");
    }
}

#[test]
fn a_windows_without_a_list_has_none() {
    let outcome = read_tree(&windows("[Microsoft]"), Source::WindowsUpdate, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}
