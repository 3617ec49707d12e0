//! A company in numbers: each counted once, of its own company, and as its lists show them.

use protocol::frame::{Frame, Packing};
use protocol::ids::Position;

use super::*;
use crate::agents;
use crate::cves;
use crate::dead_letters::{self, NewDeadLetter};
use crate::test_fixtures::{Endpoint, World, agent, at, company, id, published, record};

/// Two hosts with `bad1` of one version, one of them with `bad2` and `good` as well.
async fn world() -> (World, Vec<Endpoint>) {
    let world = World::new().await;
    let mut endpoints = Vec::new();
    for records in [
        vec![record("bad1", "1.1")],
        vec![record("bad1", "1.1"), record("bad2", "1"), record("good", "1")],
    ] {
        let mut endpoint = Endpoint::new(agent(&world.scope, "host").await);
        world.apply(&endpoint.snapshot(records, 100)).await;
        endpoints.push(endpoint);
    }
    (world, endpoints)
}

#[tokio::test]
async fn a_company_without_anything_is_all_zeros() {
    let world = World::new().await;
    assert_eq!(summary(&world.scope).await.unwrap(), Summary::default());
    assert_eq!(pipeline(&world.scope).await.unwrap(), Pipeline::default());
}

#[tokio::test]
async fn software_and_findings_count_once_however_many_hosts_have_them() {
    let (world, mut endpoints) = world().await;
    let records = [
        published("CVE-2024-90010", 9.8, "critical"),
        published("CVE-2024-90011", 7.5, "high"),
        published("CVE-2024-90020", 5.0, "medium"),
    ];
    cves::upsert(world.store(), &records).await.unwrap();
    let counted = summary(&world.scope).await.unwrap();
    assert_eq!((counted.agents, counted.software, counted.installations), (2, 3, 4));
    let found = counted.findings;
    assert_eq!((found.open, found.critical, found.high, found.kev), (3, 1, 1, 0));
    // Off one host it is still on the other.
    let gone = endpoints[1].delta(vec![], &[record("bad1", "1.1")]);
    world.apply(&[gone]).await;
    let counted = summary(&world.scope).await.unwrap();
    assert_eq!((counted.software, counted.installations), (3, 3));
    let other = company(world.store(), "Other").await;
    assert_eq!(summary(&other).await.unwrap(), Summary::default());
}

#[tokio::test]
async fn a_revoked_host_is_no_host_any_more() {
    let (world, endpoints) = world().await;
    agents::revoke(&world.scope, endpoints[0].agent, at(9)).await.unwrap();
    assert_eq!(summary(&world.scope).await.unwrap().agents, 1);
}

#[tokio::test]
async fn reports_are_counted_as_they_are_applied_and_a_second_time_not() {
    let (world, mut endpoints) = world().await;
    let before = pipeline(&world.scope).await.unwrap();
    assert_eq!((before.reports, before.records), (2, 4));
    let update = endpoints[0].delta(vec![record("good", "2")], &[]);
    for _ in 0..2 {
        world.apply(std::slice::from_ref(&update)).await;
    }
    let after = pipeline(&world.scope).await.unwrap();
    assert_eq!((after.reports, after.records), (3, 5));
    assert!(after.applied_at >= before.applied_at);
    assert_eq!((after.behind, after.behind_since, after.dead_letters), (0, None, 0));
}

#[tokio::test]
async fn letters_count_until_somebody_made_up_for_them_in_their_own_company() {
    let (world, endpoints) = world().await;
    let other = company(world.store(), "Other").await;
    let letters: Vec<NewDeadLetter> = (2..5)
        .map(|seq| NewDeadLetter {
            id: id(),
            agent: endpoints[0].agent,
            position: Position::new(1, seq),
            reason: "invalid_record".to_owned(),
            detail: String::new(),
            frame: Frame { packing: Packing::Plain, payload: vec![1] },
            received_at: at(1),
        })
        .collect();
    dead_letters::add(&world.scope, &letters, at(2)).await.unwrap();
    assert_eq!(pipeline(&world.scope).await.unwrap().dead_letters, 3);
    let operator = world.store().local_operator();
    let all = pipelines(&operator).await.unwrap();
    let letters: Vec<_> = all.iter().map(|(id, of)| (*id, of.dead_letters)).collect();
    // In the order of their making.
    assert_eq!(letters, [(world.scope.company(), 3), (other.company(), 0)]);
}
