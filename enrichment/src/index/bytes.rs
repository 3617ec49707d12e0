//! An index' bytes, mapped or owned, and bounds-checked numbers out of them.

use std::ops::Range;

use memmap2::Mmap;

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// The little-endian number at a place.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*word))
}

/// The little-endian number at a place.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*word))
}

/// An index into memory. A file of 4 GiB and more does not exist, see `assemble`.
pub(super) const fn place(number: u32) -> usize {
    const _: () = assert!(usize::BITS >= 32);
    number as usize
}

/// The first row for which `is_before` does not hold; the rows are sorted by it.
pub(super) fn partition(rows: &Range<u32>, is_before: impl Fn(u32) -> bool) -> u32 {
    // A damaged file may have an end before its start, and then there is nothing to search.
    let (mut low, mut high) = (rows.start, rows.end.max(rows.start));
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
