//! A company that is erased is in no table any more, and the other one has all that it had.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::{company_tables, digests, report_files, two_companies};
use crate::agents::request_scan;
use crate::api_keys::{self, NewApiKey, PresentedKey};
use crate::audit::{self, EntryFilter};
use crate::companies::data::{self, LEFT_OUT, Piece};
use crate::companies::deletion::{ask, keep};
use crate::companies::erase::{self, Begun, Eraser};
use crate::database::Store;
use crate::hosts::{self, HostFilter, HostSort};
use crate::invitations::tests::member;
use crate::jobs;
use crate::page::PageRequest;
use crate::tenant::{OperatorScope, Role, TenantScope};
use crate::test_fixtures::{Endpoint, World, asset, at, id, record};
use crate::tx::{self, Settings};

/// What stays: the operators' word that it went, the job that did it, and the signal to nodes; the latter two are
/// forgotten by themselves.
const KEPT: [&str; 3] = ["audit_log", "jobs", "revocations"];

async fn tables(store: &Store) -> Vec<(String, Vec<String>)> {
    let rows: Vec<(String, Vec<String>)> = sqlx::query_as(
        "SELECT t.table_name::text, array_agg(c.column_name::text)
         FROM information_schema.tables t
         JOIN information_schema.columns c USING (table_schema, table_name)
         JOIN pg_class p ON p.relname = t.table_name
              AND p.relnamespace = t.table_schema::regnamespace
         WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
           AND NOT p.relispartition AND t.table_name NOT LIKE '\\_sqlx%'
         GROUP BY t.table_name",
    )
    .fetch_all(store.pool())
    .await
    .unwrap();
    assert!(rows.len() > 40, "{rows:?}");
    rows
}

/// Rows of every table that are of a company by its number, or that say one of some texts.
async fn rows_of(store: &Store, key: i64, texts: &[String]) -> BTreeMap<String, i64> {
    let settings = Settings { company: Some(key), operator: true, ..Settings::default() };
    let mut found = BTreeMap::new();
    for (table, columns) in tables(store).await {
        let mut tx = tx::begin(store.transactions(), "test", settings).await.unwrap();
        let of_key = if columns.contains(&"company_key".to_owned()) {
            format!("t.company_key = {key}")
        } else {
            "false".to_owned()
        };
        let said = texts.iter().map(|text| format!(" OR position('{text}' IN t::text) > 0"));
        let sql =
            format!("SELECT count(*) FROM {table} t WHERE {of_key}{}", said.collect::<String>());
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *tx).await.unwrap();
        if rows > 0 {
            found.insert(table, rows);
        }
    }
    found
}

/// A company with something of everything, who works in it, and whose texts nobody else has.
async fn full() -> (World, TenantScope, Vec<String>) {
    let (world, other, endpoint) = two_companies().await;
    let key = PresentedKey::new(id(), [9; 32]);
    let new = NewApiKey { key: &key, name: "exporter", expires_at: None };
    api_keys::create(&world.scope, &new, Role::Viewer, at(0)).await.unwrap();
    request_scan(&world.scope, endpoint.agent).await.unwrap();
    member(&world.scope, "only@acme.example", Role::Admin).await;
    let both = member(&world.scope, "both@acme.example", Role::Admin).await;
    let as_well = format!(
        "INSERT INTO memberships (company_key, user_id, role, created_at)
         VALUES ({}, '{both}', 'viewer', now())",
        other.key()
    );
    world.database.execute(&as_well).await;
    asset(&world.scope, "web-shop").await;
    report_files::done(&world.scope).await;
    let mut beside = Endpoint::new(crate::test_fixtures::agent(&other, "theirs").await);
    let report = beside.snapshot([record("bad1", "1")], 100);
    crate::reports::apply(
        &other,
        &report,
        &crate::test_fixtures::judge,
        crate::test_fixtures::GENERATION,
        at(0),
    )
    .await
    .unwrap();
    let texts = vec![
        world.scope.company().to_string(),
        endpoint.agent.to_string(),
        key.id().to_string(),
        "only@acme.example".to_owned(),
    ];
    (world, other, texts)
}

