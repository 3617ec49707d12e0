//! For simulations: the rows of agents in memory, with what this crate promises of them.
//!
//! Which reports are applied, what they change and when a snapshot is asked for is the code that
//! runs before PostgreSQL's statements; only the statements are replaced. `reports/tests/twin.rs`
//! holds it to them: the same random reports, heartbeats and dead letters go to both.

mod agent;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::ids::{AgentId, CompanyId, Position, Succession};
use time::OffsetDateTime;

use self::agent::Agent;
use crate::agents::{HeartbeatSeen, Noted};
use crate::commands::Command;
use crate::dead_letters::NewDeadLetter;
use crate::known::{History, KnownSoftware};
use crate::reports::simulated::{Line, fold, sort};
use crate::reports::{Applied, AppliedBatch, IncomingReport};

/// The longest wait between two requests for a snapshot.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// What is wrong with the rows on purpose, to show that a simulation finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A report that was applied is applied again.
    AppliesDuplicates,
    /// A report is applied although one before it is missing.
    JumpsGaps,
    /// No digest is compared with anything.
    ComparesNoDigests,
    /// What a snapshot's part leaves out stays.
    KeepsWhatIsGone,
    /// A dead letter does not move its agent's line.
    BuriesBesideTheLine,
    /// Software is believed to have a row because it had one before the database went back.
    BelievesWhatWas,
}

/// What nodes believe of software's rows; of all nodes at once, and none of the database's.
#[derive(Clone, Debug)]
struct Believed(Arc<KnownSoftware>);

impl Default for Believed {
    fn default() -> Self {
        // More than any run has, so that nothing is forgotten and so asked for again.
        Self(Arc::new(KnownSoftware::new(1_000_000)))
    }
}

/// The rows of all companies.
#[derive(Clone, Debug, Default)]
pub struct SimulatedRows {
    companies: BTreeMap<CompanyId, Company>,
    commands: BTreeMap<AgentId, Commands>,
    agents_made: i64,
    believed: Believed,
    /// How often the database went back.
    history: i64,
    plant: Option<Plant>,
}

#[derive(Clone, Debug, Default)]
struct Company {
    is_suspended: bool,
    /// Software that has a row.
    software: BTreeSet<SoftwareKey>,
    agents: BTreeMap<AgentId, Agent>,
    letters: BTreeSet<(AgentId, Position)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Commands {
    scan: Option<u64>,
    snapshot: bool,
}

/// How an agent stands when it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The last report that is in the rows.
    pub applied: Position,
    /// Whether its company is suspended.
    pub is_suspended: bool,
}

impl SimulatedRows {
    /// Rows with something wrong on purpose.
    #[must_use]
    pub fn planted(plant: Plant) -> Self {
        Self { plant: Some(plant), ..Self::default() }
    }

    /// Makes an agent, and its company if there is none.
    pub fn add_agent(&mut self, company: CompanyId, agent: AgentId) {
        self.agents_made += 1;
        let made = Agent::new(self.agents_made, agent);
        let company = self.companies.entry(company).or_default();
        company.agents.insert(agent, made);
    }

    /// Suspends a company or takes that back.
    pub fn set_suspended(&mut self, company: CompanyId, is_suspended: bool) {
        self.companies.entry(company).or_default().is_suspended = is_suspended;
    }

    /// Goes back to what the rows were, as a restore does, or a standby that lagged. Whether a company is suspended
    /// stays: whoever runs the site says it again.
    pub fn go_back(&mut self, to: Self) {
        let now = std::mem::replace(self, to);
        for (id, company) in now.companies {
            if let Some(before) = self.companies.get_mut(&id) {
                before.is_suspended = company.is_suspended;
            }
        }
        // Another one, however often it went back before; what nodes believe is shared by all.
        self.history = now.history + 1;
    }

    /// As [`crate::agents::admission`].
    #[must_use]
    pub fn standing(&self, company: CompanyId, agent: AgentId) -> Option<Standing> {
        let company = self.companies.get(&company)?;
        Some(Standing {
            applied: company.agents.get(&agent)?.line.applied,
            is_suspended: company.is_suspended,
        })
    }

    /// As [`crate::commands::pending`], of one agent.
    #[must_use]
    pub fn pending(&self, agent: AgentId) -> Vec<Command> {
        let commands = self.commands.get(&agent).copied().unwrap_or_default();
        let scan = commands.scan.map(|request| Command::ScanNow { request });
        let snapshot = commands.snapshot.then_some(Command::SendSnapshot);
        scan.into_iter().chain(snapshot).collect()
    }

