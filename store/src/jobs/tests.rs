//! What a user would miss of jobs: each tick once, each job by one node at a time, and by another when
//! that one dies.

use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::commands::Signal;
use crate::page::PageRequest;
use crate::test_fixtures::at;
use crate::test_support::FreshDatabase;

const LEASE: Duration = Duration::from_secs(60);

async fn ask(store: &Store, tick: &str, seconds: i64) -> bool {
    let payload = json!({"feed": "nvd"});
    let job = NewJob {
        kind: "feed_sync",
        tick,
        payload: &payload,
        run_after: at(seconds),
        company: None,
    };
    enqueue(store, &job, at(0)).await.unwrap()
}

async fn take_at(store: &Store, seconds: i64) -> Option<Job> {
    take(store, &["feed_sync"], LEASE, at(seconds)).await.unwrap()
}

#[tokio::test]
async fn a_tick_that_many_nodes_ask_for_is_one_job_and_wakes_them() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let mut signals = store.signals().await.unwrap();
    assert!(ask(store, "2026-11-21T08:00", 0).await);
    assert!(!ask(store, "2026-11-21T08:00", 0).await);
    assert!(ask(store, "2026-11-21T09:00", 0).await);
    assert_eq!(signals.next().await.unwrap(), Signal::Job);
}

#[tokio::test]
async fn a_tick_waits_for_nobody_but_the_one_before_it() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let ask = async |tick: &str, series: &str| {
        let payload = json!(null);
        let job =
            NewJob { kind: "feed_sync", tick, payload: &payload, run_after: at(0), company: None };
        enqueue_in_turn(store, &job, series, at(0)).await.unwrap()
    };
    assert!(ask("every 60 s, number 1", "every 60 s, ").await);
    assert!(!ask("every 60 s, number 2", "every 60 s, ").await, "that one waits");
    assert!(ask("every 3600 s, number 1", "every 3600 s, ").await, "another series");
    let job = take_at(store, 1).await.unwrap();
    assert_eq!(job.tick, "every 60 s, number 1");
    assert!(!ask("every 60 s, number 3", "every 60 s, ").await, "it runs");
    assert!(end(store, &job, Ending::Done, at(2)).await.unwrap());
    assert!(!ask("every 60 s, number 1", "every 60 s, ").await, "it was done");
    assert!(ask("every 60 s, number 4", "every 60 s, ").await);
}

#[tokio::test]
async fn jobs_are_taken_in_order_when_their_time_has_come() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    // Asked for first, so the order is not that of insertion.
    ask(store, "late", 20).await;
    ask(store, "early", 10).await;
    assert_eq!(take_at(store, 9).await, None);
    let job = take_at(store, 30).await.unwrap();
    assert_eq!((job.tick.as_str(), job.attempts), ("early", 1));
    assert_eq!(job.payload, json!({"feed": "nvd"}));
    assert_eq!(take_at(store, 30).await.unwrap().tick, "late");
    assert_eq!(take_at(store, 30).await, None);
    assert_eq!(take(store, &["other"], LEASE, at(900)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_never_have_the_same_job() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    for number in 0..10 {
        ask(store, &number.to_string(), 0).await;
    }
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let store = store.clone();
        tasks.spawn(async move { take_at(&store, 1).await.map(|job| job.key) });
    }
    let mut keys: Vec<i64> = tasks.join_all().await.into_iter().flatten().collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 10);
}

/// Lets every lease run out, as time would.
async fn leases_run_out(database: &FreshDatabase) {
    let sql = "UPDATE jobs SET leased_until = clock_timestamp() - interval '1 millisecond'
               WHERE leased_until IS NOT NULL";
    database.execute(sql).await;
}

#[tokio::test]
async fn a_job_of_a_node_that_died_is_taken_by_another_and_ended_by_that_one() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    ask(store, "tick", 0).await;
    let first = take_at(store, 0).await.unwrap();
    leases_run_out(&database).await;
    // Nobody has come for it meanwhile, so it is still the first one's.
    assert!(extend(store, &first, LEASE).await.unwrap());
    assert_eq!(take_at(store, 0).await, None);
    leases_run_out(&database).await;
    let second = take_at(store, 0).await.unwrap();
    assert_eq!((second.key, second.attempts), (first.key, 2));
    // The first node was only slow, and comes back.
    assert!(!extend(store, &first, LEASE).await.unwrap());
    // Its work was done twice, which jobs have to bear; what must not be is that its word ends the
    // second one's work.
    assert!(!end(store, &first, Ending::Done, at(91)).await.unwrap());
    assert!(!note(store, &first, &json!(1)).await.unwrap());
    assert!(end(store, &second, Ending::Done, at(92)).await.unwrap());
    assert_eq!(take_at(store, 9_000).await, None);
}

