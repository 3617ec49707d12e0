//! The software that hosts of a fleet can have, and the records and keys of what one has.
//!
//! A hundred thousand hosts share one catalogue: a host says by number what it has, and the
//! record is made when it is sent or compared. It must never give two records for one item.

use std::collections::BTreeMap;

use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::software::{SoftwareRecord, Source};

use super::catalogue::{Catalogue, CatalogueError, Pool};

/// When the first simulated host was installed: 2023-11-14.
const INSTALLED_FROM_S: u32 = 1_700_000_000;
/// What marks a version that the simulator made, before its number.
const MARK: &str = "+sim";

/// Records of one host, by their keys.
pub(crate) type Records = BTreeMap<SoftwareKey, SoftwareRecord>;

/// Which software a host has: what makes its key, apart from the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Item {
    /// The package's number in the stock.
    pub(crate) package: u32,
    /// Which of several programs of one name, on hosts with more than there are packages; 0 alone.
    pub(crate) copy: u32,
    /// The change that brought its version; 0 for the catalogue's own.
    pub(crate) change: u64,
}

/// What a host has, with the time of its installation in seconds after the first of all.
pub(crate) type Rows = BTreeMap<Item, u32>;

/// The software that hosts can have.
#[derive(Debug)]
pub(crate) struct Stock {
    catalogue: Catalogue,
    pools: Vec<(Pool, Vec<u32>)>,
}

impl Stock {
    /// Everything in the catalogue that came with the program.
    ///
    /// # Errors
    ///
    /// When the program was built with a broken catalogue.
    pub(crate) fn load() -> Result<Self, CatalogueError> {
        let catalogue = Catalogue::load()?;
        // Numbered over all pools: a number names a package, whichever pool it is in.
        let members = |pool: Pool| {
            let numbered = (0..).zip(catalogue.packages());
            let inside = numbered.filter(|(_, (of, _))| *of == pool);
            inside.map(|(number, _)| number).collect()
        };
        let pools = Pool::NAMES.map(|(_, pool)| (pool, members(pool))).into();
        Ok(Self { catalogue, pools })
    }

    /// The numbers of a pool's packages, in its order.
    pub(crate) fn pool(&self, pool: Pool) -> &[u32] {
        let found = self.pools.iter().find(|(of, _)| *of == pool);
        found.map_or(&[], |(_, members)| members)
    }

    /// The record of an item; `None` for a package that there is not.
    pub(crate) fn record(&self, item: Item, installed_after_s: u32) -> Option<SoftwareRecord> {
        let package = usize::try_from(item.package).ok()?;
        let (_, package) = self.catalogue.packages().get(package)?;
        let mut record = package.clone();
        if item.copy > 0 {
            record.name.push_str(&format!("-{}", item.copy));
        }
        if item.change > 0 {
            record.version.push_str(&format!("{MARK}{}", item.change));
        }
        // One of the two and not both, as real sources do: reports are to be as long as real ones.
        match place(&record) {
            Some(place) => record.locations = vec![place],
            None => record.installed_at_s = Some(INSTALLED_FROM_S + installed_after_s),
        }
        Some(record)
    }

    /// All records of a host.
    pub(crate) fn records(&self, rows: &Rows, platform: &Platform) -> Records {
        let records = rows.iter().filter_map(|(item, after)| self.record(*item, *after));
        records.map(|record| (SoftwareKey::of(&record, platform), record)).collect()
    }
}

/// Where a record lies on its host; `None` for sources that say when instead.
fn place(record: &SoftwareRecord) -> Option<String> {
    match record.source {
        Source::Python => Some(format!("/usr/lib/python3/dist-packages/{}", record.name)),
        Source::Npm => Some(format!("/usr/lib/node_modules/{}", record.name)),
        Source::Deb
        | Source::Rpm
        | Source::Apk
        | Source::Pacman
        | Source::Snap
        | Source::Flatpak
        | Source::Appimage
        | Source::Programs
        | Source::Msix
        | Source::Apps
        | Source::Pkg
        | Source::Homebrew
        | Source::Gem
        | Source::Vscode
        | Source::ChromeExtension
        | Source::FirefoxAddon
        | Source::Os
        | Source::WindowsUpdate
        | Source::Cargo
        | Source::SafariExtension
        | Source::JetbrainsPlugin
        | Source::Go
        | Source::Maven
        | Source::Nuget
        | Source::Hex
        | Source::Component
        | Source::Macports => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn item(package: u32, copy: u32, change: u64) -> Item {
        Item { package, copy, change }
    }

    #[test]
    fn no_two_items_of_a_host_have_one_key() {
        let stock = Stock::load().expect("the stock");
        // Debian and Ubuntu have packages in common, and no host has both pools.
        for without in [Pool::Debian, Pool::Ubuntu] {
            let pools = Pool::NAMES.iter().filter(|(_, pool)| *pool != without);
            let mut keys = BTreeSet::new();
            for package in pools.flat_map(|(_, pool)| stock.pool(*pool)) {
                for (copy, change) in [(0, 0), (0, 1), (2, 0), (2, 1)] {
                    let record = stock.record(item(*package, copy, change), 0);
                    let record = record.expect("a record");
                    let key = SoftwareKey::of(&record, &Platform::default());
                    assert!(keys.insert(key), "{record:?} twice");
                }
            }
        }
    }

    #[test]
    fn an_item_is_always_the_same_record() {
        let stock = Stock::load().expect("the stock");
        let [one, again] = [(); 2].map(|()| stock.record(item(7, 2, 41), 5).expect("a record"));
        assert_eq!(one, again);
        assert!(one.name.ends_with("-2") && one.version.ends_with("+sim41"));
        assert_eq!(one.installed_at_s, Some(INSTALLED_FROM_S + 5));
        assert_eq!(stock.record(item(u32::MAX, 0, 0), 0), None);
    }

    #[test]
    fn language_packages_say_where_they_lie_and_others_when_they_came() {
        let stock = Stock::load().expect("the stock");
        for (_, pool) in Pool::NAMES {
            let first = stock.pool(pool).first().expect("a package");
            let record = stock.record(item(*first, 0, 0), 0).expect("a record");
            let has_place = matches!(pool, Pool::Python | Pool::Npm);
            assert_eq!(record.locations.len(), usize::from(has_place), "{pool:?}");
            assert_eq!(record.installed_at_s.is_none(), has_place, "{pool:?}");
        }
    }
}
