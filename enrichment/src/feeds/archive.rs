//! Archives: the files in a tar or a zip are given one after another, to be read as if they lay in a
//! folder.
//!
//! Red Hat publishes its VEX documents as a tar, the OSV bucket its records as zips. Nothing is
//! unpacked to a disk, so names in archives can do no harm; archives in archives are not opened.

use std::io::{self, Read, Seek};
use std::path::Path;

use crate::feeds::FILE_BYTES_MAX;

/// Gives the files of a tar.
pub(super) fn tar<E: From<io::Error>>(
    stream: impl Read,
    mut take: impl FnMut(&Path, &mut dyn Read) -> Result<(), E>,
) -> Result<(), E> {
    let mut archive = ::tar::Archive::new(stream);
    for entry in archive.entries()? {
        let mut entry = entry?;
        // Links could only point at what is read anyway, or out of the archive.
        if entry.header().entry_type().is_file() {
            // Only for the report: a path with `..` in it, or an absolute one, is a name like any
            // other.
            let name = entry.path()?.into_owned();
            take(&name, &mut entry)?;
        }
    }
    Ok(())
}

/// Gives the files of a zip. Its table stands at the end, so that it has to be a file.
pub(super) fn zip<E: From<io::Error>>(
    file: impl Read + Seek,
    mut take: impl FnMut(&Path, &mut dyn Read) -> Result<(), E>,
) -> Result<(), E> {
    let mut archive = ::zip::ZipArchive::new(file).map_err(io::Error::other)?;
    // Members may share their bytes, so that a small archive can hold very much.
    let mut left = FILE_BYTES_MAX;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(io::Error::other)?;
        if !entry.is_file() {
            continue;
        }
        // Only shown, never opened.
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let mut counted = (&mut entry).take(left);
        take(Path::new(&name), &mut counted)?;
        left = counted.limit();
        if left == 0 {
            return Err(io::Error::other("it holds more bytes than a feed may have").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
