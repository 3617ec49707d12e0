//! A company's work touches its own partition of each table and no other, so that a hundred
//! companies cost one company's reading.

use std::collections::{BTreeMap, BTreeSet};

use enrichment::lookup_key::LookupKey;
use protocol::fingerprint::SoftwareKey;
use sqlx::AssertSqlSafe;

use super::super::*;
use crate::agents::{self, BEHIND_AFTER, HeartbeatSeen, record_heartbeats};
use crate::cves::{self, CveFilter, CveSort};
use crate::database::StoreConfig;
use crate::findings::{self, FindingFilter, FindingSort};
use crate::hosts::{self, HostFilter, HostSoftwareFilter, HostSort};
use crate::page::PageRequest;
use crate::reports::apply;
use crate::software::{self, SoftwareFilter, SoftwareSort};
use crate::test_fixtures::{Endpoint, GENERATION, at, company, evaluation, judge, key, record};
use crate::test_support::FreshDatabase;
use crate::{cve_history, dead_letters, events, statistics, summary};

/// Scans of each partition so far, by table and partition number.
async fn scans(store: &Store) -> BTreeMap<(String, String), i64> {
    // One connection: what it did is only counted once it says so.
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT relname::text, seq_scan + coalesce(idx_scan, 0)
         FROM (SELECT pg_stat_force_next_flush()) f, pg_stat_user_tables
         WHERE relname ~ '_p[0-9]+$'",
    )
    .fetch_all(store.pool())
    .await
    .unwrap();
    rows.into_iter()
        .filter_map(|(name, scans)| {
            let (table, partition) = name.rsplit_once("_p")?;
            Some(((table.to_owned(), partition.to_owned()), scans))
        })
        .collect()
}

/// Partitions that were read since.
async fn touched(store: &Store, before: &BTreeMap<(String, String), i64>) -> BTreeSet<String> {
    // The first look makes the counts known, the second one sees them.
    scans(store).await;
    scans(store)
        .await
        .into_iter()
        .filter(|(name, count)| before.get(name) != Some(count))
        .map(|((_, partition), _)| partition)
        .collect()
}

#[tokio::test]
async fn all_work_of_a_company_stays_in_its_own_partition() {
    let database = FreshDatabase::create().await;
    let config = StoreConfig {
        // The counters are each backend's own until it flushes them, so all work has to be done by
        // the one that is asked.
        connections_max: 1,
        ..StoreConfig::new(database.url())
    };
    let store = Store::connect(&config).await.unwrap();
    let scope = company(&store, "Acme").await;
    let mut endpoint = Endpoint::new(crate::test_fixtures::agent(&scope, "host").await);
    let mut tx = scope.begin("test").await.unwrap();
    let own: String = sqlx::query_scalar("SELECT tableoid::regclass::text FROM agents")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let own = own.rsplit_once("_p").unwrap().1.to_owned();
    scans(&store).await;
    let before = scans(&store).await;

    // Often enough that prepared statements get their generic plans, which prune when they run.
    for round in 0..8 {
        let records = (0..20).map(|n| record(&format!("bad{n}"), &format!("{round}")));
        work(&scope, &mut endpoint, records.collect()).await;
    }

    assert_eq!(touched(&store, &before).await, BTreeSet::from([own]));
}

async fn work(
    scope: &TenantScope,
    endpoint: &mut Endpoint,
    records: Vec<protocol::software::SoftwareRecord>,
) {
    let page = &PageRequest::first(10);
    let software_key = key(&records[0]);
    // Three parts, so that ranges with two ends are planned, too.
    let batch = endpoint.snapshot(records.clone(), 7);
    apply(scope, &batch, &judge, GENERATION, at(0)).await.unwrap();
    let delta = endpoint.delta(vec![], &records[..2]);
    apply(scope, &[delta], &judge, GENERATION, at(0)).await.unwrap();
    let seen = HeartbeatSeen {
        agent: endpoint.agent,
        at: at(1),
        acknowledged: endpoint.position,
        digest: Some(endpoint.digest()),
        scan_done: 0,
        every_s: 300,
        presence: None,
        is_repeat: false,
    };
    record_heartbeats(scope, &[seen], BEHIND_AFTER, at(1)).await.unwrap();
    agents::admission(scope, endpoint.agent).await.unwrap();
    agents::request_scan(scope, endpoint.agent).await.unwrap();
    let filter = HostFilter {
        cve: Some("CVE-2024-90010".to_owned()),
        software: Some(software_key),
        ..HostFilter::default()
    };
    hosts::list(scope, &filter, HostSort::Hostname, page).await.unwrap();
    hosts::list(scope, &HostFilter::default(), HostSort::LastSeen, page).await.unwrap();
    hosts::get(scope, endpoint.agent).await.unwrap();
    hosts::software(scope, endpoint.agent, &HostSoftwareFilter::default(), page).await.unwrap();
    software::list(scope, &SoftwareFilter::default(), SoftwareSort::Hosts, page).await.unwrap();
    software::get(scope, software_key).await.unwrap();
    let filter = FindingFilter { host: Some(endpoint.agent), ..FindingFilter::default() };
    findings::list(scope, &filter, FindingSort::Hosts, page).await.unwrap();
    cves::list(scope, &CveFilter::default(), CveSort::Hosts, page).await.unwrap();
    cves::get(scope, "CVE-2024-90010").await.unwrap();
    judge_again(scope, software_key).await;
    dead_letters::list(scope, page).await.unwrap();
    summary::summary(scope).await.unwrap();
    summary::pipeline(scope).await.unwrap();
    statistics::measure(scope, at(60)).await.unwrap();
    cve_history::record(scope, at(60)).await.unwrap();
    let days = (cve_history::day_of(at(0)), cve_history::day_of(at(86_400)));
    cve_history::list(scope, "CVE-2024-90010", days.0, days.1).await.unwrap();
    cve_history::purge(scope, at(60), 10).await.unwrap();
}

