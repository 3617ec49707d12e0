//! Packages: full names, names for people, and what is a part of another.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::test_tree::Tree;
use crate::collect::windows::test_registry::{hive, read as read_tree, windows};

const CALCULATOR: &str = "Microsoft.WindowsCalculator_11.2401.0.0_x64__8wekyb3d8bbwe";

fn listed(full_name: &str) -> String {
    format!(
        "[Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore\\Applications\\{full_name}]\n\
         \"Path\"=\"C:\\\\Program Files\\\\WindowsApps\\\\{full_name}\\\\AppxManifest.xml\"\n"
    )
}

fn manifest(name: &str) -> String {
    format!(
        "<Package><Properties><DisplayName>{name}</DisplayName>\
         <PublisherDisplayName>Microsoft Corporation</PublisherDisplayName></Properties></Package>"
    )
}

#[test]
fn reads_name_and_publisher_of_the_manifest() {
    let tree = windows(&listed(CALCULATOR));
    let folder = format!("/Program Files/WindowsApps/{CALCULATOR}");
    let path = format!("{folder}/AppxManifest.xml");
    tree.write(&path, manifest("Windows Calculator").as_bytes());
    let mut records = read_tree(&tree, Source::Msix, read).all();
    assert!(records[0].installed_at_s.take().is_some());
    assert_eq!(
        records,
        [SoftwareRecord {
            arch: "x64".to_owned(),
            vendor: "Microsoft Corporation".to_owned(),
            bundle_id: "Microsoft.WindowsCalculator_8wekyb3d8bbwe".to_owned(),
            locations: vec![folder],
            ..SoftwareRecord::new(Source::Msix, "Windows Calculator", "11.2401.0.0")
        }]
    );
}

#[test]
fn a_name_that_is_left_to_translations_is_the_persons_or_the_packages_own() {
    let photos = "Microsoft.Windows.Photos_2024.1.0.0_x64__8wekyb3d8bbwe";
    let mut software = listed(CALCULATOR) + &listed(photos);
    software += "[Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1]\n\
        \"ProfileImagePath\"=\"C:\\\\Users\\\\alice\"\n";
    let tree = windows(&software);
    for name in [CALCULATOR, photos] {
        let path = format!("/Program Files/WindowsApps/{name}/AppxManifest.xml");
        tree.write(&path, manifest("ms-resource:AppName").as_bytes());
    }
    let own = format!(
        "[{OF_PERSON}\\{CALCULATOR}]\n\"DisplayName\"=\"Rechner\"\n\
         [{OF_PERSON}\\{photos}]\n\"DisplayName\"=\"@{{{photos}?ms-resource://x}}\"\n"
    );
    tree.write("/Users/alice/AppData/Local/Microsoft/Windows/UsrClass.dat", &hive(&own));
    let outcome = read_tree(&tree, Source::Msix, read);
    assert_eq!(outcome.names(), ["Microsoft.Windows.Photos 2024.1.0.0", "Rechner 11.2401.0.0"]);
}

#[test]
fn a_package_that_only_a_person_has_is_told_without_the_person() {
    let tree = windows(
        "[Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1]\n\
         \"ProfileImagePath\"=\"C:\\\\Users\\\\alice\"",
    );
    let own = format!(
        "[{OF_PERSON}\\Own.App_1.0.0.0_neutral__abcdefghjkmnp]\n\
         \"PackageRootFolder\"=\"C:\\\\Users\\\\alice\\\\dev\\\\app\"\n"
    );
    tree.write("/Users/alice/AppData/Local/Microsoft/Windows/UsrClass.dat", &hive(&own));
    let records = read_tree(&tree, Source::Msix, read).all();
    assert_eq!(records[0].name, "Own.App");
    assert_eq!(records[0].arch, "");
    assert_eq!(records[0].locations, ["~/dev/app"]);
}

#[test]
fn parts_of_a_package_and_other_keys_are_no_packages() {
    let language = "Microsoft.Photos_1.0.0.0_neutral_split.language-de_8wekyb3d8bbwe";
    let software = listed(language) + &listed("S-1-5-18") + &listed("a_1_b_c_d_e");
    let outcome = read_tree(&windows(&software), Source::Msix, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Read);
    assert!(outcome.records.is_empty());
}

#[test]
fn a_pipe_in_place_of_a_manifest_costs_the_name_alone() {
    let tree = windows(&listed(CALCULATOR));
    tree.pipe(&format!("/Program Files/WindowsApps/{CALCULATOR}/AppxManifest.xml"));
    let outcome = read_tree(&tree, Source::Msix, read);
    assert_eq!(outcome.names(), ["Microsoft.WindowsCalculator 11.2401.0.0"]);
    assert!(!outcome.defects.is_empty());
}

#[test]
fn is_absent_where_windows_keeps_no_list() {
    let outcome = read_tree(&Tree::new(&[]), Source::Msix, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}
