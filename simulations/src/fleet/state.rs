//! The folder that keeps a fleet's identities between runs, so that only the first one enrols.
//!
//! One file, appended to and readable by its owner alone: a hundred thousand agents are eighty
//! megabytes. A run reserves its epochs before it uses one, so that a run that was killed leaves none
//! that the next one would use again.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use protocol::ids::{AgentId, CompanyId, Epoch};
use serde::{Deserialize, Serialize};

use super::identity::{Authorities, Authority, Certificates, Identity};

/// Epochs that one run may use.
// One for its first snapshot, and one for every snapshot that it is asked for.
const EPOCHS_OF_A_RUN: u32 = 1_000;
/// Bytes of an entry. More is no entry.
const ENTRY_BYTES_MAX: usize = 64 * 1024;

/// What the file holds, one after another.
#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    /// Certificates that later agents name by their number.
    Authority(Certificates),
    /// An agent; a later one of the same number takes its place.
    Agent(Kept),
}

#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    number: u32,
    company: CompanyId,
    agent: AgentId,
    key: Vec<u8>,
    certificate: Vec<u8>,
    authority: u32,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("agent", &self.agent).finish_non_exhaustive()
    }
}

/// An open folder of identities.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    epoch: Epoch,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    authorities: Vec<Arc<Authority>>,
    agents: HashMap<u32, Kept>,
}

impl State {
    /// Opens the folder, or makes it, and reserves the epochs of this run.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written, or holds something else than identities.
    pub(crate) fn open(folder: &Path, authorities: &Authorities) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        // First, so that a run which fails below has used up its epochs and no other gets them.
        let epoch = reserve(&folder.join("run"))?;
        let path = folder.join("agents");
        let file = own(&path).with_context(|| format!("open {}", path.display()))?;
        let mut inner = Inner { file, authorities: Vec::new(), agents: HashMap::new() };
        inner
            // One that is damaged in its middle is not repaired: half of a fleet would enrol again,
            // and be other hosts.
            .read(authorities)
            .with_context(|| format!("{}: delete it to enrol its agents again", path.display()))?;
        Ok(Self { path, epoch, inner: Mutex::new(inner) })
    }

    /// Epochs up to this one are of earlier runs.
    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The identity of the `number`th agent; `None` when it has none yet.
    pub(crate) fn take(&self, number: u32) -> Option<Identity> {
        let inner = self.lock();
        let kept = inner.agents.get(&number)?.clone();
        let authority = inner.authorities.get(usize::try_from(kept.authority).ok()?)?;
        Some(Identity {
            company: kept.company,
            agent: kept.agent,
            key: kept.key.into(),
            certificate: kept.certificate.into(),
            authority: Arc::clone(authority),
            epoch: self.epoch,
        })
    }

    /// Keeps a new identity.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn keep(&self, number: u32, identity: &Identity) -> anyhow::Result<()> {
        self.lock().keep(number, identity).with_context(|| format!("write {}", self.path.display()))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn read(&mut self, authorities: &Authorities) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        let mut rest = &bytes[..];
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_le_bytes(*length))?;
            anyhow::ensure!(length <= ENTRY_BYTES_MAX, "an entry of {length} bytes");
            let Some((entry, after)) = after.split_at_checked(length) else {
                break;
            };
            match postcard::from_bytes(entry)? {
                Entry::Authority(certificates) => {
                    self.authorities.push(authorities.get(certificates)?);
                }
                Entry::Agent(kept) => {
                    self.agents.insert(kept.number, kept);
                }
            }
            rest = after;
        }
        // A run that was killed while it wrote: what comes next must not follow half an entry.
        let whole = u64::try_from(bytes.len() - rest.len())?;
        self.file.set_len(whole)?;
        Ok(())
    }

    fn keep(&mut self, number: u32, identity: &Identity) -> anyhow::Result<()> {
        // The same in memory, for `Authorities` gives one for the same certificates.
        let known = |authority: &Arc<Authority>| Arc::ptr_eq(authority, &identity.authority);
        let place = match self.authorities.iter().position(known) {
            Some(place) => place,
            None => {
                let certificates = identity.authority.certificates.clone();
                // Before the agent that names it: a run that is killed between them leaves no agent
                // without one.
                self.write(&Entry::Authority(certificates))?;
                self.authorities.push(Arc::clone(&identity.authority));
                self.authorities.len() - 1
            }
        };
        self.write(&Entry::Agent(Kept {
            number,
            company: identity.company,
            agent: identity.agent,
            key: identity.key.to_vec(),
            certificate: identity.certificate.to_vec(),
            authority: place.try_into()?,
        }))
    }

    fn write(&mut self, entry: &Entry) -> anyhow::Result<()> {
        let entry = postcard::to_allocvec(entry)?;
        let mut bytes = u32::try_from(entry.len())?.to_le_bytes().to_vec();
        bytes.extend(entry);
        // Not synced: a power cut costs an enrolment, and a hundred thousand syncs cost minutes.
        Ok(self.file.write_all(&bytes)?)
    }
}

