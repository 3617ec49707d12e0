//! The mirror's list: which source consists of which files, and what is needed to go on with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What the mirror holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::feeds) struct Manifest {
    /// Grows with every change.
    pub(in crate::feeds) revision: u64,
    /// Number of the newest bundle that was taken in; an older one is refused.
    #[serde(default)]
    pub(in crate::feeds) bundle_taken: u64,
    /// Number of the newest bundle that was made of it.
    #[serde(default)]
    pub(in crate::feeds) bundle_made: u64,
    /// By the name of the source.
    #[serde(default)]
    pub(in crate::feeds) sources: BTreeMap<String, SourceState>,
}

/// One source's part of the mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::feeds) struct SourceState {
    /// Everything that changed until then is here; where the next sync goes on, less an overlap.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(in crate::feeds) watermark: Option<OffsetDateTime>,
    /// Its files, by what they are of the source: a year, a number.
    #[serde(default)]
    pub(in crate::feeds) parts: BTreeMap<String, Part>,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::feeds) struct Part {
    /// SHA-256 of its bytes, in hexadecimal: its name in the folder.
    pub(in crate::feeds) sha256: String,
    /// Its bytes.
    pub(in crate::feeds) bytes: u64,
    /// Records that it was found to hold, where somebody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::feeds) records: Option<u64>,
    /// What the server calls this version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::feeds) etag: Option<String>,
    /// When the server says it was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::feeds) last_modified: Option<String>,
    /// SHA-256 of the JSON that it was made from, where the source tells that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::feeds) origin_sha256: Option<String>,
    /// Everything that changed until then is in it, where the source says so.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::serde::rfc3339::option"
    )]
    pub(in crate::feeds) until: Option<OffsetDateTime>,
}

impl Manifest {
    /// The names of all files.
    pub(in crate::feeds) fn files(&self) -> impl Iterator<Item = &String> {
        self.parts().map(|(_, part)| &part.sha256)
    }

    /// All files, with the names of their sources.
    pub(in crate::feeds) fn parts(&self) -> impl Iterator<Item = (&str, &Part)> {
        self.sources.iter().flat_map(|(name, source)| {
            let parts = source.parts.values();
            parts.map(move |part| (name.as_str(), part))
        })
    }
}