    /// What an agent's rows say that it has, as a list shows it: with its software.
    #[must_use]
    pub fn held(
        &self,
        company: CompanyId,
        agent: AgentId,
    ) -> BTreeMap<SoftwareKey, RecordFingerprint> {
        let Some(company) = self.companies.get(&company) else {
            return BTreeMap::new();
        };
        let rows = company.agents.get(&agent).into_iter().flat_map(|agent| &agent.open);
        rows.filter(|(key, _)| company.software.contains(*key))
            .map(|(key, row)| (*key, row.fingerprint))
            .collect()
    }

    /// The agents of a company that have rows or could have.
    pub fn agents(&self) -> impl Iterator<Item = (CompanyId, AgentId)> {
        self.companies.iter().flat_map(|(company, of_company)| {
            let agents = of_company.agents.keys();
            agents.map(move |agent| (*company, *agent))
        })
    }

    /// Whether a report of an agent is a dead letter.
    #[must_use]
    pub fn is_buried(&self, company: CompanyId, agent: AgentId, position: Position) -> bool {
        let company = self.companies.get(&company);
        company.is_some_and(|company| company.letters.contains(&(agent, position)))
    }

    /// As [`crate::reports::apply`], without what software is and without findings.
    pub fn apply(
        &mut self,
        company: CompanyId,
        batch: &[IncomingReport],
        now: OffsetDateTime,
    ) -> AppliedBatch {
        let plant = self.plant;
        let company_key = company.0.as_u64_pair().1.cast_signed();
        let history = match plant {
            Some(Plant::BelievesWhatWas) => History::simulated(0),
            _ => History::simulated(self.history),
        };
        let Some(company) = self.companies.get_mut(&company) else {
            return AppliedBatch {
                reports: vec![Applied::AgentUnknown; batch.len()],
                ..AppliedBatch::default()
            };
        };
        let (reports, runs) = sort(&company.lines(batch, plant), batch);
        let mut applied = AppliedBatch { reports, ..AppliedBatch::default() };
        let mut wrong = Vec::new();
        for run in &runs {
            let Some(agent) = company.agents.get_mut(&run.line.agent) else {
                continue;
            };
            let mut changes = fold(run, &agent.touched(run));
            if plant == Some(Plant::KeepsWhatIsGone) && run.begins_epoch() {
                changes.closed.clear();
            }
            for (key, _) in &changes.closed {
                agent.open.remove(key);
            }
            for (key, opened_at, held) in &changes.changed {
                agent.put(*key, held.fingerprint, *opened_at);
            }
            let opened = changes.opened.iter().map(|(key, _)| *key);
            let unknown = self.believed.0.unknown(company_key, history, opened);
            company.software.extend(unknown.iter().copied());
            self.believed.0.insert(company_key, history, unknown);
            for (key, held) in &changes.opened {
                agent.put(*key, held.fingerprint, run.at);
            }
            agent.advance(run, changes.digest);
            if run.begins_epoch() {
                self.commands.entry(agent.line.agent).or_default().snapshot = false;
            }
            let claimed = run.reports.last().and_then(|(_, last)| last.report.digest);
            if claimed.is_some_and(|claimed| claimed != changes.digest)
                && plant != Some(Plant::ComparesNoDigests)
                && Some(agent.count_again()) != claimed
            {
                wrong.push(agent.line.agent);
            }
            for (number, stored) in changes.stored {
                applied.reports[number] = Applied::Stored(stored);
            }
        }
        applied.asked = company.ask(&mut self.commands, wrong, now);
        applied
    }

    /// As [`crate::dead_letters::add`]; gives the agents that were asked for a snapshot.
    pub fn bury(
        &mut self,
        company: CompanyId,
        letters: &[NewDeadLetter],
        now: OffsetDateTime,
    ) -> Vec<AgentId> {
        let plant = self.plant;
        let Some(company) = self.companies.get_mut(&company) else {
            return Vec::new();
        };
        let mut moved = BTreeSet::new();
        for letter in letters {
            let Some(agent) = company.agents.get_mut(&letter.agent) else {
                continue;
            };
            let is_next = agent.line.applied.succession(letter.position) == Succession::Next;
            if is_next && plant != Some(Plant::BuriesBesideTheLine) {
                agent.line.applied = letter.position;
                moved.insert(letter.agent);
            }
            company.letters.insert((letter.agent, letter.position));
        }
        company.ask(&mut self.commands, moved, now)
    }

