//! Python distributions, of the whole host and of people.
//!
//! Every installer leaves a folder `NAME-VERSION.dist-info` with a file `METADATA`, or, in the older
//! layout, an `.egg-info` (a file, or a folder with a `PKG-INFO`). Distributions that belong to a
//! package of the distribution are that package's: see [`super::owned`].
//!
//! Formats: the `PyPA`'s core metadata and recording-installed-projects specifications.

use std::path::Path;

use super::defects::{ReadError, Reading};
use super::owners;
use super::platform::System;
use super::records::{Draft, Records};
use super::root::{Root, SourceFile};
use super::stanza::Stanza;

/// Where distributions are: the system's own, the administrator's, environments in `/opt`, and what
/// people have installed, built or unpacked for themselves.
const LINUX: [&str; 24] = [
    "/usr/lib/python*/dist-packages",
    "/usr/lib/python*/site-packages",
    "/usr/lib64/python*/site-packages",
    "/usr/local/lib/python*/dist-packages",
    "/usr/local/lib/python*/site-packages",
    "/usr/local/lib64/python*/site-packages",
    "/opt/*/lib/python*/site-packages",
    "/opt/*/lib64/python*/site-packages",
    "/opt/*/*/lib/python*/site-packages",
    "/opt/*/versions/*/lib/python*/site-packages",
    "/usr/local/pyenv/versions/*/lib/python*/site-packages",
    "/opt/pipx/venvs/*/lib/python*/site-packages",
    "~/.pyenv/versions/*/lib/python*/site-packages",
    "~/.local/lib/python*/site-packages",
    "~/.local/pipx/venvs/*/lib/python*/site-packages",
    "~/.local/share/pipx/venvs/*/lib/python*/site-packages",
    "~/.local/share/uv/tools/*/lib/python*/site-packages",
    "~/.local/share/uv/python/*/lib/python*/site-packages",
    "~/miniconda3/lib/python*/site-packages",
    "~/miniconda3/envs/*/lib/python*/site-packages",
    "~/anaconda3/lib/python*/site-packages",
    "~/anaconda3/envs/*/lib/python*/site-packages",
    "~/miniforge3/lib/python*/site-packages",
    "~/miniforge3/envs/*/lib/python*/site-packages",
];
const MACOS: [&str; 12] = [
    "/Library/Frameworks/Python.framework/Versions/*/lib/python*/site-packages",
    "/Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions/*/lib/python*/site-packages",
    "/Library/Python/*/site-packages",
    "/opt/homebrew/lib/python*/site-packages",
    "/usr/local/lib/python*/site-packages",
    "~/Library/Python/*/lib/python/site-packages",
    "~/.local/pipx/venvs/*/lib/python*/site-packages",
    "~/Library/Application Support/pipx/venvs/*/lib/python*/site-packages",
    "~/.local/share/uv/tools/*/lib/python*/site-packages",
    "~/.pyenv/versions/*/lib/python*/site-packages",
    "~/miniconda3/lib/python*/site-packages",
    "~/miniforge3/lib/python*/site-packages",
];
const WINDOWS: [&str; 12] = [
    "/Python*/Lib/site-packages",
    "/Program Files/Python*/Lib/site-packages",
    "/Program Files (x86)/Python*/Lib/site-packages",
    "/ProgramData/miniconda3/Lib/site-packages",
    "/ProgramData/anaconda3/Lib/site-packages",
    "~/AppData/Local/Programs/Python/Python*/Lib/site-packages",
    "~/AppData/Roaming/Python/Python*/site-packages",
    "~/AppData/Local/Packages/PythonSoftwareFoundation.Python.*/LocalCache/local-packages/Python*/site-packages",
    "~/pipx/venvs/*/Lib/site-packages",
    "~/AppData/Roaming/uv/tools/*/Lib/site-packages",
    "~/miniconda3/Lib/site-packages",
    "~/anaconda3/Lib/site-packages",
];

/// Bytes of one metadata file: the description in it can be a book.
const METADATA_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Reads the Python distributions.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let folders: &[&str] = match root.system() {
        System::Linux => &LINUX,
        System::Macos => &MACOS,
        System::Windows => &WINDOWS,
    };
    let folders = root.expand_all(folders)?;
    let mut reading = Reading::Absent;
    for folder in folders {
        let names = root.list(&folder);
        let Some(names) = out.tolerate(names)?.flatten() else {
            continue;
        };
        for name in names {
            // Whatever else is here are the modules themselves.
            let stem = name.as_encoded_bytes();
            let stem = stem
                .strip_suffix(b".dist-info")
                .or_else(|| stem.strip_suffix(b".egg-info"))
                .or_else(|| stem.strip_suffix(b".egg"));
            let Some(stem) = stem else { continue };
            reading = Reading::Read;
            let distribution = open(root, &folder.join(&name));
            let Some(file) = out.tolerate(distribution)?.flatten() else {
                continue;
            };
            // As for npm: without knowing what is owned, the source fails and its records of before
            // stay.
            let owned = owners::owned(root)?;
            if !owned.owns(&file.path) {
                take(root, file, stem, &folder, out)?;
            }
        }
    }
    Ok(reading)
}

/// Opens the metadata of a `.dist-info`, an `.egg-info` or an `.egg`; `None` when it has none, as
/// the remains of a removed distribution do.
fn open(root: &Root, place: &Path) -> Result<Option<SourceFile>, ReadError> {
    for inner in ["METADATA", "PKG-INFO", "EGG-INFO/PKG-INFO"] {
        if let Some(file) = root.file(&place.join(inner), METADATA_BYTES_MAX)? {
            return Ok(Some(file));
        }
    }
    // distutils wrote the metadata into a file where everybody else has a folder.
    match root.file(place, METADATA_BYTES_MAX) {
        Err(ReadError::NotAFile(_)) => Ok(None),
        result => result,
    }
}

/// Hands over one distribution.
fn take(
    root: &Root,
    file: SourceFile,
    stem: &[u8],
    folder: &Path,
    out: &mut Records,
) -> Result<(), ReadError> {
    let installed_at_s = file.modified_at_s;
    let mut stanza = Stanza::new(["Name", "Version", "Author", "Maintainer", "Author-email"]);
    // The first stanza alone: the description behind it can hold anything, even `Name:`.
    stanza.read(&mut root.lines_of(file))?;
    let [name, version, author, maintainer, email] = stanza.values();
    let (stem_name, stem_version) = split_stem(stem);
    // Old versions of setuptools wrote this word where nothing was said.
    let vendor =
        [author, maintainer, email].into_iter().find(|who| !who.is_empty() && *who != b"UNKNOWN");
    out.push(&Draft {
        name: if name.is_empty() { stem_name } else { name },
        version: if version.is_empty() { stem_version } else { version },
        vendor: vendor.unwrap_or_default(),
        installed_at_s,
        location: folder.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
    Ok(())
}

/// Splits `NAME-VERSION` or `NAME-VERSION-py3.11`; a name in a file's name has no dash.
fn split_stem(stem: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = stem.split(|byte| *byte == b'-');
    let name = parts.next().unwrap_or_default();
    (name, parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
