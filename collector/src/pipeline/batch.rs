//! One group on its way through a transaction, or through several when something in it is bad.
//!
//! It remembers of every report where it stands, so that however the way ends, each has come to
//! its outcome or goes back into its line in order.

use std::ops::Range;
use std::time::{Duration, Instant};

use protocol::ids::{AgentId, CompanyId, Position};
use protocol::reject::RejectReason;
use store::reports::{Applied, IncomingReport, Stored};

use super::lanes::{Group, Part, Rest};
use super::load::{Content, Item, Unreadable};
use super::outcome::{Outcome, Ticket};
use crate::queue::Slip;

/// A group that is worked on.
#[derive(Debug)]
pub(crate) struct Batch {
    company: CompanyId,
    parts: Vec<PartState>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct PartState {
    agent: AgentId,
    attempts: u32,
    late_since: Option<Instant>,
    rest: Rest,
}

#[derive(Debug)]
struct Entry {
    part: usize,
    slip: Slip,
    /// Until its outcome.
    ticket: Option<Ticket>,
    fate: Fate,
    /// Once it has one.
    outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Stored,
    Ended,
    Gap(Position),
}

/// Entries that are treated alike, in the batch's order.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Reports, to be stored together; the first is the entry of that number.
    Reports(usize, Vec<IncomingReport>),
    /// An entry that can never be stored.
    Unreadable(usize, Unreadable),
    /// An entry that the disk did not give this time.
    Unread(usize, String),
}

/// Where a report stands when its batch's way ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Its number in the batch.
    pub(crate) number: usize,
    /// Whose it is.
    pub(crate) agent: AgentId,
    /// What it is.
    pub(crate) slip: Slip,
    /// What became of it; `None` of one that goes back.
    pub(crate) outcome: Option<Outcome>,
    /// Whether it goes back because storing it went wrong.
    pub(crate) has_failed: bool,
}

/// What is left of a part when its way ends.
#[derive(Debug)]
pub(crate) enum Left {
    /// Nothing: all came to their ends.
    Nothing(AgentId),
    /// Reports that go back.
    Open(AgentId, Vec<Slip>, Rest),
    /// Reports that something is missing before.
    Gap(AgentId, Vec<Slip>, Position),
}

impl Batch {
    /// A loaded group, and the chunks to treat one after the other.
    pub(crate) fn new(group: &Group, items: Vec<Item>) -> (Self, Vec<Chunk>) {
        let mut batch = Self {
            company: group.company,
            parts: group.parts.iter().map(PartState::new).collect(),
            entries: Vec::with_capacity(items.len()),
        };
        let mut chunks: Vec<Chunk> = Vec::new();
        for item in items {
            let number = batch.entries.len();
            match (item.content, chunks.last_mut()) {
                // Neighbours share a transaction. Anything that cannot be stored splits the run,
                // because its dead letter has to stand between them in its agent's line.
                (Content::Report(report), Some(Chunk::Reports(_, reports))) => {
                    reports.push(*report);
                }
                (Content::Report(report), _) => chunks.push(Chunk::Reports(number, vec![*report])),
                (Content::Unreadable(why), _) => chunks.push(Chunk::Unreadable(number, why)),
                (Content::Unread(why), _) => chunks.push(Chunk::Unread(number, why)),
            }
            batch.entries.push(Entry {
                part: item.part,
                slip: *item.ticket.slip(),
                ticket: Some(item.ticket),
                fate: Fate::Open,
                outcome: None,
            });
        }
        (batch, chunks)
    }

    /// The company.
    pub(crate) const fn company(&self) -> CompanyId {
        self.company
    }

    /// Records of all reports.
    pub(crate) fn records(&self) -> u32 {
        let records = self.entries.iter().map(|entry| u32::from(entry.slip.records));
        records.sum()
    }

    /// Whose an entry is, and what it is.
    pub(crate) fn entry(&self, number: usize) -> Option<(AgentId, Slip)> {
        let entry = self.entries.get(number)?;
        Some((self.parts.get(entry.part)?.agent, entry.slip))
    }

    /// Brings reports to their outcomes, from the entry of that number on, and gives those that
    /// were stored.
    pub(crate) fn settle(&mut self, first: usize, applied: &[Applied]) -> Vec<(Slip, Stored)> {
        let mut stored_slips = Vec::new();
        // One answer a report, in their order: the store's contract.
        for (entry, applied) in self.entries.iter_mut().skip(first).zip(applied) {
            match applied {
                Applied::Stored(stored) => {
                    // First the end, which sets its own fate, then the one that tells what it
                    // overtakes.
                    entry.end(Outcome::Stored);
                    entry.fate = Fate::Stored;
                    stored_slips.push((entry.slip, *stored));
                }
                Applied::Duplicate => entry.end(Outcome::Duplicate),
                // An agent that was deleted while its reports waited. They carry nothing that
                // anybody could show.
                Applied::AgentUnknown => entry.end(Outcome::Rejected(RejectReason::AgentUnknown)),
                Applied::Gap { applied } => entry.fate = Fate::Gap(*applied),
            }
        }
        stored_slips
    }

