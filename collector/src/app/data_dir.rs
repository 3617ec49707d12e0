//! The data directory: one collector at a time, and a note of where that one listens.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::Addresses;

/// How often a lock is tried that somebody else has, and the time between two tries. Whoever asks
/// [`running`] has it too, for a moment, and `demo` asks while its collector starts.
const LOCK_TRIES: u32 = 10;
const TRY_LOCK_EVERY: Duration = Duration::from_millis(20);

/// What a running collector says about itself, in `collector.json` of its data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// The process.
    pub pid: u32,
    /// Where agents connect, over UDP.
    pub ingest: Option<SocketAddr>,
    /// Where the API listens, over TCP.
    pub http: Option<SocketAddr>,
}

/// A data directory in use by this process.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    /// Held for as long as the collector runs; the system releases it when the process dies.
    _lock: File,
}

impl DataDir {
    /// Takes a data directory for this process; makes it when it is not there.
    ///
    /// # Cancel safety
    ///
    /// Safe: a lock that is not given out is not held.
    pub(super) async fn lock(path: &Path) -> anyhow::Result<Self> {
        // Others may pass through, because the database's account has to; what is secret has
        // permissions of its own.
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(path)
            .with_context(|| format!("make the data directory {}", path.display()))?;
        let lock_path = path.join("collector.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .with_context(|| format!("open {}", lock_path.display()))?;
        // A lock of the kernel's, not a file with a process id in it: it ends with the process however
        // that ends, and a reboot leaves no riddle.
        let mut tries_left = LOCK_TRIES;
        while let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            // Some network file systems know no locks: nobody else runs there, and to say so would
            // have a person look for a process that is none.
            if error != Errno::WOULDBLOCK {
                return Err(error).with_context(|| format!("lock {}", lock_path.display()));
            }
            tries_left -= 1;
            if tries_left == 0 {
                let who =
                    read(path).map_or_else(String::new, |run| format!(" (process {})", run.pid));
                return Err(error).with_context(|| {
                    format!(
                        "another collector{who} runs in {}: stop it, or use another data directory",
                        path.display()
                    )
                });
            }
            tokio::time::sleep(TRY_LOCK_EVERY).await;
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Notes where the collector listens.
    pub(super) fn announce(&self, addresses: &Addresses) -> anyhow::Result<()> {
        let run =
            RunFile { pid: std::process::id(), ingest: addresses.ingest, http: addresses.http };
        let path = file(&self.path);
        write(&path, &serde_json::to_vec(&run)?)
            .with_context(|| format!("write {}", path.display()))
    }

    /// Takes the note away.
    pub(super) fn release(self) {
        // One that stays is told from a true one by the lock, which ends with the process.
        fs::remove_file(file(&self.path)).ok();
    }
}

/// What the collector that runs in a data directory says about itself; `None` when none runs.
#[must_use]
pub fn running(data_dir: &Path) -> Option<RunFile> {
    let lock = File::open(data_dir.join("collector.lock")).ok()?;
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        // Nobody holds it, so what stands there is left over.
        Ok(()) => None,
        Err(_) => read(data_dir),
    }
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("collector.json")
}

fn read(data_dir: &Path) -> Option<RunFile> {
    serde_json::from_slice(&fs::read(file(data_dir)).ok()?).ok()
}

/// Writes a file that is there whole or not at all.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    // Readers must never see half a note, and `demo` polls for it: so it is made beside and
    // renamed.
    let new = path.with_extension("json.new");
    let mut file = File::create(&new)?;
    file.write_all(content)?;
    // Before the rename: some file systems write a name before its content, and an empty note would
    // be left by a power cut.
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        Addresses { ingest: Some(([127, 0, 0, 1], 7_070).into()), http: None }
    }

    #[tokio::test]
    async fn says_where_it_listens_for_as_long_as_it_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/for/it");
        assert_eq!(running(&path), None);
        let held = DataDir::lock(&path).await.unwrap();
        held.announce(&addresses()).unwrap();
        let run = running(&path).unwrap();
        assert_eq!(run.ingest, addresses().ingest);
        assert_eq!(run.pid, std::process::id());
        held.release();
        assert_eq!(running(&path), None);
    }

    #[tokio::test]
    async fn a_second_collector_is_told_who_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDir::lock(dir.path()).await.unwrap();
        held.announce(&addresses()).unwrap();
        let error = format!("{:#}", DataDir::lock(dir.path()).await.unwrap_err());
        let pid = std::process::id().to_string();
        assert!(error.contains("another collector") && error.contains(&pid), "{error}");
    }

    #[tokio::test]
    async fn a_note_that_a_killed_collector_left_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDir::lock(dir.path()).await.unwrap();
        held.announce(&addresses()).unwrap();
        drop(held);
        assert!(file(dir.path()).exists());
        assert_eq!(running(dir.path()), None);
        DataDir::lock(dir.path()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_only_looks_keeps_no_collector_from_starting() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::lock(dir.path()).await.unwrap());
        let looking = File::open(dir.path().join("collector.lock")).unwrap();
        flock(&looking, FlockOperation::NonBlockingLockShared).unwrap();
        let looks = async {
            tokio::task::yield_now().await;
            drop(looking);
        };
        let (locked, ()) = tokio::join!(DataDir::lock(dir.path()), looks);
        locked.unwrap();
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_made_or_locked_is_said_by_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = format!("{:#}", DataDir::lock(&file.join("data")).await.unwrap_err());
        assert!(error.starts_with("make the data directory "), "{error}");
        assert!(error.contains("file/data"), "{error}");
        let taken = dir.path().join("taken");
        fs::create_dir_all(taken.join("collector.lock")).unwrap();
        let error = format!("{:#}", DataDir::lock(&taken).await.unwrap_err());
        assert!(error.starts_with("open ") && error.contains("taken/collector.lock"), "{error}");
    }

    #[tokio::test]
    async fn a_second_collector_is_refused_also_when_the_first_has_said_nothing_yet() {
        let dir = tempfile::tempdir().unwrap();
        let _held = DataDir::lock(dir.path()).await.unwrap();
        for note in [None, Some("{\"pid\":"), Some("[]")] {
            if let Some(text) = note {
                fs::write(file(dir.path()), text).unwrap();
            }
            let error = format!("{:#}", DataDir::lock(dir.path()).await.unwrap_err());
            assert!(error.contains("another collector runs in "), "{error}");
            assert_eq!(running(dir.path()), None, "half a note says nothing");
        }
    }

    #[tokio::test]
    async fn the_note_is_replaced_whole_and_says_which_roles_listen_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDir::lock(dir.path()).await.unwrap();
        held.announce(&addresses()).unwrap();
        let nowhere = Addresses { ingest: None, http: Some(([127, 0, 0, 1], 7_080).into()) };
        held.announce(&nowhere).unwrap();
        let run = running(dir.path()).unwrap();
        assert_eq!((run.ingest, run.http), (None, nowhere.http));
        assert!(!dir.path().join("collector.json.new").exists());
        // A note that people have removed keeps nobody from stopping.
        fs::remove_file(file(dir.path())).unwrap();
        held.release();
    }

    #[test]
    fn where_nothing_ever_ran_nothing_runs_and_nothing_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        assert_eq!(running(&path), None);
        assert!(!path.exists());
    }
}
