//! How a node is started: on its own addresses, without limits in the way, with a clock of its own.

use std::collections::BTreeMap;

use super::*;

fn map(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    let count = pairs.len();
    let map: BTreeMap<_, _> = pairs.into_iter().collect();
    assert_eq!(map.len(), count, "of two with one name, one would be lost");
    map
}

#[test]
fn a_node_listens_on_its_own_address_and_keeps_its_data_on_its_own_disk() {
    let line = |number| {
        let disk = PathBuf::from(format!("/run/node{}", number + 1));
        line(Host::Node(number), Path::new("/bin/muster-collector"), &disk)
    };
    let expected = [
        "/bin/muster-collector",
        "--data-dir",
        "/run/node2/data",
        "serve",
        "--listen",
        "10.77.0.2:7070",
        "--http",
        "10.77.0.2:7080",
    ];
    assert_eq!(line(1), expected);
    let differ = line(0).iter().zip(&line(1)).filter(|(a, b)| a != b).count();
    assert_eq!(differ, 3, "the disk and two addresses");
}

#[test]
fn every_setting_is_one_that_the_collector_knows() {
    use collector::config::{Config, Environment, Layers};

    // As the collector reads them: a name of no setting is refused there.
    let environment: Environment = settings().into_iter().collect();
    let layers = Layers::defaults().with_environment(&environment);
    let config = Config::from_layers(layers.expect("known names")).expect("a configuration");
    assert_eq!(config.ingest.agent_requests_per_minute, 6_000);
}

#[test]
fn a_clock_is_wrong_only_where_the_library_is() {
    let clock = Path::new("/run/node1.clock");
    let without = map(environment(clock, None));
    assert_eq!(without, map(settings()));
    let with = map(environment(clock, Some(Path::new("/lib/faketime.so"))));
    assert_eq!(with["LD_PRELOAD"], "/lib/faketime.so");
    assert_eq!(with["FAKETIME_TIMESTAMP_FILE"], "/run/node1.clock");
    // The time since the start goes on, or every timer of the collector would jump too.
    assert_eq!(with["FAKETIME_DONT_FAKE_MONOTONIC"], "1");
    assert_eq!(with.len(), without.len() + 4);
}

/// A node without a disk of its own, whose collector is a script.
fn node(folder: &Path, script: &str) -> Node {
    Node {
        host: Host::Watcher,
        program: Program {
            host: Host::Watcher,
            line: ["sh", "-c", script].map(str::to_owned).to_vec(),
            environment: Vec::new(),
            log: folder.join("log"),
        },
        disk: folder.join("disk"),
        clock: folder.join("clock"),
        template: folder.join("template"),
        process: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_stepped_is_right_again_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(folder.path(), "true");
    for (by, text) in [(90, "+90"), (-3_600, "-3600")] {
        let read = || std::fs::read_to_string(folder.path().join("clock")).expect("a clock");
        let looking = async {
            sleep(Duration::from_secs(1)).await;
            read()
        };
        let stepping = node.step_clock(by, Duration::from_secs(3));
        let (stepped, meanwhile) = tokio::join!(stepping, looking);
        stepped.expect("a clock");
        assert_eq!(meanwhile, text);
        assert_eq!(read(), "+0");
    }
}

#[tokio::test]
async fn a_node_that_ended_by_itself_is_started_again_and_said_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = node(folder.path(), "exec sleep 600");
    assert!(node.revive().expect("starts"), "it did not run");
    assert!(!node.revive().expect("looks"), "now it does");
    node.crash(Duration::ZERO).await.expect("starts again");
    assert!(!node.revive().expect("looks"), "who was killed is back already");
    node.kill().await;
}

#[tokio::test]
async fn a_restart_of_a_node_that_fails_at_its_end_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done";
    let mut node = node(folder.path(), script);
    node.start().expect("starts");
    let log = folder.path().join("log");
    while std::fs::read_to_string(&log).map_or(true, |text| text.is_empty()) {
        sleep(Duration::from_millis(5)).await;
    }
    let error = node.restart().await.expect_err("it failed").to_string();
    assert!(error.contains("exit status: 3"), "{error}");
}

#[tokio::test]
async fn a_node_that_does_not_run_cannot_be_paused() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(folder.path(), "true");
    let error = node.pause(Duration::ZERO).await.expect_err("not there");
    assert_eq!(error.to_string(), "it does not run");
}

#[tokio::test]
async fn a_wiped_node_has_what_an_operator_installs_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = node(folder.path(), "exec sleep 600");
    std::fs::create_dir_all(folder.path().join("template/ca")).expect("a folder");
    std::fs::write(folder.path().join("template/ca/key"), "key").expect("writes");
    let data = folder.path().join("disk/data");
    std::fs::create_dir_all(data.join("queue")).expect("a folder");
    std::fs::write(data.join("queue/1"), "a report").expect("writes");
    node.wipe().await.expect("wiped");
    assert!(!data.join("queue").exists());
    assert_eq!(std::fs::read_to_string(data.join("ca/key")).expect("a key"), "key");
    assert!(!node.revive().expect("looks"), "it runs again");
    node.kill().await;
}
