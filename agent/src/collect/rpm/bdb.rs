//! The headers in a Berkeley DB hash database, the format of rpm before `SQLite`: RHEL 8, Amazon
//! Linux 2 and everything older.
//!
//! A hash table's order is of no use here, so its pages are taken one after another: those that hold
//! entries are looked through, and each header is followed through its chain of overflow pages.
//!
//! ```text
//! page 0       12 magic, 16 version, 20 page size, 25 type 8, 32 last page
//! every page   16 next page, 20 entries, 22 bytes (of an overflow page), 25 type, 26 content
//! hash page    26.. two bytes an entry: where on the page it is; keys and values by turns
//! entry        0 kind: 1 = on this page, 3 = elsewhere, with 4 first page and 8 bytes
//! ```
//!
//! Numbers are in the order of the machine that made the database; its magic number tells which.

use std::path::Path;

use super::header::{HeaderReader, Wanted};
use crate::collect::defects::ReadError;
use crate::collect::pages::Pages;
use crate::collect::root::Root;

// `DB_HASHMAGIC` of Berkeley DB's db.h.
const MAGIC: u32 = 0x0006_1561;
const META_BYTES: usize = 512;
const PAGE_HEADER_BYTES: usize = 26;

const TYPE_HASH_META: u8 = 8;
// Of Berkeley DB before 4.6; a database that was made by it and is used by a later one has both
// kinds.
const TYPE_HASH_UNSORTED: u8 = 2;
const TYPE_HASH: u8 = 13;
const TYPE_OVERFLOW: u8 = 7;

const KIND_HERE: u8 = 1;
const KIND_ELSEWHERE: u8 = 3;

/// The key under which rpm counts instead of keeping a package.
const COUNTER: [u8; 4] = [0; 4];

/// Hands every header of a database over; `None` stands for a damaged one. Gives whether the database
/// stayed as it was meanwhile.
pub(super) fn read(
    root: &Root,
    path: &Path,
    wanted: Wanted,
    take: &mut dyn FnMut(Option<HeaderReader>),
) -> Result<bool, ReadError> {
    let mut table = Table::open(root, path, wanted)?;
    let stamp = table.pages.file.stamp()?;
    let mut page = Vec::new();
    for number in 1..table.page_count {
        root.check()?;
        // A copy, for values lead to other pages while this one is looked through.
        page.clear();
        page.extend_from_slice(table.pages.get(number)?);
        // No page is shorter than 512 bytes: `Table::open` sees to it.
        if matches!(page[25], TYPE_HASH | TYPE_HASH_UNSORTED) {
            table.read_page(root, &page, take)?;
        }
    }
    Ok(super::open(root, path)?.stamp()? == stamp)
}

/// A hash table that is being read.
struct Table {
    pages: Pages,
    wanted: Wanted,
    order: Order,
    page_count: u32,
    /// Overflow pages that may still be visited, before one must have been visited twice.
    visits_left: u32,
}

