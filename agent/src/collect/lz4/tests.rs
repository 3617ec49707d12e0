//! LZ4: a real list of apt, every format of block, and damage.

use proptest::prelude::*;

use super::*;
use crate::collect::test_tree::data;

fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    reader(packed).read_to_end(&mut text)?;
    Ok(text)
}

fn frame(flags: u8, sizes: u8, rest: &[u8]) -> Vec<u8> {
    let mut frame = MAGIC.to_le_bytes().to_vec();
    frame.extend([flags, sizes, 0]);
    frame.extend(rest);
    frame
}

/// A frame with one block, and its end.
fn block(packed: &[u8]) -> Vec<u8> {
    let mut rest = u32::try_from(packed.len()).unwrap().to_le_bytes().to_vec();
    rest.extend(packed);
    rest.extend([0; 4]);
    frame(0x60, 0x40, &rest)
}

#[test]
fn unpacks_a_list_that_apt_wrote() {
    let text = unpacked(&std::fs::read(data("packages.lz4")).unwrap()).unwrap();
    assert_eq!(text.len(), 32_757);
    let packages = text.split(|b| *b == b'\n').filter(|l| l.starts_with(b"Package: "));
    assert_eq!(packages.count(), 38);
}

#[test]
fn repeats_what_a_match_reaches_into() {
    // One literal, then nine more of it, then one literal.
    assert_eq!(unpacked(&block(&[0x15, b'a', 1, 0, 0x10, b'b'])).unwrap(), b"aaaaaaaaaab");
}

#[test]
fn takes_blocks_that_are_not_packed_and_frames_that_follow_each_other() {
    let mut two = frame(0x60, 0x40, &[2, 0, 0, 0x80, b'h', b'i', 0, 0, 0, 0]);
    two.extend(block(&[0x20, b'!', b'\n']));
    assert_eq!(unpacked(&two).unwrap(), b"hi!\n");
}

#[test]
fn passes_over_sizes_and_checksums() {
    let mut rest = vec![0; 8];
    rest.extend([1, 0, 0, 0x80, b'x', 9, 9, 9, 9, 0, 0, 0, 0, 8, 8, 8, 8]);
    assert_eq!(unpacked(&frame(0x7c, 0x40, &rest)).unwrap(), b"x");
}

#[test]
fn refuses_what_apt_never_writes() {
    let end = [0; 4];
    for (flags, sizes) in [(0x61, 0x40), (0x20, 0x40), (0x60, 0x70), (0x60, 0)] {
        assert!(unpacked(&frame(flags, sizes, &end)).is_err(), "{flags:x} {sizes:x}");
    }
    assert!(unpacked(b"plain text").is_err());
    assert!(unpacked(&[]).unwrap().is_empty());
}

#[test]
fn refuses_damaged_blocks() {
    let cases: [&[u8]; 5] = [
        // A literal that is not there.
        &[0x20, b'a'],
        // A match without an offset, with offset 0, and before the beginning.
        &[0x11, b'a', 1],
        &[0x11, b'a', 0, 0, 0],
        &[0x11, b'a', 2, 0, 0],
        // A length that does not end.
        &[0xf0, 255, 255],
    ];
    for case in cases {
        assert!(unpacked(&block(case)).is_err(), "{case:?}");
    }
    // A block that says that it is larger than its frame allows.
    assert!(unpacked(&frame(0x60, 0x40, &[0xff, 0xff, 0xff, 0x7f])).is_err());
}

#[test]
fn refuses_a_bomb_at_the_size_of_one_block() {
    let mut packed = vec![0x1f, b'a', 1, 0];
    packed.resize(60_000, 255);
    packed.extend([0, 0]);
    assert!(unpacked(&block(&packed)).is_err());
}

proptest! {
    #[test]
    fn survives_every_damage(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut packed = std::fs::read(data("packages.lz4")).unwrap();
        let at = at.index(packed.len());
        packed[at] = byte;
        packed.truncate(cut.index(packed.len()) + 1);
        if let Ok(text) = unpacked(&packed) {
            prop_assert!(text.len() <= 1 << 20);
        }
    }
}
