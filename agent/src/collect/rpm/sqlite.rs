//! The headers in rpm's `SQLite` database, read without `SQLite`.
//!
//! One table is walked, `Packages (hnum INTEGER PRIMARY KEY, blob BLOB)`: from the schema on page 1 down
//! the table's b-tree, each blob through its chain of overflow pages. Nothing in the file is believed:
//! every offset is checked, and no page is visited twice. The database is not locked, so a change
//! while it is read is noticed by the files' times, and the caller reads again.
//!
//! Format: "Database File Format" of `SQLite`'s documentation; section numbers below are its.

mod btree;
mod record;

use std::path::Path;

use self::btree::{Cell, Node, big_endian};
use self::record::Columns;
use super::header::{HeaderReader, Wanted};
use super::pages::Pages;
use super::wal::Wal;
use crate::collect::defects::ReadError;
use crate::collect::root::{Root, SourceFile, Stamp};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;

/// Hands every header of a database over; `None` stands for a damaged one. Gives whether the database
/// stayed as it was meanwhile.
pub(super) fn read(
    root: &Root,
    path: &Path,
    wanted: Wanted,
    take: &mut dyn FnMut(Option<HeaderReader>),
) -> Result<bool, ReadError> {
    let mut database = Database::open(root, path, wanted)?;
    let table = database.find_table(root)?;
    database.walk(root, table, &mut |database, cell| {
        take(database.header(root, &cell)?);
        Ok(())
    })?;
    Ok(database.stamps == stamps_now(root, path)?)
}

/// The database's file and its log, at one moment.
type Stamps = (Stamp, Option<Stamp>);

fn stamps_now(root: &Root, path: &Path) -> Result<Stamps, ReadError> {
    let log = open_log(root, path)?;
    let log = log.as_ref().map(SourceFile::stamp).transpose()?;
    Ok((super::open(root, path)?.stamp()?, log))
}

fn open_log(root: &Root, path: &Path) -> Result<Option<SourceFile>, ReadError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    root.file(Path::new(&name), super::DATABASE_BYTES_MAX)
}

/// A database that is being read.
struct Database {
    pages: Pages,
    wanted: Wanted,
    stamps: Stamps,
    log: Option<Wal>,
    page_bytes: usize,
    /// Bytes of a page without those at its end that are set aside for extensions.
    usable: usize,
    page_count: u32,
    /// Visits that are left before a page must have been visited twice.
    visits_left: u32,
    /// A page out of the log.
    log_page: Vec<u8>,
}

/// Bytes of a page, and how many of them hold rows; `None` for a header that is none.
fn page_sizes(header: &[u8; HEADER_BYTES]) -> Option<(usize, usize)> {
    // 1.3.2: the size 65,536 does not fit its field and is written as 1.
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => usize::from(size),
    };
    // 1.3.4: at least 480 bytes of a page can be used. With fewer, what is computed for rows that go on
    // in other pages would be negative.
    let usable = page_bytes.saturating_sub(usize::from(header[20]));
    let is_header = header.starts_with(MAGIC) && page_bytes.is_power_of_two() && usable >= 480;
    is_header.then_some((page_bytes, usable))
}

impl Database {
    fn open(root: &Root, path: &Path, wanted: Wanted) -> Result<Self, ReadError> {
        // Before the first byte is read: a change during the reading then shows in the stamps at
        // its end.
        let stamps = stamps_now(root, path)?;
        let file = super::open(root, path)?;
        let damaged = |what| Err(ReadError::damaged(path, what));
        let mut header = [0; HEADER_BYTES];
        if file.bytes < HEADER_BYTES as u64 {
            return damaged("shorter than a database");
        }
        file.read_exact_at(&mut header, 0)?;
        let Some((page_bytes, usable)) = page_sizes(&header) else {
            return damaged("not a SQLite database");
        };
        let log = match open_log(root, path)? {
            Some(log) => Wal::read(root, log, page_bytes)?,
            None => None,
        };
        // A database has a log or a journal and never both: they are two modes of SQLite.
        if log.is_none() {
            refuse_journal(root, path)?;
        }
        let pages = Pages::new(file, page_bytes);
        let page_count = log.as_ref().map_or_else(|| pages.count(), |log| log.database_pages);
        Ok(Self {
            pages,
            wanted,
            stamps,
            log,
            page_bytes,
            usable,
            page_count,
            visits_left: page_count.saturating_add(1),
            log_page: Vec::new(),
        })
    }

    fn pages_max(&self) -> usize {
        usize::try_from(self.page_count).unwrap_or(usize::MAX)
    }