    /// As [`crate::agents::ask_for_snapshots`].
    pub fn ask_for_snapshots(
        &mut self,
        company: CompanyId,
        agents: &[AgentId],
        now: OffsetDateTime,
    ) -> Vec<AgentId> {
        match self.companies.get_mut(&company) {
            Some(company) => company.ask(&mut self.commands, agents.iter().copied(), now),
            None => Vec::new(),
        }
    }

    /// As [`crate::agents::request_scan`].
    pub fn request_scan(&mut self, company: CompanyId, agent: AgentId) -> Option<u64> {
        let found = self.companies.get_mut(&company)?.agents.get_mut(&agent)?;
        found.scan_requested = found.scan_requested.max(found.scan_done) + 1;
        self.commands.entry(agent).or_default().scan = Some(found.scan_requested);
        Some(found.scan_requested)
    }

    /// As [`crate::agents::record_heartbeats`], where no node says what waits in its queue.
    pub fn record_heartbeats(
        &mut self,
        company: CompanyId,
        heartbeats: &[HeartbeatSeen],
        behind_after: Duration,
        now: OffsetDateTime,
    ) -> Noted {
        let plant = self.plant;
        let Some(company) = self.companies.get_mut(&company) else {
            return Noted::default();
        };
        let last: BTreeMap<AgentId, &HeartbeatSeen> =
            heartbeats.iter().map(|seen| (seen.agent, seen)).collect();
        let (mut wrong, mut behind) = (Vec::new(), Vec::new());
        for (id, seen) in last {
            let Some(agent) = company.agents.get_mut(&id) else {
                continue;
            };
            agent.note(seen, now);
            let differs = seen.digest.filter(|digest| {
                seen.acknowledged == agent.line.applied && *digest != agent.line.digest
            });
            let is_lost = agent.behind_since.is_some_and(|since| since + behind_after <= now);
            if agent.behind_since.is_some() && !is_lost {
                behind.push(id);
            }
            if (differs.is_some() || is_lost)
                && plant != Some(Plant::ComparesNoDigests)
                && differs.is_none_or(|claimed| agent.count_again() != claimed)
            {
                wrong.push(id);
            }
            if agent.scan_requested > 0 && agent.scan_done >= agent.scan_requested {
                self.commands.entry(id).or_default().scan = None;
            }
        }
        let asked = company.ask(&mut self.commands, wrong, now);
        // Processes are heard of by the database alone: a simulated agent never says its own.
        Noted { asked, behind, cloned: Vec::new() }
    }
}

impl Company {
    /// The lines of a batch's agents, as `lock_agents.sql` gives them.
    fn lines(&self, batch: &[IncomingReport], plant: Option<Plant>) -> BTreeMap<AgentId, Line> {
        let mut lines = BTreeMap::new();
        for incoming in batch {
            let Some(agent) = self.agents.get(&incoming.agent) else {
                continue;
            };
            let mut line = agent.line;
            let position = incoming.report.position;
            let misjudged = match line.applied.succession(position) {
                Succession::Seen => plant == Some(Plant::AppliesDuplicates),
                Succession::Gap => plant == Some(Plant::JumpsGaps),
                Succession::Next => false,
            };
            if misjudged {
                let before = position.seq.0.saturating_sub(1);
                line.applied = Position::new(position.epoch.0, before);
            }
            lines.entry(incoming.agent).or_insert(line);
        }
        lines
    }

    /// As `queue_snapshots`: the wait between two requests doubles until the digests agree.
    fn ask(
        &mut self,
        commands: &mut BTreeMap<AgentId, Commands>,
        agents: impl IntoIterator<Item = AgentId>,
        now: OffsetDateTime,
    ) -> Vec<AgentId> {
        let mut asked = Vec::new();
        for id in agents {
            let Some(agent) = self.agents.get_mut(&id) else {
                continue;
            };
            // Half a minute at the first, which nothing has been asked before, and so doubled.
            let half_minutes = 1_u32 << agent.snapshot_asks.min(11);
            let wait = (Duration::from_secs(30) * half_minutes).min(LONGEST_WAIT);
            if agent.snapshot_asked_at.is_none_or(|at| at + wait <= now) {
                agent.snapshot_asked_at = Some(now);
                agent.snapshot_asks += 1;
                commands.entry(id).or_default().snapshot = true;
                asked.push(id);
            }
        }
        asked
    }
}
