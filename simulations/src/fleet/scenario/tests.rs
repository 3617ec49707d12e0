//! What scenarios are made of: shares of a fleet, orders over a time, waits that can be broken off.

use clap::Parser as _;
use protocol::ids::{Epoch, TokenId};
use protocol::token::EnrolmentToken;
use uuid::Uuid;

use super::super::host::Host;
use super::super::identity::tests::identity;
use super::super::model::Model;
use super::super::recruit::Recruit;
use super::*;
use crate::cli::{Cli, Command, FleetArgs};
use crate::random::Random;

#[test]
fn a_portion_is_never_more_than_all() {
    assert_eq!(portion(10, 0.0), 0);
    assert_eq!(portion(10, 0.55), 5);
    assert_eq!(portion(10, 7.0), 10);
    assert_eq!(portion(0, 0.5), 0);
}

fn token() -> EnrolmentToken {
    EnrolmentToken {
        id: TokenId(Uuid::nil()),
        secret: [0; 32],
        ca_sha256: [0; 32],
        // Nobody listens there.
        addresses: vec!["127.0.0.1:9".to_owned()],
    }
}

fn args(line: &str) -> FleetArgs {
    let words = ["muster-sim", "fleet"].into_iter().chain(line.split_whitespace());
    let Command::Fleet(args) = Cli::try_parse_from(words).expect("arguments").command else {
        panic!("another command");
    };
    args
}

/// A fleet of so many agents that never reach a collector.
async fn crew(line: &str) -> Crew {
    let args = args(line);
    let agents = args.agents;
    let crew = Crew::open(args, vec![token()], None).await.expect("a crew");
    let now = crew.context.clock.now();
    for number in 0..agents {
        let random = Random::new(1);
        crew.launch(
            Recruit {
                number,
                identity: identity(u128::from(number)),
                model: Model::new(Host::new(number, 10, &random), Epoch(0)),
                random,
            },
            Span { from: now, until: now },
        );
    }
    crew
}

