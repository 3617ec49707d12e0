//! Zip archives of JSON files, such as OSV's `all.zip`, turned into one file with a record a line.
//!
//! Reading the whole archive once proves that it is whole, before it replaces anything: every
//! entry has a checksum. Names in it are never used as paths.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use enrichment::feeds::RECORD_BYTES_MAX;
use zip::ZipArchive;

use super::mirror::{FileWriter, Part};
use super::nvd::{LineWriter, one_line};

/// Bytes of all records together after decompression.
const BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Entries of an archive. OSV's largest has some hundred thousand.
const ENTRIES_MAX: usize = 2_000_000;

/// What an archive came to.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// The file.
    pub(super) part: Part,
    /// Records that are too long or no text.
    pub(super) skipped: u64,
}

/// Writes the JSON files of an archive into a file of the mirror.
///
/// # Errors
///
/// When it is no archive, is damaged, or holds more than is allowed; or the disk's.
pub(super) fn unpack(archive: &Path, to: FileWriter) -> io::Result<Unpacked> {
    // Opened from the disk: a zip's directory stands at its end, so none can be read as it comes.
    let mut archive = ZipArchive::new(BufReader::new(File::open(archive)?))?;
    if archive.len() > ENTRIES_MAX {
        return Err(io::Error::other(format!("it has more than {ENTRIES_MAX} files")));
    }
    let mut lines = LineWriter::new(to)?;
    let (mut records, mut skipped, mut left) = (0, 0, BYTES_MAX);
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number)?;
        // The name as bytes: it need be no text, and nothing but its ending is asked.
        if !entry.is_file() || !entry.name_raw().ends_with(b".json") {
            continue;
        }
        let mut bytes = Vec::new();
        let limit = RECORD_BYTES_MAX as u64;
        // Its head says how long it is; that is not believed.
        (&mut entry).take(limit + 1).read_to_end(&mut bytes)?;
        // What is too long counts as well, with as much of it as was read: otherwise an archive of
        // such entries would have no bound.
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::other("it holds more bytes than a feed may have"))?;
        match String::from_utf8(bytes) {
            Ok(text) if text.len() <= RECORD_BYTES_MAX && text.trim_start().starts_with('{') => {
                lines.write(one_line(text.trim()).as_str())?;
                records += 1;
            }
            Ok(_) | Err(_) => skipped += 1,
        }
    }
    // The text first, then the file: until then zstd holds back what it has not written.
    let part = lines.finish()?.finish()?;
    Ok(Unpacked { part: Part { records: Some(records), ..part }, skipped })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;
    use crate::feeds::mirror::Mirror;

    fn archive(dir: &Path, entries: &[(&str, &[u8])]) -> std::path::PathBuf {
        let path = dir.join("all.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    fn unpacked(path: &Path, dir: &Path) -> io::Result<(Unpacked, String)> {
        let mirror = Mirror::open(&dir.join("mirror")).map_err(io::Error::other)?;
        let unpacked = unpack(path, mirror.create("osv")?)?;
        let file = File::open(mirror.path(&unpacked.part))?;
        let text = io::read_to_string(zstd::Decoder::new(file)?)?;
        Ok((unpacked, text))
    }

    #[test]
    fn a_record_a_line_whatever_the_files_are_called() {
        let dir = tempfile::tempdir().unwrap();
        let path = archive(
            dir.path(),
            &[
                ("main/README.md", b"text"),
                ("DSA-1.json", b"{\n  \"id\": \"DSA-1\"\n}\n"),
                // A path out of the folder ("zip slip"), which is a record like any other.
                ("../../../etc/cron.d/x.json", b"{\"id\":\"DSA-2\"}"),
                ("list.json", b"[1]"),
                ("latin.json", b"{\"id\":\"\xff\"}"),
            ],
        );
        let (unpacked, text) = unpacked(&path, dir.path()).unwrap();
        assert_eq!(text, "{\"id\":\"DSA-1\"}\n{\"id\":\"DSA-2\"}\n");
        assert_eq!((unpacked.part.records, unpacked.skipped), (Some(2), 2));
        assert!(!dir.path().join("etc").exists());
    }

    #[test]
    fn a_damaged_or_cut_archive_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let content = format!("{{\"id\":\"{}\"}}", "known text ".repeat(500));
        let path = archive(dir.path(), &[("a.json", content.as_bytes())]);
        let whole = std::fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        // Within the first entry's data; the directory at the end is whole.
        damaged[60] ^= 1;
        for wrong in [&whole[..whole.len() - 30], &damaged, b"<html>sign in</html>"] {
            std::fs::write(&path, wrong).unwrap();
            assert!(unpacked(&path, dir.path()).is_err());
        }
    }

    #[test]
    fn a_record_that_unpacks_to_more_than_is_allowed_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let bomb = vec![b' '; RECORD_BYTES_MAX + 10];
        let path = archive(dir.path(), &[("bomb.json", &bomb), ("a.json", b"{}")]);
        let (unpacked, _) = unpacked(&path, dir.path()).unwrap();
        assert_eq!((unpacked.part.records, unpacked.skipped), (Some(1), 1));
    }
}
