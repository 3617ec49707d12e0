//! Indexes and folders that a sync does not find as it left them, and files that hold the same twice.

use super::*;
use crate::index::format::{CHECKSUM_AT, HEADER_BYTES, checksum};

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&bytes).to_le_bytes();
    bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum);
    bytes
}

/// A feed with rules of every kind, partners, and advisories of two schemes.
fn rich() -> Feed {
    let picks = [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)];
    let advisories = [(1, 3, 0), (2, 2, 1), (4, 1, 1)];
    Feed {
        cves: picks.map(|(number, version)| cve(number, version, 0)).to_vec(),
        advisories: advisories.map(|(number, version, by)| advisory(number, version, by)).to_vec(),
    }
}

#[test]
fn a_hostile_index_before_is_damage_or_an_index_and_never_a_panic() {
    let site = Site::new();
    site.sync(&[rich()], 1);
    let good = site.bytes();
    let next = feed_of(&[(1, 2)]);
    let mut builder = Builder::new();
    next.read(&mut builder);
    site.extracts.keep(&builder, &next.content()).unwrap();
    let wanted = Wanted { cves: ["CVE-2024-0001".parse().unwrap()].into(), ..Wanted::default() };
    let origin = Origin { made_of: vec![next.content()], ..Origin::default() };
    let mut damaged = 0;
    for at in (HEADER_BYTES..good.len()).step_by(4) {
        for word in [0, 1, 9, u32::MAX - 1, u32::MAX] {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            let Ok(before) = Index::from_bytes(with_checksum(bytes)) else {
                continue;
            };
            match site.extracts.bytes_since(&before, &wanted, &origin) {
                Ok(bytes) => assert!(Index::from_bytes(bytes).is_ok(), "{word} at {at}"),
                Err(IndexError::Damaged { .. }) => damaged += 1,
                Err(error) => panic!("{word} at {at}: {error}"),
            }
        }
    }
    assert!(damaged > 100, "only {damaged} were noticed");
}

#[test]
fn damage_under_a_right_checksum_costs_a_build_of_everything_and_is_said() {
    let site = Site::new();
    site.sync(&[rich()], 1);
    let good = site.bytes();
    let feeds = [rich(), feed_of(&[(1, 2)])];
    let mut noticed = 0;
    // A few words are enough here: which ones are noticed is the test above.
    for at in (HEADER_BYTES..good.len() - 4).step_by(52) {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        fs::write(site.index(), with_checksum(bytes)).unwrap();
        let report = site.sync(&feeds, 2);
        if reason(&report) == "the index before it is damaged" {
            assert_eq!(site.bytes(), anew(&feeds, 2).0, "{at}");
            noticed += 1;
        }
    }
    assert!(noticed > 5, "only {noticed} were noticed");
}

#[test]
fn an_index_that_another_version_of_the_program_has_made_is_not_gone_by() {
    let site = Site::new();
    let feeds = [feed_of(&[(1, 1)])];
    let mut builder = Builder::new();
    feeds[0].read(&mut builder);
    let origin =
        Origin { reader: READER ^ 1, made_of: vec![feeds[0].content()], ..Origin::default() };
    fs::write(site.index(), builder.assemble(&origin).unwrap()).unwrap();
    let report = site.sync(&feeds, 1);
    assert_eq!(reason(&report), "another version of the program has made the index before it");
    assert_eq!(site.bytes(), anew(&feeds, 1).0);
}

#[test]
fn files_that_are_named_twice_or_in_another_order_are_the_same_index() {
    let (one, other) = (feed_of(&[(1, 1)]), feed_of(&[(2, 1)]));
    let (expected, of_all) = anew(&[one.clone(), other.clone()], 1);
    let (bytes, report) = anew(&[other.clone(), one, other], 1);
    assert_eq!(bytes, expected);
    assert_eq!(report.records, of_all.records, "what is read twice counts once");
}

#[test]
fn a_record_that_moves_from_a_file_to_another_is_no_change() {
    let site = Site::new();
    let file = |number| Feed { cves: vec![cve(number, 1, 0)], advisories: Vec::new() };
    let both = Feed { cves: vec![cve(1, 1, 0), cve(2, 1, 0)], advisories: Vec::new() };
    site.sync(&[file(1), file(2)], 1);
    let before = Index::open(&site.index()).unwrap().generation();
    let report = site.sync(std::slice::from_ref(&both), 2);
    let nothing = Rebuilt::Changed { cves: 0, advisories: 0 };
    assert_eq!((report.rebuilt, report.generation), (nothing, before));
    assert_eq!(site.bytes(), anew(&[both], 2).0, "it is made of another file all the same");
}

#[test]
fn what_another_file_still_holds_is_not_lost_with_the_file_that_goes() {
    let site = Site::new();
    let (first, second) = (feed_of(&[(1, 1), (3, 1)]), feed_of(&[(1, 1), (2, 1)]));
    site.sync(&[first.clone(), second], 1);
    site.sync(std::slice::from_ref(&first), 2);
    let index = Index::open(&site.index()).unwrap();
    for (id, is_there) in
        [("CVE-2024-0001", true), ("CVE-2024-0002", false), ("CVE-2024-0003", true)]
    {
        assert_eq!(index.cve(id.parse().unwrap()).is_some(), is_there, "{id}");
    }
    assert_eq!(site.bytes(), anew(&[first], 2).0);
}

#[test]
fn an_older_version_comes_back_when_the_file_with_the_newer_one_goes() {
    let site = Site::new();
    let (old, new) = (feed_of(&[(1, 1)]), feed_of(&[(1, 2)]));
    site.sync(std::slice::from_ref(&old), 1);
    let before = Index::open(&site.index()).unwrap().generation();
    let report = site.sync(&[old.clone(), new], 2);
    assert_ne!(report.generation, before);
    let report = site.sync(&[old], 3);
    assert_eq!(report.generation, before);
}

#[test]
fn an_index_of_no_feed_at_all_is_empty_and_the_next_one_is_made_of_everything() {
    let site = Site::new();
    let report = site.sync(&[], 1);
    assert_eq!((report.records, report.stats.cves), (0, 0));
    let feeds = [feed_of(&[(1, 1)])];
    let report = site.sync(&feeds, 2);
    assert!(reason(&report).contains("does not tell"), "{report:?}");
    let report = site.sync(&[], 3);
    assert_eq!(reason(&report), "", "that all have gone is a change like any other");
    assert_eq!((report.records, report.stats.cves), (0, 0));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let site = Site::new();
    let file = site.folder.path().join("file");
    fs::write(&file, b"in the way").unwrap();
    let extracts = Extracts::in_folder(file.join("extracts"));
    let error = extracts.keep(&Builder::new(), &[1; 32]).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with(&format!("cannot make {}", file.display())), "{said}");
    let error = extracts.open(&[1; 32]).unwrap_err();
    assert!(matches!(error, IndexError::Io { action: "open", .. }), "{error}");
}

#[test]
fn an_extract_under_the_name_of_another_feed_is_not_taken() {
    let site = Site::new();
    let (one, other) = (feed_of(&[(1, 1)]), feed_of(&[(2, 1)]));
    site.sync(std::slice::from_ref(&one), 1);
    let (from, to) = (site.extracts.path(&one.content()), site.extracts.path(&other.content()));
    fs::copy(from, &to).unwrap();
    let said = site.extracts.open(&other.content()).unwrap_err().to_string();
    assert!(said.contains("it is of another feed file"), "{said}");
    assert!(said.contains(&to.display().to_string()), "{said}");
}
