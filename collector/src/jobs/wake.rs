//! Waking runners when a job waits: the database says so, and a poll stands behind it.

use std::sync::Arc;
use std::time::Duration;

use store::commands::Signal;
use store::database::Store;
use store::error::StoreError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::runner::Does;

/// How long a runner sleeps at most: signals may get lost.
const POLL_EVERY: Duration = Duration::from_secs(15);
/// How long to wait before listening is tried again.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// After how much silence the connection that signals come on is tried.
const PING_EVERY: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(5);

/// The alarm clock of all runners. A clone is the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Wake(Arc<Bells>);

/// A bell for each kind of runner: one that does not do the job must not be woken in place of one that does.
#[derive(Debug, Default)]
struct Bells {
    all: Notify,
    of_the_site: Notify,
}

impl Wake {
    /// Sleeps until a job may wait.
    ///
    /// # Cancel safety
    ///
    /// A signal that comes while nobody sleeps wakes the next sleeper.
    pub(super) async fn sleep(&self, does: Does, stopping: &CancellationToken) {
        let bell = match does {
            Does::All => &self.0.all,
            Does::OfTheSite => &self.0.of_the_site,
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = bell.notified() => {}
            () = tokio::time::sleep(POLL_EVERY) => {}
        }
    }

    /// A job may wait.
    pub(super) fn ring(&self) {
        // One of each, because one job is for one runner; who takes it rings for the next.
        self.0.all.notify_one();
        self.0.of_the_site.notify_one();
    }

    /// Hears signals until `stopping` is cancelled.
    pub(super) async fn listen(&self, store: &Store, stopping: &CancellationToken) {
        while !stopping.is_cancelled() {
            tokio::select! {
                () = stopping.cancelled() => return,
                // Not said louder: the poll does the same work later, and the database's absence is
                // said elsewhere.
                result = self.hear(store) => if let Err(error) = result {
                    tracing::debug!(%error, "listening for jobs; polling meanwhile");
                }
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(LISTEN_AGAIN_AFTER) => {}
            }
        }
    }

    async fn hear(&self, store: &Store) -> Result<(), StoreError> {
        let mut signals = store.signals().await?;
        // What was announced before anybody listened: the first look finds it.
        self.ring();
        loop {
            let signal = match tokio::time::timeout(PING_EVERY, signals.next()).await {
                Ok(signal) => signal?,
                // Long silence: is there still somebody?
                Err(_) => match tokio::time::timeout(PONG_WITHIN, signals.ping()).await {
                    Ok(pong) => {
                        pong?;
                        continue;
                    }
                    Err(_) => return Err(StoreError::no_answer()),
                },
            };
            match signal {
                Signal::Job | Signal::Missed => self.ring(),
                Signal::Command(_)
                | Signal::Revoked(_)
                | Signal::Findings(_)
                | Signal::Settings(_) => {}
            }
        }
    }
}
