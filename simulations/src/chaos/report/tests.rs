//! What a chaos run complains of, and what it tells machines.

use super::super::fleet::Compared;
use super::*;

fn report() -> Report {
    let good = Shown {
        agents: 5,
        enrolled: 5,
        verify: Some(Compared { hosts: 5, records: 500, ..Compared::default() }),
        ..Shown::default()
    };
    Report {
        nodes: 3,
        seed: 7,
        asked: 1,
        broken_s: 12.345_6,
        suffered: vec![Suffered {
            kind: "wipe node",
            took: Duration::from_millis(2_250),
            ended_alone: 0,
        }],
        ended_afterwards: 0,
        dead_letters: 0,
        cloned: 0,
        is_without_clocks: false,
        standstill: Standstill::default(),
        fleets: vec![good.clone(), good],
    }
}

#[test]
fn a_run_after_which_everything_agrees_is_good_and_says_what_it_did() {
    let report = report();
    assert_eq!(report.complaints(), Vec::<String>::new());
    let json = report.to_json();
    assert_eq!(json["records_compared"], 1_000);
    assert_eq!(json["faults_by_kind"]["wipe node"]["longest_s"], 2.25);
    assert_eq!(json["faults_by_kind"]["fail over"]["times"], 0);
}

#[test]
fn too_few_faults_dead_letters_dying_nodes_and_different_rows_are_complaints() {
    let mut bad = report();
    bad.asked = 2;
    bad.dead_letters = 3;
    bad.suffered[0].ended_alone = 1;
    bad.fleets[1].verify = None;
    assert_eq!(bad.complaints().len(), 4, "{:?}", bad.complaints());
}

#[test]
fn an_honest_agent_that_was_taken_for_a_clone_is_a_complaint() {
    let bad = Report { cloned: 2, ..report() };
    assert_eq!(bad.complaints(), ["2 honest agents were taken for clones"]);
    assert_eq!(bad.to_json()["taken_for_clones"], 2);
}

#[test]
fn a_clock_step_that_moved_no_clock_is_no_fault_that_was_done() {
    let mut bad = Report { is_without_clocks: true, ..report() };
    assert_eq!(bad.complaints(), Vec::<String>::new(), "no clock was to be moved");
    bad.suffered[0].kind = CLOCK_STEP;
    assert_eq!(bad.complaints().len(), 1, "{:?}", bad.complaints());
    assert!(bad.complaints()[0].contains("libfaketime"), "{:?}", bad.complaints());
}

#[test]
fn a_node_that_ends_when_nothing_is_broken_any_more_is_a_complaint_too() {
    let mut bad = report();
    bad.ended_afterwards = 1;
    assert_eq!(bad.complaints(), ["1 times a node ended by itself"]);
}

#[test]
fn every_complaint_says_what_it_is_of() {
    type Spoil = fn(&mut Report);
    let spoils: [(Spoil, &str); 6] = [
        (|report| report.asked = 9, "1 of 9 faults fit into the time: give it more"),
        (|report| report.dead_letters = 3, "3 dead letters"),
        (|report| report.suffered[0].ended_alone = 2, "2 times a node ended by itself"),
        (
            |report| report.fleets[0].verify = None,
            "company 1: its hosts were not compared with the rows",
        ),
        (|report| report.fleets[1].reports_unanswered = 4, "company 2: 4 reports have no answer"),
        (|report| report.fleets[1].enrolled = 4, "company 2: 4 of 5 agents enrolled"),
    ];
    for (spoil, complaint) in spoils {
        let mut bad = report();
        spoil(&mut bad);
        assert_eq!(bad.complaints(), [complaint]);
        let json = bad.to_json();
        assert_eq!(json["complaints"][0], complaint, "machines are told as well");
    }
}

#[test]
fn nodes_that_ended_meanwhile_and_afterwards_are_one_complaint() {
    let mut bad = report();
    bad.suffered[0].ended_alone = 2;
    bad.ended_afterwards = 3;
    assert_eq!(bad.complaints(), ["5 times a node ended by itself"]);
}

#[test]
fn figures_of_all_companies_are_added() {
    let mut run = report();
    for (number, fleet) in (1..).zip(&mut run.fleets) {
        fleet.records_acked = 100 * number;
        fleet.sessions = number;
        fleet.snapshots_asked = 2 * number;
        if let Some(verdict) = &mut fleet.verify {
            verdict.lost = number;
            verdict.twice = 10 * number;
            verdict.unexpected = 20 * number;
            verdict.differing = 1;
        }
    }
    let json = run.to_json();
    for (name, sum) in [
        ("agents", 10),
        ("records_acked", 300),
        ("sessions", 3),
        ("snapshots_asked", 6),
        ("hosts_compared", 10),
        ("lost", 3),
        ("twice", 30),
        ("unexpected", 60),
        ("differing", 2),
    ] {
        assert_eq!(json[name], sum, "{name}");
    }
}

#[test]
fn a_kind_says_how_often_it_came_and_how_long_the_longest_took() {
    let mut run = report();
    let suffered = |kind, ms| Suffered { kind, took: Duration::from_millis(ms), ended_alone: 0 };
    run.suffered = vec![
        suffered("kill node", 1_504),
        suffered("kill node", 3_999),
        suffered("kill node", 200),
    ];
    let json = run.to_json();
    assert_eq!(json["faults"], 3);
    assert_eq!(json["faults_by_kind"]["kill node"]["times"], 3);
    assert_eq!(json["faults_by_kind"]["kill node"]["longest_s"], 4.0);
    let kinds = json["faults_by_kind"].as_object().expect("an object");
    assert_eq!(kinds.len(), KINDS.len(), "those that never came are said as well");
    assert_eq!(json["seconds_of_faults"], 12.35);
}

#[test]
fn a_standstill_is_said_with_what_was_going_on() {
    let mut run = report();
    run.standstill = Standstill {
        lasted: Duration::from_millis(16_254),
        fault: "cut from database 2 for 15.9s".to_owned(),
    };
    let json = run.to_json();
    assert_eq!(json["longest_without_progress_s"], 16.25);
    assert_eq!(json["longest_without_progress_during"], "cut from database 2 for 15.9s");
}