/// A file that its owner alone can read, to be appended to.
fn own(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    // On creation and not afterwards: there is no moment in which others can open it.
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Takes the epochs of one run. Written before any is used.
fn reserve(path: &Path) -> anyhow::Result<Epoch> {
    let runs: u32 = match fs::read_to_string(path) {
        Ok(text) => text
            .trim()
            .parse()
            .with_context(|| format!("{} is no number of runs", path.display()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    // Renamed into place, so that a run which is killed here leaves the old number or the new one.
    let new = path.with_extension("new");
    fs::write(&new, format!("{}\n", runs + 1))
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("write {}", path.display()))?;
    Ok(Epoch(runs.saturating_mul(EPOCHS_OF_A_RUN)))
}

#[cfg(test)]
mod tests {
    use super::super::identity::tests::identity;
    use super::*;

    fn open(folder: &Path) -> State {
        State::open(folder, &Authorities::default()).expect("opens")
    }

    #[test]
    fn the_next_run_finds_the_same_agents_and_uses_other_epochs() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = open(folder.path());
        assert!(first.take(0).is_none());
        for number in 0..3 {
            let identity = identity(u128::from(number) + 10);
            first.keep(number, &identity).expect("writes");
        }
        // Enrolled again: the later one counts.
        first.keep(1, &identity(99)).expect("writes");
        for run in 1..3 {
            let again = open(folder.path());
            assert_eq!(again.epoch(), Epoch(run * 1_000));
            let agent = |number| again.take(number).map(|identity| identity.agent);
            assert_eq!(agent(0), Some(identity(10).agent));
            assert_eq!(agent(1), Some(identity(99).agent));
            assert_eq!(agent(3), None);
        }
    }

    #[test]
    fn half_an_entry_of_a_killed_run_is_forgotten_and_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path()).keep(0, &identity(10)).expect("writes");
        let path = folder.path().join("agents");
        let whole = fs::read(&path).expect("reads");
        for cut in 1..10 {
            fs::write(&path, &whole[..whole.len() - cut]).expect("writes");
            let state = open(folder.path());
            assert!(state.take(0).is_none(), "cut by {cut}");
            state.keep(1, &identity(11)).expect("writes");
            let agent = open(folder.path()).take(1).expect("an agent").agent;
            assert_eq!(agent, identity(11).agent);
        }
    }

    #[cfg(unix)]
    #[test]
    fn others_cannot_read_the_keys() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path()).keep(7, &identity(10)).expect("writes");
        let metadata = fs::metadata(folder.path().join("agents")).expect("a file");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn says_which_file_is_damaged_and_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("agents"), [3, 0, 0, 0, 9, 9, 9]).expect("writes");
        let error = State::open(folder.path(), &Authorities::default()).expect_err("damaged");
        let error = format!("{error:#}");
        assert!(error.contains("agents") && error.contains("delete it"), "{error}");
        fs::write(folder.path().join("run"), "many").expect("writes");
        let error = State::open(folder.path(), &Authorities::default()).expect_err("damaged");
        assert!(format!("{error:#}").contains("no number of runs"));
    }
}
