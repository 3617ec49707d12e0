//! The software inventory of this host: every source read, each in its own time box.
//!
//! A source is one package manager or one kind of package; its reader is one file in `collect/` with
//! the shape of every other. This file runs them one after another and turns what they found into
//! one [`Inventory`]. A source that hangs, fails or lies never stops the others, never takes memory
//! without a bound and never makes records of an earlier scan disappear.

// Package managers of Linux; what only macOS and Windows have is in folders of their names.
#[cfg(any(target_os = "linux", test, feature = "test-support"))]
mod apk;
#[cfg(any(target_os = "linux", test, feature = "test-support"))]
mod appimage;
#[cfg(any(target_os = "linux", test, feature = "test-support"))]
mod dpkg;
#[cfg(any(target_os = "linux", test, feature = "test-support"))]
mod flatpak;
#[cfg(any(target_os = "linux", test, feature = "test-support"))]
mod lz4;
#[cfg(any(target_os = "linux", test, feature = "test-support"))]
mod pacman;
#[cfg(any(target_os = "linux", test, feature = "test-support"))]
mod rpm;
#[cfg(any(target_os = "linux", test, feature = "test-support"))]
mod snap;

mod cargo;
mod chrome;
mod defects;
mod firefox;
mod gem;
#[cfg(any(unix, test, feature = "test-support"))]
mod homebrew;
mod homes;
pub(crate) mod host;
mod jetbrains;
mod json;
mod lines;
#[cfg(any(target_os = "macos", test, feature = "test-support"))]
mod macos;
mod marker;
mod npm;
mod owned;
#[cfg_attr(
    not(any(target_os = "linux", test, feature = "test-support")),
    path = "collect/unowned.rs"
)]
mod owners;
#[cfg(any(target_os = "linux", target_os = "macos", test, feature = "test-support"))]
mod pages;
mod platform;
mod python;
mod records;
mod root;
#[cfg(any(target_os = "linux", target_os = "macos", test, feature = "test-support"))]
mod sqlite;
mod stanza;
#[cfg(test)]
pub(crate) mod test_tree;
mod text;
mod time_box;
mod vscode;
#[cfg(any(windows, test, feature = "test-support"))]
mod windows;
mod zip;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kernels::Package;
use protocol::fingerprint::SoftwareKey;
use protocol::host::{HostFacts, Platform};
use protocol::limits::{INVENTORY_RECORDS_MAX, REASON_BYTES_MAX};
use protocol::software::{SoftwareRecord, Source, SourceState, SourceStatus};

use self::defects::{Defects, ReadError, Reading};
use self::owned::OwnedOnce;
use self::records::{Records, Room};
use self::root::Root;
use self::text::clean;
use self::time_box::{Stop, TimeBoxes, Verdict};
use crate::clock::Clock;

pub use self::marker::Marker;
pub use self::platform::System;

/// How long one source may take when nothing else is set.
pub const TIME_BOX: Duration = Duration::from_secs(20);

/// Bytes of memory that the records of a scan may take.
///
/// While a scan is recorded, the records of the one before are there as well, and the service has 24 MiB before the
/// system slows it down. It is room for twelve thousand ordinary records, which is five times a large desktop.
pub const RECORDS_BYTES_MAX: usize = 4_608 * 1024;

/// What to scan.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// `/`, or the top of another tree such as a mounted image. Nothing outside of it is read, even
    /// where its symbolic links point out of it.
    pub root: PathBuf,
    /// The system that the tree holds.
    pub system: System,
    /// Sources to leave out: they give neither records nor a status.
    pub sources_off: Vec<Source>,
    /// How long each source may take.
    pub time_box: Duration,
    /// Records of all sources together; what is over is said in the status of the source.
    pub records_max: usize,
    /// Bytes of memory that they may take together; what is over is said alike.
    pub records_bytes_max: usize,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            root: PathBuf::from("/"),
            system: System::HERE,
            sources_off: Vec::new(),
            time_box: TIME_BOX,
            records_max: INVENTORY_RECORDS_MAX,
            records_bytes_max: RECORDS_BYTES_MAX,
        }
    }
}

