//! Telling the other nodes that this one lives, what waits in its queue and which authorities it has.
//!
//! It is how a report that went with a node's disk is told from one that is on its way
//! (`store::nodes`), and how a rotation knows that it may go on. It must never claim that nothing waits while
//! something does.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use store::database::Store;
use store::nodes;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::cluster;
use super::pace::Pace;
use crate::authority::Authority;
use crate::clock::Clock;
use crate::http::NodeStatus;
use crate::pipeline::Dispatcher;

/// How often it is told.
const EVERY: Duration = Duration::from_secs(1);
/// Every how many times it says of itself what people look at, which is several times as long.
const SAYS_EVERY: u32 = 5;
/// How long the database may take to take it. Later it would be news of the past.
const WITHIN: Duration = Duration::from_secs(3);

/// What this node tells of itself.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    id: Uuid,
    name: String,
    store: Store,
    clock: Clock,
    dispatcher: Arc<Dispatcher>,
    authority: Arc<Authority>,
    pace: Arc<Mutex<Pace>>,
}

impl Presence {
    /// A node with the id that its data directory holds.
    ///
    /// # Errors
    ///
    /// When the id cannot be read or made.
    pub(super) fn open(
        data_dir: &Path,
        store: Store,
        clock: Clock,
        dispatcher: Arc<Dispatcher>,
        authority: Arc<Authority>,
    ) -> anyhow::Result<Self> {
        let path = data_dir.join("node.id");
        let id = id(&path).with_context(|| format!("read or write {}", path.display()))?;
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Self { id, name, store, clock, dispatcher, authority, pace: Arc::default() })
    }

    /// By how much a count has grown within the last minute, as far as it was looked at.
    pub(super) fn pace(&self, count: u64) -> u64 {
        let now = self.clock.instant();
        // Plain numbers, which are whole at every step that could panic.
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).look(count, now)
    }

    /// Tells until the end of the work, and now and then says what `status` gives.
    pub(super) async fn tell_until(
        &self,
        ended: &CancellationToken,
        status: impl Fn() -> NodeStatus + Send + Sync,
    ) {
        for number in 0_u32.. {
            // A database that is away hears nothing from any node, and asks nobody for a snapshot.
            if let Err(error) = self.tell().await {
                tracing::debug!(%error, "telling that this node lives");
            } else if number.is_multiple_of(SAYS_EVERY)
                && let Err(error) = self.say(&status()).await
            {
                tracing::debug!(%error, "saying what waits on this node");
            }
            tokio::select! {
                () = ended.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Takes the node out if nothing waits in its queue. One with something in it stays for as long as a
    /// node that is not heard of counts, which is how long a restart may take.
    pub(super) async fn leave(&self) {
        if self.waiting().is_some() {
            return;
        }
        let leaving = nodes::leave(&self.store, self.id);
        // It is not heard of any more soon enough.
        tokio::time::timeout(WITHIN, leaving).await.ok();
    }

    async fn tell(&self) -> anyhow::Result<()> {
        // Read before it is told: what comes between the two is younger than what is told.
        let waiting = self.waiting();
        let signs = Some(cluster::signs(&self.authority));
        let telling = nodes::report(&self.store, self.id, &self.name, waiting, signs);
        Ok(tokio::time::timeout(WITHIN, telling).await??)
    }

    async fn say(&self, status: &NodeStatus) -> anyhow::Result<()> {
        let said = status.to_said();
        let saying = nodes::say(&self.store, self.id, &said);
        Ok(tokio::time::timeout(WITHIN, saying).await??)
    }

    /// For how long the oldest report has been waiting; `None` when none does.
    pub(super) fn waiting(&self) -> Option<Duration> {
        // Given as a length, because the database counts by its own clock.
        let oldest = self.dispatcher.oldest_received_at_ms()?;
        Some(Duration::from_millis(self.clock.now_ms().saturating_sub(oldest)))
    }
}

/// The id in a file, which is made when there is none or nothing in it that is one.
fn id(path: &Path) -> io::Result<Uuid> {
    match fs::read_to_string(path) {
        Ok(text) => {
            if let Ok(id) = text.trim().parse() {
                return Ok(id);
            }
            // Cut short by a power cut. Another id is as good: the old one is not heard of any more.
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let id = Uuid::new_v4();
    // Not synced: a file that a power cut empties gives another id, which is as good.
    fs::write(path, format!("{id}\n"))?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_id_for_as_long_as_its_directory_lives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.id");
        let first = id(&path).unwrap();
        assert_eq!(id(&path).unwrap(), first);
        fs::write(&path, "").unwrap();
        let second = id(&path).unwrap();
        assert_ne!(second, first);
        assert_eq!(id(&path).unwrap(), second);
    }

    #[test]
    fn an_id_is_read_whatever_white_space_is_around_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.id");
        let text = "0198c0de-0000-7000-8000-000000000001";
        for written in [text.to_owned(), format!("{text}\n"), format!(" {text}\r\n")] {
            fs::write(&path, written).unwrap();
            assert_eq!(id(&path).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_id_that_was_cut_or_is_none_is_replaced_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.id");
        for written in ["0198c0de-0000", "node-1\n", "\0\0\0\0"] {
            fs::write(&path, written).unwrap();
            let made = id(&path).unwrap();
            assert_eq!(id(&path).unwrap(), made, "{written:?}");
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{made}\n"));
        }
    }

    #[test]
    fn an_id_that_cannot_be_read_or_kept_is_an_error_and_no_new_node() {
        let dir = tempfile::tempdir().unwrap();
        // A directory in its place, and none to put it in.
        assert!(id(dir.path()).is_err());
        assert!(id(&dir.path().join("no/node.id")).is_err());
        let latin = dir.path().join("latin");
        fs::write(&latin, b"\xff\xfe").unwrap();
        let error = id(&latin).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
