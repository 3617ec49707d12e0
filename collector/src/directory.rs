//! Signals from the database to the sessions of this node: who is let go, who is asked for what.
//!
//! Every node hears of every change, within a moment by `NOTIFY` and within seconds by a poll
//! behind it, and acts on the sessions that it holds. An agent without a session here is not its
//! business: whoever admits that agent asks the database itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::gauge;
use protocol::ids::{AgentId, CompanyId};
use protocol::reject::RejectReason;
use store::commands::{self, Command, Queued, Revoked, Signal, Signals};
use store::companies;
use store::database::Store;
use store::error::StoreError;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::ingest::registry::{self, Registry, Told};
use crate::lifecycle::Lifecycle;
use crate::metrics::DIRECTORY_AGE_SECONDS;

/// How often the database is asked, whatever was heard.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// How long the connection that signals come on may take to be made or to show that it is one. Polls
/// wait for it.
const SIGNALS_WITHIN: Duration = Duration::from_secs(1);
/// How long a question may take: more than waiting for a connection takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How far a poll goes back behind the one before: a transaction is seen when it commits.
const OVERLAP: Duration = Duration::from_secs(10);
/// How far every so many polls one goes back: longer than any transaction takes.
const LONG_OVERLAP: Duration = Duration::from_secs(300);
const LONG_EVERY: u32 = 30;
/// Every so many polls the connection that signals come on is tried.
const PING_EVERY: u32 = 5;
/// Commands of one question of a poll.
const PAGE: u32 = 10_000;
/// How long signals about agents are collected, so that a whole fleet's are a few queries.
const COLLECT_FOR: Duration = Duration::from_millis(20);
/// Agents of one query.
const COLLECT_MAX: usize = 1_000;

/// What one node hears and passes on.
#[derive(Debug)]
pub struct Directory {
    store: Store,
    registry: Registry,
    clock: Clock,
    polls: u32,
    read_at: Instant,
    revoked: Recent<AgentId>,
    commanded: Recent<Queued>,
    told: Recent<(CompanyId, u64)>,
}

