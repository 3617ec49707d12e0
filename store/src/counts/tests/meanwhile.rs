//! What comes while a count is being made is missing in no list once it is over.

use std::time::Duration;

use sqlx::Connection as _;

use super::*;
use crate::counts::make::cves::{cve_differences, write_cves};
use crate::counts::make::{DIFFERENCES_MAX, begin, end, software_differences, write_software};
use crate::database::{Store, StoreConfig};

/// Locks of the test's database that somebody waits for.
const WAITING: &str = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                       WHERE NOT l.granted AND a.datname = current_database() AND $1 > 0";

/// Runs a part of a count while somebody has not come to the end of what they write, and lets them once the
/// count waits for them.
async fn while_open<F>(world: &World, writer: crate::tx::Tx, part: F)
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let mut counting = tokio::task::JoinSet::new();
    let part = counting.spawn(part);
    while world.number(WAITING).await == 0 && !part.is_finished() {
        tokio::task::yield_now().await;
    }
    writer.commit().await.unwrap();
    for done in counting.join_all().await {
        done.unwrap();
    }
}

/// A finding of a piece of software is opened in a transaction that has not ended.
async fn opening(world: &World, software: SoftwareKey, cve: &str) -> crate::tx::Tx {
    let mut tx = world.tx().await;
    let found = evaluation(&[cve]).findings;
    let columns = findings::FindingColumns::new(&[(software.to_uuid(), &found[0])]);
    columns.insert(&mut tx, world.scope.key(), at(20)).await.unwrap();
    tx
}

async fn is_in_every_list(scope: &TenantScope, cve: &str, software: SoftwareKey, hosts: u64) {
    for sort in [FindingSort::Severity, FindingSort::Epss, FindingSort::Opened, FindingSort::Hosts]
    {
        let rows = findings_by(scope, sort, &FindingFilter::default()).await;
        assert!(rows.contains(&(cve.to_owned(), software, hosts)), "{sort:?}: {rows:?}");
    }
    for sort in [CveSort::Severity, CveSort::Epss, CveSort::Kev, CveSort::Hosts, CveSort::Published]
    {
        let rows = cves_by(scope, sort, &CveFilter::default()).await;
        assert!(rows.contains(&(cve.to_owned(), 1, hosts)), "{sort:?}: {rows:?}");
    }
    for sort in [SoftwareSort::Hosts, SoftwareSort::Findings] {
        let rows = software_by(scope, sort).await;
        assert!(rows.contains(&(software, hosts, 1)), "{sort:?}: {rows:?}");
    }
}

#[tokio::test]
async fn what_comes_during_the_first_count_is_in_every_list_after_it() {
    let (world, mut endpoints) = world().await;
    let scope = &world.scope;
    begin(scope).await.unwrap();
    let software = software_differences(scope, DIFFERENCES_MAX).await.unwrap();
    let cves = cve_differences(scope, "", DIFFERENCES_MAX).await.unwrap().differences;
    let (bad, fine) = (record("bad3", "1"), record("fine", "1"));
    world.apply(&[endpoints[3].delta(vec![bad.clone(), fine.clone()], &[])]).await;
    // Not yet by the rows, which are not whole.
    let mut tx = world.tx().await;
    assert_eq!(kept_at(&mut tx, scope.key()).await.unwrap(), None);
    drop(tx);
    write_software(scope, &software).await.unwrap();
    write_cves(scope, &cves).await.unwrap();
    end(scope, at(10), 0.5).await.unwrap();
    is_in_every_list(scope, "CVE-2024-90030", key(&bad), 1).await;
    let rows = software_by(scope, SoftwareSort::Hosts).await;
    assert!(rows.contains(&(key(&fine), 1, 0)) && rows.len() == 6, "{rows:?}");
}

