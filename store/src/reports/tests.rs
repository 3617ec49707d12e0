//! What a user would miss of applying reports: each row once, nothing touched for nothing, and the
//! rows equal to what the hosts have, whatever comes twice, late or at the same time.

mod concurrency;
mod histories;
mod model;
mod repair;
mod twin;

use protocol::ids::{AgentId, Position};
use protocol::software::{Source, SourceState};
use uuid::Uuid;

use super::*;
use crate::error::StoreError;
use crate::hosts;
use crate::test_fixtures::{
    Endpoint, GENERATION, World, at, evaluation, facts, judge, record, status, stored,
};

#[tokio::test]
async fn stores_a_snapshot_with_its_software_and_findings() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let records = [record("bad1", "1.2"), record("good", "1"), record("other", "3")];
    let applied = world.apply(&endpoint.snapshot(records, 2)).await;

    assert_eq!((applied.software, applied.findings), (3, 2));
    assert_eq!(stored(&applied.reports[0]).opened, 2);
    assert_eq!(stored(&applied.reports[0]).digest_agrees, None);
    assert_eq!(stored(&applied.reports[1]).opened, 1);
    assert_eq!(stored(&applied.reports[1]).digest_agrees, Some(true));
    assert_eq!(applied.asked, []);
    let open = world.number("SELECT count(*) FROM installations WHERE company_key = $1").await;
    assert_eq!(open, 3);
}

#[tokio::test]
async fn an_unchanged_snapshot_writes_no_installation() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let records: Vec<_> = (0..250).map(|n| record(&format!("p{n}"), "1")).collect();
    world.apply(&endpoint.snapshot(records.clone(), 100)).await;
    // `xmin` and `ctid` change with every write of a row, even one that sets what is there: the
    // hash proves that none was touched, which counting rows could not.
    let versions = "SELECT bit_xor(hashtextextended(xmin::text || ctid::text, 0)) \
                    FROM installations WHERE company_key = $1";
    let before = world.number(versions).await;

    let applied = world.apply(&endpoint.snapshot(records, 100)).await;

    let unchanged: u32 = applied.reports.iter().map(|report| stored(report).unchanged).sum();
    assert_eq!((unchanged, applied.software), (250, 0));
    assert_eq!(stored(&applied.reports[2]).digest_agrees, Some(true));
    assert_eq!(world.number(versions).await, before);
}

#[tokio::test]
async fn a_redelivered_report_is_a_duplicate_and_changes_nothing() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let first = endpoint.snapshot([record("a", "1")], 100);
    let second = endpoint.delta(vec![], &[record("a", "1")]);
    world.apply(&first).await;
    world.apply(std::slice::from_ref(&second)).await;

    // The removed software is in the first report: applied again, it would be back.
    let again = world.apply(&[first[0].clone(), second]).await;

    assert_eq!(again.reports, [Applied::Duplicate, Applied::Duplicate]);
    assert_eq!(
        world
            .number("SELECT count(*) FROM installations WHERE company_key = $1 AND closed_at = 'infinity'")
            .await,
        0
    );
}

#[tokio::test]
async fn a_gap_holds_back_what_follows_it_and_says_where_the_line_ends() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let first = endpoint.snapshot([record("a", "1")], 100);
    let lost = endpoint.delta(vec![record("b", "1")], &[]);
    let third = endpoint.delta(vec![record("c", "1")], &[]);

    let applied = world.apply(&[first[0].clone(), third.clone()]).await;
    let gap = Applied::Gap { applied: Position::new(1, 1) };
    assert_eq!(stored(&applied.reports[0]).opened, 1);
    assert_eq!(applied.reports[1], gap);

    // The report that waited is given again, as the pipeline does it.
    let applied = world.apply(&[lost, third]).await;
    assert_eq!(stored(&applied.reports[1]).digest_agrees, Some(true));
}

#[tokio::test]
async fn an_agent_of_nobody_is_unknown_and_stops_no_other_one() {
    let world = World::new().await;
    let mut stranger = Endpoint::new(AgentId(Uuid::from_u128(99)));
    let mut endpoint = Endpoint::new(world.agent().await);
    let mut batch = stranger.snapshot([record("a", "1")], 100);
    batch.extend(endpoint.snapshot([record("a", "1")], 100));

    let applied = world.apply(&batch).await;

    assert_eq!(applied.reports[0], Applied::AgentUnknown);
    assert_eq!(stored(&applied.reports[1]).opened, 1);
}

#[tokio::test]
async fn software_that_comes_back_gets_a_new_interval() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let a = record("a", "1");
    world.apply(&endpoint.snapshot([a.clone()], 100)).await;
    // Taken in at one instant by the collector's clock, and in two transactions.
    let mut gone = endpoint.delta(vec![], std::slice::from_ref(&a));
    let mut back = endpoint.delta(vec![a], &[]);
    gone.received_at = at(1);
    back.received_at = at(1);
    world.apply(&[gone]).await;
    world.apply(&[back]).await;

    let intervals = "SELECT count(*) FROM installations WHERE company_key = $1 \
                     AND opened_at < closed_at";
    assert_eq!(world.number(intervals).await, 2);
    let open =
        "SELECT count(*) FROM installations WHERE company_key = $1 AND closed_at = 'infinity'";
    assert_eq!(world.number(open).await, 1);
}