    fn damaged<T>(&self, what: &'static str) -> Result<T, ReadError> {
        Err(ReadError::damaged(&self.pages.file.path, what))
    }

    /// A page's content.
    fn page(&mut self, number: u32) -> Result<&[u8], ReadError> {
        if number == 0 || number > self.page_count {
            return self.damaged("a page that is not in the file");
        }
        let Some(visits_left) = self.visits_left.checked_sub(1) else {
            return self.damaged("pages that point to each other");
        };
        self.visits_left = visits_left;
        // What is in the log is newer than what is in the file.
        if let Some(log) = &self.log {
            self.log_page.resize(self.page_bytes, 0);
            if log.page(number, &mut self.log_page)? {
                return Ok(&self.log_page);
            }
        }
        self.pages.get(number - 1)
    }

    /// The first page of the table of packages (2.6).
    fn find_table(&mut self, root: &Root) -> Result<u32, ReadError> {
        let mut table = None;
        self.walk(root, 1, &mut |_, cell| {
            let mut columns = Columns::new(&cell.local);
            let mut next = || columns.as_mut().and_then(Iterator::next).unwrap_or_default();
            // `type`, `name`, `tbl_name`, `rootpage`.
            let (kind, name, _, page) = (next(), next(), next(), next());
            if kind == b"table" && name == b"Packages" {
                let page = page.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
                table = u32::try_from(page).ok();
            }
            Ok(())
        })?;
        // The schema's pages are not the table's.
        self.visits_left = self.page_count.saturating_add(1);
        match table {
            Some(table) => Ok(table),
            None => self.damaged("no table of packages"),
        }
    }

    /// Visits the rows of a table in their order.
    fn walk(
        &mut self,
        root: &Root,
        first: u32,
        visit: &mut dyn FnMut(&mut Self, Cell) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut pending = vec![first];
        let mut page = Vec::new();
        while let Some(number) = pending.pop() {
            root.check()?;
            // A copy, for rows lead to other pages while this one is looked through.
            page.clear();
            page.extend_from_slice(self.page(number)?);
            // Page 1 begins with the database's header.
            let at = if number == 1 { HEADER_BYTES } else { 0 };
            let Some(node) = Node::new(&page[..self.usable], at) else {
                return self.damaged("a page that is not one of a table");
            };
            for cell in 0..node.cells {
                if let Some(child) = node.child(cell) {
                    // Children are taken from the end, so that rows come in order.
                    pending.push(child);
                } else if let Some(cell) = node.cell(cell) {
                    visit(self, cell)?;
                } else {
                    return self.damaged("a row outside of its page");
                }
            }
            if let Some(right) = node.right {
                if pending.len() > self.pages_max() {
                    return self.damaged("pages that point to each other");
                }
                let first = pending.len() - usize::from(node.cells);
                pending.push(right);
                pending[first..].reverse();
            }
        }
        Ok(())
    }

    /// Reads the header in a row; `None` when the row is not one of packages.
    fn header(&mut self, root: &Root, cell: &Cell) -> Result<Option<HeaderReader>, ReadError> {
        // Column 0 is `hnum`, which is the row's own number and stands in the record as NULL.
        let Some(blob) = Columns::new(&cell.local).and_then(|columns| columns.position_of(1))
        else {
            return Ok(None);
        };
        // The column before takes no byte of the row, so the blob begins on the row's own page.
        if blob.start > cell.local.len() || blob.end > cell.payload_bytes {
            return Ok(None);
        }
        let mut reader = HeaderReader::new(self.wanted);
        reader.feed(&cell.local[blob.start..blob.end.min(cell.local.len())]);
        let mut left = blob.end.saturating_sub(cell.local.len());
        let mut overflow = cell.overflow;
        // An overflow page begins with the number of the next (1.7).
        let room = self.usable - 4;
        while left > 0 {
            root.check()?;
            let page = self.page(overflow)?;
            reader.feed(&page[4..4 + left.min(room)]);
            overflow = big_endian(page, 0);
            left = left.saturating_sub(room);
        }
        Ok(Some(reader))
    }
}

/// A database without a log may have been left in the middle of a change, which the journal beside it
/// takes back. rpm never works like that, so this is refused rather than done.
fn refuse_journal(root: &Root, path: &Path) -> Result<(), ReadError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-journal");
    match root.file(Path::new(&name), super::DATABASE_BYTES_MAX)? {
        Some(journal) if journal.bytes > 0 => {
            Err(ReadError::damaged(path, "an interrupted change; rpm --rebuilddb repairs it"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