#[tokio::test]
async fn no_nodes_own_clock_ends_a_lease_or_keeps_one() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    ask(store, "tick", 0).await;
    // Taken by a node whose clock is ten years ahead, and looked for by another one.
    let ahead = 10 * 365 * 86_400;
    let first = take_at(store, ahead).await.unwrap();
    for seconds in [0, 61, ahead, 2 * ahead] {
        assert_eq!(take_at(store, seconds).await, None, "{seconds}");
    }
    leases_run_out(&database).await;
    // By one whose clock is far behind the first one's.
    let second = take_at(store, 0).await.unwrap();
    assert_eq!((second.key, second.attempts), (first.key, 2));
    // A lease is as long as was asked for, by the database's clock.
    let left = "SELECT extract(epoch FROM leased_until - clock_timestamp())::float8 FROM jobs";
    let left: f64 = sqlx::query_scalar(left).fetch_one(store.pool()).await.unwrap();
    assert!((0.0..=LEASE.as_secs_f64()).contains(&left), "{left}");
    assert!(extend(store, &second, 10 * LEASE).await.unwrap());
    let left = "SELECT leased_until > clock_timestamp() + interval '9 minutes' FROM jobs";
    assert!(sqlx::query_scalar::<_, bool>(left).fetch_one(store.pool()).await.unwrap());
}

#[tokio::test]
async fn a_job_is_tried_again_when_it_says_so_and_given_up_when_it_says_so() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    ask(store, "tick", 0).await;
    let job = take_at(store, 0).await.unwrap();
    let retry = Ending::Retry { at: at(100), error: "no network" };
    assert!(end(store, &job, retry, at(1)).await.unwrap());
    assert_eq!(take_at(store, 99).await, None);
    let job = take_at(store, 100).await.unwrap();
    let failed = Ending::Failed { error: "no network" };
    assert!(end(store, &job, failed, at(101)).await.unwrap());
    assert_eq!(take_at(store, 9_000).await, None);

    assert_eq!(purge(store, at(101)).await.unwrap(), 0);
    assert_eq!(purge(store, at(102)).await.unwrap(), 1);
    // Only as long as the job is remembered is its tick known: jobs are kept much longer than a
    // tick can be late.
    assert!(ask(store, "tick", 0).await);
}

#[tokio::test]
async fn operators_see_what_ran_and_what_did_not_newest_first() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    for tick in ["first", "second", "third"] {
        ask(store, tick, 0).await;
    }
    let job = take_at(store, 0).await.unwrap();
    end(store, &job, Ending::Failed { error: "no network" }, at(1)).await.unwrap();
    let operator = store.local_operator();
    let seen = async |filter: JobFilter, page: PageRequest| {
        let found = list(&operator, &filter, &page).await.unwrap();
        let ticks: Vec<String> = found.items.iter().map(|job| job.tick.clone()).collect();
        (ticks, found.next, found.items)
    };
    let (ticks, next, _) = seen(JobFilter::default(), PageRequest::first(2)).await;
    assert_eq!(ticks, ["third", "second"]);
    let (ticks, ..) = seen(JobFilter::default(), PageRequest { limit: 2, after: next }).await;
    assert_eq!(ticks, ["first"]);
    let failed = JobFilter { state: Some(JobState::Failed), ..JobFilter::default() };
    let (_, _, jobs) = seen(failed, PageRequest::first(9)).await;
    assert_eq!(jobs[0].error.as_deref(), Some("no network"));
    assert_eq!((jobs[0].attempts, jobs[0].finished_at), (1, Some(at(1))));
    let other = JobFilter { kind: Some("other".to_owned()), ..JobFilter::default() };
    assert_eq!(seen(other, PageRequest::first(9)).await.0, Vec::<String>::new());
}

