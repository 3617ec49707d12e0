//! The inventories of a fleet: real names, the kinds of hosts that were asked for, and the protocol's own keys.

use protocol::fingerprint::SoftwareKey;
use protocol::software::Source;

use super::*;
use crate::fleet::stock::Records;

fn inventory(profile: Profile, apps: usize, seed: u64) -> Records {
    let stock = Stock::load().expect("the stock");
    let rows = draw(&stock, profile, apps, &mut Random::new(seed));
    stock.records(&rows, &profile.platform())
}

const PROFILES: [Profile; 4] = [Profile::Debian, Profile::Ubuntu, Profile::Rhel, Profile::Windows];

#[test]
fn has_as_many_records_as_asked_for() {
    for profile in PROFILES {
        // The last is more than any pool but Debian's holds, so that programs stand there
        // twice.
        for apps in [0, 1, 99, 300, 4_000] {
            assert_eq!(inventory(profile, apps, 1).len(), apps, "{profile:?}");
        }
    }
}

#[test]
fn is_the_same_for_the_same_seed_and_another_for_another() {
    let one = inventory(Profile::Debian, 300, 1);
    assert_eq!(one, inventory(Profile::Debian, 300, 1));
    let other = inventory(Profile::Debian, 300, 2);
    let common = other.keys().filter(|key| one.contains_key(key)).count();
    // Hosts of one system have most in common, and never all.
    assert!((100..300).contains(&common), "{common} in common");
}

#[test]
fn keeps_every_limit_of_the_wire() {
    use protocol::ids::Position;
    use protocol::report::{Report, ReportBody};

    for profile in PROFILES {
        let records: Vec<_> = inventory(profile, 4_000, 3).into_values().collect();
        for part in records.chunks(100) {
            let report = Report {
                position: Position::new(1, 2),
                made_at_ms: 0,
                platform: profile.platform(),
                facts: Some(Box::new(profile.facts("host-1"))),
                sources: Vec::new(),
                body: ReportBody::Snapshot {
                    from: SoftwareKey(0),
                    to: None,
                    records: part.to_vec(),
                },
                digest: None,
            };
            assert_eq!(report.validate().map(|keys| keys.len()), Ok(part.len()));
        }
    }
}

#[test]
fn has_packages_of_several_sources() {
    let records = inventory(Profile::Debian, 1_000, 1);
    let of = |source| records.values().filter(|r| r.source == source).count();
    assert!(of(Source::Deb) > 900);
    assert!(of(Source::Python) > 20);
    assert!(of(Source::Npm) > 5);
}

#[test]
fn six_in_ten_are_debian_two_ubuntu_and_one_each_the_others() {
    let mut random = Random::new(1);
    let drawn: Vec<Profile> = (0..10_000).map(|_| Profile::draw(&mut random)).collect();
    for (profile, expected) in PROFILES.into_iter().zip([6_000, 2_000, 1_000, 1_000]) {
        let count = drawn.iter().filter(|drawn| **drawn == profile).count();
        // Five times what chance does to ten thousand.
        assert!(count.abs_diff(expected) < 250, "{profile:?}: {count}");
    }
}

#[test]
fn every_name_is_one_of_a_real_package_of_that_kind_of_host() {
    let stock = Stock::load().expect("the stock");
    for profile in PROFILES {
        let mut pools = vec![profile.own()];
        pools.extend(profile.others().iter().map(|(pool, _)| *pool));
        let known: std::collections::BTreeSet<u32> =
            pools.iter().flat_map(|pool| stock.pool(*pool).iter().copied()).collect();
        let rows = draw(&stock, profile, 500, &mut Random::new(9));
        assert!(rows.keys().all(|item| known.contains(&item.package)), "{profile:?}");
        assert!(rows.keys().all(|item| item.change == 0), "the catalogue's own versions");
    }
}

#[test]
fn shares_of_other_pools_are_rounded_down_and_never_above_what_they_say() {
    let stock = Stock::load().expect("the stock");
    for profile in PROFILES {
        for apps in [10, 49, 100, 1_000] {
            let rows = draw(&stock, profile, apps, &mut Random::new(2));
            for (pool, percent) in profile.others() {
                let pool = stock.pool(*pool);
                let count = rows.keys().filter(|item| pool.contains(&item.package)).count();
                let most = apps * percent / 100;
                assert!(count <= most, "{profile:?} of {apps}: {count} above {most}");
            }
        }
    }
}

#[test]
fn hosts_with_more_than_there_is_have_programs_side_by_side() {
    let stock = Stock::load().expect("the stock");
    let own = stock.pool(Profile::Windows.own()).len();
    let rows = draw(&stock, Profile::Windows, own * 3, &mut Random::new(1));
    assert_eq!(rows.len(), own * 3);
    assert!(rows.keys().any(|item| item.copy >= 2));
    let few = draw(&stock, Profile::Windows, own / 4, &mut Random::new(1));
    assert!(few.keys().all(|item| item.copy == 0), "a usual host has each once");
}

#[test]
fn installations_come_in_bursts_of_two_minutes() {
    let stock = Stock::load().expect("the stock");
    let rows = draw(&stock, Profile::Debian, 1_000, &mut Random::new(1));
    assert!(rows.values().all(|after| after % 1_000_000 < 120));
    let bursts: std::collections::BTreeSet<u32> =
        rows.values().map(|after| after / 1_000_000).collect();
    assert_eq!(bursts.len(), 20);
}

#[test]
fn what_a_host_says_of_itself_fits_its_platform() {
    for profile in PROFILES {
        let facts = profile.facts("sim-00001");
        assert_eq!(facts.platform, profile.platform(), "{profile:?}");
        assert_eq!(facts.hostname, "sim-00001");
        assert_eq!(facts.kernel, profile.kernel());
    }
    let families: Vec<String> = PROFILES.map(|profile| profile.platform().family).into();
    assert_eq!(families, ["linux", "linux", "linux", "windows"]);
}

#[test]
fn keys_and_digests_are_the_protocols_own() {
    use protocol::fingerprint::{InventoryDigest, RecordFingerprint};

    let records = inventory(Profile::Ubuntu, 300, 4);
    let platform = Profile::Ubuntu.platform();
    for (key, record) in &records {
        assert_eq!(*key, SoftwareKey::of(record, &platform));
    }
    let prints = || records.iter().map(|(key, record)| RecordFingerprint::of(*key, record));
    let digest: InventoryDigest = prints().collect();
    assert_eq!(digest.count, 300);
    // A set has no order, and taking something out again leaves what was there before.
    let mut other: InventoryDigest = prints().collect::<Vec<_>>().into_iter().rev().collect();
    assert_eq!(other, digest);
    let (key, record) = records.first_key_value().expect("one");
    other.remove(RecordFingerprint::of(*key, record));
    assert_ne!(other, digest);
    other.add(RecordFingerprint::of(*key, record));
    assert_eq!(other, digest);
}
