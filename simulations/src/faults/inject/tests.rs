//! Faults and what sets them right: each does what its name says, and is over when it is healed.

use super::*;
use crate::faults::Faults as Runs;
use crate::faults::seat::Seat;

/// Whether anything is wrong with the simulated database.
fn is_troubled(world: &World) -> bool {
    let mut is_troubled = false;
    world.database.trouble(|trouble| {
        is_troubled = trouble.is_away || trouble.delay_max > Duration::ZERO;
    });
    is_troubled
}

fn world(seed: u64) -> World {
    let runs = Runs::new(None).expect("an authority");
    World::new(seed, &runs.setting)
}

/// A world whose processes have started and run for a while, nothing being wrong.
async fn living(seed: u64) -> World {
    let mut world = world(seed);
    for _ in 0..60 {
        world.tick().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(world.seats.iter().all(Seat::is_up), "all are up");
    world
}

#[tokio::test(start_paused = true)]
async fn a_world_of_a_seed_is_the_same_world() {
    let shape = |world: &World| {
        let packages: Vec<usize> =
            world.seats.iter().map(|seat| lock(&seat.machine.host).truth().len()).collect();
        (world.companies.len(), world.care.len(), packages)
    };
    let mut shapes = std::collections::BTreeSet::new();
    for seed in 0..30 {
        let (one, again) = (world(seed), world(seed));
        assert_eq!(shape(&one), shape(&again));
        assert!((1..=3).contains(&one.companies.len()));
        assert!((1..=3).contains(&one.care.len()));
        assert!((2..=5).contains(&one.seats.len()));
        shapes.insert(shape(&one));
    }
    assert!(shapes.len() > 20, "{} different worlds", shapes.len());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_broken_where_nothing_goes_wrong() {
    let world = living(1).await;
    let outcome = world.settle().await;
    assert_eq!(outcome.violations, Vec::<String>::new());
    assert!(outcome.stored > 0, "something was stored");
    assert!(outcome.injected.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_database_that_went_away_or_became_slow_is_right_again_when_it_is_healed() {
    for kind in [Kind::StoreAway, Kind::StoreSlow] {
        let mut world = world(1);
        assert!(!is_troubled(&world));
        world.break_store(kind);
        assert!(is_troubled(&world), "{kind}");
        let Some((at, heal)) = world.heals.pop() else {
            panic!("{kind} is never healed");
        };
        let after = at - Clock.now();
        assert!(after <= Duration::from_secs(135), "{kind}: {after:?}");
        world.heal(heal);
        assert!(!is_troubled(&world), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn troubles_of_single_transactions_add_up_and_end_with_the_faults() {
    let mut world = world(1);
    for kind in [
        Kind::StoreHangs,
        Kind::StoreFails,
        Kind::StoreFails,
        Kind::AnswerLost,
        Kind::StoreRefuses,
        Kind::StorePanics,
    ] {
        world.break_store(kind);
    }
    let mut seen = Trouble::default();
    world.database.trouble(|trouble| seen = trouble.clone());
    let counts = [seen.hangs, seen.fails, seen.loses_answers, seen.refuses, seen.panics];
    assert_eq!(counts, [2, 6, 3, 1, 1]);
    assert!(world.heals.is_empty(), "they end by themselves");
    world.set_right();
    world.database.trouble(|trouble| seen = trouble.clone());
    let left = seen.hangs + seen.fails + seen.loses_answers + seen.refuses + seen.panics;
    assert_eq!(left, 0);
}

#[tokio::test(start_paused = true)]
async fn a_company_that_is_suspended_comes_back() {
    let mut world = world(1);
    let is_suspended = |world: &World| {
        let machines = world.seats.iter().map(|seat| &seat.machine);
        let mut standings = machines.map(|machine| {
            let (company, agent) = (machine.company, machine.agent);
            world.database.rows(|rows| rows.standing(company, agent))
        });
        standings.any(|standing| standing.is_some_and(|standing| standing.is_suspended))
    };
    world.suspend();
    assert!(is_suspended(&world));
    let (_, heal) = world.heals.pop().expect("it is healed");
    world.heal(heal);
    assert!(!is_suspended(&world));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_down_has_nothing_that_could_break() {
    let mut world = world(1);
    for kind in [Kind::AgentCrash, Kind::AgentDiskFull, Kind::SpoolLost] {
        world.break_agent(kind, 0);
    }
    world.break_node(Kind::NodeCrash, 0);
    world.break_path(Kind::Cut, 0);
    assert!(world.heals.is_empty());
    assert!(world.stage.finish().injected.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_that_has_begun_is_not_taken_back() {
    let mut world = living(2).await;
    world.break_agent(Kind::AgentPowerCut, 0);
    assert!(world.seats[0].cuts_power);
    world.heal(Heal::Spool(0));
    // Healed at the latest by its death, however little it has to do.
    for _ in 0..40 {
        world.tick().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(!world.seats[0].cuts_power, "the power came back");
    let outcome = world.settle().await;
    assert_eq!(outcome.violations, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_spool_that_is_lost_is_a_new_disk_and_no_damage() {
    let mut world = living(3).await;
    let before = lock(&world.seats[0].machine.disk).bytes();
    assert!(before > 0);
    world.break_agent(Kind::SpoolLost, 0);
    assert_eq!(lock(&world.seats[0].machine.disk).bytes(), 0);
    assert!(!world.seats[0].is_up());
    let outcome = world.settle().await;
    assert_eq!(outcome.violations, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_image_is_of_the_time_when_it_was_taken() {
    let mut world = living(4).await;
    world.break_agent(Kind::SpoolRestored, 0);
    let image = lock(&world.seats[0].machine.image).clone();
    let bytes = image.expect("an image").bytes();
    assert!(world.seats[0].is_up(), "taking an image stops nothing");
    let (_, heal) = world.heals.pop().expect("it comes back");
    world.heal(heal);
    assert!(!world.seats[0].is_up());
    assert_eq!(lock(&world.seats[0].machine.disk).bytes(), bytes);
    assert!(lock(&world.seats[0].machine.image).is_none(), "once");
    let outcome = world.settle().await;
    assert_eq!(outcome.violations, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn clocks_that_jumped_stay_wrong_and_cost_nothing() {
    let mut world = living(5).await;
    for _ in 0..3 {
        world.break_agent(Kind::AgentClock, 0);
        world.break_node(Kind::NodeClock, 0);
    }
    let wrong = world.seats[0].machine.wrong_ms.load(Ordering::Relaxed);
    assert_eq!(wrong % 3_600_000, 0, "whole hours: {wrong} ms");
    let outcome = world.settle().await;
    assert_eq!(outcome.violations, Vec::<String>::new());
    assert_eq!(outcome.injected[&Kind::AgentClock], 3);
}

#[tokio::test(start_paused = true)]
async fn a_path_that_is_silent_holds_both_ways_and_opens_when_it_is_healed() {
    for (kind, heals) in [(Kind::Stall, false), (Kind::Partition, true), (Kind::SlowPath, true)] {
        let mut world = living(6).await;
        world.break_path(kind, 0);
        assert_eq!(!world.heals.is_empty(), heals, "{kind}");
        let node = lock(&world.seats[0].machine.line).as_ref().map(|wire| wire.node);
        let node = node.expect("a connection");
        let path = lock(&world.seats[0].machine.paths).get(&node).copied();
        let path = path.expect("a path");
        let is_blocked = path.blocked_until > Clock.now();
        assert_eq!(is_blocked, kind != Kind::SlowPath, "{kind}");
        assert_eq!(path.delay > Duration::from_millis(500), kind == Kind::SlowPath);
        world.heal(Heal::Paths(0));
        assert!(lock(&world.seats[0].machine.paths).is_empty());
        let outcome = world.settle().await;
        assert_eq!(outcome.violations, Vec::<String>::new(), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_a_disk_is_over_when_the_faults_end() {
    type Break = fn(&mut World, Kind, usize);
    let agent: Break = World::break_agent;
    let (node, queue): (Break, Break) = (World::break_node, World::break_queue);
    for (breaks, kind) in [
        (queue, Kind::QueueSyncFails),
        (queue, Kind::QueueWriteFails),
        (queue, Kind::QueueDiskFull),
        (queue, Kind::QueueRots),
        (node, Kind::NodePowerCut),
        (node, Kind::NodeWiped),
        (node, Kind::NodeStop),
        (node, Kind::NodeCrash),
        (agent, Kind::AgentDiskFull),
        (agent, Kind::AgentDiskFails),
        (agent, Kind::AgentCrash),
        (agent, Kind::Upgraded),
        (agent, Kind::ScanAsked),
    ] {
        let mut world = living(7).await;
        breaks(&mut world, kind, 0);
        world.change();
        let outcome = world.settle().await;
        assert_eq!(outcome.violations, Vec::<String>::new(), "{kind}");
        assert_eq!(outcome.injected[&kind], 1, "{kind}");
    }
}
