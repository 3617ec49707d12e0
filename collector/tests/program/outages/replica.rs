//! A standby that lists are read from: as new as the server's own, and missed by nobody when it is behind or gone.

use super::*;

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
    let primary = Server::start("");
    let standby = primary.standby();
    // One that nobody waits for, as those are that are there to be read.
    primary.sql("ALTER SYSTEM RESET synchronous_standby_names");
    primary.sql("SELECT pg_reload_conf()");
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), standby.url()).unwrap();
    let setting = ("MUSTER_DATABASE_REPLICA_URL_FILE", secret.path().to_str().unwrap());
    let mut site = Site::on(&primary.url(), &[setting]).await;
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
    let primary = Server::start("");
    let standby = primary.standby();
    primary.sql("ALTER SYSTEM RESET synchronous_standby_names");
    primary.sql("SELECT pg_reload_conf()");
    standby.promote();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), standby.url()).unwrap();
    let setting = ("MUSTER_DATABASE_REPLICA_URL_FILE", secret.path().to_str().unwrap());
    let mut site = Site::on(&primary.url(), &[setting]).await;
    // The standby of old has none of these.
    is_read_at_once(&mut site).await;
    assert_eq!(reads(&site, "replica"), 0);
}
