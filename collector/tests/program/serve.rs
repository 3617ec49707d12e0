//! The program itself: started, asked, stopped, killed and started again.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use store::test_support::FreshDatabase;

use super::process::{Collector, PROGRAM, command, data_dir, failure, kill};

#[tokio::test]
async fn says_where_it_listens_answers_there_and_stops_when_it_is_asked() {
    let (dir, database) = (data_dir(), FreshDatabase::create_empty().await);
    let collector = Collector::start(command(dir.path(), Some(&database)));
    let run: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("collector.json")).unwrap()).unwrap();
    assert_eq!(run["http"], collector.http.to_string());
    assert_eq!(run["pid"], collector.id());
    assert!(collector.get("/readyz").starts_with("HTTP/1.1 200"));
    let metrics = collector.get("/metrics");
    assert!(metrics.contains("muster_ingest_reports_total{outcome=\"queue_full\"} 0"));
    let (status, said) = collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!dir.path().join("collector.json").exists());
}

#[tokio::test]
async fn a_node_without_the_api_is_watched_at_an_address_of_its_own() {
    let (dir, database) = (data_dir(), FreshDatabase::create().await);
    // Free a moment ago, and nobody else asks for it by number.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut serve = command(dir.path(), Some(&database));
    serve.env("MUSTER_ROLES", "ingest").env("MUSTER_TELEMETRY_WATCH_LISTEN", address.to_string());
    let mut collector = Collector::start(serve);
    collector.http = address;
    assert!(collector.get("/readyz").starts_with("HTTP/1.1 200"));
    let metrics = collector.get("/metrics");
    assert!(metrics.contains("\nmuster_queue_reports{lane=\"delta\"} 0\n"), "{metrics}");
    assert!(collector.get("/api/v1/hosts").starts_with("HTTP/1.1 404"));
    assert_eq!(collector.stop().0.code(), Some(0));
}

#[tokio::test]
async fn a_second_collector_on_the_same_data_is_refused() {
    let (dir, database) = (data_dir(), FreshDatabase::create_empty().await);
    let collector = Collector::start(command(dir.path(), Some(&database)));
    let (code, said) = failure(&mut command(dir.path(), Some(&database)));
    assert_eq!(code, Some(1));
    assert!(said.contains("another collector"), "{said}");
    assert!(said.contains(&collector.id().to_string()), "{said}");
    assert_eq!(collector.stop().0.code(), Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it_and_stops_everything() {
    let (dir, database) = (data_dir(), FreshDatabase::create_empty().await);
    // Agents come over UDP; a TCP listener on the same port would not be in the way.
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", "--listen", &address, "--http", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(dir.path())
        .env("DATABASE_URL", database.url());
    let (code, said) = failure(&mut command);
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("listen on {address} (UDP)")), "{said}");
}

#[tokio::test]
async fn a_lost_authority_is_never_replaced_in_silence() {
    let (dir, database) = (data_dir(), FreshDatabase::create_empty().await);
    assert_eq!(Collector::start(command(dir.path(), Some(&database))).stop().0.code(), Some(0));
    std::fs::remove_dir_all(dir.path().join("ca")).unwrap();
    let (code, said) = failure(&mut command(dir.path(), Some(&database)));
    assert_eq!(code, Some(1));
    assert!(said.contains("restore the directory from a backup"), "{said}");
}

#[tokio::test]
async fn a_database_that_nobody_answers_for_is_an_error_at_the_start() {
    let dir = data_dir();
    let mut command = command(dir.path(), None);
    // Port 1 (tcpmux) is refused at once everywhere; an address that drops packets would take as
    // long as a connection is waited for.
    command.env("DATABASE_URL", "postgres://muster@127.0.0.1:1/muster");
    let (code, said) = failure(&mut command);
    assert_eq!(code, Some(1));
    assert!(said.contains("open the database"), "{said}");
}

#[test]
fn wrong_use_and_wrong_configuration_are_told_apart() {
    let (code, _) = failure(Command::new(PROGRAM).args(["serve", "--no-such-flag"]));
    assert_eq!(code, Some(2));
    let dir = data_dir();
    let file = dir.path().join("collector.toml");
    std::fs::write(&file, "[ingest]\nlissten = \"0.0.0.0:1\"\n").unwrap();
    let mut check = Command::new(PROGRAM);
    check.args(["config", "check", "--config"]).arg(&file);
    let (code, said) = failure(&mut check);
    assert_eq!(code, Some(1));
    assert!(said.contains("lissten"), "{said}");
}

#[test]
fn the_default_configuration_that_it_prints_is_one_that_it_takes() {
    let dir = data_dir();
    let printed = Command::new(PROGRAM).args(["config", "default"]).output().unwrap();
    let file = dir.path().join("collector.toml");
    std::fs::write(&file, printed.stdout).unwrap();
    let checked = Command::new(PROGRAM)
        .args(["config", "check", "--json", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(answer["valid"], true);
}

#[test]
fn brings_its_own_database_adopts_it_after_a_kill_and_leaves_nothing_running() {
    let dir = data_dir();
    let mut first = Collector::start(command(dir.path(), None));
    let postmaster = postmaster(dir.path());
    assert!(postmaster.is_some());
    first.kill();
    let second = Collector::start(command(dir.path(), None));
    assert_eq!(self::postmaster(dir.path()), postmaster, "a second server");
    assert!(second.get("/readyz").starts_with("HTTP/1.1 200"));
    let (status, said) = second.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(self::postmaster(dir.path()), None);
}

#[test]
fn a_start_that_fails_at_its_last_step_stops_what_it_had_started() {
    let dir = data_dir();
    // Where it is going to say that it is up.
    std::fs::create_dir(dir.path().join("collector.json")).unwrap();
    let (code, said) = failure(&mut command(dir.path(), None));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("collector.json"), "{said}");
    assert_eq!(postmaster(dir.path()), None, "its PostgreSQL still runs");
}

#[test]
fn a_private_server_that_dies_is_started_again() {
    let dir = data_dir();
    let mut collector = Collector::start(command(dir.path(), None));
    let server = postmaster(dir.path()).unwrap();
    // As the kernel does when memory runs out. PostgreSQL recovers from its log, so nothing that
    // was acknowledged is lost.
    kill(server, Signal::KILL);
    collector.wait_until_it_says("the private PostgreSQL ended: starting it again");
    // Each answer takes as long as the database is waited for.
    while !collector.get("/readyz").starts_with("HTTP/1.1 200") {
        std::thread::yield_now();
    }
    assert_ne!(postmaster(dir.path()), Some(server));
    let (status, said) = collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn an_ordinary_user_needs_nothing_of_roots() {
    if !rustix::process::geteuid().is_root() {
        // The test before this one has just shown it.
        return;
    }
    let dir = data_dir();
    let nobody = 65_534;
    let mut command = command(dir.path(), None);
    command.uid(nobody).gid(nobody).env("HOME", dir.path());
    let collector = Collector::start(command);
    let (status, said) = collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
}

/// The process id of the private server; `None` when it has stopped as it should.
fn postmaster(data_dir: &Path) -> Option<u32> {
    let file = data_dir.join("postgres/data/postmaster.pid");
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().next()?.parse().ok()
}
