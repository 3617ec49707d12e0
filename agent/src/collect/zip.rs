//! One file out of a zip archive, such as the manifest in a plugin's jar.
//!
//! The archive's directory is looked through for the name, and the file alone is unpacked, to no more
//! than its limit: what an archive says of sizes is never believed.
//!
//! Format: PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.

use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::defects::ReadError;
use super::root::SourceFile;

/// Bytes at the archive's end in which its directory is named: a record and the longest comment.
const TAIL_BYTES: u64 = 22 + 65_535;
/// Bytes of a directory that is looked through.
const DIRECTORY_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of a packed file.
const PACKED_BYTES_MAX: u64 = 1024 * 1024;

/// Where a file is in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    method: u16,
    packed_bytes: u64,
    header_at: u64,
}

/// The content of a file in an archive; `None` when there is no such file.
pub(super) fn read(
    archive: &SourceFile,
    name: &str,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, ReadError> {
    let damaged = |what| ReadError::damaged(&archive.path, what);
    let tail_at = archive.bytes.saturating_sub(TAIL_BYTES);
    let tail = read_at(archive, tail_at, archive.bytes - tail_at)?;
    let (at, length) = directory(&tail).ok_or_else(|| damaged("not a zip archive"))?;
    // Before any memory is taken, since both numbers are the archive's own words. Where they are
    // too large for this record (zip64) they are 0xffffffff, and impossible as well.
    if length > DIRECTORY_BYTES_MAX || at.saturating_add(length) > archive.bytes {
        return Err(damaged("an archive with an impossible directory"));
    }
    let Some(entry) = find(&read_at(archive, at, length)?, name) else {
        return Ok(None);
    };
    // APPNOTE 4.3.7: thirty bytes stand before the name, its length among them.
    let header = read_at(archive, entry.header_at, 30)?;
    // The lengths of name and extra field here may differ from those in the directory.
    let skip = u16_at(&header, 26).zip(u16_at(&header, 28));
    let Some((name_bytes, extra_bytes)) = skip.filter(|_| header.starts_with(b"PK\x03\x04")) else {
        return Err(damaged("an archive whose directory is not its own"));
    };
    if entry.packed_bytes > PACKED_BYTES_MAX {
        return Err(damaged("a file in an archive that is too large"));
    }
    let at = entry.header_at + 30 + u64::from(name_bytes) + u64::from(extra_bytes);
    let packed = read_at(archive, at, entry.packed_bytes)?;
    match entry.method {
        // APPNOTE 4.4.5: 0 is stored, 8 is deflated. The tools that write jars use no other.
        0 if packed.len() <= bytes_max => Ok(Some(packed)),
        8 => match decompress_to_vec_with_limit(&packed, bytes_max) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(_) => Err(damaged("a file in an archive that does not unpack")),
        },
        _ => Err(damaged("a file in an archive in an unknown packing")),
    }
}

fn read_at(archive: &SourceFile, at: u64, length: u64) -> Result<Vec<u8>, ReadError> {
    let is_inside = at.saturating_add(length) <= archive.bytes;
    let length = usize::try_from(length).ok().filter(|_| is_inside);
    let Some(length) = length else {
        let what = "an archive that ends early";
        return Err(ReadError::damaged(&archive.path, what));
    };
    let mut bytes = vec![0; length];
    archive.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// Where the directory is and how long, by the record at the archive's end.
fn directory(tail: &[u8]) -> Option<(u64, u64)> {
    // The last one: the same bytes may stand in a file before it.
    let at = tail.windows(4).rposition(|w| w == b"PK\x05\x06")?;
    let record = &tail[at..];
    Some((u32_at(record, 16)?.into(), u32_at(record, 12)?.into()))
}

fn find(directory: &[u8], name: &str) -> Option<Entry> {
    let mut rest = directory;
    while rest.starts_with(b"PK\x01\x02") {
        let lengths = [28, 30, 32].map(|at| u16_at(rest, at).map(usize::from));
        let [Some(name_bytes), Some(extra_bytes), Some(comment_bytes)] = lengths else {
            return None;
        };
        if rest.get(46..46 + name_bytes)? == name.as_bytes() {
            return Some(Entry {
                method: u16_at(rest, 10)?,
                packed_bytes: u32_at(rest, 20)?.into(),
                header_at: u32_at(rest, 42)?.into(),
            });
        }
        rest = rest.get(46 + name_bytes + extra_bytes + comment_bytes..)?;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_le_bytes(bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests;
