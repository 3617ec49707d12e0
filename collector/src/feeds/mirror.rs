//! The mirror: the files of every feed, kept as whole records, and one list that says which count.
//!
//! A file is named by its SHA-256, written under another name and synced before it gets that one,
//! and never changed afterwards. The list (`manifest.json`) is replaced by a rename, so at any
//! instant it names whole files only: whoever is killed leaves the last list and, at worst, files
//! that nobody names, which the next one to open the mirror removes. Nothing here knows what the
//! files hold.

mod disk;
mod manifest;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use enrichment::index::Extracts;
use rustix::fs::{FlockOperation, flock};

pub(super) use self::disk::{FileWriter, hex};
use self::disk::{PARTIAL, Steps};
pub(super) use self::manifest::{Manifest, Part, SourceState};

/// Files that were imported by hand are this source's.
pub(super) const BY_HAND: &str = "by-hand";

const MANIFEST: &str = "manifest.json";
const APPLIED: &str = "applied.json";
const LOCK: &str = "lock";
const EXTRACTS: &str = "extracts";

/// A mirror that this process has for itself. Clones are the same one, and the last one gives it
/// back: a blocking thread that still works on it keeps others out.
#[derive(Clone, Debug)]
pub(super) struct Mirror(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    manifest: Mutex<Manifest>,
    steps: Steps,
    /// Held for as long as the mirror is open; the system releases it when the process dies.
    _lock: File,
}

/// Why a mirror cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// Somebody else has it.
    #[error("another sync, import or export works on the mirror: try again when it has ended")]
    Busy,
    /// Its list is none.
    #[error("manifest.json is damaged: {0}; remove it, and `feed sync` fetches everything again")]
    Damaged(serde_json::Error),
    /// The disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Has everything that is in a mirror taken in once more, as where the database went back to what it was before some
