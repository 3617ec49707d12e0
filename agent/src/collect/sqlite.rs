//! `SQLite` databases, read in place without `SQLite`.
//!
//! Whoever keeps its packages in such a database has one table of them: it is found in the schema on
//! page 1, and its b-tree walked row by row, each row through its chain of overflow pages. Nothing in
//! the file is believed: every offset is checked, and no page is visited twice. The database is not
//! locked, so a change while it is read is noticed by the files' times, and the caller reads again.
//!
//! Format: "Database File Format" of `SQLite`'s documentation; section numbers below are its.

mod btree;
mod record;
#[cfg(any(target_os = "macos", test, feature = "test-support"))]
mod schema;
mod wal;

use std::ops::Range;
use std::path::Path;

use self::btree::{Node, big_endian};
use self::wal::Wal;
use super::defects::ReadError;
use super::pages::Pages;
use super::root::{Root, SourceFile, Stamp};

pub(super) use self::btree::Cell;
pub(super) use self::record::Columns;
#[cfg(any(target_os = "macos", test, feature = "test-support"))]
pub(super) use self::record::Value;
#[cfg(any(target_os = "macos", test, feature = "test-support"))]
pub(super) use self::schema::columns;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;

/// Bytes of the text that makes a table; real ones have some hundreds.
const SQL_BYTES_MAX: usize = 16 * 1024;

/// Whose database it is, as far as that matters to reading it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    /// Bytes that one of its files may have.
    pub(super) bytes_max: u64,
    /// What is said when a file has gone that was there.
    pub(super) changing: &'static str,
    /// What is said of a change that was left in the middle, and what repairs it.
    pub(super) interrupted: &'static str,
}

/// A table of a database.
#[derive(Debug)]
pub(super) struct Table {
    /// The page with which it begins.
    first: u32,
    /// The text that makes it; empty where that is longer than any real one.
    #[cfg_attr(
        not(any(target_os = "macos", test, feature = "test-support")),
        expect(dead_code, reason = "rpm's table has not changed since it was made")
    )]
    pub(super) sql: Vec<u8>,
}

/// The database's file and its log, at one moment.
type Stamps = (Stamp, Option<Stamp>);

/// A database that is being read.
#[derive(Debug)]
pub(super) struct Database {
    owner: Owner,
    pages: Pages,
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

/// What is done with a row.
pub(super) type Visit<'v> = dyn FnMut(&mut Database, Cell) -> Result<(), ReadError> + 'v;

impl Database {
    /// Opens the database in a file that is there.
    pub(super) fn open(root: &Root, path: &Path, owner: Owner) -> Result<Self, ReadError> {
        // Before the first byte is read: a change during the reading then shows in the stamps at
        // its end.
        let stamps = stamps_now(root, path, owner)?;
        let file = open_file(root, path, owner)?;
        let damaged = |what| Err(ReadError::damaged(path, what));
        let mut header = [0; HEADER_BYTES];
        if file.bytes < HEADER_BYTES as u64 {
            return damaged("shorter than a database");
        }
        file.read_exact_at(&mut header, 0)?;
        let Some((page_bytes, usable)) = page_sizes(&header) else {
            return damaged("not a SQLite database");
        };
        let log = match open_log(root, path, owner)? {
            Some(log) => Wal::read(root, log, page_bytes)?,
            None => None,
        };
        // A database has a log or a journal and never both: they are two modes of SQLite.
        if log.is_none() {
            refuse_journal(root, path, owner)?;
        }
        let pages = Pages::new(file, page_bytes);
        let page_count = log.as_ref().map_or_else(|| pages.count(), |log| log.database_pages);
        Ok(Self {
            owner,
            pages,
            stamps,
            log,
            page_bytes,
            usable,
            page_count,
            visits_left: page_count.saturating_add(1),
            log_page: Vec::new(),
        })
    }

    /// Whether nobody has changed the database since it was opened.
    pub(super) fn has_stayed(&self, root: &Root) -> Result<bool, ReadError> {
        Ok(self.stamps == stamps_now(root, &self.pages.file.path, self.owner)?)
    }

