//! Keeping what NVD takes back.
//!
//! NVD has removed configurations that it had published. A newer record replaces the whole of an
//! older one, but the last record that said to which products a CVE applies stays beside it: the
//! index takes it as a fallback of lower trust.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use enrichment::cve::{CveId, Timestamp};

use super::record::{LineWriter, Record, read_lines};

/// Which of two records of a CVE is the newer one: by its date, then by where it stands.
type Rank = (Option<Timestamp>, usize, usize);

/// The records of one CVE that are kept.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    newest: Option<Rank>,
    /// The newest that says something.
    said: Option<Rank>,
}

impl Kept {
    fn see(&mut self, record: &Record, rank: Rank) {
        self.newest = self.newest.max(Some(rank));
        if record.says_something {
            self.said = self.said.max(Some(rank));
        }
    }
}

/// Writes of each CVE the newest record, and before it the newest one that says something, where
/// the newest does not; later files are newer. Gives how many records.
///
/// # Errors
///
/// When a file cannot be read or the disk takes no more.
pub(super) fn merge<W: Write>(files: &[PathBuf], to: &mut LineWriter<W>) -> io::Result<u64> {
    // Twice through the files: what is kept of a CVE is known at the end of the last one, and
    // holding all lines until then would take gigabytes.
    let kept = survey(files)?;
    write(files, to, |record, rank| {
        kept.get(&record.id)
            .is_some_and(|kept| kept.newest == Some(rank) || kept.said == Some(rank))
    })
}

/// Writes what `files` know and a newer file lacks: of a CVE that it does not have the newest
/// record, of one that it has nothing to say about the newest that did. `newer` says of each CVE of
/// the newer file whether it says something. Gives how many records.
///
/// # Errors
///
/// When a file cannot be read or the disk takes no more.
pub(super) fn keep_lost<W: Write>(
    files: &[PathBuf],
    newer: &HashMap<CveId, bool>,
    to: &mut LineWriter<W>,
) -> io::Result<u64> {
    let kept = survey(files)?;
    write(files, to, |record, rank| {
        let Some(kept) = kept.get(&record.id) else {
            return false;
        };
        match newer.get(&record.id) {
            Some(true) => false,
            // The newer file's own record stands for the newest; only what it does not say any more
            // is missing.
            Some(false) => kept.said == Some(rank),
            None => kept.newest == Some(rank) || kept.said == Some(rank),
        }
    })
}

fn survey(files: &[PathBuf]) -> io::Result<HashMap<CveId, Kept>> {
    let mut kept: HashMap<CveId, Kept> = HashMap::new();
    for_each(files, |record, rank| {
        kept.entry(record.id).or_default().see(&record, rank);
        Ok(())
    })?;
    Ok(kept)
}

fn write<W: Write>(
    files: &[PathBuf],
    to: &mut LineWriter<W>,
    is_kept: impl Fn(&Record, Rank) -> bool,
) -> io::Result<u64> {
    let mut written = 0;
    for_each(files, |record, rank| {
        if is_kept(&record, rank) {
            to.write(&record.line)?;
            written += 1;
        }
        Ok(())
    })?;
    Ok(written)
}

/// Every record of the files with its rank.
pub(super) fn for_each(
    files: &[PathBuf],
    mut each: impl FnMut(Record, Rank) -> io::Result<()>,
) -> io::Result<()> {
    for (place, path) in files.iter().enumerate() {
        let mut line = 0;
        read_lines(File::open(path)?, |record| {
            line += 1;
            // The line as well: a file may have a CVE twice, and exactly one record has to be the
            // newest.
            let rank = (record.modified, place, line);
            each(record, rank)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A file of records: number, day of change, whether it says something.
    fn file(dir: &Path, name: &str, records: &[(u32, u32, bool)]) -> PathBuf {
        let path = dir.join(name);
        let mut writer = LineWriter::new(File::create(&path).unwrap()).unwrap();
        for (number, day, says) in records {
            let said = if *says { "[1]" } else { "[]" };
            writer
                .write(&format!(
                    "{{\"cve\":{{\"id\":\"CVE-2024-{number}\",\"lastModified\":\"2024-01-{day:02}T00:00:00.000\",\"configurations\":{said}}}}}"
                ))
                .unwrap();
        }
        writer.finish().unwrap();
        path
    }

    fn records(bytes: &[u8]) -> Vec<(u32, bool)> {
        let mut records = Vec::new();
        read_lines(bytes, |record| {
            records.push((record.id.number(), record.says_something));
            Ok(())
        })
        .unwrap();
        records
    }

    fn merged(files: &[PathBuf]) -> Vec<(u32, bool)> {
        let mut writer = LineWriter::new(Vec::new()).unwrap();
        merge(files, &mut writer).unwrap();
        records(&writer.finish().unwrap())
    }

    #[test]
    fn the_newest_record_of_each_cve_is_left_and_the_last_that_said_something() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            file(dir.path(), "1", &[(1000, 1, true), (2000, 1, true), (3000, 1, false)]),
            file(dir.path(), "2", &[(1000, 2, false), (2000, 2, true)]),
            file(dir.path(), "3", &[(1000, 3, false)]),
        ];
        assert_eq!(merged(&files), [(1000, true), (3000, false), (2000, true), (1000, false)]);
    }

    #[test]
    fn of_equal_dates_the_later_file_counts_and_an_old_record_that_comes_late_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let equal =
            [file(dir.path(), "1", &[(1000, 5, false)]), file(dir.path(), "2", &[(1000, 5, true)])];
        assert_eq!(merged(&equal), [(1000, true)]);
        let late =
            [file(dir.path(), "3", &[(1000, 5, true)]), file(dir.path(), "4", &[(1000, 4, false)])];
        assert_eq!(merged(&late), [(1000, true)]);
    }

    #[test]
    fn only_what_a_newer_file_lost_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let old = [file(
            dir.path(),
            "old",
            &[(1000, 1, true), (2000, 1, true), (3000, 1, false), (4000, 1, false)],
        )];
        let newer = [(1000, true), (2000, false), (3000, false)];
        let newer = newer.map(|(number, says)| (CveId::new(2024, number), says));
        let mut writer = LineWriter::new(Vec::new()).unwrap();
        let kept = keep_lost(&old, &newer.into(), &mut writer).unwrap();
        assert_eq!(kept, 2);
        assert_eq!(records(&writer.finish().unwrap()), [(2000, true), (4000, false)]);
    }

    #[test]
    fn a_damaged_file_is_no_shorter_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), "1", &[(1000, 1, true)]);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 2]).unwrap();
        let mut writer = LineWriter::new(Vec::new()).unwrap();
        assert!(merge(&[path], &mut writer).is_err());
    }
}
