//! An enormous company's partition, cut by the role that owns the tables, as docs/OPERATIONS.md says it.

use super::*;

async fn say(url: &str, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let said = sqlx::raw_sql(sql).execute(&mut connection).await;
    connection.close().await.unwrap();
    said.map(drop)
}

#[tokio::test]
async fn the_owner_names_the_enormous_company_and_cuts_its_partition_and_no_other() {
    const SPLIT: &str =
        "SELECT muster_split_installations((SELECT key FROM companies WHERE name = 'Acme'), 4)";
    const CUT: &str = "SELECT count(*) FROM pg_class p JOIN pg_inherits i ON i.inhrelid = p.oid
                       WHERE i.inhparent = 'installations'::regclass AND p.relkind = 'p'";
    // A partition of millions whose statistics wait for a tenth of it does not know a company that is new.
    const SELDOM: &str = "SELECT count(*) FROM pg_partitioned_table p
                          CROSS JOIN LATERAL pg_partition_tree(p.partrelid) t JOIN pg_class c ON c.oid = t.relid
                          WHERE t.isleaf AND NOT coalesce(
                              'autovacuum_analyze_scale_factor=0.005' = ANY(c.reloptions), false)";
    let database = FreshDatabase::create_empty().await;
    let role = format!("muster_owner_{}", uuid::Uuid::new_v4().simple());
    let make = format!("CREATE ROLE {role} LOGIN; ALTER SCHEMA public OWNER TO {role}");
    admin(&database, make).await;
    let owner = url_as(&database, &role);
    let store = connect(&owner).await;
    store.migrate().await.unwrap();
    works(&store).await;
    assert_eq!(database.number(SELDOM).await, 0);

    // Its row is held back from the owner as from everybody.
    let refused = say(&owner, SPLIT).await.unwrap_err().to_string();
    assert!(refused.contains("no company is named"), "{refused}");
    let refused = say(database.url(), SPLIT).await.unwrap_err().to_string();
    assert!(refused.contains("does not own installations"), "{refused}");
    assert_eq!(database.number(CUT).await, 0);

    let documented = "BEGIN; SET LOCAL muster.operator = 'on';
         SELECT muster_split_installations((SELECT key FROM companies WHERE name = 'Acme'), 4); COMMIT";
    say(&owner, documented).await.unwrap();
    assert_eq!(database.number(CUT).await, 1);
    assert_eq!(database.number(SELDOM).await, 0, "its parts are looked at as often");
    let inside = "SELECT count(*) FROM installations i JOIN pg_class leaf ON leaf.oid = i.tableoid
                  JOIN pg_inherits part ON part.inhrelid = leaf.oid
                  WHERE part.inhparent <> 'installations'::regclass";
    assert_eq!(database.number(inside).await, 1, "its rows are in the one that was cut");
    store.close().await;
    let drop = format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
    admin(&database, drop).await;
}
