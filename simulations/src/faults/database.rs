//! The simulated database: rows by the store's own rules, behind everything that a database and the
//! way to it can do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use collector::pipeline::simulated::{self, Failure, Rows};
use protocol::ids::{AgentId, CompanyId, Position, Succession};
use store::commands::Command;
use store::dead_letters::NewDeadLetter;
use store::reports::{Applied, AppliedBatch, IncomingReport};
use store::simulated::SimulatedRows;
use time::OffsetDateTime;

use super::plants::Plant;
use super::stage::Stage;
use crate::random::Random;

/// What goes wrong with the database. Numbers are how many of the next transactions it concerns.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    pub(super) is_away: bool,
    pub(super) delay_max: Duration,
    pub(super) hangs: u32,
    pub(super) fails: u32,
    pub(super) loses_answers: u32,
    pub(super) refuses: u32,
    pub(super) panics: u32,
}

/// The database. A clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Database {
    state: Arc<Mutex<State>>,
    stage: Stage,
    plant: Option<Plant>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) rows: SimulatedRows,
    /// What the rows were at the moment that the database goes back to.
    kept: Option<SimulatedRows>,
    companies: BTreeMap<AgentId, CompanyId>,
    trouble: Trouble,
    random: Random,
    /// Reports that are refused, and those that cannot be stored without a panic, whenever they come.
    refused: BTreeSet<(AgentId, Position)>,
    panicking: BTreeSet<(AgentId, Position)>,
    /// Agents that something was said to, in the order of saying.
    pub(super) signals: Vec<AgentId>,
    /// Answers that were given with a report stored.
    told_stored: u64,
}

/// What becomes of one question.
enum Fate {
    Answer,
    LoseAnswer,
    Fail(&'static str),
    Hang,
}

impl Database {
    pub(super) fn new(stage: Stage, plant: Option<Plant>, random: Random) -> Self {
        let rows = plant
            .and_then(Plant::of_rows)
            .map_or_else(SimulatedRows::default, SimulatedRows::planted);
        Self {
            state: Arc::new(Mutex::new(State {
                rows,
                kept: None,
                companies: BTreeMap::new(),
                trouble: Trouble::default(),
                random,
                refused: BTreeSet::new(),
                panicking: BTreeSet::new(),
                signals: Vec::new(),
                told_stored: 0,
            })),
            stage,
            plant,
        }
    }

    pub(super) fn enrol(&self, company: CompanyId, agent: AgentId) {
        let mut state = self.lock();
        state.rows.add_agent(company, agent);
        state.companies.insert(agent, company);
    }

    /// Changes what goes wrong.
    pub(super) fn trouble(&self, change: impl FnOnce(&mut Trouble)) {
        change(&mut self.lock().trouble);
    }

    /// Keeps the rows as they are; `false` when they are kept already.
    pub(super) fn keep(&self) -> bool {
        let mut state = self.lock();
        let is_first = state.kept.is_none();
        if is_first {
            state.kept = Some(state.rows.clone());
        }
        is_first
    }

    /// Becomes what was kept: what was committed since then is gone, whoever was told of it.
    pub(super) fn go_back(&self) {
        let mut state = self.lock();
        let Some(kept) = state.kept.take() else { return };
        state.rows.go_back(kept);
        for (agent, company) in &state.companies {
            let standing = state.rows.standing(*company, *agent);
            let applied = standing.map_or_else(Position::default, |standing| standing.applied);
            self.stage.went_back(*agent, applied);
        }
        self.stage.note(format_args!("rows: back to what they were"));
    }

    /// Looks at the rows, or changes them as an operator does.
    pub(super) fn rows<T>(&self, work: impl FnOnce(&mut SimulatedRows) -> T) -> T {
        work(&mut self.lock().rows)
    }

    /// Asks an agent for a scan, as a person does.
    pub(super) fn request_scan(&self, agent: AgentId) {
        let mut state = self.lock();
        let company = state.companies.get(&agent).copied();
        if company.and_then(|company| state.rows.request_scan(company, agent)).is_some() {
            state.signals.push(agent);
        }
    }