/// The order of the bytes in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Table {
    fn open(root: &Root, path: &Path, wanted: Wanted) -> Result<Self, ReadError> {
        let file = super::open(root, path)?;
        let mut meta = [0; META_BYTES];
        if file.bytes < META_BYTES as u64 {
            return Err(ReadError::damaged(path, "shorter than a database"));
        }
        file.read_exact_at(&mut meta, 0)?;
        let order =
            [Order::Little, Order::Big].into_iter().find(|order| order.number(&meta, 12) == MAGIC);
        let is_hash = meta[25] == TYPE_HASH_META;
        let Some(order) = order.filter(|_| is_hash) else {
            return Err(ReadError::damaged(path, "not a Berkeley DB hash database"));
        };
        // Berkeley DB's own bounds are 512 bytes and 64 KiB.
        let page_bytes = usize::try_from(order.number(&meta, 20)).unwrap_or(usize::MAX);
        let is_encrypted = meta[24] != 0;
        if !page_bytes.is_power_of_two() || !(512..=65_536).contains(&page_bytes) || is_encrypted {
            return Err(ReadError::damaged(path, "not a database that rpm makes"));
        }
        let pages = Pages::new(file, page_bytes);
        // By the file's size as well as by what its header says: either alone may be a lie, and
        // four billion visits to one page would be the whole time box.
        let page_count = order.number(&meta, 32).saturating_add(1).min(pages.count());
        Ok(Self { pages, wanted, order, page_count, visits_left: page_count })
    }

    /// Hands over the headers whose entries are on a page.
    fn read_page(
        &mut self,
        root: &Root,
        page: &[u8],
        take: &mut dyn FnMut(Option<HeaderReader>),
    ) -> Result<(), ReadError> {
        let entries = usize::from(self.order.short(page, 20));
        // Keys and values by turns: an odd one at the end has no value.
        for pair in 0..entries / 2 {
            let key = self.entry(page, 2 * pair);
            let value = self.entry(page, 2 * pair + 1);
            let (Some(key), Some(value)) = (key, value) else {
                take(None);
                continue;
            };
            if key.strip_prefix(&[KIND_HERE]) == Some(&COUNTER) {
                continue;
            }
            take(self.header(root, value)?);
        }
        Ok(())
    }

    /// An entry of a page, its kind first. Entries stand from the page's end towards its beginning,
    /// so each ends where the one before it begins.
    fn entry<'a>(&self, page: &'a [u8], number: usize) -> Option<&'a [u8]> {
        let place = |number: usize| {
            let at = PAGE_HEADER_BYTES + 2 * number;
            page.get(at..at + 2)?;
            Some(usize::from(self.order.short(page, at)))
        };
        let end = match number.checked_sub(1) {
            None => page.len(),
            Some(before) => place(before)?,
        };
        page.get(place(number)?..end).filter(|entry| !entry.is_empty())
    }

    /// Reads the header that a value is; `None` when the value is damaged.
    fn header(&mut self, root: &Root, value: &[u8]) -> Result<Option<HeaderReader>, ReadError> {
        let mut reader = HeaderReader::new(self.wanted);
        // There is a first byte: `entry` gives no empty one.
        match value[0] {
            KIND_HERE => reader.feed(&value[1..]),
            // Kind, three unused bytes, page and length: shorter, it cannot say where.
            KIND_ELSEWHERE if value.len() >= 12 => {
                let mut number = self.order.number(value, 4);
                let bytes = self.order.number(value, 8);
                let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
                while left > 0 {
                    root.check()?;
                    let Some(page) = self.overflow(number)? else {
                        return Ok(None);
                    };
                    reader.feed(&page.content[..left.min(page.content.len())]);
                    left = left.saturating_sub(page.content.len());
                    number = page.next;
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(reader))
    }

    /// A page of a chain; `None` when it is not one.
    fn overflow(&mut self, number: u32) -> Result<Option<Overflow<'_>>, ReadError> {
        let Some(visits_left) = self.visits_left.checked_sub(1) else {
            let what = "pages that point to each other";
            return Err(ReadError::damaged(&self.pages.file.path, what));
        };
        self.visits_left = visits_left;
        if number == 0 || number >= self.page_count {
            return Ok(None);
        }
        let order = self.order;
        let page = self.pages.get(number)?;
        let bytes = usize::from(order.short(page, 22));
        let content = page.get(PAGE_HEADER_BYTES..PAGE_HEADER_BYTES + bytes);
        // An empty page would be a chain without an end.
        let is_overflow = page[25] == TYPE_OVERFLOW && bytes > 0;
        Ok(content
            .filter(|_| is_overflow)
            .map(|content| Overflow { next: order.number(page, 16), content }))
    }
}

/// A page of a chain.
struct Overflow<'a> {
    next: u32,
    content: &'a [u8],
}

impl Order {
    /// A number of four bytes; 0 where it is not there.
    fn number(self, bytes: &[u8], at: usize) -> u32 {
        let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
        let number = number.copied().unwrap_or_default();
        match self {
            Self::Little => u32::from_le_bytes(number),
            Self::Big => u32::from_be_bytes(number),
        }
    }

    /// A number of two bytes; 0 where it is not there.
    fn short(self, bytes: &[u8], at: usize) -> u16 {
        let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
        let number = number.copied().unwrap_or_default();
        match self {
            Self::Little => u16::from_le_bytes(number),
            Self::Big => u16::from_be_bytes(number),
        }
    }
}

#[cfg(test)]
mod tests;
