//! The headers in rpm's `SQLite` database.
//!
//! They are in one table, `Packages (hnum INTEGER PRIMARY KEY, blob BLOB)`, a header a row.

use std::path::Path;

use super::header::{HeaderReader, Wanted};
use crate::collect::defects::ReadError;
use crate::collect::root::Root;
use crate::collect::sqlite::{Cell, Columns, Database, Owner};

const OWNER: Owner = Owner {
    bytes_max: super::DATABASE_BYTES_MAX,
    changing: "rpm is changing the database",
    // rpm never works with a journal, so it has not come to be by itself.
    interrupted: "an interrupted change; rpm --rebuilddb repairs it",
};

/// Hands every header of a database over; `None` stands for a damaged one. Gives whether the database
/// stayed as it was meanwhile.
pub(super) fn read(
    root: &Root,
    path: &Path,
    wanted: Wanted,
    take: &mut dyn FnMut(Option<HeaderReader>),
) -> Result<bool, ReadError> {
    let mut database = Database::open(root, path, OWNER)?;
    let Some(table) = database.table(root, "Packages")? else {
        return Err(ReadError::damaged(path, "no table of packages"));
    };
    database.rows(root, &table, &mut |database, cell| {
        take(header(database, root, &cell, wanted)?);
        Ok(())
    })?;
    database.has_stayed(root)
}

/// Reads the header in a row; `None` when the row is not one of packages.
fn header(
    database: &mut Database,
    root: &Root,
    cell: &Cell,
    wanted: Wanted,
) -> Result<Option<HeaderReader>, ReadError> {
    // Column 0 is `hnum`, which is the row's own number and stands in the record as NULL.
    let Some(blob) = Columns::new(&cell.local).and_then(|columns| columns.position_of(1)) else {
        return Ok(None);
    };
    // The column before takes no byte of the row, so the blob begins on the row's own page.
    if blob.start > cell.local.len() || blob.end > cell.payload_bytes {
        return Ok(None);
    }
    let mut reader = HeaderReader::new(wanted);
    database.feed(root, cell, blob, &mut |bytes| reader.feed(bytes))?;
    Ok(Some(reader))
}

#[cfg(test)]
mod tests;