/// What a host has, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The platform that the keys are computed with; also in `facts`.
    pub platform: Platform,
    /// The host itself.
    pub facts: HostFacts,
    /// How each source went, in a fixed order.
    pub sources: Vec<SourceStatus>,
    /// The records, one a key.
    pub records: BTreeMap<SoftwareKey, SoftwareRecord>,
}

/// Scans one host again and again, and remembers which sources still hang.
#[derive(Debug)]
pub struct Scanner {
    options: ScanOptions,
    boxes: TimeBoxes,
    facts: HostFacts,
    marker: Option<Arc<Marker>>,
    /// The source that the last agent ended in, until it was left out once.
    suspect: Option<Source>,
}

/// One reader of the platform's table.
#[derive(Clone, Copy, Debug)]
struct Reader {
    source: Source,
    read: fn(&Root, &mut Records) -> Result<Reading, ReadError>,
}

/// What one source gave.
struct Found {
    state: SourceState,
    reason: String,
    records: Vec<SoftwareRecord>,
}

impl Scanner {
    /// A scanner that has not scanned yet.
    #[must_use]
    pub fn new(options: ScanOptions) -> Self {
        Self {
            options,
            boxes: TimeBoxes::default(),
            facts: HostFacts::default(),
            marker: None,
            suspect: None,
        }
    }

    /// Notes there which source is read, and leaves that out once which it says.
    #[must_use]
    pub fn marking(self, marker: Arc<Marker>) -> Self {
        let suspect = marker.left();
        Self { marker: Some(marker), suspect, ..self }
    }

    /// Changes what the next scan does.
    pub fn set_options(&mut self, options: ScanOptions) {
        self.options = options;
    }

    /// Reads every source of this platform, one after another.
    ///
    /// It blocks, in the worst case for the time box of every source, so an asynchronous caller
    /// gives it a thread. `previous` is asked for the records of an earlier scan only for a source
    /// that failed or ran out of time: they stay.
    pub fn scan(
        &mut self,
        mut previous: impl FnMut(Source) -> Vec<SoftwareRecord>,
        clock: &dyn Clock,
    ) -> Inventory {
        // First, because the platform is part of every key.
        self.read_facts();
        let mut inventory = Inventory {
            platform: self.facts.platform.clone(),
            facts: self.facts.clone(),
            ..Inventory::default()
        };
        // Forgotten with the scan: the next one must see what was installed meanwhile.
        let owned = OwnedOnce::default();
        let mut room =
            Room { records: self.options.records_max, bytes: self.options.records_bytes_max };
        for reader in self.options.system.readers() {
            if self.options.sources_off.contains(&reader.source) {
                continue;
            }
            let began = clock.elapsed();
            // What the sources before have left. Package managers are read first, so no number of
            // npm folders can crowd them out.
            let mut found = self.read_source(*reader, room, &owned);
            let took = clock.elapsed().saturating_sub(began);
            if matches!(found.state, SourceState::TimedOut | SourceState::Failed) {
                // A source that cannot be read has not lost its software. Dropping the records
                // would close hundreds of findings for an hour and open them again.
                found.records = previous(reader.source);
            }
            found.records.retain(|record| room.take(record));
            inventory.take_in(*reader, found, took);
        }
        self.mark(None);
        inventory
    }

    fn mark(&self, source: Option<Source>) {
        if let Some(marker) = &self.marker {
            marker.note(source);
        }
    }

    /// Reads the facts again, and keeps the ones before where that hangs or fails: the platform is
    /// part of every key, so a hiccup here must not rename the whole inventory.
    fn read_facts(&mut self) {
        let (root, system) = (self.options.root.clone(), self.options.system);
        let verdict = self.boxes.run("facts", self.options.time_box, move |stop| {
            Root::open(&root, stop).and_then(|root| host::read(&root.holding(system)))
        });
        match verdict {
            Verdict::Done(Ok(facts)) => self.facts = facts,
            Verdict::Done(Err(_)) | Verdict::TimedOut | Verdict::StillRunning | Verdict::Broken => {
                if self.facts == HostFacts::default() {
                    self.facts = host::without_files();
                }
            }
        }
    }