impl Directory {
    /// A directory that passes on what happens from now on.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn open(store: Store, registry: Registry, clock: Clock) -> Result<Self, StoreError> {
        let mut directory = Self {
            polls: 0,
            read_at: clock.instant(),
            store,
            registry,
            clock,
            revoked: Recent::default(),
            commanded: Recent::default(),
            told: Recent::default(),
        };
        // What happened before is known to whoever admits: it is only remembered here, so that
        // the first poll does not act on it.
        for revoked in commands::revoked_within(&directory.store, LONG_OVERLAP).await? {
            if let Revoked::Agent(agent) = revoked {
                directory.revoked.is_new(agent, directory.read_at);
            }
        }
        for set in commands::settings_set_within(&directory.store, LONG_OVERLAP).await? {
            directory.told.is_new(set, directory.read_at);
        }
        Ok(directory)
    }

    /// Passes on what is heard until the stop. A database that is away is waited for.
    pub async fn follow(mut self, lifecycle: Lifecycle) {
        let mut ticks = tokio::time::interval(POLL_EVERY);
        // After a database that was away for an hour, one poll and not eighteen hundred.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut signals = None;
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                _ = ticks.tick() => {
                    self.try_signals(&mut signals).await;
                    self.poll_or_log().await;
                }
                // Listening is a connection of its own: when it breaks, signals of the meantime are
                // gone, and the next poll makes up for them.
                signal = next(&mut signals) => match signal {
                    Ok(signal) => self.hear(signal, &mut signals).await,
                    Err(error) => {
                        tracing::warn!(%error, "signals cannot be heard: polling");
                        signals = None;
                    }
                },
            }
        }
    }

    /// Listens again where that has ended, and now and then finds out whether it has.
    async fn try_signals(&self, signals: &mut Option<Signals>) {
        match signals {
            None => *signals = self.listen().await,
            Some(heard) if self.polls.is_multiple_of(PING_EVERY) => {
                if let Err(error) = within(SIGNALS_WITHIN, heard.ping()).await {
                    tracing::warn!(%error, "signals cannot be heard: polling");
                    *signals = None;
                }
            }
            Some(_) => {}
        }
    }

    async fn listen(&self) -> Option<Signals> {
        match within(SIGNALS_WITHIN, self.store.signals()).await {
            Ok(signals) => Some(signals),
            Err(error) => {
                tracing::debug!(%error, "signals cannot be heard: polling");
                None
            }
        }
    }

    async fn hear(&mut self, signal: Signal, signals: &mut Option<Signals>) {
        match signal {
            Signal::Command(agent) => {
                let mut agents = vec![agent];
                let collecting = self.collect(signals, &mut agents);
                // What comes later is heard next.
                tokio::time::timeout(COLLECT_FOR, collecting).await.ok();
                self.tell(agents).await;
            }
            Signal::Revoked(revoked) => self.let_go(revoked),
            Signal::Settings(company) => self.tell_company_or_log(company).await,
            Signal::Missed => self.poll_or_log().await,
            Signal::Job | Signal::Findings(_) => {}
        }
    }

    /// Collects the agents of further commands, until there are enough.
    ///
    /// # Cancel safety
    ///
    /// A signal that was heard has been acted on or is among the agents.
    async fn collect(&mut self, signals: &mut Option<Signals>, agents: &mut Vec<AgentId>) {
        while agents.len() < COLLECT_MAX {
            match next(signals).await {
                Ok(Signal::Command(agent)) => agents.push(agent),
                Ok(Signal::Revoked(revoked)) => self.let_go(revoked),
                Ok(Signal::Settings(company)) => self.tell_company_or_log(company).await,
                Ok(Signal::Job | Signal::Findings(_)) => {}
                // The next poll finds what was missed.
                Ok(Signal::Missed) | Err(_) => return,
            }
        }
    }

    /// Tells agents that have a session here what waits for them.
    async fn tell(&mut self, mut agents: Vec<AgentId>) {
        agents.retain(|agent| self.registry.has(*agent));
        if agents.is_empty() {
            return;
        }
        match in_time(commands::pending(&self.store, &agents)).await {
            Ok(pending) => {
                for (agent, command) in pending {
                    self.registry.tell(agent, of_store(command));
                }
            }
            Err(error) => tracing::warn!(%error, "commands for agents cannot be read"),
        }
    }

    /// Tells a company's agents that have a session here how to behave now.
    async fn tell_company_or_log(&mut self, company: CompanyId) {
        if let Err(error) = in_time(self.tell_company(company)).await {
            // Not remembered, so the next poll does it.
            tracing::warn!(%error, %company, "a company's settings cannot be read");
        }
    }

    async fn tell_company(&mut self, company: CompanyId) -> Result<(), StoreError> {
        if !self.registry.has_company(company) {
            return Ok(());
        }
        let Some(scope) = self.store.pipeline_scope(company).await? else {
            return Ok(());
        };
        let found = companies::own(&scope).await?;
        let told = Arc::new(Told { settings: found.settings, visits: found.visits });
        let sessions = self.registry.tell_company(company, &told);
        let revision = told.settings.revision;
        tracing::info!(%company, revision, sessions, "told agents their company's settings");
        self.told.is_new((company, revision), self.clock.instant());
        Ok(())
    }

    fn let_go(&self, revoked: Revoked) {
        let sessions = match revoked {
            Revoked::Agent(agent) => {
                usize::from(self.registry.refuse(agent, RejectReason::AgentRevoked))
            }
            Revoked::Company(company) => {
                self.registry.refuse_company(company, RejectReason::CompanySuspended)
            }
        };
        if sessions > 0 {
            tracing::info!(?revoked, sessions, "let agents go");
        }
    }

    async fn poll_or_log(&mut self) {
        // A poll that is dropped half-way is made again in full.
        if let Err(error) = in_time(self.poll()).await {
            tracing::warn!(%error, "revocations and commands cannot be read");
        }
        let age = self.clock.instant().saturating_duration_since(self.read_at);
        gauge!(DIRECTORY_AGE_SECONDS).set(age.as_secs_f64());
    }

    async fn poll(&mut self) -> Result<(), StoreError> {
        let instant = self.clock.instant();
        let is_long = self.polls.is_multiple_of(LONG_EVERY);
        self.polls = self.polls.wrapping_add(1);
        // By how long ago the last good poll was, and never by an instant: this node's clock may
        // differ from the database's.
        let overlap = if is_long { LONG_OVERLAP } else { OVERLAP };
        let within = instant.saturating_duration_since(self.read_at) + overlap;
        for revoked in commands::revoked_within(&self.store, within).await? {
            if let Revoked::Agent(agent) = revoked
                && self.revoked.is_new(agent, instant)
            {
                self.let_go(revoked);
            }
        }
        self.poll_companies().await?;
        self.poll_commands(within, instant).await?;
        for set in commands::settings_set_within(&self.store, within).await? {
            if !self.told.is_known(&set, instant) {
                self.tell_company(set.0).await?;
            }
        }
        // Only after everything was read: a poll that failed half-way is made again in full.
        self.read_at = instant;
        self.revoked.forget(instant);
        self.commanded.forget(instant);
        self.told.forget(instant);
        Ok(())
    }

    /// Lets go of the agents of suspended companies. It asks for how companies stand, not for what
    /// happened to them: a company may be resumed and suspended again between two polls.
    async fn poll_companies(&self) -> Result<(), StoreError> {
        let here = self.registry.companies();
        if here.is_empty() {
            return Ok(());
        }
        let operator = self.store.local_operator();
        for company in companies::suspended(&operator, &here).await? {
            self.let_go(Revoked::Company(company));
        }
        Ok(())
    }

    async fn poll_commands(&mut self, within: Duration, now: Instant) -> Result<(), StoreError> {
        let mut last = None;
        loop {
            let page = commands::queued_within(&self.store, within, last.as_ref(), PAGE).await?;
            for queued in &page {
                // Remembered only if the session has it: one that is too busy gets it from a later
                // poll.
                if self.registry.has(queued.agent)
                    && !self.commanded.is_known(queued, now)
                    && self.registry.tell(queued.agent, of_store(queued.command))
                {
                    self.commanded.is_new(*queued, now);
                }
            }
            if page.len() < PAGE as usize {
                return Ok(());
            }
            last = page.last().copied();
        }
    }
}