    /// What an agent is to be told, unless the database is away.
    pub(super) fn pending(&self, agent: AgentId) -> Option<Vec<Command>> {
        let state = self.lock();
        (!state.trouble.is_away).then(|| state.rows.pending(agent))
    }

    /// Agents that something was said to since the signal of that number, and the number to go on
    /// with.
    pub(super) fn signals(&self, since: usize) -> (Vec<AgentId>, usize) {
        let state = self.lock();
        let news = state.signals.get(since..).unwrap_or_default();
        (news.to_vec(), state.signals.len())
    }

    /// Reports whose storing was answered with a yes.
    pub(super) fn told_stored(&self) -> u64 {
        self.lock().told_stored
    }

    /// Waits as long as the database takes, and says what becomes of the question.
    async fn ask(&self) -> Fate {
        // Let go while it waits: other questions are under way at the same time.
        let delay = {
            let mut state = self.lock();
            let most = state.trouble.delay_max.max(Duration::from_millis(30));
            state.random.around(most / 2)
        };
        tokio::time::sleep(delay).await;
        let mut state = self.lock();
        let trouble = &mut state.trouble;
        let take = |left: &mut u32| {
            let is_taken = *left > 0;
            *left = left.saturating_sub(1);
            is_taken
        };
        // One trouble a question: what is not taken now waits for the next.
        if trouble.is_away {
            Fate::Fail("the database is away")
        } else if take(&mut trouble.hangs) {
            Fate::Hang
        } else if take(&mut trouble.fails) {
            Fate::Fail("the transaction fails")
        } else if take(&mut trouble.loses_answers) {
            Fate::LoseAnswer
        } else {
            Fate::Answer
        }
    }

