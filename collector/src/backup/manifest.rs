//! The list of a backup: what is in the folder, and how each file is told from a damaged one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::files;

/// The list's own name.
const NAME: &str = "backup.json";

/// The form of the folder that this release writes and reads.
const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The release that wrote it.
    pub version: String,
    /// When it was begun; the rows are those of a moment later.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
    /// The fingerprint of the authority in it.
    pub authority_sha256: String,
    /// Every file by its path in the folder.
    files: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// An empty list.
    pub(super) fn new(authority_sha256: String, made_at: OffsetDateTime) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, version, made_at, authority_sha256, files: BTreeMap::new() }
    }

    /// Lists a file of the folder as it is now.
    pub(super) fn add_file(&mut self, folder: &Path, path: &str) -> anyhow::Result<()> {
        let (bytes, sha256) = files::digest(&folder.join(path))?;
        self.files.insert(path.to_owned(), Entry { bytes, sha256 });
        Ok(())
    }

    /// How many files there are, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, u64) {
        (self.files.len(), self.files.values().map(|entry| entry.bytes).sum())
    }

    /// The names of the files directly below a folder of the backup.
    pub(super) fn files_in<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> {
        let prefix = format!("{folder}/");
        self.files.keys().filter_map(move |path| path.strip_prefix(prefix.as_str()))
    }

    /// Whether the rows are in it.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.has(super::DUMP)
    }

    /// Whether a file is listed.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        files::write(&folder.join(NAME), &serde_json::to_vec_pretty(self)?)?;
        files::sync_dir(folder)
    }

    /// Reads the list of a folder.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        let text = fs::read(&path).with_context(|| {
            format!("read {}: is it a backup that was finished?", path.display())
        })?;
        let manifest: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged", path.display()))?;
        ensure!(
            manifest.format == FORMAT,
            "{} has the form {}, this release reads {FORMAT}",
            path.display(),
            manifest.format
        );
        Ok(manifest)
    }

    /// Reads every file and compares it with the list.
    pub(super) fn verify(&self, folder: &Path) -> anyhow::Result<()> {
        for (path, entry) in &self.files {
            // A list that somebody has changed must not lead out of its folder.
            let is_inside = !path.starts_with('/') && !path.split('/').any(|part| part == "..");
            let file = folder.join(path);
            ensure!(
                is_inside && files::is_file(&file),
                "{path} is listed and no file of the backup"
            );
            let (bytes, sha256) = files::digest(&file)?;
            ensure!(
                (bytes, &sha256) == (entry.bytes, &entry.sha256),
                "{} is not what was backed up: take another backup",
                file.display()
            );
        }
        Ok(())
    }
}
