//! All companies' agents as gauges.
//!
//! Each company is asked in a transaction of its own, because there is no way to two companies' rows at
//! once. So a round over thousands takes seconds, and the pause behind it grows with it. How many series
//! come of it is bounded: a site of any size must not be the end of whoever scrapes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use metrics::gauge;
use protocol::ids::CompanyId;
use store::database::Store;
use store::error::StoreError;
use store::fleet::{self, Fleet, Seen};
use store::{companies, digests};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::seconds_since_1970;
use crate::clock::Clock;
use crate::metrics::{
    AGENTS, AGENTS_AUTHORITY, AGENTS_BEHIND, AGENTS_BY_VERSION, AGENTS_CERTIFICATES, BACKUP_MADE,
    COMPANIES, COMPANIES_SILENT, COMPANY_AGENTS, COMPANY_RECORDS, COMPANY_REPORTS, COMPANY_SILENT,
    COMPANY_SILENT_SECONDS, DEAD_LETTERS, LABEL_COMPANY, LABEL_SEEN, LABEL_STATE, LABEL_VERSION,
    MAIL_OLDEST_SECONDS, NODES, SITE_MEASURED,
};

/// How long is waited between two rounds at least.
const EVERY: Duration = Duration::from_secs(30);
/// How many times as long as a round takes the pause behind it is at least.
const PAUSE: u32 = 19;
/// How long a round may take: one that hangs is begun again.
const WITHIN: Duration = Duration::from_secs(600);
/// Companies that are told apart.
const COMPANIES_MAX: usize = 200;
/// Versions of agents that are told apart.
const VERSIONS_MAX: usize = 50;
/// After how many heartbeats or visits that did not come a company is silent, and how long it takes at
/// least.
const SILENT_AFTER_HEARTBEATS: u32 = 4;
const SILENT_AFTER_VISITS: u32 = 2;
const SILENT_AFTER: Duration = Duration::from_secs(15 * 60);

/// Measures all companies.
#[derive(Debug)]
pub(super) struct Site {
    store: Store,
    clock: Clock,
    /// How often agents come that do not hold their connection.
    visit_every: Duration,
    shown: Shown,
}

/// What has a series by now. A recorder forgets none while its process lives, so what is gone is set to
/// zero, and keeps its place.
#[derive(Debug, Default)]
struct Shown {
    companies: BTreeSet<CompanyId>,
    versions: BTreeSet<String>,
}

/// What a round has found.
#[derive(Debug, Default)]
struct Round {
    companies: Vec<(CompanyId, Fleet)>,
    silent: BTreeSet<CompanyId>,
    /// Agents that have come over to the authority that signs, and those that have not.
    authority: (u64, u64),
    /// When the oldest mail was written that waits.
    mail_since: Option<OffsetDateTime>,
}

impl Site {
    pub(super) fn new(store: Store, clock: Clock, visit_every: Duration) -> Self {
        Self { store, clock, visit_every, shown: Shown::default() }
    }