    /// Asks, does the work unless the question failed before it, and gives the answer unless that is
    /// lost.
    pub(super) async fn transact<T>(
        &self,
        work: impl FnOnce(&mut State) -> T,
    ) -> Result<T, Failure> {
        let fate = self.ask().await;
        match fate {
            Fate::Fail(why) => return Err(Failure::Failed(why.to_owned())),
            Fate::Hang => return std::future::pending().await,
            Fate::Answer | Fate::LoseAnswer => {}
        }
        let done = work(&mut self.lock());
        // Committed, and the answer is on its way: a node may die here.
        tokio::time::sleep(Duration::from_millis(2)).await;
        match fate {
            Fate::LoseAnswer => Err(Failure::Failed("the answer is lost".to_owned())),
            Fate::Answer | Fate::Fail(_) | Fate::Hang => Ok(done),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something in a batch is bad; decides which reports are, when that is due.
    fn judge(&self, batch: &[IncomingReport]) -> Result<(), Failure> {
        let mut state = self.lock();
        if let Some(first) = batch.first() {
            // Kept by position: a bad report is bad however often and in whatever batch it comes.
            let place = (first.agent, first.report.position);
            if state.trouble.refuses > 0 {
                state.trouble.refuses -= 1;
                state.refused.insert(place);
            } else if state.trouble.panics > 0 {
                state.trouble.panics -= 1;
                state.panicking.insert(place);
            }
        }
        let is_in = |places: &BTreeSet<_>| {
            batch
                .iter()
                .any(|incoming| places.contains(&(incoming.agent, incoming.report.position)))
        };
        if is_in(&state.refused) {
            return Err(Failure::Refused("a value that no column takes".to_owned()));
        }
        let panics = is_in(&state.panicking);
        drop(state);
        #[expect(clippy::panic, reason = "what the pipeline has to survive")]
        if panics {
            panic!("injected: storing this report panics");
        }
        Ok(())
    }

    /// What every batch has to keep, whatever the database does.
    fn check(&self, company: CompanyId, batch: &[IncomingReport]) {
        let mut last: BTreeMap<AgentId, Position> = BTreeMap::new();
        for incoming in batch {
            let (agent, position) = (incoming.agent, incoming.report.position);
            if self.lock().companies.get(&agent) != Some(&company) {
                self.stage.broken(format!("report {position} of {agent} reached another company"));
            }
            if last.insert(agent, position).is_some_and(|before| before > position) {
                self.stage.broken(format!("report {position} of {agent} came out of its order"));
            }
        }
    }

    fn commit(
        &self,
        state: &mut State,
        company: CompanyId,
        batch: &[IncomingReport],
        now: OffsetDateTime,
    ) -> AppliedBatch {
        let applied = state.rows.apply(company, batch, now);
        state.signals.extend(&applied.asked);
        for (incoming, what) in batch.iter().zip(&applied.reports) {
            let (agent, position) = (incoming.agent, incoming.report.position);
            let word = match what {
                Applied::Stored(_) => {
                    self.stage.stored(agent, position);
                    "stored"
                }
                Applied::Duplicate => "duplicate",
                Applied::Gap { .. } => "gap",
                Applied::AgentUnknown => "unknown",
            };
            self.stage.note(format_args!("rows: {position} of {agent} {word}"));
        }
        applied
    }

    /// A dead letter takes its place in its agent's line.
    fn follow(&self, state: &State, company: CompanyId, letter: &NewDeadLetter) {
        let succession = self.stage.go_on(letter.agent, letter.position);
        let standing = state.rows.standing(company, letter.agent);
        let is_there = standing.is_some_and(|standing| standing.applied >= letter.position);
        if succession == Succession::Next && !is_there {
            self.stage.broken(format!(
                "the line of {} does not go on over its dead letter {}",
                letter.agent, letter.position
            ));
        }
    }

    async fn take(
        &self,
        company: CompanyId,
        batch: &[IncomingReport],
        now: OffsetDateTime,
    ) -> Result<AppliedBatch, Failure> {
        let mut shuffled;
        let mut batch = batch;
        if self.plant == Some(Plant::ReordersAnAgent) {
            shuffled = batch.to_vec();
            shuffled.reverse();
            batch = &shuffled;
        }
        let company = match self.plant {
            Some(Plant::MixesCompanies) => self.other_company(company),
            _ => company,
        };
        self.check(company, batch);
        self.judge(batch)?;
        let applied = self.transact(|state| self.commit(state, company, batch, now)).await;
        let applied = match applied {
            Err(Failure::Failed(_)) if self.plant == Some(Plant::EndsBeforeTheCommit) => {
                // A worker that completes entries whatever the database says.
                let stored = Applied::Stored(store::reports::Stored::default());
                return Ok(AppliedBatch {
                    reports: vec![stored; batch.len()],
                    ..AppliedBatch::default()
                });
            }
            applied => applied?,
        };
        let stored = applied.reports.iter().filter(|applied| matches!(applied, Applied::Stored(_)));
        self.lock().told_stored += stored.count() as u64;
        Ok(applied)
    }

    fn other_company(&self, company: CompanyId) -> CompanyId {
        let state = self.lock();
        let other = state.companies.values().find(|other| **other != company);
        other.copied().unwrap_or(company)
    }
}

impl Rows for Database {
    fn apply<'a>(
        &'a self,
        company: CompanyId,
        batch: &'a [IncomingReport],
        now: OffsetDateTime,
    ) -> simulated::Answer<'a, Result<AppliedBatch, Failure>> {
        Box::pin(self.take(company, batch, now))
    }

    fn bury<'a>(
        &'a self,
        company: CompanyId,
        letters: &'a [NewDeadLetter],
        now: OffsetDateTime,
    ) -> simulated::Answer<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.transact(|state| {
                let asked = state.rows.bury(company, letters, now);
                state.signals.extend(asked);
                for letter in letters {
                    self.follow(state, company, letter);
                }
            })
            .await?;
            for letter in letters {
                self.stage.note(format_args!(
                    "rows: {} of {} is a dead letter: {}",
                    letter.position, letter.agent, letter.reason
                ));
            }
            Ok(())
        })
    }

    fn ask_for_snapshot(
        &self,
        company: CompanyId,
        agent: AgentId,
        now: OffsetDateTime,
    ) -> simulated::Answer<'_, Result<(), Failure>> {
        Box::pin(self.transact(move |state| {
            let asked = state.rows.ask_for_snapshots(company, &[agent], now);
            state.signals.extend(asked);
        }))
    }

    fn is_up(&self) -> simulated::Answer<'_, bool> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            !self.lock().trouble.is_away
        })
    }
}

#[cfg(test)]
mod tests;
