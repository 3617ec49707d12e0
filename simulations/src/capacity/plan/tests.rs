//! What sites need, by hand.

use super::*;

fn cost(value: f64, measured_with: u64) -> Cost {
    Cost { value, measured_with, how: "by hand, for this test".to_owned() }
}

/// Round costs, so that what follows from them can be told without a machine.
fn costs() -> Costs {
    let known = |value| cost(value, 100_000);
    Costs {
        date: "2026-01-01".to_owned(),
        machine: "none".to_owned(),
        collector_mib: known(1_024.0),
        connection_kib: known(32.0),
        visit_ms: known(2.0),
        heartbeat_ms: known(0.1),
        enrolment_ms: known(5.0),
        record_us: known(4.0),
        record_postgres_us: known(6.0),
        change_ms: known(1.0),
        change_postgres_ms: known(4.0),
        visit_bytes: known(6_000.0),
        heartbeat_bytes: known(200.0),
        record_bytes: known(20.0),
        change_bytes: known(500.0),
        row_bytes: known(256.0),
        queued_record_bytes: cost(50.0, 0),
    }
}

fn load() -> Load {
    Load {
        records: 200.0,
        changes_a_day: 4.32,
        peak_factor: 10.0,
        heartbeat_every_s: 200.0,
        visit_every_s: 1_000.0,
        held: Held::Share(0.2),
        database_connections: 24.0,
        retention_days: 100.0,
        node_cores: 8.0,
        node_gib: 34.0,
        node_use: 0.5,
        outage_hours: 1.0,
        rollout_hours: 1.0,
    }
}

#[track_caller]
fn assert_is(plan: &Plan, name: &str, expected: f64) {
    let value = plan.value(name).unwrap_or_else(|| panic!("{name} is missing"));
    let off = (value - expected).abs() / expected.abs().max(1e-9);
    assert!(off < 1e-6, "{name}: {value}, by hand {expected}");
}

#[test]
fn a_million_agents_come_to_what_was_computed_by_hand() {
    let plan = Plan::new(&costs(), &load(), 1_000_000);
    assert_is(&plan, "connections held", 200_000.0);
    assert_is(&plan, "heartbeats", 1_000.0);
    assert_is(&plan, "visits", 800.0);
    // 4,320,000 a day.
    assert_is(&plan, "changes", 50.0);
    assert_is(&plan, "changes at the peak", 500.0);
    // 200,000 + 4,800,000 + 25,000.
    assert_is(&plan, "traffic", 5_025_000.0);
    // 4,000,000,000 bytes.
    assert_is(&plan, "all first inventories", 3.725_290_298);
    assert_is(&plan, "installations now", 200_000_000.0);
    assert_is(&plan, "installations that were", 432_000_000.0);
    // 161,792,000,000 bytes.
    assert_is(&plan, "rows on disk", 150.680_541_992);
    // 500 changes of 4 ms: 2 cores, half used.
    assert_is(&plan, "PostgreSQL cores", 4.0);
    assert_is(&plan, "PostgreSQL nodes", 1.0);
    // 0.1 + 1.6 + 0.5 seconds a second, half used.
    assert_is(&plan, "collector cores", 4.4);
    // 6,400,000 KiB.
    assert_is(&plan, "memory of connections", 6.103_515_625);
    // One by cores, one by memory (16 GiB are free), and one more.
    assert_is(&plan, "collector nodes", 2.0);
    assert_is(&plan, "PostgreSQL connections", 48.0);
    assert_is(&plan, "memory of a collector", 7.103_515_625);
    // 500 × 3,600 × 2 records of 50 bytes.
    assert_is(&plan, "queue of a collector", 0.167_638_063);
    assert_is(&plan, "reports in that queue", 1_800_000.0);
    // 2,000 seconds on 16 cores.
    assert_is(&plan, "all come back after an outage in", 125.0);
    // 7 ms each in 3,600 s.
    assert_is(&plan, "cores of the rollout", 1.944_444_444);
}

