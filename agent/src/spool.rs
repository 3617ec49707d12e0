//! The spool: what was reported and is not acknowledged yet, and the inventory that it leads to.
//!
//! It exists so that nothing is lost or told twice when the agent or the machine stops at any moment,
//! and so that days without a collector cost disk and nothing else. Everything that one scan changes
//! is one durable transaction, and so is an acknowledgement. What waits is bounded in bytes: past the
//! bound it collapses into a snapshot, which says the same in less. A file that is damaged is set
//! aside, and the agent starts over with a snapshot; it must never guess at what the file said.

mod error;
mod layout;
#[cfg(any(test, feature = "test-support"))]
pub mod simulated;
mod storage;
#[cfg(test)]
mod tests;

use std::path::Path;

use protocol::fingerprint::InventoryDigest;
use protocol::frame::Frame;
use protocol::host::{HostFacts, Platform};
use protocol::ids::{Epoch, Position};
use protocol::message::Settings;
use protocol::software::{SoftwareRecord, Source, SourceStatus};
use serde::{Deserialize, Serialize};

pub use self::error::SpoolError;
use self::layout::Line;
use self::storage::{Fault, Storage};
use crate::delta::{Changes, Records};
use crate::session::SpoolView;

/// What the collector was told beside the records, or will be by what waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The platform that the records' keys are computed with.
    pub platform: Platform,
    /// The host's facts.
    pub facts: HostFacts,
    /// The sources' statuses.
    pub sources: Vec<SourceStatus>,
}

/// One report, as it will be sent and sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// The digest of the inventory as of this report; `None` inside a snapshot.
    pub digest: Option<InventoryDigest>,
    /// Its bytes.
    pub frame: Frame,
}

/// Everything that one scan changes.
#[derive(Debug)]
pub struct Scan<'a> {
    /// The reports, in order; they follow [`Spool::last`] or begin an epoch.
    pub entries: &'a [Entry],
    /// Whether they begin an epoch: what waited before is dropped.
    pub begins_epoch: bool,
    /// How the inventory changes.
    pub changes: Changes<'a>,
    /// The digest of the inventory after it.
    pub digest: InventoryDigest,
    /// What else was told.
    pub told: &'a Told,
    /// The last scan that was asked for and done.
    pub scan_done: u64,
}

/// The spool of one agent.
#[derive(Debug)]
pub struct Spool {
    storage: Storage,
    bytes_max: u64,
    line: Line,
    settings: Settings,
    set_aside: Option<String>,
}

impl Spool {
    /// Opens the spool in this file, or begins one.
    ///
    /// A file that is damaged, or of another format, is set aside beside it: see
    /// [`Self::set_aside`].
    ///
    /// # Errors
    ///
    /// When the file is in use or its disk does not work.
    pub fn open(path: &Path, bytes_max: u64) -> Result<Self, SpoolError> {
        Self::with_storage(Storage::file(path), bytes_max)
    }

    fn with_storage(storage: Storage, bytes_max: u64) -> Result<Self, SpoolError> {
        let mut spool = Self {
            storage,
            bytes_max,
            line: Line::default(),
            settings: Settings::default(),
            set_aside: None,
        };
        spool.reopen()?;
        Ok(spool)
    }

    /// What a session has to know.
    #[must_use]
    pub fn view(&self) -> SpoolView {
        SpoolView {
            acknowledged: self.line.acknowledged,
            digest: self.line.acknowledged_digest,
            last: self.line.last,
            pending: self.line.pending,
            is_snapshot_due: self.line.is_snapshot_due,
        }
    }

    /// The last position that was given to a report; zero when none.
    #[must_use]
    pub const fn last(&self) -> Position {
        self.line.last
    }

