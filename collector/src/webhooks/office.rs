//! Who sends: every node with the role of jobs looks for webhooks that have something to be told, and
//! makes the rounds of those that it got.
//!
//! A webhook is leased for a round, so one node has it however many look; each round is a task of its own,
//! so that a server that is slow keeps no other one waiting. A look follows an announcement, comes again a
//! moment later because an event shows only when older transactions have ended, and comes anyway.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use protocol::ids::CompanyId;
use store::database::Store;
use store::error::StoreError;
use store::{companies, webhooks as rows};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::client::{ANSWER_WITHIN, Client, ClientError};
use super::courier::{Courier, LEASE, Turn};
use super::places::Places;
use super::seal::Sealer;
use crate::announcements::{Happened, Waiting};
use crate::clock::Clock;
use crate::config::WebhooksConfig;
use crate::metrics::WEBHOOK_OLDEST_SECONDS;

/// How long after an announcement is looked once more.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// After how many of those is looked everywhere.
const EVERYWHERE_EVERY: u32 = 10;

/// What makes rounds on this node.
#[derive(Debug)]
pub(crate) struct Office {
    store: Store,
    courier: Courier,
    rounds: JoinSet<()>,
}

impl Office {
    /// An office with an operator's settings.
    ///
    /// # Errors
    ///
    /// When a setting cannot be used.
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        sealer: Sealer,
        config: &WebhooksConfig,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            store,
            courier: Courier {
                client: Client::new(config, ANSWER_WITHIN)?,
                sealer,
                clock,
                places: Places::new(config.requests_max as usize),
                stopping: CancellationToken::new(),
            },
            rounds: JoinSet::new(),
        })
    }

    /// The same with another patience.
    #[cfg(test)]
    pub(super) fn patient(mut self, config: &WebhooksConfig, patience: Duration) -> Self {
        self.courier.client = Client::new(config, patience).unwrap();
        self
    }

    /// Looks and makes rounds until `stopping` is cancelled, and waits for what is on its way then: a
    /// webhook that is not given back waits for the end of its lease.
    pub(crate) async fn run(mut self, mut waiting: Waiting, stopping: &CancellationToken) {
        self.courier.stopping = stopping.clone();
        let mut again = BTreeSet::new();
        let mut ticks = tokio::time::interval(AGAIN_AFTER);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut number = 0_u32;
        loop {
            let looked = tokio::select! {
                () = stopping.cancelled() => break,
                // Ended rounds leave the set, which would grow otherwise.
                Some(_) = self.rounds.join_next() => continue,
                happened = waiting.next() => match happened {
                    Happened::In(company) => {
                        again.insert(company);
                        self.look(company).await.map(|_| ())
                    }
                    Happened::Somewhere => self.look_everywhere().await,
                },
                _ = ticks.tick() => {
                    number = number.wrapping_add(1);
                    if number % EVERYWHERE_EVERY == 1 {
                        again.clear();
                        self.look_everywhere().await
                    } else {
                        self.look_at(std::mem::take(&mut again)).await
                    }
                }
            };
            if let Err(error) = looked {
                tracing::debug!(%error, "looking for webhooks that have something to be told");
            }
        }
        self.rest().await;
    }

    async fn look_at(&mut self, companies: BTreeSet<CompanyId>) -> Result<(), StoreError> {
        for company in companies {
            self.look(company).await?;
        }
        Ok(())
    }

    /// Looks at every company that has webhooks, and measures what waits.
    async fn look_everywhere(&mut self) -> Result<(), StoreError> {
        let operator = self.store.local_operator();
        let mut oldest: Option<OffsetDateTime> = None;
        for company in companies::with_webhooks(&operator).await? {
            self.look(company).await?;
            if let Some(scope) = self.store.pipeline_scope(company).await? {
                let waits = rows::oldest_waiting(&scope).await?;
                oldest = oldest.into_iter().chain(waits).min();
            }
        }
        let now = self.courier.clock.now();
        let age = oldest.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
        gauge!(WEBHOOK_OLDEST_SECONDS).set(age);
        Ok(())
    }

    /// Begins the rounds of a company's webhooks that have something to be told and are nobody's; gives
    /// how many.
    pub(super) async fn look(&mut self, company: CompanyId) -> Result<usize, StoreError> {
        let Some(scope) = self.store.pipeline_scope(company).await? else {
            return Ok(0);
        };
        let now = self.courier.clock.now();
        let turn = Uuid::new_v4();
        let claimed = rows::claim(&scope, turn, LEASE, now).await?;
        let count = claimed.len();
        for webhook in claimed {
            let turn = Turn { scope: scope.clone(), webhook: Arc::new(webhook), id: turn };
            self.rounds.spawn(self.courier.clone().round(turn));
        }
        Ok(count)
    }

    /// Waits until all rounds have ended.
    pub(super) async fn rest(&mut self) {
        while self.rounds.join_next().await.is_some() {}
    }
}
