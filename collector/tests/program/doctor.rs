//! `doctor` beside good and broken sites: what it says, what to do, and its exit code.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use store::test_support::FreshDatabase;
use tempfile::TempDir;

use super::desk::{Said, program, write};
use super::process::{Collector, PROGRAM, command};

/// What the doctor found: the exit code, and its document.
fn ask(command: &mut Command) -> (Option<i32>, Value) {
    let said = Said::of(command);
    assert_eq!(said.err, "", "{}", said.out);
    (said.code, serde_json::from_str(&said.out).unwrap())
}

/// A data directory as a package makes it: others may pass and not write.
fn data_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn doctor(dir: &Path, url: Option<&str>) -> Command {
    let mut command = program(&["doctor", "--json"]);
    command.arg("--data-dir").arg(dir).env("MUSTER_FEEDS_SYNC", "false");
    // Ports that nobody else has, whatever runs on this machine.
    command.env("MUSTER_INGEST_LISTEN", "127.0.0.1:0").env("MUSTER_HTTP_LISTEN", "127.0.0.1:0");
    command.env("MUSTER_QUEUE_DISK_FREE_BYTES_MIN", "0");
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    command
}

/// Checks that have a problem, each with what to do about it.
fn problems(document: &Value) -> Vec<&str> {
    let findings = document["findings"].as_array().unwrap();
    let problems = findings.iter().filter(|finding| finding["level"] == "problem");
    problems
        .inspect(|finding| assert!(finding["todo"].is_string(), "{finding}"))
        .map(|finding| finding["check"].as_str().unwrap())
        .collect()
}

/// The finding of a check that is no good news.
fn bad<'a>(document: &'a Value, check: &str) -> &'a Value {
    let mut findings = document["findings"].as_array().unwrap().iter();
    let is_it = |finding: &&Value| finding["check"] == check && finding["level"] != "good";
    findings.find(is_it).unwrap_or_else(|| panic!("nothing is wrong with {check}: {document}"))
}

/// The tests' server does not wait for its disk, which the doctor rightly says.
fn but_for_durability<'a>(problems: &[&'a str]) -> Vec<&'a str> {
    problems.iter().copied().filter(|check| *check != "database").collect()
}

#[test]
fn a_collector_on_its_private_database_is_well_and_the_exit_code_says_so() {
    let dir = data_dir();
    let collector = Collector::start(command(dir.path(), None));
    let (code, document) = ask(&mut doctor(dir.path(), None));
    assert_eq!(problems(&document), Vec::<&str>::new(), "{document}");
    assert_eq!((code, &document["healthy"]), (Some(0), &Value::Bool(true)));
    let mut findings = document["findings"].as_array().unwrap().iter();
    let ports = findings.find(|finding| finding["check"] == "ports").unwrap();
    assert_eq!(ports["where"], format!("process {}", collector.id()));
    let mut findings = document["findings"].as_array().unwrap().iter();
    let files = findings.find(|finding| finding["check"] == "files").unwrap();
    assert_eq!(files["where"], format!("process {}", collector.id()), "and not of whoever asks");
    // It left the server to the collector.
    assert!(collector.get("/readyz").starts_with("HTTP/1.1 200"));
    collector.stop();
    // And ends the one that it started itself.
    let (code, document) = ask(&mut doctor(dir.path(), None));
    assert_eq!(code, Some(0), "{document}");
    assert!(!dir.path().join("postgres/data/postmaster.pid").exists());
}

#[test]
fn where_nothing_ever_ran_nothing_is_wrong_and_nothing_is_made() {
    let dir = data_dir();
    let absent = dir.path().join("absent");
    let (code, document) = ask(&mut doctor(&absent, None));
    assert_eq!((code, problems(&document)), (Some(0), Vec::new()), "{document}");
    for check in ["data", "database", "authority", "index"] {
        assert_eq!(bad(&document, check)["level"], "remark");
    }
    assert!(!absent.exists());
}