    /// The epoch that comes next, at the given time.
    ///
    /// It is the time in seconds, unless that is not ahead of the last epoch: so an agent whose
    /// spool was lost, or came back from an old copy of its machine, does not begin an epoch that
    /// its collector has seen.
    #[must_use]
    pub fn next_epoch(&self, now_ms: u64) -> Epoch {
        // Up to 2097; a clock that says later is wrong and would use the numbers up.
        const EPOCH_BY_CLOCK_MAX: u32 = 0xf000_0000;
        // The spool before may have begun its epoch in this very second.
        let lost = u64::from(self.set_aside.is_some());
        let by_clock = u32::try_from(now_ms / 1_000 + lost)
            .ok()
            .filter(|seconds| *seconds <= EPOCH_BY_CLOCK_MAX);
        let following = self.line.last.epoch.0.saturating_add(1);
        Epoch(following.max(by_clock.unwrap_or(0)))
    }

    /// The digest of the inventory that was reported last.
    #[must_use]
    pub const fn digest(&self) -> InventoryDigest {
        self.line.digest
    }

    /// The last scan that was asked for and done.
    #[must_use]
    pub const fn scan_done(&self) -> u64 {
        self.line.scan_done
    }

    /// How the collector told the agent to behave when it last could.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Reports that wait for an answer, and their bytes.
    #[must_use]
    pub fn waiting(&self) -> (u32, u64) {
        let count = self.line.pending.map_or(0, |(first, last)| last.seq.0 - first.seq.0 + 1);
        (count, self.line.pending_bytes)
    }

    /// The most bytes that may wait.
    #[must_use]
    pub const fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// What was wrong with a file that had to be set aside since the agent started, and where it is.
    #[must_use]
    pub fn set_aside(&self) -> Option<&str> {
        self.set_aside.as_deref()
    }

    /// What the collector was told last beside records, if it was.
    ///
    /// # Errors
    ///
    /// When the spool cannot be read.
    pub fn told(&mut self) -> Result<Option<Told>, SpoolError> {
        self.run(|database| database.told())
    }

    /// The inventory that was reported last, whether it is acknowledged or waits.
    ///
    /// # Errors
    ///
    /// When the spool cannot be read.
    pub fn reported(&mut self) -> Result<Records, SpoolError> {
        self.run(|database| database.reported(|_| true))
    }

    /// The records of one source that were reported last.
    ///
    /// # Errors
    ///
    /// When the spool cannot be read.
    pub fn reported_of(&mut self, source: Source) -> Result<Vec<SoftwareRecord>, SpoolError> {
        let records = self.run(|database| database.reported(|record| record.source == source))?;
        Ok(records.into_values().collect())
    }

    /// The report at a position as it is to be sent, while it waits.
    ///
    /// # Errors
    ///
    /// When the spool cannot be read.
    pub fn frame(&mut self, position: Position) -> Result<Option<Frame>, SpoolError> {
        let waiting = self.run(|database| database.waiting(position))?;
        Ok(waiting.map(|waiting| waiting.frame))
    }

    /// Takes what a scan changed, at once and durably.
    ///
    /// `Ok(false)` when the entries would go past the bound: then the caller begins an epoch.
    ///
    /// # Errors
    ///
    /// When the spool cannot be written, or when entries that begin an epoch go past the bound.
    /// Nothing has changed then.
    pub fn commit(&mut self, scan: Scan<'_>) -> Result<bool, SpoolError> {
        self.ensure_open()?;
        let bytes = scan.entries.iter().map(|entry| layout::bytes(&entry.frame)).sum::<u64>();
        // A snapshot says all that waits, so it does not have to share the room with it.
        let kept = if scan.begins_epoch { 0 } else { self.line.pending_bytes };
        if kept + bytes > self.bytes_max {
            return if scan.begins_epoch {
                Err(SpoolError::TooSmall { bytes, max: self.bytes_max })
            } else {
                Ok(false)
            };
        }
        // Everything is computed on a copy: a fault of the disk must leave this spool where its
        // file is.
        let mut line = self.line.clone();
        if scan.begins_epoch {
            // Until the snapshot is complete, no digest describes what the collector holds.
            line.pending = None;
            line.acknowledged_digest = None;
            line.is_snapshot_due = false;
        }
        line.pending_bytes = kept + bytes;
        // A scan without news comes here too, with no entries: what it did on request has to be
        // known after a restart, or the collector would ask for it again.
        line.digest = scan.digest;
        line.scan_done = scan.scan_done;
        if let (Some(first), Some(last)) = (scan.entries.first(), scan.entries.last()) {
            let first = line.pending.map_or(first.position, |(first, _)| first);
            line.pending = Some((first, last.position));
            line.last = last.position;
        }
        // Memory follows the disk, never the other way round.
        self.run(|database| database.commit(scan, &line))?;
        self.line = line;
        Ok(true)
    }

