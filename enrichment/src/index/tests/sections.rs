//! Files whose checksum is right and whose head or tables are not: each section and each column that
//! points into another table is asked for, and what is said of a file that is not whole.

use super::damage::with_checksum;
use super::*;
use crate::index::bytes::u32_at;
use crate::index::format::{SECTIONS_AT, STARTS};

const LENGTH_AT: usize = 16;

fn good() -> Vec<u8> {
    bytes_with(&records(), &advisories())
}

/// Where a section begins and how long it is, as the file says.
fn entry(bytes: &[u8], section: Section) -> (usize, usize) {
    let at = SECTIONS_AT + section as usize * 16;
    let number = |at: usize| usize::try_from(u32_at(bytes, at).unwrap()).unwrap();
    (number(at), number(at + 8))
}

/// The file with another place for a section, and the checksum that fits.
fn with_entry(section: Section, start: u64, length: u64) -> Vec<u8> {
    let mut bytes = good();
    let at = SECTIONS_AT + section as usize * 16;
    bytes[at..at + 8].copy_from_slice(&start.to_le_bytes());
    bytes[at + 8..at + 16].copy_from_slice(&length.to_le_bytes());
    with_checksum(bytes)
}

fn refusal(bytes: Vec<u8>) -> String {
    Index::from_bytes(bytes).unwrap_err().to_string()
}

#[test]
fn a_section_that_is_not_within_the_file_is_refused_whichever_it_is() {
    let bytes = good();
    let all = bytes.len() as u64;
    for section in Section::ALL {
        let start = entry(&bytes, section).0 as u64;
        for (start, length) in [
            (all + 8, 0),
            (start, all),
            (start, u64::MAX),
            (1, u64::MAX),
            (u64::MAX, 1),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(
                refusal(with_entry(section, start, length)),
                "memory is damaged: a section is not within it; build it again",
                "{section:?} from {start}, {length} bytes"
            );
        }
    }
}

#[test]
fn a_section_that_ends_within_a_row_is_refused() {
    let bytes = good();
    for section in Section::ALL.iter().filter(|one| one.row_bytes() > 1) {
        let (start, length) = entry(&bytes, *section);
        // Shorter by a byte where that is possible, so that it still lies within the file.
        let length = length.checked_sub(1).unwrap_or(1);
        let said = refusal(with_entry(*section, start as u64, length as u64));
        assert!(said.contains("a section is not within it"), "{section:?}: {said}");
    }
}

#[test]
fn a_column_that_does_not_rise_to_the_end_of_its_table_is_refused() {
    let bytes = good();
    for (section, word, target) in STARTS {
        let (start, length) = entry(&bytes, section);
        let rows = length / section.row_bytes();
        assert!(rows > 0, "{section:?} has nothing to be wrong");
        let place_of = |row: usize| start + row * section.row_bytes() + word * 4;
        let last = u32_at(&bytes, place_of(rows - 1)).unwrap();
        let wrong = [
            (rows - 1, last.wrapping_add(1)),
            (rows - 1, last.wrapping_sub(1)),
            (rows - 1, u32::MAX),
            (0, u32::MAX),
        ];
        for (row, value) in wrong {
            let mut bytes = bytes.clone();
            let at = place_of(row);
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert_eq!(
                refusal(with_checksum(bytes)),
                "memory is damaged: a table does not fit another; build it again",
                "{section:?} word {word} into {target:?}: row {row} is {value}"
            );
        }
    }
}

#[test]
fn a_file_that_was_cut_within_any_section_is_refused_even_when_its_head_was_put_right() {
    let bytes = good();
    let mut cuts = 0;
    for section in Section::ALL {
        let (start, length) = entry(&bytes, section);
        if length == 0 {
            continue;
        }
        for end in [start, start + length / 2, start + length - 1] {
            let mut cut = bytes[..end].to_vec();
            cut[LENGTH_AT..LENGTH_AT + 8].copy_from_slice(&(end as u64).to_le_bytes());
            let said = refusal(with_checksum(cut));
            assert!(said.contains("a section is not within it"), "{section:?} at {end}: {said}");
        }
        cuts += 1;
    }
    assert!(cuts >= 24, "the records have a bit of everything, not only of {cuts}");
}

