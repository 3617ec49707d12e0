//! What the real catalogue says of every table.

use super::super::*;
use crate::test_support::FreshDatabase;

/// Rows of one text each.
async fn texts(database: &FreshDatabase, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_all(database.store().pool())
        .await
        .unwrap()
}

fn list(tables: &[&str]) -> String {
    let quoted: Vec<String> = tables.iter().map(|table| format!("'{table}'")).collect();
    quoted.join(", ")
}

#[tokio::test]
async fn every_table_has_its_place_and_every_place_its_table() {
    let database = FreshDatabase::create().await;
    let mut connection = database.store().pool().acquire().await.unwrap();
    let mut known: Vec<&str> = [&COMPANY_TABLES[..], &REFERENCE_TABLES, &LOCAL_TABLES].concat();
    known.sort_unstable();
    assert_eq!(tables(&mut connection).await.unwrap(), known);
    // What is partitioned by company is what is distributed by it.
    // From the catalogue and not from a list beside the tables: a migration that adds a table and
    // forgets to place it has to fail here, and not on somebody's cluster.
    let with_key =
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                    WHERE c.relkind = 'p' AND NOT c.relispartition AND a.attname = 'company_key'
                      AND a.attnotnull AND a.atttypid = 'bigint'::regtype ORDER BY 1";
    let mut companies = COMPANY_TABLES.to_vec();
    companies.sort_unstable();
    assert_eq!(texts(&database, with_key).await, companies);
}

#[tokio::test]
async fn every_key_of_a_companys_table_holds_the_company() {
    let database = FreshDatabase::create().await;
    let tables = list(&COMPANY_TABLES);
    // A unique key without it could only be checked by asking every server.
    let without = format!(
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         WHERE c.relname IN ({tables}) AND (i.indisunique OR i.indisprimary)
           AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                           AND a.attname = 'company_key' AND a.attnum = ANY (i.indkey::int2[]))"
    );
    assert_eq!(texts(&database, &without).await, Vec::<String>::new());
    let keyless = format!(
        "SELECT c.relname::text FROM pg_class c WHERE c.relname IN ({tables})
           AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)"
    );
    assert_eq!(texts(&database, &keyless).await, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_hangs_on_a_companys_table_that_cannot_be_spread() {
    let database = FreshDatabase::create().await;
    let tables = list(&COMPANY_TABLES);
    for (what, sql) in [
        (
            "foreign keys and exclusions",
            format!(
                "SELECT conname::text FROM pg_constraint JOIN pg_class c ON c.oid = conrelid
                 WHERE contype IN ('f', 'x') AND c.relname IN ({tables})"
            ),
        ),
        (
            "triggers",
            format!(
                "SELECT tgname::text FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
                 WHERE NOT tgisinternal AND c.relname IN ({tables})"
            ),
        ),
        (
            // Citus draws numbers on the coordinator, from sequences of `bigint` alone.
            "identities, generated columns, and sequences that are no bigint",
            format!(
                "SELECT c.relname || '.' || a.attname
                 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                 WHERE c.relname IN ({tables}) AND (a.attidentity <> '' OR a.attgenerated <> '')
                 UNION ALL
                 SELECT seqrelid::regclass::text FROM pg_sequence
                 WHERE seqtypid <> 'bigint'::regtype"
            ),
        ),
    ] {
        assert_eq!(texts(&database, &sql).await, Vec::<String>::new(), "{what}");
    }
}

#[tokio::test]
async fn every_companys_table_is_closed_without_a_company() {
    let database = FreshDatabase::create().await;
    let tables = list(&COMPANY_TABLES);
    let open = format!(
        "SELECT relname::text FROM pg_class c WHERE relname IN ({tables})
           AND NOT (relrowsecurity AND relforcerowsecurity
                    AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid))"
    );
    assert_eq!(texts(&database, &open).await, Vec::<String>::new());
}