/// The next signal; never, while nothing can be heard.
async fn next(signals: &mut Option<Signals>) -> Result<Signal, StoreError> {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

/// Waits for the database, but not for ever: a connection whose other end is gone without a word
/// would hold this task, and with it every revocation, for as long as the kernel tries.
async fn in_time<T>(
    asking: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
    within(ANSWER_WITHIN, asking).await
}

async fn within<T>(
    time: Duration,
    asking: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
    Ok(tokio::time::timeout(time, asking).await??)
}

const fn of_store(command: Command) -> registry::Command {
    match command {
        Command::ScanNow { request } => registry::Command::ScanNow { request },
        Command::SendSnapshot => registry::Command::SendSnapshot,
        Command::Rekey => registry::Command::Rekey,
    }
}

/// What was acted on lately. Polls overlap, and nothing may be acted on twice because of that.
#[derive(Debug)]
struct Recent<T>(HashMap<T, Instant>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Recent<T> {
    /// Whether something was not acted on lately; from now on it was.
    fn is_new(&mut self, what: T, now: Instant) -> bool {
        self.0.insert(what, now).is_none()
    }

    /// Whether something was acted on lately; if so, it stays remembered.
    fn is_known(&mut self, what: &T, now: Instant) -> bool {
        self.0.get_mut(what).map(|at| *at = now).is_some()
    }

    /// Forgets what no poll goes back to any more.
    fn forget(&mut self, now: Instant) {
        self.0.retain(|_, at| now.saturating_duration_since(*at) <= 2 * LONG_OVERLAP);
    }
}

#[cfg(test)]
mod tests;
