//! `enroll`, against collectors that grant, refuse, and are not who they should be.

use protocol::enrolment::EnrolReply;
use protocol::reject::RejectReason;

use super::collector::{Collector, company};
use super::host::Host;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn a_token_makes_a_host_an_agent() {
    let collector = Collector::start();
    let host = Host::new(3);
    let output = host.run_with(&["enroll"], &collector.token().expose());
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stdout).contains(&company().to_string()));
    let seen = collector.seen();
    assert_eq!(seen.enrolments.len(), 1);
    assert!(!seen.enrolments[0].hostname.is_empty());
    drop(seen);
    let status = host.status();
    assert_eq!(status.enrolment.expect("enrolled").company, company().to_string());
    assert_eq!(status.connection.collectors, collector.token().addresses);
}

#[test]
fn the_token_can_come_from_a_file_the_environment_or_the_command_line() {
    let collector = Collector::start();
    let token = collector.token().expose();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("  {token}\n")).expect("written");
    let path = file.path().to_str().expect("text");

    let hosts: Vec<_> = (0..4).map(|_| Host::new(0)).collect();
    let outputs = [
        hosts[0].run(&["enroll", "--token-file", path]),
        hosts[1].run(&["enroll", "--token", &token]),
        hosts[2]
            .command(&["enroll"])
            .env("MUSTER_ENROLMENT_TOKEN", &token)
            .output()
            .expect("the agent starts"),
        hosts[3]
            .command(&["enroll"])
            .env("MUSTER_ENROLMENT_TOKEN_FILE", path)
            .output()
            .expect("the agent starts"),
    ];
    for output in outputs {
        assert!(output.status.success(), "{output:?}");
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains(&token), "the token is shown");
    }
}

#[test]
fn the_secret_is_never_sent_to_another_authority() {
    // One that took the address over, by DNS or by ARP, with a certificate of its own authority.
    let (collector, other) = (Collector::start(), Collector::start());
    let mut token = collector.token();
    token.addresses = other.token().addresses;
    let host = Host::new(0);
    let output = host.run_with(&["enroll"], &token.expose());
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("and not by this company"), "{said}");
    assert!(other.seen().enrolments.is_empty());
    assert!(host.status().enrolment.is_none());
}

#[test]
fn a_collector_that_is_configured_is_asked_in_the_place_of_the_tokens() {
    // As an installer is told it: the token's address is of another network.
    let collector = Collector::start();
    let mut token = collector.token();
    let address = std::mem::replace(&mut token.addresses, vec!["127.0.0.1:9".to_owned()]).remove(0);
    let host = Host::new(0);
    let file = host.path().join("token");
    std::fs::write(&file, token.expose()).expect("a file");
    let mut enroll = host.command(&["enroll", "--token-file"]);
    let output = enroll.arg(&file).env("MUSTER_COLLECTORS", &address).output().expect("it ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(collector.seen().enrolments.len(), 1);
}

#[test]
fn a_refusal_says_why_and_what_to_do() {
    let collector = Collector::start();
    collector.answer_enrolment(|_| {
        Some(EnrolReply::Refused {
            reason: RejectReason::TokenSpent,
            detail: "used by 5 hosts\nof 5".to_owned(),
            retry_after_ms: 0,
        })
    });
    let host = Host::new(0);
    let output = host.run_with(&["enroll"], &collector.token().expose());
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("token_spent") && said.contains("make a new token"), "{said}");
    assert_eq!(said.lines().count(), 1, "a peer's text stays on its line: {said}");
    assert!(host.status().enrolment.is_none());
}

#[test]
fn an_answer_that_makes_no_sense_enrols_nobody() {
    let collector = Collector::start();
    let cases: [fn(EnrolReply) -> Option<EnrolReply>; 3] = [
        |_| None,
        |reply| match reply {
            EnrolReply::Granted { company, chain, roots, settings, .. } => {
                Some(EnrolReply::Granted {
                    company,
                    agent: protocol::ids::AgentId(uuid::Uuid::from_u128(1)),
                    chain,
                    roots,
                    settings,
                })
            }
            refused => Some(refused),
        },
        |reply| match reply {
            EnrolReply::Granted { company, agent, chain, settings, .. } => {
                Some(EnrolReply::Granted { company, agent, roots: chain.clone(), chain, settings })
            }
            refused => Some(refused),
        },
    ];
    for case in cases {
        collector.answer_enrolment(case);
        let host = Host::new(0);
        let output = host.run_with(&["enroll"], &collector.token().expose());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(host.status().enrolment.is_none());
    }
}

#[test]
fn an_enrolled_host_becomes_another_agent_only_by_force() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    let first = host.status().enrolment.expect("enrolled").agent;
    let token = collector.token().expose();
    let output = host.run_with(&["enroll"], &token);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--force"), "{output:?}");
    assert_eq!(collector.seen().enrolments.len(), 1, "no token is spent");

    let output = host.run_with(&["enroll", "--force"], &token);
    assert!(output.status.success(), "{output:?}");
    assert_ne!(host.status().enrolment.expect("enrolled").agent, first);
}

#[test]
fn a_running_agent_is_not_enrolled_behind_its_back() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    let _running = host.start();
    collector.wait_for("a hello", |seen| (!seen.hellos.is_empty()).then_some(()));
    let output = host.run_with(&["enroll", "--force"], &collector.token().expose());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("stop it first"), "{output:?}");
}

#[test]
fn a_token_that_is_no_token_is_said_without_being_shown() {
    let host = Host::new(0);
    for (token, word) in
        [("", "no enrolment token"), ("hunter2", "does not begin"), ("mst1.hunter2", "damaged")]
    {
        let output = host.run_with(&["enroll"], token);
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert!(said.contains(word), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_collector_that_is_not_there_is_named_in_time() {
    let collector = Collector::start();
    let mut token = collector.token();
    // Nobody listens on the discard port, and UDP does not say so.
    token.addresses = vec!["127.0.0.1:9".to_owned()];
    let host = Host::new(0);
    let output = host.run_with(&["enroll"], &token.expose());
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("127.0.0.1:9") && said.contains("UDP"), "{said}");
}

#[test]
fn the_next_collector_of_a_token_is_tried() {
    let collector = Collector::start();
    let mut token = collector.token();
    token.addresses.insert(0, "no-such-host.invalid:7070".to_owned());
    let host = Host::new(0);
    let output = host.run_with(&["enroll"], &token.expose());
    assert!(output.status.success(), "{output:?}");
}
