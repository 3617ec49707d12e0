//! Writes the digests whose time has come, and sends the messages that wait.
//!
//! One node does so at a time for all; a message is leased as well, for as long as a turn can take, so that a
//! second node beside it sends none twice. Companies take turns of a few messages, and one whose rows cannot be
//! read or written keeps no other from its mail: the round says so at its end. There is one server for all of them: when it has trouble, every message that is due is told so
//! and waits, and nobody asks it again in this round.

mod compose;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use metrics::counter;
use protocol::ids::CompanyId;
use store::companies;
use store::database::Store;
use store::digests::{self, Outcome, Outgoing};
use store::error::StoreError;
use store::jobs::{self as rows, NewJob};
use store::tenant::TenantScope;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use uuid::{NoContext, Timestamp, Uuid};

pub(crate) use self::compose::Composer;
use super::{Jobs, Kind};
use crate::causes::Causes;
use crate::mail::{Mailer, SendError, is_trouble, judge};
use crate::metrics::{LABEL_OUTCOME, MAIL_MESSAGES};
use crate::sealing;

/// Digests of a company that are written in a round.
const DIGESTS_A_ROUND: u32 = 100;
/// Messages of a company in its turn.
const MESSAGES_A_TURN: u32 = 20;
/// Messages at once.
const AT_ONCE: usize = 4;
/// For how long a round begins to send. The next one comes within a minute.
const ROUND: Duration = Duration::from_secs(45);
/// How much longer a message is taken than the server may take for all of a turn.
const LEASE_MORE: Duration = Duration::from_secs(60);

/// For how long messages are taken whose server may take so long for each: the last of a turn waits for the
/// question before the first one, and for all that go before it.
fn lease(patience: Duration) -> Duration {
    let at_once = u32::try_from(AT_ONCE).unwrap_or(1);
    patience * (MESSAGES_A_TURN.div_ceil(at_once) + 1) + LEASE_MORE
}

/// Has a round made now, for a message that somebody waits for.
///
/// # Errors
///
/// When the database cannot be used.
pub(crate) async fn ask(
    store: &Store,
    message: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let job = NewJob {
        kind: Kind::SendMail.as_str(),
        tick: &message.to_string(),
        payload: &serde_json::Value::Null,
        run_after: now,
        company: None,
    };
    rows::enqueue(store, &job, now).await.map(|_| ())
}

/// Makes a round.
pub(super) async fn run(jobs: &Jobs) -> anyhow::Result<()> {
    let Some(mailer) = &jobs.mail else {
        return Ok(());
    };
    let operator = jobs.store.local_operator();
    let ids = companies::with_digests(&operator).await.context("list companies")?;
    let mut scopes = Vec::with_capacity(ids.len());
    for company in ids {
        let scope = jobs.store.pipeline_scope(company).await.context("find a company")?;
        scopes.extend(scope);
    }
    let mut failed = None;
    for scope in &scopes {
        if let Err(error) = write_due(jobs, mailer, scope).await {
            // The others' come all the same; these are due again in the next round.
            failed = Some(warned(scope, error));
        }
    }
    let until = jobs.clock.instant() + ROUND;
    let round = Round { jobs, mailer, trouble: None, until, failed };
    round.send(scopes).await
}

/// Says in the log what went wrong with a company, which ends nothing yet.
fn warned(scope: &TenantScope, error: anyhow::Error) -> anyhow::Error {
    tracing::warn!(company = %scope.company(), "{}", Causes(&error));
    error
}

/// Writes the messages of a company's digests whose time has come. Nothing is lost where that fails.
async fn write_due(jobs: &Jobs, mailer: &Mailer, scope: &TenantScope) -> anyhow::Result<()> {
    let now = jobs.clock.now();
    let due = digests::due(scope, DIGESTS_A_ROUND, now).await.context("look for digests")?;
    let mut composer = Composer::new(scope, mailer, now);
    for one in due {
        let composed = composer.compose(&one.digest, &one.name).await.context("write a digest")?;
        let id = new_id(now);
        let message = composed.message(id, &one.digest);
        digests::tell(scope, &one.digest, message.as_ref(), now).await.context("keep a digest")?;
    }
    Ok(())
}

