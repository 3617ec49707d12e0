//! A disk that does what real ones do only now and then: it fails syncs, fills up, and loses its
//! power.
//!
//! It keeps what was synced apart from what was only written. [`SimulatedDisk::cut_power`] leaves
//! what was synced and any subset, by sectors, of the rest. A failed sync forgets: what was written
//! before it is never durable, whatever later syncs say, which is how Linux does it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile};

// What drives promise to write whole or not at all. Larger ones do 4,096; the smaller unit tears
// more.
const SECTOR_BYTES: usize = 512;

/// The disk. A clone is the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Names that are durable, and names as they are seen, each to a file.
    durable_names: BTreeMap<String, usize>,
    names: BTreeMap<String, usize>,
    files: Vec<FileState>,
    // Not taken from the system: a failing run is repeated byte by byte, tags included.
    random: u64,
    faults: Faults,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Bytes that all files together may have; `None` for no limit.
    pub capacity: Option<u64>,
    /// Syncs of files that fail from now on.
    pub failing_syncs: u32,
    /// Writes that fail from now on, after half of their bytes.
    pub failing_writes: u32,
    /// Whether cutting a file fails.
    pub fails_to_cut: bool,
    /// Whether syncing the directory fails.
    pub fails_to_sync_directory: bool,
    /// Writes and syncs after which the power is gone: each fails then, and so does all that comes
    /// after it. `None` while the power stays.
    pub steps_left: Option<u32>,
    /// Whether syncs say yes and do nothing, as a drive does that lies about its cache. No queue
    /// can be right on such a disk: it is there to show that its loss is found.
    pub lies_about_syncs: bool,
}

#[derive(Clone, Debug, Default)]
struct FileState {
    /// As it is seen.
    bytes: Vec<u8>,
    /// As a power cut leaves it at least.
    durable: Vec<u8>,
    /// Since the last sync.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Length(bytes) => file.resize(*bytes, 0),
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*offset..end].copy_from_slice(bytes);
            }
        }
    }

    const fn end(&self) -> usize {
        match self {
            Self::Length(bytes) => *bytes,
            Self::Write { offset, bytes } => *offset + bytes.len(),
        }
    }

    /// The parts of it that a power cut may keep or lose each on its own.
    fn sectors(&self) -> Vec<Self> {
        match self {
            Self::Length(bytes) => vec![Self::Length(*bytes)],
            Self::Write { offset, bytes } => {
                let mut parts = Vec::new();
                let mut at = 0;
                while at < bytes.len() {
                    let until = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
                    let end = bytes.len().min(at + until);
                    parts.push(Self::Write { offset: offset + at, bytes: bytes[at..end].to_vec() });
                    at = end;
                }
                parts
            }
        }
    }
}

impl SimulatedDisk {
    /// A disk of its own, whose random numbers follow from a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let disk = Self::default();
        disk.state().random = seed;
        disk
    }

    /// Changes what goes wrong.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// What goes wrong at the moment, less what went wrong already.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.state().faults
    }

    /// Cuts the power: a new disk with what was synced and, of the rest, the parts for which
    /// `survives` says so. Handles of this disk no longer reach it.
    pub fn cut_power(&self, mut survives: impl FnMut() -> bool) -> Self {
        let old = self.state();
        // A name is durable when its directory was synced, whatever was synced of the file: an
        // entry in a file without a name is lost. Creations and removals since then may each have
        // come through alone.
        let mut names = old.durable_names.clone();
        for (name, file) in &old.names {
            if !names.contains_key(name) && survives() {
                names.insert(name.clone(), *file);
            }
        }
        // A removal that was not synced may be undone: the name is durable and not seen any more.
        names.retain(|name, _| old.names.contains_key(name) || survives());
        let files = old
            .files
            .iter()
            .enumerate()
            .map(|(number, file)| {
                // Nobody can open it any more; a run of hours would keep every file it ever had.
                if !names.values().any(|named| *named == number) {
                    return FileState::default();
                }
                let mut bytes = file.durable.clone();
                // In the order of writing, which real disks need not keep; what matters here is
                // that a later sector may survive without an earlier one.
                for part in file.pending.iter().flat_map(Change::sectors) {
                    if survives() {
                        part.apply(&mut bytes);
                    }
                }
                FileState { durable: bytes.clone(), bytes, pending: Vec::new() }
            })
            .collect();
        Self(Arc::new(Mutex::new(State {
            durable_names: names.clone(),
            names,
            files,
            random: old.random,
            faults: Faults::default(),
        })))
    }

    /// Changes a file's bytes behind everyone's back, as failing hardware does.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let Some(file) = state.names.get(name).copied() else {
            return;
        };
        change(&mut state.files[file].bytes);
        // Also what a power cut leaves: rot is on the platter.
        state.files[file].durable = state.files[file].bytes.clone();
    }

    /// A file's bytes; none when there is no such file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        let file = state.names.get(name).map(|file| &state.files[*file]);
        file.map(|file| file.bytes.clone()).unwrap_or_default()
    }

    /// A file of that name and content.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state();
        let number = state.files.len();
        state.files.push(FileState {
            bytes: bytes.to_vec(),
            durable: bytes.to_vec(),
            pending: Vec::new(),
        });
        state.names.insert(name.to_owned(), number);
        state.durable_names.insert(name.to_owned(), number);
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, file: usize) -> Arc<dyn DiskFile> {
        Arc::new(SimulatedFile { disk: self.clone(), file })
    }
}

