//! Who uses the server: the last one out stops it.
//!
//! A command line beside a running collector uses the same server, and either may begin or end
//! first. Everyone holds a shared lock on one file while they use it; starting and stopping are
//! done one at a time under another. The kernel lets go of both when a process is killed.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::time::sleep;

use super::PostgresError;

/// How often a lock that somebody else holds is tried.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// The right to start or stop the server, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits for the right.
    ///
    /// # Errors
    ///
    /// When the lock's file cannot be used.
    ///
    /// # Cancel safety
    ///
    /// Safe: a right that is not given out is not held.
    pub(super) async fn wait(home: &Path) -> Result<Self, PostgresError> {
        let path = home.join("turn.lock");
        let lock = open(&path)?;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _lock: lock }),
                Err(Errno::WOULDBLOCK) => sleep(TRY_EVERY).await,
                Err(error) => return Err(PostgresError::file("lock", path)(error.into())),
            }
        }
    }
}

/// One use of the server, until it is dropped.
#[derive(Debug)]
pub(super) struct Use(File);

impl Use {
    /// Begins to use the server. Only for whoever has the turn.
    ///
    /// # Errors
    ///
    /// When the lock's file cannot be used.
    pub(super) fn begin(home: &Path, _turn: &Turn) -> Result<Self, PostgresError> {
        let path = home.join("use.lock");
        let lock = open(&path)?;
        // Nobody holds it alone but whoever has the turn, which is us.
        flock(&lock, FlockOperation::NonBlockingLockShared)
            .map_err(|error| PostgresError::file("lock", path)(error.into()))?;
        Ok(Self(lock))
    }

    /// Whether nobody else uses the server.
    pub(super) fn is_last(&self, _turn: &Turn) -> bool {
        // The kernel turns the shared lock into an exclusive one, unless another use holds it too.
        // Between the two steps it is briefly held by nobody, which the turn makes harmless.
        flock(&self.0, FlockOperation::NonBlockingLockExclusive).is_ok()
    }
}

fn open(path: &Path) -> Result<File, PostgresError> {
    File::options()
        .create(true)
        // The files are there to be locked and hold nothing.
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(PostgresError::file("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_use_is_known_as_such_and_no_other() {
        let home = tempfile::tempdir().unwrap();
        let turn = Turn::wait(home.path()).await.unwrap();
        let first = Use::begin(home.path(), &turn).unwrap();
        let second = Use::begin(home.path(), &turn).unwrap();
        assert!(!second.is_last(&turn));
        // As when its process is killed.
        drop(second);
        assert!(first.is_last(&turn));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_taken_one_after_the_other() {
        let home = tempfile::tempdir().unwrap();
        let turn = Turn::wait(home.path()).await.unwrap();
        let waiting = Turn::wait(home.path());
        tokio::pin!(waiting);
        let soon = tokio::time::timeout(10 * TRY_EVERY, &mut waiting).await;
        assert!(soon.is_err(), "two had the turn at once");
        drop(turn);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_home_that_is_gone_is_said_by_the_locks_path() {
        let home = tempfile::tempdir().unwrap();
        let gone = home.path().join("gone");
        let error = Turn::wait(&gone).await.unwrap_err().to_string();
        assert!(error.contains("gone/turn.lock"), "{error}");
    }
}
