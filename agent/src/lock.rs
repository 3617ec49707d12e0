//! One agent a state folder: a lock that ends with the process, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The lock's file in the state folder.
const FILE: &str = "lock";

/// The state folder is this process's while this lives.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
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
    /// Takes the folder, which has to exist.
    ///
    /// # Errors
    ///
    /// When another process has it.
    pub fn take(state_dir: &Path) -> Result<Self, LockError> {
        let path = state_dir.join(FILE);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let locked = options.open(&path).map_err(TryLockError::Error);
        match locked.and_then(|file| file.try_lock().map(|()| file)) {
            Ok(file) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken(state_dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(LockError::File { path, source }),
        }
    }
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
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = StateLock::take(&folder.path().join("none")).expect_err("no folder");
        assert!(error.to_string().contains("none"), "{error}");
    }
}