#[test]
fn ten_times_as_many_need_ten_times_as_much_in_whole_nodes() {
    let plan = Plan::new(&costs(), &load(), 10_000_000);
    assert_is(&plan, "PostgreSQL cores", 40.0);
    // Five full nodes hold 40 cores: `ceil` must not make six of what divides evenly.
    assert_is(&plan, "PostgreSQL nodes", 5.0);
    // 44 cores are 5.5 nodes, 61 GiB are 3.8.
    assert_is(&plan, "collector nodes", 7.0);
    assert_is(&plan, "memory of a collector", 1.0 + 61.035_156_25 / 6.0);
}

#[test]
fn a_small_site_needs_one_node_and_one_more() {
    let plan = Plan::new(&costs(), &load(), 10);
    assert_is(&plan, "collector nodes", 2.0);
    // Ten agents need a thousandth of a core, and still a server.
    assert_is(&plan, "PostgreSQL nodes", 1.0);
}

#[test]
fn a_figure_is_known_as_well_as_the_worst_known_cost_in_it() {
    let basis = |agents, name: &str| {
        let plan = Plan::new(&costs(), &load(), agents);
        let found = plan.figures.into_iter().find(|figure| figure.name == name);
        found.expect("a figure").basis
    };
    assert_eq!(basis(10_000, "changes"), Basis::Assumed);
    assert_eq!(basis(100_000, "collector cores"), Basis::Measured);
    // One more than was measured is a claim about what nobody has seen.
    assert_eq!(basis(100_001, "collector cores"), Basis::Extrapolated);
    assert_eq!(basis(10, "queue of a collector"), Basis::Guessed);
}

/// The value of a figure for a load and costs that differ from those above in one thing.
fn value(agents: u64, change: impl FnOnce(&mut Costs, &mut Load), name: &str) -> f64 {
    let (mut costs, mut load) = (costs(), load());
    change(&mut costs, &mut load);
    let value = Plan::new(&costs, &load, agents).value(name);
    value.unwrap_or_else(|| panic!("{name} is missing"))
}

#[track_caller]
fn assert_close(value: f64, expected: f64) {
    assert!((value - expected).abs() <= expected.abs() * 1e-6, "{value}, by hand {expected}");
}

#[test]
fn nobody_needs_nothing_but_the_nodes_that_stand_there() {
    let plan = Plan::new(&costs(), &load(), 0);
    for figure in &plan.figures {
        assert!(figure.value.is_finite(), "{figure:?}");
        assert!(figure.value >= 0.0, "{figure:?}");
    }
    assert_is(&plan, "collector nodes", 2.0);
    assert_eq!(plan.value("connections held"), Some(0.0));
}

#[test]
fn where_all_hold_nobody_visits_and_where_none_does_nobody_beats() {
    let of = |share, name| value(1_000_000, |_, load| load.held = Held::Share(share), name);
    assert_close(of(1.0, "connections held"), 1_000_000.0);
    assert_close(of(1.0, "heartbeats"), 5_000.0);
    assert!(of(1.0, "visits").abs() < 1e-9);
    assert!(of(0.0, "heartbeats").abs() < 1e-9);
    assert_close(of(0.0, "visits"), 1_000.0);
    assert!(of(0.0, "memory of connections").abs() < 1e-9);
}

#[test]
fn connections_are_held_as_long_as_the_nodes_that_are_needed_have_room() {
    let of = |agents, most, name| value(agents, |_, load| load.held = Held::OnANode(most), name);
    // There is room for all of them on the first.
    assert_close(of(10_000, 15_000.0, "connections held"), 10_000.0);
    assert!(of(10_000, 15_000.0, "visits").abs() < 1e-9);
    // 100,000 agents are one node's work, so those on top visit.
    assert_close(of(100_000, 15_000.0, "connections held"), 15_000.0);
    assert_close(of(100_000, 15_000.0, "visits"), 85.0);
    // 9,985 visits of 2 ms and 5,000 changes of 1 ms a second are 50 cores, half used: seven nodes, which hold seven
    // times as much, and are still needed.
    assert_close(of(10_000_000, 15_000.0, "connections held"), 105_000.0);
    assert_close(of(10_000_000, 15_000.0, "collector nodes"), 8.0);
    assert_close(of(10_000_000, 15_000.0, "PostgreSQL connections"), 192.0);
    assert!(of(0, 15_000.0, "connections held").abs() < 1e-9);
}

