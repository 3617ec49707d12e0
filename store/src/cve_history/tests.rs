//! What a user would miss of a CVE's spread: every day that changed, none twice, and the numbers of the list.

use super::record::record_by;
use super::*;
use crate::agents;
use crate::counts;
use crate::cves;
use crate::exceptions::{self, About, Claim, Hosts, NewException, VexStatus};
use crate::findings;
use crate::reports::apply;
use crate::test_fixtures::{
    Endpoint, GENERATION, World, agent, at, company, evaluation, id, judge, key, record as software,
};

/// `bad1` 1.1 has both, `bad1` 1 the first one alone.
const CVE: &str = "CVE-2024-90010";
const NEXT: &str = "CVE-2024-90011";
const DAY_S: i64 = 86_400;

/// A day after the first.
fn day(number: i64) -> Date {
    day_of(at(number * DAY_S))
}

/// So many hosts with `bad1` 1.1.
async fn fleet(scope: &TenantScope, hosts: usize) -> Vec<Endpoint> {
    let mut fleet = Vec::new();
    for _ in 0..hosts {
        let mut endpoint = Endpoint::new(agent(scope, "host").await);
        let batch = endpoint.snapshot([software("bad1", "1.1")], 100);
        apply(scope, &batch, &judge, GENERATION, at(0)).await.unwrap();
        fleet.push(endpoint);
    }
    fleet
}

/// Puts `bad1` 1 in the place of 1.1.
async fn patch(scope: &TenantScope, endpoint: &mut Endpoint) {
    let delta = endpoint.delta(vec![software("bad1", "1")], &[software("bad1", "1.1")]);
    apply(scope, &[delta], &judge, GENERATION, at(0)).await.unwrap();
}

async fn recorded(scope: &TenantScope, number: i64) -> u64 {
    record(scope, at(number * DAY_S)).await.unwrap()
}

/// The rows of a CVE: on which day, and how many hosts.
async fn rows(scope: &TenantScope, cve: &str) -> Vec<(i64, i64)> {
    let mut tx = scope.begin("test").await.unwrap();
    let rows: Vec<(Date, i64)> =
        sqlx::query_as("SELECT day, hosts FROM cve_history WHERE cve = $1 ORDER BY day")
            .bind(cve)
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    rows.into_iter().map(|(on, hosts)| ((on - day(0)).whole_days(), hosts)).collect()
}

async fn hosts(scope: &TenantScope, cve: &str, from: i64, before: i64) -> Vec<u64> {
    let history = list(scope, cve, day(from), day(before)).await.unwrap();
    history.days.iter().map(|day| day.hosts).collect()
}

#[tokio::test]
async fn a_patch_is_seen_rolling_out_by_rows_of_the_days_that_changed() {
    let world = World::new().await;
    let mut fleet = fleet(&world.scope, 3).await;
    assert_eq!(recorded(&world.scope, 0).await, 2);
    assert_eq!(recorded(&world.scope, 1).await, 0);
    patch(&world.scope, &mut fleet[0]).await;
    assert_eq!(recorded(&world.scope, 2).await, 1);
    patch(&world.scope, &mut fleet[1]).await;
    patch(&world.scope, &mut fleet[2]).await;
    // Nobody recorded on the third day.
    assert_eq!(recorded(&world.scope, 4).await, 1);
    assert_eq!(rows(&world.scope, NEXT).await, [(0, 3), (2, 2), (4, 0)]);
    assert_eq!(rows(&world.scope, CVE).await, [(0, 3)]);
    assert_eq!(hosts(&world.scope, NEXT, 0, 6).await, [3, 3, 2, 2, 0, 0]);
    assert_eq!(hosts(&world.scope, CVE, 0, 6).await, [3; 6]);
    // What stood before the range stands in it.
    assert_eq!(hosts(&world.scope, NEXT, 3, 5).await, [2, 0]);
}

