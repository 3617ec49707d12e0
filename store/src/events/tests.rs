//! What a reader of events would miss: every change once, in an order that only grows, its own
//! company's and no other's.

use super::*;
use crate::commands::Signal;
use crate::findings::replace;
use crate::test_fixtures::{Endpoint, World, at, company, evaluation, key, record};

/// A world whose company has `bad1` 1.1 with two findings.
async fn world() -> (World, Endpoint, SoftwareKey) {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let bad = record("bad1", "1.1");
    world.apply(&endpoint.snapshot([bad.clone()], 100)).await;
    (world, endpoint, key(&bad))
}

/// So many events, once they show: other tests' transactions on the same server count as well.
async fn read(world: &World, place: Option<EventPlace>, count: usize) -> Vec<FindingEvent> {
    let reading = async {
        loop {
            let events = after(&world.scope, place, 100).await.unwrap();
            if events.len() >= count {
                assert_eq!(events.len(), count, "{events:?}");
                return events;
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    tokio::time::timeout(patience, reading).await.unwrap()
}

fn told(events: &[FindingEvent]) -> Vec<(EventKind, &str)> {
    events.iter().map(|event| (event.kind, event.cve.as_str())).collect()
}

#[tokio::test]
async fn findings_of_new_software_are_told_and_a_redelivered_report_tells_nothing() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let mut signals = world.store().signals().await.unwrap();
    let reports = endpoint.snapshot([record("bad1", "1.1"), record("good", "1")], 100);
    world.apply(&reports).await;
    world.apply(&reports).await;
    let events = read(&world, None, 2).await;
    let expected = [(EventKind::Opened, "CVE-2024-90010"), (EventKind::Opened, "CVE-2024-90011")];
    assert_eq!(told(&events), expected);
    assert_eq!(events[0].software, key(&record("bad1", "1.1")));
    assert_eq!((events[0].at, events[0].source.as_str()), (at(0), "nvd"));
    let company = world.scope.company();
    assert_eq!(signals.next().await.unwrap(), Signal::Findings(company));
}

#[tokio::test]
async fn a_new_judgement_tells_what_it_changes_and_nothing_of_what_stays() {
    let (world, _, bad) = world().await;
    let last = read(&world, None, 2).await.pop().unwrap().place;
    let mut signals = world.store().signals().await.unwrap();
    let mut judged = evaluation(&["CVE-2024-90011", "CVE-2024-7777"]);
    judged.findings[0].fixed_in = Some("2.0".into());
    // The second time nothing differs, and nothing may be told.
    for _twice in 0..2 {
        let judged = [(bad, judged.clone())];
        replace(&world.scope, &judged, 2, at(50)).await.unwrap();
    }
    let events = read(&world, Some(last), 3).await;
    let mut kinds = told(&events);
    kinds.sort_unstable_by_key(|(_, cve)| *cve);
    let expected = [
        (EventKind::Opened, "CVE-2024-7777"),
        (EventKind::Resolved, "CVE-2024-90010"),
        (EventKind::Changed, "CVE-2024-90011"),
    ];
    assert_eq!(kinds, expected);
    let company = world.scope.company();
    assert_eq!(signals.next().await.unwrap(), Signal::Findings(company));
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was_and_misses_nothing_of_pages() {
    let (world, _, bad) = world().await;
    for round in 0..4 {
        let cves: &[&str] = if round % 2 == 0 { &[] } else { &["CVE-2024-1"] };
        let judged = [(bad, evaluation(cves))];
        replace(&world.scope, &judged, 2, at(round)).await.unwrap();
    }
    let all = read(&world, None, 7).await;
    let (mut place, mut seen) = (None, Vec::new());
    while let Some(event) = after(&world.scope, place, 1).await.unwrap().pop() {
        place = Some(event.place);
        seen.push(event);
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn an_event_waits_for_transactions_that_began_before_it() {
    let (world, _, bad) = world().await;
    let last = read(&world, None, 2).await.pop().unwrap().place;
    // It has its number, and may still write events with a lower place than those that follow.
    let mut slow = world.tx().await;
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *slow).await.unwrap();
    let judged = [(bad, evaluation(&["CVE-2024-7777"]))];
    replace(&world.scope, &judged, 2, at(50)).await.unwrap();
    assert_eq!(after(&world.scope, Some(last), 9).await.unwrap(), []);
    slow.rollback().await.unwrap();
    read(&world, Some(last), 3).await;
}

#[tokio::test]
async fn a_long_read_such_as_a_backups_delays_no_event() {
    let (world, _, bad) = world().await;
    let last = read(&world, None, 2).await.pop().unwrap().place;
    // It reads only, so it has no transaction number, which is what readers of events wait for.
    let mut backup = world.tx().await;
    for sql in [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SELECT FROM findings WHERE company_key > 0",
    ] {
        sqlx::query(sql).execute(&mut *backup).await.unwrap();
    }
    let judged = [(bad, evaluation(&["CVE-2024-7777"]))];
    replace(&world.scope, &judged, 2, at(50)).await.unwrap();
    read(&world, Some(last), 3).await;
    backup.rollback().await.unwrap();
}

#[tokio::test]
async fn another_company_reads_and_forgets_nothing() {
    let (world, ..) = world().await;
    let other = company(world.store(), "Other").await;
    assert_eq!(after(&other, None, 100).await.unwrap(), []);
    assert_eq!(purge(&other, at(1_000), 100).await.unwrap(), 0);
    read(&world, None, 2).await;
}

#[tokio::test]
async fn old_events_are_forgotten_and_young_ones_are_not() {
    let (world, _, bad) = world().await;
    let judged = [(bad, evaluation(&["CVE-2024-7777"]))];
    replace(&world.scope, &judged, 2, at(50)).await.unwrap();
    assert_eq!(purge(&world.scope, at(50), 1).await.unwrap(), 1);
    assert_eq!(purge(&world.scope, at(50), 100).await.unwrap(), 1);
    assert_eq!(purge(&world.scope, at(50), 100).await.unwrap(), 0);
    let left = read(&world, None, 3).await;
    assert!(left.iter().all(|event| event.at == at(50)));
}

#[tokio::test]
async fn a_place_comes_back_from_json_as_it_went() {
    let (world, ..) = world().await;
    let place = read(&world, None, 2).await[0].place;
    // Whoever delivers events keeps the place as JSON across releases.
    let text = serde_json::to_string(&place).unwrap();
    assert_eq!(serde_json::from_str::<EventPlace>(&text).unwrap(), place);
}
