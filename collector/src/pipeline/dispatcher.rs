//! The lanes, shared: entries come in from the queue's writer, groups go out to workers.
//!
//! One lock, held for as long as the pure parts think and never across an await.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::ids::{AgentId, CompanyId, Position};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::breaker::Breaker;
use super::lanes::{Gap, Group, LaneLimits, Lanes, Portion, Rest, Waiting};
use crate::clock::Clock;
use crate::config::PipelineConfig;
use crate::queue::{Committed, EntryHead, Slip};

/// The shared lanes. The queue is opened with them, so that they know of every entry.
pub struct Dispatcher {
    state: Mutex<State>,
    changed: Notify,
    clock: Clock,
}

struct State {
    lanes: Lanes,
    breaker: Breaker,
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl Dispatcher {
    /// Lanes with nothing in them.
    #[must_use]
    pub fn new(config: &PipelineConfig, clock: Clock) -> Arc<Self> {
        let lanes = Lanes::new(LaneLimits {
            batch_records: config.batch_records,
            batch_after: config.batch_after,
            group_records_max: config.batch_records.saturating_mul(config.transaction_batches_max),
            gap_wait: config.gap_wait,
        });
        Arc::new(Self {
            state: Mutex::new(State { lanes, breaker: Breaker::default() }),
            changed: Notify::new(),
            clock,
        })
    }

    /// The next group; `None` once `stopping` is cancelled.
    ///
    /// # Cancel safety
    ///
    /// A group is only taken in the poll that returns it.
    pub(crate) async fn next(&self, stopping: &CancellationToken) -> Option<Group> {
        loop {
            // Looked at before work is taken: what is given out after the stop would only be given
            // back.
            if stopping.is_cancelled() {
                return None;
            }
            let due_at = match self.try_next(self.clock.instant()) {
                Next::Group(group) => return Some(group),
                Next::DueAt(due_at) => due_at,
            };
            tokio::select! {
                // In this order, and so every time: what a run does then depends on nothing else.
                biased;
                () = stopping.cancelled() => return None,
                // `notify_one` before the wait is not lost: `Notify` keeps one permit.
                () = self.changed.notified() => {}
                () = self.sleep_until(due_at) => {}
            }
        }
    }

    fn try_next(&self, now: Instant) -> Next {
        let mut state = self.lock();
        if !state.lanes.is_due(now) {
            return Next::DueAt(state.lanes.due_at());
        }
        let before = state.breaker;
        if let Some(until) = state.breaker.admit(now) {
            return Next::DueAt(Some(until));
        }
        match state.lanes.take(now) {
            Some(group) => {
                // One notification wakes one worker, and one commit may have brought work for
                // several: so each that takes a group wakes the next. Also when nothing is due yet:
                // what this worker put back before may be due while it is busy, and those that wait
                // since then do not know of it.
                if state.lanes.has_more() {
                    self.changed.notify_one();
                }
                Next::Group(group)
            }
            None => {
                // Nobody is on the way to find out.
                state.breaker = before;
                Next::DueAt(state.lanes.due_at())
            }
        }
    }

    async fn sleep_until(&self, due_at: Option<Instant>) {
        match due_at {
            Some(due_at) => {
                let wait = due_at.saturating_duration_since(self.clock.instant());
                tokio::time::sleep(wait).await;
            }
            None => std::future::pending().await,
        }
    }

    /// All reports of an agent's part came to their end.
    pub(crate) fn release(&self, agent: AgentId) {
        self.lock().lanes.release(agent, self.clock.instant());
    }

    /// What of all that waits is a company's.
    pub(crate) fn portion(&self, company: CompanyId) -> Portion {
        self.lock().lanes.portion(company)
    }

    /// Takes reports back that did not come to their end.
    pub(crate) fn put_back(&self, agent: AgentId, slips: &[Slip], rest: Rest) {
        let now = self.clock.instant();
        self.lock().lanes.put_back(agent, slips, rest, now);
    }

    /// Takes reports back that something is missing before.
    pub(crate) fn put_back_gap(&self, agent: AgentId, slips: &[Slip], applied: Position) -> Gap {
        let now = self.clock.instant();
        self.lock().lanes.put_back_gap(agent, slips, applied, now)
    }

    /// The database answered.
    pub(crate) fn database_answered(&self) {
        let mut state = self.lock();
        if state.breaker != Breaker::Closed {
            state.breaker.answered();
            tracing::info!("the database answers again");
            // All of them, for each sleeps until the end of the pause.
            self.changed.notify_waiters();
        }
    }

    /// The database did not answer.
    pub(crate) fn database_away(&self, why: &str) {
        let now = self.clock.instant();
        let mut state = self.lock();
        let was_closed = state.breaker == Breaker::Closed;
        state.breaker.away(now);
        if was_closed {
            tracing::warn!(error = why, "the database is away; reports wait in the queue");
        }
    }

    /// What waits, without what is in flight.
    pub(crate) fn waiting(&self) -> Waiting {
        self.lock().lanes.waiting()
    }

    /// When ingest took the report that waits longest, in milliseconds since 1970.
    pub(crate) fn oldest_received_at_ms(&self) -> Option<u64> {
        self.lock().lanes.oldest_received_at_ms()
    }

    /// Whether there is something that the database would take now.
    pub(crate) fn is_draining(&self) -> bool {
        let state = self.lock();
        // With what is in flight: a group that is put back waits again, and must not be left
        // behind.
        state.breaker == Breaker::Closed && state.lanes.oldest_received_at_ms().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The lanes stay consistent at every step that could panic: they hold plain numbers.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Next {
    Group(Group),
    DueAt(Option<Instant>),
}

impl Committed for Dispatcher {
    fn committed(&self, entries: &[EntryHead]) {
        let now = self.clock.instant();
        let mut state = self.lock();
        for entry in entries {
            state.lanes.push(entry, now);
        }
        // Woken workers want the lock that is held here.
        drop(state);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::ids::CompanyId;
    use protocol::report::Lane;
    use uuid::Uuid;

    use super::*;

    const CONFIG: PipelineConfig = PipelineConfig {
        workers: 1,
        batch_records: 100,
        batch_after: Duration::from_millis(1),
        transaction_batches_max: 10,
        attempts_max: 3,
        gap_wait: Duration::from_secs(5),
    };

    fn entry(number: u128, records: u16) -> EntryHead {
        EntryHead {
            company: CompanyId(Uuid::from_u128(number)),
            agent: AgentId(Uuid::from_u128(number)),
            slip: Slip {
                sequence: 1,
                received_at_ms: 5,
                position: Position::new(1, 1),
                offset: 0,
                payload_bytes: 10,
                records,
                lane: Lane::Delta,
            },
        }
    }

    #[tokio::test]
    async fn a_worker_that_waits_gets_what_comes() {
        let dispatcher = Dispatcher::new(&CONFIG, Clock::system());
        let stopping = CancellationToken::new();
        let committing = async {
            tokio::task::yield_now().await;
            dispatcher.committed(&[entry(1, 3)]);
        };
        let (group, ()) = tokio::join!(dispatcher.next(&stopping), committing);
        assert_eq!(group.unwrap().parts.len(), 1);
    }

    #[tokio::test]
    async fn several_workers_get_several_groups_of_one_commit() {
        let dispatcher = Dispatcher::new(&CONFIG, Clock::system());
        let stopping = CancellationToken::new();
        let committing = async {
            tokio::task::yield_now().await;
            dispatcher.committed(&[entry(1, 100), entry(2, 100)]);
        };
        let next = || dispatcher.next(&stopping);
        let (one, two, ()) = tokio::join!(next(), next(), committing);
        assert_ne!(one.unwrap().company, two.unwrap().company);
    }

    #[tokio::test]
    async fn what_a_worker_put_back_comes_due_while_that_worker_is_busy() {
        let dispatcher = Dispatcher::new(&CONFIG, Clock::system());
        let stopping = CancellationToken::new();
        dispatcher.committed(&[entry(1, 100), entry(2, 100)]);
        let mut taken = Vec::new();
        while let Next::Group(group) = dispatcher.try_next(dispatcher.clock.instant()) {
            taken.push(group);
        }
        let mut more = entry(2, 100);
        more.slip.position = Position::new(1, 2);
        dispatcher.committed(&[more]);
        let working = async {
            // The other one waits, and knows of nothing that comes due.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            let failed = &taken[0].parts[0];
            dispatcher.put_back(failed.agent, &failed.slips, Rest::Failed);
            dispatcher.release(taken[1].parts[0].agent);
            let next = dispatcher.try_next(dispatcher.clock.instant());
            assert!(matches!(next, Next::Group(group) if group.company == taken[1].company));
        };
        let both = async { tokio::join!(dispatcher.next(&stopping), working).0 };
        let group = tokio::time::timeout(Duration::from_secs(20), both).await;
        assert_eq!(group.unwrap().unwrap().company, taken[0].company);
    }

    #[tokio::test]
    async fn a_stop_lets_waiting_workers_go_and_gives_nothing_out_any_more() {
        let dispatcher = Dispatcher::new(&CONFIG, Clock::system());
        let stopping = CancellationToken::new();
        let stop = async {
            tokio::task::yield_now().await;
            stopping.cancel();
        };
        let (group, ()) = tokio::join!(dispatcher.next(&stopping), stop);
        assert_eq!(group, None);
        dispatcher.committed(&[entry(1, 100)]);
        assert_eq!(dispatcher.next(&stopping).await, None);
    }

    #[test]
    fn nothing_is_given_out_in_a_pause_and_one_group_after_it() {
        let (clock, hand) = Clock::manual(time::OffsetDateTime::UNIX_EPOCH);
        let dispatcher = Dispatcher::new(&CONFIG, clock.clone());
        dispatcher.committed(&[entry(1, 100), entry(2, 100)]);
        dispatcher.database_away("no route");
        let until = match dispatcher.try_next(clock.instant()) {
            Next::DueAt(Some(until)) => until,
            Next::DueAt(None) | Next::Group(_) => panic!("nothing pauses"),
        };
        hand.advance(until - clock.instant());
        assert!(matches!(dispatcher.try_next(clock.instant()), Next::Group(_)));
        assert!(matches!(dispatcher.try_next(clock.instant()), Next::DueAt(_)));
        dispatcher.database_answered();
        assert!(matches!(dispatcher.try_next(clock.instant()), Next::Group(_)));
    }

    #[test]
    fn a_look_that_finds_nothing_does_not_stand_in_for_the_one_who_asks() {
        let (clock, hand) = Clock::manual(time::OffsetDateTime::UNIX_EPOCH);
        let dispatcher = Dispatcher::new(&CONFIG, clock.clone());
        dispatcher.committed(&[entry(1, 100)]);
        let Next::Group(group) = dispatcher.try_next(clock.instant()) else {
            panic!("a batch is due");
        };
        // One whose line ends its rest just then, and has not ripened.
        dispatcher.put_back(group.parts[0].agent, &group.parts[0].slips, Rest::Failed);
        dispatcher.database_away("no route");
        hand.advance(Duration::from_secs(1));
        let mut given = 0;
        // Each look a little later, so that the line ripens between them.
        for _ in 0..3 {
            given += u32::from(matches!(dispatcher.try_next(clock.instant()), Next::Group(_)));
            hand.advance(CONFIG.batch_after);
        }
        assert_eq!(given, 1);
    }
}