async fn ask_of(store: &Store, company: Option<u128>, tick: &str, seconds: i64) {
    let payload = json!(null);
    let company = company.map(|number| CompanyId(uuid::Uuid::from_u128(number)));
    let kind = if company.is_some() { "make_reports" } else { "match_findings" };
    let job = NewJob { kind, tick, payload: &payload, run_after: at(seconds), company };
    assert!(enqueue(store, &job, at(0)).await.unwrap());
}

async fn take_any(store: &Store, seconds: i64) -> Option<Job> {
    take(store, &["make_reports", "match_findings"], LEASE, at(seconds)).await.unwrap()
}

#[tokio::test]
async fn one_companys_many_jobs_keep_no_others_waiting() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    for number in 0..50 {
        ask_of(store, Some(1), &format!("a{number}"), number).await;
    }
    ask_of(store, Some(2), "b", 60).await;
    ask_of(store, None, "everybody's", 61).await;
    // One worker, that ends each before it takes the next one.
    let mut ticks = Vec::new();
    for seconds in 100..104 {
        let job = take_any(store, seconds).await.unwrap();
        assert!(end(store, &job, Ending::Done, at(seconds)).await.unwrap());
        ticks.push(job.tick);
    }
    assert_eq!(ticks, ["a0", "b", "everybody's", "a1"]);
}

#[tokio::test]
async fn a_company_has_one_job_that_runs_and_the_next_when_that_is_over() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    for tick in ["first", "second"] {
        ask_of(store, Some(1), tick, 0).await;
    }
    ask_of(store, Some(2), "other", 1).await;
    let first = take_any(store, 2).await.unwrap();
    assert_eq!(take_any(store, 3).await.unwrap().tick, "other");
    assert_eq!(take_any(store, 4).await, None);
    // Its node died: what it had is taken again before what waits behind it.
    leases_run_out(&database).await;
    let again = take(store, &["make_reports"], LEASE, at(5)).await.unwrap().unwrap();
    let other = take(store, &["make_reports"], LEASE, at(5)).await.unwrap().unwrap();
    assert_eq!((again.key, other.tick.as_str()), (first.key, "other"));
    assert!(end(store, &again, Ending::Done, at(6)).await.unwrap());
    assert_eq!(take_any(store, 7).await.unwrap().tick, "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_take_at_once_take_one_job_of_a_company() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    for company in 1..=3 {
        for number in 0..5 {
            ask_of(store, Some(company), &format!("{company} {number}"), 0).await;
        }
    }
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let store = store.clone();
        tasks.spawn(async move { take_any(&store, 1).await.map(|job| job.tick) });
    }
    let mut taken: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    taken.sort_unstable();
    let companies: Vec<&str> = taken.iter().map(|tick| &tick[..1]).collect();
    assert_eq!(companies, ["1", "2", "3"], "{taken:?}");
}

#[tokio::test]
async fn two_jobs_of_a_company_that_a_node_of_another_release_has_keep_nobody_from_others() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    for tick in ["first", "second", "third"] {
        ask_of(store, Some(1), tick, 0).await;
    }
    ask_of(store, Some(2), "other", 1).await;
    // As such a node takes them, which knows of no turns.
    database
        .execute(
            "UPDATE jobs SET state = 'running', attempts = 1, leased_until = now() + interval '1 day'
             WHERE tick IN ('first', 'second')",
        )
        .await;
    assert_eq!(take_any(store, 2).await.unwrap().tick, "other");
    assert_eq!(take_any(store, 3).await, None);
    database.execute("UPDATE jobs SET state = 'done' WHERE tick = 'first'").await;
    assert_eq!(take_any(store, 4).await, None, "the second goes on");
    database.execute("UPDATE jobs SET state = 'done' WHERE tick = 'second'").await;
    assert_eq!(take_any(store, 5).await.unwrap().tick, "third");
}

#[tokio::test]
async fn two_jobs_of_a_company_whose_nodes_died_are_both_done() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    for tick in ["first", "second"] {
        ask_of(store, Some(1), tick, 0).await;
    }
    database
        .execute(
            "UPDATE jobs SET state = 'running', attempts = 1,
                 leased_until = now() - interval '1 minute'",
        )
        .await;
    let taken = take_any(store, 1).await.unwrap();
    assert_eq!(take_any(store, 2).await, None, "it is its company's turn");
    database.execute("UPDATE jobs SET state = 'done' WHERE leased_until > now()").await;
    assert_ne!(take_any(store, 3).await.unwrap().tick, taken.tick);
}
