//! The real server: first start, restart, adoption after a kill, and what goes wrong.

use std::path::Path;

use store::database::{Store, StoreConfig};

use super::{PostgresError, PrivatePostgres};
use crate::config::PrivateServer;

fn config(dir: &Path) -> PrivateServer {
    PrivateServer {
        dir: dir.join("postgres"),
        binaries_dir: None,
        shared_buffers_mib: 16,
        connections_max: 300,
    }
}

fn temp() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    // The server's account has to pass through.
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    dir
}

async fn start(dir: &Path) -> PrivatePostgres {
    PrivatePostgres::start(&config(dir), None).await.unwrap()
}

async fn store(server: &PrivatePostgres) -> Store {
    let store = Store::connect(&StoreConfig::new(server.url())).await.unwrap();
    store.migrate().await.unwrap();
    store
}

#[tokio::test]
async fn makes_a_server_whose_role_row_level_security_holds_for() {
    let dir = temp();
    let server = start(dir.path()).await;
    let store = store(&server).await;
    store.ping().await.unwrap();
    // These tests run as root in containers as well.
    assert_ne!(server.uid(), 0);
    store.close().await;
    server.stop().await;
}

#[tokio::test]
async fn finds_its_data_again_after_a_restart() {
    let dir = temp();
    let server = start(dir.path()).await;
    let first = store(&server).await;
    first.close().await;
    server.stop().await;
    let server = start(dir.path()).await;
    // The schema is there: migrating again finds nothing to do.
    store(&server).await.close().await;
    server.stop().await;
}

#[tokio::test]
async fn adopts_the_server_of_a_collector_that_was_killed() {
    let dir = temp();
    let killed = start(dir.path()).await;
    // What a killed process leaves: a server that nobody waits for.
    let url = killed.url();
    std::mem::forget(killed);
    let adopted = start(dir.path()).await;
    assert_eq!(adopted.url(), url);
    store(&adopted).await.close().await;
    adopted.stop().await;
    let again = start(dir.path()).await;
    again.stop().await;
}

#[tokio::test]
async fn the_server_has_room_for_all_connections_that_the_collector_may_have() {
    let dir = temp();
    let server = start(dir.path()).await;
    // What PostgreSQL itself writes down of how it was started.
    let options = std::fs::read_to_string(server.home().join("data/postmaster.opts")).unwrap();
    server.stop().await;
    let (_, connections) = options.split_once("max_connections=").unwrap();
    let connections: String = connections.chars().take_while(char::is_ascii_digit).collect();
    assert!(connections.parse::<u32>().unwrap() > 300, "{options}");
}

#[tokio::test]
async fn the_last_one_out_stops_the_server() {
    let dir = temp();
    let collector = start(dir.path()).await;
    let command = start(dir.path()).await;
    let store = store(&collector).await;
    command.stop().await;
    store.ping().await.unwrap();
    store.close().await;
    let pid_file = collector.home().join("data/postmaster.pid");
    collector.stop().await;
    assert!(!pid_file.exists());
}

#[tokio::test]
async fn begins_again_when_the_first_start_was_killed() {
    let dir = temp();
    let half = dir.path().join("postgres/data.unfinished/base");
    std::fs::create_dir_all(&half).unwrap();
    let server = start(dir.path()).await;
    assert!(!half.exists());
    server.stop().await;
}

#[tokio::test]
async fn refuses_data_of_another_version() {
    let dir = temp();
    let data = dir.path().join("postgres/data");
    std::fs::create_dir_all(&data).unwrap();
    // Older than any that can be installed beside these tests.
    std::fs::write(data.join("PG_VERSION"), "9\n").unwrap();
    let error = PrivatePostgres::start(&config(dir.path()), None).await.unwrap_err();
    assert!(matches!(error, PostgresError::Version { .. }), "{error}");
}

#[tokio::test]
async fn says_what_the_server_says_when_it_does_not_start() {
    let dir = temp();
    let server = start(dir.path()).await;
    let settings = server.home().join("data/postgresql.conf");
    server.stop().await;
    std::fs::write(settings, "nonsense = 1\n").unwrap();
    let error = PrivatePostgres::start(&config(dir.path()), None).await.unwrap_err().to_string();
    assert!(error.contains("nonsense"), "{error}");
}

#[tokio::test]
async fn without_server_programs_it_says_what_to_install_and_makes_nothing() {
    let dir = temp();
    let mut config = config(dir.path());
    config.binaries_dir = Some(dir.path().join("bin"));
    let error = PrivatePostgres::start(&config, None).await.unwrap_err().to_string();
    assert!(error.contains("install them"), "{error}");
    assert!(error.contains(dir.path().to_str().unwrap()), "{error}");
    assert!(!config.dir.join("data").exists());
}

#[tokio::test]
async fn the_pid_file_of_a_machine_that_lost_power_keeps_nobody_out() {
    let dir = temp();
    let server = start(dir.path()).await;
    let pid_file = server.home().join("data/postmaster.pid");
    let left = std::fs::read_to_string(&pid_file).unwrap();
    server.stop().await;
    // The number has gone to another process since, as after a restart of the machine: this one.
    let (_, rest) = left.split_once('\n').unwrap();
    std::fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();
    let server = start(dir.path()).await;
    store(&server).await.close().await;
    server.stop().await;
}

#[tokio::test]
async fn a_file_in_the_directorys_place_is_said_by_its_path() {
    let dir = temp();
    let config = config(dir.path());
    std::fs::write(&config.dir, "").unwrap();
    let error = PrivatePostgres::start(&config, None).await.unwrap_err();
    let text = format!("{:#}", anyhow::Error::from(error));
    assert!(text.contains(config.dir.to_str().unwrap()), "{text}");
}
