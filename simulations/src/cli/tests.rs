//! The command line: what is taken, what is refused, and what a plain command means.

use super::*;

fn parse(line: &str) -> Result<Command, String> {
    let words = std::iter::once("muster-sim").chain(line.split_whitespace());
    let parsed = Cli::try_parse_from(words);
    parsed.map(|cli| cli.command).map_err(|error| error.to_string())
}

#[track_caller]
fn fleet(line: &str) -> FleetArgs {
    match parse(&format!("fleet {line}")) {
        Ok(Command::Fleet(args)) => args,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_command_line_is_one_that_clap_can_build() {
    use clap::CommandFactory as _;
    // Two arguments of one name, or a requirement of none, are found here and not by a user.
    Cli::command().debug_assert();
}

#[test]
fn a_plain_fleet_is_a_hundred_steady_agents_that_do_as_they_are_told() {
    let args = fleet("");
    assert_eq!((args.agents, args.apps, args.seconds), (100, 300, 30));
    assert_eq!((args.scenario, args.touch), (Scenario::Steady, Touch::Told));
    assert_eq!((args.seed, args.speed, args.idle_s), (1, 1, 15));
    assert!(!args.committed && !args.verify && !args.json);
    assert!(args.token.is_none() && args.token_file.is_empty());
}

#[test]
fn a_scenario_is_told_by_the_name_that_it_is_given() {
    for scenario in [
        Scenario::Steady,
        Scenario::Herd,
        Scenario::Churn,
        Scenario::UpgradeDay,
        Scenario::Clone,
        Scenario::SlowLink,
        Scenario::NoisyNeighbour,
    ] {
        let args = fleet(&format!("--scenario {}", scenario.name()));
        assert_eq!(args.scenario, scenario);
    }
}

#[test]
fn numbers_are_taken_up_to_their_bounds_and_not_beyond() {
    for (name, least, most) in [
        ("agents", 1, 100_000),
        ("apps", 1, 50_000),
        ("share-percent", 1, 100),
        ("speed", 1, 3_600),
        ("heartbeat-every-s", 1, 86_400),
        ("neighbour-agents", 1, 10_000),
        ("link-kbit-s", 1, 1_000_000),
        ("link-loss-percent", 0, 50),
        ("idle-s", 1, 600),
        ("sockets", 1, 1_024),
    ] {
        for value in [least, most] {
            assert!(parse(&format!("fleet --{name} {value}")).is_ok(), "{name} {value}");
        }
        let mut beyond = vec![most + 1];
        beyond.extend((least > 0).then(|| least - 1));
        for value in beyond {
            let error = parse(&format!("fleet --{name} {value}")).expect_err("out of bounds");
            assert!(error.contains(&format!("--{name}")), "{error}");
        }
    }
}

#[test]
fn what_needs_another_argument_says_which() {
    for (line, missing) in [
        ("fleet --verify", "--api <API>"),
        ("fleet --committed", "--api <API>"),
        ("fleet --api http://127.0.0.1:7080", "--api-key-file"),
        ("fleet --api-key-file key", "--api <API>"),
        ("faults --trace", "--seed <SEED>"),
        ("seed", "--table"),
        ("bench", "--token-file"),
    ] {
        let error = parse(line).expect_err("something is missing");
        assert!(error.contains(missing), "{line}: {error}");
    }
}

#[test]
fn what_cannot_be_together_is_refused() {
    for line in [
        "fleet --token a --token-file b",
        "faults --plants --seed 3",
        "fleet --scenario stampede",
        "fleet --touch never",
        "",
        "flee",
    ] {
        assert!(parse(line).is_err(), "{line:?}");
    }
}

#[test]
fn tokens_of_several_companies_can_be_given() {
    let args = fleet("--token-file ours --token-file theirs");
    assert_eq!(args.token_file, [PathBuf::from("ours"), PathBuf::from("theirs")]);
}

#[test]
fn faults_run_two_hundred_seeds_or_the_one_that_is_named() {
    let Ok(Command::Faults(args)) = parse("faults") else {
        panic!("no faults");
    };
    assert_eq!((args.from, args.seeds, args.seed), (1, 200, None));
    let Ok(Command::Faults(args)) = parse("faults --seed 8 --trace") else {
        panic!("no faults");
    };
    assert_eq!((args.seed, args.trace), (Some(8), true));
}

#[test]
fn a_bench_has_three_numbers_of_changing_agents_and_takes_others() {
    let line = "bench --token-file t --api http://a --api-key-file k";
    let Ok(Command::Bench(args)) = parse(line) else {
        panic!("no bench");
    };
    assert_eq!(args.changing_agents, [556, 1_000, 5_556]);
    let Ok(Command::Bench(args)) = parse(&format!("{line} --changing-agents 1,2")) else {
        panic!("no bench");
    };
    assert_eq!(args.changing_agents, [1, 2]);
    assert!(parse(&format!("{line} --changing-agents 1,0")).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn chaos_has_one_to_nine_nodes_and_at_least_a_fault() {
    let line = "chaos --collector c --postgres p --feeds f --folder d";
    let Ok(Command::Chaos(args)) = parse(line) else {
        panic!("no chaos");
    };
    assert_eq!((args.nodes, args.faults, args.seed), (3, 50, None));
    for bad in ["--nodes 0", "--nodes 10", "--faults 0", "--agents 0"] {
        assert!(parse(&format!("{line} {bad}")).is_err(), "{bad}");
    }
}

#[test]
fn tables_are_named_as_in_the_database_and_loaded_parents_first() {
    let place = |table| SeedTable::ALL.iter().position(|other| *other == table);
    assert!(place(SeedTable::Companies) < place(SeedTable::Agents));
    assert!(place(SeedTable::Software) < place(SeedTable::Findings));
    assert!(place(SeedTable::Software) < place(SeedTable::SoftwareKeys));
    assert_eq!(place(SeedTable::Installations), Some(SeedTable::ALL.len() - 1));
    for table in SeedTable::ALL {
        let (name, columns) = table.target().split_once(" (").expect("columns");
        let line = format!("seed --table {name} --index i");
        let Ok(Command::Seed(args)) = parse(&line) else {
            panic!("{name} is no table");
        };
        assert_eq!(args.table, table);
        assert!(columns.ends_with(')'), "{columns}");
    }
}