#[test]
fn what_is_said_of_a_cut_file_depends_on_how_much_of_its_head_is_there() {
    let bytes = good();
    for end in 0..bytes.len() {
        let expected = match end {
            0..8 => "memory is no match index; build one with `muster-collector feed build`",
            8..12 => "memory is damaged: it ends within its header; build it again",
            _ => "memory is damaged: its length is not the one it says; build it again",
        };
        assert_eq!(refusal(bytes[..end].to_vec()), expected, "cut at {end}");
    }
}

#[test]
fn an_index_of_another_format_is_called_that_however_little_of_it_there_is() {
    let bytes = good();
    for found in [0, 1, 2, 4, 5, u32::MAX] {
        for end in [12, HEADER_BYTES, bytes.len()] {
            let mut other = bytes[..end].to_vec();
            other[8..12].copy_from_slice(&found.to_le_bytes());
            assert_eq!(
                refusal(other),
                format!("memory has index format {found}, this program reads 3; build it again")
            );
        }
    }
}

#[test]
fn a_length_that_is_not_the_files_is_refused_before_the_checksum_is_asked() {
    let bytes = good();
    for length in [0, 1, bytes.len() as u64 - 1, bytes.len() as u64 + 1, u64::MAX] {
        let mut other = bytes.clone();
        other[LENGTH_AT..LENGTH_AT + 8].copy_from_slice(&length.to_le_bytes());
        let said = refusal(with_checksum(other));
        assert!(said.contains("its length is not the one it says"), "{said}");
    }
}

#[test]
fn a_hostile_index_is_compared_without_a_panic_and_is_like_itself() {
    let bytes = good();
    for at in (HEADER_BYTES..bytes.len()).step_by(4) {
        for word in [0, 1, u32::MAX - 1, u32::MAX] {
            let mut hostile = bytes.clone();
            let end = (at + 4).min(bytes.len());
            hostile[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
            let Ok(index) = Index::from_bytes(with_checksum(hostile)) else {
                continue;
            };
            let (once, again) = (Contents::of(&index), Contents::of(&index));
            let none = ChangedKeys::These(Vec::new());
            assert_eq!(once.changes_to(&again), none, "{word} at {at}");
        }
    }
}

#[test]
fn a_name_that_no_record_can_have_finds_nothing() {
    let index = Index::from_bytes(good()).unwrap();
    let long = "v".repeat(100_000);
    for (vendor, product) in [
        ("", ""),
        ("v", ""),
        ("", "p"),
        ("v\u{0}", "p"),
        ("V", "p"),
        ("v", "P"),
        ("vp", ""),
        ("v:p", ""),
        ("*", "*"),
        (long.as_str(), long.as_str()),
    ] {
        assert!(!index.has_product(vendor, product), "{vendor:.9} {product:.9}");
    }
    for (id, release) in
        [("", ""), ("debian", ""), ("debian", "13"), ("debian12", ""), ("12", "debian")]
    {
        assert!(!index.has_place(id, release), "{id} {release}");
    }
    assert!(index.has_place("debian", "12") && index.has_place("debian", "11"));
}

#[test]
fn the_first_and_the_last_cve_are_found_and_their_neighbours_are_not() {
    let index = Index::from_bytes(good()).unwrap();
    for (id, is_there) in [
        ("CVE-1999-0001", false),
        ("CVE-2022-0002", false),
        ("CVE-2022-0003", true),
        ("CVE-2022-0004", false),
        ("CVE-2023-9999", false),
        ("CVE-2023-10000", true),
        ("CVE-2024-0001", true),
        ("CVE-2024-0002", true),
        ("CVE-2024-0003", false),
        ("CVE-9999-4294967295", false),
    ] {
        assert_eq!(index.cve(id.parse().unwrap()).is_some(), is_there, "{id}");
    }
}
