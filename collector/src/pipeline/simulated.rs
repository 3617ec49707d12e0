//! For simulations: workers on the lanes of a node, and a store of the simulation's own behind them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use protocol::ids::{AgentId, CompanyId};
use store::dead_letters::NewDeadLetter;
use store::reports::{AppliedBatch, IncomingReport};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::Dispatcher;
use super::sink::{ReportSink, SinkError};
use super::worker::{Reads, Worker};
use crate::clock::Clock;
use crate::queue::Queue;
use crate::traces::Tracer;

/// Why the store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The data itself is refused, and would be again.
    Refused(String),
    /// It did not work this time.
    Failed(String),
}

/// An answer of the store.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where reports go: what `store::reports` and `store::dead_letters` promise.
pub trait Rows: fmt::Debug + Send + Sync + 'static {
    /// Applies reports of one company in one transaction.
    fn apply<'a>(
        &'a self,
        company: CompanyId,
        batch: &'a [IncomingReport],
        now: OffsetDateTime,
    ) -> Answer<'a, Result<AppliedBatch, Failure>>;

    /// Keeps reports that can never be applied.
    fn bury<'a>(
        &'a self,
        company: CompanyId,
        letters: &'a [NewDeadLetter],
        now: OffsetDateTime,
    ) -> Answer<'a, Result<(), Failure>>;

    /// Asks an agent for a snapshot.
    fn ask_for_snapshot(
        &self,
        company: CompanyId,
        agent: AgentId,
        now: OffsetDateTime,
    ) -> Answer<'_, Result<(), Failure>>;

    /// Whether it answers at all.
    fn is_up(&self) -> Answer<'_, bool>;
}

/// The workers of one node. A clone is the same crew.
#[derive(Clone, Debug)]
pub struct Crew {
    worker: Arc<Worker<Sink>>,
}

impl Crew {
    /// Workers between a queue and rows.
    #[must_use]
    pub fn new(
        queue: Queue,
        dispatcher: Arc<Dispatcher>,
        rows: Arc<dyn Rows>,
        clock: Clock,
        attempts_max: u32,
    ) -> Self {
        Self {
            worker: Arc::new(Worker {
                queue,
                dispatcher,
                sink: Sink(rows),
                clock,
                tracer: Tracer::default(),
                attempts_max,
                reads: Reads::InPlace,
            }),
        }
    }

    /// One worker's life, until `stopping` is cancelled.
    ///
    /// # Errors
    ///
    /// When there is no memory to unpack with.
    pub async fn work(&self, stopping: &CancellationToken) -> anyhow::Result<()> {
        self.worker.run(stopping).await
    }
}

#[derive(Debug)]
struct Sink(Arc<dyn Rows>);

impl From<Failure> for SinkError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(why) => Self::Refused(why),
            // Never `Away`: whether the rows are away is found out by asking, as with errors that
            // do not say it.
            Failure::Failed(why) => Self::Failed(why),
        }
    }
}

impl ReportSink for Sink {
    async fn apply(
        &self,
        company: CompanyId,
        batch: &[IncomingReport],
        now: OffsetDateTime,
    ) -> Result<AppliedBatch, SinkError> {
        Ok(self.0.apply(company, batch, now).await?)
    }

    async fn bury(
        &self,
        company: CompanyId,
        letters: &[NewDeadLetter],
        now: OffsetDateTime,
    ) -> Result<(), SinkError> {
        Ok(self.0.bury(company, letters, now).await?)
    }

    async fn ask_for_snapshot(
        &self,
        company: CompanyId,
        agent: AgentId,
        now: OffsetDateTime,
    ) -> Result<(), SinkError> {
        Ok(self.0.ask_for_snapshot(company, agent, now).await?)
    }

    async fn is_up(&self) -> bool {
        self.0.is_up().await
    }
}
