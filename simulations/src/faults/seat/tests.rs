//! A seat's own numbers: what its processes draw has to follow from the run's seed.

use uuid::Uuid;

use super::*;

fn seat(number: usize, seed: u64) -> Seat {
    let company = CompanyId(Uuid::from_u128(1));
    let agent = AgentId(Uuid::from_u128(2));
    Seat::new(number, company, agent, &Random::new(seed))
}

/// What the first draws of the first three processes of a seat are.
fn draws(number: usize, seed: u64) -> Vec<u64> {
    let mut seat = seat(number, seed);
    (0..3).map(|_| seat.next_random().next()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_process_draws_by_the_seed_and_not_by_its_machines_number() {
    assert_eq!(draws(0, 7), draws(0, 7));
    assert_ne!(draws(0, 7), draws(0, 8), "another seed is another jitter");
}

#[tokio::test(start_paused = true)]
async fn every_start_draws_something_else() {
    let mut draws = draws(0, 7);
    draws.sort_unstable();
    draws.dedup();
    assert_eq!(draws.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn hosts_of_a_run_are_of_all_sizes_and_a_seed_says_which() {
    let sizes = |seed| {
        let seat = seat(0, seed);
        let host = lock(&seat.machine.host);
        host.truth().len()
    };
    let all: std::collections::BTreeSet<usize> = (0..100).map(sizes).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [0, 5, 40, 101, 260]);
    assert_eq!(sizes(9), sizes(9));
}

#[tokio::test(start_paused = true)]
async fn a_seat_without_a_process_is_not_up_and_begins_at_once() {
    let seat = seat(0, 1);
    assert!(!seat.is_up());
    assert!(seat.starts_at <= Clock.now());
    assert!(!*lock(&seat.machine.is_idle), "nothing is known of it yet");
}

#[tokio::test(start_paused = true)]
async fn burying_cuts_the_power_once_and_ends_the_connection() {
    let mut seat = seat(0, 1);
    let mut random = Random::new(1);
    let disk = lock(&seat.machine.disk).clone();
    // Never synced, so that a power cut may lose all of it.
    let opened = agent::spool::Spool::open_on(&disk, 12 * 1024);
    drop(opened.expect("a spool"));
    assert!(disk.bytes() > 0);
    seat.bury(&mut random);
    let same = lock(&seat.machine.disk).bytes();
    assert_eq!(same, disk.bytes(), "a process that dies leaves its disk");
    seat.cuts_power = true;
    seat.bury(&mut random);
    assert!(!seat.cuts_power, "the next death is one of its own");
    assert!(lock(&seat.machine.line).is_none());
    // A new disk: what is done to the old handle reaches it no more.
    disk.set_faults(agent::spool::simulated::SpoolFaults {
        steps_left: Some(0),
        ..Default::default()
    });
    let after = lock(&seat.machine.disk).clone();
    assert!(agent::spool::Spool::open_on(&after, 12 * 1024).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_node_is_cared_for_from_the_time_that_it_was_told() {
    let at = Clock.now() + std::time::Duration::from_secs(5);
    let care = Care::new(at);
    assert_eq!(care.starts_at, at);
    assert!(!care.cuts_power && !care.is_wiped && care.stops_at.is_none());
}