    /// The table of a name (2.6).
    pub(super) fn table(&mut self, root: &Root, name: &str) -> Result<Option<Table>, ReadError> {
        let mut table = None;
        self.rows_from(root, 1, &mut |database, cell| {
            let mut columns = Columns::new(&cell.local);
            let mut next = || columns.as_mut().and_then(Iterator::next).unwrap_or_default();
            // `type`, `name`, `tbl_name`, `rootpage`, `sql`.
            let (kind, own, _, page) = (next(), next(), next(), next());
            if kind == b"table" && own == name.as_bytes() {
                let page = page.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
                let first = u32::try_from(page).unwrap_or_default();
                table = Some(Table { first, sql: database.sql(root, &cell)? });
            }
            Ok(())
        })?;
        // The schema's pages are not the table's.
        self.visits_left = self.page_count.saturating_add(1);
        Ok(table)
    }

    /// Visits the rows of a table in their order.
    pub(super) fn rows(
        &mut self,
        root: &Root,
        table: &Table,
        visit: &mut Visit<'_>,
    ) -> Result<(), ReadError> {
        self.rows_from(root, table.first, visit)
    }

    /// Hands a part of a row over, piece by piece. It has to begin on the row's own page.
    pub(super) fn feed(
        &mut self,
        root: &Root,
        cell: &Cell,
        part: Range<usize>,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ReadError> {
        let end = part.end.min(cell.local.len());
        take(cell.local.get(part.start..end).unwrap_or_default());
        let mut left = part.end.saturating_sub(cell.local.len());
        let mut overflow = cell.overflow;
        // An overflow page begins with the number of the next (1.7).
        let room = self.usable - 4;
        while left > 0 {
            root.check()?;
            let page = self.page(overflow)?;
            take(&page[4..4 + left.min(room)]);
            overflow = big_endian(page, 0);
            left = left.saturating_sub(room);
        }
        Ok(())
    }

    /// The text that makes a table, out of the schema's row of it.
    fn sql(&mut self, root: &Root, cell: &Cell) -> Result<Vec<u8>, ReadError> {
        let place = Columns::new(&cell.local).and_then(|columns| columns.position_of(4));
        let is_real = |place: &Range<usize>| {
            place.start <= cell.local.len()
                && place.end <= cell.payload_bytes
                && place.len() <= SQL_BYTES_MAX
        };
        let mut sql = Vec::new();
        if let Some(place) = place.filter(is_real) {
            self.feed(root, cell, place, &mut |bytes| sql.extend_from_slice(bytes))?;
        }
        Ok(sql)
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

    fn rows_from(
        &mut self,
        root: &Root,
        first: u32,
        visit: &mut Visit<'_>,
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

fn stamps_now(root: &Root, path: &Path, owner: Owner) -> Result<Stamps, ReadError> {
    let log = open_log(root, path, owner)?;
    let log = log.as_ref().map(SourceFile::stamp).transpose()?;
    Ok((open_file(root, path, owner)?.stamp()?, log))
}

fn open_file(root: &Root, path: &Path, owner: Owner) -> Result<SourceFile, ReadError> {
    root.file(path, owner.bytes_max)?.ok_or_else(|| ReadError::damaged(path, owner.changing))
}

fn open_log(root: &Root, path: &Path, owner: Owner) -> Result<Option<SourceFile>, ReadError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    root.file(Path::new(&name), owner.bytes_max)
}

/// A database without a log may have been left in the middle of a change, which the journal beside it
/// takes back. That is its owner's to do: here the database is refused.
fn refuse_journal(root: &Root, path: &Path, owner: Owner) -> Result<(), ReadError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-journal");
    match root.file(Path::new(&name), owner.bytes_max)? {
        Some(journal) if journal.bytes > 0 => Err(ReadError::damaged(path, owner.interrupted)),
        _ => Ok(()),
    }
}
