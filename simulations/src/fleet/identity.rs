//! Who a simulated agent is, and the directory that keeps it between runs.
//!
//! One file an agent, readable by its owner alone. A run reserves epochs before it uses them, so
//! that a run that was killed leaves none that the next one would use again.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use protocol::ids::{AgentId, CompanyId, Epoch};
use serde::{Deserialize, Serialize};

/// Epochs that one run may use.
// One for its first snapshot, and one for every snapshot that it is asked for.
const EPOCHS_OF_A_RUN: u32 = 1_000;

/// What makes a simulated host an agent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Its company.
    pub(crate) company: CompanyId,
    /// Itself.
    pub(crate) agent: AgentId,
    /// Its key, PKCS#8 DER. A secret.
    pub(crate) key: Vec<u8>,
    /// Its certificate chain, DER.
    pub(crate) chain: Vec<Vec<u8>>,
    /// The certificates that the collector's has to end in, DER.
    pub(crate) roots: Vec<Vec<u8>>,
    /// Epochs up to this one are used or reserved by earlier runs.
    pub(crate) epoch: Epoch,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("company", &self.company)
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}

/// A directory of identities.
#[derive(Clone, Debug)]
pub(crate) struct StateDir(PathBuf);

impl StateDir {
    /// Opens the directory, or makes it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// The identity of the `number`th agent, with epochs reserved for this run; `None` when it has
    /// none yet.
    pub(crate) fn take(&self, number: u32) -> anyhow::Result<Option<Identity>> {
        let path = self.file(number);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let identity: Identity = serde_json::from_slice(&text).with_context(|| {
            format!(
                "read {}: delete it to enrol this agent again",
                path.display()
            )
        })?;
        let reserved = Identity {
            epoch: Epoch(identity.epoch.0.saturating_add(EPOCHS_OF_A_RUN)),
            ..identity.clone()
        };
        // Written before anything is used: a run that is killed at any time has reserved what it
        // may have used.
        self.put(number, &reserved)?;
        Ok(Some(identity))
    }

    /// Keeps a new identity.
    pub(crate) fn keep(&self, number: u32, identity: &Identity) -> anyhow::Result<()> {
        let reserved = Identity {
            epoch: Epoch(EPOCHS_OF_A_RUN),
            ..identity.clone()
        };
        self.put(number, &reserved)
    }

    fn put(&self, number: u32, identity: &Identity) -> anyhow::Result<()> {
        let path = self.file(number);
        let new = path.with_extension("new");
        let write = || -> anyhow::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options
                .open(&new)?
                .write_all(&serde_json::to_vec(identity)?)?;
            // Not synced: a power cut costs an enrolment, and ten thousand syncs cost minutes at
            // the start of every run.
            fs::rename(&new, &path)?;
            Ok(())
        };
        write().with_context(|| format!("write {}", path.display()))
    }

    fn file(&self, number: u32) -> PathBuf {
        self.0.join(format!("agent-{number}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn identity() -> Identity {
        Identity {
            company: CompanyId(Uuid::from_u128(1)),
            agent: AgentId(Uuid::from_u128(2)),
            key: vec![250, 251],
            chain: vec![vec![4]],
            roots: vec![vec![5]],
            epoch: Epoch(0),
        }
    }

    #[test]
    fn no_run_uses_the_epochs_of_another() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = StateDir::open(directory.path()).expect("opens");
        assert_eq!(state.take(0).expect("reads"), None);
        state.keep(0, &identity()).expect("writes");
        let epochs: Vec<_> = (0..3)
            .map(|_| state.take(0).expect("reads").expect("an identity").epoch.0)
            .collect();
        assert_eq!(epochs, [1_000, 2_000, 3_000]);
        assert_eq!(state.take(1).expect("reads"), None, "another agent");
    }

    #[cfg(unix)]
    #[test]
    fn others_cannot_read_a_key() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().expect("a directory");
        let state = StateDir::open(directory.path()).expect("opens");
        state.keep(7, &identity()).expect("writes");
        let metadata = fs::metadata(state.file(7)).expect("a file");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert!(!format!("{:?}", identity()).contains("250"));
    }

    #[test]
    fn says_which_file_is_damaged_and_what_to_do() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = StateDir::open(directory.path()).expect("opens");
        fs::write(state.file(3), "{").expect("writes");
        let error = format!("{:#}", state.take(3).expect_err("damaged"));
        assert!(
            error.contains("agent-3.json") && error.contains("delete it"),
            "{error}"
        );
    }
}
