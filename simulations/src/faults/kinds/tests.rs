//! Kinds of faults: all of them come, each as often as it says.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_kind_is_drawn_sooner_or_later() {
    let mut random = Random::new(1);
    // The rarest is one of some hundred and twenty: to miss it in so many draws takes more luck
    // than there is.
    let drawn: BTreeSet<Kind> = (0..5_000).map(|_| Kind::draw(&mut random)).collect();
    assert_eq!(drawn.len(), Kind::ALL.len());
}

#[test]
fn every_kind_comes_about_as_often_as_its_weight_says() {
    let mut random = Random::new(7);
    let total: u32 = Kind::ALL.iter().map(|(_, weight)| weight).sum();
    let draws = total * 400;
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..draws {
        *counts.entry(Kind::draw(&mut random)).or_insert(0_u32) += 1;
    }
    for (kind, weight) in Kind::ALL {
        let expected = weight * 400;
        let drawn = counts[kind];
        // The rarest is expected 400 times, give or take 20: a quarter is five times that.
        let off = drawn.abs_diff(expected);
        assert!(off * 4 < expected, "{kind}: {drawn} of {expected}");
    }
}

#[test]
fn no_two_kinds_have_one_name_and_each_has_some_weight() {
    let names: BTreeSet<&str> = Kind::ALL.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    assert!(Kind::ALL.iter().all(|(_, weight)| *weight > 0));
    assert_eq!(Kind::CutLate.to_string(), "connection cut, its bytes late");
}

#[test]
fn the_first_faults_of_a_seed_are_always_the_same() {
    let draw = |seed| {
        let mut random = Random::new(seed);
        (0..50).map(|_| Kind::draw(&mut random)).collect::<Vec<_>>()
    };
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
}
