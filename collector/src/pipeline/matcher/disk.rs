//! Judgements on disk, in sled, so that a restart does not judge everything anew.
//!
//! sled may lose what was written before a power cut, and may panic on files that are damaged.
//! Neither matters here, because every judgement can be made again: each generation of the index
//! has a directory of its own, which is thrown away when anything is wrong with it. Every call into
//! sled is guarded; after the first error or panic this cache keeps silent until the next start. It
//! must never hold anything that cannot be computed.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use enrichment::evaluation::Evaluation;
use metrics::counter;
use protocol::fingerprint::SoftwareKey;

use super::stored;
use crate::metrics::{LABEL_REASON, MATCH_FAILURES};
use crate::pipeline::unwind::message;

/// The layout of what is stored; with another one the directory is another.
const FORMAT: u32 = 2;
/// There while sled opens: found at a start, the opening before did not end.
const OPENING: &str = "opening";
const LOCK: &str = "lock";
const DATABASE: &str = "sled";
/// Judgements that may wait to be written; more are not written.
const WAITING_MAX: usize = 1_024;
/// Bytes of the files, above which nothing more is written in this generation.
const BYTES_MAX: u64 = 1 << 30;
/// Writes between two looks at the files' size, which sled computes by listing them.
const WRITES_PER_LOOK: u32 = 4_096;
const FLUSH_EVERY_MS: u64 = 10_000;

/// The cache of one generation.
///
/// The fields are dropped in their order: the writer, which closes sled, ends last.
#[derive(Debug)]
pub(super) struct DiskCache {
    database: sled::Db,
    is_usable: Arc<AtomicBool>,
    writes: SyncSender<(SoftwareKey, Arc<Evaluation>)>,
}

/// Why there is no cache.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OpenError {
    /// Its last user in this process has not ended yet.
    #[error("the cache is still in use")]
    InUse,
    /// The disk, or sled.
    #[error("{0}")]
    Broken(String),
}

impl DiskCache {
    /// Opens the cache of a generation below a directory, and deletes those of others that nobody
    /// uses. One that cannot be opened is made anew.
    pub(super) fn open(
        directory: &Path,
        generation: u64,
        memory_bytes: u64,
    ) -> Result<Self, OpenError> {
        let path = directory.join(format!("{generation:016x}-{FORMAT}"));
        let lock = prepare(directory, &path)?;
        let opened = open_guarded(&path, memory_bytes).or_else(|error| {
            tracing::warn!(error, path = %path.display(), "the match cache is made anew");
            clear(&path).map_err(|error| error.to_string())?;
            open_guarded(&path, memory_bytes)
        });
        let database = opened.map_err(OpenError::Broken)?;
        let is_usable = Arc::new(AtomicBool::new(true));
        let (writes, waiting) = sync_channel(WAITING_MAX);
        let writer =
            Writer { database: database.clone(), is_usable: Arc::clone(&is_usable), _lock: lock };
        // It ends when the cache is dropped and with it the channel.
        std::thread::Builder::new()
            .name("match-cache".to_owned())
            .spawn(move || writer.run(&waiting))
            .map_err(broken)?;
        Ok(Self { database, is_usable, writes })
    }

    /// What is kept of a key.
    pub(super) fn get(&self, key: SoftwareKey) -> Option<Evaluation> {
        if !self.is_usable.load(Ordering::Relaxed) {
            return None;
        }
        let read = guarded(|| self.database.get(key.0.to_be_bytes()));
        let bytes =
            read.inspect_err(|error| give_up(&self.is_usable, &self.database, error)).ok()??;
        stored::decode(&bytes)
    }

    /// Whether nothing has gone wrong with it yet.
    #[cfg(test)]
    pub(super) fn is_usable(&self) -> bool {
        self.is_usable.load(Ordering::Relaxed)
    }

    /// Writes a judgement some time later, unless too many wait already.
    pub(super) fn put(&self, key: SoftwareKey, evaluation: &Arc<Evaluation>) {
        // A judgement that is not written is made again after the next start.
        drop(self.writes.try_send((key, Arc::clone(evaluation))));
    }
}

struct Writer {
    database: sled::Db,
    is_usable: Arc<AtomicBool>,
    /// Let go after sled is closed.
    _lock: File,
}

