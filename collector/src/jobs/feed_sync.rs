//! Fetches the feeds whose time has come.
//!
//! The tick comes every five minutes; when each feed is due stands beside it in the database, so a
//! feed that fails is tried again without this job failing. The mirror is on this node's disk: with
//! several nodes it has to be on a disk that they share, or one of them has to have the role.

use std::time::Duration;

use store::database::Store;
use tokio_util::sync::CancellationToken;

use super::Jobs;
use crate::clock::Clock;
use crate::feeds::{self, ImportError, SyncError, Wanted};

/// How often the ages of feeds are measured.
const MEASURE_EVERY: Duration = Duration::from_secs(60);

/// Fetches what is due.
pub(super) async fn run(jobs: &Jobs) -> anyhow::Result<()> {
    // A node without one does not take these jobs (`Jobs::kinds`), so there is nothing to do here
    // either.
    let Some(syncer) = &jobs.feeds else {
        return Ok(());
    };
    match syncer.sync(&Wanted::Due, false).await {
        Ok(report) => {
            if !report.sources.is_empty() {
                let index = report.index.as_ref().map(|index| index.generation);
                tracing::info!(feeds = report.sources.len(), index, "synced feeds");
            }
            Ok(())
        }
        // A long sync, or somebody's command; the next tick looks again.
        Err(SyncError::Import(ImportError::Busy { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Measures the ages of feeds until `stopping` is cancelled.
pub(super) async fn measure(store: &Store, clock: &Clock, stopping: &CancellationToken) {
    loop {
        if let Err(error) = feeds::measure_ages(store, clock.now()).await {
            tracing::debug!(%error, "measuring the ages of feeds");
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(MEASURE_EVERY) => {}
        }
    }
}
