//! Frames at and past their limits: too long, truncated, random, bombs.

use super::*;

fn header(length: u32, packing: u8) -> Result<Header, FrameError> {
    let [a, b, c, d] = length.to_be_bytes();
    Header::parse([a, b, c, d, packing])
}

fn packer() -> Packer {
    Packer::new().expect("a packer")
}

fn unpacker() -> Unpacker {
    Unpacker::new().expect("an unpacker")
}

/// Bytes that no compressor makes shorter.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn rejects_frame_larger_than_limit() {
    let max = u32::try_from(FRAME_WIRE_BYTES_MAX).expect("fits");
    let largest = header(max + 1, 1).expect("the largest frame");
    assert_eq!(largest.payload_bytes, FRAME_WIRE_BYTES_MAX);
    for length in [max + 2, u32::MAX, 0] {
        let error = header(length, 1).expect_err("no frame's length");
        assert!(error.is_size());
        assert!(matches!(error, FrameError::Length(said) if said == length));
    }
}

#[test]
fn rejects_packings_that_do_not_exist() {
    for packing in 2..=u8::MAX {
        assert!(matches!(header(9, packing), Err(FrameError::Packing(said)) if said == packing));
    }
}

#[test]
fn packs_only_what_gets_shorter() {
    let mut packer = packer();
    let short = packer.pack(vec![0; PACK_BYTES_MIN - 1]).expect("packs");
    assert_eq!(short.packing, Packing::Plain);
    let random = packer.pack(noise(5_000)).expect("packs");
    assert_eq!(random.packing, Packing::Plain);
    assert_eq!(random.payload.len(), 5_000);
    let even = packer.pack(vec![0; 5_000]).expect("packs");
    assert_eq!(even.packing, Packing::Zstd1);
    assert!(even.payload.len() < 50);
}

#[test]
fn refuses_to_pack_what_does_not_fit_a_frame() {
    let error = packer().pack(noise(FRAME_WIRE_BYTES_MAX + 1)).expect_err("too long");
    assert!(error.is_size());
}

#[test]
fn refuses_a_compression_bomb_by_what_it_says() {
    let zeros = vec![0; FRAME_RAW_BYTES_MAX + 1];
    let bomb = packer().pack(zeros).expect("packs to next to nothing");
    assert!(bomb.payload.len() < 1_000);
    let error = unpacker().unpack(bomb.packing, &bomb.payload).expect_err("a bomb");
    assert!(error.is_size());
}

#[test]
fn refuses_a_compression_bomb_that_lies_about_its_size() {
    let zeros = vec![0; FRAME_RAW_BYTES_MAX];
    let mut frame = packer().pack(zeros).expect("packs");
    // The frame header's content size, four bytes after the magic number and the descriptor.
    let said = 1_000_u32.to_le_bytes();
    let size = frame
        .payload
        .windows(4)
        .position(|bytes| bytes == u32::try_from(FRAME_RAW_BYTES_MAX).unwrap().to_le_bytes())
        .expect("the content size");
    frame.payload[size..size + 4].copy_from_slice(&said);
    assert!(matches!(
        unpacker().unpack(frame.packing, &frame.payload),
        Err(FrameError::Damaged(_))
    ));
}

#[test]
fn refuses_a_frame_that_does_not_say_its_size() {
    // A zstd frame whose descriptor has no content size, then one raw, last, empty block.
    let silent = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x01, 0x00, 0x00];
    assert!(matches!(unpacker().unpack(Packing::Zstd1, &silent), Err(FrameError::Unpacked(None))));
}

#[test]
fn refuses_truncated_and_random_payloads() {
    let frame = packer().pack(vec![7; 3_000]).expect("packs");
    let mut unpacker = unpacker();
    for cut in 0..frame.payload.len() {
        assert!(unpacker.unpack(frame.packing, &frame.payload[..cut]).is_err());
    }
    assert!(unpacker.unpack(Packing::Zstd1, &noise(500)).is_err());
    // One that failed can be used again.
    let whole = unpacker.unpack(frame.packing, &frame.payload).expect("unpacks");
    assert_eq!(whole, vec![7; 3_000]);
}

#[test]
fn unpacks_what_a_packer_without_the_dictionary_cannot_read() {
    let message = include_bytes!("../../tests/golden/v1/report_snapshot.bin");
    let frame = packer().pack(message.to_vec()).expect("packs");
    let without = zstd::bulk::decompress(&frame.payload, FRAME_RAW_BYTES_MAX);
    assert_ne!(without.ok().as_deref(), Some(&message[..]));
    let with = unpacker().unpack(frame.packing, &frame.payload).expect("unpacks");
    assert_eq!(with, message);
}
