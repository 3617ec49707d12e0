//! What a simulated host has: a seed and what was changed since, and nothing else.
//!
//! A hundred thousand inventories held as records would be gigabytes. A host's first one can be
//! drawn again at any time, so only what differs from it is kept.

use protocol::fingerprint::SoftwareKey;
use protocol::host::{HostFacts, Platform};

use super::changes::{Edit, Row};
use super::inventory::{self, Profile};
use super::stock::{Item, Records, Rows, Stock};
use crate::random::Random;

/// A simulated host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// Its number in the fleet.
    pub(crate) number: u32,
    profile: Profile,
    apps: u32,
    seed: Random,
    /// Of the first inventory, what is gone.
    gone: Vec<Item>,
    /// What came later and is still there.
    come: Vec<Row>,
}

impl Host {
    /// The `number`th host of a fleet, with `apps` records.
    pub(crate) fn new(number: u32, apps: u32, random: &Random) -> Self {
        // The profile is drawn from what the inventory is drawn from next, so that a host's number
        // says all of it.
        let mut seed = random.fork(number.into());
        Self {
            number,
            profile: Profile::draw(&mut seed),
            apps,
            seed,
            gone: Vec::new(),
            come: Vec::new(),
        }
    }

    /// The same host after another installation: other software, and nothing of what it had.
    pub(crate) fn reinstalled(&self) -> Self {
        Self { seed: self.seed.fork(1), gone: Vec::new(), come: Vec::new(), ..self.clone() }
    }

    /// The name that it goes by.
    pub(crate) fn name(&self) -> String {
        format!("sim-{:05}", self.number)
    }

    /// What it says about itself.
    pub(crate) fn facts(&self) -> HostFacts {
        self.profile.facts(&self.name())
    }

    /// What its keys are computed with.
    pub(crate) fn platform(&self) -> Platform {
        self.profile.platform()
    }

    /// What it has.
    pub(crate) fn rows(&self, stock: &Stock) -> Rows {
        let apps = usize::try_from(self.apps).unwrap_or(usize::MAX);
        // A copy of the seed: the drawing must begin at the same place each time.
        let mut rows = inventory::draw(stock, self.profile, apps, &mut self.seed.clone());
        for item in &self.gone {
            rows.remove(item);
        }
        rows.extend(self.come.iter().map(|row| (row.item, row.installed_after_s)));
        rows
    }

    /// What it has, as records.
    pub(crate) fn records(&self, stock: &Stock) -> Records {
        stock.records(&self.rows(stock), &self.platform())
    }

    /// The keys of what it has.
    pub(crate) fn keys(&self, stock: &Stock) -> Vec<SoftwareKey> {
        self.records(stock).into_keys().collect()
    }

    /// Changes it.
    pub(crate) fn apply(&mut self, edit: &Edit) {
        if let Some(gone) = &edit.gone {
            let before = self.come.len();
            // First among what came later: of an item that went and came again, only that one is
            // still there.
            self.come.retain(|row| row.item != gone.item);
            // What came later and goes again leaves no trace.
            if self.come.len() == before {
                self.gone.push(gone.item);
            }
        }
        self.come.extend(edit.come);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::changes;

    fn host(number: u32) -> Host {
        Host::new(number, 100, &Random::new(1))
    }

    #[test]
    fn has_the_same_whenever_it_is_asked_and_other_hosts_have_other_things() {
        let stock = Stock::load().expect("the stock");
        assert_eq!(host(3).rows(&stock), host(3).rows(&stock));
        assert_ne!(host(3).rows(&stock), host(4).rows(&stock));
        assert_eq!(host(3).keys(&stock).len(), 100);
        let reinstalled = host(3).reinstalled();
        assert_eq!(reinstalled.platform(), host(3).platform());
        assert_ne!(reinstalled.rows(&stock), host(3).rows(&stock));
    }

    #[test]
    fn keeps_what_changed_and_no_more_than_that() {
        let stock = Stock::load().expect("the stock");
        let mut host = host(1);
        let mut random = Random::new(5);
        let mut expected = host.rows(&stock);
        for number in 1..=1_000 {
            let Some(edit) = changes::draw(&expected, &[1, 2, 3], number, &mut random) else {
                continue;
            };
            if let Some(gone) = edit.gone {
                assert!(expected.remove(&gone.item).is_some());
            }
            expected.extend(edit.come.map(|row| (row.item, row.installed_after_s)));
            host.apply(&edit);
            assert_eq!(host.rows(&stock), expected, "after change {number}");
        }
        assert!(host.gone.len() <= 100, "{} gone", host.gone.len());
        assert!(host.come.len() <= expected.len());
    }
}
