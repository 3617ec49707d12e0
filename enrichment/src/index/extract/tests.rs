//! An extract is what its feed says, or it is not opened; and nothing in one makes the program fall.

use std::path::Path;

use super::*;
use crate::advisory::{Advisory, Affected, PackageKind, Place, Publisher, Span, Verdict};
use crate::cve::Timestamp;
use crate::index::Index;
use crate::index::builder::Builder;
use crate::testing::{any_of, app, on, record, system};
use crate::version::Scheme;

const CONTENT: ContentId = [7; 32];

/// A builder with a bit of everything that an extract holds.
fn builder() -> Builder {
    let mut builder = Builder::new();
    let ranges = r#""versionStartIncluding":"2.0","versionEndExcluding":"2.4""#;
    let partners = [system("linux:linux_kernel:-"), system("debian:debian_linux:10.0")];
    let partners: Vec<&str> = partners.iter().map(String::as_str).collect();
    let matches = [(&*app("v:p:*:*:*:*:lts:windows:x64"), ranges), (&*app("v:q:1.5:rc1"), "")];
    for record in [
        record("CVE-2024-0001", 3, &on(&matches, &partners)),
        record("CVE-2024-0001", 9, "[]"),
        record("CVE-2024-0002", 1, &any_of(&[(&app("w:r:-"), "")])),
    ] {
        builder.add(&record).unwrap();
    }
    let affected = Affected {
        place: Place::Distribution {
            id: "debian".to_owned(),
            release: "12".to_owned(),
            channel: "lts".to_owned(),
        },
        package: "p".to_owned(),
        kind: PackageKind::Source,
        module: "m:1".to_owned(),
        verdict: Verdict::WontFix,
        spans: vec![Span { introduced: Some("1".to_owned()), end: None }],
        versions: vec!["9.9".to_owned()],
        scheme: Scheme::Deb,
        note: "a remark".to_owned(),
    };
    let advisory = Advisory {
        id: "DSA-1-1".to_owned(),
        publisher: Publisher::Debian,
        cves: vec!["CVE-2024-0002".parse().unwrap()],
        modified: Some(Timestamp(-5)),
        is_withdrawn: false,
        severity: "low".to_owned(),
        affected: vec![affected],
    };
    builder.add_advisory(&advisory).unwrap();
    builder
}

fn bytes() -> Vec<u8> {
    write::to_bytes(&builder(), CONTENT).unwrap()
}

fn open(bytes: Vec<u8>) -> Result<Extract, IndexError> {
    Extract::check(Bytes::Owned(bytes), Path::new("memory"), CONTENT)
}

fn index_of(extract: &Extract, wanted: Option<&Wanted>) -> Result<Vec<u8>, IndexError> {
    let mut builder = Builder::new();
    extract.merge(&mut builder, wanted)?;
    builder.into_bytes()
}

#[test]
fn an_index_of_an_extract_is_that_of_its_feed() {
    let extract = open(bytes()).unwrap();
    let expected = builder().into_bytes().unwrap();
    assert_eq!(index_of(&extract, None).unwrap(), expected);
    assert_eq!((extract.records(), extract.content()), (4, CONTENT));
}

#[test]
fn only_what_is_wanted_is_taken() {
    let extract = open(bytes()).unwrap();
    let wanted = Wanted { cves: ["CVE-2024-0002".parse().unwrap()].into(), ..Wanted::default() };
    let index = Index::from_bytes(index_of(&extract, Some(&wanted)).unwrap()).unwrap();
    let stats = index.stats();
    assert_eq!((stats.cves, stats.products, stats.advisories), (1, 1, 0));
}

#[test]
fn the_same_feed_makes_the_same_extract() {
    assert_eq!(bytes(), bytes());
}

