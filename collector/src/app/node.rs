//! This process as the API sees it, and whoever watches it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use enrichment::index::Index;
use metrics_exporter_prometheus::PrometheusHandle;
use protocol::host::Platform;
use protocol::ids::TokenId;
use protocol::software::SoftwareRecord;
use protocol::token::EnrolmentToken;
use ring::rand::SystemRandom;

use super::{Addresses, Base, Work};
use crate::authority::Authority;
use crate::http::{self, Explained, IndexStatus, Node, NodeStatus};
use crate::pipeline::matcher::Matcher;
use crate::tokens::TokenMaker;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// This process.
#[derive(Debug)]
pub(super) struct ThisNode {
    tokens: TokenMaker,
    authority: Arc<Authority>,
    random: SystemRandom,
    matcher: Arc<Matcher>,
    work: Option<Work>,
}

impl ThisNode {
    /// A process with a queue, or without one when it has no such role.
    pub(super) fn new(
        tokens: TokenMaker,
        authority: Arc<Authority>,
        matcher: Arc<Matcher>,
        work: Option<Work>,
    ) -> Self {
        Self { tokens, authority, random: SystemRandom::new(), matcher, work }
    }
}

impl Base {
    /// This process, once it is known where it listens.
    pub(super) fn this_node(
        &self,
        addresses: Addresses,
        matcher: Arc<Matcher>,
        work: Option<Work>,
    ) -> Arc<ThisNode> {
        let tokens = TokenMaker::new(
            self.authority.fingerprint(),
            &self.config.ingest.addresses,
            // Where it really listens: with port 0 in the configuration that is known only now.
            addresses.ingest.unwrap_or(self.config.ingest.listen),
        );
        Arc::new(ThisNode::new(tokens, Arc::clone(&self.authority), matcher, work))
    }

    /// Answers those who watch at an address of their own, if they have one.
    ///
    /// # Errors
    ///
    /// When it cannot be listened on.
    pub(super) async fn start_watched(
        &self,
        node: Arc<ThisNode>,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<()> {
        let Some(address) = self.config.telemetry.watch_listen else {
            return Ok(());
        };
        let listener = tokio::net::TcpListener::bind(address).await.with_context(|| {
            format!("listen on {address} (TCP), which telemetry.watch_listen names")
        })?;
        let watched = http::Watched { store: self.store.clone(), metrics, node };
        let (config, stopping) = (self.config.http.clone(), self.lifecycle.soft_token());
        self.lifecycle.spawn_essential("watched", async move {
            let stop = stopping.cancelled_owned();
            Ok(http::serve_watched(listener, watched, &config, stop).await?)
        });
        Ok(())
    }
}

impl Work {
    /// What stands in the queue, and which index is in use.
    pub(super) fn status(&self) -> NodeStatus {
        let (stats, limits) = (self.queue.stats(), self.queue.limits());
        let waiting = self.dispatcher.waiting();
        NodeStatus {
            version: VERSION.to_owned(),
            reports_per_minute: self.presence.pace(self.queue.completed()),
            queued_deltas: waiting.deltas,
            queued_snapshots: waiting.snapshots,
            queue_bytes: stats.file_bytes,
            queue_bytes_max: limits.bytes_max,
            queue_reports: stats.entries,
            queue_reports_max: limits.entries_max,
            // Of the lanes and not of the queue: what is being stored has not come to its end either.
            oldest_ms: self.presence.waiting().map_or(0, millis),
            index: self.matcher.index().map(|index| status_of(&index)),
        }
    }
}

fn millis(waiting: Duration) -> u64 {
    u64::try_from(waiting.as_millis()).unwrap_or(u64::MAX)
}

impl Node for ThisNode {
    fn status(&self) -> NodeStatus {
        let Some(work) = &self.work else {
            return NodeStatus { version: VERSION.to_owned(), ..NodeStatus::default() };
        };
        work.status()
    }

    fn new_token(&self, id: TokenId) -> anyhow::Result<EnrolmentToken> {
        Ok(self.tokens.of(self.authority.fingerprint()).make(id, &self.random)?)
    }

    fn is_ready(&self) -> bool {
        let work = self.work.as_ref();
        // A process without a queue has nothing that could refuse.
        work.is_none_or(|work| !work.queue.stats().is_refusing)
    }

    fn why_not(
        &self,
        record: &SoftwareRecord,
        platform: &Platform,
        cve: &str,
    ) -> Option<Explained> {
        // One judge for both, so that the generation is that of the index which answered.
        let judge = self.matcher.judge();
        let answer = judge.why_not(record, platform, cve)?;
        Some(Explained { answer, generation: judge.generation() })
    }
}

fn status_of(index: &Index) -> IndexStatus {
    let stats = index.stats();
    IndexStatus {
        generation: format!("{:016x}", index.generation()),
        cves: stats.cves,
        products: stats.products,
        rules: stats.exact_rules + stats.range_rules + stats.open_rules,
    }
}
