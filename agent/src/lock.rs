//! One agent a state folder: a lock that ends with the process, however it ends.
//!
//! Two files, because two kinds of processes come: agents, which keep the folder, and `status`, which
//! looks into it for milliseconds. An agent that starts waits for whoever looks; nobody who looks may
//! ever keep an agent from starting.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The lock's file in the state folder, held by the agent.
pub(crate) const FILE: &str = "lock";
/// Held while the lock is taken, or for as long as somebody looks.
pub(crate) const GATE: &str = "gate";

/// The state folder is this process's while this lives.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

/// No agent begins to use the state folder while this lives, which has to be short.
#[derive(Debug)]
pub struct Glance {
    // Dropped in this order: an agent that comes through the gate finds the lock free.
    _lock: Option<StateLock>,
    _gate: Option<File>,
}

/// Why the state folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another agent has it.
    #[error(
        "another muster-agent uses {0}; stop it first (`systemctl stop muster-agent`) or name \
         another folder with --state-dir"
    )]
    Taken(PathBuf),
    /// The system refuses.
    #[error("lock {path}: {source}; run as the user that owns the folder")]
    File {
        /// The lock's file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl StateLock {
    /// Takes the folder, which has to exist. Waits for whoever looks into it.
    ///
    /// # Errors
    ///
    /// When another process has it.
    pub fn take(state_dir: &Path) -> Result<Self, LockError> {
        // The gate is let go at the end of this function: it is held while the lock changes hands
        // and not while the agent runs.
        let _gate = enter(state_dir)?;
        Self::behind_the_gate(state_dir)
    }

    fn behind_the_gate(state_dir: &Path) -> Result<Self, LockError> {
        let path = state_dir.join(FILE);
        let locked = open(&path).map_err(TryLockError::Error);
        match locked.and_then(|file| file.try_lock().map(|()| file)) {
            Ok(file) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken(state_dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(LockError::File { path, source }),
        }
    }
}

impl Glance {
    /// Looks into the folder; `None` when an agent has it.
    ///
    /// # Errors
    ///
    /// When the system does not let the caller lock it.
    pub fn into(state_dir: &Path) -> Result<Option<Self>, LockError> {
        if !state_dir.join(GATE).exists() {
            // Nobody has ever taken the folder, and looking leaves nothing behind.
            return Ok(Some(Self { _lock: None, _gate: None }));
        }
        let gate = enter(state_dir)?;
        match StateLock::behind_the_gate(state_dir) {
            Ok(lock) => Ok(Some(Self { _lock: Some(lock), _gate: Some(gate) })),
            Err(LockError::Taken(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn enter(state_dir: &Path) -> Result<File, LockError> {
    let path = state_dir.join(GATE);
    // It waits. Whoever holds the gate does so for milliseconds, or was killed, and then the kernel
    // has let it go.
    let entered = open(&path).and_then(|file| file.lock().map(|()| file));
    entered.map_err(|source| LockError::File { path, source })
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // The file stays when the lock goes: deleting a lock file lets two processes lock two files of
    // one name.
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_had_by_one_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = StateLock::take(folder.path()).expect("free");
        let error = StateLock::take(folder.path()).expect_err("taken");
        assert!(matches!(error, LockError::Taken(_)), "{error}");
        drop(first);
        StateLock::take(folder.path()).expect("free again");
    }

    #[test]
    fn an_agent_that_starts_waits_for_whoever_looks() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(StateLock::take(folder.path()).expect("free"));
        let glance = Glance::into(folder.path()).expect("a folder").expect("free");
        let path = folder.path().to_owned();
        let (said, taken) = std::sync::mpsc::sync_channel(1);
        let agent = std::thread::spawn(move || {
            said.send(StateLock::take(&path).is_ok()).expect("heard");
        });
        // Whether the thread waits already or comes later, it finds the folder free.
        assert!(taken.try_recv().is_err());
        drop(glance);
        assert!(taken.recv().expect("said"));
        agent.join().expect("ended");
    }

    #[test]
    fn a_folder_that_an_agent_has_cannot_be_looked_into() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Glance::into(folder.path()).expect("a folder").is_some());
        assert!(!folder.path().join(GATE).exists(), "a look leaves nothing");
        let _agent = StateLock::take(folder.path()).expect("free");
        assert!(Glance::into(folder.path()).expect("a folder").is_none());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = StateLock::take(&folder.path().join("none")).expect_err("no folder");
        assert!(error.to_string().contains("none"), "{error}");
    }
}
