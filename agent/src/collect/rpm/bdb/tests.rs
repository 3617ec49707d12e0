//! The Berkeley DB reader against damage, and a database of a machine of the other kind.

use proptest::prelude::*;
use protocol::software::Source;

use super::super::read as read_rpm;
use super::*;
use crate::collect::test_tree::{Outcome, Tree, data};

const DATABASE: &str = "/var/lib/rpm/Packages";

fn real() -> Vec<u8> {
    std::fs::read(data("rpm/bdb").join(&DATABASE[1..])).unwrap()
}

fn outcome(database: &[u8]) -> Outcome {
    let tree = Tree::new(&[]);
    tree.write(DATABASE, database);
    tree.read(Source::Rpm, read_rpm)
}

/// The same database as a big-endian machine would have made it.
fn of_the_other_order(mut database: Vec<u8>) -> Vec<u8> {
    let mut swap = |at: usize, bytes: usize| database[at..at + bytes].reverse();
    for at in [12, 20, 32] {
        swap(at, 4);
    }
    for page in 1..real().len() / 4096 {
        let at = page * 4096;
        let original = real();
        swap(at + 16, 4);
        swap(at + 20, 2);
        swap(at + 22, 2);
        let entries = usize::from(Order::Little.short(&original, at + 20));
        if !matches!(original[at + 25], TYPE_HASH | TYPE_HASH_UNSORTED) {
            continue;
        }
        for entry in 0..entries {
            let pointer_at = at + PAGE_HEADER_BYTES + 2 * entry;
            let place = at + usize::from(Order::Little.short(&original, pointer_at));
            swap(pointer_at, 2);
            if original[place] == KIND_ELSEWHERE {
                swap(place + 4, 4);
                swap(place + 8, 4);
            }
        }
    }
    database
}

#[test]
fn reads_a_database_of_either_order() {
    let other = outcome(&of_the_other_order(real()));
    assert_eq!(other.all(), outcome(&real()).all());
}

#[test]
fn refuses_what_is_no_database_of_rpm() {
    let error = |database: &[u8]| outcome(database).reading.unwrap_err().to_string();
    assert!(error(b"x").ends_with("shorter than a database"));
    assert!(error(&[0; 4096]).ends_with("not a Berkeley DB hash database"));
    let mut tree = real();
    tree[25] = 9;
    assert!(error(&tree).ends_with("not a Berkeley DB hash database"));
    let mut odd = real();
    odd[20..24].copy_from_slice(&1000_u32.to_le_bytes());
    assert!(error(&odd).ends_with("not a database that rpm makes"));
    let mut encrypted = real();
    encrypted[24] = 1;
    assert!(error(&encrypted).ends_with("not a database that rpm makes"));
}

#[test]
fn refuses_chains_that_never_end() {
    let mut database = real();
    // And the header says that there are more pages than anybody could visit.
    database[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    for page in 1..database.len() / 4096 {
        let at = page * 4096;
        if database[at + 25] == TYPE_OVERFLOW {
            let own = u32::try_from(page).unwrap().to_le_bytes();
            database[at + 16..at + 20].copy_from_slice(&own);
        }
        // Every value says that it is as long as can be.
        let entries = usize::from(Order::Little.short(&database, at + 20));
        for entry in 0..entries.min(200) {
            let place = at + usize::from(Order::Little.short(&database, at + 26 + 2 * entry));
            if place + 12 < database.len() && database[place] == KIND_ELSEWHERE {
                database[place + 8..place + 12].copy_from_slice(&u32::MAX.to_le_bytes());
            }
        }
    }
    let error = outcome(&database).reading.unwrap_err().to_string();
    assert!(error.ends_with("pages that point to each other"), "{error}");
}

#[test]
fn a_chain_that_leads_out_of_the_file_costs_only_its_package() {
    let mut database = real();
    let at = (1..database.len() / 4096)
        .map(|page| page * 4096)
        .find(|at| database[at + 25] == TYPE_OVERFLOW)
        .unwrap();
    database[at + 25] = 0;
    let outcome = outcome(&database);
    assert_eq!(outcome.records.len(), 18);
    assert!(outcome.defects.to_string().starts_with("1 unreadable"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn survives_every_damage(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..32),
        in_structure: bool,
        cut: Option<prop::sample::Index>,
    ) {
        let mut database = real();
        let pages = database.len() / 4096;
        for (at, byte) in damage {
            let at = if in_structure {
                at.index(pages) * 4096 + usize::from(byte) % 64
            } else {
                at.index(database.len())
            };
            database[at] = byte;
        }
        if let Some(cut) = cut {
            database.truncate(cut.index(database.len()) + 1);
        }
        prop_assert!(outcome(&database).records.len() <= 1000);
    }
}