    /// Forgets the reports up to this position, because a collector has them.
    ///
    /// # Errors
    ///
    /// When the spool cannot be written; the reports will be sent and acknowledged again.
    pub fn acknowledge(&mut self, position: Position) -> Result<(), SpoolError> {
        self.ensure_open()?;
        let Some((first, last)) = self.line.pending else {
            return Ok(());
        };
        // An answer to an epoch that is over may come late.
        if position < first || position > last {
            return Ok(());
        }
        let before = self.line.clone();
        let line = self.run(|database| database.acknowledge(position, before))?;
        self.line = line;
        Ok(())
    }

    /// Forgets everything that waits; the next scan begins an epoch with a snapshot, behind `seen`.
    ///
    /// # Errors
    ///
    /// When the spool cannot be written.
    pub fn start_over(&mut self, seen: Position) -> Result<(), SpoolError> {
        self.ensure_open()?;
        let line = Line {
            last: self.line.last.max(seen),
            pending: None,
            pending_bytes: 0,
            is_snapshot_due: true,
            ..self.line.clone()
        };
        self.run(|database| database.start_over(&line))?;
        self.line = line;
        Ok(())
    }

    /// Keeps the settings for the next start.
    ///
    /// # Errors
    ///
    /// When the spool cannot be written.
    pub fn save_settings(&mut self, settings: &Settings) -> Result<(), SpoolError> {
        let opened = self.ensure_open();
        // Used from now on, whatever the disk says; after the opening, which reads those of before.
        self.settings = settings.clone();
        opened?;
        self.run(|database| database.save_settings(settings))
    }

    /// Opens the file again where an error has closed it: an I/O error leaves redb unusable, and a
    /// full disk may have room later.
    ///
    /// Whatever is computed from the line calls this first: a commit whose last sync failed may have
    /// reached the disk, and an old line over it would leave reports behind that nobody ever sends.
    fn ensure_open(&mut self) -> Result<(), SpoolError> {
        if self.storage.is_open() {
            return Ok(());
        }
        self.reopen()
    }

    /// Runs something on the database.
    fn run<T>(
        &mut self,
        work: impl FnOnce(&storage::Database) -> Result<T, Fault>,
    ) -> Result<T, SpoolError> {
        self.ensure_open()?;
        let outcome = self.storage.run(work);
        outcome.map_err(|fault| fault.into_error(self.storage.path()))
    }

    /// Opens the file and reads where the agent stands, setting a damaged file aside.
    fn reopen(&mut self) -> Result<(), SpoolError> {
        let mut outcome = self.storage.open();
        // Only damage sets a file aside. A full disk or a lock of another process passes, and the
        // reports in the file are then as good as before.
        if let Err(Fault::Damaged(why)) = outcome {
            let to =
                self.storage.set_aside().map_err(|fault| fault.into_error(self.storage.path()))?;
            self.set_aside = Some(format!("{why}; it is now {}", to.display()));
            outcome = self.storage.open();
        }
        let (line, settings) = outcome.map_err(|fault| fault.into_error(self.storage.path()))?;
        self.line = line;
        // A new file has none: a collector sends its own with the next welcome, and until then the
        // defaults do no harm.
        self.settings = settings.unwrap_or_default();
        Ok(())
    }
}
