//! Plugins: manifests in a folder, in a jar, and in neither.

use miniz_oxide::deflate::compress_to_vec;
use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::test_tree::{Tree, archive};

const EDITOR: &str = "/home/alice/.local/share/JetBrains/IntelliJIdea2024.1";

const XML: &str = r#"<?xml version="1.0"?><idea-plugin require-restart="true">
    <idea-version since-build="233"/>
    <id>com.example.rainbow</id><name>Rainbow Brackets</name>
    <version>6.26</version><vendor email="a@b.c" url="x">Example</vendor>
    <description><![CDATA[<name>not this</name>]]></description></idea-plugin>"#;

fn jar(xml: &str) -> Vec<u8> {
    archive(&[("com/example/A.class", b"x", 0), (MANIFEST, &compress_to_vec(xml.as_bytes(), 6), 8)])
}

#[test]
fn reads_the_manifest_in_one_of_the_jars() {
    let tree = Tree::new(&[]);
    tree.write(&format!("{EDITOR}/rainbow/lib/annotations.jar"), &archive(&[("x", b"y", 0)]));
    tree.write(&format!("{EDITOR}/rainbow/lib/rainbow-6.26.jar"), &jar(XML));
    assert_eq!(
        tree.read(Source::JetbrainsPlugin, read).all(),
        [SoftwareRecord {
            vendor: "Example".to_owned(),
            bundle_id: "com.example.rainbow".to_owned(),
            locations: vec!["~/.local/share/JetBrains/IntelliJIdea2024.1".to_owned()],
            ..SoftwareRecord::new(Source::JetbrainsPlugin, "Rainbow Brackets", "6.26")
        }]
    );
}

#[test]
fn a_plugin_that_does_not_name_itself_is_called_as_its_folder() {
    let tree = Tree::new(&[(
        &format!("{EDITOR}/plain/META-INF/plugin.xml"),
        "<idea-plugin><version>1<x/></version><vendor/></idea-plugin>",
    )]);
    let records = tree.read(Source::JetbrainsPlugin, read).all();
    assert_eq!((records[0].name.as_str(), records[0].version.as_str()), ("plain", "1"));
}

#[test]
fn what_is_no_plugin_or_a_broken_one_costs_only_itself() {
    let tree = Tree::new(&[(&format!("{EDITOR}/cache/index.bin"), "")]);
    tree.write(&format!("{EDITOR}/good/lib/good.jar"), &jar(XML));
    tree.write(&format!("{EDITOR}/bad/lib/bad.jar"), b"no archive");
    tree.pipe(&format!("{EDITOR}/hangs/lib/hangs.jar"));
    let outcome = tree.read(Source::JetbrainsPlugin, read);
    assert_eq!(outcome.names(), ["Rainbow Brackets 6.26"]);
    let place = "~/.local/share/JetBrains/IntelliJIdea2024.1/bad/lib/bad.jar";
    assert_eq!(
        outcome.defects.to_string(),
        format!("2 unreadable; first: {place}: not a zip archive")
    );
}

#[test]
fn elements_are_found_whole_or_not_at_all() {
    assert_eq!(element("<names>x</names><name\n a='1'> y </name>", "name"), Some("y"));
    assert_eq!(element("<name><![CDATA[ a<b ]]></name>", "name"), Some("a<b"));
    assert_eq!(element("<name/><name>x</name>", "name"), Some("x"));
    assert_eq!(element("<name a=''/>", "name"), None);
    assert_eq!(element("<name", "name"), None);
    assert_eq!(element("<name>cut", "name"), None);
}

#[test]
fn is_absent_without_plugins() {
    let tree = Tree::new(&[(&format!("{EDITOR}/.keep"), "")]);
    let outcome = tree.read(Source::JetbrainsPlugin, read);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
    let windows = Tree::new(&[(
        "/Users/a/AppData/Roaming/JetBrains/PyCharm2024.1/plugins/p/META-INF/plugin.xml",
        XML,
    )]);
    let outcome = windows.read_on(System::Windows, Source::JetbrainsPlugin, read);
    assert_eq!(outcome.names(), ["Rainbow Brackets 6.26"]);
}
