//! What the node and the site come to, as gauges, read now and then.
//!
//! What happens counts itself where it happens; this is for what has to be looked at: the disk, the
//! database, certificates, and all companies' agents. It must never cost what it watches: every question is
//! bounded in time, and the site's are asked less often the longer they take.

mod process;
mod site;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use store::database::Store;
use time::OffsetDateTime;

use self::site::Site;
use super::Base;
use crate::authority::Authority;
use crate::clock::Clock;
use crate::config::Role;
use crate::metrics::{
    CERTIFICATE_EXPIRES, CLOCK_OFFSET_SECONDS, DATABASE_CONNECTIONS, DATABASE_UP, DISK_FREE_BYTES,
    DISK_SIZE_BYTES, FEED_EVERY_SECONDS, FEED_SYNCS, INGEST_CONNECTIONS_MAX, LABEL_CERTIFICATE,
    LABEL_OUTCOME, LABEL_SOURCE, LABEL_STATE, MATCH_CACHE_BYTES, MATCH_INDEX_BYTES,
    MATCH_INDEX_CVES, MATCH_INDEX_MADE, QUEUE_MAX_BYTES, QUEUE_MAX_REPORTS,
};
use crate::pipeline::matcher::Matcher;

/// How often the node is looked at.
const EVERY: Duration = Duration::from_secs(10);
/// How long the database may take to tell the time.
const WITHIN: Duration = Duration::from_secs(5);

/// What of a node is looked at.
#[derive(Debug)]
struct Node {
    data_dir: PathBuf,
    store: Store,
    clock: Clock,
    authority: Arc<Authority>,
    /// What judges, on a node that does.
    matcher: Option<Arc<Matcher>>,
}

impl Base {
    /// Measures this node, and the site where this node has the role of jobs, until the stop.
    pub(super) fn start_measures(&self, matcher: Arc<Matcher>) {
        self.measure_once();
        let roles = self.config.node.roles;
        let node = Node {
            data_dir: self.config.node.data_dir.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            authority: Arc::clone(&self.authority),
            matcher: (roles.has(Role::Ingest) || roles.has(Role::Jobs)).then_some(matcher),
        };
        let stopping = self.lifecycle.soft_token();
        self.lifecycle.spawn("measures.node", async move {
            loop {
                node.measure().await;
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        });
        if roles.has(Role::Jobs) {
            let visits = Duration::from_secs(self.config.ingest.visit_every_s.into());
            let mut site = Site::new(self.store.clone(), self.clock.clone(), visits);
            let stopping = self.lifecycle.soft_token();
            self.lifecycle.spawn("measures.site", async move { site.run(&stopping).await });
        }
    }

    /// Says what does not change while the process lives.
    fn measure_once(&self) {
        process::started(self.clock.now());
        if self.config.node.roles.has(Role::Ingest) {
            gauge!(QUEUE_MAX_BYTES).set(self.config.queue.bytes_max as f64);
            gauge!(QUEUE_MAX_REPORTS).set(self.config.queue.entries_max as f64);
            gauge!(INGEST_CONNECTIONS_MAX).set(f64::from(self.config.ingest.connections_max));
        }
        if self.config.feeds.sync && self.config.node.roles.has(Role::Jobs) {
            for source in &self.config.feeds.sources {
                let every = source.every.as_secs_f64();
                gauge!(FEED_EVERY_SECONDS, LABEL_SOURCE => source.name.clone()).set(every);
                // There before it happens, so that the first failure is seen.
                for outcome in ["changed", "unchanged", "failed"] {
                    counter!(
                        FEED_SYNCS,
                        LABEL_SOURCE => source.name.clone(), LABEL_OUTCOME => outcome
                    )
                    .absolute(0);
                }
            }
        }
    }
}

impl Node {
    async fn measure(&self) {
        self.disk();
        // Another authority may sign by now.
        let ends = seconds_since_1970(self.authority.not_after());
        gauge!(CERTIFICATE_EXPIRES, LABEL_CERTIFICATE => "authority").set(ends);
        self.index();
        process::measure();
        self.database().await;
    }

    fn disk(&self) {
        match rustix::fs::statvfs(&self.data_dir) {
            Ok(found) => {
                // `f_bavail` and not `f_bfree`: the blocks that are kept back for root are not ours.
                gauge!(DISK_FREE_BYTES).set(found.f_bavail as f64 * found.f_frsize as f64);
                gauge!(DISK_SIZE_BYTES).set(found.f_blocks as f64 * found.f_frsize as f64);
            }
            Err(error) => tracing::debug!(%error, "looking at the disk of the data directory"),
        }
    }

    fn index(&self) {
        let Some(matcher) = &self.matcher else {
            return;
        };
        let index = matcher.index();
        let stats = index.as_ref().map(|index| index.stats());
        gauge!(MATCH_CACHE_BYTES).set(matcher.memory_bytes() as f64);
        gauge!(MATCH_INDEX_CVES).set(stats.as_ref().map_or(0, |stats| stats.cves) as f64);
        gauge!(MATCH_INDEX_BYTES).set(stats.as_ref().map_or(0, |stats| stats.bytes) as f64);
        if let Some(made_at) = index.and_then(|index| index.made_at()) {
            gauge!(MATCH_INDEX_MADE).set(made_at.0 as f64 / 1_000.0);
        }
    }

    async fn database(&self) {
        let (open, idle) = self.store.connections();
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        gauge!(DATABASE_CONNECTIONS, LABEL_STATE => "idle").set(f64::from(idle));
        let used = open.saturating_sub(idle);
        gauge!(DATABASE_CONNECTIONS, LABEL_STATE => "used").set(f64::from(used));
        // Also by the way of transactions, which may be another than that of single questions.
        if self.store.ping().await.is_err() {
            gauge!(DATABASE_UP).set(0.0);
            return;
        }
        let asked_at = self.clock.now();
        let answer = tokio::time::timeout(WITHIN, self.store.now()).await;
        let Ok(Ok(theirs)) = answer else {
            gauge!(DATABASE_UP).set(0.0);
            return;
        };
        gauge!(DATABASE_UP).set(1.0);
        // The answer is from between the question and now, most likely from the middle.
        let ours = asked_at + (self.clock.now() - asked_at) / 2_i32;
        gauge!(CLOCK_OFFSET_SECONDS).set((ours - theirs).as_seconds_f64());
    }
}

fn seconds_since_1970(at: OffsetDateTime) -> f64 {
    (at - OffsetDateTime::UNIX_EPOCH).as_seconds_f64()
}

#[cfg(test)]
mod tests;