#[test]
fn one_of_another_feed_or_of_another_program_is_not_opened() {
    let other = Extract::check(Bytes::Owned(bytes()), Path::new("memory"), [8; 32]);
    assert!(other.unwrap_err().to_string().contains("another feed"));
    let mut older = bytes();
    older[READER_AT] ^= 1;
    assert!(open(older).unwrap_err().to_string().contains("another version"));
    let missing = Extract::open(Path::new("/nonexistent/extract"), CONTENT);
    assert!(matches!(missing, Err(IndexError::Io { .. })));
}

#[test]
fn no_changed_byte_and_no_cut_goes_unnoticed() {
    let good = bytes();
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0x80;
        assert!(open(changed).is_err(), "byte {at}");
        assert!(open(good[..at].to_vec()).is_err(), "cut at {at}");
    }
}

#[test]
fn wrong_words_under_a_right_checksum_are_damage_and_no_panic() {
    let good = bytes();
    let mut damaged = 0;
    for at in (TABLES_AT..good.len()).step_by(4) {
        for word in [1, 9, u32::MAX - 2, u32::MAX] {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            let sum = checksum(&bytes);
            bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_le_bytes());
            damaged += u32::from(open(bytes).and_then(|all| index_of(&all, None)).is_err());
        }
    }
    assert!(damaged > 100, "only {damaged} were noticed");
}

/// The extract with another place for a table, and the checksum that fits.
fn with_entry(table: Table, start: u64, length: u64) -> Vec<u8> {
    let mut bytes = bytes();
    let at = TABLES_AT + table as usize * 16;
    bytes[at..at + 8].copy_from_slice(&start.to_le_bytes());
    bytes[at + 8..at + 16].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(&bytes);
    bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn a_table_that_is_not_within_the_file_is_damage_whichever_it_is() {
    let all = bytes().len() as u64;
    for table in Table::ALL {
        for (start, length) in [(all + 1, 0), (0, all + 1), (1, u64::MAX), (u64::MAX, 1)] {
            let said = open(with_entry(table, start, length)).unwrap_err().to_string();
            assert_eq!(
                said, "memory is damaged: a table is not within it; build it again",
                "{table:?} from {start}, {length} bytes"
            );
        }
    }
}

#[test]
fn a_table_that_is_empty_where_others_point_into_it_is_damage_when_it_is_merged() {
    for table in Table::ALL {
        let start = u64_at(&bytes(), TABLES_AT + table as usize * 16).unwrap();
        let merged = open(with_entry(table, start, 0)).and_then(|one| index_of(&one, None));
        if matches!(table, Table::Statements | Table::Advisories) {
            // Nothing points at these two: without them a file says less, and that is all.
            assert!(merged.is_ok(), "{table:?}");
        } else {
            let is_noticed = matches!(merged, Err(IndexError::Damaged { .. }));
            assert!(is_noticed, "{table:?}");
        }
    }
}

#[test]
fn what_was_left_out_of_a_feed_is_still_counted_when_its_extract_is_read() {
    let hardware = crate::testing::name_of("h", "intel:xeon:-");
    let matches =
        [(&*hardware, ""), (&*app("v:p*:1.0"), ""), (&*app("w:*:1.0"), ""), ("no name", "")];
    let negated = any_of(&[(&app("v:p:1"), "")]).replace("\"nodes\"", "\"negate\":true,\"nodes\"");
    let mut builder = Builder::new();
    builder.add(&record("CVE-2024-0001", 1, &any_of(&matches))).unwrap();
    builder.add(&record("CVE-2024-0002", 1, &negated)).unwrap();
    let extract = open(write::to_bytes(&builder, CONTENT).unwrap()).unwrap();
    let expected = LeftOut { hardware: 1, negated: 1, wildcards: 2, malformed: 1 };
    assert_eq!((extract.records(), extract.left_out()), (2, expected));
}

#[test]
fn an_extract_of_a_feed_without_records_says_so() {
    let extract = open(write::to_bytes(&Builder::new(), CONTENT).unwrap()).unwrap();
    assert!(!extract.has_records());
    let index = Index::from_bytes(index_of(&extract, None).unwrap()).unwrap();
    assert_eq!((index.stats().cves, index.stats().advisories), (0, 0));
}
