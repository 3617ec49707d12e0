//! One webhook's round: events become messages, and messages go, some at once, until none may go.
//!
//! A round is shorter than the lease that it is made under, so nobody else sends the webhook's messages
//! meanwhile. When its server has trouble the round ends, and what waits comes with the next ones.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use metrics::counter;
use ring::rand::{SecureRandom as _, SystemRandom};
use store::error::StoreError;
use store::tenant::TenantScope;
use store::webhooks::{self as rows, Attempt, Claimed, Due, Outcome, Turned};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::{NoContext, Timestamp, Uuid};

use super::backoff;
use super::client::{Client, Message};
use super::message::{self, Envelope};
use super::order;
use super::places::Places;
use super::seal::Sealer;
use super::signature::sign;
use crate::clock::Clock;
use crate::metrics::{LABEL_OUTCOME, WEBHOOK_DELIVERIES};

/// Messages of one webhook at once.
const AT_ONCE: usize = 4;
/// The oldest messages of a webhook that are looked at for some that may go: all that may wait, so that
/// those that are refused hide no others.
const LOOKED_AT: u32 = rows::PENDING_MAX;
/// For how long a round begins to send; the last message takes ten seconds more, and a place for it
/// [`PLACE_WITHIN`].
const ROUND: Duration = Duration::from_secs(30);
/// How long a message waits for its place among all that this node sends.
const PLACE_WITHIN: Duration = Duration::from_secs(5);

/// For how long a webhook is taken.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// What sends messages. Clones share their client and their places.
#[derive(Clone, Debug)]
pub(super) struct Courier {
    pub(super) client: Client,
    pub(super) sealer: Sealer,
    pub(super) clock: Clock,
    /// The places of all messages that this node sends at once.
    pub(super) places: Places,
    /// Cancelled when rounds are to end with what is on its way.
    pub(super) stopping: CancellationToken,
}

/// A webhook in its turn.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) scope: TenantScope,
    pub(super) webhook: Arc<Claimed>,
    pub(super) id: Uuid,
}

/// How a message's attempt ended, for the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Another one may fare as well.
    Sent,
    /// Another one would fare no better.
    Trouble,
}

impl Courier {
    /// Makes a round, and gives the webhook back.
    pub(super) async fn round(self, turn: Turn) {
        let worked = self.work(&turn).await;
        let released = rows::release(&turn.scope, turn.webhook.id, turn.id).await;
        if let Err(error) = worked.and_then(|()| released.context("give a webhook back")) {
            // The lease ends by itself, and the next round goes on where this one was.
            let webhook = turn.webhook.id;
            tracing::warn!(%webhook, error = %crate::causes::Causes(&error), "a webhook's round");
        }
    }

    async fn work(&self, turn: &Turn) -> anyhow::Result<()> {
        let until = self.clock.instant() + ROUND;
        loop {
            if !self.make_messages(turn).await.context("make messages")? {
                return Ok(());
            }
            let (sent, is_over) = self.send_what_may_go(turn, until).await?;
            // What was sent makes room for more events.
            if sent == 0 || is_over {
                return Ok(());
            }
        }
    }

    /// Makes messages of all events, as far as they may wait; whether the webhook is still this turn's.
    async fn make_messages(&self, turn: &Turn) -> Result<bool, StoreError> {
        loop {
            let now = self.clock.now();
            let new_id = || new_id(now);
            let turned = rows::turn(&turn.scope, turn.webhook.id, turn.id, &new_id, now).await?;
            match turned {
                Turned::More => {}
                Turned::All => return Ok(true),
                Turned::Lost => return Ok(false),
            }
        }
    }

