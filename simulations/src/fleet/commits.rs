//! When everything that a fleet had acknowledged has become committed rows.
//!
//! The collector counts, in the transaction that writes them, the records that it applied. That
//! counter is asked for, and not the rows: reading a company's whole inventory again and again
//! would slow down what is measured.

use std::time::Duration;

use protocol::ids::CompanyId;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::context::Context;
use super::stats::quotient;
use crate::api::Api;

/// Time between two looks: the resolution of the figure.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How the rows of a fleet's acknowledged records came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Commits {
    /// Records that were applied since the fleet began.
    pub(crate) records: u64,
    /// Seconds from the first report sent to the look that found the last of them applied.
    pub(crate) seconds: f64,
    /// Records a second.
    pub(crate) records_per_second: f64,
    /// Acknowledged records that were not applied in time.
    pub(crate) missing: u64,
    /// Why the API could not be asked the last time that it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl Commits {
    /// Whether all were applied.
    pub(crate) const fn is_good(&self) -> bool {
        self.missing == 0
    }
}

/// Looks at a company's counter of applied records.
#[derive(Debug)]
pub(crate) struct Looker {
    api: Api,
    company: CompanyId,
    /// What was applied before.
    before: u64,
}

impl Looker {
    /// Notes where the counter stands before a fleet begins.
    ///
    /// # Errors
    ///
    /// When the API cannot be asked.
    pub(crate) async fn begin(api: Api, company: CompanyId) -> anyhow::Result<Self> {
        Ok(Self {
            before: api.records_applied(company).await?,
            api,
            company,
        })
    }

    /// Waits until as many records were applied as were acknowledged, or the time is over.
    pub(crate) async fn wait(&self, context: &Context, until: Instant) -> Commits {
        // Fixed at the beginning of the wait: the hosts have stopped changing, so nothing more will
        // be acknowledged.
        let acknowledged = context.stats.records_acked.get();
        let mut commits = Commits::default();
        loop {
            match self.api.records_applied(self.company).await {
                Ok(applied) => commits.records = applied.saturating_sub(self.before),
                Err(error) => commits.error = Some(format!("{error:#}")),
            }
            let now = context.clock.now();
            commits.seconds = context.stats.seconds_until(now);
            commits.missing = acknowledged.saturating_sub(commits.records);
            if commits.is_good() || now >= until {
                commits.records_per_second = quotient(commits.records, commits.seconds);
                return commits;
            }
            sleep(LOOK_EVERY).await;
        }
    }
}
