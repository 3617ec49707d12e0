//! The same content makes the same file in any order, and what was replaced leaves no trace.

use super::*;

#[test]
fn the_same_records_in_any_order_make_the_same_file() {
    let forward = records();
    let mut backward = records();
    backward.reverse();
    let twice = [records(), records()].concat();
    assert_eq!(bytes_of(&forward), bytes_of(&backward));
    assert_eq!(bytes_of(&forward), bytes_of(&twice));
}

#[test]
fn the_same_advisories_in_any_order_make_the_same_file() {
    let forward = advisories();
    let mut backward = advisories();
    backward.reverse();
    let twice = [advisories(), advisories()].concat();
    let bytes = bytes_with(&records(), &forward);
    assert_eq!(bytes, bytes_with(&records(), &backward));
    assert_eq!(bytes, bytes_with(&records(), &twice));
    let stats = Index::from_bytes(bytes).unwrap().stats();
    assert_eq!((stats.advisories, stats.places, stats.statements), (3, 2, 4));
}

#[test]
fn the_newest_of_an_advisory_replaces_it_whole_and_a_withdrawn_one_says_nothing() {
    let expected = bytes_with(&[], &advisories());
    let mut old = advisories();
    for (at, advisory) in old.iter_mut().enumerate() {
        advisory.modified = Some(Timestamp(1));
        advisory.severity = format!("was {at}");
        for affected in &mut advisory.affected {
            affected.package = format!("gone-{at}");
        }
    }
    for both in [[old.clone(), advisories()], [advisories(), old]] {
        assert_eq!(bytes_with(&[], &both.concat()), expected);
    }
    let mut withdrawn = advisories();
    for advisory in &mut withdrawn {
        advisory.modified = Some(Timestamp(9));
        advisory.is_withdrawn = true;
    }
    let all = [withdrawn, advisories()].concat();
    assert_eq!(bytes_with(&[], &all), bytes_with(&[], &[]), "no trace");
}

#[test]
fn two_versions_of_one_instant_are_decided_alike_in_any_order() {
    let one = advisories();
    let mut other = advisories();
    other[0].affected[0].package = "other".to_owned();
    let forward = bytes_with(&[], &[one.clone(), other.clone()].concat());
    assert_eq!(forward, bytes_with(&[], &[other, one].concat()));
}

#[test]
fn what_was_replaced_leaves_no_trace() {
    let old = record(
        "CVE-2024-0001",
        0,
        &on(
            &[(&app("gone:gone:9.9:beta"), r#""versionEndExcluding":"8.8""#)],
            &[&system("gone:os:7")],
        ),
    );
    let with_old = [vec![old], records()].concat();
    assert_eq!(bytes_of(&with_old), bytes_of(&records()));
}
