//! Feeds: files of CVE records, exploited-vulnerability entries and exploitation scores, read one
//! record at a time.
//!
//! What a file holds is told from its content, never from its name, and whether it is plain, gzip,
//! xz or zstd likewise. A bad record is counted and skipped, a damaged file ends where it is
//! damaged; neither takes more memory than [`RECORD_BYTES_MAX`]. Nothing here keeps what it reads.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use crate::advisory::Advisory;
use crate::cve::{CveRecord, EpssEntry, KevEntry};
use crate::feeds::reading::Reading;
pub use crate::feeds::report::{FeedKind, FeedReport, FileReport, Problem};

mod advisories;
mod archive;
mod csaf;
mod csv;
mod ecosystem;
mod epss;
mod json;
mod kev;
mod layout;
mod msrc;
mod nvd;
mod open;
mod osv;
mod program;
mod reading;
mod record;
mod report;
mod scan;
mod secdb;
mod stop;
mod ubuntu;

/// Bytes of one record after decompression; longer ones are skipped. NVD's longest has 200 KB.
pub const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The same of a document that tells one CVE for all products of a publisher: Red Hat lists every
/// package, product and architecture, and Microsoft a whole month.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of one file after decompression. All of NVD has about 2 GB.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Folders within folders that are walked.
const DEPTH_MAX: usize = 32;

/// What a sink says when it cannot go on; reading ends with it.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Takes what feeds hold, record by record, in the order of the files.
///
/// # Errors
///
/// Each method may fail when the sink cannot go on, for example when a disk is full. A record that
/// it only dislikes it drops itself.
#[expect(clippy::missing_errors_doc, reason = "stated once for the trait")]
pub trait FeedSink {
    /// A CVE record.
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError>;

    /// An advisory about packages.
    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        let _unused = advisory;
        Ok(())
    }

    /// An entry of CISA's catalogue.
    fn kev(&mut self, entry: KevEntry) -> Result<(), SinkError> {
        let _unused = entry;
        Ok(())
    }

    /// A score of FIRST.
    fn epss(&mut self, entry: EpssEntry) -> Result<(), SinkError> {
        let _unused = entry;
        Ok(())
    }

    /// A file ends, an archive after all that is in it: what came since the one before is of this.
    fn end_of_file(&mut self, report: &FileReport) -> Result<(), SinkError> {
        let _unused = report;
        Ok(())
    }
}

/// Why reading ended early.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// A file or folder cannot be opened or listed.
    #[error("cannot open {path}: {source}")]
    Open {
        /// Which one.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file that was named is none of the feeds.
    #[error(
        "{path} is no feed: expected NVD 2.0 JSON, CVE 5 JSON, KEV JSON or CSV, EPSS CSV, OSV JSON, \
         Red Hat's CSAF VEX, Ubuntu's tracker, Alpine's secdb or Microsoft's updates, plain, compressed or in an archive"
    )]
    NotAFeed {
        /// Which one.
        path: PathBuf,
    },
    /// A file that was named is damaged; what stands before the damage was read.
    #[error("{path} is damaged after {records} records: {reason}; fetch it again")]
    Damaged {
        /// Which one.
        path: PathBuf,
        /// Records that were read before.
        records: u64,
        /// What is wrong.
        reason: String,
    },
    /// The sink could not go on.
    #[error("{path} cannot be taken in: {source}")]
    Sink {
        /// The file that was being read.
        path: PathBuf,
        /// The sink's reason.
        source: SinkError,
    },
}

/// Reads a file, or every file of a folder and the folders in it, in the order of their names.
///
/// In a folder, files that are no feeds or are damaged are noted in the report and passed over.
///
/// # Errors
///
/// When the path cannot be opened, when it names a file that is no feed or is damaged, or when
/// the sink cannot go on.
pub fn read_path(path: &Path, sink: &mut dyn FeedSink) -> Result<FeedReport, FeedError> {
    let mut report = FeedReport::default();
    let about = std::fs::metadata(path).map_err(|source| open_error(path, source))?;
    if about.is_dir() {
        read_folder(path, DEPTH_MAX, sink, &mut report)?;
    } else {
        report.files.push(read_named(path, sink)?);
    }
    Ok(report)
}

