//! Logs: which frames count.

use proptest::prelude::*;
use protocol::software::Source;

use super::*;
use crate::collect::rpm::read as read_rpm;
use crate::collect::test_tree::{Tree, data};

const FOLDER: &str = "/usr/lib/sysimage/rpm";

fn real(name: &str) -> Vec<u8> {
    std::fs::read(data("rpm/wal").join(&FOLDER[1..]).join(name)).unwrap()
}

fn packages(log: &[u8]) -> usize {
    let tree = Tree::new(&[]);
    tree.write(&format!("{FOLDER}/rpmdb.sqlite"), &real("rpmdb.sqlite"));
    tree.write(&format!("{FOLDER}/rpmdb.sqlite-wal"), log);
    tree.read(Source::Rpm, read_rpm).all().len()
}

const FRAME_BYTES: usize = FRAME_HEADER_BYTES + 4096;

/// The ends of the log's commits.
fn commits(log: &[u8]) -> Vec<usize> {
    let frames = log[HEADER_BYTES..].chunks_exact(FRAME_BYTES).enumerate();
    frames
        .filter(|(_, frame)| big_endian(frame, 4) != Some(0))
        .map(|(number, _)| HEADER_BYTES + (number + 1) * FRAME_BYTES)
        .collect()
}

#[test]
fn counts_up_to_the_last_whole_commit() {
    let log = real("rpmdb.sqlite-wal");
    let ends = commits(&log);
    // Two packages came, one went; a log that is cut shows the state before the cut.
    assert_eq!(packages(&log), 20);
    assert_eq!(packages(&log[..ends[ends.len() - 1] - 1]), packages(&log[..ends[ends.len() - 2]]));
    assert_eq!(packages(&log[..HEADER_BYTES]), 19);
}

#[test]
fn a_frame_with_a_wrong_checksum_ends_the_log() {
    let mut log = real("rpmdb.sqlite-wal");
    log[HEADER_BYTES + FRAME_HEADER_BYTES + 100] ^= 1;
    assert_eq!(packages(&log), 19);
}

#[test]
fn frames_of_an_earlier_use_do_not_count() {
    let mut log = real("rpmdb.sqlite-wal");
    let salt = HEADER_BYTES + 8;
    log[salt] ^= 1;
    assert_eq!(packages(&log), 19);
}

#[test]
fn a_log_for_pages_of_another_size_does_not_count() {
    let mut log = real("rpmdb.sqlite-wal");
    log[8..12].copy_from_slice(&1024_u32.to_be_bytes());
    assert_eq!(packages(&log), 19);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn damage_loses_changes_but_never_the_database(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut log = real("rpmdb.sqlite-wal");
        let at = at.index(log.len());
        log[at] = byte;
        log.truncate(cut.index(log.len()) + 1);
        prop_assert!((18..=21).contains(&packages(&log)));
    }
}
