//! Every statement of the crate, parsed: what touches a company's table is one company's.

use std::fs;
use std::path::Path;

use super::parse::faults;
use crate::page::asked;
use crate::test_fixtures::{World, at};

#[test]
fn every_statement_that_is_known_at_compile_time_is_one_companys() {
    // What `cargo sqlx prepare` writes is every checked query as it is sent, whichever file it
    // stands in.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let (mut count, mut wrong) = (0, Vec::new());
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let known: serde_json::Value = serde_json::from_str(&text).unwrap();
        let sql = known["query"].as_str().unwrap();
        count += 1;
        wrong.extend(faults(sql).into_iter().map(|fault| format!("{fault}: {sql}")));
    }
    assert!(count > 100, "{count} statements: is it the right folder?");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn every_list_whatever_its_filters_is_one_companys() {
    let world = World::new().await;
    super::lists::ask_for_everything(&world.scope).await;
    crate::counts::count(&world.scope, at(0), || 0.0).await.unwrap();
    super::lists::ask_for_counted(&world.scope).await;
    let asked = asked();
    // A recorder that records nothing would let everything through.
    assert!(asked.len() > 5, "{asked:?}");
    for sql in asked {
        assert_eq!(faults(&sql), Vec::<String>::new(), "{sql}");
    }
}

#[test]
fn the_check_finds_what_it_is_for() {
    for (sql, fault) in [
        ("SELECT id FROM agents WHERE id = $1", "not held"),
        ("SELECT id FROM agents WHERE company_key = 3 OR company_key = $1", "not held"),
        (
            "SELECT 1 FROM agents a JOIN installations i ON i.agent_key = a.key
             WHERE a.company_key = $1",
            "i is not held",
        ),
        (
            "SELECT 1 FROM software WHERE company_key = $1
             AND EXISTS (SELECT 1 FROM findings f WHERE f.cve = $2)",
            "f is not held",
        ),
        ("UPDATE agents SET hostname = $1", "not held"),
        ("DELETE FROM findings WHERE cve = $1", "not held"),
        ("INSERT INTO software_late (software_key, company_key) VALUES ($1, $2)", "first column"),
        ("INSERT INTO software_late (company_key, software_key) VALUES (7, $1)", "no parameter"),
        (
            "INSERT INTO agents (company_key, id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            "ON CONFLICT",
        ),
        (
            "WITH w AS (INSERT INTO software_late (company_key, software_key) VALUES ($1, $2)
             RETURNING 1) SELECT 1 FROM w",
            "inside a WITH",
        ),
        (
            "SELECT 1 FROM agents a JOIN agent_commands c ON c.agent = a.id
             WHERE a.company_key = $1",
            "in one statement",
        ),
        (
            "SELECT 1 FROM agents WHERE company_key = $1
             AND key < (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint)",
            "another server",
        ),
        ("SELECT 1 FROM nobody_knows", "no place"),
    ] {
        let found = faults(sql);
        assert!(found.iter().any(|found| found.contains(fault)), "{sql}: {found:?}");
    }
    // The other way: what is right must not be refused, or the check would be switched off some
    // day.
    for sql in [
        "SELECT 1 FROM agents a JOIN installations i ON i.company_key = a.company_key
         WHERE a.company_key = $1",
        "WITH w AS (SELECT key FROM agents WHERE company_key = $1 FOR NO KEY UPDATE)
         SELECT key FROM w",
        "INSERT INTO jobs (kind) VALUES ('x') ON CONFLICT (kind) DO NOTHING",
    ] {
        assert_eq!(faults(sql), Vec::<String>::new(), "{sql}");
    }
}