#[tokio::test]
async fn what_has_gone_is_said_once_and_again_when_it_comes_back() {
    let world = World::new().await;
    let mut fleet = fleet(&world.scope, 1).await;
    recorded(&world.scope, 0).await;
    patch(&world.scope, &mut fleet[0]).await;
    for number in 1..4 {
        assert_eq!(recorded(&world.scope, number).await, u64::from(number == 1));
    }
    let back = fleet[0].delta(vec![software("bad1", "1.1")], &[software("bad1", "1")]);
    world.apply(&[back]).await;
    recorded(&world.scope, 4).await;
    assert_eq!(rows(&world.scope, NEXT).await, [(0, 1), (1, 0), (4, 1)]);
}

#[tokio::test]
async fn a_day_has_one_row_with_what_was_found_last() {
    let world = World::new().await;
    let mut fleet = fleet(&world.scope, 2).await;
    assert_eq!(recorded(&world.scope, 0).await, 2);
    assert_eq!(recorded(&world.scope, 0).await, 0);
    patch(&world.scope, &mut fleet[0]).await;
    assert_eq!(record(&world.scope, at(3_600)).await.unwrap(), 1);
    assert_eq!(rows(&world.scope, NEXT).await, [(0, 1)]);
    // A node whose clock is a day behind writes nothing over it.
    recorded(&world.scope, -1).await;
    assert_eq!(hosts(&world.scope, NEXT, 0, 1).await, [1]);
}

#[tokio::test]
async fn what_an_exception_leaves_out_does_not_count() {
    let world = World::new().await;
    fleet(&world.scope, 2).await;
    recorded(&world.scope, 0).await;
    let about = About { cve: Some(CVE.to_owned()), ..About::default() };
    let claim = Claim {
        status: VexStatus::Affected,
        justification: None,
        note: String::new(),
        action: String::new(),
        suppresses: true,
    };
    let new = NewException {
        id: id(),
        name: None,
        about: &about,
        hosts: Hosts::All,
        claim: &claim,
        expires_at: None,
        origin: None,
    };
    exceptions::create(&world.scope, &new, at(2)).await.unwrap();
    recorded(&world.scope, 1).await;
    assert_eq!(rows(&world.scope, CVE).await, [(0, 2), (1, 0)]);
    assert_eq!(rows(&world.scope, NEXT).await, [(0, 2)]);
}

#[tokio::test]
async fn companies_have_their_own_days() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    let third = company(world.store(), "Third").await;
    fleet(&world.scope, 2).await;
    fleet(&other, 1).await;
    recorded(&world.scope, 0).await;
    assert_eq!(list(&other, CVE, day(0), day(2)).await.unwrap(), History::default());
    recorded(&other, 1).await;
    assert_eq!(recorded(&third, 1).await, 0);
    assert_eq!(hosts(&world.scope, CVE, 0, 2).await, [2, 2]);
    let theirs = list(&other, CVE, day(0), day(2)).await.unwrap();
    assert_eq!(theirs.recorded_since, Some(day(1)));
    assert_eq!(theirs.days, [Day { day: day(1), hosts: 1 }]);
    // Who has none of it had none, from the day on that somebody looked.
    assert_eq!(hosts(&third, CVE, 0, 3).await, [0, 0]);
    assert_eq!(purge(&other, at(2_000 * DAY_S), 100).await.unwrap(), 0);
}