#[test]
fn memory_decides_the_nodes_where_cores_do_not() {
    // 32 MiB a connection: 200,000 of them are 6,250 GiB, by 16 GiB each.
    let nodes = value(
        1_000_000,
        |costs, _| costs.connection_kib = cost(32.0 * 1_024.0, 100_000),
        "collector nodes",
    );
    assert_close(nodes, 392.0);
}

#[test]
fn a_node_with_less_memory_than_a_collector_takes_gives_no_negative_count() {
    let nodes = value(1_000_000, |_, load| load.node_gib = 1.0, "collector nodes");
    assert!(nodes.is_finite() && nodes > 1.0, "{nodes}");
}

#[test]
fn a_queue_is_larger_by_the_outage_and_the_peak() {
    let queue =
        |change: fn(&mut Costs, &mut Load)| value(1_000_000, change, "queue of a collector");
    let usual = queue(|_, _| {});
    assert_close(queue(|_, load| load.outage_hours = 4.0), usual * 4.0);
    assert_close(queue(|_, load| load.peak_factor = 30.0), usual * 3.0);
    assert!(queue(|_, load| load.outage_hours = 0.0).abs() < 1e-12);
}

#[test]
fn what_was_grows_with_its_days_and_what_is_does_not() {
    let of = |days, name| value(1_000_000, |_, load| load.retention_days = days, name);
    assert_close(of(200.0, "installations that were"), 864_000_000.0);
    assert_close(of(200.0, "installations now"), 200_000_000.0);
    assert!(of(0.0, "installations that were").abs() < 1e-9);
}

#[test]
fn a_slower_rollout_needs_fewer_cores_and_everything_else_as_before() {
    let (costs, load) = (costs(), load());
    let quick = Plan::new(&costs, &load, 1_000_000);
    let slow = Load { rollout_hours: 10.0, ..load };
    let slow = Plan::new(&costs, &slow, 1_000_000);
    for (one, other) in quick.figures.iter().zip(&slow.figures) {
        if one.name == "cores of the rollout" {
            assert_close(one.value, other.value * 10.0);
        } else {
            assert_eq!(one, other);
        }
    }
}

#[test]
fn figures_have_names_of_their_own_in_the_same_order_for_every_size() {
    let names = |agents| -> Vec<&'static str> {
        let plan = Plan::new(&costs(), &load(), agents);
        plan.figures.iter().map(|figure| figure.name).collect()
    };
    let all = names(10);
    assert_eq!(all, names(10_000_000), "a row of the table is one figure");
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(Plan::new(&costs(), &load(), 10).value("unheard of"), None);
}

#[test]
fn one_guess_in_a_chain_makes_a_guess_of_it() {
    let mut costs = costs();
    costs.heartbeat_ms = cost(0.1, 0);
    let plan = Plan::new(&costs, &load(), 10);
    for figure in &plan.figures {
        let is_guessed = figure.basis == Basis::Guessed;
        let rests_on_it = [
            "collector cores",
            "collector nodes",
            "PostgreSQL connections",
            "queue of a collector",
            "reports in that queue",
        ];
        assert_eq!(is_guessed, rests_on_it.contains(&figure.name), "{figure:?}");
    }
}

#[test]
fn a_basis_is_told_as_it_is_written_for_machines() {
    for (basis, text) in [
        (Basis::Assumed, "assumed"),
        (Basis::Measured, "measured"),
        (Basis::Extrapolated, "extrapolated"),
        (Basis::Guessed, "guessed"),
    ] {
        assert_eq!(basis.as_str(), text);
        let json = serde_json::to_value(basis).expect("JSON");
        assert_eq!(json, text);
    }
}
