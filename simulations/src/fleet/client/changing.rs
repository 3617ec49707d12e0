//! When a simulated host changes, and who is told to look whether the change arrives.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

use super::Client;
use crate::fleet::catalogue::Pool;
use crate::fleet::model::Happening;
use crate::fleet::orders::Span;
use crate::fleet::visibility::Probe;
use crate::random::Random;

/// When a host changes.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    /// Time between two, before jitter; `None` for a host that never changes by itself.
    pub(crate) every: Option<Duration>,
    /// When the next one comes.
    pub(crate) at: Instant,
    /// When they end.
    pub(crate) until: Instant,
    /// Who looks whether a change arrives; takes only as many as it can look for.
    pub(crate) probes: Option<Sender<Probe>>,
    /// How many there were, from a number that no earlier run has reached.
    pub(crate) count: u64,
}

impl Changes {
    /// Changes come in this time, the first of them after a part of a turn.
    pub(crate) fn begin(&mut self, span: Span, random: &mut Random) {
        // Not all hosts at once, nor all after one whole turn.
        self.at = span.from + random.around(self.every.unwrap_or_default());
        self.until = span.until;
    }

    /// When the next one comes; `None` when there will be none.
    pub(super) fn next_at(&self) -> Option<Instant> {
        // Also of a host that has a span: at a rate of none nothing ever comes.
        self.every?;
        (self.at < self.until).then_some(self.at)
    }
}

/// What a change is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish {
    /// Whatever happens on hosts.
    Any,
    /// This package in this version.
    Upgrade { package: u32, number: u64 },
}

impl Client {
    /// Changes the host by itself, as hosts do from time to time.
    pub(super) fn change(&mut self) {
        let Some(every) = self.changes.every else {
            return;
        };
        // From now and not from when it was due: a host that was held up does not make up for
        // missed changes in a burst.
        self.changes.at = self.context.clock.now() + self.random.around(every);
        self.changes.count += 1;
        self.make(Wish::Any);
    }

    /// Makes a change, and the report that says so.
    pub(super) fn make(&mut self, wish: Wish) {
        let now = self.context.clock.now();
        let context = Arc::clone(&self.context);
        let what = match wish {
            Wish::Any => Happening::Any {
                installable: context.stock.pool(Pool::DebianOther),
                number: self.changes.count,
                random: &mut self.random,
            },
            Wish::Upgrade { package, number } => Happening::Upgrade { package, number },
        };
        // Not by `self.model()`, which would borrow all of `self` while its random numbers are
        // drawn.
        let model = self.agent.model.lock();
        let mut model = model.unwrap_or_else(PoisonError::into_inner);
        let (stock, mut packer) = context.workshop(self.number);
        match model.happen(what, context.clock.unix_ms(), (stock, &mut packer)) {
            Ok(Some(changed)) => {
                context.stats.changes.one();
                let probe = changed.come.map(|(key, name)| Probe {
                    identity: Arc::clone(&self.agent.identity),
                    key,
                    name,
                    changed_at: now,
                });
                self.send_probe(probe);
            }
            Ok(None) => context.stats.changes_skipped.one(),
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
