//! `[pipeline]`: batches out of the queue, and the workers that store them.

use std::time::Duration;

use super::section::section;
use super::{ConfigError, in_range};

section! {
    /// From the queue to the database.
    "pipeline" RawPipeline {
        /// Batches that are stored at once.
        workers: u32 = 10;
        /// Records of a batch.
        batch_records: u32 = 100;
        /// After how long a batch that is not full is stored, in milliseconds.
        batch_after_ms: u32 = 20;
        /// Full batches of one company that one transaction may take when work has piled up.
        transaction_batches_max: u32 = 32;
        /// Tries before what cannot be stored goes to the dead letters. Tries while the database is
        /// away do not count.
        attempts_max: u32 = 5;
        /// How long a report waits for one that is missing before it, in milliseconds, until a snapshot is
        /// asked for.
        gap_wait_ms: u32 = 5_000;
    }
}

/// From the queue to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineConfig {
    /// Batches that are stored at once.
    pub workers: u32,
    /// Records of a batch.
    pub batch_records: u32,
    /// After how long a batch that is not full is stored.
    pub batch_after: Duration,
    /// Full batches that one transaction may take.
    pub transaction_batches_max: u32,
    /// Tries before a dead letter.
    pub attempts_max: u32,
    /// How long a report waits for one that is missing before it.
    pub gap_wait: Duration,
}

impl TryFrom<RawPipeline> for PipelineConfig {
    type Error = ConfigError;

    fn try_from(raw: RawPipeline) -> Result<Self, ConfigError> {
        let batch_after_ms = in_range("pipeline.batch_after_ms", raw.batch_after_ms, 1..=60_000)?;
        let gap_wait_ms = in_range("pipeline.gap_wait_ms", raw.gap_wait_ms, 10..=600_000)?;
        Ok(Self {
            workers: in_range("pipeline.workers", raw.workers, 1..=256)?,
            batch_records: in_range("pipeline.batch_records", raw.batch_records, 1..=10_000)?,
            batch_after: Duration::from_millis(batch_after_ms.into()),
            transaction_batches_max: in_range(
                "pipeline.transaction_batches_max",
                raw.transaction_batches_max,
                1..=1_000,
            )?,
            attempts_max: in_range("pipeline.attempts_max", raw.attempts_max, 1..=100)?,
            gap_wait: Duration::from_millis(gap_wait_ms.into()),
        })
    }
}
