//! A sink that applies by position, as the store does, and plays tricks.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use protocol::ids::Succession;
use store::reports::Applied;
use time::OffsetDateTime;

use super::*;
use crate::pipeline::sink::SinkError;

/// What goes wrong. Words are those that names of records begin with.
#[derive(Clone, Debug)]
pub(super) enum Trick {
    /// Refuses batches with such a record.
    Refuses(&'static str),
    /// Panics at such a record.
    Panics(&'static str),
    /// Fails at batches with such a record so many times.
    Fails(&'static str, u32),
    /// Does not get batches with such a record done in time so many times.
    IsLate(&'static str, u32),
    /// Has no company any more for such a record.
    CompanyGone(&'static str),
    /// Does not know that agent.
    DoesNotKnow(AgentId),
}

/// The sink. A clone is the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeSink(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    applied: HashMap<AgentId, Position>,
    stored: HashMap<AgentId, Vec<Position>>,
    groups: Vec<usize>,
    letters: Vec<NewDeadLetter>,
    snapshots: Vec<AgentId>,
    tricks: Vec<Trick>,
    unknown: HashSet<AgentId>,
    failing_burials: u32,
    is_away: bool,
    is_silent: bool,
    refusals: u32,
}

impl FakeSink {
    pub(super) fn play(&self, trick: Trick) {
        if let Trick::DoesNotKnow(agent) = trick {
            self.state().unknown.insert(agent);
        }
        self.state().tricks.push(trick);
    }

    pub(super) fn set_away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    /// Answers nothing any more, as a host whose cable was pulled.
    pub(super) fn set_silent(&self) {
        self.state().is_silent = true;
    }

    async fn answer(&self) {
        // A real store always suspends its caller. Without this, a fake one would let every worker
        // run to its end unscheduled, and no order of theirs would ever be tried.
        tokio::task::yield_now().await;
        if self.state().is_silent {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn fail_burials(&self, times: u32) {
        self.state().failing_burials = times;
    }

    pub(super) fn stored(&self, agent: AgentId) -> Vec<Position> {
        self.state().stored.get(&agent).cloned().unwrap_or_default()
    }

    /// Reports of each transaction.
    pub(super) fn groups(&self) -> Vec<usize> {
        self.state().groups.clone()
    }

    pub(super) fn letters(&self) -> Vec<NewDeadLetter> {
        self.state().letters.clone()
    }

    pub(super) fn snapshots_asked(&self) -> Vec<AgentId> {
        self.state().snapshots.clone()
    }

    /// Batches that it did not take while it was away.
    pub(super) fn refusals(&self) -> u32 {
        self.state().refusals
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn trick(&mut self, batch: &[IncomingReport]) -> Result<(), SinkError> {
        if self.is_away {
            self.refusals += 1;
            return Err(SinkError::Failed("away".to_owned()));
        }
        let names: Vec<String> = batch
            .iter()
            .flat_map(|incoming| incoming.report.body.records())
            .map(|record| record.name.clone())
            .collect();
        let with = |word: &str| names.iter().find(|name| name.starts_with(word));
        for trick in &mut self.tricks {
            match trick {
                Trick::Refuses(word) if with(word).is_some() => {
                    return Err(SinkError::Refused("refused".to_owned()));
                }
                Trick::Panics(word) => {
                    if let Some(name) = with(word) {
                        // Poisons the lock of the state, too, which is why `state` looks past
                        // poison.
                        panic!("cannot bear {name}");
                    }
                }
                Trick::Fails(word, times) if *times > 0 && with(word).is_some() => {
                    *times = times.saturating_sub(1);
                    return Err(SinkError::Failed("timed out".to_owned()));
                }
                Trick::IsLate(word, times) if *times > 0 && with(word).is_some() => {
                    *times = times.saturating_sub(1);
                    return Err(SinkError::Late("waited for a lock".to_owned()));
                }
                Trick::CompanyGone(word) if with(word).is_some() => {
                    return Err(SinkError::CompanyGone);
                }
                Trick::Refuses(_)
                | Trick::Fails(..)
                | Trick::IsLate(..)
                | Trick::CompanyGone(_)
                | Trick::DoesNotKnow(_) => {}
            }
        }
        Ok(())
    }

    fn apply(&mut self, incoming: &IncomingReport) -> Applied {
        if self.unknown.contains(&incoming.agent) {
            return Applied::AgentUnknown;
        }
        let position = incoming.report.position;
        let applied = self
            .applied
            .entry(incoming.agent)
            // Every agent of these tests begins in its first epoch.
            .or_insert(Position::new(1, 0));
        match applied.succession(position) {
            Succession::Seen => Applied::Duplicate,
            Succession::Gap => Applied::Gap { applied: *applied },
            Succession::Next => {
                *applied = position;
                self.stored.entry(incoming.agent).or_default().push(position);
                Applied::Stored(Stored::default())
            }
        }
    }
}

impl ReportSink for FakeSink {
    async fn apply(
        &self,
        _company: CompanyId,
        batch: &[IncomingReport],
        _now: OffsetDateTime,
    ) -> Result<AppliedBatch, SinkError> {
        self.answer().await;
        let mut state = self.state();
        state.trick(batch)?;
        // Behind the tricks: a refused batch is not a transaction that was committed.
        state.groups.push(batch.len());
        Ok(AppliedBatch {
            reports: batch.iter().map(|incoming| state.apply(incoming)).collect(),
            ..AppliedBatch::default()
        })
    }

    async fn bury(
        &self,
        _company: CompanyId,
        letters: &[NewDeadLetter],
        _now: OffsetDateTime,
    ) -> Result<(), SinkError> {
        self.answer().await;
        let mut state = self.state();
        if state.failing_burials > 0 {
            state.failing_burials -= 1;
            return Err(SinkError::Failed("timed out".to_owned()));
        }
        for letter in letters {
            state.letters.push(letter.clone());
            // A dead letter takes its place in its agent's line.
            state.applied.insert(letter.agent, letter.position);
        }
        Ok(())
    }

    async fn ask_for_snapshot(
        &self,
        _company: CompanyId,
        agent: AgentId,
        _now: OffsetDateTime,
    ) -> Result<(), SinkError> {
        self.answer().await;
        let mut state = self.state();
        // Without records no word matches, so that of all tricks only being away plays.
        state.trick(&[])?;
        state.snapshots.push(agent);
        Ok(())
    }

    async fn is_up(&self) -> bool {
        self.answer().await;
        !self.state().is_away
    }
}
