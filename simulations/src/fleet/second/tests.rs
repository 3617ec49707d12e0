//! The agents beside the fleet: how many, with which arguments, and what they cannot be without.

use clap::Parser as _;
use protocol::ids::TokenId;
use uuid::Uuid;

use super::*;
use crate::cli::{Cli, Command};

fn args(line: &str) -> FleetArgs {
    let words = ["muster-sim", "fleet"].into_iter().chain(line.split_whitespace());
    let Command::Fleet(args) = Cli::try_parse_from(words).expect("arguments").command else {
        panic!("another command");
    };
    args
}

fn token() -> EnrolmentToken {
    EnrolmentToken {
        id: TokenId(Uuid::nil()),
        secret: [0; 32],
        ca_sha256: [0; 32],
        addresses: vec!["127.0.0.1:9".to_owned()],
    }
}

#[test]
fn slow_hosts_are_a_share_of_the_fleet_with_at_least_one_of_each_kind() {
    for (agents, percent, slow_ones) in [
        (100, 25, 25),
        (12, 25, 3),
        (3, 1, 1),
        (10, 100, 9),
        (2, 50, 1),
        // One alone cannot be both.
        (1, 50, 0),
    ] {
        let args =
            args(&format!("--scenario slow-link --agents {agents} --share-percent {percent}"));
        assert_eq!(slow(&args), slow_ones, "{agents} at {percent} %");
        assert_eq!(first(&args).agents + slow_ones, agents, "nobody is lost");
    }
}

#[test]
fn a_share_of_the_largest_fleet_does_not_run_over() {
    let args = args("--scenario slow-link --agents 100000 --share-percent 100");
    assert_eq!(slow(&args), 99_999);
}

#[test]
fn other_scenarios_have_the_whole_fleet_and_nothing_beside_it() {
    for scenario in ["steady", "herd", "churn", "upgrade-day", "clone", "noisy-neighbour"] {
        let args = args(&format!("--scenario {scenario} --agents 40"));
        assert_eq!(first(&args).agents, 40, "{scenario}");
    }
}

#[tokio::test]
async fn scenarios_of_one_kind_of_host_open_no_second_crew() {
    for scenario in ["steady", "herd", "churn", "upgrade-day", "clone"] {
        let args = args(&format!("--scenario {scenario}"));
        let second = open(&args, &[token()], None).await.expect("nothing to open");
        assert!(second.is_none(), "{scenario}");
    }
}

#[tokio::test]
async fn slow_hosts_are_other_hosts_behind_lines_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().display();
    let args = args(&format!(
        "--scenario slow-link --agents 8 --share-percent 25 --seed 5 --state {state}"
    ));
    let crew = open(&args, &[token()], None).await.expect("a crew").expect("one");
    assert_eq!(crew.args.agents, 2);
    assert_ne!(crew.args.seed, args.seed, "their numbers begin at zero as well");
    assert_eq!(crew.args.state, Some(folder.path().join("second")));
    let lines: Vec<_> = (0..2).map(|number| crew.context.route(number).1).collect();
    assert!(lines.iter().all(|line| line.port() != 9), "{lines:?}");
    assert_ne!(lines[0], lines[1], "each has its own");
    crew.close().await;
}

#[tokio::test]
async fn a_small_company_needs_its_token_and_changes_every_second() {
    let without = args("--scenario noisy-neighbour");
    let error = open(&without, &[token()], None).await.expect_err("no token");
    assert!(error.to_string().contains("--neighbour-token-file"), "{error}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let line = format!(
        "--scenario noisy-neighbour --neighbour-agents 3 --change-every-s 60 --speed 9 \
         --neighbour-token-file {}",
        path.display()
    );
    let missing = open(&args(&line), &[token()], None).await.expect_err("no file");
    assert!(format!("{missing:#}").contains("read the token"), "{missing:#}");
    std::fs::write(&path, format!("{}\n", token().expose())).expect("writes");
    let crew = open(&args(&line), &[token()], None).await.expect("a crew").expect("one");
    let args = &crew.args;
    assert_eq!((args.agents, args.change_every_s, args.speed), (3, 1, 1));
    crew.close().await;
}
