//! Pages of a table's b-tree, and the rows on them.
//!
//! Pure: a page's bytes in, checked positions out. Nothing outside of the page is ever touched.
//!
//! Format: section 1.6 of "Database File Format" of `SQLite`'s documentation.

use super::record::varint;

/// Pages of a b-tree (1.6).
const INTERIOR_TABLE: u8 = 5;
const LEAF_TABLE: u8 = 13;

/// One row of a table: its payload's bytes, those on the row's own page, and where the others are.
pub(in crate::collect) struct Cell {
    pub(in crate::collect) payload_bytes: usize,
    pub(in crate::collect) local: Vec<u8>,
    pub(super) overflow: u32,
}

/// A page of a table's b-tree (1.6).
pub(super) struct Node<'a> {
    page: &'a [u8],
    is_leaf: bool,
    pub(super) cells: u16,
    pointers_at: usize,
    /// The last child of an interior page.
    pub(super) right: Option<u32>,
}

impl<'a> Node<'a> {
    pub(super) fn new(page: &'a [u8], at: usize) -> Option<Self> {
        let header = page.get(at..)?;
        let is_leaf = match *header.first()? {
            LEAF_TABLE => true,
            INTERIOR_TABLE => false,
            _ => return None,
        };
        let cells = u16::from_be_bytes(*header.get(3..)?.first_chunk()?);
        let header_bytes = if is_leaf { 8 } else { 12 };
        let pointers_at = at + header_bytes;
        page.get(pointers_at..pointers_at + 2 * usize::from(cells))?;
        Some(Self {
            page,
            is_leaf,
            cells,
            pointers_at,
            right: (!is_leaf).then(|| big_endian(header, 8)),
        })
    }

    /// Where a cell begins.
    fn pointer(&self, cell: u16) -> Option<usize> {
        let at = self.pointers_at + 2 * usize::from(cell);
        let pointer = u16::from_be_bytes(*self.page.get(at..)?.first_chunk()?);
        Some(usize::from(pointer))
    }

    /// The child of an interior page's cell; a cell outside of the page has the impossible page 0.
    pub(super) fn child(&self, cell: u16) -> Option<u32> {
        if self.is_leaf {
            return None;
        }
        Some(self.pointer(cell).map_or(0, |at| big_endian(self.page, at)))
    }

    /// The row of a leaf's cell.
    pub(super) fn cell(&self, cell: u16) -> Option<Cell> {
        let mut rest = self.page.get(self.pointer(cell)?..)?;
        let payload_bytes = usize::try_from(varint(&mut rest)?).ok()?;
        // The row's number, which nobody asks for.
        varint(&mut rest)?;
        // The payload's length is believed only as far as `local_bytes` cuts it to the page; the
        // rest is followed page by page, and those are counted.
        let local_bytes = local_bytes(payload_bytes, self.page.len());
        let (local, rest) = rest.split_at_checked(local_bytes)?;
        let overflow =
            if local_bytes < payload_bytes { u32::from_be_bytes(*rest.first_chunk()?) } else { 0 };
        Some(Cell { payload_bytes, local: local.to_vec(), overflow })
    }
}

/// How much of a payload stands on its own page (1.6).
const fn local_bytes(payload: usize, usable: usize) -> usize {
    let most = usable - 35;
    if payload <= most {
        return payload;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (payload - least) % (usable - 4);
    if fitting <= most { fitting } else { least }
}

/// A number of four bytes; 0, which no page has, where they are not there.
pub(super) fn big_endian(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.map_or(0, |number| u32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests;
