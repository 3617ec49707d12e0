//! An extract: everything of one feed file that an index is made of, in numbers, kept in a file of
//! its own.
//!
//! It exists because nine tenths of making an index are reading JSON, and from one sync to the next
//! few feed files change: the extract of a file that did not is read instead of it, and only where
//! something is asked for. It belongs to the bytes of the feed and to the program that read them,
//! and is never read by another one. It is no authority: whatever is wrong with one, the feed is
//! there to be read again.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::index::IndexError;
use crate::index::bytes::{Bytes, place, u32_at, u64_at};
use crate::index::mapping;
use crate::rule::LeftOut;

mod merge;
mod write;

pub(in crate::index) use crate::index::extract::merge::{Version, Wanted};

/// The program's own sources as a number, see `build.rs`.
pub(in crate::index) const READER: u64 = match u64::from_str_radix(env!("MUSTER_SOURCES"), 16) {
    Ok(number) => number,
    Err(_) => 0,
};

const MAGIC: [u8; 8] = *b"MUSTEREX";
const CHECKSUM_AT: usize = 8;
const LENGTH_AT: usize = 16;
const READER_AT: usize = 24;
const CONTENT_AT: usize = 32;
/// Records, and the four numbers of what was left out.
const COUNTS_AT: usize = 64;
const TABLES_AT: usize = COUNTS_AT + 5 * 8;
const HEADER_BYTES: usize = TABLES_AT + Table::ALL.len() * 16;

/// A feed file's content: its SHA-256.
pub type ContentId = [u8; 32];

/// The tables, in their order in the file. Rows that begin somewhere in another table say where
/// they end there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    /// All texts, one behind the other.
    Text,
    /// Where each text ends.
    Strings,
    /// Vendor, product, part.
    Products,
    /// Text, update or none.
    Versions,
    /// Seven qualifiers, condition.
    Shapes,
    /// Where each condition ends.
    ConditionEnds,
    /// As in an index.
    Conditions,
    /// Of CVEs, sorted by CVE and source: year, number, source and flags, modified (two words),
    /// digest (two words), end of its rules.
    Statements,
    /// Product, shape, kind and bounds, lower version, upper version.
    Rules,
    /// Id, release, kind of names.
    Places,
    /// Place, name.
    Packages,
    /// Verdict, scheme, module, channel, note.
    SaidShapes,
    /// Where each list of spans ends.
    SpanListEnds,
    /// Kind, lower version, upper version.
    Spans,
    /// Scheme, text.
    SaidVersions,
    /// Advisories, sorted by publisher and id: publisher, id, severity, flags, modified (two words),
    /// digest (two words), end of its CVEs, end of what it says.
    Advisories,
    /// Year, number.
    AdvisoryCves,
    /// Package, shape, list of spans.
    Said,
}

impl Table {
    const ALL: [Self; 18] = [
        Self::Text,
        Self::Strings,
        Self::Products,
        Self::Versions,
        Self::Shapes,
        Self::ConditionEnds,
        Self::Conditions,
        Self::Statements,
        Self::Rules,
        Self::Places,
        Self::Packages,
        Self::SaidShapes,
        Self::SpanListEnds,
        Self::Spans,
        Self::SaidVersions,
        Self::Advisories,
        Self::AdvisoryCves,
        Self::Said,
    ];

    /// Words of a row; the text has none.
    const fn words(self) -> usize {
        match self {
            Self::Text
            | Self::Strings
            | Self::ConditionEnds
            | Self::Conditions
            | Self::SpanListEnds => 1,
            Self::Versions | Self::Packages | Self::SaidVersions | Self::AdvisoryCves => 2,
            Self::Products | Self::Places | Self::Spans | Self::Said => 3,
            Self::Rules | Self::SaidShapes => 5,
            Self::Shapes | Self::Statements => 8,
            Self::Advisories => 10,
        }
    }
}

/// An opened extract.
#[derive(Debug)]
pub struct Extract {
    bytes: Bytes,
    path: PathBuf,
    content: ContentId,
    tables: [(usize, usize); Table::ALL.len()],
    records: u64,
    left_out: LeftOut,
}

impl Extract {
    /// Opens the extract of a feed file, if it is one of this content by this program.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is damaged, or is of something else.
    pub fn open(path: &Path, content: ContentId) -> Result<Self, IndexError> {
        let opened = File::open(path).and_then(|file| mapping::map(&file));
        let map = opened.map_err(|source| IndexError::Io {
            action: "open",
            path: path.to_owned(),
            source,
        })?;
        Self::check(Bytes::Mapped(map), path, content)
    }