    /// Makes rounds until `stopping` is cancelled.
    pub(super) async fn run(&mut self, stopping: &CancellationToken) {
        loop {
            let began = self.clock.instant();
            tokio::select! {
                () = stopping.cancelled() => return,
                measured = tokio::time::timeout(WITHIN, self.measure()) => {
                    if let Ok(Err(error)) = measured {
                        tracing::debug!(%error, "measuring the site");
                    }
                }
            }
            let pause = EVERY.max((self.clock.instant() - began) * PAUSE);
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Makes one round. Nothing is said of a round that is not whole.
    async fn measure(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let nodes = store::nodes::list(&self.store).await?;
        let alive = nodes.iter().filter(|node| node.is_alive).count();
        let backup = store::backups::newest(&self.store).await?;
        let round = self.round(now).await?;
        say_count(NODES, "alive", alive);
        say_count(NODES, "gone", nodes.len() - alive);
        say_totals(&round);
        let mail = round.mail_since.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
        gauge!(MAIL_OLDEST_SECONDS).set(mail);
        if let Some(newest) = backup {
            gauge!(BACKUP_MADE).set(seconds_since_1970(newest.made_at));
        }
        self.shown.say_versions(&round);
        self.shown.say_companies(&round, now);
        gauge!(SITE_MEASURED).set(seconds_since_1970(now));
        Ok(())
    }

    async fn round(&self, now: OffsetDateTime) -> Result<Round, StoreError> {
        let mut round = Round::default();
        // Where none has ever taken the place of another, there is nothing to come over from.
        let moving = store::cluster::authorities(&self.store).await?;
        let moving = moving.filter(|noted| noted.previous.is_some());
        for watched in fleet::watched(&self.store.local_operator()).await? {
            let Some(scope) = self.store.pipeline_scope(watched.company).await? else {
                continue;
            };
            let found = fleet::fleet(&scope, now).await?;
            if let Some(noted) = &moving {
                let (present, former) =
                    store::agents::by_authority(&scope, noted.active, now).await?;
                round.authority.0 += present;
                round.authority.1 += former;
            }
            let patience = patience(watched.heartbeat_every, self.visit_every);
            if is_silent(&found, patience, now) {
                round.silent.insert(watched.company);
            }
            round.companies.push((watched.company, found));
        }
        round.mail_since = self.mail_since().await?;
        Ok(round)
    }

    /// When the oldest mail was written that waits. Here and not where it is sent: one node does that at a time, and
    /// what the others have said before it would stand.
    async fn mail_since(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        let mut oldest = None;
        for company in companies::with_digests(&self.store.local_operator()).await? {
            if let Some(scope) = self.store.pipeline_scope(company).await? {
                let waits = digests::oldest_waiting(&scope).await?;
                oldest = oldest.into_iter().chain(waits).min();
            }
        }
        Ok(oldest)
    }
}

/// For how long a company may say nothing.
fn patience(heartbeat_every: Duration, visit_every: Duration) -> Duration {
    let heartbeats = heartbeat_every * SILENT_AFTER_HEARTBEATS;
    // Which of its agents visit is each node's affair.
    SILENT_AFTER.max(heartbeats).max(visit_every * SILENT_AFTER_VISITS)
}

/// Whether a company has agents and none of them was heard of for that long.
fn is_silent(fleet: &Fleet, patience: Duration, now: OffsetDateTime) -> bool {
    // Agents that enrolled and never came are another matter: they are counted as never seen.
    fleet.seen.total() > 0 && fleet.seen_at.is_some_and(|at| now - at > patience)
}

fn say_totals(round: &Round) {
    let sum = |of: fn(&Fleet) -> u64| -> f64 {
        to_f64(round.companies.iter().map(|(_, fleet)| of(fleet)).sum())
    };
    let seen = |of: fn(&Seen) -> u64| -> f64 {
        to_f64(round.companies.iter().map(|(_, fleet)| of(&fleet.seen)).sum())
    };
    for (name, agents) in [
        ("hour", seen(|seen| seen.hour)),
        ("day", seen(|seen| seen.day)),
        ("week", seen(|seen| seen.week)),
        ("older", seen(|seen| seen.older)),
        ("never", seen(|seen| seen.never)),
    ] {
        gauge!(AGENTS, LABEL_SEEN => name).set(agents);
    }
    gauge!(AGENTS_CERTIFICATES, LABEL_STATE => "expired").set(sum(|fleet| fleet.expired));
    gauge!(AGENTS_CERTIFICATES, LABEL_STATE => "expiring").set(sum(|fleet| fleet.expiring));
    gauge!(AGENTS_AUTHORITY, LABEL_STATE => "present").set(to_f64(round.authority.0));
    gauge!(AGENTS_AUTHORITY, LABEL_STATE => "former").set(to_f64(round.authority.1));
    gauge!(AGENTS_BEHIND).set(sum(|fleet| fleet.behind));
    gauge!(DEAD_LETTERS).set(sum(|fleet| fleet.dead_letters));
    gauge!(COMPANIES).set(to_f64(round.companies.len() as u64));
    gauge!(COMPANIES_SILENT).set(to_f64(round.silent.len() as u64));
}

fn say_count(metric: &'static str, state: &'static str, count: usize) {
    gauge!(metric, LABEL_STATE => state).set(to_f64(count as u64));
}

impl Shown {
    fn say_versions(&mut self, round: &Round) {
        let mut agents: BTreeMap<&str, u64> = BTreeMap::new();
        let mut counted = 0;
        for (version, count) in round.companies.iter().flat_map(|(_, fleet)| &fleet.versions) {
            let version = if version.is_empty() { "unknown" } else { version };
            *agents.entry(version).or_default() += count;
            counted += count;
        }
        let mut by_count: Vec<_> = agents.iter().collect();
        by_count.sort_by_key(|(version, count)| (std::cmp::Reverse(**count), **version));
        for (version, _) in by_count {
            // Its own word of an agent: whoever holds one certificate could make up thousands.
            if self.versions.len() < VERSIONS_MAX && !self.versions.contains(*version) {
                self.versions.insert((*version).to_owned());
            }
        }
        let mut named = 0;
        for version in &self.versions {
            let count = agents.get(version.as_str()).copied().unwrap_or(0);
            named += count;
            gauge!(AGENTS_BY_VERSION, LABEL_VERSION => version.clone()).set(to_f64(count));
        }
        // With what the store left out of companies that have more versions than it tells apart.
        let all: u64 = round.companies.iter().map(|(_, fleet)| fleet.seen.total()).sum();
        let other = all.max(counted) - named;
        gauge!(AGENTS_BY_VERSION, LABEL_VERSION => "other").set(to_f64(other));
    }

    fn say_companies(&mut self, round: &Round, now: OffsetDateTime) {
        let mut found: BTreeMap<CompanyId, &Fleet> = BTreeMap::new();
        let mut by_agents: Vec<_> = round.companies.iter().collect();
        by_agents.sort_by_key(|(company, fleet)| (std::cmp::Reverse(fleet.seen.total()), *company));
        for (company, fleet) in by_agents {
            found.insert(*company, fleet);
            if self.companies.len() < COMPANIES_MAX && fleet.seen.total() > 0 {
                self.companies.insert(*company);
            }
        }
        let nobody = Fleet::default();
        for company in &self.companies {
            say_company(*company, found.get(company).copied().unwrap_or(&nobody), now);
            let silent = u64::from(round.silent.contains(company));
            gauge!(COMPANY_SILENT, LABEL_COMPANY => company.to_string()).set(to_f64(silent));
        }
    }
}

fn say_company(company: CompanyId, fleet: &Fleet, now: OffsetDateTime) {
    let id = company.to_string();
    // Nobody waits to hear of a company without agents.
    let silent = fleet.seen_at.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
    for (metric, value) in [
        (COMPANY_AGENTS, to_f64(fleet.seen.total())),
        (COMPANY_SILENT_SECONDS, silent),
        (COMPANY_RECORDS, to_f64(fleet.records)),
        (COMPANY_REPORTS, to_f64(fleet.reports)),
    ] {
        gauge!(metric, LABEL_COMPANY => id.clone()).set(value);
    }
}

/// The number as a gauge takes it. Beyond 2^53 the last digits do not count.
const fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
