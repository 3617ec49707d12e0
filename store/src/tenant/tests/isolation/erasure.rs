//! A host that is erased is nowhere any more, and nothing else is gone with it.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use super::two_companies;
use crate::agents::request_scan;
use crate::hosts::{self, erase, export_data};
use crate::test_fixtures::{Endpoint, World, at, record};
use crate::tx::{self, Settings};

/// What stays: who did what, and the signal to nodes, which is forgotten after a day.
const KEPT: [&str; 2] = ["audit_log", "revocations"];

/// Rows of every table that say a text or, where they have a column for a host's number, that number.
async fn rows_about(world: &World, id: &str, key: i64) -> BTreeMap<String, i64> {
    let settings =
        Settings { company: Some(world.scope.key()), operator: true, ..Settings::default() };
    let mut tx = tx::begin(world.store().transactions(), "test", settings).await.unwrap();
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "SELECT t.table_name::text,
                EXISTS (SELECT FROM information_schema.columns c
                        WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name
                          AND c.column_name = 'agent_key')
         FROM information_schema.tables t JOIN pg_class p ON p.relname = t.table_name
              AND p.relnamespace = t.table_schema::regnamespace
         WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
           AND NOT p.relispartition AND t.table_name NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    assert!(tables.len() > 30, "{tables:?}");
    let mut found = BTreeMap::new();
    for (table, has_key) in tables {
        let by_key = if has_key { format!(" OR t.agent_key = {key}") } else { String::new() };
        let sql =
            format!("SELECT count(*) FROM {table} t WHERE position('{id}' IN t::text) > 0{by_key}");
        let rows = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *tx).await.unwrap();
        if rows > 0 {
            found.insert(table, rows);
        }
    }
    found
}

#[tokio::test]
async fn an_erased_host_is_in_no_table_any_more() {
    let (world, other, endpoint) = two_companies().await;
    let mut beside = Endpoint::new(world.agent().await);
    world.apply(&beside.snapshot([record("bad1", "1")], 100)).await;
    request_scan(&world.scope, endpoint.agent).await.unwrap();
    let id = endpoint.agent.to_string();
    let key = world.number("SELECT min(key) FROM agents WHERE company_key = $1").await;
    let before = rows_about(&world, &id, key).await;
    for table in ["agents", "agent_facts", "agent_commands", "installations", "exceptions"] {
        assert!(before.contains_key(table), "or nothing is proved of {table}: {before:?}");
    }
    assert_eq!(erase(&other, endpoint.agent, at(5)).await.unwrap(), None, "another company's");
    let erased = erase(&world.scope, endpoint.agent, at(5)).await.unwrap().unwrap();
    assert_eq!((erased["agents"], erased["installations"]), (1, 1));
    let mut left = rows_about(&world, &id, key).await;
    left.retain(|table, _| !KEPT.contains(&table.as_str()));
    assert_eq!(left, BTreeMap::new());
    assert_eq!(erase(&world.scope, endpoint.agent, at(6)).await.unwrap(), None, "once");
    let log = "SELECT count(*) FROM audit_log WHERE company_key = $1 AND action = 'host.erase'
                 AND (after -> 'rows' ->> 'installations')::int = 1";
    assert_eq!(world.number(log).await, 1);
    // The other host has what it had.
    let host = hosts::get(&world.scope, beside.agent).await.unwrap().unwrap();
    assert_eq!((host.host.software, host.host.findings.open), (1, 1));
}

#[tokio::test]
async fn all_that_is_held_of_a_host_is_shown_and_nothing_of_another() {
    let (world, other, endpoint) = two_companies().await;
    let mut beside = Endpoint::new(world.agent().await);
    world.apply(&beside.snapshot([record("other", "2")], 100)).await;
    assert!(
        export_data(&other, endpoint.agent, at(3)).await.unwrap().is_none(),
        "another company's"
    );
    let mut data = export_data(&world.scope, endpoint.agent, at(3)).await.unwrap().unwrap();
    let rows = data.next().await.unwrap();
    assert!(data.next().await.unwrap().is_empty());
    let kinds: Vec<_> = rows.iter().map(|row| row.kind.as_str()).collect();
    for kind in ["agents", "agent_facts", "installations", "software", "dead_letters", "exceptions"]
    {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    let software = rows.iter().find(|row| row.kind == "software").unwrap();
    assert_eq!(software.row["name"], "bad1");
    let all = format!("{rows:?}");
    assert!(!all.contains(&beside.agent.to_string()) && !all.contains("company_key"));
}
