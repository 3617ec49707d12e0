//! A registry hive: the file in which Windows keeps a part of its registry, read in place.
//!
//! Never more of the file than the cells on the way to what is asked for, and never deeper than the
//! path that is asked for: whatever a damaged or hostile file points to, the work is bounded. A hive
//! may lag behind its log, in which Windows notes changes first; that is said and not made good.
//!
//! Format: the "regf" layout as described by the projects that read it (Windows registry file format
//! specification, version 1.3 to 1.6).

mod cell;

use std::path::{Path, PathBuf};

pub(in crate::collect::windows) use self::cell::text_of;
use self::cell::{List, Node, Value, is_number, is_text};
use super::TEXT_BYTES_MAX;
use crate::collect::defects::ReadError;
use crate::collect::root::{Root, SourceFile};
use crate::collect::time_box::Stop;

/// Bytes of a hive; `SOFTWARE` of an old machine has some hundred megabytes.
const HIVE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Bytes before the first cell.
const BASE_BYTES: u64 = 4096;
/// Bytes of one cell: a list of a hundred thousand keys.
const CELL_BYTES_MAX: usize = 1024 * 1024;
/// Bytes that are read of a cell at first; most have less.
const CELL_BYTES: usize = 256;
/// Keys right below one key, and values of one.
const ENTRIES_MAX: usize = 100_000;
/// Parts of a path.
const DEPTH_MAX: usize = 32;

/// An open hive.
#[derive(Debug)]
pub(in crate::collect::windows) struct Hive {
    file: SourceFile,
    top: u32,
    is_behind: bool,
    stop: Stop,
}

/// A key in a hive.
#[derive(Debug)]
pub(in crate::collect::windows) struct HiveKey<'h> {
    hive: &'h Hive,
    node: Node,
}

impl Hive {
    /// Opens a hive; `None` where there is no such file.
    pub(in crate::collect::windows) fn open(
        root: &Root,
        path: &Path,
    ) -> Result<Option<Self>, ReadError> {
        let Some(file) = root.file(path, HIVE_BYTES_MAX)? else {
            return Ok(None);
        };
        let mut base = [0; 48];
        if file.bytes <= BASE_BYTES {
            return Err(ReadError::damaged(path, "shorter than a registry hive"));
        }
        file.read_exact_at(&mut base, 0)?;
        let number = |at: usize| {
            let bytes = base.get(at..at + 4).and_then(|b| b.try_into().ok());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        // Major version 1, and a primary file: 1 in the next field would be a log.
        if !base.starts_with(b"regf") || number(20) != 1 || number(28) != 0 {
            return Err(ReadError::damaged(path, "not a registry hive"));
        }
        Ok(Some(Self {
            top: number(36),
            // Counted up before and after a change is written.
            is_behind: number(4) != number(8),
            stop: root.stop(),
            file,
        }))
    }

    /// Where the hive is.
    pub(in crate::collect::windows) fn path(&self) -> &PathBuf {
        &self.file.path
    }

    /// Whether changes were begun that are not in the file.
    pub(in crate::collect::windows) const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// The key that holds all others.
    pub(in crate::collect::windows) fn top(&self) -> Result<HiveKey<'_>, ReadError> {
        let node = self.node(self.top)?;
        Ok(HiveKey { hive: self, node })
    }

    fn damaged<T>(&self, what: &'static str) -> Result<T, ReadError> {
        Err(ReadError::damaged(&self.file.path, what))
    }

    /// The content of the cell at an offset.
    fn cell(&self, offset: u32) -> Result<Vec<u8>, ReadError> {
        if self.stop.is_set() {
            return Err(ReadError::Stopped);
        }
        let at = BASE_BYTES + u64::from(offset);
        let room = usize::try_from(self.file.bytes.saturating_sub(at)).unwrap_or(usize::MAX);
        if room < 4 {
            return self.damaged("a cell outside of the file");
        }
        let mut bytes = vec![0; room.min(CELL_BYTES)];
        self.file.read_exact_at(&mut bytes, at)?;
        let size = bytes.first_chunk().copied().map(i32::from_le_bytes);
        // A cell that is in use has a negative size; one that is free holds what was deleted.
        let size = size.filter(|size| *size < 0).map(i32::unsigned_abs);
        let Some(size) = size.and_then(|size| usize::try_from(size).ok()) else {
            return self.damaged("a cell that is not in use");
        };
        if !(8..=room.min(CELL_BYTES_MAX)).contains(&size) {
            return self.damaged("a cell of an impossible size");
        }
        if size > bytes.len() {
            bytes = vec![0; size];
            self.file.read_exact_at(&mut bytes, at)?;
        }
        bytes.truncate(size);
        bytes.drain(..4);
        Ok(bytes)
    }