/// The numbers of the agents that a scenario of a share is about.
async fn share(agents: u32, percent: u32) -> Vec<u32> {
    let crew = crew(&format!("--agents {agents} --share-percent {percent} --apps 1")).await;
    let interrupted = CancellationToken::new();
    let stage = Stage { crew: &crew, second: None, looker: None, interrupted: &interrupted };
    let share = stage.share();
    share.iter().map(|agent| agent.with_model(|model| model.host().number)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_share_is_as_large_as_it_says_and_spread_over_the_fleet() {
    assert_eq!(share(20, 10).await, [9, 19]);
    assert_eq!(share(12, 25).await, [3, 7, 11]);
    assert_eq!(share(7, 100).await, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(share(3, 50).await, [1], "rounded down");
    assert_eq!(share(3, 1).await, [0_u32; 0], "a hundredth of three is none");
}

#[tokio::test(start_paused = true)]
async fn orders_over_a_time_are_given_evenly_each_once_and_in_turn() {
    let crew = crew("--agents 1").await;
    let interrupted = CancellationToken::new();
    let stage = Stage { crew: &crew, second: None, looker: None, interrupted: &interrupted };
    let to: Vec<u32> = (0..100).collect();
    let began = stage.now();
    let mut given = Vec::new();
    let over = Duration::from_secs(10);
    stage
        .spread(over, &to, |number| {
            given.push((*number, stage.now() - began));
        })
        .await;
    let numbers: Vec<u32> = given.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, to);
    let by_half = given.iter().filter(|(_, at)| *at <= over / 2).count();
    assert!((45..=55).contains(&by_half), "{by_half} of 100 by half of the time");
    let took = stage.now() - began;
    assert!(took >= over && took < over + LOOK_EVERY * 2, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn orders_over_no_time_are_given_at_once_and_none_after_an_interruption() {
    let crew = crew("--agents 1").await;
    let interrupted = CancellationToken::new();
    let stage = Stage { crew: &crew, second: None, looker: None, interrupted: &interrupted };
    let (began, mut given) = (stage.now(), 0);
    stage.spread(Duration::ZERO, &[(); 50], |()| given += 1).await;
    assert_eq!((given, stage.now()), (50, began));
    interrupted.cancel();
    stage.spread(Duration::from_secs(60), &[(); 50], |()| given += 1).await;
    assert_eq!((given, stage.now()), (50, began));
    stage.sleep_until(began + Duration::from_secs(3_600)).await;
    assert_eq!(stage.now(), began, "nobody waits any more");
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_reaches_nobody_settles_nothing_and_says_how_much_is_open() {
    let crew = crew("--agents 3").await;
    let never = CancellationToken::new();
    let until = crew.context.clock.now() + Duration::from_secs(5);
    // One each at least: none of them has begun, and all have something to say.
    assert!(crew.settle(until, &never).await >= 3);
    assert!(crew.context.clock.now() >= until);
    let interrupted = CancellationToken::new();
    interrupted.cancel();
    let later = until + Duration::from_secs(3_600);
    assert!(crew.settle(later, &interrupted).await >= 3);
    assert!(crew.context.clock.now() < later, "an interruption ends the wait");
}

#[tokio::test(start_paused = true)]
async fn a_scenario_without_first_inventories_is_not_played() {
    for line in ["herd", "churn", "upgrade-day", "clone", "steady --after-inventories"] {
        let line = format!("--agents 2 --seconds 1 --settle-s 1 --scenario {line}");
        let crew = crew(&line).await;
        let interrupted = CancellationToken::new();
        let played =
            play(&Stage { crew: &crew, second: None, looker: None, interrupted: &interrupted })
                .await;
        assert_eq!(played.failures.len(), 1, "{line}: {played:?}");
        assert!(played.failures[0].contains("are not in"), "{line}: {played:?}");
        let figures: Vec<_> = played.figures.keys().copied().collect();
        assert_eq!(figures, ["first_inventories_seconds"], "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_steady_run_waits_for_nothing_and_shows_nothing() {
    let crew = crew("--agents 1 --seconds 30").await;
    let interrupted = CancellationToken::new();
    let stage = Stage { crew: &crew, second: None, looker: None, interrupted: &interrupted };
    let began = stage.now();
    assert_eq!(play(&stage).await, Played::default());
    assert!(stage.now() - began >= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_noisy_neighbour_without_a_small_company_is_a_failure() {
    let crew = crew("--agents 1").await;
    let interrupted = CancellationToken::new();
    let stage = Stage { crew: &crew, second: None, looker: None, interrupted: &interrupted };
    let mut played = Played::default();
    noisy::play(&stage, &mut played).await;
    assert_eq!(played.failures, ["there is no small company"]);
}

#[tokio::test(start_paused = true)]
async fn copies_have_the_key_and_the_software_of_their_originals_and_are_compared_no_more() {
    let crew = crew("--agents 2").await;
    let agents = crew.agents();
    let copy = crew.copy(&agents[0]);
    assert_eq!(copy.identity.agent, agents[0].identity.agent);
    let stock = &crew.context.stock;
    let same = agents[0].with_model(|model| model.host().keys(stock));
    assert_eq!(copy.model.host().keys(stock), same);
    let are_one: Vec<bool> = agents.iter().map(|agent| agent.is_one_host()).collect();
    assert_eq!(are_one, [false, true]);
}

#[test]
fn figures_have_three_digits_behind_the_point() {
    let mut played = Played::default();
    played.figure("a_seconds", 1.234_56);
    played.figure("b", 7.0);
    assert!((played.figures["a_seconds"] - 1.235).abs() < 1e-12);
    let json = serde_json::to_string(&played).expect("JSON");
    assert_eq!(json, r#"{"a_seconds":1.235,"b":7.0}"#, "failures only where there are some");
}
