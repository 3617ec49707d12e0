//! `unenroll` on hosts that are not as it expects them, and against collectors that do not answer as it hopes.

use agent::status::State;
use protocol::reject::RejectReason;

use super::collector::Collector;
use super::host::Host;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Whether nothing of the agent is left.
fn is_forgotten(host: &Host) -> bool {
    let is_gone = |name: &str| !host.state_dir().join(name).exists();
    is_gone("identity.json") && is_gone("spool.redb") && host.status().state == State::NotEnrolled
}

#[test]
fn a_host_that_is_no_agent_has_nothing_to_leave_and_gets_no_folder() {
    let host = Host::new(0);
    let output = host.run(&["unenroll"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), "this host is not enrolled\n");
    assert!(!host.state_dir().exists(), "nothing was made");
}

#[test]
fn an_agent_that_runs_is_not_left_behind_its_back() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    let _running = host.start();
    collector.wait_for("a hello", |seen| (!seen.hellos.is_empty()).then_some(()));
    let output = host.run(&["unenroll"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("muster-agent: "), "{output:?}");
    assert_eq!(collector.seen().departures, 0);
    assert!(host.state_dir().join("identity.json").exists());
    assert!(host.status().is_running());
}

#[test]
fn an_identity_that_is_damaged_is_deleted_and_nobody_is_told() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    std::fs::write(host.state_dir().join("identity.json"), "{}").expect("written");
    let output = host.run(&["unenroll"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("this host is an agent no longer, and its collector was not told: "),
        "{said}"
    );
    assert!(
        said.contains("it will show the host as missing until somebody removes it there"),
        "{said}"
    );
    assert_eq!(collector.seen().departures, 0);
    assert!(is_forgotten(&host));
}

#[test]
fn a_collector_that_refuses_the_agent_is_named_with_its_reason() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    collector.refuse(Some((RejectReason::CompanySuspended, 0)));
    let output = host.run(&["unenroll"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    let address = collector.address().to_string();
    assert!(said.contains("company_suspended") && said.contains(&address), "{said}");
    assert!(is_forgotten(&host), "a host can always leave");
}

#[test]
fn the_next_collector_is_told_where_the_first_is_away() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    let addresses = format!("127.0.0.1:9,{}", collector.address());
    let output = host
        .command(&["unenroll"])
        .env("MUSTER_COLLECTORS", addresses)
        .output()
        .expect("the agent starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), "this host is an agent no longer, and its collector knows\n");
    assert_eq!(collector.seen().departures, 1);
    assert!(is_forgotten(&host));
}

#[test]
fn who_left_can_come_again_as_another_agent_with_everything_to_tell() {
    let collector = Collector::start();
    let host = Host::enrolled(2, &collector);
    let before = host.status().enrolment.expect("enrolled").agent;
    assert!(host.run(&["unenroll"]).status.success());
    let host = host.enrol(&collector);
    let status = host.status();
    assert_ne!(status.enrolment.expect("enrolled").agent, before);
    assert_eq!((status.state, status.spool.records), (State::Stopped, 0));
    let output = host.run(&["scan"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(collector.seen().held.len(), 2);
}

#[test]
fn a_spool_that_is_no_file_of_ours_is_said_and_the_key_is_gone_all_the_same() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    let spool = host.state_dir().join("spool.redb");
    std::fs::remove_file(&spool).expect("there");
    std::fs::create_dir(&spool).expect("made");
    let output = host.run(&["unenroll"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains(&format!("remove {}: ", spool.display())), "{said}");
    assert!(
        !host.state_dir().join("identity.json").exists(),
        "nobody speaks for the agent any more"
    );
}

#[test]
fn a_folder_that_cannot_be_looked_into_is_not_taken_for_one_without_an_agent() {
    let host = Host::new(0);
    // What the system refuses to root as well; to everybody else a closed folder says the same.
    let file = host.path().join("file");
    std::fs::write(&file, "").expect("written");
    let output = host
        .command(&["unenroll"])
        .env("MUSTER_STATE_DIR", file.join("state"))
        .output()
        .expect("the agent starts");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!text(&output.stdout).contains("not enrolled"), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("look for ") && said.contains("run as root"), "{said}");
}