/// of it came. Nobody may work on the mirror.
pub(crate) fn forget_applied(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(APPLIED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A mirror's list as it stands, and the names of the files that it names, without taking the mirror:
/// whoever copies them finds some gone when a sync goes on meanwhile, and reads the next list.
pub(crate) fn listed(folder: &Path) -> io::Result<Option<(Vec<u8>, Vec<String>)>> {
    let bytes = match fs::read(folder.join(MANIFEST)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let manifest: Manifest = serde_json::from_slice(&bytes)?;
    // One file may be of several parts.
    let names: BTreeSet<String> = manifest.files().cloned().collect();
    Ok(Some((bytes, names.into_iter().collect())))
}

impl Mirror {
    /// The mirror in a folder, which is made if it is not there. What somebody who was killed left
    /// half is removed, and files from before there was a list are taken for imported by hand.
    ///
    /// # Errors
    ///
    /// When somebody else has it, or the folder cannot be used.
    pub(super) fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_with(folder, Steps::default())
    }

    fn open_with(folder: &Path, steps: Steps) -> Result<Self, OpenError> {
        fs::create_dir_all(folder)?;
        let lock = OpenOptions::new()
            .create(true)
            // It is only there to be locked, and whoever has it must not lose what stands in it.
            .truncate(false)
            .write(true)
            .open(folder.join(LOCK))?;
        // `flock` and not a file that says who: the system lets go of it when the process dies. It
        // belongs to the open file, so two openings within one process exclude each other as well.
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(OpenError::Busy),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let manifest = match fs::read(folder.join(MANIFEST)) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(OpenError::Damaged)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let is_new = manifest.is_none();
        let mirror = Self(Arc::new(Inner {
            folder: folder.to_owned(),
            manifest: Mutex::new(manifest.unwrap_or_default()),
            steps,
            _lock: lock,
        }));
        if is_new {
            mirror.adopt()?;
        }
        // Under the lock, so nobody's file that is just being written is taken for a left-over.
        mirror.remove_unnamed()?;
        Ok(mirror)
    }

    /// What it holds.
    pub(super) fn manifest(&self) -> Manifest {
        self.lock_manifest().clone()
    }

    /// A source's part of it.
    pub(super) fn source(&self, name: &str) -> SourceState {
        let manifest = self.lock_manifest();
        manifest.sources.get(name).cloned().unwrap_or_default()
    }

    /// Where a part's file is.
    pub(super) fn path(&self, part: &Part) -> PathBuf {
        self.0.folder.join(&part.sha256)
    }

    /// What was read out of its files for the index. It is no part of what it holds: it can be made
    /// again, and is not exported.
    pub(super) fn extracts(&self) -> Extracts {
        Extracts::in_folder(self.0.folder.join(EXTRACTS))
    }

    /// A new file beside the others, which nobody names yet.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub(super) fn create(&self, name: &str) -> io::Result<FileWriter> {
        FileWriter::create(&self.0.folder, name, self.0.steps.clone())
    }

    /// Copies a file beside the others; nobody names it yet.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the disk does not take it.
    pub(super) fn stage(&self, file: &Path) -> io::Result<Part> {
        let mut source = File::open(file)?;
        let mut copy = self.create("by-hand")?;
        io::copy(&mut source, &mut copy)?;
        copy.finish()
    }

    /// Changes what counts, at once and for good.
    ///
    /// # Errors
    ///
    /// When the list cannot be written; the one before counts then.
    pub(super) fn commit(&self, change: impl FnOnce(&mut Manifest)) -> io::Result<()> {
        let mut manifest = self.lock_manifest();
        let mut next = manifest.clone();
        change(&mut next);
        // A sync of nothing new would otherwise write and sync the disk for each source.
        if next == *manifest {
            return Ok(());
        }
        // The disk first, then the memory: what could not be written does not count.
        self.write(&mut manifest, next)?;
        drop(manifest);
        // Files that the list before named and this one does not are only waste by now.
        self.remove_unnamed().ok();
        Ok(())
    }

    /// The files that the database and the index have been made of.
    ///
    /// # Errors
    ///
    /// When the note of it cannot be read.
    pub(super) fn applied(&self) -> io::Result<BTreeSet<String>> {
        match fs::read(self.0.folder.join(APPLIED)) {
            // A note that cannot be understood is none: everything is taken in once more.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(error),
        }
    }

    /// Notes that the database and the index are made of what is listed now.
    ///
    /// # Errors
    ///
    /// When it cannot be noted; everything new is taken in once more then, which changes nothing.
    pub(super) fn note_applied(&self) -> io::Result<()> {
        let files: BTreeSet<String> = self.lock_manifest().files().cloned().collect();
        let bytes = serde_json::to_vec(&files)?;
        disk::replace(&self.0.folder, APPLIED, &bytes, &self.0.steps)
    }

    /// Notes that a file says what `before` said, which then need not be taken in again.
    ///
    /// # Errors
    ///
    /// When it cannot be noted.
    pub(super) fn note_replaced(
        &self,
        mut before: impl Iterator<Item = String>,
        by: &Part,
    ) -> io::Result<()> {
        let mut applied = self.applied()?;
        if before.all(|file| applied.contains(&file)) && applied.insert(by.sha256.clone()) {
            let bytes = serde_json::to_vec(&applied)?;
            disk::replace(&self.0.folder, APPLIED, &bytes, &self.0.steps)?;
        }
        Ok(())
    }

    fn lock_manifest(&self) -> MutexGuard<'_, Manifest> {
        self.0.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes files from before there was a list for imported by hand.
    fn adopt(&self) -> io::Result<()> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(&self.0.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if disk::is_content_name(&name) {
                // Copied and not renamed: its old name may be half a hash, and the list names files
                // by whole ones.
                parts.push(self.stage(&path)?);
            }
        }
        let mut next = Manifest::default();
        for part in parts {
            let by_hand = next.sources.entry(BY_HAND.to_owned()).or_default();
            by_hand.parts.insert(part.sha256.clone(), part);
        }
        // Written even when it is empty: files that somebody puts here from now on count only when
        // a list names them, and are never adopted.
        self.write(&mut self.lock_manifest(), next)
    }

    fn write(&self, manifest: &mut Manifest, mut next: Manifest) -> io::Result<()> {
        next.revision += 1;
        let bytes = serde_json::to_vec_pretty(&next)?;
        disk::replace(&self.0.folder, MANIFEST, &bytes, &self.0.steps)?;
        *manifest = next;
        Ok(())
    }

    fn remove_unnamed(&self) -> io::Result<()> {
        let named: BTreeSet<String> = self.lock_manifest().files().cloned().collect();
        for entry in fs::read_dir(&self.0.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // Only names that this program gives: what an operator has put into the folder stays.
            let is_half = path.extension().is_some_and(|ending| ending == PARTIAL);
            let is_unnamed = disk::is_content_name(&name) && !named.contains(name.as_ref());
            if is_half || is_unnamed {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