async fn begin(operator: &OperatorScope, scope: &TenantScope) -> Eraser {
    match erase::begin(operator, scope.company()).await.unwrap() {
        Begun::Erasing(eraser) => eraser,
        other @ (Begun::NotWanted | Begun::NotYet(_)) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_erased_company_is_in_no_table_any_more_and_another_has_what_it_had() {
    let (world, other, texts) = full().await;
    let (store, operator) = (world.store(), world.store().local_operator());
    let before = rows_of(store, world.scope.key(), &texts).await;
    for table in company_tables(&world).await {
        assert!(before.contains_key(&table), "or nothing is proved of {table}: {before:?}");
    }
    for table in ["api_keys", "enrolment_tokens", "memberships", "users", "agent_commands"] {
        assert!(before.contains_key(table), "or nothing is proved of {table}: {before:?}");
    }
    let theirs = rows_of(store, other.key(), &[]).await;
    ask(&operator, world.scope.company(), "Acme", Duration::ZERO, at(5)).await.unwrap();

    let eraser = begin(&operator, &world.scope).await;
    assert!(store.pipeline_scope(other.company()).await.unwrap().is_some());
    assert!(eraser.sweep().await.unwrap() > 0);
    let erased = eraser.finish(at(6)).await.unwrap().unwrap();
    assert_eq!((erased["agents"].cast_signed(), erased["users"]), (before["agents"], 2));

    let mut left = rows_of(store, world.scope.key(), &texts).await;
    left.retain(|table, _| !KEPT.contains(&table.as_str()));
    assert_eq!(left, BTreeMap::new());
    // Of who works in both only the place in this one went.
    let people =
        world.database.number("SELECT count(*) FROM users WHERE email LIKE 'both@%'").await;
    assert_eq!(people, 1);
    assert_eq!(rows_of(store, other.key(), &[]).await, theirs);
    let (filter, page) = (HostFilter::default(), PageRequest::first(10));
    let hosts = hosts::list(&other, &filter, HostSort::Hostname, &page).await.unwrap();
    assert_eq!(hosts.items[0].software, 1);

    let log = audit::list_of_operators(&operator, &EntryFilter::default(), &page).await.unwrap();
    assert_eq!(log.items[0].action, "company.erased");
    assert_eq!(log.items[0].object, world.scope.company().to_string());
    let said = log.items[0].after.as_ref().unwrap();
    assert_eq!(said["name"], "Acme");
    assert_eq!(said["rows"]["installations"], json!(before["installations"]));
    let begun = erase::begin(&operator, world.scope.company()).await.unwrap();
    assert!(matches!(begun, Begun::NotWanted), "once");
}

#[tokio::test]
async fn a_company_is_not_erased_before_its_time_nor_when_it_was_kept() {
    let (world, ..) = two_companies().await;
    let (operator, acme) = (world.store().local_operator(), world.scope.company());
    assert!(matches!(erase::begin(&operator, acme).await.unwrap(), Begun::NotWanted));
    ask(&operator, acme, "Acme", Duration::from_secs(3_600), at(5)).await.unwrap();
    match erase::begin(&operator, acme).await.unwrap() {
        Begun::NotYet(wait) => assert!(wait > Duration::from_secs(3_500), "{wait:?}"),
        other @ (Begun::NotWanted | Begun::Erasing(_)) => panic!("{other:?}"),
    }
    keep(&operator, acme, at(6)).await.unwrap();
    assert!(matches!(erase::begin(&operator, acme).await.unwrap(), Begun::NotWanted));
    ask(&operator, acme, "Acme", Duration::ZERO, at(7)).await.unwrap();
    let _eraser = begin(&operator, &world.scope).await;
    assert!(keep(&operator, acme, at(8)).await.is_err(), "its rows go");
}

#[tokio::test]
async fn what_was_erased_before_a_node_died_is_counted_by_the_next() {
    let (world, ..) = full().await;
    let operator = world.store().local_operator();
    ask(&operator, world.scope.company(), "Acme", Duration::ZERO, at(5)).await.unwrap();
    let first = begin(&operator, &world.scope).await;
    let agents = world.number("SELECT count(*) FROM agents WHERE company_key = $1").await;
    first.sweep().await.unwrap();
    drop(first);
    // What somebody in the middle of something wrote meanwhile.
    let key = world.scope.key();
    let late = format!("INSERT INTO agent_facts (company_key, agent_key) VALUES ({key}, 1)");
    world.database.execute(&late).await;
    let second = begin(&operator, &world.scope).await;
    assert_eq!(second.settles_in(Duration::ZERO), None);
    assert!(second.settles_in(Duration::from_secs(300)).is_some());
    second.sweep().await.unwrap();
    let erased = second.finish(at(9)).await.unwrap().unwrap();
    assert_eq!(erased["agents"].cast_signed(), agents);
}

#[tokio::test]
async fn a_company_that_nobody_erases_is_asked_for_once_more() {
    let (world, ..) = two_companies().await;
    let operator = world.store().local_operator();
    assert_eq!(erase::ask_again(&operator, at(1)).await.unwrap(), 0);
    ask(&operator, world.scope.company(), "Acme", Duration::ZERO, at(5)).await.unwrap();
    assert_eq!(erase::ask_again(&operator, at(6)).await.unwrap(), 0, "its job waits");
    world.database.execute("UPDATE jobs SET state = 'failed'").await;
    assert_eq!(erase::ask_again(&operator, at(7)).await.unwrap(), 1);
    assert_eq!(erase::ask_again(&operator, at(8)).await.unwrap(), 0);
}

/// Columns that an export may show, though they are bytes or called so: what certificates and documents are known by.
const SHOWN: [(&str, &str); 6] = [
    ("users", "password_set_at"),
    ("agents", "certificate_serial"),
    ("agents", "certificate_sha256"),
    ("agents", "authority_sha256"),
    ("imports", "sha256"),
    ("dead_letters", "frame"),
];

#[tokio::test]
async fn an_export_has_every_table_and_no_secret() {
    let (world, _, texts) = full().await;
    world.database.execute("UPDATE jobs SET error = 'no route to peer 10.0.0.7'").await;
    let mut export = data::export(&world.scope, at(7)).await.unwrap();
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (mut files, mut bytes) = (Vec::new(), 0);
    while let Some(piece) = export.next().await.unwrap() {
        match piece {
            Piece::Rows { table, rows: some } => rows.entry(table).or_default().extend(some),
            Piece::File { name, bytes } => files.push((name, bytes)),
            Piece::Bytes(some) => bytes += some.len() as u64,
        }
    }
    for table in company_tables(&world).await {
        assert!(rows.contains_key(table.as_str()), "{table}: {:?}", rows.keys());
    }
    assert_eq!(rows["companies"].len(), 1);
    assert_eq!(rows["users"].len(), 3);
    assert!(files.iter().any(|(name, _)| name.starts_with("documents/")), "{files:?}");
    assert!(files.iter().any(|(name, _)| name.starts_with("reports/")), "{files:?}");
    assert_eq!(bytes, files.iter().map(|(_, bytes)| bytes).sum::<u64>());
    let all = rows.values().flatten().fold(String::new(), |all, row| all + row);
    assert!(texts.iter().all(|text| all.contains(text)));
    assert!(!all.contains("company_key") && !all.contains("Other") && !all.contains("theirs"));
    for (table, columns) in LEFT_OUT {
        for row in rows.get(table).into_iter().flatten() {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            let shown = columns.iter().find(|column| row.get(**column).is_some());
            assert_eq!(shown, None, "{table}");
        }
    }
    // Nobody gets the right to end another one's digest, or sees the site's inside.
    assert!(!rows["digest_messages"].is_empty() && !all.contains(digests::LINK));
    assert!(!rows["jobs"].is_empty());
    for row in &rows["jobs"] {
        for inside in ["\"key\"", "\"payload\"", "\"error\"", "peer 10.0.0.7"] {
            assert!(!row.contains(inside), "{row}");
        }
    }
    let log = world.number(
        "SELECT count(*) FROM audit_log WHERE company_key = $1 AND action = 'company.export'",
    );
    assert_eq!(log.await, 1);
}

#[tokio::test]
async fn bytes_and_what_is_called_a_secret_are_left_out_unless_somebody_said_that_they_are_none() {
    let (world, ..) = two_companies().await;
    let export = data::export(&world.scope, at(7)).await.unwrap();
    let given: Vec<&str> = export.tables().collect();
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text
         FROM information_schema.columns WHERE table_schema = current_schema()",
    )
    .fetch_all(world.store().pool())
    .await
    .unwrap();
    for (table, column, kind) in &columns {
        let is_suspect = kind.contains("bytea")
            || ["secret", "password", "hash", "token", "sealed"]
                .iter()
                .any(|word| column.contains(word));
        let is_left_out =
            LEFT_OUT.iter().any(|(of, all)| of == table && all.contains(&column.as_str()));
        let is_shown = SHOWN.contains(&(table.as_str(), column.as_str()));
        let is_given = given.contains(&table.as_str());
        assert!(!is_given || !is_suspect || is_left_out || is_shown, "{table}.{column}");
    }
    // A company's rows stand in tables that are given, or in one of those of which the export says why not.
    let is_partition = |table: &str| {
        table.rsplit_once("_p").is_some_and(|(_, number)| number.parse::<u32>().is_ok())
    };
    let with_company = columns.iter().filter(|(_, column, _)| column == "company_key");
    for (table, ..) in with_company.filter(|(table, ..)| !is_partition(table)) {
        assert!(given.contains(&table.as_str()) || table == "sessions", "{table}");
    }
}

#[tokio::test]
async fn what_a_company_does_is_seen_and_cancelled_by_nobody_else() {
    let (world, other, _) = two_companies().await;
    let page = &PageRequest::first(10);
    let any = jobs::JobFilter::default();
    let own = jobs::list_own(&world.scope, &any, page).await.unwrap().items;
    assert!(own.iter().all(|job| job.company == Some(world.scope.company())));
    let import = own.iter().find(|job| job.kind == crate::imports::JOB).unwrap();
    assert_eq!(jobs::list_own(&other, &any, page).await.unwrap().items, []);
    assert_eq!(jobs::cancel_own(&other, import.id, at(3)).await.unwrap(), None);
    let state = jobs::list_own(&world.scope, &any, page).await.unwrap().items[0].state;
    assert_eq!(state, jobs::JobState::Queued);
}
