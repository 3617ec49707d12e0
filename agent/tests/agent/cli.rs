//! The command line as people and programs use it.

use super::collector::Collector;
use super::host::Host;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn wrong_use_is_told_from_failure() {
    let host = Host::new(0);
    for words in [
        &["--bogus"][..],
        &["bogus"],
        &[],
        &["run", "more"],
        &["run", "--json"],
        &["status", "--force"],
        &["enroll", "--token", "a", "--token-file", "b"],
        &["run", "--log-level", "loud"],
        &["run", "--state-dir"],
    ] {
        let output = host.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(output.stdout.is_empty());
        assert!(text(&output.stderr).contains("muster-agent help"), "{output:?}");
    }
}

#[test]
fn help_and_version_need_nothing() {
    let host = Host::new(0);
    for words in [&["help"][..], &["--help"], &["-h"], &["run", "--help"]] {
        let output = host.run(words);
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        for command in
            ["enroll", "run", "scan", "status", "check", "inventory", "diagnostics", "version"]
        {
            assert!(help.contains(command), "{command} is not in the help");
        }
    }
    let version = host.run(&["version"]);
    assert_eq!(text(&version.stdout).trim(), concat!("muster-agent ", env!("CARGO_PKG_VERSION")));
    assert!(!host.state_dir().exists(), "nothing was made");
}

#[test]
fn the_inventory_shows_everything_and_needs_no_enrolment() {
    let host = Host::new(7);
    let output = host.run(&["inventory", "--json"]);
    assert!(output.status.success());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let software = document["software"].as_array().expect("a list");
    assert_eq!(software.len(), 7);
    assert_eq!(software[0]["source"], "deb");
    assert_eq!(software[0]["name"], "package-0");
    assert_eq!(software[0]["version"], "1.0-1");
    assert_eq!(software[0]["arch"], "amd64");
    assert!(software[0]["key"].as_str().expect("a key").parse::<uuid::Uuid>().is_ok());
    assert_eq!(document["facts"]["platform"]["id"], "debian");
    let deb = &document["sources"].as_array().expect("a list")[0];
    assert_eq!((&deb["source"], &deb["state"]), (&"deb".into(), &"ok".into()));
    assert_eq!(deb["records"], 7);
    assert!(!host.state_dir().exists(), "nothing was made");
}

#[test]
fn the_inventory_is_a_table_for_people() {
    let output = Host::new(2).run(&["inventory"]);
    let table = text(&output.stdout);
    assert!(table.contains("deb        package-1 1.0-1"), "{table}");
    assert!(table.contains("Debian GNU/Linux 12"), "{table}");
}

#[test]
fn a_host_that_is_not_enrolled_says_so_everywhere() {
    let host = Host::new(1);
    let run = host.run(&["run"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("muster-agent enroll"));
    let status = host.run(&["status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(text(&status.stdout).contains("not enrolled"));
    let check = host.run(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stdout).contains("failed  identity"));
}

#[test]
fn check_shakes_hands_with_the_collector() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    let output = host.run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("welcomes the agent"));
    assert_eq!(collector.seen().hellos.len(), 1);
}

#[test]
fn check_says_why_a_collector_does_not_want_the_agent() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    collector.refuse(Some((protocol::reject::RejectReason::CompanySuspended, 0)));
    let output = host.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("company_suspended"), "{output:?}");
}

#[test]
fn check_leaves_a_running_agent_its_session() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    let _running = host.start();
    collector.wait_for("an inventory", |seen| (seen.held.len() == 1).then_some(()));
    let output = host.run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("is connected to"));
    assert_eq!(collector.seen().hellos.len(), 1);
}

#[test]
fn check_gets_in_the_way_of_no_agent_that_starts() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    // What an agent holds from its first moment on, before it has a socket to be asked at.
    let _starting = agent::lock::StateLock::take(&host.state_dir()).expect("free");
    let output = host.run(&["check"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("starts at this moment"));
    assert_eq!(
        collector.seen().hellos.len(),
        0,
        "a session of the agent's own would have been taken from it"
    );
}

#[test]
fn status_tells_people_and_programs_the_same() {
    let collector = Collector::start();
    let host = Host::enrolled(4, &collector);
    let stopped = host.run(&["status"]);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(text(&stopped.stdout).contains("stopped"));

    let _running = host.start();
    collector.wait_for("an inventory", |seen| (seen.held.len() == 4).then_some(()));
    host.scan();
    let output = host.run(&["status"]);
    assert_eq!(output.status.code(), Some(0));
    let people = text(&output.stdout);
    let status = host.status();
    let enrolment = status.enrolment.expect("enrolled");
    for word in [
        "connected",
        &enrolment.agent,
        &enrolment.company,
        &enrolment.certificate_expires_at,
        "4 records reported",
        "deb",
    ] {
        assert!(people.contains(word), "{word} is not in:\n{people}");
    }
    assert_eq!(status.spool.records, 4);
    assert!(status.connection.sent_bytes > 0 && status.connection.received_bytes > 0);
}

#[test]
fn a_configuration_that_is_wrong_stops_every_command_that_uses_it() {
    let host = Host::new(1);
    let path = host.path().join("agent.toml");
    std::fs::write(&path, "stat_dir = \"/x\"").expect("written");
    let path = path.to_str().expect("text");
    for command in ["run", "check", "status", "inventory", "scan"] {
        let output = host.run(&[command, "--config", path]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = text(&output.stderr);
        assert!(said.contains("stat_dir") && said.contains(path), "{said}");
    }
}
