//! `[enrichment]`: the compiled match index and its cache.

use std::path::PathBuf;

use super::section::section;
use super::{ConfigError, NodeConfig, in_range};

section! {
    /// Matching of software with vulnerabilities.
    "enrichment" RawEnrichment {
        /// The compiled match index; `index/current` in the data directory by default, which feed imports
        /// renew.
        index: Option<PathBuf> => "/var/lib/muster/index/current";
        /// Results that the cache in memory may hold, of 1 KiB on average: 200 MB of them.
        cache_entries: u32 = 200_000;
        /// Bytes that the cache on disk may take in memory for itself.
        disk_cache_bytes: u64 = 33_554_432;
    }
}

/// Matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrichmentConfig {
    /// The compiled match index.
    pub index: PathBuf,
    /// Where the cache on disk is.
    pub cache_dir: PathBuf,
    /// Results that the cache in memory may hold, of 1 KiB on average.
    pub cache_entries: u32,
    /// Memory of the cache on disk, in bytes.
    pub disk_cache_bytes: u64,
}

impl EnrichmentConfig {
    pub(super) fn new(raw: RawEnrichment, node: &NodeConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            index: raw.index.unwrap_or_else(|| node.data_dir.join("index").join("current")),
            // No setting of its own: what is in it can be made again, and two nodes must not share
            // it.
            cache_dir: node.data_dir.join("match-cache"),
            cache_entries: in_range(
                "enrichment.cache_entries",
                raw.cache_entries,
                0..=100_000_000,
            )?,
            disk_cache_bytes: in_range(
                "enrichment.disk_cache_bytes",
                raw.disk_cache_bytes,
                1_048_576..=17_179_869_184,
            )?,
        })
    }
}