    /// Brings one entry to its outcome.
    pub(crate) fn end(&mut self, number: usize, outcome: Outcome) {
        if let Some(entry) = self.entries.get_mut(number) {
            entry.end(outcome);
        }
    }

    /// Whether an agent in a range of entries has failed as often as it may, this time included.
    pub(crate) fn is_exhausted(&self, entries: Range<usize>, attempts_max: u32) -> bool {
        self.part_numbers(entries)
            // Any and not all: a group with one exhausted agent is halved until that agent's
            // reports stand alone, and only what fails alone is given up.
            .any(|part| self.parts[part].attempts.saturating_add(1) >= attempts_max)
    }

    /// Whether an agent in a range of entries has been kept waiting by a database that is late for that long. Any and
    /// not all, as in [`Self::is_exhausted`].
    pub(crate) fn is_late_since(
        &self,
        entries: Range<usize>,
        now: Instant,
        most: Duration,
    ) -> bool {
        self.part_numbers(entries)
            .filter_map(|part| self.parts[part].late_since)
            .any(|since| since + most <= now)
    }

    /// Notes why the agents in a range of entries have to rest.
    pub(crate) fn note_failure(&mut self, entries: Range<usize>, rest: Rest) {
        let parts: Vec<usize> = self.part_numbers(entries).collect();
        for part in parts {
            self.parts[part].rest = rest;
        }
    }

    /// Where each report stands, after all that can be done for it was done.
    pub(crate) fn standings(&mut self) -> impl Iterator<Item = Standing> {
        self.reject_overtaken();
        self.entries.iter().enumerate().filter_map(|(number, entry)| {
            let part = self.parts.get(entry.part)?;
            let has_failed = entry.outcome.is_none() && part.rest != Rest::Untouched;
            let (agent, slip, outcome) = (part.agent, entry.slip, entry.outcome);
            Some(Standing { number, agent, slip, outcome, has_failed })
        })
    }

    /// What is left of each part.
    pub(crate) fn leave(mut self) -> Vec<Left> {
        self.reject_overtaken();
        let Self { parts, entries, .. } = self;
        let mut left: Vec<(Vec<Slip>, Option<Position>)> = vec![(Vec::new(), None); parts.len()];
        for entry in entries {
            let Some(ticket) = entry.ticket else {
                continue;
            };
            let (slips, gap) = &mut left[entry.part];
            // Only a gap before the first that is left counts: one behind it may be filled by it.
            if let (Fate::Gap(applied), true) = (entry.fate, slips.is_empty()) {
                *gap = Some(applied);
            }
            slips.push(ticket.give_back());
        }
        parts
            .into_iter()
            .zip(left)
            .map(|(part, (slips, gap))| match gap {
                _ if slips.is_empty() => Left::Nothing(part.agent),
                Some(applied) => Left::Gap(part.agent, slips, applied),
                None => Left::Open(part.agent, slips, part.rest),
            })
            .collect()
    }

    /// Ends the reports with a gap before them that a later one of their agent has overtaken with a
    /// new epoch.
    fn reject_overtaken(&mut self) {
        let mut is_overtaken = vec![false; self.parts.len()];
        // From the last to the first, so that one look suffices: what is seen of an agent came
        // later.
        for entry in self.entries.iter_mut().rev() {
            match entry.fate {
                Fate::Stored => is_overtaken[entry.part] = true,
                Fate::Gap(_) if is_overtaken[entry.part] => {
                    entry.end(Outcome::Rejected(RejectReason::Gap));
                }
                Fate::Open | Fate::Ended | Fate::Gap(_) => {}
            }
        }
    }

    fn part_numbers(&self, entries: Range<usize>) -> impl Iterator<Item = usize> {
        self.entries.get(entries).unwrap_or_default().iter().map(|entry| entry.part)
    }
}

impl PartState {
    const fn new(part: &Part) -> Self {
        let Part { agent, attempts, late_since, .. } = *part;
        Self { agent, attempts, late_since, rest: Rest::Untouched }
    }
}

impl Entry {
    fn end(&mut self, outcome: Outcome) {
        self.fate = Fate::Ended;
        self.outcome = Some(outcome);
        if let Some(ticket) = self.ticket.take() {
            ticket.end(outcome);
        }
    }
}
