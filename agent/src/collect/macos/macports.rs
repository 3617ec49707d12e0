//! The ports that `MacPorts` has installed, from its registry.
//!
//! The registry is a `SQLite` database with a row in the table `ports` for every port that was ever
//! built and kept. Those of the state `installed` are active, which is to say in place; of one port several
//! versions may be kept, and at most one is. The archives in `MacPorts`' folder `software` do not tell
//! which, so they are not asked.
//!
//! Schema: `src/cregistry/sql.c` of `MacPorts`' base, from its version 1.000 of 2007 to 1.210.

use std::borrow::Cow;
use std::path::Path;

use crate::collect::defects::{ReadError, Reading};
use crate::collect::records::{Draft, Records};
use crate::collect::root::Root;
use crate::collect::sqlite::{self, Columns, Database, Owner, Value};

/// Where the registry is, if nobody has built `MacPorts` for a place of their own.
const REGISTRY: &str = "/opt/local/var/macports/registry/registry.db";

const OWNER: Owner = Owner {
    // It lists every file of every port.
    bytes_max: 2 * 1024 * 1024 * 1024,
    changing: CHANGING,
    interrupted: "a change that is under way or was interrupted; any command of `sudo port` ends it",
};
const CHANGING: &str = "MacPorts is changing the registry";

/// Bytes of a row: up to `MacPorts` 2.2 it holds the whole Portfile.
const ROW_BYTES_MAX: usize = 1024 * 1024;

/// How often a registry that changes is read.
const TRIES: u32 = 3;

/// The columns that a record is made of.
const WANTED: [&[u8]; 8] =
    [b"name", b"version", b"revision", b"epoch", b"archs", b"state", b"date", b"location"];

/// Where in a row each of [`WANTED`] is.
type Places = [Option<usize>; WANTED.len()];

/// Reads the active ports.
pub(in crate::collect) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let path = Path::new(REGISTRY);
    if root.file(path, OWNER.bytes_max)?.is_none() {
        return Ok(Reading::Absent);
    }
    for _ in 0..TRIES {
        if read_registry(root, path, out)? {
            return Ok(Reading::Read);
        }
        // What was read may be half of one state and half of another.
        out.restart();
    }
    Err(ReadError::damaged(path, CHANGING))
}

/// Reads every port; gives whether the registry stayed as it was meanwhile.
fn read_registry(root: &Root, path: &Path, out: &mut Records) -> Result<bool, ReadError> {
    let mut database = Database::open(root, path, OWNER)?;
    let Some(table) = database.table(root, "ports")? else {
        return Err(ReadError::damaged(path, "no table of ports"));
    };
    let columns = sqlite::columns(&table.sql);
    let places: Places = WANTED.map(|wanted| columns.iter().position(|name| *name == wanted));
    let [Some(_), Some(_), _, _, _, Some(_), ..] = places else {
        return Err(ReadError::damaged(path, "a table of ports without names, versions or states"));
    };
    let mut row = Vec::new();
    database.rows(root, &table, &mut |database, cell| {
        row.clear();
        if cell.payload_bytes > ROW_BYTES_MAX {
            out.unreadable(path, "a port longer than any");
            return Ok(());
        }
        database.feed(root, &cell, 0..cell.payload_bytes, &mut |bytes| row.extend(bytes))?;
        if take(&row, &places, out).is_none() {
            out.unreadable(path, "a damaged port");
        }
        Ok(())
    })?;
    database.has_stayed(root)
}

/// Hands over the port of a row, if it is active; `None` for a row that is none.
fn take(row: &[u8], places: &Places, out: &mut Records) -> Option<()> {
    let mut columns = Columns::new(row)?;
    let mut values = [Value::Nothing; WANTED.len()];
    // A row that was written before a column was added ends before it.
    for (number, value) in std::iter::from_fn(|| columns.next_value()).enumerate() {
        if let Some(place) = places.iter().position(|place| *place == Some(number)) {
            values[place] = value;
        }
    }
    let [name, version, revision, epoch, archs, state, date, location] = values;
    // `imaged` is the other state: kept for another day.
    if *text(state)? != b"installed"[..] {
        return Some(());
    }
    let name = text(name)?;
    out.push(&Draft {
        name: &name,
        version: &text(version).unwrap_or_default(),
        epoch: number(epoch).filter(|epoch| *epoch > 0),
        release: &text(revision).unwrap_or_default(),
        arch: &text(archs).unwrap_or_default(),
        installed_at_s: number(date),
        location: &text(location).unwrap_or_default(),
        ..Draft::default()
    });
    Some(())
}

/// A value as a text; `None` where there is none.
fn text(value: Value<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
        Value::Number(number) => Some(Cow::Owned(number.to_string().into_bytes())),
        Value::Nothing => None,
    }
}

/// A value as a number; the first registries kept them as texts.
fn number(value: Value<'_>) -> Option<u32> {
    match value {
        Value::Number(number) => u32::try_from(number).ok(),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Value::Nothing => None,
    }
}

#[cfg(test)]
mod tests;
