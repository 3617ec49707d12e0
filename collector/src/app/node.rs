//! This process as the API sees it.

use enrichment::index::Index;
use protocol::ids::TokenId;
use protocol::token::EnrolmentToken;
use ring::rand::SystemRandom;

use super::Work;
use crate::clock::Clock;
use crate::http::{IndexStatus, Node, NodeStatus};
use crate::tokens::TokenMaker;

/// This process.
#[derive(Debug)]
pub(super) struct ThisNode {
    tokens: TokenMaker,
    random: SystemRandom,
    clock: Clock,
    work: Option<(Work, u64)>,
}

impl ThisNode {
    /// A process with a queue and its bound, or without one when it has no such role.
    pub(super) fn new(tokens: TokenMaker, clock: Clock, work: Option<(Work, u64)>) -> Self {
        Self { tokens, random: SystemRandom::new(), clock, work }
    }
}

impl Node for ThisNode {
    fn status(&self) -> NodeStatus {
        let Some((work, bytes_max)) = &self.work else {
            return NodeStatus::default();
        };
        let stats = work.queue.stats();
        let waiting = work.dispatcher.waiting();
        // Of the lanes and not of the queue: what is being stored has not come to its end either.
        let oldest = work.dispatcher.oldest_received_at_ms();
        NodeStatus {
            queued_deltas: waiting.deltas,
            queued_snapshots: waiting.snapshots,
            queue_bytes: stats.file_bytes,
            queue_bytes_max: *bytes_max,
            oldest_ms: oldest.map_or(0, |at| self.clock.now_ms().saturating_sub(at)),
            index: work.matcher.index().map(|index| status_of(&index)),
        }
    }

    fn new_token(&self, id: TokenId) -> anyhow::Result<EnrolmentToken> {
        Ok(self.tokens.make(id, &self.random)?)
    }

    fn is_ready(&self) -> bool {
        let work = self.work.as_ref();
        // A process without a queue has nothing that could refuse.
        work.is_none_or(|(work, _)| !work.queue.stats().is_refusing)
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
