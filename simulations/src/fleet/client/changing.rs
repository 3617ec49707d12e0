//! When a simulated host changes, and who is told to look whether the change arrives.

use std::sync::Arc;
use std::time::Duration;

use protocol::fingerprint::SoftwareKey;
use protocol::software::SoftwareRecord;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

use super::Client;
use crate::fleet::changes;
use crate::fleet::visibility::Probe;

/// When a host changes, and into what.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    /// Time between two, before jitter; `None` for a host that never changes.
    pub(crate) every: Option<Duration>,
    /// When the next one comes.
    pub(crate) at: Instant,
    /// When they end.
    pub(crate) until: Instant,
    /// What can be installed.
    pub(crate) installable: Arc<[SoftwareRecord]>,
    /// Who looks whether a change arrives; takes only as many as it can look for.
    pub(crate) probes: Option<Sender<Probe>>,
    /// How many there were.
    pub(crate) count: u64,
}

impl Changes {
    /// When the next one comes; `None` when there will be none.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.every?;
        (self.at < self.until).then_some(self.at)
    }
}

impl Client {
    /// Changes the host, and makes the report that says so.
    pub(super) fn change(&mut self) {
        let Some(every) = self.changes.every else {
            return;
        };
        let now = self.context.clock.now();
        // From now and not from when it was due: a host that was held up does not make up for
        // missed changes in a burst.
        self.changes.at = now + self.random.around(every);
        self.changes.count += 1;
        let context = Arc::clone(&self.context);
        // Not by `self.model()`, which would borrow all of `self` while its random numbers are
        // drawn.
        let mut model = self
            .model
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(change) = changes::draw(
            model.records(),
            model.platform(),
            &self.changes.installable,
            self.changes.count,
            &mut self.random,
        ) else {
            return;
        };
        let probe = change.upserts.first().map(|record| Probe {
            identity: Arc::clone(&self.identity),
            key: SoftwareKey::of(record, model.platform()),
            name: record.name.clone(),
            changed_at: now,
        });
        let mut packer = context.packer(self.number);
        match model.change(change, context.clock.unix_ms(), &mut packer) {
            Ok(true) => {
                context.stats.changes.one();
                self.send_probe(probe);
            }
            Ok(false) => context.stats.changes_skipped.one(),
            Err(error) => context.stats.error(format!("pack a change: {error}")),
        }
    }

    fn send_probe(&self, probe: Option<Probe>) {
        if let (Some(probes), Some(probe)) = (&self.changes.probes, probe) {
            // A sample: whoever is busy looking for another one does not look for this one.
            probes.try_send(probe).ok();
        }
    }
}
