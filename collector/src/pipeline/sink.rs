//! Where the pipeline puts reports: the store, or in tests something that fails on request.

use std::sync::Arc;

use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::ids::{AgentId, CompanyId};
use protocol::software::SoftwareRecord;
use store::database::Store;
use store::dead_letters::NewDeadLetter;
use store::error::StoreError;
use store::reports::{AppliedBatch, IncomingReport};
use store::{agents, dead_letters, reports};
use time::OffsetDateTime;

use super::matcher::Matcher;

/// What takes reports.
pub(crate) trait ReportSink: Send + Sync + 'static {
    /// Applies reports of one company in one transaction.
    fn apply(
        &self,
        company: CompanyId,
        batch: &[IncomingReport],
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<AppliedBatch, SinkError>> + Send;

    /// Keeps reports that can never be applied.
    fn bury(
        &self,
        company: CompanyId,
        letters: &[NewDeadLetter],
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Asks an agent for a snapshot.
    fn ask_for_snapshot(
        &self,
        company: CompanyId,
        agent: AgentId,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Whether it answers at all.
    fn is_up(&self) -> impl Future<Output = bool> + Send;
}

/// Why something was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SinkError {
    /// The data itself is refused, and would be again.
    #[error("{0}")]
    Refused(String),
    /// It did not work this time.
    #[error("{0}")]
    Failed(String),
    /// It was not done in time, while the database may well answer.
    #[error("{0}")]
    Late(String),
    /// The database cannot take anything now.
    #[error("{0}")]
    Away(String),
    /// The company is erased, or is being so: nothing of it is kept.
    #[error("the company is gone")]
    CompanyGone,
}

impl From<StoreError> for SinkError {
    fn from(error: StoreError) -> Self {
        // In this order: what is certain first. All else is asked about (`is_up`).
        if error.is_permanent() {
            Self::Refused(error.to_string())
        } else if error.is_away() {
            Self::Away(error.to_string())
        } else if error.is_late() {
            Self::Late(error.to_string())
        } else {
            Self::Failed(error.to_string())
        }
    }
}

/// The store, with matching.
#[derive(Clone, Debug)]
pub(crate) struct StoreSink {
    pub(crate) store: Store,
    pub(crate) matcher: Arc<Matcher>,
}

impl StoreSink {
    /// Asks the server that takes writes; when the store goes over to another one meanwhile, the answer of the one before
    /// may never come. What it did all the same is found to be a duplicate.
    async fn here<T>(
        &self,
        asking: impl Future<Output = Result<T, SinkError>> + Send,
    ) -> Result<T, SinkError> {
        // Boxed, so that a worker has room for one of them and not for each.
        let asking = Box::pin(asking);
        tokio::select! {
            // Before it is asked, so that no move is missed.
            biased;
            () = self.store.moved() => {
                Err(SinkError::Away("another server takes writes now".to_owned()))
            }
            answer = asking => answer,
        }
    }

    async fn apply_here(
        &self,
        company: CompanyId,
        batch: &[IncomingReport],
        now: OffsetDateTime,
    ) -> Result<AppliedBatch, SinkError> {
        // Its reports leave the queue instead of being tried for ever.
        let Some(scope) = self.store.pipeline_scope(company).await? else {
            return Err(SinkError::CompanyGone);
        };
        // One index for the whole transaction, whatever is swapped in meanwhile.
        let judge = self.matcher.judge();
        let evaluate = |record: &SoftwareRecord, platform: &Platform, key: SoftwareKey| {
            // The store keeps it for as long as its transaction, which may be tried again, so it
            // has to own it. Only software that is new to the company comes here.
            judge.evaluate(record, platform, key).as_ref().clone()
        };
        let applied = reports::apply(&scope, batch, &evaluate, judge.generation(), now).await?;
        Ok(applied)
    }
}

impl ReportSink for StoreSink {
    async fn apply(
        &self,
        company: CompanyId,
        batch: &[IncomingReport],
        now: OffsetDateTime,
    ) -> Result<AppliedBatch, SinkError> {
        self.here(self.apply_here(company, batch, now)).await
    }

    async fn bury(
        &self,
        company: CompanyId,
        letters: &[NewDeadLetter],
        now: OffsetDateTime,
    ) -> Result<(), SinkError> {
        self.here(async {
            // Of a company that is gone nothing is kept.
            if let Some(scope) = self.store.pipeline_scope(company).await? {
                dead_letters::add(&scope, letters, now).await?;
            }
            Ok(())
        })
        .await
    }

    async fn ask_for_snapshot(
        &self,
        company: CompanyId,
        agent: AgentId,
        now: OffsetDateTime,
    ) -> Result<(), SinkError> {
        self.here(async {
            if let Some(scope) = self.store.pipeline_scope(company).await? {
                agents::ask_for_snapshots(&scope, &[agent], now).await?;
            }
            Ok(())
        })
        .await
    }

    async fn is_up(&self) -> bool {
        self.store.ping().await.is_ok()
    }
}
