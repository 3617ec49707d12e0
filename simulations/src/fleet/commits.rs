//! When everything that a fleet had acknowledged has become committed rows.
//!
//! The collector counts, in the transaction that writes them, the records that it applied. That
//! counter is asked for, and not the rows: reading a company's whole inventory again and again
//! would slow down what is measured.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::ids::CompanyId;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::stats::quotient;
use crate::api::Api;
use crate::clock::Clock;

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

/// Looks at companies' counters of applied records.
#[derive(Debug)]
pub(crate) struct Looker {
    api: Api,
    companies: BTreeSet<CompanyId>,
    /// What was applied before.
    before: u64,
}

impl Looker {
    /// Notes where the counters stand before a fleet begins.
    ///
    /// # Errors
    ///
    /// When the API cannot be asked.
    pub(crate) async fn begin(api: Api, companies: BTreeSet<CompanyId>) -> anyhow::Result<Self> {
        let mut looker = Self { api, companies, before: 0 };
        looker.before = looker.applied().await?;
        Ok(looker)
    }

    async fn applied(&self) -> anyhow::Result<u64> {
        let mut applied = 0;
        for company in &self.companies {
            applied += self.api.records_applied(*company).await?;
        }
        Ok(applied)
    }

    /// Waits until as many records were applied as were acknowledged, or the time is over, or the
    /// run is interrupted.
    pub(crate) async fn wait(
        &self,
        contexts: &[&Context],
        (until, interrupted): (Instant, &CancellationToken),
    ) -> Commits {
        let now_of = |now| contexts.iter().map(move |context| context.stats.seconds_until(now));
        // Fixed at the beginning of the wait: the hosts have stopped changing, so nothing more will
        // be acknowledged.
        let acknowledged = contexts.iter().map(|context| context.stats.records_acked.get());
        let acknowledged: u64 = acknowledged.sum();
        let mut commits = Commits::default();
        loop {
            // An API that is away for a moment, as in a restart, costs one look: what counts is
            // whether the rows are there in the end.
            match self.applied().await {
                // Saturating: a database that was put back counts less than before, and nothing of
                // ours then.
                Ok(applied) => commits.records = applied.saturating_sub(self.before),
                Err(error) => commits.error = Some(format!("{error:#}")),
            }
            // Behind the answer: the figure is when it was seen, and never earlier than it was so.
            let now = Clock.now();
            commits.seconds = now_of(now).fold(0.0, f64::max);
            commits.missing = acknowledged.saturating_sub(commits.records);
            // An interrupted run still looks once, and says what is missing: one that was not
            // looked at must not pass for good.
            if commits.is_good() || now >= until || interrupted.is_cancelled() {
                commits.records_per_second = quotient(commits.records, commits.seconds);
                return commits;
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::TokenId;
    use protocol::token::EnrolmentToken;
    use uuid::Uuid;

    use super::*;
    use crate::fleet::tls::Tls;

    #[tokio::test]
    async fn an_interrupted_run_looks_once_and_says_what_is_missing() {
        let token = EnrolmentToken {
            id: TokenId(Uuid::nil()),
            secret: [0; 32],
            ca_sha256: [0; 32],
            addresses: vec!["127.0.0.1:9".to_owned()],
        };
        let idle = Duration::from_secs(1);
        let context = Context::open(Clock, &token, 1, Tls::new(idle, false)).await.expect("open");
        context.stats.records_acked.many(5);
        let directory = tempfile::tempdir().expect("a directory");
        let key = directory.path().join("key");
        std::fs::write(&key, "msk_1_secret").expect("writes");
        let looker = Looker {
            // Nobody listens there.
            api: Api::new("http://127.0.0.1:9", &key).expect("a client"),
            companies: BTreeSet::from([CompanyId(Uuid::nil())]),
            before: 0,
        };
        // Cancelled before the wait begins, and with an hour left: only the interruption can end
        // it.
        let interrupted = CancellationToken::new();
        interrupted.cancel();
        let later = Clock.now() + Duration::from_secs(3_600);
        let contexts = [&context];
        let looked = looker.wait(&contexts, (later, &interrupted));
        let commits = tokio::time::timeout(Duration::from_secs(20), looked).await;
        let commits = commits.expect("ended");
        assert_eq!((commits.missing, commits.is_good()), (5, false));
        assert!(commits.error.is_some());
    }
}
