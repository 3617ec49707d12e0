//! Both kinds of events in one order.

use std::future::Future;
use std::time::Duration;

use super::*;
use crate::error::StoreError;
use crate::events::KEPT;
use crate::test_fixtures::{World, at, company};

/// Asks until the answer has so many: an event shows once other tests' transactions have ended.
pub(crate) async fn until<T, F>(count: usize, ask: impl Fn() -> F) -> Vec<T>
where
    F: Future<Output = Result<Vec<T>, StoreError>>,
{
    let asking = async {
        loop {
            let all = ask().await.unwrap();
            if all.len() >= count {
                assert_eq!(all.len(), count);
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, asking).await.unwrap()
}

/// Writes so many events of findings, each of another CVE.
pub(crate) async fn happen(world: &World, kind: &str, count: i32, when: i64) {
    let mut tx = world.tx().await;
    let sql = "INSERT INTO finding_events
                   (company_key, at, kind, software_key, cve, source, confidence)
               SELECT $1, $2, $3, $4, 'CVE-2024-' || (10000 + n), 'nvd', 'high'
               FROM generate_series(1, $5) n";
    sqlx::query(sql)
        .bind(world.scope.key())
        .bind(at(when))
        .bind(kind)
        .bind(Uuid::from_u128(7))
        .bind(count)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn a_policy_fails(world: &World) {
    let mut tx = world.tx().await;
    let sql = "INSERT INTO policy_events (company_key, at, policy, agent_key, was, state)
               VALUES ($1, $2, $3, 1, 'pass', 'fail')";
    sqlx::query(sql)
        .bind(world.scope.key())
        .bind(at(0))
        .bind(Uuid::from_u128(9))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[test]
fn places_and_kinds_are_read_back_as_they_are_written() {
    let place = EventPlace::new(12, 345);
    assert_eq!(place.to_string().parse(), Ok(place));
    for other in ["", "1", "1-", "-1-2", "1-+2", "a-b", "1-2-3", "99999999999999999999-1"] {
        assert!(other.parse::<EventPlace>().is_err(), "{other}");
    }
    for kind in CompanyEventKind::ALL {
        assert_eq!(CompanyEventKind::parse(kind.as_str()), Some(*kind));
    }
    let event = CompanyEvent::test(at(0));
    let text = serde_json::to_string(&event).unwrap();
    assert_eq!(serde_json::from_str::<CompanyEvent>(&text).unwrap(), event);
}

#[tokio::test]
async fn both_kinds_of_events_come_in_one_order_and_page_by_page() {
    let world = World::new().await;
    let begin = present(&world.scope).await.unwrap();
    happen(&world, "opened", 3, 0).await;
    a_policy_fails(&world).await;
    happen(&world, "resolved", 2, 1).await;
    let all = until(6, || after(&world.scope, begin, 100)).await;
    let kinds: Vec<_> = all.iter().map(|event| event.kind.as_str()).collect();
    let (opened, resolved) = ("finding.opened", "finding.resolved");
    assert_eq!(kinds, [opened, opened, opened, "policy.fail", resolved, resolved]);
    let (mut place, mut paged) = (begin, Vec::new());
    while let Some(event) = after(&world.scope, place, 1).await.unwrap().pop() {
        place = event.id;
        paged.push(event);
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn who_begins_at_the_present_is_told_nothing_of_the_past() {
    let world = World::new().await;
    happen(&world, "opened", 2, 0).await;
    let all = until(2, || after(&world.scope, EventPlace::new(0, 0), 100)).await;
    let begin = present(&world.scope).await.unwrap();
    assert_eq!(after(&world.scope, begin, 100).await.unwrap(), []);
    assert!(is_kept(&world.scope, all[1].id, at(9)).await.unwrap());
    assert!(!is_kept(&world.scope, EventPlace::new(1, 1), at(9)).await.unwrap());
    // Another company's place names nothing here, and its events are not to be had with it.
    let other = company(world.store(), "Other").await;
    assert!(!is_kept(&other, all[1].id, at(9)).await.unwrap());
    let none = after(&other, EventPlace::new(0, 0), 100).await.unwrap();
    assert_eq!(none, []);
}

#[tokio::test]
async fn a_beginning_is_known_again_for_as_long_as_what_came_after_it_is_kept() {
    let world = World::new().await;
    let scope = &world.scope;
    happen(&world, "opened", 1, 0).await;
    until(1, || after(scope, EventPlace::new(0, 0), 100)).await;
    let begin = beginning(scope, at(0)).await.unwrap();
    assert_eq!(begin.to_string().parse(), Ok(begin), "as it comes back");
    assert_eq!(after(scope, begin, 100).await.unwrap(), [], "nothing of the past");
    happen(&world, "resolved", 1, 1).await;
    until(1, || after(scope, begin, 100)).await;
    assert!(is_kept(scope, begin, at(9)).await.unwrap());
    assert!(!is_kept(scope, begin, at(0) + KEPT).await.unwrap(), "some may be forgotten");
    let (xact, _) = begin.parts();
    let ahead = EventPlace::beginning(xact + 1_000_000, at(0));
    assert!(!is_kept(scope, ahead, at(9)).await.unwrap(), "of a time that was taken back");
}
