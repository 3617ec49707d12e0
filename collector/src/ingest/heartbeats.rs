//! Heartbeats: collected for a moment, so that ten thousand signs of life are a few statements.
//!
//! Of one agent only the last counts. What cannot be noted is kept for the next time, within a
//! bound; a heartbeat that is lost is followed by another one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::counter;
use protocol::ids::{AgentId, CompanyId};

use super::agents::{Agents, SeenHeartbeat};
use crate::lifecycle::Lifecycle;
use crate::metrics::{INGEST_HEARTBEATS, LABEL_OUTCOME};

/// How long heartbeats are collected.
const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// Agents whose heartbeat may wait.
const WAITING_MAX: usize = 200_000;
/// How long the database may take for one statement, before it counts as away.
const NOTE_WITHIN: Duration = Duration::from_secs(30);
/// Heartbeats of one statement.
const STATEMENT_MAX: usize = 1_000;

/// Heartbeats that wait to be noted.
#[derive(Debug, Default)]
pub(super) struct Heartbeats(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    count: usize,
    by_company: BTreeMap<CompanyId, BTreeMap<AgentId, SeenHeartbeat>>,
    /// The company that nobody could note anything of the last time.
    unanswered: Option<CompanyId>,
}

impl Heartbeats {
    /// Collects a heartbeat; `false` when too many wait already.
    pub(super) fn collect(&self, company: CompanyId, seen: SeenHeartbeat) -> bool {
        let mut waiting = self.lock();
        let is_full = waiting.count >= WAITING_MAX;
        let of_company = waiting.by_company.entry(company).or_default();
        let is_new = !of_company.contains_key(&seen.agent);
        // One that replaces an older one of the same agent takes no room, so a full map still stays
        // current.
        if is_new && is_full {
            return false;
        }
        of_company.insert(seen.agent, seen);
        waiting.count += usize::from(is_new);
        true
    }

    /// Notes what waits. What cannot be noted waits on, unless something newer came meanwhile.
    pub(super) async fn flush(&self, agents: &dyn Agents) {
        // Everything at once, and the lock is free while the database works.
        let taken = std::mem::take(&mut *self.lock());
        // After the first no, the rest is kept unasked: with a database that is away each question
        // takes as long as a connection is waited for, and a thousand companies would hold up the
        // stop. The next time begins behind the company that had no answer: one whose statement
        // alone fails must not keep all behind it waiting.
        let mut is_away = false;
        for (company, of_company) in beginning_behind(taken.by_company, taken.unanswered) {
            let seen: Vec<_> = of_company.into_values().collect();
            for chunk in seen.chunks(STATEMENT_MAX) {
                if !is_away && !is_noted(agents, company, chunk).await {
                    is_away = true;
                    self.lock().unanswered = Some(company);
                }
                if is_away {
                    self.keep(company, chunk);
                }
            }
        }
    }

    /// Flushes every moment until the stop, and once more then.
    pub(super) async fn flush_until_stopped(&self, agents: &dyn Agents, lifecycle: &Lifecycle) {
        loop {
            tokio::select! {
                biased;
                () = lifecycle.stopping() => break,
                () = tokio::time::sleep(FLUSH_EVERY) => self.flush(agents).await,
            }
        }
        self.flush(agents).await;
    }

