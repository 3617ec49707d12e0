//! The comparison at the end of a run: what is planted into rows has to be found, of each kind.

use protocol::report::{Report, ReportBody};
use store::reports::IncomingReport;

use super::*;
use crate::faults::Faults;
use crate::faults::host::Host;
use crate::faults::node::BEGINNING;

/// A world that has come to rest, with what its hosts have.
async fn settled(seed: u64) -> (World, Vec<Truth>) {
    let runs = Faults::new(None).expect("an authority");
    let mut world = World::new(seed, &runs.setting);
    let truths: Vec<Truth> =
        world.seats.iter().map(|seat| lock(&seat.machine.host).truth()).collect();
    for _ in 0..3_600 {
        world.tick().await;
        if world.count_wrong(&truths) == 0 {
            return (world, truths);
        }
        tokio::time::sleep(TICK).await;
    }
    panic!("seed {seed} does not come to rest");
}

/// Puts a report into the rows behind everyone's back, with the records of another host.
fn plant(world: &World, seat: usize, host: &Host) {
    let machine = &world.seats[seat].machine;
    let (company, agent) = (machine.company, machine.agent);
    let inventory = host.scan();
    world.database.rows(|rows| {
        let applied = rows.standing(company, agent).expect("an agent").applied;
        let report = Report {
            position: protocol::ids::Position::new(applied.epoch.0 + 1, 1),
            made_at_ms: 0,
            platform: inventory.platform,
            facts: None,
            sources: inventory.sources,
            body: ReportBody::Snapshot {
                from: SoftwareKey(0),
                to: None,
                records: inventory.records.into_values().collect(),
            },
            digest: None,
        };
        let incoming = IncomingReport {
            agent,
            keys: report.validate().expect("a valid report"),
            report,
            received_at: BEGINNING,
        };
        rows.apply(company, &[incoming], BEGINNING);
    });
}

/// What a run that never comes right says of it.
fn complaint(world: &World, truths: &[Truth]) -> String {
    world.report_wrong(truths);
    world.stage.finish().violations.join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_world_at_rest_is_right_and_says_nothing() {
    let (world, truths) = settled(1).await;
    assert_eq!(complaint(&world, &truths), "");
}

#[tokio::test(start_paused = true)]
async fn finds_records_that_are_lost() {
    let (world, truths) = settled(1).await;
    // A host of this run has some: one that has none can lose none.
    let seat = truths.iter().position(|truth| !truth.is_empty()).expect("a host");
    plant(&world, seat, &Host::new(0, Random::new(1)));
    assert_eq!(world.count_wrong(&truths), 1);
    let text = complaint(&world, &truths);
    let count = truths[seat].len();
    let expected = format!("agent {seat} has {count} packages, its rows 0 (0 of them right)");
    assert!(text.contains(&expected), "{text}");
}

#[tokio::test(start_paused = true)]
async fn finds_records_that_nobody_has() {
    let (world, truths) = settled(1).await;
    // One whose packages are few enough for the one report that is planted.
    let seat = truths.iter().position(|truth| truth.len() <= 98).expect("a host");
    let count = u32::try_from(truths[seat].len()).expect("few");
    plant(&world, seat, &Host::new(count + 2, Random::new(1)));
    assert_eq!(world.count_wrong(&truths), 1);
    let text = complaint(&world, &truths);
    let expected = format!("its rows {} ({count} of them right)", count + 2);
    assert!(text.contains(&expected), "{text}");
}

#[tokio::test(start_paused = true)]
async fn finds_records_that_are_altered() {
    let (world, truths) = settled(1).await;
    let mut altered = truths.clone();
    let seat = truths.iter().position(|truth| !truth.is_empty()).expect("a host");
    let other = Host::new(1, Random::new(1)).truth();
    let wrong = *other.values().next().expect("one");
    // One key with the print of another.
    let print = altered[seat].values_mut().find(|print| **print != wrong);
    *print.expect("two that differ") = wrong;
    assert_eq!(world.count_wrong(&altered), 1, "by key alone they are the same");
}

#[tokio::test(start_paused = true)]
async fn finds_rows_in_another_company() {
    let (mut world, truths) = settled(1).await;
    let seat = truths.iter().position(|truth| !truth.is_empty()).expect("a host");
    // The rows are asked for by company and agent: those of another company are none of this one's.
    let foreign = CompanyId(Uuid::from_u128(0xdead));
    let agent = world.seats[seat].machine.agent;
    world.seats[seat] = Seat::new(seat, foreign, agent, &Random::new(1));
    assert!(world.count_wrong(&truths) >= 1);
    assert!(!world.is_right(&world.seats[seat], &truths[seat]));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_still_has_something_to_send_is_not_right() {
    let (world, truths) = settled(1).await;
    *lock(&world.seats[0].machine.is_idle) = false;
    assert_eq!(world.count_wrong(&truths), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_stops_at_the_first_broken_promise() {
    let (world, _) = settled(1).await;
    world.stage.broken("planted".to_owned());
    let began = Clock.now();
    let outcome = world.settle().await;
    assert_eq!(outcome.violations, ["planted"]);
    assert!(Clock.now() - began < Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn more_reports_that_ended_as_stored_than_the_database_said_are_found() {
    let (world, _) = settled(1).await;
    // As a process would that completes what the database never took.
    let name = format!("{PIPELINE_OUTCOMES} stored");
    world.stage.count(vec![(name, 1_000_000)]);
    let outcome = world.settle().await;
    let text = outcome.violations.join("\n");
    assert!(text.contains("ended as stored, and the database said so of"), "{text}");
}

#[test]
fn a_seed_of_a_run_settles_within_its_time_and_stands_still_no_longer_than_that() {
    let runs = Faults::new(None).expect("an authority");
    let outcome = run(11, &runs.setting).expect("a runtime");
    assert_eq!(outcome.violations, Vec::<String>::new());
    assert!(outcome.settled_after <= SETTLE_MAX);
    assert!(outcome.stalled <= outcome.settled_after);
    let trouble = outcome.simulated - outcome.settled_after;
    // Six to twenty-one minutes of faults, give or take what ends them.
    assert!(trouble >= Duration::from_secs(6 * 60), "{trouble:?}");
    assert!(trouble <= Duration::from_secs(23 * 60), "{trouble:?}");
    assert!(outcome.trace.is_empty(), "nobody asked for it");
}

#[test]
fn a_trace_has_every_line_of_the_run_that_its_hash_is_of() {
    let runs = Faults::new(None).expect("an authority");
    let mut lines = 0;
    let failure = runs.trace(11, &mut |_| lines += 1).expect("a runtime");
    assert!(failure.is_none());
    assert_eq!(runs.hash(11).expect("a runtime").0, lines);
}

#[test]
fn a_run_of_seeds_ends_when_it_is_told_to() {
    let runs = Faults::new(None).expect("an authority");
    let mut heard = Vec::new();
    let summary = runs.run(5..100, &mut |summary| {
        heard.push(summary.seeds);
        summary.seeds < 3
    });
    assert_eq!(summary.expect("a runtime").seeds, 3);
    assert_eq!(heard, [1, 2, 3]);
}