impl Writer {
    fn run(&self, waiting: &Receiver<(SoftwareKey, Arc<Evaluation>)>) {
        let mut until_look = 0_u32;
        while let Ok((key, evaluation)) = waiting.recv() {
            if !self.is_usable.load(Ordering::Relaxed) {
                return;
            }
            if until_look == 0 {
                if self.is_full() {
                    return;
                }
                until_look = WRITES_PER_LOOK;
            }
            until_look -= 1;
            let Some(bytes) = stored::encode(&evaluation) else {
                continue;
            };
            if let Err(error) = guarded(|| self.database.insert(key.0.to_be_bytes(), bytes)) {
                give_up(&self.is_usable, &self.database, &error);
            }
        }
    }

    fn is_full(&self) -> bool {
        match guarded(|| self.database.size_on_disk()) {
            Ok(bytes) => bytes >= BYTES_MAX,
            Err(error) => {
                give_up(&self.is_usable, &self.database, &error);
                true
            }
        }
    }
}

/// Makes the directory and locks it, deletes other generations', and clears this one's when its
/// last opening did not end.
fn prepare(directory: &Path, path: &Path) -> Result<File, OpenError> {
    fs::create_dir_all(path).map_err(broken)?;
    for entry in fs::read_dir(directory).map_err(broken)? {
        let found = entry.map_err(broken)?.path();
        // Only what is named as a cache of ours: a setting that points one directory too high must
        // not cost the queue beside it.
        if found != path && is_cache(&found) && lock(&found).is_ok() {
            // What is left is tried again when the next index comes.
            drop(fs::remove_dir_all(&found));
        }
    }
    let lock = lock(path)?;
    if path.join(OPENING).exists() {
        clear(path).map_err(broken)?;
    }
    Ok(lock)
}

/// Whether a path is named as [`DiskCache::open`] names them, of whatever format.
fn is_cache(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.split_once('-')).is_some_and(|(generation, format)| {
        generation.len() == 16
            && u64::from_str_radix(generation, 16).is_ok()
            && format.parse::<u32>().is_ok()
    })
}

fn lock(path: &Path) -> Result<File, OpenError> {
    // Truncates nothing that counts: the file is empty.
    let lock = File::create(path.join(LOCK)).map_err(broken)?;
    // `flock`: it goes with the process, and holds within one as well, where a cache that is being
    // replaced ends in its own time.
    lock.try_lock().map_err(|_| OpenError::InUse)?;
    Ok(lock)
}

/// Deletes everything but the lock.
fn clear(path: &Path) -> io::Result<()> {
    let database = path.join(DATABASE);
    if database.exists() {
        fs::remove_dir_all(database)?;
    }
    let marker = path.join(OPENING);
    if marker.exists() {
        fs::remove_file(marker)?;
    }
    Ok(())
}

fn broken(error: impl std::fmt::Display) -> OpenError {
    OpenError::Broken(error.to_string())
}

fn open_guarded(path: &Path, memory_bytes: u64) -> Result<sled::Db, String> {
    let marker = path.join(OPENING);
    fs::write(&marker, []).map_err(|error| error.to_string())?;
    let database = guarded(|| {
        sled::Config::new()
            .path(path.join(DATABASE))
            .cache_capacity(memory_bytes)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .open()
    })?;
    // Only now: a process that sled takes down with it leaves the mark, and the next start begins
    // anew.
    fs::remove_file(&marker).map_err(|error| error.to_string())?;
    Ok(database)
}

/// Calls into sled, and takes a panic for an error.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("it panicked: {}", message(&*panic))),
    }
}

/// Uses sled no more, and never closes it either: closing writes what is in memory, which after an error of the
/// disk need not come to an end, and a node has to end when it is asked to. So what the cache holds in memory
/// and open files stays until the process ends.
fn give_up(is_usable: &AtomicBool, database: &sled::Db, error: &str) {
    // Said once: every reader that is under way would say the same.
    if is_usable.swap(false, Ordering::Relaxed) {
        std::mem::forget(database.clone());
        counter!(MATCH_FAILURES, LABEL_REASON => "cache").increment(1);
        tracing::warn!(error, "the match cache on disk is left alone until the next start");
    }
}