    fn read_source(&mut self, reader: Reader, room: Room, owned: &OwnedOnce) -> Found {
        if self.suspect == Some(reader.source) {
            self.suspect = None;
            return Found::none(
                SourceState::Failed,
                "the agent ended while it read this source, which is left out once".to_owned(),
            );
        }
        self.mark(Some(reader.source));
        let (path, system) = (self.options.root.clone(), self.options.system);
        let owned = owned.clone();
        let job = move |stop: Stop| {
            let mut records = Records::new(reader.source, room);
            let reading = Root::open(&path, stop).and_then(|root| {
                let root = root.holding(system).with_owned(owned);
                (reader.read)(&root, &mut records)
            });
            (reading, records)
        };
        let name = reader.source.as_str();
        match self.boxes.run(name, self.options.time_box, job) {
            Verdict::Done((reading, records)) => Found::new(reading, records),
            Verdict::TimedOut => Found::none(
                SourceState::TimedOut,
                format!("no answer within {:?}", self.options.time_box),
            ),
            Verdict::StillRunning => Found::none(
                SourceState::TimedOut,
                "an earlier scan of this source still hangs".to_owned(),
            ),
            Verdict::Broken => {
                Found::none(SourceState::Failed, "its reader ended without an answer".to_owned())
            }
        }
    }
}

impl Inventory {
    /// The records of one source, for the scan after this one.
    #[must_use]
    pub fn records_of(&self, source: Source) -> Vec<SoftwareRecord> {
        let of_source = |record: &&SoftwareRecord| record.source == source;
        self.records.values().filter(of_source).cloned().collect()
    }

    /// Adds what a source found, and its status.
    fn take_in(&mut self, reader: Reader, found: Found, took: Duration) {
        let before = self.records.len();
        for mut record in found.records {
            // Records of an earlier scan too: the host may run another kernel since.
            record.running = is_running(&record, &self.facts.kernel);
            match self.records.entry(SoftwareKey::of(&record, &self.platform)) {
                Entry::Vacant(place) => {
                    place.insert(record);
                }
                Entry::Occupied(mut same) => records::merge(same.get_mut(), record),
            }
        }
        self.sources.push(SourceStatus {
            source: reader.source,
            state: found.state,
            reason: found.reason,
            records: u32::try_from(self.records.len() - before).unwrap_or(u32::MAX),
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        });
    }
}

/// Whether a record is of the kernel that the host runs; `running` is empty where that cannot be
/// known, as in an image.
fn is_running(record: &SoftwareRecord, running: &str) -> Option<bool> {
    let package = Package {
        manager: record.source.as_str(),
        name: &record.name,
        version: &record.version,
        release: &record.release,
        source_name: &record.source_name,
    };
    package.is_running(running)
}

impl Found {
    fn new(reading: Result<Reading, ReadError>, records: Records) -> Self {
        let (records, defects) = records.finish();
        match reading {
            Ok(Reading::Read) if defects.is_empty() => {
                Self { state: SourceState::Ok, reason: String::new(), records }
            }
            Ok(Reading::Read) => {
                Self { state: SourceState::Partial, reason: reason(&defects.to_string()), records }
            }
            Ok(Reading::Absent) => Self::none(SourceState::Absent, String::new()),
            Err(ReadError::Stopped) => {
                Self::none(SourceState::TimedOut, "the time box ended".to_owned())
            }
            Err(error) => Self::none(SourceState::Failed, reason(&error.to_string())),
        }
    }

    const fn none(state: SourceState, reason: String) -> Self {
        Self { state, reason, records: Vec::new() }
    }
}

/// A reason as the wire takes it.
fn reason(text: &str) -> String {
    clean(text.as_bytes(), REASON_BYTES_MAX, &mut Defects::default())
}

#[cfg(test)]
mod tests;
