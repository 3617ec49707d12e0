//! The simulated database: each trouble does what it says, to as many transactions as it says, and
//! the checks beside it find what must not happen.

use protocol::fingerprint::{InventoryDigest, SoftwareKey};
use protocol::frame::{Frame, Packing};
use protocol::report::{Report, ReportBody};
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::faults::host::Host;
use crate::faults::node::BEGINNING;

const COMPANY: CompanyId = CompanyId(Uuid::from_u128(0xc1));
const OTHER: CompanyId = CompanyId(Uuid::from_u128(0xc2));
const AGENT: AgentId = AgentId(Uuid::from_u128(0xa1));
const STRANGER: AgentId = AgentId(Uuid::from_u128(0xa2));

/// A database with an agent in each of two companies.
fn database(plant: Option<Plant>) -> (Database, Stage) {
    let stage = Stage::new(false);
    let database = Database::new(stage.clone(), plant, Random::new(5));
    database.enrol(COMPANY, AGENT);
    database.enrol(OTHER, STRANGER);
    (database, stage)
}

/// The whole inventory of a host of ten packages, as one report.
fn report(agent: AgentId, epoch: u32, seq: u32) -> IncomingReport {
    let host = Host::new(10, Random::new(1));
    let inventory = host.scan();
    let truth = host.truth();
    let report = Report {
        position: Position::new(epoch, seq),
        made_at_ms: 0,
        platform: inventory.platform,
        facts: Some(Box::new(inventory.facts)),
        sources: inventory.sources,
        body: ReportBody::Snapshot {
            from: SoftwareKey(0),
            to: None,
            records: inventory.records.into_values().collect(),
        },
        digest: Some(truth.values().copied().collect::<InventoryDigest>()),
    };
    IncomingReport {
        agent,
        keys: report.validate().expect("a valid report"),
        report,
        received_at: BEGINNING,
    }
}

fn letter(agent: AgentId, epoch: u32, seq: u32) -> NewDeadLetter {
    NewDeadLetter {
        id: Uuid::from_u128(1),
        agent,
        position: Position::new(epoch, seq),
        reason: "refused".to_owned(),
        detail: String::new(),
        frame: Frame { packing: Packing::Plain, payload: Vec::new() },
        received_at: BEGINNING,
    }
}

async fn apply(database: &Database, batch: &[IncomingReport]) -> Result<Vec<Applied>, Failure> {
    let applied = database.apply(COMPANY, batch, BEGINNING).await;
    applied.map(|applied| applied.reports)
}

/// A transaction that counts how often it was done.
async fn count(database: &Database, done: &mut u32) -> Result<(), Failure> {
    database.transact(|_| *done += 1).await
}

fn failed(why: &str) -> Failure {
    Failure::Failed(why.to_owned())
}

