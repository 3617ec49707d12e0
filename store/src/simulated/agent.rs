//! One agent's rows in memory: its line, what it has open, and what it was asked.

use std::time::Duration;

use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::ids::{AgentId, Position};
use time::OffsetDateTime;

use crate::agents::HeartbeatSeen;
use crate::reports::simulated::{Line, OpenRow, OpenRows, Run, touched};

/// By how much a sign of life may be ahead of whoever notes the next one; more is a clock's mistake.
const CLOCKS_DIFFER: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) line: Line,
    pub(super) open: OpenRows,
    /// What was acknowledged as of the last heartbeat.
    behind: Position,
    pub(super) behind_since: Option<OffsetDateTime>,
    last_seen_at: Option<OffsetDateTime>,
    pub(super) snapshot_asked_at: Option<OffsetDateTime>,
    pub(super) snapshot_asks: u32,
    pub(super) scan_requested: u64,
    pub(super) scan_done: u64,
}

impl Agent {
    /// An agent that has reported nothing yet.
    pub(super) fn new(agent_key: i64, agent: AgentId) -> Self {
        Self {
            line: Line {
                agent_key,
                agent,
                applied: Position::default(),
                applied_at: None,
                digest: InventoryDigest::default(),
            },
            open: OpenRows::new(),
            behind: Position::default(),
            behind_since: None,
            last_seen_at: None,
            snapshot_asked_at: None,
            snapshot_asks: 0,
            scan_requested: 0,
            scan_done: 0,
        }
    }

    /// The open rows that a run may touch, as `open_rows.sql` gives them.
    pub(super) fn touched(&self, run: &Run<'_>) -> OpenRows {
        let ranges = touched(run);
        let rows = ranges.iter().flat_map(|range| self.open.range(range.low..=range.high));
        rows.map(|(key, row)| (*key, *row)).collect()
    }

    pub(super) fn put(
        &mut self,
        key: SoftwareKey,
        fingerprint: RecordFingerprint,
        opened_at: OffsetDateTime,
    ) {
        let row = OpenRow { fingerprint, opened_at };
        self.open.insert(key, row);
    }

    /// As `move_lines.sql`.
    pub(super) fn advance(&mut self, run: &Run<'_>, digest: InventoryDigest) {
        // The last report's, as `settle` has it: what an earlier one claimed is about a state that
        // is gone.
        let claimed = run.reports.last().and_then(|(_, last)| last.report.digest);
        self.line.applied = run.end();
        self.line.applied_at = Some(run.at);
        self.last_seen_at = self.last_seen_at.max(Some(run.at));
        self.line.digest = digest;
        // Whatever was applied is progress, and the wait begins anew with the next heartbeat.
        self.behind_since = None;
        if claimed == Some(digest) {
            self.snapshot_asks = 0;
            self.snapshot_asked_at = None;
        }
    }

    pub(super) fn count_again(&mut self) -> InventoryDigest {
        self.line.digest = self.open.values().map(|row| row.fingerprint).collect();
        self.line.digest
    }

    pub(super) fn note(&mut self, seen: &HeartbeatSeen, now: OffsetDateTime) {
        let is_news = !seen.is_repeat
            && self.last_seen_at.is_none_or(|last| seen.at >= last || last > now + CLOCKS_DIFFER);
        self.last_seen_at = self.last_seen_at.max(Some(seen.at));
        // Never much more than was asked for: the number is from the wire.
        let is_likely = seen.scan_done <= self.scan_requested.saturating_add(1_000);
        let done = if is_likely { seen.scan_done } else { self.scan_requested };
        self.scan_done = self.scan_done.max(done);
        if !is_news {
            self.behind_since = self.behind_since.filter(|_| self.behind > self.line.applied);
            return;
        }
        // Counted anew with every report more that was acknowledged: that one is as old as this heartbeat.
        let since = self.behind_since.filter(|_| seen.acknowledged == self.behind);
        self.behind_since =
            (seen.acknowledged > self.line.applied).then(|| since.unwrap_or(seen.at));
        self.behind = seen.acknowledged;
    }
}
