//! `[jobs]`: work by the clock.

use std::time::Duration;

use super::section::section;
use super::{ConfigError, in_range};

section! {
    /// Work by the clock.
    "jobs" RawJobs {
        /// Jobs that run at once on this node. Of two or more, one does what is the whole site's and nothing
        /// that a company asks for.
        workers: u32 = 2;
        /// How long closed installations and resolved findings are kept, in days: as far back lists can be
        /// asked for (`as_of`).
        retention_days: u32 = 90;
        /// How long reports that could not be stored are kept for people to look at, in days.
        dead_letters_days: u32 = 30;
        /// How long a company whose deletion was asked for can be kept after all, in days: then its rows go. 0
        /// erases it at once.
        deletion_wait_days: u32 = 7;
    }
}

/// Work by the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsConfig {
    /// Jobs that run at once on this node.
    pub workers: u32,
    /// How long closed intervals are kept, in days.
    pub retention_days: u32,
    /// How long dead letters are kept.
    pub dead_letters_kept: Duration,
    /// How long a company that is to be deleted can be kept after all.
    pub deletion_wait: Duration,
}

impl TryFrom<RawJobs> for JobsConfig {
    type Error = ConfigError;

    fn try_from(raw: RawJobs) -> Result<Self, ConfigError> {
        Ok(Self {
            workers: in_range("jobs.workers", raw.workers, 1..=64)?,
            dead_letters_kept: Duration::from_secs(
                86_400
                    * u64::from(in_range(
                        "jobs.dead_letters_days",
                        raw.dead_letters_days,
                        1..=3_650,
                    )?),
            ),
            deletion_wait: Duration::from_secs(
                86_400
                    * u64::from(in_range(
                        "jobs.deletion_wait_days",
                        raw.deletion_wait_days,
                        0..=365,
                    )?),
            ),
            retention_days: in_range("jobs.retention_days", raw.retention_days, 1..=3_650)?,
        })
    }
}