#[tokio::test(start_paused = true)]
async fn without_trouble_everything_is_done_and_answered_within_a_moment() {
    let (database, _) = database(None);
    let (began, mut done) = (Clock.now(), 0);
    for _ in 0..20 {
        assert_eq!(count(&database, &mut done).await, Ok(()));
    }
    assert_eq!(done, 20);
    let took = Clock.now() - began;
    assert!(took < Duration::from_millis(20 * 32), "{took:?}");
    assert!(database.is_up().await);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_does_nothing_until_it_is_back() {
    let (database, _) = database(None);
    let mut done = 0;
    database.trouble(|trouble| trouble.is_away = true);
    for _ in 0..5 {
        let answer = count(&database, &mut done).await;
        assert_eq!(answer, Err(failed("the database is away")));
    }
    assert!(!database.is_up().await);
    assert_eq!(database.pending(AGENT), None, "nothing is known");
    database.trouble(|trouble| trouble.is_away = false);
    assert_eq!(count(&database, &mut done).await, Ok(()));
    assert_eq!(database.pending(AGENT), Some(Vec::new()));
    assert_eq!(done, 1);
}

#[tokio::test(start_paused = true)]
async fn as_many_transactions_fail_as_were_told_to_and_nothing_of_them_is_done() {
    let (database, _) = database(None);
    let mut done = 0;
    database.trouble(|trouble| trouble.fails = 3);
    for _ in 0..3 {
        let answer = count(&database, &mut done).await;
        assert_eq!(answer, Err(failed("the transaction fails")));
    }
    assert_eq!((count(&database, &mut done).await, done), (Ok(()), 1));
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_is_done_all_the_same() {
    let (database, _) = database(None);
    let mut done = 0;
    database.trouble(|trouble| trouble.loses_answers = 1);
    let answer = count(&database, &mut done).await;
    assert_eq!((answer, done), (Err(failed("the answer is lost")), 1));
    assert_eq!((count(&database, &mut done).await, done), (Ok(()), 2));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_hangs_is_never_answered_and_never_done_and_holds_up_nobody() {
    let (database, _) = database(None);
    let (mut hung, mut done) = (0, 0);
    database.trouble(|trouble| trouble.hangs = 1);
    let day = Duration::from_secs(86_400);
    let waited = tokio::time::timeout(day, count(&database, &mut hung)).await;
    assert!(waited.is_err());
    assert_eq!((count(&database, &mut done).await, done), (Ok(()), 1));
    assert_eq!(hung, 0);
}

#[tokio::test(start_paused = true)]
async fn a_question_meets_one_trouble_and_leaves_the_others_for_the_next() {
    let (database, _) = database(None);
    let mut done = 0;
    database.trouble(|trouble| {
        (trouble.fails, trouble.loses_answers) = (1, 1);
    });
    let first = count(&database, &mut done).await;
    assert_eq!((first, done), (Err(failed("the transaction fails")), 0));
    let second = count(&database, &mut done).await;
    assert_eq!((second, done), (Err(failed("the answer is lost")), 1));
    assert_eq!(count(&database, &mut done).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_slow_database_takes_its_time_and_no_more_than_it_was_told() {
    let (database, _) = database(None);
    database.trouble(|trouble| trouble.delay_max = Duration::from_secs(20));
    let mut longest = Duration::ZERO;
    for _ in 0..100 {
        let (began, mut done) = (Clock.now(), 0);
        assert_eq!(count(&database, &mut done).await, Ok(()));
        longest = longest.max(Clock.now() - began);
    }
    assert!(longest <= Duration::from_secs(20), "{longest:?}");
    assert!(longest > Duration::from_secs(10), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_report_is_stored_once_and_told_so_once() {
    let (database, stage) = database(None);
    let batch = [report(AGENT, 1, 1)];
    let first = apply(&database, &batch).await.expect("an answer");
    assert!(matches!(first[..], [Applied::Stored(_)]), "{first:?}");
    let again = apply(&database, &batch).await.expect("an answer");
    assert_eq!(again, [Applied::Duplicate]);
    assert_eq!(database.told_stored(), 1);
    let truth = Host::new(10, Random::new(1)).truth();
    assert_eq!(database.rows(|rows| rows.held(COMPANY, AGENT)), truth);
    let outcome = stage.finish();
    assert_eq!((outcome.stored, outcome.violations), (1, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_report_behind_a_gap_is_not_stored_and_one_of_an_unknown_agent_is_nobodys() {
    let (database, stage) = database(None);
    let gap = apply(&database, &[report(AGENT, 1, 2)]).await;
    let applied = Position::default();
    assert_eq!(gap, Ok(vec![Applied::Gap { applied }]));
    assert_eq!(database.told_stored(), 0);
    assert!(!stage.is_broken());
    assert!(database.rows(|rows| rows.held(COMPANY, AGENT)).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_was_lost_is_a_duplicate_when_it_comes_again() {
    let (database, stage) = database(None);
    let batch = [report(AGENT, 1, 1)];
    database.trouble(|trouble| trouble.loses_answers = 1);
    assert_eq!(apply(&database, &batch).await, Err(failed("the answer is lost")));
    assert_eq!(database.told_stored(), 0, "nobody heard of it");
    assert_eq!(apply(&database, &batch).await, Ok(vec![Applied::Duplicate]));
    assert!(!stage.is_broken());
}

#[tokio::test(start_paused = true)]
async fn a_bad_report_is_bad_in_whatever_batch_it_comes_and_leaves_the_others_alone() {
    let (database, _) = database(None);
    database.trouble(|trouble| trouble.refuses = 1);
    let (bad, good) = (report(AGENT, 1, 1), report(AGENT, 2, 1));
    let refused = Failure::Refused("a value that no column takes".to_owned());
    for batch in [vec![bad.clone()], vec![bad.clone(), good.clone()], vec![bad]] {
        assert_eq!(apply(&database, &batch).await, Err(refused.clone()));
    }
    let stored = apply(&database, &[good]).await.expect("an answer");
    assert!(matches!(stored[..], [Applied::Stored(_)]), "{stored:?}");
}

#[tokio::test(start_paused = true)]
async fn storing_a_report_panics_every_time_that_it_is_tried() {
    let (database, _) = database(None);
    database.trouble(|trouble| trouble.panics = 1);
    for _ in 0..2 {
        let database = database.clone();
        #[expect(clippy::disallowed_methods, reason = "a task that has to be seen to panic")]
        let storing = tokio::spawn(async move { apply(&database, &[report(AGENT, 1, 1)]).await });
        let error = storing.await.expect_err("a panic");
        let text = error.into_panic();
        let text = text.downcast_ref::<&str>().copied().unwrap_or_default();
        // The prefix is what keeps the process' hook from printing it.
        assert!(text.starts_with("injected:"), "{text}");
    }
    let other = apply(&database, &[report(AGENT, 2, 1)]).await;
    assert!(other.is_ok(), "the lock survives a panic: {other:?}");
}

#[tokio::test(start_paused = true)]
async fn finds_a_report_in_another_company() {
    let (database, stage) = database(None);
    let batch = [report(AGENT, 1, 1)];
    let answer = database.apply(OTHER, &batch, BEGINNING).await;
    assert_eq!(answer.expect("an answer").reports, [Applied::AgentUnknown]);
    let broken = stage.finish().violations;
    assert!(broken[0].contains("reached another company"), "{broken:?}");
}

#[tokio::test(start_paused = true)]
async fn finds_reports_of_one_agent_out_of_their_order_and_not_those_of_two() {
    let (database, stage) = database(None);
    let batch = [report(AGENT, 2, 1), report(AGENT, 1, 1)];
    assert!(apply(&database, &batch).await.is_ok());
    let broken = stage.finish().violations;
    assert!(broken[0].contains("1.1 of"), "{broken:?}");
    assert!(broken[0].contains("out of its order"), "{broken:?}");
}

#[tokio::test(start_paused = true)]
async fn planted_mistakes_of_the_way_are_found_by_the_checks() {
    for (plant, what) in [
        (Plant::MixesCompanies, "reached another company"),
        (Plant::ReordersAnAgent, "out of its order"),
    ] {
        let (database, stage) = database(Some(plant));
        let batch = [report(AGENT, 1, 1), report(AGENT, 1, 2)];
        apply(&database, &batch).await.expect("an answer");
        let broken = stage.finish().violations;
        assert!(broken.iter().any(|text| text.contains(what)), "{plant}: {broken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ends_reports_before_the_commit_is_told_apart_by_what_was_told() {
    let (database, _) = database(Some(Plant::EndsBeforeTheCommit));
    database.trouble(|trouble| trouble.fails = 1);
    let answer = apply(&database, &[report(AGENT, 1, 1)]).await;
    assert!(matches!(answer.as_deref(), Ok([Applied::Stored(_)])), "{answer:?}");
    // This is what the run compares with the workers' own count.
    assert_eq!(database.told_stored(), 0);
    assert!(database.rows(|rows| rows.held(COMPANY, AGENT)).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_takes_its_place_in_the_line_and_the_next_report_follows_it() {
    let (database, stage) = database(None);
    apply(&database, &[report(AGENT, 1, 1)]).await.expect("one");
    let letters = [letter(AGENT, 1, 2)];
    assert_eq!(database.bury(COMPANY, &letters, BEGINNING).await, Ok(()));
    let standing = database.rows(|rows| rows.standing(COMPANY, AGENT));
    assert_eq!(standing.map(|s| s.applied), Some(Position::new(1, 2)));
    assert!(database.rows(|rows| rows.is_buried(COMPANY, AGENT, Position::new(1, 2))));
    // Its host is asked for everything: what the letter held is not in the rows.
    assert_eq!(database.signals(0).0, [AGENT]);
    assert_eq!(database.pending(AGENT), Some(vec![Command::SendSnapshot]));
    assert!(!stage.is_broken());
}

#[tokio::test(start_paused = true)]
async fn finds_a_line_that_does_not_go_on_over_a_dead_letter() {
    let plant = Plant::Rows(store::simulated::Plant::BuriesBesideTheLine);
    let (database, stage) = database(Some(plant));
    let letters = [letter(AGENT, 1, 1)];
    assert_eq!(database.bury(COMPANY, &letters, BEGINNING).await, Ok(()));
    let broken = stage.finish().violations;
    assert!(broken[0].contains("over its dead letter 1.1"), "{broken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_scan_is_asked_of_agents_that_there_are_and_said_to_whoever_listens() {
    let (database, _) = database(None);
    database.request_scan(AgentId(Uuid::from_u128(0xff)));
    assert_eq!(database.signals(0), (Vec::new(), 0));
    database.request_scan(AGENT);
    database.request_scan(STRANGER);
    assert_eq!(database.signals(0), (vec![AGENT, STRANGER], 2));
    assert_eq!(database.signals(1), (vec![STRANGER], 2));
    // A number of another database, or of one that began anew.
    assert_eq!(database.signals(9), (Vec::new(), 2));
    let asked = database.pending(AGENT);
    assert_eq!(asked, Some(vec![Command::ScanNow { request: 1 }]));
}

#[tokio::test(start_paused = true)]
async fn a_seed_says_how_long_the_database_takes() {
    let times = |seed| async move {
        let database = Database::new(Stage::new(false), None, Random::new(seed));
        database.trouble(|trouble| trouble.delay_max = Duration::from_secs(9));
        let mut times = Vec::new();
        for _ in 0..10 {
            let began = Clock.now();
            database.transact(|_| ()).await.expect("an answer");
            times.push(Clock.now() - began);
        }
        times
    };
    assert_eq!(times(4).await, times(4).await);
    assert_ne!(times(4).await, times(5).await);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_goes_back_has_what_it_had_and_gets_its_software_again() {
    for (plant, is_whole) in
        [(None, true), (Some(Plant::Rows(store::simulated::Plant::BelievesWhatWas)), false)]
    {
        let (database, stage) = database(plant);
        let truth = Host::new(10, Random::new(1)).truth();
        let held = || database.rows(|rows| rows.held(COMPANY, AGENT));
        assert!(database.keep());
        assert!(!database.keep(), "to one moment at a time");
        database.apply(COMPANY, &[report(AGENT, 1, 1)], BEGINNING).await.expect("stored");
        assert_eq!(held(), truth);
        database.go_back();
        assert_eq!(held().len(), 0);
        // The same place in the line, and the same software.
        database.apply(COMPANY, &[report(AGENT, 1, 1)], BEGINNING).await.expect("stored");
        assert_eq!(held() == truth, is_whole, "{plant:?}");
        assert!(!stage.is_broken());
    }
}
