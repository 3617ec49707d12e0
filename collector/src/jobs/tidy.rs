//! Forgets what nobody needs any more: jobs that ended, and signals that everyone has heard.

use std::time::Duration;

use anyhow::Context as _;
use store::{commands, jobs as rows};

use super::Jobs;

/// How long jobs that ended are kept for people to look at. Longer than any schedule's time from
/// tick to tick, because a tick that is forgotten can be asked for again.
const JOBS_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long signals of revocations are kept; nodes look back some minutes.
const REVOCATIONS_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Forgets.
pub(super) async fn run(jobs: &Jobs) -> anyhow::Result<()> {
    let now = jobs.clock.now();
    let ended = rows::purge(&jobs.store, now - JOBS_KEPT)
        .await
        .context("forget jobs that ended")?;
    let revocations = commands::purge_revocations(&jobs.store, now - REVOCATIONS_KEPT)
        .await
        .context("forget signals of revocations")?;
    tracing::info!(jobs = ended, revocations, "tidied the database");
    Ok(())
}
