//! Puts an index file into place, whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::index::{Index, IndexError, IndexStats};
use crate::rule::LeftOut;

/// What building an index came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BuildReport {
    /// The index' generation.
    pub generation: u64,
    /// Records that were taken in.
    pub records: u64,
    /// CPEs left out because they are about hardware or its firmware.
    pub hardware: u64,
    /// Configurations left out because they are negated.
    pub negated: u64,
    /// CPEs left out because they have wildcards where a value has to be.
    pub wildcards: u64,
    /// CPEs left out because they are malformed.
    pub malformed: u64,
    /// How much of it was made anew.
    pub rebuilt: Rebuilt,
    /// What the file holds.
    pub stats: IndexStats,
}

/// How much of an index was made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Rebuilt {
    /// All of it.
    All {
        /// Why not only what changed.
        reason: &'static str,
    },
    /// What changed since the index before; everything else was taken from that.
    Changed {
        /// CVEs that were judged anew.
        cves: u64,
        /// Advisories that were read anew.
        advisories: u64,
    },
}

impl Rebuilt {
    pub(super) const FROM_FEEDS: Self =
        Self::All { reason: "it is made of feeds that were read for it" };
}

impl BuildReport {
    pub(super) fn new(records: u64, left_out: LeftOut, rebuilt: Rebuilt, index: &Index) -> Self {
        Self {
            generation: index.generation(),
            records,
            hardware: left_out.hardware,
            negated: left_out.negated,
            wildcards: left_out.wildcards,
            malformed: left_out.malformed,
            rebuilt,
            stats: index.stats(),
        }
    }
}

/// Writes beside `path`, syncs, and renames over it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), IndexError> {
    let partial = partial_path(path);
    // Synced before it is renamed: after a power cut the name stands for the whole old file or
    // the whole new one.
    let written = write_synced(&partial, bytes).map_err(|source| IndexError::Io {
        action: "write",
        path: partial.clone(),
        source,
    });
    let renamed = written.and_then(|()| {
        std::fs::rename(&partial, path).map_err(|source| IndexError::Io {
            action: "put into place",
            path: path.to_owned(),
            source,
        })
    });
    if let Err(error) = renamed {
        // What is left of it is of no use; the error that matters is the first one.
        drop(std::fs::remove_file(&partial));
        return Err(error);
    }
    sync_folder(path).map_err(|source| IndexError::Io {
        action: "sync the folder of",
        path: path.to_owned(),
        source,
    })
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename durable. Only Unix can open a folder, and only there it is needed.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}
