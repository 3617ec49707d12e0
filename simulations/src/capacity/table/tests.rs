//! The table for people, and the answer for machines.

use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Command};

fn told_by(words: &[&str]) -> String {
    let own = ["muster-sim", "capacity"];
    let cli = Cli::try_parse_from(own.iter().chain(words)).expect("arguments");
    let Command::Capacity(args) = cli.command else {
        panic!("another command");
    };
    let mut out = Vec::new();
    crate::capacity::run(&args, &mut out).expect("an answer");
    String::from_utf8(out).expect("text")
}

#[test]
fn the_table_has_a_column_for_each_size_and_says_what_it_rests_on() {
    let text = told_by(&[]);
    let first = text.lines().next().expect("a line");
    for size in ["10,000", "1,000,000", "10,000,000"] {
        assert!(first.contains(size), "{first}");
    }
    for line in ["collector nodes", "assumed:", "costs, of ", "row_bytes"] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
}

#[test]
fn the_answer_for_machines_has_every_assumption() {
    let text = told_by(&["--json", "--agents", "7", "--held-percent", "100"]);
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["plans"][0]["agents"], 7);
    assert_eq!(answer["load"]["held"]["share"], 1.0);
    assert_eq!(answer["plans"][0]["figures"][0]["value"], 7.0);
    assert!(answer["costs"]["row_bytes"]["how"].is_string());
}

#[test]
fn numbers_have_the_digits_that_matter() {
    assert_eq!(told(5_025_000.0, "B/s"), "5.03 MB/s");
    assert_eq!(told(432_000_000.0, ""), "432 M");
    assert_eq!(told(2.0, ""), "2");
    assert_eq!(told(0.0123, "GiB"), "0.0123 GiB");
    assert_eq!(told(125.4, "s"), "125 s");
    assert_eq!(grouped(10_000_000), "10,000,000");
    assert_eq!(grouped(999), "999");
}

#[test]
fn values_at_the_edges_of_their_units_keep_three_digits() {
    for (value, unit, text) in [
        (0.0, "", "0"),
        (999.0, "B/s", "999 B/s"),
        (1_000.0, "B/s", "1 kB/s"),
        (999_999.0, "B/s", "1000 kB/s"),
        (1_000_000.0, "B/s", "1 MB/s"),
        (999_999.0, "", "999999"),
        (1_000_000.0, "", "1 M"),
        (1_500_000_000.0, "", "1.50 G"),
        (0.099_99, "s", "0.1000 s"),
        (0.1, "s", "0.10 s"),
        (9.994, "", "9.99"),
        (10.04, "", "10.0"),
        (99.96, "", "100.0"),
        (100.4, "", "100"),
        // Memory is in GiB whatever it comes to: no second unit in one row.
        (2_000_000.5, "GiB", "2000000 GiB"),
    ] {
        assert_eq!(told(value, unit), text, "{value} {unit}");
    }
}

#[test]
fn digits_are_grouped_from_behind() {
    for (number, text) in [
        (0, "0"),
        (1_000, "1,000"),
        (12_345, "12,345"),
        (123_456, "123,456"),
        (u64::MAX, "18,446,744,073,709,551,615"),
    ] {
        assert_eq!(grouped(number), text);
    }
}

#[test]
fn every_row_is_as_wide_as_its_head_and_marked_by_how_it_is_known() {
    let text = told_by(&["--agents", "10,10000000"]);
    let rows: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    let width = rows[0].chars().count();
    assert_eq!(width, 34 + 2 * 18);
    for row in &rows[1..] {
        assert_eq!(row.chars().count(), width, "{row:?}");
    }
    let row = |name: &str| {
        let found = rows.iter().find(|row| row.starts_with(name));
        *found.unwrap_or_else(|| panic!("{name} is not in:\n{text}"))
    };
    // Assumed, extrapolated from fewer, guessed.
    assert!(row("connections held").ends_with(' '));
    assert!(row("rows on disk").ends_with('*'));
    assert!(row("collector nodes").ends_with('?'));
    // Measured with a hundred thousand: for ten it is no claim.
    let small = told_by(&["--agents", "10"]);
    let disk = small.lines().find(|line| line.starts_with("rows on disk"));
    assert!(disk.expect("a row").ends_with(' '));
}

#[test]
fn sizes_stand_in_the_order_in_which_they_were_asked_for() {
    let text = told_by(&["--agents", "500,20,100000"]);
    let head: Vec<&str> = text.lines().next().expect("a line").split_whitespace().collect();
    assert_eq!(head, ["agents", "500", "20", "100,000"]);
}

#[test]
fn costs_that_nobody_measured_are_said_to_be_so() {
    let text = told_by(&["--agents", "10"]);
    let line = |name: &str| {
        let found = text.lines().find(|line| line.starts_with(&format!("- {name} ")));
        found.unwrap_or_else(|| panic!("{name} is not in:\n{text}"))
    };
    assert!(line("visit_ms").contains("(not measured)"));
    assert!(line("row_bytes").contains("(with 100,000 agents)"));
}

#[test]
fn what_a_node_does_by_itself_is_what_is_assumed() {
    use collector::config::{Config, Layers};
    let shipped = Config::from_layers(Layers::defaults()).expect("the defaults");
    let cli = Cli::try_parse_from(["muster-sim", "capacity"]).expect("arguments");
    let Command::Capacity(args) = cli.command else {
        panic!("another command");
    };
    assert_eq!(args.held_percent, None, "connections = auto");
    assert_eq!(args.held_max, shipped.ingest.held_max);
    assert_eq!(args.visit_every_s, shipped.ingest.visit_every_s);
    assert_eq!(args.database_connections_max, shipped.database.connections_max);
}

#[test]
fn assumptions_are_said_as_they_were_given() {
    let text = told_by(&[
        "--agents=10",
        "--held-percent=25",
        "--records=1234",
        "--retention-days=7",
        "--node-cores=3",
        "--outage-hours=0.5",
    ]);
    for part in [
        "- 1234 records a host",
        "25 % of the hosts hold their connections",
        "kept for 7 days",
        "nodes of 3 cores",
        "queues last 0.5 h",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_file_of_costs_takes_the_place_of_those_that_came_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("costs.json");
    let mut costs: serde_json::Value =
        serde_json::from_str(include_str!("../../../data/costs.json")).expect("JSON");
    costs["machine"] = "a machine of a test".into();
    std::fs::write(&path, costs.to_string()).expect("writes");
    let file = path.display().to_string();
    let text = told_by(&["--agents=10", "--costs", &file]);
    assert!(text.contains("on a machine of a test:"), "{text}");
    let cli = Cli::try_parse_from(["muster-sim", "capacity", "--costs", "/nowhere"]);
    let Command::Capacity(args) = cli.expect("arguments").command else {
        panic!("another command");
    };
    let error = crate::capacity::run(&args, &mut Vec::new()).expect_err("no file");
    assert!(format!("{error:#}").contains("read the costs /nowhere"));
}

#[test]
fn sizes_and_shares_that_mean_nothing_are_refused() {
    for words in [
        ["--held-percent", "101"],
        ["--held-percent=10", "--held-max=10"],
        ["--node-use-percent", "0"],
        ["--node-use-percent", "101"],
        ["--node-cores", "0"],
        ["--node-gib", "0"],
        ["--heartbeat-every-s", "0"],
        ["--visit-every-s", "0"],
        ["--agents", "many"],
        ["--agents", "-1"],
    ] {
        let line = ["muster-sim", "capacity"].into_iter().chain(words);
        assert!(Cli::try_parse_from(line).is_err(), "{words:?}");
    }
}
