//! Archives: the files in a tar or a zip are read one after another as if they lay in a folder, and
//! reported as one file.
//!
//! Red Hat publishes its VEX documents as a tar, the OSV bucket its records as zips. Nothing is
//! unpacked to a disk, so names in archives can do no harm; archives in archives are not opened.

use std::io::{self, Read, Seek};
use std::path::Path;

use crate::feeds::reading::{Reading, Stop};
use crate::feeds::report::FileReport;
use crate::feeds::{FILE_BYTES_MAX, FeedSink};

/// Reads the files of a tar.
pub(super) fn tar(
    stream: impl Read,
    report: &mut FileReport,
    sink: &mut dyn FeedSink,
) -> Result<(), Stop> {
    let mut archive = ::tar::Archive::new(stream);
    for entry in archive.entries()? {
        let mut entry = entry?;
        // Links could only point at what is read anyway, or out of the archive.
        if entry.header().entry_type().is_file() {
            let name = entry.path()?.into_owned();
            member(&name, &mut entry, report, sink)?;
        }
    }
    Ok(())
}

/// Reads the files of a zip. Its table stands at the end, so that it has to be a file.
pub(super) fn zip(
    file: impl Read + Seek,
    report: &mut FileReport,
    sink: &mut dyn FeedSink,
) -> Result<(), Stop> {
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
        member(Path::new(&name), &mut counted, report, sink)?;
        left = counted.limit();
        if left == 0 {
            return Err(io::Error::other("it holds more bytes than a feed may have").into());
        }
    }
    Ok(())
}

fn member(
    name: &Path,
    stream: &mut dyn Read,
    report: &mut FileReport,
    sink: &mut dyn FeedSink,
) -> Result<(), Stop> {
    let of_member = Reading::of_member(name, sink)
        .read(stream)
        .map_err(Stop::Sink)?;
    report.take_in(of_member);
    Ok(())
}

#[cfg(test)]
mod tests;
