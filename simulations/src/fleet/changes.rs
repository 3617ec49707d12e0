//! What happens on a simulated host after its first inventory: upgrades, mostly; some programs
//! come and some go.

use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::software::SoftwareRecord;

use super::inventory::Records;
use crate::random::Random;

/// What marks a version that the simulator made, before its number.
const MARK: &str = "+sim";

/// One change of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Records that are new.
    pub(crate) upserts: Vec<SoftwareRecord>,
    /// Records that are gone.
    pub(crate) removes: Vec<SoftwareKey>,
}

/// The `number`th change of a host, which makes its versions new; `None` for a host without records.
pub(crate) fn draw(
    records: &Records,
    platform: &Platform,
    installable: &[SoftwareRecord],
    number: u64,
    random: &mut Random,
) -> Option<Change> {
    let key = any_key(records, random)?;
    let record = records.get(&key)?;
    let change = match random.below(10) {
        0 if records.len() > 1 => Change {
            upserts: Vec::new(),
            removes: vec![key],
        },
        1 => Change {
            upserts: vec![renewed(random.pick(installable)?, number)],
            removes: Vec::new(),
        },
        _ => Change {
            upserts: vec![renewed(record, number)],
            removes: vec![key],
        },
    };
    let is_new =
        |record: &SoftwareRecord| !records.contains_key(&SoftwareKey::of(record, platform));
    // A change into something that the host has already would make no row, and a looker would wait
    // for it in vain.
    change.upserts.iter().all(is_new).then_some(change)
}

/// Any of the keys. They are hashes, so what follows a random number is random.
fn any_key(records: &Records, random: &mut Random) -> Option<SoftwareKey> {
    // The upper half decides: no two of a host's keys share it but by chance.
    let from = SoftwareKey(u128::from(random.next()) << 64);
    // Past the greatest key it goes on with the smallest.
    let mut after = records.range(from..).chain(records);
    after.next().map(|(key, _)| *key)
}

fn renewed(record: &SoftwareRecord, number: u64) -> SoftwareRecord {
    // Without the mark of the change before, or a host that lives long would outgrow the wire's
    // limit on versions.
    let version = record.version.split(MARK).next().unwrap_or_default();
    SoftwareRecord {
        version: format!("{version}{MARK}{number}"),
        ..record.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::software::Source;

    fn host(names: &[&str]) -> Records {
        let records = names
            .iter()
            .map(|name| SoftwareRecord::new(Source::Deb, *name, "1.0"));
        records
            .map(|record| (SoftwareKey::of(&record, &Platform::default()), record))
            .collect()
    }

    fn draw_many(records: &Records, count: u64) -> Vec<Change> {
        let htop = SoftwareRecord::new(Source::Deb, "htop", "3.2");
        let mut random = Random::new(4);
        let platform = Platform::default();
        (0..count)
            .filter_map(|number| {
                draw(
                    records,
                    &platform,
                    std::slice::from_ref(&htop),
                    number,
                    &mut random,
                )
            })
            .collect()
    }

    #[test]
    fn upgrades_most_of_the_time_and_touches_only_what_is_there() {
        let records = host(&["bash", "vim", "dpkg"]);
        let changes = draw_many(&records, 1_000);
        let of = |upserts, removes| {
            let alike = |change: &&Change| {
                change.upserts.len() == upserts && change.removes.len() == removes
            };
            changes.iter().filter(alike).count()
        };
        assert!(of(1, 1) > 700, "upgrades");
        assert!(of(1, 0) > 50, "new programs");
        assert!(of(0, 1) > 50, "programs that go");
        let mut removes = changes.iter().flat_map(|change| &change.removes);
        assert!(removes.all(|key| records.contains_key(key)));
    }

    #[test]
    fn never_leaves_a_host_empty() {
        let changes = draw_many(&host(&["bash"]), 1_000);
        assert!(changes.iter().all(|change| !change.upserts.is_empty()));
        assert_eq!(draw_many(&Records::new(), 10), []);
    }

    #[test]
    fn a_version_keeps_one_mark_however_often_it_changes() {
        let once = renewed(&SoftwareRecord::new(Source::Deb, "bash", "5.2"), 1);
        assert_eq!(once.version, "5.2+sim1");
        assert_eq!(renewed(&once, 22).version, "5.2+sim22");
    }

    #[test]
    fn reaches_every_record_of_a_host() {
        let records = host(&["bash", "vim", "dpkg", "htop"]);
        let mut random = Random::new(9);
        let mut seen: Vec<_> = (0..200)
            .filter_map(|_| any_key(&records, &mut random))
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), records.len());
    }
}
