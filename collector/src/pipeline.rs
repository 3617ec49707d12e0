//! The pipeline: reports out of the queue, matched and stored, each to exactly one outcome.
//!
//! [`Dispatcher`] holds what waits in [`lanes`] and gives out groups: reports of one company, in
//! order for each agent, several batches in one transaction when work has piled up. Workers take
//! groups, store them through the store, where software that is new is judged by the [`matcher`],
//! and complete the queue's entries. It must never complete an entry without an outcome, and never
//! take a database that is away for data that is bad.

mod batch;
mod breaker;
mod dispatcher;
mod drain;
mod gauges;
mod lanes;
mod load;
pub mod matcher;
mod outcome;
#[cfg(feature = "test-support")]
pub mod simulated;
mod sink;
#[cfg(test)]
pub(crate) mod testing;
mod trace;
pub(crate) mod unwind;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use store::database::Store;
use tokio_util::sync::CancellationToken;

pub use self::dispatcher::Dispatcher;
pub(crate) use self::lanes::Portion;
use self::matcher::Matcher;
use self::sink::StoreSink;
use self::worker::{Reads, Worker};
use crate::clock::Clock;
use crate::config::PipelineConfig;
use crate::lifecycle::Lifecycle;
use crate::queue::Queue;
use crate::traces::Tracer;

/// What the pipeline works with.
#[derive(Debug)]
pub struct Pipeline {
    /// Where reports come from; opened with `dispatcher`.
    pub queue: Queue,
    /// What waits in it.
    pub dispatcher: Arc<Dispatcher>,
    /// Where reports go.
    pub store: Store,
    /// What judges software.
    pub matcher: Arc<Matcher>,
    /// The time.
    pub clock: Clock,
    /// What takes traces.
    pub tracer: Tracer,
}

impl Pipeline {
    /// Starts the workers. After a soft stop they go on until nothing waits, for `drain_within` at most;
    /// what still waits then is durable, and waits for the next start. Gives what is cancelled when they
    /// are told to end.
    pub fn start(
        self,
        config: &PipelineConfig,
        drain_within: Duration,
        lifecycle: &Lifecycle,
    ) -> CancellationToken {
        // A token of its own and not the soft stop's: at that one agents are sent away, and the
        // workers go on.
        let drained = CancellationToken::new();
        outcome::start_at_zero();
        let worker = Arc::new(Worker {
            queue: self.queue.clone(),
            dispatcher: Arc::clone(&self.dispatcher),
            sink: StoreSink { store: self.store, matcher: self.matcher },
            clock: self.clock.clone(),
            tracer: self.tracer,
            attempts_max: config.attempts_max,
            reads: Reads::Aside,
        });
        // One worker serves all in turn: what they share is the lanes, and each is a task, not a
        // thread. Essential, because a collector whose workers are gone would fill its queue in
        // silence.
        for _ in 0..config.workers {
            let (worker, stopping) = (Arc::clone(&worker), drained.clone());
            lifecycle
                .spawn_essential("pipeline.worker", async move { worker.run(&stopping).await });
        }
        let (dispatcher, ended) = (Arc::clone(&self.dispatcher), drained.clone());
        let stopping = lifecycle.soft_token();
        lifecycle.spawn("pipeline.drain", async move {
            drain::run(&dispatcher, drain_within, &stopping, &ended).await;
        });
        let stopping = lifecycle.soft_token();
        lifecycle.spawn("pipeline.gauges", async move {
            gauges::run(&self.queue, &self.dispatcher, &self.clock, &stopping).await;
        });
        drained
    }
}

#[cfg(test)]
mod tests;
