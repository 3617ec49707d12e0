//! Programs: of the machine in both views, of people, and what nobody is shown.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::test_tree::{Tree, data};
use crate::collect::windows::test_registry::{hive, read as read_tree, windows};

const UNINSTALL: &str = r"Microsoft\Windows\CurrentVersion\Uninstall";

fn entry(key: &str, values: &str) -> String {
    format!("[{UNINSTALL}\\{key}]\n{values}\n\"UninstallString\"=\"x.exe\"\n")
}

fn programs(software: &str) -> Vec<SoftwareRecord> {
    read_tree(&windows(software), Source::Programs, read).all()
}

fn names(software: &str) -> Vec<String> {
    read_tree(&windows(software), Source::Programs, read).names()
}

#[test]
fn reads_an_entry_with_everything_that_it_says() {
    let records = programs(&entry(
        "{23170F69-40C1-2702-2201-000001000000}",
        r#""DisplayName"="7-Zip 22.01 (x64 edition)"
        "DisplayVersion"="22.01.00.0"
        "Publisher"="Igor Pavlov"
        "InstallDate"="20240229"
        "InstallLocation"="C:\\Program Files\\7-Zip\\""#,
    ));
    let place = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\{23170F69-40C1-2702-2201-000001000000}";
    assert_eq!(
        records,
        [SoftwareRecord {
            vendor: "Igor Pavlov".to_owned(),
            bundle_id: "{23170F69-40C1-2702-2201-000001000000}".to_owned(),
            installed_at_s: Some(1_709_164_800),
            locations: vec![r"C:\Program Files\7-Zip\".to_owned(), place.to_owned()],
            ..SoftwareRecord::new(Source::Programs, "7-Zip 22.01 (x64 edition)", "22.01.00.0")
        }]
    );
}

#[test]
fn reads_a_hive_that_another_program_wrote() {
    let tree = Tree::new(&[]);
    let hive = std::fs::read(data("registry/software")).unwrap();
    tree.write("/Windows/System32/config/SOFTWARE", &hive);
    let outcome = read_tree(&tree, Source::Programs, read);
    assert_eq!(outcome.names(), ["7-Zip 22.01 (x64) 22.01", "Programm Ünïcode ☃ 1.0"]);
    assert_eq!(outcome.records[0].vendor, "Igor Pavlov");
    assert!(outcome.defects.is_empty(), "{}", outcome.defects);
}

#[test]
fn reads_the_view_of_32_bits_beside_the_other() {
    let both = entry("a", r#""DisplayName"="a""#)
        + &entry("a", r#""DisplayName"="a""#).replace("[Microsoft", r"[WOW6432Node\Microsoft");
    let records = programs(&both);
    let archs: Vec<_> = records.iter().map(|r| r.arch.as_str()).collect();
    assert_eq!(archs, ["", "x86"]);
}

#[test]
fn leaves_out_what_programs_and_features_leaves_out() {
    let hidden = [
        r#""SystemComponent"=dword:00000001"#,
        r#""ParentKeyName"="Office""#,
        r#""ReleaseType"="security update""#,
        r#""UninstallString"="""#,
    ];
    let mut text = String::new();
    for (at, values) in hidden.iter().enumerate() {
        text += &format!("[{UNINSTALL}\\k{at}]\n\"DisplayName\"=\"hidden\"\n{values}\n");
        // The last has none, and the others would be shown without their mark.
        if at < 3 {
            text += "\"UninstallString\"=\"x\"\n";
        }
    }
    text += &format!("[{UNINSTALL}\\nameless]\n\"UninstallString\"=\"x\"\n");
    text += &format!("[{UNINSTALL}\\blank]\n\"DisplayName\"=\"  \"\n\"UninstallString\"=\"x\"\n");
    text += &format!(
        "[{UNINSTALL}\\msi]\n\"DisplayName\"=\"msi\"\n\"WindowsInstaller\"=dword:00000001\n"
    );
    text += &entry("zero", "\"DisplayName\"=\"shown\"\n\"SystemComponent\"=dword:00000000");
    assert_eq!(names(&text), ["msi ", "shown "]);
}

#[test]
fn reads_what_people_have_without_telling_whose_it_is() {
    let tree = windows(
        r#"[Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1001]
        "ProfileImagePath"="C:\\Users\\alice"
        [Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1002]
        "ProfileImagePath"="%SystemDrive%\\Users\\bob"
        [Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1003]
        "ProfileImagePath"="C:\\Users\\never signed in""#,
    );
    let own = entry(
        "Zoom",
        "\"DisplayName\"=\"Zoom\"\n\"InstallLocation\"=\"C:\\\\Users\\\\alice\\\\AppData\\\\Zoom\"",
    );
    let own = own.replace("[Microsoft", r"[Software\Microsoft");
    tree.write("/Users/alice/NTUSER.DAT", &hive(&own));
    tree.write("/Users/bob/NTUSER.DAT", &hive(&own));
    let outcome = read_tree(&tree, Source::Programs, read);
    assert_eq!(outcome.names(), ["Zoom ", "Zoom "]);
    assert_eq!(
        outcome.records[0].locations,
        [r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Zoom", r"~\AppData\Zoom"]
    );
    assert!(!format!("{:?}", outcome.records).contains("alice"));
}

#[test]
fn a_hive_of_a_person_that_cannot_be_read_costs_only_itself() {
    let tree = windows(
        &(r#"[Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1]
        "ProfileImagePath"="C:\\Users\\alice"
        [Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-2]
        "ProfileImagePath"="C:\\Users\\bob"
        "#
        .to_owned()
            + &entry("a", r#""DisplayName"="a""#)),
    );
    tree.pipe("/Users/alice/NTUSER.DAT");
    tree.write("/Users/bob/NTUSER.DAT", &[0; 5000]);
    let outcome = read_tree(&tree, Source::Programs, read);
    assert_eq!(outcome.names(), ["a "]);
    assert_eq!(
        outcome.defects.to_string(),
        "2 unreadable; first: ~/NTUSER.DAT: not a regular file"
    );
}

#[test]
fn a_damaged_hive_of_the_machine_is_an_error_that_keeps_what_was_known() {
    let tree = Tree::new(&[("/Windows/System32/config/SOFTWARE", "regf")]);
    let outcome = read_tree(&tree, Source::Programs, read);
    assert_eq!(
        outcome.reading.unwrap_err().to_string(),
        "/Windows/System32/config/SOFTWARE: shorter than a registry hive"
    );
}

#[test]
fn ten_thousand_entries_are_read_and_none_is_absent() {
    let many: String = (0..10_000)
        .map(|n| entry(&format!("k{n}"), &format!("\"DisplayName\"=\"p{n}\"")))
        .collect();
    assert_eq!(programs(&many).len(), 10_000);
    let outcome = read_tree(&Tree::new(&[]), Source::Programs, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}

#[test]
fn names_that_no_screen_shows_are_made_fit_and_counted() {
    let outcome = read_tree(
        &windows(&entry("a", "\"DisplayName\"=\"a\u{7}b\"\n\"Publisher\"=\"Ünï ☃\"")),
        Source::Programs,
        read,
    );
    assert_eq!(outcome.names(), ["a\u{fffd}b "]);
    assert_eq!(outcome.records[0].vendor, "Ünï ☃");
    assert_eq!(outcome.defects.replaced, 1);
}

#[test]
fn a_day_is_known_only_in_the_one_way_that_is_clear() {
    for (text, expected) in [
        ("19700101", None),
        ("20000301", Some(951_868_800)),
        ("20240229", Some(1_709_164_800)),
        (" 20231231 ", Some(1_703_980_800)),
        ("12/31/2023", None),
        ("20231301", None),
        ("99999999", None),
        ("2023123é", None),
        ("", None),
    ] {
        assert_eq!(day_s(text), expected, "{text}");
    }
}
