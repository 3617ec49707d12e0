//! What a bundle says of itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::BundleError;
use crate::feeds::mirror::{Manifest, SourceState};

/// The format that this release writes and reads.
const FORMAT: u32 = 1;
/// Files of a bundle.
const FILES_MAX: usize = 100_000;
/// Bytes of all its files.
const BYTES_MAX: u64 = 256 * 1024 * 1024 * 1024;

/// What a bundle says of itself. Once it was read, it is what somebody trusted has signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleManifest {
    format: u32,
    sequence: u64,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    files: Vec<FileEntry>,
    sources: BTreeMap<String, SourceState>,
}

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// SHA-256 of its bytes, in small hexadecimal letters.
    pub(super) sha256: String,
    /// Its bytes.
    pub(super) bytes: u64,
}

impl BundleManifest {
    pub(super) fn new(mirror: &Manifest, sequence: u64, created_at: OffsetDateTime) -> Self {
        let entries = mirror
            .parts()
            .map(|(_, part)| FileEntry { sha256: part.sha256.clone(), bytes: part.bytes });
        // Two sources may have the same file.
        let files: BTreeSet<_> = entries.collect();
        Self {
            format: FORMAT,
            sequence,
            created_at,
            files: files.into_iter().collect(),
            sources: mirror.sources.clone(),
        }
    }

    /// Reads what a trusted key has signed. It is checked all the same: whoever signs may have
    /// bugs, and names become names of files.
    pub(super) fn parse(json: &[u8]) -> Result<Self, BundleError> {
        let damaged = |why: String| BundleError::Damaged(why);
        let manifest: Self =
            serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
        if manifest.format != FORMAT {
            let format = manifest.format;
            return Err(damaged(format!("format {format} is not known to this release")));
        }
        let is_hash = |text: &str| {
            let mut bytes = text.bytes();
            // Small letters alone: files are found by their names, and a disk may not tell `AB`
            // from `ab`.
            text.len() == 64 && bytes.all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if let Some(file) = manifest.files.iter().find(|file| !is_hash(&file.sha256)) {
            return Err(damaged(format!("{:?} is no SHA-256", file.sha256)));
        }
        let total = manifest
            .files
            .iter()
            // Saturating: two sizes that overflow would be a small sum, and pass.
            .fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
        if manifest.files.len() > FILES_MAX || total > BYTES_MAX {
            return Err(damaged("it says that it holds more than a bundle may".to_owned()));
        }
        // What the sources name is what will count, so every one of it has to come with the bundle.
        let there: BTreeSet<&str> =
            manifest.files.iter().map(|file| file.sha256.as_str()).collect();
        let mut parts = manifest.sources.values().flat_map(|source| source.parts.values());
        if let Some(part) = parts.find(|part| !there.contains(part.sha256.as_str())) {
            return Err(damaged(format!("file {} is named and not there", part.sha256)));
        }
        Ok(manifest)
    }

    /// Its number, which grows from bundle to bundle.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it was made.
    #[must_use]
    pub fn made_at(&self) -> String {
        // A year beyond 9999 has no such form.
        self.created_at.format(&Rfc3339).unwrap_or_default()
    }

    /// The names of its sources.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// Bytes of its files as they are in a mirror.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// How many files it has.
    #[must_use]
    pub const fn file_count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn files(&self) -> &[FileEntry] {
        &self.files
    }

    pub(in crate::feeds) const fn sources(&self) -> &BTreeMap<String, SourceState> {
        &self.sources
    }
}
