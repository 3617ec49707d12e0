//! Hives: what is found in a good one, and that no bad one costs more than an error.

use proptest::prelude::*;

use super::*;
use crate::collect::test_tree::Tree;
use crate::collect::windows::test_registry::hive;

const PATH: &str = "/hive";

const EXPORT: &str = r#"[Software\Vendor]
"Text"="ä text"
"Empty"=""
"Number"=dword:0000002a
[Software\Vendor\Ünder]
"Long"="LONG"
[Software\Other]
"#;

fn tree(bytes: &[u8]) -> Tree {
    let tree = Tree::new(&[]);
    tree.write(PATH, bytes);
    tree
}

fn with<T>(
    bytes: &[u8],
    work: impl FnOnce(&HiveKey<'_>) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let tree = tree(bytes);
    let hive = Hive::open(&tree.root(), Path::new(PATH))?.unwrap();
    let top = hive.top()?;
    work(&top)
}

/// Everything in a hive, as a fuzzer would look at it.
fn walk(key: &HiveKey<'_>, depth: usize, seen: &mut Vec<String>) -> Result<(), ReadError> {
    for name in ["Text", "Number", "Long"] {
        seen.push(format!("{:?} {:?}", key.text(name)?, key.number(name)?));
    }
    if depth == 0 {
        return Ok(());
    }
    key.each(&mut |name, below| {
        seen.push(name.to_owned());
        walk(&below, depth - 1, seen)
    })
}

#[test]
fn finds_keys_and_values_in_any_case() {
    with(&hive(EXPORT), |top| {
        let key = top.open(r"SOFTWARE\vendor")?.unwrap();
        assert_eq!(key.text("text")?.as_deref(), Some("ä text"));
        assert_eq!(key.text("Empty")?.as_deref(), Some(""));
        assert_eq!(key.number("Number")?, Some(42));
        assert_eq!(key.text("Number")?, None);
        assert_eq!(key.number("Text")?, None);
        assert_eq!(key.text("Nothing")?, None);
        assert!(top.open(r"software\vendor\ÜNDER")?.is_some());
        assert!(top.open(r"Software\Nothing\Below")?.is_none());
        assert!(top.open("")?.is_none());
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_text_longer_than_any_that_is_asked_for_is_none() {
    let long = EXPORT.replace("LONG", &"x".repeat(20_000));
    with(&hive(&long), |top| {
        let key = top.open(r"Software\Vendor\Ünder")?.unwrap();
        assert_eq!(key.text("Long")?, None);
        Ok(())
    })
    .unwrap();
}

#[test]
fn says_what_is_no_hive() {
    let good = hive(EXPORT);
    let mut log = good.clone();
    log[28] = 1;
    for (bytes, what) in [
        (&b"regf"[..], "shorter than a registry hive"),
        (&[0; 5000], "not a registry hive"),
        (&log, "not a registry hive"),
        (&good[..4100], "a cell outside of the file"),
    ] {
        let error = with(bytes, |_| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), format!("{PATH}: {what}"));
    }
}

#[test]
fn knows_that_it_lags_behind_its_log() {
    let mut bytes = hive(EXPORT);
    let is_behind = |bytes: &[u8]| {
        let hive = Hive::open(&tree(bytes).root(), Path::new(PATH));
        hive.unwrap().unwrap().is_behind()
    };
    assert!(!is_behind(&bytes));
    bytes[4] = 2;
    assert!(is_behind(&bytes));
}

#[test]
fn keys_that_hold_themselves_are_shown_as_deep_as_is_asked() {
    let mut bytes = hive("[a]\n");
    // The only list of keys names the key that has it.
    let list = bytes.windows(2).position(|w| w == b"lh").unwrap();
    let top = bytes[36..40].to_vec();
    bytes[list + 4..list + 8].copy_from_slice(&top);
    let mut seen = Vec::new();
    with(&bytes, |top| walk(top, 5, &mut seen)).unwrap();
    assert_eq!(seen.iter().filter(|name| *name == "ROOT").count(), 5);
}

#[test]
fn stops_with_its_time_box() {
    let tree = tree(&hive(EXPORT));
    let root = tree.root();
    let hive = Hive::open(&root, Path::new(PATH)).unwrap().unwrap();
    root.stop().set();
    assert!(matches!(hive.top(), Err(ReadError::Stopped)));
}

proptest! {
    #[test]
    fn survives_every_damage(at in 0_usize..4096, byte: u8, cut in 0_usize..512) {
        let mut bytes = hive(EXPORT);
        // In the header's first part or in the cells: what is between is not read.
        let length = bytes.len();
        let at = if at < 48 { at } else { 4096 + at % (length - 4096) };
        bytes[at] = byte;
        bytes.truncate(length - cut % (length - 4096));
        let walked = with(&bytes, |top| walk(top, 4, &mut Vec::new()));
        prop_assert!(!matches!(walked, Err(ReadError::Stopped)));
    }
}