/// An id that is ordered by the time of its making.
fn new_id(now: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.nanosecond()))
}

/// One round of sending.
struct Round<'a> {
    jobs: &'a Jobs,
    mailer: &'a Mailer,
    /// Why the server is not asked any more.
    trouble: Option<SendError>,
    until: Instant,
    /// What went wrong last with one company's rows.
    failed: Option<anyhow::Error>,
}

impl Round<'_> {
    /// Sends until nothing is due, or the time is over; then it says what went wrong.
    async fn send(mut self, scopes: Vec<TenantScope>) -> anyhow::Result<()> {
        self.turns(scopes).await;
        self.failed.map_or(Ok(()), Err)
    }

    async fn turns(&mut self, mut scopes: Vec<TenantScope>) {
        let mut is_probed = false;
        while !scopes.is_empty() {
            let mut left = Vec::with_capacity(scopes.len());
            for scope in scopes {
                if self.jobs.clock.instant() >= self.until {
                    return;
                }
                let (lease, now) = (lease(self.mailer.patience()), self.jobs.clock.now());
                let some = digests::claim(&scope, MESSAGES_A_TURN, lease, now).await;
                let some = match some.context("take messages") {
                    Ok(some) => some,
                    Err(error) => {
                        self.failed = Some(warned(&scope, error));
                        continue;
                    }
                };
                if some.is_empty() {
                    continue;
                }
                if !is_probed {
                    // Before any message, so that a server which takes nobody's is not taken for one
                    // that refuses this one.
                    self.trouble = self.mailer.probe().await.err();
                    is_probed = true;
                }
                match self.turn(&scope, some).await {
                    Ok(()) => left.push(scope),
                    // It has no other turn in this round: what is sent and cannot be noted is sent again.
                    Err(error) => self.failed = Some(warned(&scope, error)),
                }
            }
            scopes = left;
        }
    }

    /// Sends some messages of a company, a few at once. Once something cannot be noted none is begun any more,
    /// and what is under way is waited for; the others are due when their lease is over.
    async fn turn(&mut self, scope: &TenantScope, messages: Vec<Outgoing>) -> anyhow::Result<()> {
        let company = scope.company();
        let mut waiting = messages.into_iter();
        let mut sending = JoinSet::new();
        let mut failed = None;
        loop {
            while self.trouble.is_none() && failed.is_none() && sending.len() < AT_ONCE {
                let Some(message) = waiting.next() else { break };
                let mailer = self.mailer.clone();
                sending.spawn(async move {
                    let sent = mailer.send(company, &message).await;
                    (message, sent)
                });
            }
            let Some(ended) = sending.join_next().await else { break };
            let (message, sent) = match ended.context("send a message") {
                Ok(ended) => ended,
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            if let Err(error) = self.settle(scope, &message, sent.as_ref().copied()).await {
                failed = Some(error);
            }
            if let Err(error) = sent
                && is_trouble(&error)
            {
                self.trouble = Some(error);
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(error) = self.trouble.clone() {
            for message in waiting {
                self.settle(scope, &message, Err(&error)).await?;
            }
        }
        Ok(())
    }

    async fn settle(
        &self,
        scope: &TenantScope,
        message: &Outgoing,
        sent: Result<u16, &SendError>,
    ) -> anyhow::Result<()> {
        let now = self.jobs.clock.now();
        // Without random bytes it is the same number, which only takes the jitter away.
        let random = sealing::random().map_or(u32::MAX, u32::from_be_bytes);
        let number = message.attempts.saturating_add(1);
        let attempt = judge(sent, number, message.gives_up_at, random, now);
        let outcome = match attempt.outcome {
            Outcome::Sent => "sent",
            Outcome::Retry(_) => "retried",
            Outcome::Dead => "dead",
        };
        counter!(MAIL_MESSAGES, LABEL_OUTCOME => outcome).increment(1);
        if attempt.outcome == Outcome::Dead {
            let company: CompanyId = scope.company();
            let error = attempt.error.as_deref();
            tracing::warn!(%company, message = %message.id, error, "a message is given up");
        }
        digests::settle(scope, message.id, &attempt, now).await.context("note what became of mail")
    }
}

#[cfg(test)]
mod tests;
