//! What becomes of a packet between two hosts: it passes, is late, comes twice or is lost.
//!
//! Pure, so that a network can be as bad as a seed says and no worse. It must never hold a packet itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::host::Host;
use crate::random::Random;

/// How bad the way between two hosts is, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// Nothing passes.
    pub(super) is_cut: bool,
    /// How long every packet takes.
    pub(super) delay: Duration,
    /// By how much more at most. Packets overtake each other within it.
    pub(super) jitter: Duration,
    /// Of a hundred packets, how many are lost.
    pub(super) loss_percent: usize,
    /// Of a hundred packets, how many come twice.
    pub(super) twice_percent: usize,
}

impl Link {
    /// A link on which nothing passes.
    pub(super) const CUT: Self = Self {
        is_cut: true,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        loss_percent: 0,
        twice_percent: 0,
    };
}

/// The links of a network that are not good.
#[derive(Debug)]
pub(super) struct Links {
    bad: BTreeMap<(Host, Host), Link>,
    random: Random,
}

impl Links {
    /// A network whose links are good.
    pub(super) const fn new(random: Random) -> Self {
        Self { bad: BTreeMap::new(), random }
    }

    /// Makes the way between two hosts as it says, in place of what it was.
    pub(super) fn set(&mut self, one: Host, other: Host, link: Link) {
        self.bad.insert(pair(one, other), link);
    }

    /// Makes the way between two hosts good again.
    pub(super) fn heal(&mut self, one: Host, other: Host) {
        self.bad.remove(&pair(one, other));
    }

    /// After how long each copy of a packet arrives; none when it is lost.
    pub(super) fn arrivals(&mut self, from: Host, to: Host) -> Vec<Duration> {
        // No number is drawn for a good link, which most packets pass: only bad ones use the seed
        // up.
        let Some(link) = self.bad.get(&pair(from, to)).copied() else {
            return vec![Duration::ZERO];
        };
        if link.is_cut || self.random.percent(link.loss_percent) {
            return Vec::new();
        }
        let copies = 1 + usize::from(self.random.percent(link.twice_percent));
        // Each copy has a delay of its own, which is how real networks reorder.
        (0..copies).map(|_| link.delay + self.part(link.jitter)).collect()
    }

    fn part(&mut self, of: Duration) -> Duration {
        of / 1_000 * u32::try_from(self.random.below(1_001)).unwrap_or(0)
    }
}

/// A way is the same in both directions.
fn pair(one: Host, other: Host) -> (Host, Host) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests;
