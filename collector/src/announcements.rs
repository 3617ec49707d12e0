//! What the database announces of companies' events, heard once a node and passed on to all that wait.
//!
//! An announcement says where to look and may get lost: whoever waits here looks by itself as well, every
//! few seconds. Policies change without one.

use std::time::Duration;

use protocol::ids::CompanyId;
use store::commands::Signal;
use store::database::Store;
use store::error::StoreError;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// Announcements that wait for the slowest of those that listen; whoever missed some looks everywhere.
const WAITING_MAX: usize = 256;
/// How long to wait before listening is tried again.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// After how much silence the connection is tried, and how long its answer may take.
const PING_EVERY: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(5);

/// Where something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// In this company.
    In(CompanyId),
    /// Nobody knows: look everywhere.
    Somewhere,
}

/// What passes announcements on. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Announcements(broadcast::Sender<Happened>);

impl Default for Announcements {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING_MAX))
    }
}

/// Whoever waits for announcements.
#[derive(Debug)]
pub(crate) struct Waiting(broadcast::Receiver<Happened>);

impl Announcements {
    /// Begins to wait.
    pub(crate) fn wait(&self) -> Waiting {
        Waiting(self.0.subscribe())
    }

    /// Passes one on.
    pub(crate) fn pass_on(&self, happened: Happened) {
        // Nobody may be waiting.
        let _heard_by = self.0.send(happened).unwrap_or(0);
    }

    /// Hears announcements until `stopping` is cancelled.
    pub(crate) async fn listen(&self, store: &Store, stopping: &CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                // Not said louder: whoever waits looks without it, and the database's absence is said
                // elsewhere.
                result = self.hear(store) => if let Err(error) = result {
                    tracing::debug!(%error, "listening for events; looking meanwhile");
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
        loop {
            let signal = match tokio::time::timeout(PING_EVERY, signals.next()).await {
                Ok(signal) => signal?,
                Err(_) => {
                    let pong = tokio::time::timeout(PONG_WITHIN, signals.ping()).await;
                    pong.unwrap_or_else(|_| Err(StoreError::no_answer()))?;
                    continue;
                }
            };
            match signal {
                Signal::Findings(company) => self.pass_on(Happened::In(company)),
                Signal::Missed => self.pass_on(Happened::Somewhere),
                Signal::Job | Signal::Command(_) | Signal::Revoked(_) | Signal::Settings(_) => {}
            }
        }
    }
}

impl Waiting {
    /// The next announcement; for ever none when nobody passes any on any more.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was not given is given the next time.
    pub(crate) async fn next(&mut self) -> Happened {
        match self.0.recv().await {
            Ok(happened) => happened,
            Err(broadcast::error::RecvError::Lagged(_)) => Happened::Somewhere,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn who_waits_is_told_each_and_who_is_slow_looks_everywhere() {
        let announcements = Announcements::default();
        let mut waiting = announcements.wait();
        let company = CompanyId(Uuid::from_u128(1));
        announcements.pass_on(Happened::In(company));
        assert_eq!(waiting.next().await, Happened::In(company));
        for _ in 0..2 * WAITING_MAX {
            announcements.pass_on(Happened::In(company));
        }
        assert_eq!(waiting.next().await, Happened::Somewhere);
        assert_eq!(waiting.next().await, Happened::In(company));
    }
}
