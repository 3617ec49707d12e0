//! A token that an installer has left in the state folder, and what becomes of it.

use std::path::PathBuf;

use protocol::enrolment::EnrolReply;
use protocol::reject::RejectReason;

use super::collector::Collector;
use super::host::Host;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Leaves a token as a package's script does.
fn leave(host: &Host, token: &str) -> PathBuf {
    std::fs::create_dir_all(host.state_dir()).expect("a folder");
    let path = host.state_dir().join("enrolment-token");
    std::fs::write(&path, format!("{token}\n")).expect("written");
    path
}

#[test]
fn an_agent_that_starts_uses_the_token_up_and_reports() {
    let collector = Collector::start();
    let host = Host::new(3);
    let path = leave(&host, &collector.token().expose());
    let running = host.start();
    collector.wait_for("an inventory", |seen| (seen.held.len() == 3).then_some(()));
    assert!(!path.exists(), "the token is deleted");
    assert!(!host.log().contains("mst1."), "the token is in the log");
    assert_eq!(running.stop().0, Some(0));
}

#[test]
fn a_token_that_the_collector_will_never_take_is_deleted() {
    let collector = Collector::start();
    collector.answer_enrolment(|_| {
        Some(EnrolReply::Refused {
            reason: RejectReason::TokenSpent,
            detail: String::new(),
            retry_after_ms: 0,
        })
    });
    let host = Host::new(0);
    let path = leave(&host, &collector.token().expose());
    let output = host.run(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("token_spent") && said.contains("deleted"), "{said}");
    assert!(!path.exists());
}

#[test]
fn a_token_waits_for_a_collector_that_is_busy() {
    let collector = Collector::start();
    collector.answer_enrolment(|_| {
        Some(EnrolReply::Refused {
            reason: RejectReason::RateLimited,
            detail: String::new(),
            retry_after_ms: 1,
        })
    });
    let host = Host::new(0);
    let path = leave(&host, &collector.token().expose());
    let output = host.run(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("next start"), "{output:?}");
    assert!(path.exists());
    collector.answer_enrolment(Some);
    let _running = host.start();
    collector.wait_for("a hello", |seen| (!seen.hellos.is_empty()).then_some(()));
    assert!(!path.exists());
}

#[test]
fn a_token_for_a_host_that_is_an_agent_is_deleted_unused() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    let before = host.status().enrolment;
    let path = leave(&host, &collector.token().expose());
    let _running = host.start();
    collector.wait_for("a hello", |seen| (!seen.hellos.is_empty()).then_some(()));
    assert!(!path.exists());
    assert_eq!(host.status().enrolment, before);
    assert_eq!(collector.seen().enrolments.len(), 1, "no token is spent");
}

#[test]
fn what_is_no_token_is_deleted_without_being_shown() {
    let host = Host::new(0);
    let path = leave(&host, "mst1.hunter2");
    let output = host.run(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("damaged") && !said.contains("hunter2"), "{said}");
    assert!(!path.exists());
}
