//! For simulations: a disk under the spool that fills up, fails and loses its power.
//!
//! As the collector's simulated disk, it keeps what was synced apart from what was only written,
//! and a power cut leaves any subset of the rest by sectors. The spool on it is the real one, with
//! its real database.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use super::storage::Storage;
use super::{Spool, SpoolError};

/// What drives promise to write whole or not at all.
const SECTOR_BYTES: usize = 512;

/// The disk. A clone is the same disk.
#[derive(Clone, Debug, Default)]
pub struct SpoolDisk(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    /// As it is seen.
    bytes: Vec<u8>,
    /// As a power cut leaves it at least.
    durable: Vec<u8>,
    /// Since the last sync, in order.
    pending: Vec<Change>,
    faults: SpoolFaults,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpoolFaults {
    /// Bytes that the file may have; `None` for no limit.
    pub capacity: Option<usize>,
    /// Writes and syncs after which the power is gone: all fail then. `None` while the power stays.
    pub steps_left: Option<u32>,
    /// Syncs that fail from now on, after everything was written.
    pub failing_syncs: u32,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
        }
    }
}

impl SpoolDisk {
    /// Changes what goes wrong.
    pub fn set_faults(&self, faults: SpoolFaults) {
        self.state().faults = faults;
    }

    /// Bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.state().bytes.len()
    }

    /// A copy of the disk as it is, as a machine's image is kept.
    #[must_use]
    pub fn image(&self) -> Self {
        let mut state = self.state().clone();
        // A machine whose image is put back has a sound disk.
        state.faults = SpoolFaults::default();
        Self(Arc::new(Mutex::new(state)))
    }

    /// Cuts the power: a new disk with what was synced and, of the rest, the sectors for which
    /// `survives` says so. Handles of this disk no longer reach it.
    #[must_use]
    pub fn cut_power(&self, mut survives: impl FnMut() -> bool) -> Self {
        let old = self.state();
        let mut bytes = old.durable.clone();
        for change in &old.pending {
            match change {
                // The file system keeps a length as one word: there or not.
                Change::Length(_) if survives() => change.apply(&mut bytes),
                Change::Length(_) => {}
                Change::Write(offset, written) => {
                    let mut at = 0;
                    while at < written.len() {
                        // The first piece may begin within a sector.
                        let step = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
                        let end = written.len().min(at + step);
                        if survives() {
                            Change::Write(offset + at, written[at..end].to_vec()).apply(&mut bytes);
                        }
                        at = end;
                    }
                }
            }
        }
        Self(Arc::new(Mutex::new(State { durable: bytes.clone(), bytes, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spool {
    /// Opens the spool on a simulated disk.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_on(disk: &SpoolDisk, bytes_max: u64) -> Result<Self, SpoolError> {
        let (disk, emptied) = (disk.clone(), disk.clone());
        let opener = move |_: &Path| {
            redb::Builder::new().set_cache_size(64 * 1024).create_with_backend(disk.clone())
        };
        let aside = move |path: &Path| {
            // Emptied in place: the disk has one file, and nobody looks at what was set aside.
            let mut state = emptied.state();
            (state.bytes, state.durable) = (Vec::new(), Vec::new());
            state.pending.clear();
            Ok(path.with_extension("damaged"))
        };
        let storage = Storage::with_opener(Path::new("simulated/spool"), Box::new(opener))
            .set_aside_by(Box::new(aside));
        Self::with_storage(storage, bytes_max)
    }
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        match &mut self.faults.steps_left {
            // Not counted any further: all that comes later fails as well, until the disk is
            // replaced.
            Some(0) => Err(io::Error::other("injected: there is no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn change(&mut self, change: Change, end: usize) -> io::Result<()> {
        self.step()?;
        // Only growth takes room, as on a real disk: what is written over has it already.
        let grows = end > self.bytes.len();
        if grows && self.faults.capacity.is_some_and(|capacity| end > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        change.apply(&mut self.bytes);
        self.pending.push(change);
        Ok(())
    }
}

/// An offset of a file that is in memory.
fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl StorageBackend for SpoolDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (state, start) = (self.state(), place(offset)?);
        let bytes = state.bytes.get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let length = place(len)?;
        self.state().change(Change::Length(length), length)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.faults.failing_syncs > 0 {
            state.faults.failing_syncs -= 1;
            return Err(io::Error::other("injected: the sync does not end"));
        }
        let mut durable = std::mem::take(&mut state.durable);
        for change in std::mem::take(&mut state.pending) {
            change.apply(&mut durable);
        }
        state.durable = durable;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = place(offset)?;
        let change = Change::Write(start, data.to_vec());
        self.state().change(change, start + data.len())
    }
}