/// What a change of the index brings about.
async fn judge_again(scope: &TenantScope, software_key: SoftwareKey) {
    software::page_for_evaluation(scope, &[1], None, 10).await.unwrap();
    let judged = [(software_key, evaluation(&["CVE-2024-99999"]))];
    findings::replace(scope, &judged, 2, at(2)).await.unwrap();
    let keys = [LookupKey(1)];
    software::that_looked_up(scope, &keys).await.unwrap();
    software::not_judged_with(scope, &[software_key], &[1]).await.unwrap();
    software::that_came_late(scope, 10).await.unwrap();
    events::after(scope, None, 10).await.unwrap();
    events::purge(scope, at(0), 10).await.unwrap();
}

/// The plan of a statement whose `$1` is the company, with null for everything else.
async fn plan(scope: &TenantScope, sql: &str, parameters: usize, generic: bool) -> String {
    let mut tx = scope.begin_by_key("test").await.unwrap();
    let types = ["bigint", "bigint[]", "uuid[]", "uuid[]"];
    let types = if parameters == 2 { "bigint, uuid[]".to_owned() } else { types.join(", ") };
    let arguments = vec!["NULL"; parameters - 1].join(", ");
    let mode = if generic { "force_generic_plan" } else { "force_custom_plan" };
    for statement in
        [format!("SET LOCAL plan_cache_mode = {mode}"), format!("PREPARE hot ({types}) AS {sql}")]
    {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *tx).await.unwrap();
    }
    let explain = format!("EXPLAIN EXECUTE hot ({}, {arguments})", scope.key());
    let lines: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut *tx).await.unwrap();
    sqlx::raw_sql("DEALLOCATE hot").execute(&mut *tx).await.unwrap();
    lines.join("\n")
}

/// A company in a partition whose statistics were taken when only another company was in it: for the
/// planner the newcomer has no rows, however many it has.
async fn newcomer(database: &FreshDatabase) -> TenantScope {
    let mut companies = Vec::new();
    let mut partitions: Vec<String> = Vec::new();
    loop {
        let scope = company(database.store(), &format!("Company {}", companies.len())).await;
        let mut endpoint = Endpoint::new(crate::test_fixtures::agent(&scope, "host").await);
        let records = (0..300).map(|n| record(&format!("p{n}"), "1"));
        let batch = endpoint.snapshot(records, 100);
        let mut tx = scope.begin("test").await.unwrap();
        let partition = sqlx::query_scalar("SELECT tableoid::regclass::text FROM agents")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let shares = partitions.contains(&partition);
        partitions.push(partition);
        if shares {
            let mut owner =
                <sqlx::PgConnection as sqlx::Connection>::connect(database.url()).await.unwrap();
            sqlx::raw_sql("ANALYZE").execute(&mut owner).await.unwrap();
        }
        apply(&scope, &batch, &judge, GENERATION, at(0)).await.unwrap();
        companies.push(scope);
        if shares {
            return companies.swap_remove(companies.len() - 1);
        }
    }
}

#[tokio::test]
async fn the_statements_of_a_batch_are_planned_for_one_partition_and_by_primary_key() {
    let database = FreshDatabase::create().await;
    let empty = company(database.store(), "Acme").await;
    let grown = newcomer(&database).await;
    for (sql, parameters) in [
        (include_str!("../../reports/lock_agents.sql"), 2),
        (include_str!("../../reports/open_rows.sql"), 4),
        (include_str!("../../reports/existing_software.sql"), 2),
    ] {
        for (scope, generic) in [(&empty, false), (&empty, true), (&grown, false), (&grown, true)] {
            let plan = plan(scope, sql, parameters, generic).await;
            let partitions: BTreeSet<&str> = plan
                .split_whitespace()
                .filter_map(|word| word.split_once("_p")?.1.get(..1))
                .filter(|partition| partition.starts_with(|c: char| c.is_ascii_digit()))
                .collect();
            assert_eq!(partitions.len(), 1, "{plan}");
            // Every other index than those of the keys is called so.
            assert!(!plan.contains("Seq Scan") && !plan.contains("_idx"), "{plan}");
            // A custom plan knows the company and never mentions the other three; a generic one
            // removes them each time it begins.
            assert_eq!(plan.contains("Subplans Removed: 3"), generic, "{plan}");
        }
    }
}

