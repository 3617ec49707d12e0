//! Both forms of property lists, as Python's `plistlib` writes them, and damaged ones.

use proptest::prelude::*;

use super::*;

const XML: &[u8] = include_bytes!("../../../../tests/data/plist/info.xml");
const BINARY: &[u8] = include_bytes!("../../../../tests/data/plist/info.binary");

const PATHS: [&str; 6] = [
    "CFBundleIdentifier",
    "CFBundleName",
    "Number",
    "NSExtension/NSExtensionPointIdentifier",
    "NSExtension",
    "Nothing/at/all",
];

#[test]
fn both_forms_say_the_same() {
    let expected =
        ["org.example.app", "Ünder & <Över> ☃", "1234567", "com.apple.Safari.extension", "", ""]
            .map(str::to_owned);
    assert_eq!(texts(XML, PATHS), Some(expected.clone()));
    assert_eq!(texts(BINARY, PATHS), Some(expected));
}

#[test]
fn a_key_in_another_dictionary_or_an_array_is_another_key() {
    let xml = b"<plist><dict><key>a</key><array><dict><key>b</key><string>no</string></dict>\
        <string>no</string></array><key>c</key><dict><key>b</key><string>inner</string></dict>\
        <key>b</key><string>outer</string><key>d</key><true/></dict></plist>";
    assert_eq!(
        texts(xml, ["b", "a", "c/b", "d"]),
        Some(["outer", "", "inner", ""].map(str::to_owned))
    );
}

#[test]
fn reads_past_comments_sections_and_odd_entities() {
    let xml = b"<!-- <plist> --><plist><dict><!-- <key>a</key> --><key>a</key>\
        <string><![CDATA[<x>]]></string><key>b</key><string>&#65;&#x42;&bogus;&amp</string>\
        </dict></plist>";
    assert_eq!(texts(xml, ["a", "b"]), Some(["<x>", "AB&bogus;&amp"].map(str::to_owned)));
}

#[test]
fn says_what_is_no_list() {
    for bytes in [
        &b""[..],
        b"{\"a\": 1}",
        b"<plist><dict><key>a</key><string>x",
        b"<plist><dict><key>a</key><string>x</string></dict>",
        b"bplist00",
        b"bplist00 and thirty-two bytes of nothing at all",
    ] {
        assert_eq!(texts(bytes, ["a"]), None);
    }
}

#[test]
fn dictionaries_without_an_end_cost_no_more_than_their_bytes() {
    let deep = b"<plist>".iter().copied();
    let deep: Vec<u8> = deep.chain(b"<dict><key>a</key>".repeat(100_000)).collect();
    assert_eq!(texts(&deep, ["a"]), None);
}

#[test]
fn a_binary_dictionary_that_holds_itself_is_no_text() {
    // One object: a dictionary of one entry, whose key and value are itself.
    let mut bytes = b"bplist00\xd1\0\0\x08".to_vec();
    bytes.extend([0, 0, 0, 0, 0, 0, 1, 1]);
    for number in [1_u64, 0, 11] {
        bytes.extend(number.to_be_bytes());
    }
    assert_eq!(texts(&bytes, ["a/a/a"]), Some([String::new()]));
}

proptest! {
    #[test]
    fn survives_every_damage(at: usize, byte: u8, cut in 0_usize..300, is_binary: bool) {
        let mut bytes = if is_binary { BINARY } else { XML }.to_vec();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % length);
        if let Some(texts) = texts(&bytes, PATHS) {
            prop_assert!(texts.iter().all(|text| text.len() <= length * 3));
        }
    }
}