    /// Sends until nothing may go; gives how many were sent, and whether the round is over.
    async fn send_what_may_go(&self, turn: &Turn, until: Instant) -> anyhow::Result<(usize, bool)> {
        let (mut sent, mut is_over) = (0, false);
        // One is enough to find out whether it is still silent.
        let mut at_once = if turn.webhook.is_silent { 1 } else { AT_ONCE };
        let mut on_their_way = HashSet::new();
        let mut sending = JoinSet::new();
        loop {
            is_over |= self.clock.instant() >= until || self.stopping.is_cancelled();
            if !is_over {
                let waiting = rows::pending(&turn.scope, turn.webhook.id, LOOKED_AT)
                    .await
                    .context("look for messages")?;
                let going = order::may_go(&waiting, &on_their_way, self.clock.now());
                for due in going.into_iter().take(at_once - on_their_way.len()) {
                    on_their_way.insert(due.id);
                    let (courier, turn, due) = (self.clone(), turn.clone(), due.clone());
                    sending.spawn(async move { (due.id, courier.send(&turn, &due).await) });
                }
            }
            let Some(ended) = sending.join_next().await else {
                return Ok((sent, is_over));
            };
            // A panic or a database that is away: the message waits as it did.
            let (id, ended) = ended.context("send a message")?;
            on_their_way.remove(&id);
            sent += 1;
            is_over |= ended.context("note what became of a message")? == Ended::Trouble;
            at_once = AT_ONCE;
        }
    }

    async fn send(&self, turn: &Turn, due: &Due) -> Result<Ended, StoreError> {
        let places = self.places.take(turn.scope.company());
        let waiting = tokio::time::timeout(PLACE_WITHIN, places);
        // Without a place in time the company, or this node, has too much to do.
        let Ok(Ok(_place)) = waiting.await else {
            return Ok(Ended::Trouble);
        };
        let Some(events) = rows::events_of(&turn.scope, due.id).await? else {
            return Ok(Ended::Sent);
        };
        let webhook = &turn.webhook;
        let envelope = Envelope { id: due.id, webhook: webhook.id, company: turn.scope.company() };
        let body = message::write(envelope, webhook.template, &events);
        let secrets = self.secrets(turn);
        let now = self.clock.now();
        let (attempt, ended) = if secrets.is_empty() {
            (unsigned(due, now), Ended::Trouble)
        } else {
            let message =
                Message { id: due.id.to_string(), signature: sign(&secrets, now, &body), body };
            let result = self.client.send(&webhook.url, message).await;
            let ended = match &result {
                Ok(answer) if !answer.is_in_trouble() => Ended::Sent,
                Ok(_) | Err(_) => Ended::Trouble,
            };
            let number = due.attempts.saturating_add(1);
            // The instant of its end: what took long is not tried again at once for it.
            let now = self.clock.now();
            let attempt = backoff::judge(result, number, due.gives_up_at, random(), now);
            (attempt, ended)
        };
        self.settle(turn, due, &attempt, self.clock.now()).await?;
        Ok(ended)
    }

    async fn settle(
        &self,
        turn: &Turn,
        due: &Due,
        attempt: &Attempt,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let outcome = match attempt.outcome {
            Outcome::Delivered => "delivered",
            Outcome::Retry(_) => "retried",
            Outcome::Dead => "dead",
        };
        counter!(WEBHOOK_DELIVERIES, LABEL_OUTCOME => outcome).increment(1);
        if attempt.outcome == Outcome::Dead {
            tracing::warn!(
                company = %turn.scope.company(), webhook = %turn.webhook.id, message = %due.id,
                error = attempt.error, "a message is given up"
            );
        }
        rows::settle(&turn.scope, due.id, attempt, now).await
    }

    fn secrets(&self, turn: &Turn) -> Vec<String> {
        let company = turn.scope.company();
        let open = |sealed: &Vec<u8>| self.sealer.open(company, turn.webhook.id, sealed);
        turn.webhook.secrets.iter().filter_map(open).collect()
    }
}

/// What follows where no secret can be opened: the authority is another one than when it was made.
fn unsigned(due: &Due, now: OffsetDateTime) -> Attempt {
    let is_late = now >= due.gives_up_at;
    Attempt {
        outcome: if is_late {
            Outcome::Dead
        } else {
            Outcome::Retry(now + Duration::from_secs(900))
        },
        status: None,
        answer: None,
        error: Some("the secret cannot be opened with this authority: rotate it".to_owned()),
    }
}

/// Any number; without random bytes the same one, which only takes the jitter away.
fn random() -> u32 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u32::from_be_bytes(bytes),
        Err(_) => u32::MAX,
    }
}

fn new_id(now: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.nanosecond()))
}
