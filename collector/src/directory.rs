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
use store::commands::{self, Command, Revoked, Signal, Signals};
use store::companies;
use store::database::Store;
use store::error::StoreError;
use time::OffsetDateTime;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::ingest::registry::{self, Registry, Told};
use crate::lifecycle::Lifecycle;
use crate::metrics::DIRECTORY_AGE_SECONDS;

/// How often the database is asked, whatever was heard.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// How long a question may take: more than waiting for a connection takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How far a poll goes back behind the one before: clocks differ, and transactions take a while.
const OVERLAP: Duration = Duration::from_secs(300);
/// Commands of one poll.
const POLL_COMMANDS_MAX: u32 = 10_000;
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
    polled_at: OffsetDateTime,
    read_at: Instant,
    revoked: Recent<Revoked>,
    commanded: Recent<(AgentId, registry::Command)>,
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
            polled_at: clock.now(),
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
        let since = directory.polled_at - OVERLAP;
        for revoked in commands::revoked_since(&directory.store, since).await? {
            directory.revoked.is_new(revoked, directory.read_at);
        }
        for set in commands::settings_set_since(&directory.store, since).await? {
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
                    if signals.is_none() {
                        signals = self.listen().await;
                    }
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

    async fn listen(&self) -> Option<Signals> {
        match in_time(self.store.signals()).await {
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
                let now = self.clock.instant();
                for (agent, command) in pending {
                    let command = of_store(command);
                    self.pass_on(agent, command, now);
                }
            }
            Err(error) => tracing::warn!(%error, "commands for agents cannot be read"),
        }
    }

    /// Passes a command on, and remembers it only if there is a session that has it.
    fn pass_on(&mut self, agent: AgentId, command: registry::Command, now: Instant) {
        if self.registry.tell(agent, command.clone()) {
            self.commanded.is_new((agent, command), now);
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
        let told = Arc::new(Told {
            settings: found.settings,
            visits: found.visits,
        });
        let sessions = self.registry.tell_company(company, &told);
        let revision = told.settings.revision;
        tracing::info!(%company, revision, sessions, "told agents their company's settings");
        self.told.is_new((company, revision), self.clock.instant());
        Ok(())
    }

    fn let_go(&mut self, revoked: Revoked) {
        self.revoked.is_new(revoked, self.clock.instant());
        let sessions = match revoked {
            Revoked::Agent(agent) => {
                usize::from(self.registry.refuse(agent, RejectReason::AgentRevoked))
            }
            Revoked::Company(company) => self
                .registry
                .refuse_company(company, RejectReason::CompanySuspended),
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
        let now = self.clock.now();
        let instant = self.clock.instant();
        // Rows carry an instant of another node's clock, taken before its transaction committed: a poll
        // that went back to the last one alone would miss what committed late.
        let since = self.polled_at - OVERLAP;
        for revoked in commands::revoked_since(&self.store, since).await? {
            // A company that was resumed meanwhile must not be let go by the same row again.
            if self.revoked.is_new(revoked, instant) {
                self.let_go(revoked);
            }
        }
        for (agent, command) in
            commands::pending_since(&self.store, since, POLL_COMMANDS_MAX).await?
        {
            let command = of_store(command);
            let known = (agent, command);
            if self.registry.has(agent) && !self.commanded.is_known(&known, instant) {
                self.pass_on(known.0, known.1, instant);
            }
        }
        for set in commands::settings_set_since(&self.store, since).await? {
            if !self.told.is_known(&set, instant) {
                self.tell_company(set.0).await?;
            }
        }
        // Only after everything was read: a poll that failed half-way is made again in full.
        self.polled_at = now;
        self.read_at = instant;
        self.revoked.forget(instant);
        self.commanded.forget(instant);
        self.told.forget(instant);
        Ok(())
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
    Ok(tokio::time::timeout(ANSWER_WITHIN, asking).await??)
}

const fn of_store(command: Command) -> registry::Command {
    match command {
        Command::ScanNow { request } => registry::Command::ScanNow { request },
        Command::SendSnapshot => registry::Command::SendSnapshot,
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
        self.0
            .retain(|_, at| now.saturating_duration_since(*at) <= 2 * OVERLAP);
    }
}

#[cfg(test)]
mod tests;
