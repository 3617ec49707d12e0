//! What reports change in an agent's inventory: rows as they are and reports in, changes out.
//!
//! Several reports fold into one set of changes, so that software that came and went within one
//! transaction leaves no row. Nothing here knows a database.

use std::collections::BTreeMap;
use std::ops::Bound;

use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::report::ReportBody;
use protocol::software::SoftwareRecord;
use time::OffsetDateTime;

use super::line::Run;
use super::{IncomingReport, Stored};

/// An open row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenRow {
    pub(crate) fingerprint: RecordFingerprint,
    pub(crate) opened_at: OffsetDateTime,
}

/// The open rows of an agent that its reports may touch, by key.
pub(crate) type OpenRows = BTreeMap<SoftwareKey, OpenRow>;

/// A record that an inventory has now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    pub(crate) incoming: &'a IncomingReport,
    pub(crate) record: &'a SoftwareRecord,
    pub(crate) fingerprint: RecordFingerprint,
}

/// What a run comes to.
#[derive(Debug, Default)]
pub(crate) struct Changes<'a> {
    /// Installations that begin.
    pub(crate) opened: Vec<(SoftwareKey, Held<'a>)>,
    /// Installations that end.
    pub(crate) closed: Vec<(SoftwareKey, OpenRow)>,
    /// Installations whose time or places changed.
    pub(crate) changed: Vec<(SoftwareKey, OffsetDateTime, Held<'a>)>,
    /// What the whole inventory comes to afterwards.
    pub(crate) digest: InventoryDigest,
    /// What each report came to, by its number in the batch.
    pub(crate) stored: Vec<(usize, Stored)>,
}

/// A stretch of keys, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) low: SoftwareKey,
    pub(crate) high: SoftwareKey,
}

/// The stretches of keys that a run may touch, for the rows that have to be read. An agent without
/// rows has none to read.
pub(crate) fn touched(run: &Run<'_>) -> Vec<KeyRange> {
    if run.line.digest.count == 0 {
        return Vec::new();
    }
    let mut ranges: Vec<KeyRange> = Vec::new();
    for (_, incoming) in &run.reports {
        match &incoming.report.body {
            // An empty range is `from == to`; it touches nothing.
            // Ends of the protocol are exclusive and `BETWEEN` takes both in; without an end it is
            // the last key that there can be. `checked_sub`, because an end of zero is a number
            // that an agent may send.
            ReportBody::Snapshot { from, to, .. } => match to.map(|to| to.0.checked_sub(1)) {
                None => push(&mut ranges, *from, SoftwareKey(u128::MAX)),
                Some(Some(last)) if last >= from.0 => push(&mut ranges, *from, SoftwareKey(last)),
                Some(_) => {}
            },
            ReportBody::Delta { removes, .. } => {
                // Each for itself: a delta's keys are spread over the whole space, and one stretch
                // from the first to the last would read the agent's every row.
                for key in incoming.keys.iter().chain(removes) {
                    ranges.push(KeyRange { low: *key, high: *key });
                }
            }
        }
    }
    ranges
}

/// Parts of a snapshot follow each other: one longer stretch is read quicker than many.
fn push(ranges: &mut Vec<KeyRange>, low: SoftwareKey, high: SoftwareKey) {
    if let Some(last) = ranges.last_mut()
        // There is none behind the last key, so the addition may not wrap.
        && last.high.0.checked_add(1) == Some(low.0)
    {
        last.high = high;
    } else {
        ranges.push(KeyRange { low, high });
    }
}

