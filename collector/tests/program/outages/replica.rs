//! A standby that lists are read from: as new as the server's own, and missed by nobody when it is behind or gone.

use super::super::process::PROGRAM;
use super::*;

/// A primary, and a standby of it that nobody waits for, as those are that are there to be read.
fn pair() -> (Server, Server) {
    let primary = Server::start("");
    let standby = primary.standby();
    waits_for_nobody(&primary);
    (primary, standby)
}

fn waits_for_nobody(primary: &Server) {
    primary.sql("ALTER SYSTEM RESET synchronous_standby_names");
    primary.sql("SELECT pg_reload_conf()");
}

/// A file with a standby's address, and the setting that names it.
fn read_from(standby: &Server) -> (tempfile::NamedTempFile, [(&'static str, String); 1]) {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), standby.url()).unwrap();
    let setting = ("MUSTER_DATABASE_REPLICA_URL_FILE", secret.path().display().to_string());
    (secret, [setting])
}

impl Site {
    /// A site that reads from a standby.
    async fn reading(url: &str, setting: &[(&'static str, String); 1]) -> Self {
        let [(name, value)] = setting;
        Self::on(url, &[(name, value)]).await
    }
}

/// Has a server write so much that no log of another test's is longer, and its standby replay it.
async fn goes_ahead(primary: &Server, standby: &Server) {
    for _ in 0..6 {
        // A segment of 16 MiB each.
        primary.sql("SELECT pg_logical_emit_message(false, '', 'ahead')");
        primary.sql("SELECT pg_switch_wal()");
    }
    let written = primary.sql("SELECT pg_current_wal_flush_lsn()");
    let asked = format!("SELECT pg_last_wal_replay_lsn() >= '{}'", written.trim());
    let replayed = async {
        while standby.sql(&asked).trim() != "t" {
            // Between two questions to a process; the deadline below is what fails.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, replayed).await.expect("replayed");
}

/// What the doctor says of the standby, and what there is to do.
fn doctors_word(site: &Site, (name, value): &(&str, String)) -> (Value, Value) {
    let mut doctor = std::process::Command::new(PROGRAM);
    doctor.args(["doctor", "--json", "--data-dir"]).arg(site.dir.path());
    doctor.env("DATABASE_URL", &site.url).env(name, value).env("MUSTER_FEEDS_SYNC", "false");
    let said = doctor.output().unwrap();
    let document: Value = serde_json::from_slice(&said.stdout).unwrap();
    let mut findings = document["findings"].as_array().unwrap().iter();
    let found = findings.find(|finding| finding["where"] == "the standby").unwrap();
    assert!(found["todo"].is_string(), "{found}");
    (found["level"].clone(), found["what"].clone())
}

/// How many reads a server did, by the collector's own count.
fn reads(site: &Site, server: &str) -> u64 {
    let name = format!("muster_database_reads_total{{server=\"{server}\"}} ");
    let metrics = site.collector.get("/metrics");
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(&name))
        .map_or(0, |count| count.parse().unwrap())
}

/// The names of the company's software, as the list has them.
fn listed(site: &Site) -> BTreeSet<String> {
    let (status, list) = site.collector.ask("GET", "/api/v1/software?limit=1000", &site.key);
    assert_eq!(status, 200, "{list}");
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// Delivers a report and lists as soon as it is stored.
async fn is_read_at_once(site: &mut Site) {
    let mut stream = site.session().await;
    site.deliver(&mut stream, 1).await;
    site.is_whole().await;
    assert_eq!(listed(site), site.names);
}

#[tokio::test]
async fn lists_come_from_a_standby_and_are_never_older_than_what_was_stored() {
    let (primary, standby) = pair();
    let (_secret, setting) = read_from(&standby);
    let mut site = Site::reading(&primary.url(), &setting).await;
    is_read_at_once(&mut site).await;
    assert!(reads(&site, "replica") > 0);
    assert_eq!(reads(&site, "primary"), 0);

    standby.sql("SELECT pg_wal_replay_pause()");
    is_read_at_once(&mut site).await;
    assert!(reads(&site, "primary") > 0, "an old list would have come from the standby");

    standby.sql("SELECT pg_wal_replay_resume()");
    let before = reads(&site, "replica");
    let read_again = async {
        while reads(&site, "replica") == before {
            assert_eq!(listed(&site), site.names);
            // As above.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, read_again).await.expect("read from the standby again");

    standby.stop_at_once();
    is_read_at_once(&mut site).await;
}

#[tokio::test]
async fn a_standby_that_was_promoted_is_not_read() {
    let (primary, standby) = pair();
    standby.promote();
    let (_secret, setting) = read_from(&standby);
    let mut site = Site::reading(&primary.url(), &setting).await;
    // The standby of old has none of these.
    is_read_at_once(&mut site).await;
    assert_eq!(reads(&site, "replica"), 0);
}

#[tokio::test]
async fn a_standby_of_another_cluster_is_not_read_however_far_it_is() {
    // A site of before, with a company and hosts under the same keys.
    let (before, standby) = pair();
    let mut old = Site::on(&before.url(), &[]).await;
    let mut stream = old.session().await;
    old.deliver(&mut stream, 3).await;
    old.is_whole().await;
    goes_ahead(&before, &standby).await;

    let now = Server::start("");
    let (_secret, setting) = read_from(&standby);
    let mut site = Site::reading(&now.url(), &setting).await;
    is_read_at_once(&mut site).await;
    assert_eq!(reads(&site, "replica"), 0);
    let (level, what) = doctors_word(&site, &setting[0]);
    assert_eq!(level, "problem");
    assert!(what.as_str().unwrap().contains("of another cluster"), "{what}");
}

#[tokio::test]
async fn a_standby_that_stays_with_the_server_of_before_is_not_read_after_a_failover() {
    let (primary, standby) = pair();
    let heir = primary.standby();
    waits_for_nobody(&primary);
    let (_secret, setting) = read_from(&standby);
    let url =
        format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", primary.port, heir.port);
    let mut site = Site::reading(&url, &setting).await;
    is_read_at_once(&mut site).await;
    let before = reads(&site, "replica");
    assert!(before > 0);

    // It replays what the heir never hears of, and so is further than the heir.
    heir.stop_at_once();
    goes_ahead(&primary, &standby).await;
    primary.stop_at_once();
    heir.start_again();
    heir.promote();
    is_read_at_once(&mut site).await;
    assert_eq!(reads(&site, "replica"), before);
    let (level, what) = doctors_word(&site, &setting[0]);
    assert_eq!(
        (level, what),
        ("remark".into(), "is on timeline 1, the server on 2: nothing is read from it".into())
    );
}