#[test]
fn a_configuration_that_cannot_be_used_is_a_finding_and_no_crash() {
    let dir = data_dir();
    let file = write(dir.path(), "collector.toml", "[jobs]\nworkers = 65\n");
    let (code, document) = ask(doctor(dir.path(), None).args(["--config", &file]));
    assert_eq!((code, problems(&document)), (Some(1), vec!["configuration"]));
    let found = bad(&document, "configuration");
    assert_eq!(found["where"], file.as_str());
    assert!(found["what"].as_str().unwrap().contains("jobs.workers: 65"), "{found}");
}

#[test]
fn people_read_lines_with_what_to_do_below() {
    let dir = data_dir();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = Command::new(PROGRAM);
    command.env_remove("DATABASE_URL").env("MUSTER_INGEST_LISTEN", "127.0.0.1:0");
    command.env("MUSTER_HTTP_LISTEN", "127.0.0.1:0").arg("doctor");
    let said = Said::of(command.arg("--data-dir").arg(dir.path()));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("PROBLEM  data"), "{}", said.out);
    assert!(said.out.contains(&format!("to do: chmod 755 {}\n", dir.path().display())));
    assert!(said.out.contains("\n1 problem, "), "{}", said.out);
}

#[tokio::test]
async fn an_authority_that_others_can_read_is_lost_or_is_another_is_a_problem() {
    let (dir, database) = (data_dir(), FreshDatabase::create().await);
    Collector::start(command(dir.path(), Some(&database))).stop();
    let look = || ask(&mut doctor(dir.path(), Some(database.url()))).1;
    assert_eq!(but_for_durability(&problems(&look())), Vec::<&str>::new());
    let key = dir.path().join("ca/ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let document = look();
    assert_eq!(but_for_durability(&problems(&document)), ["authority"]);
    let what = bad(&document, "authority")["what"].as_str().unwrap();
    assert!(what.contains("chmod 600"), "{what}");
    fs::remove_file(&key).unwrap();
    assert_eq!(but_for_durability(&problems(&look())), ["authority"]);
    // A node that was set up beside the others and has none of its own.
    let other = data_dir();
    let document = ask(&mut doctor(other.path(), Some(database.url()))).1;
    let what = bad(&document, "authority")["what"].as_str().unwrap();
    assert!(what.contains("copy the whole folder of another node"), "{what}");
}

#[tokio::test]
async fn a_database_that_lost_its_protection_or_a_partition_is_a_problem() {
    let (dir, database) = (data_dir(), FreshDatabase::create().await);
    database.execute("ALTER TABLE findings DISABLE ROW LEVEL SECURITY").await;
    database.execute("REVOKE INSERT ON software FROM muster_app").await;
    database.execute("DROP TABLE installations_p1").await;
    let (code, document) = ask(&mut doctor(dir.path(), Some(database.url())));
    assert_eq!(code, Some(1));
    let expected = ["tenancy", "tenancy", "partitions"];
    assert_eq!(but_for_durability(&problems(&document)), expected, "{document}");
    assert_eq!(bad(&document, "tenancy")["where"], "findings");
    assert_eq!(bad(&document, "partitions")["where"], "installations");
    assert!(bad(&document, "database")["what"].as_str().unwrap().contains("wait for its disk"));
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_a_problem_and_an_empty_database_is_none() {
    let (dir, database) = (data_dir(), FreshDatabase::create_empty().await);
    let (_, document) = ask(&mut doctor(dir.path(), Some(database.url())));
    assert_eq!(but_for_durability(&problems(&document)), Vec::<&str>::new(), "{document}");
    assert_eq!(bad(&document, "schema")["level"], "remark");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.number(tables).await, 0, "it migrated");
    let database = FreshDatabase::create().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (99991231000000, 'newer', true, '\\x00', 0)";
    database.execute(newer).await;
    let (_, document) = ask(&mut doctor(dir.path(), Some(database.url())));
    assert_eq!(but_for_durability(&problems(&document)), ["schema"], "{document}");
}

#[tokio::test]
async fn a_feed_that_failed_and_a_node_that_went_are_said() {
    let (dir, database) = (data_dir(), FreshDatabase::create().await);
    database
        .execute(
            "INSERT INTO feeds (source, imported_at, records, changed, skipped, error, failures, last_success_at)
             VALUES ('kev', now(), 0, 0, 0, 'no route to host', 9, now() - interval '4 days');
             INSERT INTO nodes (id, name, seen_at) VALUES (gen_random_uuid(), 'n2', now() - interval '1 hour')",
        )
        .await;
    let mut command = doctor(dir.path(), Some(database.url()));
    let (_, document) = ask(command.env("MUSTER_FEEDS_SYNC", "true"));
    assert_eq!(but_for_durability(&problems(&document)), ["feed"], "{document}");
    let feeds = document["findings"].as_array().unwrap().iter();
    let kev: Vec<_> = feeds.filter(|finding| finding["where"] == "kev").collect();
    assert_eq!(kev[0]["what"], "96 hours old; the last 9 tries: no route to host");
    assert_eq!(bad(&document, "node")["where"], "n2");
}

#[test]
fn a_database_that_is_away_is_a_problem_that_does_not_show_its_password() {
    let dir = data_dir();
    let url = "postgres://u:hush@127.0.0.1:1/d";
    let (code, document) = ask(&mut doctor(dir.path(), Some(url)));
    assert_eq!((code, problems(&document)), (Some(1), vec!["database"]), "{document}");
    assert!(!document.to_string().contains("hush"), "{document}");
}

#[tokio::test]
async fn a_pooler_that_is_away_is_a_problem_although_the_server_answers() {
    let (dir, database) = (data_dir(), FreshDatabase::create().await);
    let file = write(dir.path(), "pooler-url", "postgres://u:hush@127.0.0.1:1/d");
    let mut command = doctor(dir.path(), Some(database.url()));
    let (code, document) = ask(command.env("MUSTER_DATABASE_POOLER_URL_FILE", file));
    assert_eq!(code, Some(1), "{document}");
    let mut findings = document["findings"].as_array().unwrap().iter();
    let pooler = findings.find(|finding| finding["where"] == "the pooler").unwrap();
    assert_eq!(pooler["level"], "problem", "{pooler}");
    assert!(pooler["todo"].as_str().unwrap().contains("database.pooler_url_file"), "{pooler}");
    assert!(!document.to_string().contains("hush"), "{document}");
}

#[test]
fn a_port_that_somebody_else_has_is_a_problem() {
    let (dir, taken) = (data_dir(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = taken.local_addr().unwrap().to_string();
    let (code, document) = ask(doctor(dir.path(), None).env("MUSTER_HTTP_LISTEN", &address));
    assert_eq!((code, problems(&document)), (Some(1), vec!["ports"]), "{document}");
    assert_eq!(bad(&document, "ports")["where"], format!("{address} (TCP)"));
}

#[test]
fn a_damaged_index_is_a_problem_and_none_is_a_remark() {
    let dir = data_dir();
    assert_eq!(bad(&ask(&mut doctor(dir.path(), None)).1, "index")["level"], "remark");
    fs::create_dir(dir.path().join("index")).unwrap();
    write(dir.path(), "index/current", "no index");
    let (code, document) = ask(&mut doctor(dir.path(), None));
    assert_eq!((code, problems(&document)), (Some(1), vec!["index"]), "{document}");
}

#[tokio::test]
async fn a_mail_server_that_is_away_is_said_with_what_follows() {
    let (dir, database) = (data_dir(), FreshDatabase::create().await);
    let mut command = doctor(dir.path(), Some(database.url()));
    // A port that nobody listens at: it was somebody's a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    command
        .env("MUSTER_OIDC_PUBLIC_URL", "https://muster.example")
        .env("MUSTER_MAIL_HOST", "127.0.0.1")
        .env("MUSTER_MAIL_PORT", port.to_string())
        .env("MUSTER_MAIL_TLS", "none")
        .env("MUSTER_MAIL_FROM", "muster@example.org");
    let (code, document) = ask(&mut command);
    assert_eq!(code, Some(1), "{document}");
    let found = bad(&document, "mail");
    assert_eq!(found["where"], format!("127.0.0.1:{port}"));
    assert!(found["todo"].as_str().unwrap().contains("mail.host"), "{found}");
}
