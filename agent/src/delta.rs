//! What to report: the difference between the inventory that was reported last and the one of now,
//! cut into reports that keep the limits of the wire.
//!
//! Pure, and lazy: a report is made when it is asked for, so a host with fifty thousand records
//! never holds them twice. A report is never empty of meaning: no change, no report.

mod cut;

use std::collections::BTreeMap;
use std::iter::Peekable;

use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::host::{HostFacts, Platform};
use protocol::ids::{Epoch, Position, Seq};
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, SourceStatus};

use self::cut::Cut;

/// An inventory's records by their keys.
pub type Records = BTreeMap<SoftwareKey, SoftwareRecord>;

/// What every report of one scan says beside its records.
#[derive(Clone, Debug)]
pub struct Heading<'a> {
    /// When the reports are made, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// The platform that the keys were computed with.
    pub platform: &'a Platform,
    /// The host's facts, for the first report; `None` when the collector has them.
    pub facts: Option<&'a HostFacts>,
    /// The sources' statuses, for the first report; empty when the collector has them.
    pub sources: &'a [SourceStatus],
}

impl Heading<'_> {
    /// A report, with facts and statuses where it is the scan's first.
    fn report(&self, position: Position, body: ReportBody, is_first: bool) -> Report {
        let facts = self.facts.filter(|_| is_first);
        let sources = if is_first { self.sources } else { &[] };
        Report {
            position,
            made_at_ms: self.made_at_ms,
            platform: self.platform.clone(),
            facts: facts.map(|facts| Box::new(facts.clone())),
            sources: sources.to_vec(),
            body,
            digest: None,
        }
    }
}

/// The whole inventory as the parts of a snapshot, which begin the epoch.
///
/// Together the parts cover every possible key, so what the collector holds beside them goes. An
/// empty inventory is one part without records.
pub fn snapshot<'a>(heading: Heading<'a>, epoch: Epoch, records: &'a Records) -> Snapshot<'a> {
    Snapshot {
        heading,
        position: Position { epoch, seq: Seq(0) },
        from: Some(SoftwareKey(0)),
        digest: InventoryDigest::default(),
        records: records.iter().peekable(),
    }
}

/// The parts of a snapshot: see [`snapshot`].
#[derive(Debug)]
pub struct Snapshot<'a> {
    heading: Heading<'a>,
    position: Position,
    /// Where the next part begins; `None` after the last.
    from: Option<SoftwareKey>,
    digest: InventoryDigest,
    records: Peekable<std::collections::btree_map::Iter<'a, SoftwareKey, SoftwareRecord>>,
}

impl Iterator for Snapshot<'_> {
    type Item = Report;

    fn next(&mut self) -> Option<Report> {
        let from = self.from.take()?;
        let mut cut = Cut::default();
        let mut records = Vec::new();
        while let Some((key, record)) = self
            .records
            // A part ends where the next record begins, wherever that is: ranges are half open and
            // touch, so every key of the space is in exactly one part.
            .next_if(|(_, record)| cut.takes(cut::record_bytes_max(record)))
        {
            self.digest.add(RecordFingerprint::of(*key, record));
            records.push(record.clone());
        }
        let to = self.records.peek().map(|(key, _)| **key);
        self.from = to;
        self.position = following(self.position);
        let body = ReportBody::Snapshot { from, to, records };
        let is_first = from == SoftwareKey(0);
        let mut report = self.heading.report(self.position, body, is_first);
        // Inside a snapshot the collector holds a mixture that no digest describes.
        if to.is_none() {
            report.digest = Some(self.digest);
        }
        Some(report)
    }
}

/// The changes from `before` to `now` as reports that follow `after`.
///
/// `digest` is the digest of `before`. Without a change there is a report only when the heading has
/// facts or statuses to tell.
pub fn delta<'a>(
    heading: Heading<'a>,
    after: Position,
    digest: InventoryDigest,
    before: &'a Records,
    now: &'a Records,
) -> Delta<'a> {
    let tells_facts = heading.facts.is_some() || !heading.sources.is_empty();
    Delta {
        heading,
        position: after,
        digest,
        tells_facts,
        changes: changes(before, now).peekable(),
    }
}

/// The reports of a difference: see [`delta`].
#[derive(Debug)]
pub struct Delta<'a> {
    heading: Heading<'a>,
    position: Position,
    digest: InventoryDigest,
    tells_facts: bool,
    changes: Peekable<Changes<'a>>,
}

impl Iterator for Delta<'_> {
    type Item = Report;

    fn next(&mut self) -> Option<Report> {
        if self.changes.peek().is_none() && !self.tells_facts {
            return None;
        }
        let mut cut = Cut::default();
        let (mut upserts, mut removes) = (Vec::new(), Vec::new());
        while let Some(change) = self.changes.next_if(|change| cut.takes(change.bytes_max())) {
            if let Some(old) = change.old {
                self.digest.remove(RecordFingerprint::of(change.key, old));
            }
            // A record that changed leaves with its old fingerprint and comes with its new one.
            match change.new {
                Some(new) => {
                    self.digest.add(RecordFingerprint::of(change.key, new));
                    upserts.push(new.clone());
                }
                None => removes.push(change.key),
            }
        }
        self.position = following(self.position);
        let body = ReportBody::Delta { upserts, removes };
        let tells_facts = std::mem::take(&mut self.tells_facts);
        let mut report = self.heading.report(self.position, body, tells_facts);
        report.digest = Some(self.digest);
        Some(report)
    }
}

/// One key whose record is not what it was; at least one of the two is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The key.
    pub key: SoftwareKey,
    /// The record before, if there was one.
    pub old: Option<&'a SoftwareRecord>,
    /// The record now, if there is one.
    pub new: Option<&'a SoftwareRecord>,
}

impl Change<'_> {
    fn bytes_max(&self) -> usize {
        self.new.map_or(cut::REMOVE_BYTES_MAX, cut::record_bytes_max)
    }
}

/// The keys that differ between two inventories, in key order.
pub fn changes<'a>(before: &'a Records, now: &'a Records) -> Changes<'a> {
    Changes { before: before.iter().peekable(), now: now.iter().peekable() }
}

/// The differences of two inventories: see [`changes`].
#[derive(Debug)]
pub struct Changes<'a> {
    before: Peekable<std::collections::btree_map::Iter<'a, SoftwareKey, SoftwareRecord>>,
    now: Peekable<std::collections::btree_map::Iter<'a, SoftwareKey, SoftwareRecord>>,
}

impl<'a> Iterator for Changes<'a> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        loop {
            let old = self.before.peek().map(|(key, _)| **key);
            let new = self.now.peek().map(|(key, _)| **key);
            // A merge of two sorted maps: nothing but the two positions is held, however much
            // differs.
            let key = match (old, new) {
                (Some(old), Some(new)) => old.min(new),
                (Some(key), None) | (None, Some(key)) => key,
                (None, None) => return None,
            };
            let change = Change {
                key,
                old: self.before.next_if(|(k, _)| **k == key).map(|(_, r)| r),
                new: self.now.next_if(|(k, _)| **k == key).map(|(_, r)| r),
            };
            if change.old != change.new {
                return Some(change);
            }
        }
    }
}

/// The next place of the same epoch.
#[must_use]
pub fn following(position: Position) -> Position {
    Position { epoch: position.epoch, seq: Seq(position.seq.0.saturating_add(1)) }
}

#[cfg(test)]
mod tests;
