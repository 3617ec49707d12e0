//! RPM packages, from the database of rpm itself.
//!
//! Its three formats are read in place, without rpm and without a database library: the `SQLite`
//! database of Fedora and of RHEL from 9, SUSE's "ndb", and the Berkeley DB of everything older. All
//! hold one header per package, which [`header`] takes apart. The database is never locked and never written; when rpm changes it
//! meanwhile, it is read again.

mod bdb;
mod header;
mod ndb;
mod sqlite;

use std::path::{Path, PathBuf};

use self::header::{Header, HeaderReader, Wanted};
use super::defects::{ReadError, Reading};
use super::records::{Draft, Records};
use super::root::{Root, SourceFile};

/// Where the database is: the second since distributions keep `/var` for data that changes.
const FOLDERS: [&str; 2] = ["/var/lib/rpm", "/usr/lib/sysimage/rpm"];

/// Bytes of a database.
const DATABASE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// How often a database that changes is read.
const TRIES: u32 = 3;

/// The database's formats, each with the file that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Sqlite,
    Ndb,
    BerkeleyDb,
}

// The newest first: a database that rpm converted leaves the old file behind, which tells of the
// host as it was years ago.
const FORMATS: [(Format, &str); 3] = [
    (Format::Sqlite, "rpmdb.sqlite"),
    (Format::Ndb, "Packages.db"),
    (Format::BerkeleyDb, "Packages"),
];

/// Reads the packages of rpm.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let Some((format, path)) = find(root)? else {
        return Ok(Reading::Absent);
    };
    for _ in 0..TRIES {
        let mut take = |reader: Option<HeaderReader>| push(&path, reader, out);
        if read_headers(root, format, &path, Wanted::Package, &mut take)? {
            return Ok(Reading::Read);
        }
        // What was read may be half of one state and half of another.
        out.restart();
    }
    Err(ReadError::damaged(&path, "rpm is changing the database"))
}

/// Shows every file that a package owns: its folder, with the last slash, and its name.
///
/// A file may be shown more than once when rpm changes the database meanwhile.
pub(super) fn each_file(root: &Root, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), ReadError> {
    let Some((format, path)) = find(root)? else {
        return Ok(());
    };
    for _ in 0..TRIES {
        let mut take = |reader: Option<HeaderReader>| {
            if let Some(reader) = reader {
                reader.finish_files().each(show);
            }
        };
        if read_headers(root, format, &path, Wanted::Files, &mut take)? {
            return Ok(());
        }
    }
    Err(ReadError::damaged(&path, "rpm is changing the database"))
}

/// Reads every header; gives whether the database stayed as it was meanwhile.
fn read_headers(
    root: &Root,
    format: Format,
    path: &Path,
    wanted: Wanted,
    take: &mut dyn FnMut(Option<HeaderReader>),
) -> Result<bool, ReadError> {
    match format {
        Format::Sqlite => sqlite::read(root, path, wanted, take),
        Format::Ndb => ndb::read(root, path, wanted, take),
        Format::BerkeleyDb => bdb::read(root, path, wanted, take),
    }
}

fn find(root: &Root) -> Result<Option<(Format, PathBuf)>, ReadError> {
    // Where the first is a link to the second, as in Fedora, both are one database.
    for folder in FOLDERS {
        for (format, name) in FORMATS {
            let path = Path::new(folder).join(name);
            match root.file(&path, DATABASE_BYTES_MAX) {
                Ok(None) => {}
                Err(ReadError::Stopped) => return Err(ReadError::Stopped),
                // What cannot be opened is there, and its reader will say why.
                Ok(Some(_)) | Err(_) => return Ok(Some((format, path))),
            }
        }
    }
    Ok(None)
}

/// Opens a database that [`find`] has found.
fn open(root: &Root, path: &Path) -> Result<SourceFile, ReadError> {
    root.file(path, DATABASE_BYTES_MAX)?
        .ok_or_else(|| ReadError::damaged(path, "rpm is changing the database"))
}

/// Hands over the package of one header.
fn push(path: &Path, reader: Option<HeaderReader>, out: &mut Records) {
    match reader.and_then(HeaderReader::finish) {
        // Keys of repositories are kept like packages; they are none.
        Some(header) if header.name == b"gpg-pubkey" => {}
        Some(header) => out.push(&draft(&header)),
        None => out.unreadable(path, "a damaged package header"),
    }
}

fn draft(header: &Header) -> Draft<'_> {
    let (source_name, source_version) = split_source(&header.source_rpm);
    // Most packages share the version of their source, and sending it twice would say nothing.
    let is_own_version = source_version
        .strip_prefix(header.version.as_slice())
        .and_then(|rest| rest.strip_prefix(b"-"))
        == Some(&header.release);
    // Packages that somebody built at home often have no vendor.
    let vendor = [&header.vendor, &header.distribution, &header.packager]
        .into_iter()
        .find(|who| !who.is_empty());
    Draft {
        name: &header.name,
        version: &header.version,
        epoch: header.epoch,
        release: &header.release,
        arch: &header.arch,
        vendor: vendor.map_or(b"", |who| who),
        source_name,
        source_version: if is_own_version { b"" } else { source_version },
        origin: &header.modularity_label,
        installed_at_s: header.installed_at_s,
        ..Draft::default()
    }
}

/// Splits the name of a source package, `NAME-VERSION-RELEASE.src.rpm`, into the name and the rest.
fn split_source(file: &[u8]) -> (&[u8], &[u8]) {
    // A source package whose sources may not be passed on is called `nosrc`.
    let stem = file.strip_suffix(b".src.rpm").or_else(|| file.strip_suffix(b".nosrc.rpm"));
    let Some(stem) = stem else { return (b"", b"") };
    // From the end: a name may hold dashes, a version and a release may not.
    let mut dashes = (0..stem.len()).rev().filter(|at| stem[*at] == b'-');
    match (dashes.next(), dashes.next()) {
        (Some(_), Some(at)) => (&stem[..at], &stem[at + 1..]),
        _ => (b"", b""),
    }
}

#[cfg(test)]
mod tests;
