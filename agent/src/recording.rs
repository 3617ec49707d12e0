//! One scan into the spool: what differs from what was reported becomes frames that wait.
//!
//! It ties the pure difference to the spool, and is the only place that makes reports. A record that
//! breaks the wire's rules is left out here, so that it can never hold back the rest of its host.

#[cfg(test)]
mod tests;

use protocol::fingerprint::{InventoryDigest, RecordFingerprint};
use protocol::frame::{FrameError, Packer};
use protocol::ids::Position;
use protocol::message::AgentMessage;
use protocol::report::{Report, ReportBody};
use protocol::software::SourceStatus;

use crate::collect::Inventory;
use crate::delta::{self, Heading, Records};
use crate::spool::{Entry, Scan, Spool, SpoolError, Told};

/// What a scan came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Records of the inventory.
    pub records: usize,
    /// Records that are new or changed.
    pub upserts: usize,
    /// Records that are gone.
    pub removes: usize,
    /// Reports that were put into the spool.
    pub reports: usize,
    /// Whether they are a snapshot.
    pub is_snapshot: bool,
    /// Whether waiting reports were dropped for it, because the spool was full.
    pub has_collapsed: bool,
    /// Records that break the wire's rules and were left out.
    pub left_out: usize,
}

/// Why a scan could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The spool did not take it.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// There was no memory to pack it.
    #[error("pack a report: {0}")]
    Pack(#[from] std::io::Error),
    /// A report does not fit a frame.
    #[error("pack a report: {0}")]
    Frame(#[from] FrameError),
}

/// Puts what changed since the last scan into the spool, durably and at once.
///
/// # Errors
///
/// When it cannot; nothing has changed then, and the next scan finds the same difference.
pub fn record(
    spool: &mut Spool,
    inventory: &mut Inventory,
    request: u64,
    now_ms: u64,
) -> Result<Recorded, RecordError> {
    // Before the difference is made: what a collector would refuse must not be in the spool's
    // inventory either, or it would be missing there for good.
    let left_out = leave_out_invalid(inventory);
    // Read first: a spool that had to be opened again may have become another one.
    let before = spool.reported()?;
    let told = spool.told()?;
    let news = Told {
        platform: inventory.platform.clone(),
        facts: inventory.facts.clone(),
        sources: inventory.sources.clone(),
    };
    let work =
        Work { before: &before, now: &inventory.records, told: told.as_ref(), news: &news, now_ms };
    let mut recorded = work.counted();
    recorded.left_out = left_out;
    // A host that moved to another release of its system has other keys throughout.
    let has_moved = told.as_ref().is_none_or(|told| told.platform != news.platform);
    recorded.is_snapshot = spool.view().is_snapshot_due || has_moved;
    if !recorded.is_snapshot {
        let entries = work.delta(spool)?;
        if work.commit(spool, &entries, false, request)? {
            recorded.reports = entries.len();
            return Ok(recorded);
        }
        // The spool is full. A snapshot says all that waits and all that is new in one, so nothing
        // is lost but the steps between.
        recorded.has_collapsed = true;
        recorded.is_snapshot = true;
    }
    let entries = work.snapshot(spool)?;
    // Beginning an epoch is taken or is an error, so there is no answer to look at.
    work.commit(spool, &entries, true, request)?;
    recorded.reports = entries.len();
    Ok(recorded)
}

/// One scan beside the one before it.
struct Work<'a> {
    before: &'a Records,
    now: &'a Records,
    told: Option<&'a Told>,
    news: &'a Told,
    now_ms: u64,
}

impl Work<'_> {
    /// How many records there are, and how many are new, changed or gone.
    fn counted(&self) -> Recorded {
        let mut counted = Recorded { records: self.now.len(), ..Recorded::default() };
        for change in delta::changes(self.before, self.now) {
            match change.new {
                Some(_) => counted.upserts += 1,
                None => counted.removes += 1,
            }
        }
        counted
    }

    fn delta(&self, spool: &Spool) -> Result<Vec<Entry>, RecordError> {
        let has_new_facts = self.told.is_none_or(|told| told.facts != self.news.facts);
        let has_new_statuses =
            self.told.is_none_or(|told| !are_same(&told.sources, &self.news.sources));
        let heading = Heading {
            made_at_ms: self.now_ms,
            platform: &self.news.platform,
            facts: has_new_facts.then_some(&self.news.facts),
            sources: if has_new_statuses { &self.news.sources } else { &[] },
        };
        pack(delta::delta(heading, spool.last(), spool.digest(), self.before, self.now))
    }

    fn snapshot(&self, spool: &Spool) -> Result<Vec<Entry>, RecordError> {
        let heading = Heading {
            made_at_ms: self.now_ms,
            platform: &self.news.platform,
            facts: Some(&self.news.facts),
            sources: &self.news.sources,
        };
        pack(delta::snapshot(heading, spool.next_epoch(self.now_ms), self.now))
    }

    fn commit(
        &self,
        spool: &mut Spool,
        entries: &[Entry],
        begins_epoch: bool,
        request: u64,
    ) -> Result<bool, SpoolError> {
        spool.commit(Scan {
            entries,
            begins_epoch,
            changes: delta::changes(self.before, self.now),
            digest: digest(self.now),
            told: self.news,
            scan_done: request,
        })
    }
}

/// The reports as they will be sent. The packer lives only as long as this takes: it is large.
fn pack(reports: impl Iterator<Item = Report>) -> Result<Vec<Entry>, RecordError> {
    let mut reports = reports.peekable();
    if reports.peek().is_none() {
        return Ok(Vec::new());
    }
    let mut packer = Packer::new()?;
    reports
        .map(|report| {
            let (position, digest) = (report.position, report.digest);
            let frame = packer.pack(AgentMessage::Report(report).encode())?;
            Ok(Entry { position, digest, frame })
        })
        .collect()
}

fn digest(records: &Records) -> InventoryDigest {
    records.iter().map(|(key, record)| RecordFingerprint::of(*key, record)).collect()
}

/// Whether two scans went alike: how long they took does not count.
fn are_same(before: &[SourceStatus], now: &[SourceStatus]) -> bool {
    let essence = |status: &SourceStatus| {
        (status.source, status.state, status.records, status.reason.clone())
    };
    before.iter().map(essence).eq(now.iter().map(essence))
}

/// Removes records that no collector would take, and says how many.
fn leave_out_invalid(inventory: &mut Inventory) -> usize {
    let before = inventory.records.len();
    let platform = &inventory.platform;
    inventory.records.retain(|key, record| {
        let alone = Report {
            // Past the first, which has to be a snapshot.
            position: Position::new(1, 2),
            made_at_ms: 0,
            platform: platform.clone(),
            facts: None,
            sources: Vec::new(),
            body: ReportBody::Delta { upserts: vec![record.clone()], removes: Vec::new() },
            digest: None,
        };
        // The collector's own check, record by record. It also computes the key again: a scan that
        // named a record wrongly would make a digest that never agrees.
        alone.validate().is_ok_and(|keys| keys == [*key])
    });
    before - inventory.records.len()
}