/// Computes what a run changes, given the open rows of the stretches that it touches.
pub(crate) fn fold<'a>(run: &Run<'a>, open: &OpenRows) -> Changes<'a> {
    let mut inventory = Inventory {
        now: open.iter().map(|(key, row)| (*key, (row.fingerprint, None))).collect(),
        // Of the whole inventory, although only a part of its rows was read: it is a sum, and what
        // is added and taken away needs no other row.
        digest: run.line.digest,
    };
    let mut changes = Changes::default();
    for (number, incoming) in &run.reports {
        let mut stored = inventory.apply(incoming);
        stored.digest_agrees = incoming.report.digest.map(|digest| digest == inventory.digest);
        changes.stored.push((*number, stored));
    }
    changes.digest = inventory.digest;
    // The rows before against the records after: what happened in between leaves no trace.
    for (key, row) in open {
        match inventory.now.get(key) {
            None => changes.closed.push((*key, *row)),
            // Compared at the end as well: what was changed and changed back leaves the row alone.
            Some((fingerprint, Some(held))) if *fingerprint != row.fingerprint => {
                changes.changed.push((*key, row.opened_at, *held));
            }
            Some(_) => {}
        }
    }
    for (key, (_, held)) in inventory.now {
        // What has no `Held` was only read; what was open before is a change, if anything.
        if let Some(held) = held.filter(|_| !open.contains_key(&key)) {
            changes.opened.push((key, held));
        }
    }
    changes
}

/// The touched part of an inventory while reports are applied to it.
struct Inventory<'a> {
    /// A record without [`Held`] is still as its row has it.
    now: BTreeMap<SoftwareKey, (RecordFingerprint, Option<Held<'a>>)>,
    digest: InventoryDigest,
}

impl<'a> Inventory<'a> {
    fn apply(&mut self, incoming: &'a IncomingReport) -> Stored {
        let mut stored = Stored::default();
        let records = match &incoming.report.body {
            ReportBody::Snapshot { from, to, records } => {
                self.clear(incoming, *from, *to, &mut stored);
                records
            }
            ReportBody::Delta { upserts, removes } => {
                // Before the upserts. Validation refuses a key in both, so that the order makes no
                // difference to what an agent means.
                for key in removes {
                    self.remove(*key, &mut stored);
                }
                upserts
            }
        };
        for (key, record) in incoming.keys.iter().zip(records) {
            self.put(*key, incoming, record, &mut stored);
        }
        stored
    }

    /// Takes out of a range what the snapshot part does not have.
    fn clear(
        &mut self,
        incoming: &IncomingReport,
        from: SoftwareKey,
        to: Option<SoftwareKey>,
        stored: &mut Stored,
    ) {
        // Validation refuses such a part; `BTreeMap::range` would panic on it.
        if to.is_some_and(|to| to < from) {
            return;
        }
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        // The part's keys are in order: validation has checked it.
        let gone: Vec<SoftwareKey> = self
            .now
            .range((Bound::Included(from), end))
            .map(|(key, _)| *key)
            .filter(|key| incoming.keys.binary_search(key).is_err())
            .collect();
        for key in gone {
            self.remove(key, stored);
        }
    }

    fn remove(&mut self, key: SoftwareKey, stored: &mut Stored) {
        // An agent may remove what was never stored, as after a report that was set aside as a dead
        // letter.
        if let Some((fingerprint, _)) = self.now.remove(&key) {
            self.digest.remove(fingerprint);
            stored.closed += 1;
        }
    }

    fn put(
        &mut self,
        key: SoftwareKey,
        incoming: &'a IncomingReport,
        record: &'a SoftwareRecord,
        stored: &mut Stored,
    ) {
        // Of what came and not of what the agent says: a digest has to find rows that are wrong.
        let fingerprint = RecordFingerprint::of(key, record);
        let held = Held { incoming, record, fingerprint };
        match self.now.insert(key, (fingerprint, Some(held))) {
            // The usual case of a snapshot: nothing is written for it.
            Some((before, _)) if before == fingerprint => stored.unchanged += 1,
            Some((before, _)) => {
                self.digest.remove(before);
                self.digest.add(fingerprint);
                stored.changed += 1;
            }
            None => {
                self.digest.add(fingerprint);
                stored.opened += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
