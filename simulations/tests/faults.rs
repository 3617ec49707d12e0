//! Seeds of faults, and the mistakes that they have to find.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of tests that meets the unexpected has failed the test"
)]

use std::collections::BTreeSet;

use simulations::faults::{Faults, Kind, Plant, Summary};

/// Runs seeds until one breaks a promise, which none may.
fn none_breaks(seeds: std::ops::Range<u64>) -> Summary {
    let summary =
        Faults::new(None).unwrap().run(seeds, &mut |summary| summary.failures.is_empty()).unwrap();
    assert!(summary.failures.is_empty(), "{summary}");
    // A run in which nothing was ever acknowledged keeps every promise.
    assert_eq!(summary.acknowledged.min(1), 1, "{summary}");
    summary
}

// Four tests and not one, so that they run side by side.
#[test]
fn no_fault_breaks_a_promise_in_the_first_fifty_seeds() {
    none_breaks(1..51);
}

#[test]
fn no_fault_breaks_a_promise_in_the_second_fifty_seeds() {
    none_breaks(51..101);
}

#[test]
fn no_fault_breaks_a_promise_in_the_third_fifty_seeds() {
    none_breaks(101..151);
}

#[test]
fn no_fault_breaks_a_promise_in_the_fourth_fifty_seeds_and_every_kind_has_come() {
    let summary = none_breaks(151..201);
    assert_eq!(summary.missing(), [], "{summary}");
    let outcomes: BTreeSet<&str> = summary
        .counted
        .keys()
        .filter_map(|name| name.strip_prefix("muster_pipeline_outcomes_total "))
        .collect();
    for outcome in
        ["stored", "duplicate", "rejected gap", "dead_lettered refused", "dead_lettered panicked"]
    {
        assert!(outcomes.contains(outcome), "{outcome} never came: {summary}");
    }
    // `missing` is of the kinds that there are, and would not miss one that was taken away.
    assert!(Kind::ALL.len() >= 31);
}

#[test]
fn a_seed_is_the_same_run_line_by_line() {
    // In one process, where maps with random keys and addresses that differ would already show.
    for seed in [3, 8, 21] {
        let runs = || Faults::new(None).unwrap().hash(seed).unwrap();
        let (lines, hash) = runs();
        assert!(lines > 50, "{lines} lines");
        assert_eq!(runs(), (lines, hash), "seed {seed}");
    }
}

#[test]
fn two_seeds_are_two_runs() {
    let faults = Faults::new(None).unwrap();
    assert_ne!(faults.hash(1).unwrap().1, faults.hash(2).unwrap().1);
}

/// Seeds after which every planted mistake has to be found.
const FOUND_WITHIN: u64 = 40;

/// Whether a mistake is found, and what it broke.
fn found(plant: Plant) -> String {
    let summary = Faults::new(Some(plant))
        .unwrap()
        .run(1..1 + FOUND_WITHIN, &mut |summary| summary.failures.is_empty())
        .unwrap();
    let Some(failure) = summary.failures.first() else {
        panic!("{plant}: not found in {FOUND_WITHIN} seeds");
    };
    // What a person does next stands in the failure itself.
    assert!(failure.to_string().contains("muster-sim faults --seed"));
    failure.broken.join("\n")
}

#[test]
fn finds_a_collector_that_acknowledges_too_early() {
    assert!(found(Plant::AcknowledgesBeforeSync).contains("which was durable"));
    assert!(found(Plant::AcknowledgesRefusals).contains("no queue holds it"));
}

#[test]
fn finds_an_agent_that_forgets_too_early() {
    found(Plant::ForgetsWhatIsSent);
    found(Plant::ForgetsAtReconnect);
}

#[test]
fn finds_reports_that_go_astray_on_their_way_to_the_rows() {
    assert!(found(Plant::ReordersAnAgent).contains("out of its order"));
    assert!(found(Plant::EndsBeforeTheCommit).contains("ended as stored"));
    assert!(found(Plant::MixesCompanies).contains("another company"));
}

#[test]
fn finds_rows_that_do_not_keep_the_rules_of_positions() {
    use store::simulated::Plant as Rows;
    assert!(found(Plant::Rows(Rows::AppliesDuplicates)).contains("stored twice"));
    found(Plant::Rows(Rows::JumpsGaps));
    found(Plant::Rows(Rows::BuriesBesideTheLine));
}

#[test]
fn finds_rows_that_are_never_repaired() {
    use store::simulated::Plant as Rows;
    found(Plant::Rows(Rows::ComparesNoDigests));
    found(Plant::Rows(Rows::KeepsWhatIsGone));
    found(Plant::Rows(Rows::BelievesWhatWas));
}