    fn check(bytes: Bytes, path: &Path, content: ContentId) -> Result<Self, IndexError> {
        let damaged = |reason| IndexError::Damaged { path: path.to_owned(), reason };
        let all = bytes.as_slice();
        if all.first_chunk() != Some(&MAGIC) || all.len() < HEADER_BYTES {
            return Err(damaged("it is no extract of a feed"));
        }
        // Before the checksum: an extract of another program is as common as an update, and need
        // not be read whole to be refused.
        if u64_at(all, READER_AT) != Some(READER) {
            return Err(damaged("another version of the program has made it"));
        }
        if u64_at(all, LENGTH_AT) != Some(all.len() as u64)
            || u32_at(all, CHECKSUM_AT) != Some(checksum(all))
        {
            return Err(damaged("its checksum does not fit"));
        }
        // Its name says the content too, and files can be renamed.
        if all.get(CONTENT_AT..COUNTS_AT) != Some(&content) {
            return Err(damaged("it is of another feed file"));
        }
        let mut tables = [(0, 0); Table::ALL.len()];
        for (at, table) in tables.iter_mut().enumerate() {
            *table = table_at(all, at).ok_or_else(|| damaged("a table is not within it"))?;
        }
        let count = |at: usize| u64_at(all, COUNTS_AT + at * 8).unwrap_or_default();
        Ok(Self {
            records: count(0),
            left_out: LeftOut {
                hardware: count(1),
                negated: count(2),
                wildcards: count(3),
                malformed: count(4),
            },
            bytes,
            path: path.to_owned(),
            content,
            tables,
        })
    }

    /// The content of the feed file that it is of.
    #[must_use]
    pub const fn content(&self) -> ContentId {
        self.content
    }

    /// Whether the feed holds anything that an index is made of.
    #[must_use]
    pub const fn has_records(&self) -> bool {
        self.records > 0
    }

    pub(in crate::index) const fn records(&self) -> u64 {
        self.records
    }

    pub(in crate::index) const fn left_out(&self) -> LeftOut {
        self.left_out
    }

    fn table(&self, table: Table) -> &[u8] {
        let (start, length) = self.tables[table as usize];
        self.bytes.as_slice().get(start..start + length).unwrap_or_default()
    }

    fn rows(&self, table: Table) -> u32 {
        let rows = self.tables[table as usize].1 / (table.words() * 4);
        // Numbers of rows were counted in 32 bits when it was written.
        u32::try_from(rows).unwrap_or(u32::MAX)
    }

    fn word(&self, table: Table, row: u32, word: usize) -> Result<u32, IndexError> {
        u32_at(self.table(table), (place(row) * table.words() + word) * 4)
            .ok_or_else(|| self.damaged())
    }

    /// A number of two words.
    fn wide(&self, table: Table, row: u32, word: usize) -> Result<u64, IndexError> {
        let (low, high) = (self.word(table, row, word)?, self.word(table, row, word + 1)?);
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    /// From where the row before ends in another table to where this one does.
    fn span(
        &self,
        table: Table,
        row: u32,
        word: usize,
    ) -> Result<std::ops::Range<u32>, IndexError> {
        let start = match row.checked_sub(1) {
            Some(before) => self.word(table, before, word)?,
            None => 0,
        };
        Ok(start..self.word(table, row, word)?)
    }

    fn text(&self, number: u32) -> Result<&str, IndexError> {
        let span = self.span(Table::Strings, number, 0)?;
        let text = self.table(Table::Text).get(place(span.start)..place(span.end));
        text.and_then(|text| std::str::from_utf8(text).ok()).ok_or_else(|| self.damaged())
    }

    /// What is said of bytes that have the checksum and still do not fit: a fault of ours.
    fn damaged(&self) -> IndexError {
        IndexError::Damaged { path: self.path.clone(), reason: "a row points outside of it" }
    }
}

fn table_at(bytes: &[u8], table: usize) -> Option<(usize, usize)> {
    let entry = TABLES_AT + table * 16;
    let start = usize::try_from(u64_at(bytes, entry)?).ok()?;
    let length = usize::try_from(u64_at(bytes, entry + 8)?).ok()?;
    // Checked, because both numbers are the file's own and their sum may be too large.
    (start.checked_add(length)? <= bytes.len()).then_some((start, length))
}

/// The checksum of a file, in which its own place counts as zero.
fn checksum(bytes: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(bytes.get(..CHECKSUM_AT).unwrap_or_default());
    checksum.update(&[0; 4]);
    checksum.update(bytes.get(CHECKSUM_AT + 4..).unwrap_or_default());
    checksum.finalize()
}

#[cfg(test)]
mod tests;
