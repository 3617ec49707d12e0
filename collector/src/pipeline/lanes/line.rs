//! One agent's line: its waiting reports in the order of their positions.

use std::collections::VecDeque;
use std::time::Instant;

use protocol::ids::{CompanyId, Epoch, Position, Succession};
use protocol::report::Lane;

use super::weight;
use crate::queue::Slip;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing waits, or it is about to be decided.
    Empty,
    /// It stands in its company's queue of that lane.
    Ready { lane: Lane },
    /// A group holds its first reports.
    InFlight,
    /// It waits for a time; for a gap, until something comes that fills it.
    Resting { until: Instant, is_for_gap: bool },
}

/// What is known of a gap before the first report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownGap {
    applied: Position,
    since: Instant,
}

/// A line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) company: CompanyId,
    pub(super) state: State,
    /// Failures of the first report that were its own.
    pub(super) attempts: u32,
    /// Since when the database has been late with the first report.
    pub(super) late_since: Option<Instant>,
    pub(super) gap: Option<KnownGap>,
    /// The first entry of the group that is in flight.
    pub(super) taken: Option<u64>,
    /// When ingest took the oldest report of that group.
    pub(super) taken_received_at_ms: Option<u64>,
    /// The epoch whose reports are hopeless, because one of them will never come.
    abandoned: Option<Epoch>,
    /// By position, then by the order in which they came.
    slips: VecDeque<Slip>,
    records: u64,
}

impl Line {
    pub(super) const fn new(company: CompanyId) -> Self {
        Self {
            company,
            state: State::Empty,
            attempts: 0,
            late_since: None,
            gap: None,
            taken: None,
            taken_received_at_ms: None,
            abandoned: None,
            slips: VecDeque::new(),
            records: 0,
        }
    }

    /// Puts a report into its place, which is nearly always the end.
    pub(super) fn insert(&mut self, slip: Slip) {
        let order = |slip: &Slip| (slip.position, slip.sequence);
        let at = self
            .slips
            // A position may stand twice: an agent that got no answer sent it again. Both go out,
            // and the store takes one.
            .partition_point(|other| order(other) < order(&slip));
        // The end of a deque, nearly always; in the middle it moves the shorter half.
        self.slips.insert(at, slip);
        self.records += u64::from(slip.records);
    }

    pub(super) fn first(&self) -> Option<&Slip> {
        self.slips.front()
    }

    /// When ingest took the oldest report that has not come to its end.
    pub(super) fn oldest_received_at_ms(&self) -> Option<u64> {
        let in_flight = self.taken_received_at_ms.filter(|_| matches!(self.state, State::InFlight));
        // Not the first: a report that fills a gap comes before those that have waited for it.
        let waiting = self.slips.iter().map(|slip| slip.received_at_ms);
        in_flight.into_iter().chain(waiting).min()
    }

    /// Records of all reports that wait.
    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    /// Takes the first report, and those that follow it directly for as long as there is room.
    pub(super) fn take_run(&mut self, mut room: u64) -> Vec<Slip> {
        let mut run: Vec<Slip> = Vec::new();
        while let Some(next) = self.slips.front() {
            let needed = weight(next);
            if let Some(last) = run.last() {
                let follows = last.position.succession(next.position) != Succession::Gap;
                if !follows || needed > room {
                    break;
                }
            }
            // The first is taken whatever its size, and may need more than there is.
            room = room.saturating_sub(needed);
            run.extend(self.take_first());
        }
        run
    }

    /// Notes that the first report cannot be stored yet, and gives since when.
    pub(super) fn note_gap(&mut self, applied: Position, now: Instant) -> Instant {
        let since = self.gap.map_or(now, |gap| gap.since);
        self.gap = Some(KnownGap { applied, since });
        since
    }

    /// Whether what came lately makes it worth while to ask about the gap again.
    pub(super) fn is_unblocked(&self) -> bool {
        let (Some(gap), Some(first)) = (self.gap, self.first()) else {
            return false;
        };
        gap.applied.succession(first.position) != Succession::Gap
            || self.next_epoch(gap.applied).is_some()
    }

    /// Takes out the reports that can never be stored, and says whether a snapshot has to be asked
    /// for. `None` when there is still hope.
    pub(super) fn take_hopeless(
        &mut self,
        applied: Position,
        is_over: bool,
    ) -> Option<(Vec<Slip>, bool)> {
        let first = *self.first()?;
        if applied.succession(first.position) != Succession::Gap {
            return None;
        }
        let overtaken = self.next_epoch(applied);
        // The first of an epoch that was given up has cost the wait already; those that still
        // trickle in behind it do not wait again.
        let was_abandoned = self.abandoned == Some(first.position.epoch);
        if overtaken.is_none() && !is_over && !was_abandoned {
            return None;
        }
        let count = overtaken.unwrap_or(self.slips.len());
        let hopeless: Vec<Slip> = (0..count).filter_map(|_| self.take_first()).collect();
        self.abandoned = hopeless.last().map(|slip| slip.position.epoch);
        Some((hopeless, overtaken.is_none()))
    }

    /// Whether nothing is lost when the line is forgotten while it is empty.
    pub(super) const fn is_forgettable(&self) -> bool {
        self.abandoned.is_none()
    }

    /// The place in the line where a later epoch begins with its first report.
    fn next_epoch(&self, applied: Position) -> Option<usize> {
        self.slips.iter().position(|slip| applied.succession(slip.position) == Succession::Next)
    }

    fn take_first(&mut self) -> Option<Slip> {
        let slip = self.slips.pop_front()?;
        self.records -= u64::from(slip.records);
        if self
            .abandoned
            // A report of a later epoch is on its way, so nothing of the abandoned one can come
            // that the store would not call seen.
            .is_some_and(|epoch| slip.position.epoch > epoch)
        {
            self.abandoned = None;
        }
        Some(slip)
    }
}
