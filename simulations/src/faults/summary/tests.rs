//! What many seeds came to: sums, longest times, and what a person is told of a failure.

use super::*;

fn outcome(settled_s: u64, stalled_s: u64) -> Outcome {
    Outcome {
        acknowledged: 10,
        stored: 8,
        simulated: Duration::from_secs(1_800),
        settled_after: Duration::from_secs(settled_s),
        stalled: Duration::from_secs(stalled_s),
        injected: BTreeMap::from([(Kind::Cut, 2), (Kind::Stall, 1)]),
        counted: BTreeMap::from([("stored".to_owned(), 8)]),
        ..Outcome::default()
    }
}

fn broken(what: &str) -> Outcome {
    Outcome {
        violations: vec![what.to_owned()],
        last: vec!["       1.000 fault node wiped: node 0".to_owned()],
        ..outcome(1, 1)
    }
}

#[test]
fn adds_what_seeds_did() {
    let mut summary = Summary::default();
    summary.add(1, &outcome(5, 2));
    summary.add(2, &outcome(5, 2));
    assert_eq!((summary.seeds, summary.acknowledged, summary.stored), (2, 20, 16));
    assert_eq!(summary.simulated, Duration::from_secs(3_600));
    assert_eq!(summary.injected[&Kind::Cut], 4);
    assert_eq!(summary.counted["stored"], 16);
    assert!(summary.failures.is_empty());
}

#[test]
fn keeps_the_slowest_seed_and_the_one_that_stood_still_for_longest_apart() {
    let mut summary = Summary::default();
    for (seed, settled, stalled) in [(1, 30, 2), (2, 500, 1), (3, 40, 90), (4, 0, 0)] {
        summary.add(seed, &outcome(settled, stalled));
    }
    assert_eq!(summary.slowest, (Duration::from_secs(500), 2));
    assert_eq!(summary.stalled, (Duration::from_secs(90), 3));
}

#[test]
fn a_seed_without_a_broken_promise_is_no_failure() {
    assert!(Failure::of(1, &outcome(1, 1)).is_none());
    let failure = Failure::of(8, &broken("a report was stored twice")).expect("a failure");
    assert_eq!((failure.seed, failure.broken.len()), (8, 1));
}

#[test]
fn a_failure_says_what_broke_what_came_before_and_how_to_see_it_again() {
    let failure = Failure::of(8, &broken("a report was stored twice")).expect("a failure");
    let expected = "seed 8 broke a promise:\n  a report was stored twice\nits last lines:\n         \
                    1.000 fault node wiped: node 0\nagain, with all of them: muster-sim faults \
                    --seed 8 --trace\n";
    assert_eq!(failure.to_string(), expected);
}

#[test]
fn kinds_that_never_came_are_named() {
    let mut summary = Summary::default();
    assert_eq!(summary.missing().len(), Kind::ALL.len());
    summary.add(1, &outcome(1, 1));
    let missing = summary.missing();
    assert_eq!(missing.len(), Kind::ALL.len() - 2);
    assert!(!missing.contains(&Kind::Cut) && missing.contains(&Kind::NodeWiped));
}

#[test]
fn tells_people_all_of_it_and_no_infinity() {
    let mut summary = Summary::default();
    let none = summary.to_string();
    assert!(none.starts_with("0 seeds in 0 s (0.0 a second)"), "{none}");
    summary.add(1, &outcome(61, 7));
    summary.add(2, &broken("a company has another's rows"));
    summary.took = Duration::from_millis(4_000);
    let text = summary.to_string();
    for line in [
        "2 seeds in 4 s (0.5 a second), 1.0 simulated hours",
        "20 reports acknowledged, 16 stored",
        "all right 61 s after the faults at the latest (seed 1); longest without progress 7 s (seed 1)",
        "       4 connection cut",
        "      16 stored",
        "seed 2 broke a promise:",
        "a company has another's rows",
    ] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
}

#[test]
fn a_failure_as_json_has_what_a_script_wants() {
    let failure = Failure::of(8, &broken("twice")).expect("a failure");
    let json = serde_json::to_value(&failure).expect("JSON");
    assert_eq!((&json["seed"], &json["broken"][0]), (&8.into(), &"twice".into()));
}