/// Installations that were read so far, by the store's one connection.
async fn rows_read(store: &Store) -> i64 {
    // The first look makes the counts known, the second one sees them.
    scans(store).await;
    sqlx::query_scalar(
        "SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::bigint FROM pg_stat_user_tables
         WHERE relname ~ '^installations_p'",
    )
    .fetch_one(store.pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn a_batch_reads_what_it_touches_and_not_what_its_company_has() {
    let database = FreshDatabase::create().await;
    let config = StoreConfig { connections_max: 1, ..StoreConfig::new(database.url()) };
    let store = Store::connect(&config).await.unwrap();
    let grown = newcomer(&database).await;
    let scope = store.pipeline_scope(grown.company()).await.unwrap().unwrap();
    let mut endpoint = Endpoint::new(crate::test_fixtures::agent(&scope, "host").await);
    let records: Vec<_> = (0..300).map(|n| record(&format!("p{n}"), "1")).collect();
    apply(&scope, &endpoint.snapshot(records.clone(), 100), &judge, GENERATION, at(0))
        .await
        .unwrap();
    let before = rows_read(&store).await;
    for round in 0..8 {
        let at_once = &records[round * 2..round * 2 + 2];
        let delta = endpoint.delta(vec![record(&format!("new{round}"), "1")], at_once);
        let applied = apply(&scope, &[delta], &judge, GENERATION, at(1)).await.unwrap();
        assert_eq!(applied.asked, []);
    }
    let rows = rows_read(&store).await - before;
    // Three changes a round, each read twice at most; the host has 300 rows and the company twice
    // as many, of which one scan alone would be more than the bound.
    assert!(rows <= 8 * 6, "{rows} rows were read for 24 changes");
}

#[tokio::test]
async fn findings_of_a_hosts_software_are_not_looked_for_among_all_findings() {
    let database = FreshDatabase::create().await;
    let config = StoreConfig { connections_max: 1, ..StoreConfig::new(database.url()) };
    let store = Store::connect(&config).await.unwrap();
    let grown = newcomer(&database).await;
    let scope = store.pipeline_scope(grown.company()).await.unwrap().unwrap();
    let mut endpoint = Endpoint::new(crate::test_fixtures::agent(&scope, "host").await);
    let records: Vec<_> = (0..300).map(|n| record(&format!("bad{n}"), "1")).collect();
    let batch = endpoint.snapshot(records, 100);
    apply(&scope, &batch, &judge, GENERATION, at(0)).await.unwrap();
    let page = &PageRequest::first(300);
    let listed = hosts::software(&scope, endpoint.agent, &HostSoftwareFilter::default(), page)
        .await
        .unwrap();
    assert!(listed.items.iter().all(|item| item.findings.open > 0));
    scans(&store).await;
    // The index by CVE has the software second: asked by software alone, it is read from end to end.
    let by_cve: i64 = sqlx::query_scalar(
        "SELECT sum(idx_scan)::bigint FROM pg_stat_user_indexes
         WHERE indexrelname ~ '^findings_p.*_cve_software_key_idx$'",
    )
    .fetch_one(store.pool())
    .await
    .unwrap();
    assert_eq!(by_cve, 0);
}

#[tokio::test]
async fn a_page_of_the_past_passes_what_its_company_had_once_and_not_once_a_row() {
    let database = FreshDatabase::create().await;
    let config = StoreConfig { connections_max: 1, ..StoreConfig::new(database.url()) };
    let store = Store::connect(&config).await.unwrap();
    let scope = company(&store, "Acme").await;
    let records: Vec<_> = (0..60).map(|n| record(&format!("bad{n}"), "1")).collect();
    for _ in 0..2 {
        let agent = crate::test_fixtures::agent(&scope, "host").await;
        let batch = Endpoint::new(agent).snapshot(records.clone(), 100);
        apply(&scope, &batch, &judge, GENERATION, at(0)).await.unwrap();
    }
    let filter = FindingFilter { as_of: Some(at(10)), ..FindingFilter::default() };
    let page = PageRequest::first(50);
    let before = rows_read(&store).await;
    let found = findings::list(&scope, &filter, FindingSort::Severity, &page).await.unwrap().items;
    assert!(found.len() == 50 && found.iter().all(|finding| finding.hosts == 2));
    let rows = rows_read(&store).await - before;
    assert!(rows <= 2 * 120, "{rows} rows were read for a page, of 120 that there are");
}
