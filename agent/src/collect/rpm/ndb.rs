//! The headers in an "ndb" database, the format that SUSE's rpm writes.
//!
//! ```text
//! 0..32  "RpmP", version, generation, pages of slots, next package number, padding
//! 32..   slots of 16 bytes: "Slot", package number (0 = free), first block, blocks
//! then   blobs in blocks of 16 bytes: "BlbS", package number, generation, length, the header,
//!        padding, checksum (Adler-32 of all before it), length, "BlbE"
//! ```
//!
//! All numbers are little endian. Every blob is checked by its checksum, so one that rpm overwrites
//! while it is read is found out; the generation says whether to read again.

use std::path::Path;

use super::header::{HeaderReader, Wanted};
use crate::collect::defects::ReadError;
use crate::collect::root::{Root, SourceFile};

const MAGIC: u32 = u32::from_le_bytes(*b"RpmP");
const SLOT: u32 = u32::from_le_bytes(*b"Slot");
const BLOB: u32 = u32::from_le_bytes(*b"BlbS");
const BLOB_END: u32 = u32::from_le_bytes(*b"BlbE");

const PAGE_BYTES: usize = 4096;
const SLOT_BYTES: usize = 16;
const BLOCK_BYTES: u64 = 16;
const BLOB_HEADER_BYTES: u64 = 16;
const TAIL_BYTES: u64 = 12;

/// Pages of slots: half a million packages.
const SLOT_PAGES_MAX: u32 = 2048;

/// Bytes that are read at a time.
const PIECE_BYTES: usize = 32 * 1024;

/// A used slot.
#[derive(Clone, Copy, Debug)]
struct Slot {
    package: u32,
    block: u32,
    blocks: u32,
}

/// Hands every header of a database over; `None` stands for a damaged one. Gives whether the database
/// stayed as it was meanwhile.
pub(super) fn read(
    root: &Root,
    path: &Path,
    wanted: Wanted,
    take: &mut dyn FnMut(Option<HeaderReader>),
) -> Result<bool, ReadError> {
    let file = super::open(root, path)?;
    let stamp = file.stamp()?;
    let mut page = vec![0; PAGE_BYTES];
    let mut piece = vec![0; PIECE_BYTES];
    if file.bytes < PAGE_BYTES as u64 {
        return Err(ReadError::damaged(path, "shorter than a database"));
    }
    file.read_exact_at(&mut page, 0)?;
    let [magic, version, generation, slot_pages] = [0, 4, 8, 12].map(|at| number(&page, at));
    if magic != MAGIC || version != 0 || slot_pages == 0 || slot_pages > SLOT_PAGES_MAX {
        return Err(ReadError::damaged(path, "not an ndb database of version 0"));
    }
    for slot_page in 0..slot_pages {
        file.read_exact_at(&mut page, u64::from(slot_page) * PAGE_BYTES as u64)?;
        // The database's header is where the first two slots would be.
        let skip = if slot_page == 0 { 2 } else { 0 };
        for slot in page.chunks_exact(SLOT_BYTES).skip(skip) {
            let [magic, package, block, blocks] = [0, 4, 8, 12].map(|at| number(slot, at));
            if magic != SLOT {
                return Err(ReadError::damaged(path, "a slot without its mark"));
            }
            let slot = Slot { package, block, blocks };
            if slot.package > 0 {
                let mut reader = HeaderReader::new(wanted);
                let is_whole = feed(root, &file, slot, &mut piece, &mut reader)?;
                take(Some(reader).filter(|_| is_whole));
            }
        }
    }
    // Behind the last blob, so that a change during any of them shows.
    file.read_exact_at(&mut page, 0)?;
    let again = super::open(root, path)?;
    Ok(number(&page, 8) == generation && again.stamp()? == stamp)
}

/// Reads the blob of a slot; `false` when it is not what the slot says or its checksum is wrong.
fn feed(
    root: &Root,
    file: &SourceFile,
    slot: Slot,
    piece: &mut [u8],
    reader: &mut HeaderReader,
) -> Result<bool, ReadError> {
    let begin = u64::from(slot.block) * BLOCK_BYTES;
    let bytes = u64::from(slot.blocks) * BLOCK_BYTES;
    let checked = bytes.saturating_sub(TAIL_BYTES);
    // In 64 bits: 32-bit numbers of blocks times sixteen cannot overflow here.
    if checked < BLOB_HEADER_BYTES || begin + bytes > file.bytes {
        return Ok(false);
    }
    let mut intro = [0; 16];
    file.read_exact_at(&mut intro, begin)?;
    let mut tail = [0; 12];
    file.read_exact_at(&mut tail, begin + checked)?;
    if !is_whole(slot, &intro, &tail, checked) {
        return Ok(false);
    }
    let length = number(&intro, 12);
    let mut checksum = Adler32::default();
    let mut header_left = usize::try_from(length).unwrap_or(usize::MAX);
    // The intro counts for the checksum and is no part of the header.
    let mut skip = intro.len();
    let mut at = 0;
    while at < checked {
        root.check()?;
        let left = usize::try_from(checked - at).unwrap_or(usize::MAX);
        let piece_bytes = left.min(piece.len());
        let piece = &mut piece[..piece_bytes];
        file.read_exact_at(piece, begin + at)?;
        checksum.take(piece);
        let header = &piece[skip..];
        let header = &header[..header.len().min(header_left)];
        reader.feed(header);
        header_left -= header.len();
        skip = 0;
        at += piece.len() as u64;
    }
    // The header has been parsed by now; the caller throws it away when the checksum says so, which
    // saves reading every blob twice.
    Ok(checksum.value() == number(&tail, 0))
}

/// Whether what stands before and behind a blob is of this slot, and says one length that fits it.
fn is_whole(slot: Slot, intro: &[u8], tail: &[u8], checked: u64) -> bool {
    let length = number(intro, 12);
    number(intro, 0) == BLOB
        && number(intro, 4) == slot.package
        && number(tail, 4) == length
        && number(tail, 8) == BLOB_END
        && BLOB_HEADER_BYTES + u64::from(length) <= checked
}

/// A little-endian number; 0 where it is not there.
fn number(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.map_or(0, |number| u32::from_le_bytes(*number))
}

/// The checksum of RFC 1950.
#[derive(Clone, Copy, Debug)]
struct Adler32 {
    a: u32,
    b: u32,
}

impl Default for Adler32 {
    fn default() -> Self {
        Self { a: 1, b: 0 }
    }
}

impl Adler32 {
    fn take(&mut self, bytes: &[u8]) {
        // The longest run of bytes for which the sums cannot overflow.
        const RUN: usize = 5552;
        for run in bytes.chunks(RUN) {
            for byte in run {
                self.a += u32::from(*byte);
                self.b += self.a;
            }
            self.a %= 65_521;
            self.b %= 65_521;
        }
    }

    const fn value(self) -> u32 {
        self.b << 16 | self.a
    }
}

#[cfg(test)]
mod tests;
