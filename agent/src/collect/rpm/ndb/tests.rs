//! The ndb reader: checksums, free slots and damage.

use proptest::prelude::*;
use protocol::software::Source;

use super::super::read as read_rpm;
use super::*;
use crate::collect::test_tree::{Outcome, Tree, data};

const DATABASE: &str = "/usr/lib/sysimage/rpm/Packages.db";

fn real() -> Vec<u8> {
    std::fs::read(data("rpm/ndb").join(&DATABASE[1..])).unwrap()
}

fn outcome(database: &[u8]) -> Outcome {
    let tree = Tree::new(&[]);
    tree.write(DATABASE, database);
    tree.read(Source::Rpm, read_rpm)
}

#[test]
fn computes_the_checksum_of_rfc_1950() {
    let mut checksum = Adler32::default();
    checksum.take(b"Wiki");
    checksum.take(b"pedia");
    assert_eq!(checksum.value(), 0x11E6_0398);
    // Longer than many runs, and of the largest bytes: sums that overflow would show here.
    let mut long = Adler32::default();
    long.take(&[0xff; 1_000_000]);
    assert_eq!(long.value(), 0x3843_E1BE);
}

#[test]
fn a_blob_with_a_wrong_checksum_costs_only_its_package() {
    let mut database = real();
    let at = database.windows(5).position(|w| w == b"bash\0").unwrap();
    database[at] ^= 0x20;
    let outcome = outcome(&database);
    assert_eq!(outcome.records.len(), 18);
    assert_eq!(
        outcome.defects.to_string(),
        format!("1 unreadable; first: {DATABASE}: a damaged package header")
    );
}

#[test]
fn refuses_what_is_no_database_of_this_version() {
    let error = |database: &[u8]| outcome(database).reading.unwrap_err().to_string();
    assert!(error(b"RpmP").ends_with("shorter than a database"));
    assert!(error(&[0; 4096]).ends_with("not an ndb database of version 0"));
    let mut newer = real();
    newer[4] = 1;
    assert!(error(&newer).ends_with("not an ndb database of version 0"));
    let mut endless = real();
    endless[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(error(&endless).ends_with("not an ndb database of version 0"));
    let mut unmarked = real();
    unmarked[PAGE_BYTES - SLOT_BYTES] = b'x';
    assert!(error(&unmarked).ends_with("a slot without its mark"));
}

#[test]
fn a_slot_that_points_outside_of_the_file_costs_only_its_package() {
    let mut database = real();
    database[2 * SLOT_BYTES + 8..2 * SLOT_BYTES + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(outcome(&database).defects.to_string().starts_with("1 unreadable"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn survives_every_damage(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..16),
        in_slots: bool,
    ) {
        let mut database = real();
        // The slots of the nineteen packages are within the first 600 bytes.
        let bytes = if in_slots { 600 } else { database.len() };
        for (at, byte) in damage {
            database[at.index(bytes)] = byte;
        }
        prop_assert!(outcome(&database).records.len() <= 19);
    }
}
