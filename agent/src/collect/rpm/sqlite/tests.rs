//! The `SQLite` reader against damaged databases: an error or fewer records, never a panic, never
//! without an end.

use proptest::prelude::*;
use protocol::software::Source;

use super::super::read as read_rpm;
use crate::collect::test_tree::{Tree, data};

const DATABASE: &str = "/var/lib/rpm/rpmdb.sqlite";

fn real() -> Vec<u8> {
    std::fs::read(data("rpm/sqlite/var/lib/rpm/rpmdb.sqlite")).unwrap()
}

fn error(database: &[u8]) -> String {
    let tree = Tree::new(&[]);
    tree.write(DATABASE, database);
    let outcome = tree.read(Source::Rpm, read_rpm);
    outcome.reading.unwrap_err().to_string()
}

/// The row of the schema that names the table of packages. An older copy stands before it.
fn row_of_packages(database: &[u8]) -> usize {
    database.windows(17).rposition(|w| w == b"tablePackagesPack").unwrap()
}

/// The page with which the table of packages begins.
fn root_of_packages(database: &[u8]) -> usize {
    let at = row_of_packages(database);
    usize::from(database[at + "tablePackagesPackages".len()])
}

#[test]
fn refuses_what_is_no_database() {
    assert!(error(b"").ends_with("shorter than a database"));
    assert!(error(&[0; 4096]).ends_with("not a SQLite database"));
    let mut odd_page = real();
    odd_page[16..18].copy_from_slice(&1000_u16.to_be_bytes());
    assert!(error(&odd_page).ends_with("not a SQLite database"));
    let mut reserved = real();
    reserved[20] = 255;
    reserved[16..18].copy_from_slice(&512_u16.to_be_bytes());
    assert!(error(&reserved).ends_with("not a SQLite database"));
}

#[test]
fn refuses_a_database_that_is_cut() {
    let database = real();
    for pages in [1, 2, 10] {
        let reason = error(&database[..pages * 4096]);
        assert!(reason.contains("not in the file"), "{pages}: {reason}");
    }
}

#[test]
fn refuses_a_tree_whose_pages_point_to_each_other() {
    let mut database = real();
    let page = root_of_packages(&database);
    let at = (page - 1) * 4096;
    assert_eq!(database[at], 5, "the table's root is an interior page");
    let own = u32::try_from(page).unwrap().to_be_bytes();
    database[at + 8..at + 12].copy_from_slice(&own);
    assert!(error(&database).ends_with("pages that point to each other"));
}

#[test]
fn refuses_a_database_without_the_table() {
    let mut database = real();
    let at = row_of_packages(&database);
    database[at + 5] = b'p';
    assert!(error(&database).ends_with("no table of packages"));
}

#[test]
fn a_damaged_header_costs_only_its_package() {
    let mut database = real();
    // The intro of bash's header: its store becomes larger than any.
    let at = database.windows(5).position(|w| w == b"bash\0").unwrap();
    let intro = database[..at].windows(4).rposition(|w| w == 63_u32.to_be_bytes());
    let intro = intro.unwrap() - 8;
    database[intro + 4] = 0xff;
    let tree = Tree::new(&[]);
    tree.write(DATABASE, &database);
    let outcome = tree.read(Source::Rpm, read_rpm);
    assert_eq!(
        outcome.defects.to_string(),
        format!("1 unreadable; first: {DATABASE}: a damaged package header")
    );
    assert_eq!(outcome.records.len(), 18);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn survives_every_damage(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..64),
        in_headers: bool,
    ) {
        let mut database = real();
        let pages = database.len() / 4096;
        for (at, byte) in damage {
            // Half of the time only the headers of pages, where the structure is.
            let at = if in_headers {
                at.index(pages) * 4096 + usize::from(byte) % 64
            } else {
                at.index(database.len())
            };
            database[at] = byte;
        }
        let tree = Tree::new(&[]);
        tree.write(DATABASE, &database);
        let outcome = tree.read(Source::Rpm, read_rpm);
        prop_assert!(outcome.records.len() <= 1000);
    }
}