#[tokio::test]
async fn what_comes_and_goes_in_one_batch_leaves_no_row() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let a = record("a", "1");
    // One batch, and so one transaction: no instant ever had the software.
    let batch = [endpoint.delta(vec![a.clone()], &[]), endpoint.delta(vec![], &[a])];
    let applied = world.apply(&batch).await;
    assert_eq!(stored(&applied.reports[1]).closed, 1);
    assert_eq!(world.number("SELECT count(*) FROM installations WHERE company_key = $1").await, 0);
}

#[tokio::test]
async fn a_changed_place_changes_the_row_and_not_its_interval() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let mut a = record("a", "1");
    world.apply(&endpoint.snapshot([a.clone()], 100)).await;
    a.locations = vec!["/opt/a".to_owned(), "/srv/a".to_owned()];
    // In 2106. The protocol's number has no sign, PostgreSQL's and time's have.
    a.installed_at_s = Some(u32::MAX);
    let applied = world.apply(&[endpoint.delta(vec![a.clone()], &[])]).await;
    assert_eq!(stored(&applied.reports[0]).changed, 1);
    assert_eq!(stored(&applied.reports[0]).digest_agrees, Some(true));

    let page = hosts::software(
        &world.scope,
        endpoint.agent,
        &hosts::HostSoftwareFilter::default(),
        &crate::page::PageRequest::first(10),
    )
    .await
    .unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].locations, a.locations);
    assert_eq!(page.items[0].seen_at, at(1));
    let installed_at = page.items[0].installed_at.unwrap();
    assert_eq!(installed_at.unix_timestamp(), i64::from(u32::MAX));
}

#[tokio::test]
async fn keeps_the_last_facts_and_the_last_status_of_each_source() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let mut first = endpoint.delta(vec![], &[]);
    first.report.facts = Some(Box::new(facts("one")));
    first.report.sources =
        vec![status(Source::Deb, SourceState::Ok), status(Source::Snap, SourceState::Absent)];
    let mut second = endpoint.delta(vec![], &[]);
    second.report.sources = vec![status(Source::Snap, SourceState::TimedOut)];
    world.apply(&[first]).await;
    world.apply(&[second]).await;

    let host = hosts::get(&world.scope, endpoint.agent).await.unwrap().unwrap();
    assert_eq!(host.host.hostname, "one");
    assert_eq!(host.facts, Some(facts("one")));
    assert_eq!(host.labels.get("site").map(String::as_str), Some("north"));
    let states: Vec<_> = host.sources.iter().map(|s| (s.source, s.state)).collect();
    assert_eq!(states, [(Source::Deb, SourceState::Ok), (Source::Snap, SourceState::TimedOut)]);
    assert_eq!(host.applied, Position::new(1, 2));
}

#[tokio::test]
async fn judges_only_what_the_company_has_not_had_before() {
    let world = World::new().await;
    let mut one = Endpoint::new(world.agent().await);
    let mut two = Endpoint::new(world.agent().await);
    world.apply(&one.snapshot([record("a", "1"), record("b", "1")], 100)).await;
    // Another node, which has not seen anything yet.
    let fresh =
        crate::database::Store::connect(&crate::database::StoreConfig::new(world.database.url()))
            .await
            .unwrap();
    for store in [world.store(), &fresh] {
        let scope = store.pipeline_scope(world.scope.company()).await.unwrap().unwrap();
        let judged = std::sync::Mutex::new(Vec::new());
        let evaluate = |record: &SoftwareRecord, _: &Platform, _: SoftwareKey| {
            judged.lock().unwrap().push(record.name.clone());
            evaluation(&[""; 0])
        };
        let name = format!("new-{}", judged.lock().unwrap().len() + two.held.len());
        let records = [record("a", "1"), record("b", "1"), record(&name, "1")];
        let batch = two.snapshot(records, 100);
        apply(&scope, &batch, &evaluate, GENERATION, at(0)).await.unwrap();
        assert_eq!(judged.into_inner().unwrap(), [name]);
    }
    fresh.close().await;
}

#[tokio::test]
async fn data_that_can_never_be_stored_is_told_from_a_database_that_is_gone() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let batch = endpoint.snapshot([record("a", "1")], 100);
    // Longer than an index entry may be, and of a kind that compression cannot shorten.
    let id: String = (0..9_000_u32)
        .map(|n| char::from_u32(0x4e00 + n.wrapping_mul(7919) % 20_000).unwrap_or('x'))
        .collect();
    // No real judgement says this. It stands for whatever the checks of the collector do not know
    // of: the batch must fail as bad data and be set aside, not be tried for ever.
    let evaluate = |_: &SoftwareRecord, _: &Platform, _: SoftwareKey| evaluation(&[&id]);
    let error = apply(&world.scope, &batch, &evaluate, GENERATION, at(0)).await.unwrap_err();
    assert!(error.is_permanent(), "{error:?}");
    let rows = "SELECT count(*) FROM software WHERE company_key = $1";
    assert_eq!(world.number(rows).await, 0, "nothing of the batch may be left");

    // The same batch with a better judgement goes through.
    assert_eq!(stored(&world.apply(&batch).await.reports[0]).opened, 1);

    let scope = world.scope.clone();
    // Takes the database away under the scope.
    drop(world);
    let error = apply(&scope, &batch, &judge, GENERATION, at(0)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn an_empty_batch_is_nothing() {
    let world = World::new().await;
    assert_eq!(world.apply(&[]).await, AppliedBatch::default());
}
