//! A simulated host: what it changes is what its next scan finds, and nothing else.

use protocol::report::{Report, ReportBody};

use super::*;

fn host(packages: u32, seed: u64) -> Host {
    Host::new(packages, Random::new(seed))
}

/// Changes a host so often, and gives the truth after each.
fn history(
    packages: u32,
    seed: u64,
    changes: usize,
) -> Vec<BTreeMap<SoftwareKey, RecordFingerprint>> {
    let mut host = host(packages, seed);
    (0..changes)
        .map(|_| {
            host.change();
            host.truth()
        })
        .collect()
}

#[test]
fn begins_with_as_many_packages_as_asked_for() {
    for packages in [0, 1, 5, 260] {
        let host = host(packages, 1);
        assert_eq!(host.scan().records.len(), packages as usize);
        assert_eq!(host.truth().len(), packages as usize);
        assert_eq!(host.scan().sources[0].records, packages);
    }
}

#[test]
fn a_seed_says_everything_that_happens_on_it() {
    assert_eq!(history(40, 7, 50), history(40, 7, 50));
    assert_ne!(history(40, 7, 50), history(40, 8, 50));
}

#[test]
fn a_scan_changes_nothing() {
    let host = host(40, 7);
    let (one, other) = (host.scan(), host.scan());
    assert_eq!(one.records, other.records);
    assert_eq!(one.platform, other.platform);
}

#[test]
fn changes_add_remove_upgrade_and_move() {
    let mut host = host(40, 3);
    let mut seen = [false; 4];
    for _ in 0..200 {
        let (before, truth) = (host.scan().records, host.truth());
        host.change();
        let (after, now) = (host.scan().records, host.truth());
        let names = |records: &BTreeMap<SoftwareKey, SoftwareRecord>| {
            let names = records.values().map(|record| record.name.clone());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let (old, new) = (names(&before), names(&after));
        seen[0] |= new.difference(&old).next().is_some();
        seen[1] |= old.difference(&new).next().is_some();
        // The same name under another key is another version.
        seen[2] |= after
            .iter()
            .any(|(key, record)| old.contains(&record.name) && !before.contains_key(key));
        // The same key with another fingerprint is another place.
        seen[3] |=
            now.iter().any(|(key, print)| truth.get(key).is_some_and(|other| other != print));
    }
    assert_eq!(seen, [true; 4], "added, removed, upgraded, moved");
}

#[test]
fn what_is_gone_never_comes_back_under_its_number() {
    let mut host = host(5, 11);
    let mut gone = std::collections::BTreeSet::new();
    for _ in 0..300 {
        let before: Vec<u32> = host.installed.keys().copied().collect();
        host.change();
        gone.extend(before.into_iter().filter(|n| !host.installed.contains_key(n)));
        let again = host.installed.keys().find(|number| gone.contains(number));
        assert_eq!(again, None);
    }
    assert!(!gone.is_empty());
}

#[test]
fn an_empty_host_can_only_get_something() {
    let mut empty = host(0, 1);
    empty.change();
    assert!(empty.next > 0, "what comes has a number");
}

#[test]
fn an_upgraded_system_has_the_same_packages_under_other_keys() {
    let mut host = host(40, 1);
    let before = host.scan();
    host.upgrade();
    let after = host.scan();
    assert_eq!(after.platform.version, "12");
    assert_eq!(after.facts.platform, after.platform);
    let names = |inventory: &Inventory| {
        let mut names: Vec<_> = inventory.records.values().map(|r| r.name.clone()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&before), names(&after));
    let same = before.records.keys().filter(|key| after.records.contains_key(key));
    assert_eq!(same.count(), 0, "all keys are others");
    host.upgrade();
    assert_eq!(host.scan().platform.version, "13");
}

#[test]
fn its_keys_are_those_that_the_protocol_computes_for_a_report() {
    let host = host(100, 1);
    let inventory = host.scan();
    let report = Report {
        position: protocol::ids::Position::new(1, 1),
        made_at_ms: 0,
        platform: inventory.platform.clone(),
        facts: None,
        sources: inventory.sources.clone(),
        body: ReportBody::Snapshot {
            from: SoftwareKey(0),
            to: None,
            records: inventory.records.values().cloned().collect(),
        },
        digest: None,
    };
    let keys = report.validate().expect("a valid report");
    assert_eq!(keys, inventory.records.keys().copied().collect::<Vec<_>>());
    assert_eq!(keys, host.truth().keys().copied().collect::<Vec<_>>());
}
