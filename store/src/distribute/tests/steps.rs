//! The steps of a distribution, with stand-ins for the functions of Citus.

use super::super::*;
use crate::test_fixtures::{Endpoint, World, company, record};

/// What Citus brings, as far as it is called here: each call is noted.
const STAND_INS: &str = "
    CREATE TABLE pg_dist_partition (
        logicalrelid regclass, place int GENERATED ALWAYS AS IDENTITY, how text);
    CREATE FUNCTION create_reference_table(t regclass) RETURNS void LANGUAGE sql AS
        $$ INSERT INTO pg_dist_partition (logicalrelid, how) VALUES (t, 'reference') $$;
    CREATE FUNCTION create_distributed_table(t regclass, col text, colocate_with text) RETURNS void
    LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT relkind FROM pg_class WHERE oid = t) <> 'r' THEN RAISE 'partitioned: %', t; END IF;
        INSERT INTO pg_dist_partition (logicalrelid, how)
        VALUES (t, col || ' beside ' || colocate_with);
    END $$;
    ALTER ROLE muster_app LOGIN;";

async fn world_with_stand_ins() -> World {
    let world = World::new().await;
    world.database.execute(STAND_INS).await;
    world
}

const INSTALLATIONS: &str = "SELECT count(*) FROM installations WHERE company_key = $1";

#[tokio::test]
async fn a_database_without_citus_is_told_what_is_missing() {
    let world = World::new().await;
    let error = world.store().distribute().await.unwrap_err();
    assert!(matches!(error, DistributeError::NoCitus), "{error}");
    assert!(error.to_string().contains("CREATE EXTENSION citus"));
    let partitioned = "SELECT count(*) FROM pg_class WHERE relkind = 'p' AND NOT relispartition";
    let tables = i64::try_from(COMPANY_TABLES.len()).unwrap();
    assert_eq!(world.database.number(partitioned).await, tables, "touched");
}

#[tokio::test]
async fn copies_come_before_what_is_joined_with_them_and_a_second_time_does_nothing() {
    let world = world_with_stand_ins().await;
    let done = world.store().distribute().await.unwrap();
    assert_eq!(done.referenced, REFERENCE_TABLES);
    assert_eq!(done.distributed, COMPANY_TABLES);
    assert_eq!(done.united, COMPANY_TABLES);
    let order = "SELECT count(*) FROM pg_dist_partition WHERE how = 'reference' AND place <= 3";
    assert_eq!(world.database.number(order).await, 3);
    let beside = "SELECT count(*) FROM pg_dist_partition WHERE how = 'company_key beside agents'";
    let others = i64::try_from(COMPANY_TABLES.len() - 1).unwrap();
    assert_eq!(world.database.number(beside).await, others);
    let again = world.store().distribute().await.unwrap();
    assert_eq!(again, Distribution::default());
}

#[tokio::test]
async fn a_table_that_nobody_placed_stops_it() {
    let world = world_with_stand_ins().await;
    world.database.execute("CREATE TABLE newcomer (id int)").await;
    let error = world.store().distribute().await.unwrap_err();
    assert!(matches!(error, DistributeError::UnknownTable(table) if table == "newcomer"));
}

#[tokio::test]
async fn no_policy_that_is_spread_asks_a_question_or_calls_a_function_of_ours() {
    let world = world_with_stand_ins().await;
    world.store().distribute().await.unwrap();
    let tables = [&COMPANY_TABLES[..], &REFERENCE_TABLES].concat().join("','");
    let refused = format!(
        "SELECT count(*) FROM pg_policies WHERE tablename IN ('{tables}')
           AND (qual || coalesce(with_check, '')) ~ '(SELECT|muster_setting)'"
    );
    assert_eq!(world.database.number(&refused).await, 0);
}

#[tokio::test]
async fn what_is_united_holds_what_it_held_and_keeps_companies_apart() {
    let world = world_with_stand_ins().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    world.apply(&endpoint.snapshot([record("bad1", "1.1")], 100)).await;
    world.store().distribute().await.unwrap();
    assert_eq!(world.number(INSTALLATIONS).await, 1);
    let findings = "SELECT count(*) FROM findings WHERE company_key = $1";
    assert_eq!(world.number(findings).await, 2);
    // And goes on: the next report, and another company that sees nothing of it.
    world.apply(&[endpoint.delta(vec![record("bad2", "1")], &[])]).await;
    assert_eq!(world.number(INSTALLATIONS).await, 2);
    let other = company(world.store(), "Other").await;
    let mut tx = other.begin("test").await.unwrap();
    let seen: i64 =
        sqlx::query_scalar("SELECT count(*) FROM installations").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(seen, 0);
    tx.commit().await.unwrap();
    let storage = "SELECT count(*) FROM pg_class
                   WHERE relname = 'agents' AND reloptions @> '{fillfactor=70}'";
    assert_eq!(world.database.number(storage).await, 1);
}

#[tokio::test]
async fn the_partition_of_an_enormous_company_is_cut_by_agent_and_nothing_else_changes() {
    let world = World::new().await;
    let mut endpoints = Vec::new();
    for _ in 0..8 {
        let mut endpoint = Endpoint::new(world.agent().await);
        let records = [record("bad1", "1.1"), record("x", "1")];
        world.apply(&endpoint.snapshot(records, 100)).await;
        endpoints.push(endpoint);
    }
    let split = format!("SELECT muster_split_installations({}, 4)", world.scope.key());
    world.database.execute(&split).await;
    assert_eq!(world.number(INSTALLATIONS).await, 16);
    let parts = "SELECT count(DISTINCT tableoid) FROM installations";
    assert!(world.database.number(parts).await > 1, "in several parts");
    for endpoint in &mut endpoints {
        world.apply(&[endpoint.delta(vec![record("y", "1")], &[])]).await;
    }
    assert_eq!(world.number(INSTALLATIONS).await, 24);
}
