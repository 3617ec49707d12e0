//! Jobs: work that one node does for all of them, by the clock or when something changed.
//!
//! The clock of every node asks for the same tick and one row comes of it; whichever node is free
//! takes the row, and another one takes it over when that node dies. So every job here may be done
//! twice, and none holds what cannot be computed again. [`index_watch`] is no job: every node that
//! judges software has to notice a new match index by itself.

mod aside;
mod erase_company;
mod feed_sync;
mod import;
mod index_watch;
mod keep_counts;
pub(crate) mod keep_rules;
pub(crate) mod make_reports;
mod match_findings;
mod measure;
mod runner;
pub(crate) mod send_mail;
mod ticks;
mod tidy;
mod wake;

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use store::database::Store;

use self::runner::{Does, Runner};
use self::wake::Wake;
use crate::clock::Clock;
use crate::config::{EnrichmentConfig, JobsConfig};
use crate::feeds::FeedSyncer;
use crate::lifecycle::Lifecycle;
use crate::mail::Mailer;
use crate::metrics::{JOBS, LABEL_JOB, LABEL_OUTCOME};
use crate::pipeline::matcher::Matcher;

/// What jobs work with.
#[derive(Clone, Debug)]
pub struct Jobs {
    /// The database.
    pub store: Store,
    /// What judges software.
    pub matcher: Arc<Matcher>,
    /// The time.
    pub clock: Clock,
    /// How long dead letters are kept.
    pub dead_letters_kept: Duration,
    /// How long closed installations and resolved findings are kept.
    pub history_kept: Duration,
    /// What fetches feeds; `None` on a node that does not.
    pub feeds: Option<Arc<FeedSyncer>>,
    /// What sends mail; `None` where no server is named.
    pub mail: Option<Mailer>,
}

/// A kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Erases a company that is to be deleted.
    EraseCompany,
    /// Fetches the feeds whose time has come.
    FeedSync,
    /// Applies a document that lists the software of an asset.
    Import,
    /// Keeps the counts of large companies.
    KeepCounts,
    /// Keeps what labels, exceptions and policies come to.
    KeepRules,
    /// Judges software again that was judged with another index.
    MatchFindings,
    /// Makes reports for people and their tools.
    MakeReports,
    /// Measures how each company stands.
    Measure,
    /// Writes digests and sends mail.
    SendMail,
    /// Forgets what nobody needs any more.
    Tidy,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::EraseCompany,
        Self::FeedSync,
        Self::Import,
        Self::KeepCounts,
        Self::KeepRules,
        Self::MakeReports,
        Self::MatchFindings,
        Self::Measure,
        Self::SendMail,
        Self::Tidy,
    ];

    /// The name in the database and in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::EraseCompany => store::companies::erase::JOB,
            Self::FeedSync => "feed_sync",
            Self::KeepCounts => "keep_counts",
            Self::Import => store::imports::JOB,
            Self::KeepRules => "keep_rules",
            Self::MakeReports => store::report_files::JOB,
            Self::MatchFindings => "match_findings",
            Self::Measure => "measure",
            Self::SendMail => "send_mail",
            Self::Tidy => "tidy",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl Kind {
    /// Whether it is the whole site's: what a company asks for takes other runners, so that none of it keeps
    /// this waiting.
    const fn is_of_the_site(self) -> bool {
        match self {
            Self::FeedSync
            | Self::KeepCounts
            | Self::KeepRules
            | Self::MatchFindings
            | Self::Measure
            | Self::SendMail
            | Self::Tidy => true,
            Self::EraseCompany | Self::Import | Self::MakeReports => false,
        }
    }
}

/// Counters that exist before they count, so that a rate of the first event is seen.
fn start_at_zero() {
    for kind in Kind::ALL {
        for outcome in ["done", "retried", "postponed", "failed", "lost"] {
            counter!(JOBS, LABEL_JOB => kind.as_str(), LABEL_OUTCOME => outcome).absolute(0);
        }
    }
}

impl Jobs {
    /// The kinds of jobs that this node does.
    fn kinds(&self) -> Vec<Kind> {
        let does = |kind: &Kind| match kind {
            Kind::FeedSync => self.feeds.is_some(),
            Kind::SendMail => self.mail.is_some(),
            Kind::EraseCompany
            | Kind::Import
            | Kind::KeepCounts
            | Kind::KeepRules
            | Kind::MatchFindings
            | Kind::MakeReports
            | Kind::Measure
            | Kind::Tidy => true,
        };
        Kind::ALL.into_iter().filter(does).collect()
    }

    /// Notices match indexes that are put in place, on every node that judges software. The present
    /// one is in use when this returns. Without a usable one the node works all the same: what is
    /// stored meanwhile is judged once there is one.
    pub async fn watch_index(&self, config: &EnrichmentConfig, lifecycle: &Lifecycle) {
        let mut watch = index_watch::IndexWatch::new(self.clone(), config.index.clone());
        watch.look().await;
        let stopping = lifecycle.soft_token();
        lifecycle.spawn_essential("jobs.index_watch", async move {
            watch.run(&stopping).await;
            Ok(())
        });
    }

    /// Starts the clock and the runners. What they hold at a soft stop is given back to be taken by
    /// another node.
    ///
    /// # Errors
    ///
    /// When the clock does not start.
    pub async fn start(self, config: &JobsConfig, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        start_at_zero();
        let ticks = ticks::Ticks::start(&self).await?;
        let stopping = lifecycle.soft_token();
        lifecycle.spawn("jobs.ticks", async move {
            stopping.cancelled().await;
            ticks.stop().await;
        });
        let wake = Wake::default();
        for number in 0..config.workers {
            // Of two or more, one is the site's.
            let does = if number == 0 && config.workers > 1 { Does::OfTheSite } else { Does::All };
            let runner = Runner::new(self.clone(), wake.clone(), does);
            let stopping = lifecycle.soft_token();
            lifecycle.spawn_essential("jobs.runner", async move {
                runner.run(&stopping).await;
                Ok(())
            });
        }
        let (store, clock, stopping) = (self.store.clone(), self.clock, lifecycle.soft_token());
        lifecycle.spawn("jobs.feed_ages", async move {
            feed_sync::measure(&store, &clock, &stopping).await;
        });
        let (store, stopping) = (self.store, lifecycle.soft_token());
        lifecycle.spawn("jobs.listen", async move {
            wake.listen(&store, &stopping).await;
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