impl State {
    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].bytes.len() as u64).sum()
    }

    /// One more thing that the disk does; an error once the power is gone.
    fn step(&mut self) -> io::Result<()> {
        match &mut self.faults.steps_left {
            Some(0) => Err(io::Error::other("injected: there is no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn change(&mut self, file: usize, change: Change) -> io::Result<()> {
        self.step()?;
        let more = change.end().saturating_sub(self.files[file].bytes.len());
        if let Some(capacity) = self.faults.capacity
            && more > 0
            && self.used() + more as u64 > capacity
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        change.apply(&mut self.files[file].bytes);
        self.files[file].pending.push(change);
        Ok(())
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let length = usize::try_from(bytes).map_err(io::Error::other)?;
        if let Some(capacity) = state.faults.capacity
            && state.used() + bytes > capacity
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = state.files.len();
        state.files.push(FileState::default());
        // A disk without room keeps no name either: the real one takes its file back when there is
        // no space to reserve for it.
        state.change(file, Change::Length(length))?;
        state.names.insert(name.to_owned(), file);
        drop(state);
        Ok(self.handle(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.state().names.get(name).copied();
        file.map(|file| self.handle(file)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        // The bytes stay reachable for handles that are open, as an unlinked file's do.
        let removed = self.state().names.remove(name);
        removed.map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.faults.fails_to_sync_directory {
            return Err(io::Error::other("injected: the directory does not sync"));
        }
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state();
        let capacity = state.faults.capacity.unwrap_or(u64::MAX);
        Ok(capacity.saturating_sub(state.used()))
    }

    fn random(&self) -> io::Result<u64> {
        let mut state = self.state();
        // SplitMix64: tags differ, and a run can be repeated.
        state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
}

impl DiskFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.file].bytes.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.state();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = state.files[self.file]
            .bytes
            .get(start..start + buffer.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let fails = state.faults.failing_writes > 0;
        // A write that fails midway leaves its first part behind. POSIX promises nothing else.
        let taken = if fails { bytes.len() / 2 } else { bytes.len() };
        let change = Change::Write { offset, bytes: bytes[..taken].to_vec() };
        state.change(self.file, change)?;
        if fails {
            state.faults.failing_writes -= 1;
            return Err(io::Error::other("injected: the write does not end"));
        }
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.faults.fails_to_cut {
            return Err(io::Error::other("injected: the file is not cut"));
        }
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        state.change(self.file, Change::Length(bytes))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        if state.faults.lies_about_syncs {
            return Ok(());
        }
        let fails = state.faults.failing_syncs > 0;
        state.faults.failing_syncs -= u32::from(fails);
        let file = &mut state.files[self.file];
        if fails {
            // The kernel marks pages clean whose writeback failed: a second fsync says yes and has
            // written nothing (the "fsyncgate" of 2018). Reads still show them, hence only
            // `pending` is cleared.
            file.pending.clear();
            return Err(io::Error::other("injected: the sync does not end"));
        }
        for change in std::mem::take(&mut file.pending) {
            change.apply(&mut file.durable);
        }
        Ok(())
    }
}