    fn node(&self, offset: u32) -> Result<Node, ReadError> {
        match Node::parse(&self.cell(offset)?) {
            Some(node) => Ok(node),
            None => self.damaged("a cell that is no key"),
        }
    }

    /// The offsets of the keys right below one.
    fn below(&self, node: &Node) -> Result<Vec<u32>, ReadError> {
        let Some(list) = node.keys else {
            return Ok(Vec::new());
        };
        match List::parse(&self.cell(list)?) {
            Some(List::Keys(keys)) => Ok(keys),
            Some(List::Lists(lists)) => {
                let mut keys = Vec::new();
                for list in lists {
                    // A list of lists holds no further ones.
                    match List::parse(&self.cell(list)?) {
                        Some(List::Keys(more)) => keys.extend(more),
                        Some(List::Lists(_)) | None => return self.damaged("a list of no keys"),
                    }
                    if keys.len() > ENTRIES_MAX {
                        return self.damaged("a key with too many others below it");
                    }
                }
                Ok(keys)
            }
            None => self.damaged("a list of no keys"),
        }
    }
}

impl HiveKey<'_> {
    /// The key at a path below this one.
    pub(in crate::collect::windows) fn open(&self, path: &str) -> Result<Option<Self>, ReadError> {
        let mut found: Option<Node> = None;
        for part in path.split('\\').take(DEPTH_MAX) {
            let below = self.hive.below(found.as_ref().unwrap_or(&self.node))?;
            let mut next = None;
            for offset in below {
                let node = self.hive.node(offset)?;
                if node.name.is(part) {
                    next = Some(node);
                    break;
                }
            }
            match next {
                Some(node) => found = Some(node),
                None => return Ok(None),
            }
        }
        let hive = self.hive;
        Ok(found.map(|node| HiveKey { hive, node }))
    }

    /// Shows every key right below this one with its name. A damaged one ends it: what comes after
    /// it cannot be told from what was never there.
    pub(in crate::collect::windows) fn each(
        &self,
        visit: &mut dyn FnMut(&str, Self) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let hive = self.hive;
        for offset in hive.below(&self.node)? {
            let node = hive.node(offset)?;
            let name = node.name.to_text();
            visit(&name, HiveKey { hive, node })?;
        }
        Ok(())
    }

    /// A text; `None` when there is no such value, or one of another kind.
    pub(in crate::collect::windows) fn text(
        &self,
        name: &str,
    ) -> Result<Option<String>, ReadError> {
        let Some(value) = self.value(name)?.filter(|value| is_text(value.kind)) else {
            return Ok(None);
        };
        Ok(self.data(&value)?.map(|bytes| text_of(&bytes)))
    }

    /// A number; `None` when there is no such value, or one of another kind.
    pub(in crate::collect::windows) fn number(&self, name: &str) -> Result<Option<u64>, ReadError> {
        let Some(value) = self.value(name)?.filter(|value| is_number(value.kind)) else {
            return Ok(None);
        };
        let mut number = [0; 8];
        let Some(bytes) = self.data(&value)?.filter(|bytes| bytes.len() <= number.len()) else {
            return Ok(None);
        };
        number[..bytes.len()].copy_from_slice(&bytes);
        Ok(Some(u64::from_le_bytes(number)))
    }

    fn value(&self, name: &str) -> Result<Option<Value>, ReadError> {
        let Some((list, count)) = self.node.values else {
            return Ok(None);
        };
        let offsets = self.hive.cell(list)?;
        let offsets = offsets.as_chunks().0.iter().copied().map(u32::from_le_bytes);
        for offset in offsets.take(count.min(ENTRIES_MAX)) {
            let Some(value) = Value::parse(&self.hive.cell(offset)?) else {
                return self.hive.damaged("a cell that is no value");
            };
            if value.name.is(name) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// A value's data; `None` when it is longer than any that is asked for.
    fn data(&self, value: &Value) -> Result<Option<Vec<u8>>, ReadError> {
        // Up to four bytes stand where the offset of longer ones is.
        if let Some(inline) = &value.inline {
            return Ok(Some(inline.clone()));
        }
        if value.bytes > TEXT_BYTES_MAX / 2 {
            return Ok(None);
        }
        let mut bytes = self.hive.cell(value.offset)?;
        // A cell is rounded up to eight bytes.
        bytes.truncate(value.bytes);
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests;
