//! The simulated host: what is installed on it, which is what the rows have to say in the end.

use std::collections::BTreeMap;

use agent::collect::Inventory;
use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::host::{HostFacts, Platform};
use protocol::software::{SoftwareRecord, Source, SourceState, SourceStatus};

use crate::random::Random;

/// A machine with software on it.
#[derive(Clone, Debug)]
pub(super) struct Host {
    platform: Platform,
    /// Version and place of what is installed, by its number.
    // In order, because one of them is picked by its place: a run has to pick the same one again.
    installed: BTreeMap<u32, (u32, u32)>,
    next: u32,
    random: Random,
}

impl Host {
    /// A host with so many packages.
    pub(super) fn new(packages: u32, random: Random) -> Self {
        Self {
            platform: Platform {
                family: "linux".to_owned(),
                id: "debian".to_owned(),
                version: "11".to_owned(),
            },
            installed: (0..packages).map(|number| (number, (1, 0))).collect(),
            next: packages,
            random,
        }
    }

    /// Installs, removes, upgrades or moves some packages.
    pub(super) fn change(&mut self) {
        // Several at once, and the later ones may undo the earlier: a scan sees only what came of
        // them.
        for _ in 0..1 + self.random.below(12) {
            let numbers: Vec<u32> = self.installed.keys().copied().collect();
            let some = self.random.pick(&numbers).copied();
            match (self.random.below(4), some) {
                (0, Some(number)) => {
                    self.installed.remove(&number);
                }
                (1, Some(number)) => {
                    // Another version is another key; another place is the same key with another
                    // fingerprint.
                    self.installed.entry(number).and_modify(|(version, _)| *version += 1);
                }
                (2, Some(number)) => {
                    self.installed.entry(number).and_modify(|(_, place)| *place += 1);
                }
                _ => {
                    // Never a number of before: what is gone and what comes have to be told apart
                    // in the rows.
                    self.installed.insert(self.next, (1, 0));
                    self.next += 1;
                }
            }
        }
    }

    /// Moves to the next release of its system.
    pub(super) fn upgrade(&mut self) {
        // It is a number that this file made; the fallback is the first one of all.
        let release: u32 = self.platform.version.parse().unwrap_or(11);
        self.platform.version = (release + 1).to_string();
    }

    /// What a scan finds now.
    pub(super) fn scan(&self) -> Inventory {
        let records: BTreeMap<SoftwareKey, SoftwareRecord> = self
            .installed
            .iter()
            .map(|(number, (version, place))| {
                let record = SoftwareRecord {
                    locations: vec![format!("/opt/{place}")],
                    ..SoftwareRecord::new(
                        Source::Deb,
                        format!("package-{number}"),
                        version.to_string(),
                    )
                };
                (SoftwareKey::of(&record, &self.platform), record)
            })
            .collect();
        // A host of a run has some hundreds.
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        Inventory {
            platform: self.platform.clone(),
            facts: HostFacts {
                hostname: "host".to_owned(),
                platform: self.platform.clone(),
                ..HostFacts::default()
            },
            sources: vec![SourceStatus {
                source: Source::Deb,
                state: SourceState::Ok,
                reason: String::new(),
                records: count,
                took_ms: 1,
            }],
            records,
        }
    }

    /// What the rows of this host have to hold.
    pub(super) fn truth(&self) -> BTreeMap<SoftwareKey, RecordFingerprint> {
        // By the same scan as the agent's, so that a difference is one of what happened since, and
        // not of two accounts.
        let records = self.scan().records;
        records.iter().map(|(key, record)| (*key, RecordFingerprint::of(*key, record))).collect()
    }
}

#[cfg(test)]
mod tests;