/// Reads one feed from a stream, such as a page that was just fetched. `name` stands for it in
/// the report and in errors.
///
/// # Errors
///
/// When it is no feed or is damaged, or when the sink cannot go on.
pub fn read_stream(
    name: &Path,
    stream: &mut dyn Read,
    sink: &mut dyn FeedSink,
) -> Result<FileReport, FeedError> {
    read(name, stream, sink)?.into_named(name)
}

/// Reads one feed of which any part can be read, such as an answer that is held in memory, so that
/// it may be a zip archive too. `name` stands for it in the report and in errors.
///
/// # Errors
///
/// When it is no feed or is damaged, or when the sink cannot go on.
pub fn read_seekable(
    name: &Path,
    stream: impl Read + Seek,
    sink: &mut dyn FeedSink,
) -> Result<FileReport, FeedError> {
    read_file(name, stream, sink)?.into_named(name)
}

fn read_folder(
    folder: &Path,
    depth: usize,
    sink: &mut dyn FeedSink,
    report: &mut FeedReport,
) -> Result<(), FeedError> {
    let listed = |source| open_error(folder, source);
    let mut paths = std::fs::read_dir(folder)
        .map_err(listed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(listed)?;
    // A folder lists its files in any order. Records do not depend on it, but the report and its
    // first problems would.
    paths.sort_unstable();
    for path in paths {
        match std::fs::metadata(&path) {
            Ok(about) if about.is_file() => report.files.push(read_listed(&path, sink)?),
            // A linked folder could hold itself; whoever wants it names it.
            Ok(about) if about.is_dir() && !path.is_symlink() && depth > 0 => {
                read_folder(&path, depth - 1, sink, report)?;
            }
            // Sockets, devices and the like are none of our business.
            Ok(_) => {}
            Err(error) => report.files.push(FileReport::unreadable(&path, &error)),
        }
    }
    Ok(())
}

/// Reads a file that was found in a folder; one that cannot be opened does not end the walk.
fn read_listed(path: &Path, sink: &mut dyn FeedSink) -> Result<FileReport, FeedError> {
    match File::open(path) {
        Ok(file) => {
            let report = read_file(path, file, sink)?;
            ended(path, report, sink)
        }
        Err(error) => Ok(FileReport::unreadable(path, &error)),
    }
}

/// Reads a file that somebody named.
fn read_named(path: &Path, sink: &mut dyn FeedSink) -> Result<FileReport, FeedError> {
    let file = File::open(path).map_err(|source| open_error(path, source))?;
    let report = read_file(path, file, sink)?.into_named(path)?;
    ended(path, report, sink)
}

fn ended(
    path: &Path,
    report: FileReport,
    sink: &mut dyn FeedSink,
) -> Result<FileReport, FeedError> {
    sink.end_of_file(&report).map_err(|source| sink_error(path, source))?;
    Ok(report)
}

/// Reads a file, be it a zip archive, whose table of contents stands at its end.
fn read_file(
    path: &Path,
    mut file: impl Read + Seek,
    sink: &mut dyn FeedSink,
) -> Result<FileReport, FeedError> {
    let mut magic = Vec::with_capacity(layout::ZIP.len());
    let begun = (&mut file).take(layout::ZIP.len() as u64).read_to_end(&mut magic);
    if let Err(error) = begun {
        return Ok(FileReport::unreadable(path, &error));
    }
    // Looked at here and not with the other layouts: a zip is read from its end, which only a file
    // can give.
    if magic != layout::ZIP {
        // Not rewound: what somebody names may be a pipe.
        return read(path, &mut Cursor::new(magic).chain(file), sink);
    }
    match file.rewind() {
        Ok(()) => {
            Reading::new(path, sink).read_zip(file).map_err(|source| sink_error(path, source))
        }
        Err(error) => Ok(FileReport::unreadable(path, &error)),
    }
}

fn read(
    path: &Path,
    stream: &mut dyn Read,
    sink: &mut dyn FeedSink,
) -> Result<FileReport, FeedError> {
    Reading::new(path, sink).read(stream).map_err(|source| sink_error(path, source))
}

fn sink_error(path: &Path, source: SinkError) -> FeedError {
    FeedError::Sink { path: path.to_owned(), source }
}

fn open_error(path: &Path, source: io::Error) -> FeedError {
    FeedError::Open { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
