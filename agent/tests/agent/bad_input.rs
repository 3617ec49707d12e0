//! What a broken host or a strange collector puts before the agent: it says what is wrong and what to
//! do, and keeps what was not delivered.

use std::time::Duration;

use protocol::ids::Position;
use protocol::reject::RejectReason;
use protocol::software::SourceState;

use super::collector::Collector;
use super::host::Host;

#[test]
fn an_expired_certificate_is_said_with_what_to_do_and_costs_nothing_that_waits() {
    let collector = Collector::start();
    collector.set_certificate_age(Duration::from_secs(31 * 86_400));
    let host = Host::enrolled(10, &collector);
    let running = host.start();
    // There is no connection to wait for.
    let status = std::iter::repeat_with(|| host.status())
        .take(1_000)
        .find(|status| status.last_scan.is_some() && status.connection.last_problem.is_some())
        .expect("a scan and a problem");
    let problem = status.connection.last_problem.expect("a problem");
    assert!(problem.contains("the certificate has expired"), "{problem}");
    assert!(problem.contains("muster-agent enroll --force"), "{problem}");
    assert_eq!(status.spool.waiting_reports, 1);
    assert!(collector.seen().hellos.is_empty(), "no handshake that cannot succeed");
    running.stop();

    collector.set_certificate_age(Duration::ZERO);
    let output = host.run_with(&["enroll", "--force"], &collector.token().expose());
    assert!(output.status.success(), "{output:?}");
    let _running = host.start();
    let expected = host.inventory();
    collector.wait_for("the inventory", |seen| {
        (seen.held == expected && seen.applied > Position::default()).then_some(())
    });
}

#[test]
fn whatever_a_collector_refuses_for_is_said_and_nothing_is_dropped() {
    let collector = Collector::start();
    let host = Host::enrolled(10, &collector);
    for reason in [
        RejectReason::UnsupportedVersion,
        RejectReason::AgentUnknown,
        RejectReason::CompanySuspended,
    ] {
        collector.refuse(Some((reason, 0)));
        let before = collector.seen().hellos.len();
        let running = host.start();
        collector.wait_for("a hello", |seen| (seen.hellos.len() > before).then_some(()));
        host.scan();
        let status = host.status();
        let problem = status.connection.last_problem.expect("a problem");
        assert!(problem.contains(reason.as_str()), "{reason}: {problem}");
        assert!(problem.contains("as the test wants it"), "{problem}");
        assert_eq!(status.spool.waiting_reports, 1, "{reason}");
        running.stop();
    }
    collector.refuse(None);
    let _running = host.start();
    let expected = host.inventory();
    collector.wait_for("the inventory", |seen| {
        (seen.held == expected && seen.applied > Position::default()).then_some(())
    });
}

#[test]
fn packages_that_no_wire_takes_are_made_fit_and_the_status_says_how_many() {
    let collector = Collector::start();
    let host = Host::enrolled(0, &collector);
    let long = "n".repeat(10_000);
    let stanza = |name: &str, version: &str| {
        format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\n\n")
    };
    let database = [
        stanza("plain", "1.0-1"),
        stanza("bell\u{7}", "1.0-1"),
        stanza(&long, "1.0-1"),
        stanza("unversioned", ""),
        stanza("", "1.0-1"),
    ];
    std::fs::write(host.root().join("var/lib/dpkg/status"), database.concat()).expect("written");
    let running = host.start();
    collector.wait_for("the inventory", |seen| (seen.held.len() == 4).then_some(()));
    {
        let seen = collector.seen();
        assert_eq!(seen.faults, Vec::<String>::new());
        let names: std::collections::BTreeSet<_> = seen
            .held
            .values()
            .map(|record| (record.name.as_str(), record.version.as_str()))
            .collect();
        assert!(names.contains(&("plain", "1.0-1")));
        assert!(names.contains(&("bell\u{fffd}", "1.0-1")));
        assert!(names.contains(&("unversioned", "")));
        assert!(names.contains(&(&long[..512], "1.0-1")));
    }
    let status = host.status();
    let deb = &status.sources[0];
    assert_eq!(deb.state, SourceState::Partial);
    for words in ["1 texts cut", "1 texts with unprintable", "1 without a name"] {
        assert!(deb.reason.contains(words), "{}", deb.reason);
    }
    running.stop();
}

#[test]
fn a_damaged_identity_stops_the_agent_with_what_to_do_and_keeps_the_spool() {
    let collector = Collector::start();
    let host = Host::enrolled(10, &collector);
    assert!(host.run(&["scan"]).status.success());
    let identity = host.state_dir().join("identity.json");
    let whole = std::fs::read(&identity).expect("read");
    std::fs::write(&identity, &whole[..whole.len() / 2]).expect("written");
    for words in [&["run"][..], &["scan"], &["status"], &["check"]] {
        let output = host.run(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("identity.json"), "{words:?}: {said}");
        assert!(said.contains("enroll --force"), "{words:?}: {said}");
    }
    std::fs::write(&identity, whole).expect("written");
    host.install(0..11, "1.0-1");
    assert!(host.run(&["scan"]).status.success());
    assert_eq!(collector.seen().reports.len(), 2, "a snapshot, then only what is new");
}
