//! Windows itself: names put right, and what goes into a platform and what does not.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::host;
use crate::collect::platform::System;
use crate::collect::test_tree::Tree;
use crate::collect::windows::test_registry::{hive, read as read_tree, windows};

const WINDOWS_11: &str = r#"[Microsoft\Windows NT\CurrentVersion]
"ProductName"="Windows 10 Pro"
"CurrentBuildNumber"="22631"
"CurrentMajorVersionNumber"=dword:0000000a
"CurrentMinorVersionNumber"=dword:00000000
"CurrentVersion"="6.3"
"UBR"=dword:00000d77
"DisplayVersion"="23H2"
"InstallationType"="Client"
"BuildLabEx"="22621.1.amd64fre.ni_release.220506-1250"
"InstallDate"=dword:65000000
"#;

fn record(software: &str) -> SoftwareRecord {
    let records = read_tree(&windows(software), Source::Os, read).all();
    assert_eq!(records.len(), 1);
    records[0].clone()
}

#[test]
fn the_build_says_that_a_windows_10_is_a_windows_11() {
    assert_eq!(
        record(WINDOWS_11),
        SoftwareRecord {
            arch: "amd64".to_owned(),
            vendor: "Microsoft Corporation".to_owned(),
            installed_at_s: Some(0x6500_0000),
            ..SoftwareRecord::new(Source::Os, "Windows 11 Pro", "10.0.22631.3447")
        }
    );
}

#[test]
fn a_server_without_a_desktop_says_so_and_keeps_its_name() {
    let server = WINDOWS_11
        .replace("Windows 10 Pro", "Windows Server 2025 Standard")
        .replace("\"22631\"", "\"26100\"")
        .replace("\"Client\"", "\"Server Core\"");
    let record = record(&server);
    assert_eq!(record.name, "Windows Server 2025 Standard (Server Core)");
    assert_eq!(record.version, "10.0.26100.3447");
}

#[test]
fn before_windows_10_the_updates_are_told_with_it() {
    let old = r#"[Microsoft\Windows NT\CurrentVersion]
        "ProductName"="Windows Server 2012 R2 Standard"
        "CurrentBuild"="9600"
        "CurrentVersion"="6.3"
        "InstallationType"="Server"
        [Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_for_KB5035885~a~amd64~~6.3]
        "CurrentState"=dword:00000070
        [Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_for_KB5036960~a~amd64~~6.3]
        "CurrentState"=dword:00000070"#;
    let record = record(old);
    assert_eq!(
        (record.version.as_str(), record.origin.as_str()),
        ("6.3.9600", "KB5036960 KB5035885")
    );
}

#[test]
fn a_list_of_updates_that_is_too_long_keeps_the_newest() {
    let updates: Updates = (3_000_000..3_001_000).map(|number| (number, None)).collect();
    let text = newest(&updates);
    assert!(text.starts_with("KB3000999 KB3000998 "), "{text}");
    assert!(text.len() <= LABEL_BYTES_MAX && text.len() > LABEL_BYTES_MAX - 10);
}

#[test]
fn a_monthly_update_changes_the_record_and_not_the_platform() {
    let tree = windows(WINDOWS_11);
    tree.write(
        "/Windows/System32/config/SYSTEM",
        &hive("[ControlSet001\\Control\\ComputerName\\ComputerName]\n\"ComputerName\"=\"PC-7\""),
    );
    let facts = host::read(&tree.root().holding(System::Windows)).unwrap();
    assert_eq!(facts.hostname, "PC-7");
    assert_eq!(facts.platform.family, "windows");
    assert_eq!(facts.platform.version, "10.0.22631");
    assert_eq!(facts.os_build, "22631.3447");
    assert_eq!((facts.os_name.as_str(), facts.os_codename.as_str()), ("Windows 11 Pro", "23H2"));
    let later = WINDOWS_11.replace("00000d77", "00000d78");
    let later = host::read(&windows(&later).root().holding(System::Windows)).unwrap();
    assert_eq!(later.platform, facts.platform);
}

#[test]
fn a_tree_without_a_registry_is_no_windows() {
    let outcome = read_tree(&Tree::new(&[]), Source::Os, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
    let facts = host::read(&Tree::new(&[]).root().holding(System::Windows)).unwrap();
    assert_eq!(facts.platform.version, "");
}