#[tokio::test]
async fn the_first_count_waits_for_who_writes_and_did_not_hear_that_it_begins() {
    let (world, _) = world().await;
    let good = key(&record("good", "1"));
    let writer = opening(&world, good, "CVE-2024-7777").await;
    let scope = world.scope.clone();
    let counting = async move { count(&scope, at(10), || 0.5).await.map(|_counted| ()) };
    while_open(&world, writer, counting).await;
    is_in_every_list(&world.scope, "CVE-2024-7777", good, 4).await;
}

#[tokio::test]
async fn software_that_was_clean_in_the_snapshot_and_is_not_any_more_is_not_written_as_clean() {
    let (world, _) = world().await;
    let (scope, good) = (&world.scope, key(&record("good", "1")));
    begin(scope).await.unwrap();
    let software = software_differences(scope, DIFFERENCES_MAX).await.unwrap();
    let judged = [(good, evaluation(&["CVE-2024-7777"]))];
    findings::replace(scope, &judged, 2, at(20)).await.unwrap();
    write_software(scope, &software).await.unwrap();
    let cves = cve_differences(scope, "", DIFFERENCES_MAX).await.unwrap().differences;
    write_cves(scope, &cves).await.unwrap();
    end(scope, at(30), 0.5).await.unwrap();
    is_in_every_list(scope, "CVE-2024-7777", good, 4).await;
}

#[tokio::test]
async fn a_finding_that_is_just_being_opened_is_waited_for_before_its_software_is_written_as_clean()
{
    let (world, _) = world().await;
    let good = key(&record("good", "1"));
    begin(&world.scope).await.unwrap();
    let software = software_differences(&world.scope, DIFFERENCES_MAX).await.unwrap();
    let writer = opening(&world, good, "CVE-2024-7777").await;
    let scope = world.scope.clone();
    let part = async move { write_software(&scope, &software).await };
    while_open(&world, writer, part).await;
    count_at(&world, 10).await;
    is_in_every_list(&world.scope, "CVE-2024-7777", good, 4).await;
}

#[tokio::test]
async fn a_cve_keeps_its_row_that_is_found_again_while_it_is_taken_away() {
    let (world, _) = world().await;
    let (good, bad2) = (key(&record("good", "1")), key(&record("bad2", "1.1")));
    count_at(&world, 10).await;
    findings::replace(&world.scope, &[(bad2, evaluation(&[""; 0]))], 2, at(20)).await.unwrap();
    let cves = cve_differences(&world.scope, "", DIFFERENCES_MAX).await.unwrap().differences;
    let writer = opening(&world, good, "CVE-2024-90020").await;
    let scope = world.scope.clone();
    let part = async move { write_cves(&scope, &cves).await };
    while_open(&world, writer, part).await;
    is_in_every_list(&world.scope, "CVE-2024-90020", good, 4).await;
}

#[tokio::test]
async fn a_count_that_takes_longer_than_a_statement_may_comes_to_its_end() {
    let (world, _) = world().await;
    let config = StoreConfig {
        statement_timeout: Duration::from_millis(300),
        ..StoreConfig::new(world.database.url())
    };
    let store = Store::connect(&config).await.unwrap();
    let scope = store.pipeline_scope(world.scope.company()).await.unwrap().unwrap();
    // Counting reads the CVEs' severities, and waits here for as long as a large company takes.
    let mut holder = PgConnection::connect(world.database.url()).await.unwrap();
    let lock = "BEGIN; LOCK TABLE cves IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut holder).await.unwrap();
    let mut counting = tokio::task::JoinSet::new();
    let part = counting.spawn(async move { count(&scope, at(10), || 0.5).await });
    let waits_long = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE a.datname = current_database() AND $1 > 0
          AND l.waitstart < clock_timestamp() - interval '600 ms'";
    while world.number(waits_long).await == 0 && !part.is_finished() {
        tokio::task::yield_now().await;
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    let counted = counting.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(counted, Counted { software: 4, cves: 4, hosts: 4 });
}