#[tokio::test]
async fn a_large_companys_days_are_those_of_a_small_one_and_of_the_list() {
    let world = World::new().await;
    let large = company(world.store(), "Large").await;
    let (mut here, mut there) = (fleet(&world.scope, 4).await, fleet(&large, 4).await);
    // A host that was let go counts in neither.
    agents::revoke(&world.scope, here[3].agent, at(1)).await.unwrap();
    agents::revoke(&large, there[3].agent, at(1)).await.unwrap();
    for number in 0..3 {
        if number > 0 {
            let host = usize::try_from(number).unwrap() - 1;
            patch(&world.scope, &mut here[host]).await;
            patch(&large, &mut there[host]).await;
        }
        counts::count(&large, at(number * DAY_S), || 0.0).await.unwrap();
        recorded(&world.scope, number).await;
        // One CVE at a time, which makes as many pieces.
        record_by(&large, 1, day(number)).await.unwrap();
        for cve in [CVE, NEXT] {
            let shown = cves::get(&large, cve).await.unwrap().unwrap().hosts;
            assert_eq!(hosts(&large, cve, number, number + 1).await, [shown], "{cve} {number}");
            assert_eq!(rows(&large, cve).await, rows(&world.scope, cve).await);
        }
    }
    // Without a finding a CVE has no count any more, and its last number must not stand for ever.
    let delta = there[0].delta(vec![], &[software("bad1", "1")]);
    apply(&large, &[delta], &judge, GENERATION, at(0)).await.unwrap();
    assert_eq!(rows(&large, NEXT).await, [(0, 3), (1, 2), (2, 1)]);
    let judged = ["1", "1.1"].map(|version| {
        let nothing = evaluation(&[""; 0]);
        (key(&software("bad1", version)), nothing)
    });
    findings::replace(&large, &judged, 2, at(3 * DAY_S)).await.unwrap();
    counts::count(&large, at(3 * DAY_S), || 0.0).await.unwrap();
    assert_eq!(recorded(&large, 3).await, 2);
    assert_eq!(hosts(&large, NEXT, 2, 4).await, [1, 0]);
}

#[tokio::test]
async fn days_that_are_kept_no_longer_are_forgotten_and_what_they_led_to_is_not() {
    let world = World::new().await;
    let mut fleet = fleet(&world.scope, 2).await;
    recorded(&world.scope, 0).await;
    patch(&world.scope, &mut fleet[0]).await;
    recorded(&world.scope, 1).await;
    patch(&world.scope, &mut fleet[1]).await;
    recorded(&world.scope, 10).await;
    let kept = DAYS_KEPT.whole_days();
    let at_day = |number: i64| at((kept + number) * DAY_S);
    assert_eq!(purge(&world.scope, at_day(0), 100).await.unwrap(), 0);
    // The first day goes; of the second one stands what follows.
    assert_eq!(purge(&world.scope, at_day(5), 100).await.unwrap(), 1);
    assert_eq!(rows(&world.scope, NEXT).await, [(1, 1), (10, 0)]);
    assert_eq!(hosts(&world.scope, NEXT, 5, 11).await, [1, 1, 1, 1, 1, 0]);
    // In steps, of which none may leave the one before a zero behind.
    for expected in [1, 1, 0] {
        assert_eq!(purge(&world.scope, at_day(10), 1).await.unwrap(), expected);
        assert_eq!(hosts(&world.scope, NEXT, 10, 11).await, [0]);
    }
    assert_eq!(rows(&world.scope, NEXT).await, []);
    // What never changed is older than what is kept, and as it was.
    assert_eq!(rows(&world.scope, CVE).await, [(0, 2)]);
    assert_eq!(hosts(&world.scope, CVE, kept, kept + 1).await, [2]);
}

#[test]
fn days_go_along_the_steps() {
    let step = |number: i64, hosts| Day { day: day(number), hosts };
    let days = |steps: &[Day], from, before| {
        let days = along(steps, day(from), day(before));
        days.iter().map(|day| day.hosts).collect::<Vec<_>>()
    };
    assert_eq!(days(&[], 0, 3), [0, 0, 0]);
    assert_eq!(days(&[step(1, 4), step(3, 2)], 0, 5), [0, 4, 4, 2, 2]);
    assert_eq!(days(&[step(-9, 4), step(0, 5)], 0, 1), [5]);
    assert_eq!(days(&[step(-9, 4)], 2, 2), [0; 0]);
}