    fn keep(&self, company: CompanyId, seen: &[SeenHeartbeat]) {
        let mut waiting = self.lock();
        for seen in seen {
            if waiting.count >= WAITING_MAX {
                counter!(INGEST_HEARTBEATS, LABEL_OUTCOME => "overflow").increment(1);
                continue;
            }
            let of_company = waiting.by_company.entry(company).or_default();
            // An agent that has beaten again meanwhile is newer than what is put back here.
            if let Entry::Vacant(place) = of_company.entry(seen.agent) {
                place.insert(*seen);
                waiting.count += 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The companies in their order, beginning behind this one.
fn beginning_behind<T>(
    mut by_company: BTreeMap<CompanyId, T>,
    last: Option<CompanyId>,
) -> impl Iterator<Item = (CompanyId, T)> {
    let mut behind = last.map_or_else(BTreeMap::new, |last| by_company.split_off(&last));
    let last = last.and_then(|last| behind.remove_entry(&last));
    behind.into_iter().chain(by_company).chain(last)
}

/// Notes some of a company's; whether that was done in time.
async fn is_noted(agents: &dyn Agents, company: CompanyId, seen: &[SeenHeartbeat]) -> bool {
    let noting = agents.note_heartbeats(company, seen);
    matches!(tokio::time::timeout(NOTE_WITHIN, noting).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use protocol::ids::Position;
    use protocol::message::Heartbeat;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;
    use crate::ingest::tests::office::Office;

    fn seen(agent: u128, scan_done: u64) -> SeenHeartbeat {
        SeenHeartbeat {
            agent: AgentId(Uuid::from_u128(agent)),
            at: OffsetDateTime::UNIX_EPOCH,
            heartbeat: Heartbeat { acknowledged: Position::new(1, 1), digest: None, scan_done },
            every_s: 300,
            presence: None,
        }
    }

    fn company(number: u128) -> CompanyId {
        CompanyId(Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn only_an_agents_last_heartbeat_is_noted() {
        let heartbeats = Heartbeats::default();
        let office = Office::default();
        assert!(heartbeats.collect(company(1), seen(1, 1)));
        assert!(heartbeats.collect(company(1), seen(1, 2)));
        assert!(heartbeats.collect(company(2), seen(2, 3)));
        heartbeats.flush(&office).await;
        let mut noted = office.heartbeats();
        noted.sort_by_key(|(company, _)| *company);
        assert_eq!(noted, [(company(1), seen(1, 2)), (company(2), seen(2, 3))]);
        heartbeats.flush(&office).await;
        assert_eq!(office.heartbeats().len(), 2);
    }

    #[tokio::test]
    async fn what_cannot_be_noted_waits_but_never_replaces_something_newer() {
        let heartbeats = Heartbeats::default();
        let office = Office::default();
        office.close();
        heartbeats.collect(company(1), seen(1, 1));
        heartbeats.collect(company(1), seen(2, 1));
        heartbeats.flush(&office).await;
        heartbeats.collect(company(1), seen(1, 2));
        office.reopen();
        heartbeats.flush(&office).await;
        let mut noted = office.heartbeats();
        noted.sort_by_key(|(_, seen)| seen.agent);
        assert_eq!(noted, [(company(1), seen(1, 2)), (company(1), seen(2, 1))]);
    }

    #[tokio::test]
    async fn a_company_that_cannot_be_noted_does_not_keep_those_behind_it_waiting() {
        let heartbeats = Heartbeats::default();
        let office = Office::default();
        for number in 1..=3 {
            heartbeats.collect(company(number), seen(number, 1));
        }
        for number in 1..=3 {
            // Whoever is asked first has no answer; each time that is another company.
            office.close();
            heartbeats.flush(&office).await;
            let last = heartbeats.lock().unanswered;
            assert_eq!(last, Some(company(number)));
        }
        office.reopen();
        heartbeats.flush(&office).await;
        assert_eq!(office.heartbeats().len(), 3);
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_asked_once_however_many_companies_wait() {
        let heartbeats = Heartbeats::default();
        let office = Office::default();
        office.close();
        for number in 1..=50 {
            heartbeats.collect(company(number), seen(number, 1));
        }
        heartbeats.flush(&office).await;
        assert_eq!(office.unanswered(), 1);
        office.reopen();
        heartbeats.flush(&office).await;
        assert_eq!(office.heartbeats().len(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_never_answers_does_not_keep_heartbeats_for_ever() {
        let heartbeats = Heartbeats::default();
        let office = Office::default();
        office.fall_silent();
        heartbeats.collect(company(1), seen(1, 1));
        heartbeats.flush(&office).await;
        office.reopen();
        heartbeats.flush(&office).await;
        assert_eq!(office.heartbeats().len(), 1);
    }

    #[test]
    fn no_more_wait_than_may() {
        let heartbeats = Heartbeats::default();
        for agent in 0..WAITING_MAX as u128 {
            assert!(heartbeats.collect(company(1), seen(agent, 1)));
        }
        assert!(!heartbeats.collect(company(1), seen(u128::MAX, 1)));
        assert!(heartbeats.collect(company(1), seen(7, 2)));
    }
}
