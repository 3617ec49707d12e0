//! Networks as they are: UDP that is dropped or refused, proxies, portals, whoever opens TLS, clocks that are
//! wrong. The agent gets through where there is a way, and says which and why.

use std::time::{Duration, Instant};

use agent::status::{State, Status};
use protocol::ids::Position;
use protocol::message::{AgentMessage, CollectorMessage};
use protocol::way::{NotQuic, Path, Way};

use super::collector::{Collector, Wires};
use super::host::Host;
use super::middlebox::{Middlebox, Proxy};

const YEAR_S: i64 = 365 * 86_400;

/// Waits until everything is delivered; gives how the agent stands then.
#[track_caller]
fn delivered(host: &Host, collector: &Collector) -> Status {
    let expected = host.inventory();
    collector.wait_for("the inventory", |seen| {
        (seen.held == expected && seen.applied > Position::default()).then_some(())
    });
    assert!(collector.seen().faults.is_empty(), "{:?}", collector.seen().faults);
    host.status()
}

/// What the agent says is wrong, once it has something to say.
#[track_caller]
fn problem(host: &Host) -> String {
    std::iter::repeat_with(|| host.status())
        .take(2_000)
        .find_map(|status| status.connection.last_problem)
        .expect("a problem")
}

const fn over(way: Way, not_quic: Option<NotQuic>) -> Path {
    Path { way, not_quic }
}

#[test]
fn a_network_without_udp_costs_seconds_and_loses_nothing() {
    for (wires, why, within_s) in [
        (Wires::UdpSilent, NotQuic::NoAnswer, 15),
        (Wires::UdpClosed, NotQuic::Refused, 3),
        (Wires::UdpForeign, NotQuic::Handshake, 3),
    ] {
        let collector = Collector::start_on(wires);
        let began = now();
        // The enrolment takes the same ways, and its own time.
        let host = Host::enrolled(150, &collector);
        assert!(
            began.elapsed() < Duration::from_secs(within_s),
            "{wires:?}: {:?}",
            began.elapsed()
        );
        let began = now();
        let _running = host.start();
        let status = delivered(&host, &collector);
        assert!(
            began.elapsed() < Duration::from_secs(within_s),
            "{wires:?}: {:?}",
            began.elapsed()
        );
        assert_eq!(status.state, State::Connected);
        assert_eq!(status.connection.path, Some(over(Way::Tcp, Some(why))), "{wires:?}");
        assert!(status.connection.sent_bytes > 1_000);
        let presence = collector.seen().hellos[0].presence().expect("said");
        assert_eq!(Some(presence.path), status.connection.path);
    }
}

#[test]
fn quic_is_used_where_both_get_through_and_alone_where_that_is_all() {
    for wires in [Wires::All, Wires::UdpAlone] {
        let collector = Collector::start_on(wires);
        let host = Host::enrolled(3, &collector);
        let _running = host.start();
        let status = delivered(&host, &collector);
        assert_eq!(status.connection.path, Some(over(Way::Quic, None)), "{wires:?}");
    }
}

#[test]
fn a_connection_over_tcp_that_breaks_is_made_again_without_waiting_for_udp() {
    let collector = Collector::start_on(Wires::UdpSilent);
    let host = Host::enrolled(20, &collector);
    let _running = host.start();
    delivered(&host, &collector);
    let began = now();
    collector.hang_up();
    collector.wait_for("a second hello", |seen| (seen.hellos.len() > 1).then_some(()));
    // Less than QUIC's head start and the wait before the attempt.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    host.install(0..21, "1.0-1");
    host.scan();
    delivered(&host, &collector);
    assert!(collector.resumed() > 0, "tickets are good over TCP as well");
}

#[test]
fn a_network_that_drops_quic_after_its_handshake_is_gone_through_by_tcp_from_then_on() {
    let collector = Collector::start_on(Wires::UdpBrief);
    let host = Host::new(150);
    let output = host
        .command(&["enroll", "--token", &collector.token().expose()])
        .env("MUSTER_TRANSPORT", "tcp")
        .output()
        .expect("the agent starts");
    assert!(output.status.success(), "{output:?}");
    let _running = host.start();
    let status = delivered(&host, &collector);
    assert_eq!(status.connection.path, Some(over(Way::Tcp, Some(NotQuic::NoAnswer))));
    // It had been connected, so it is no handshake that failed.
    let silences = || {
        let log = host.log();
        let said = ["the network path is dead", "the collector did not answer the hello"];
        said.iter().map(|words| log.matches(words).count()).sum::<usize>()
    };
    assert_eq!(silences(), 1);
    let began = now();
    collector.hang_up();
    let hellos = collector.seen().hellos.len();
    collector.wait_for("another hello", |seen| (seen.hellos.len() > hellos).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(silences(), 1);
}

#[test]
fn a_command_line_can_do_without_quic() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    let _running = host.start_as(host.command(&["run"]).env("MUSTER_TRANSPORT", "tcp"));
    let status = delivered(&host, &collector);
    assert_eq!(status.connection.path, Some(over(Way::Tcp, Some(NotQuic::Configured))));
    assert!(status.to_string().contains("TLS over TCP, because it is configured"));
}

#[test]
fn an_address_that_is_dead_costs_a_moment_and_nothing_else() {
    // The last two are also in a network without UDP, and have the head start of QUIC to wait for: a refusal is a
    // message that may be lost. The dead one's own time-out is ten seconds.
    for (wires, within_s) in [(Wires::All, 3), (Wires::UdpClosed, 6), (Wires::UdpSilent, 6)] {
        let collector = Collector::start_on(wires);
        // Nobody answers there, over either way.
        let dead = Middlebox::silent();
        let mut token = collector.token();
        token.addresses.insert(0, dead.address().to_string());
        let host = Host::new(3);
        let began = now();
        let output = host.run_with(&["enroll", "--token-file", "-"], &token.expose());
        assert!(output.status.success(), "{output:?}");
        let limit = Duration::from_secs(within_s);
        assert!(began.elapsed() < limit, "{wires:?}: enrolled after {:?}", began.elapsed());
        // With the token's addresses in the token's order.
        let began = now();
        let running = host.start();
        collector.wait_for("a report", |seen| (seen.applied > Position::default()).then_some(()));
        assert!(began.elapsed() < limit, "{wires:?}: delivered after {:?}", began.elapsed());
        let status = delivered(&host, &collector);
        assert_eq!(status.connection.address, Some(collector.address().to_string()));
        running.stop();
        let began = now();
        let output = host.run(&["unenroll"]);
        assert!(output.status.success(), "{output:?}");
        assert!(began.elapsed() < limit, "{wires:?}: left after {:?}", began.elapsed());
    }
}

#[test]
fn a_proxy_is_gone_through_with_its_password_and_told_apart() {
    let collector = Collector::start_on(Wires::UdpClosed);
    let proxy = Proxy::start(Some("agent:secret"));
    let host = Host::enrolled(50, &collector);
    let _running = host.start_as(
        host.command(&["run"])
            .env("MUSTER_PROXY", format!("http://agent:secret@{}", proxy.address())),
    );
    let status = delivered(&host, &collector);
    assert_eq!(status.connection.path, Some(over(Way::Proxy, Some(NotQuic::Refused))));
    assert_eq!(status.connection.address, Some(proxy.address().to_string()));
    assert!(proxy.tunnels() > 0);
    assert!(!host.log().contains("secret"), "{}", host.log());
}

#[test]
fn a_host_enrols_through_a_proxy() {
    let collector = Collector::start_on(Wires::UdpClosed);
    let proxy = Proxy::start(None);
    let host = Host::new(3);
    let output = host
        .command(&["enroll", "--token", &collector.token().expose()])
        .env("https_proxy", format!("http://{}", proxy.address()))
        .output()
        .expect("the agent starts");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(proxy.tunnels(), 1);
}

#[test]
fn a_proxy_that_wants_a_password_is_said_and_gone_past() {
    let collector = Collector::start_on(Wires::UdpClosed);
    let proxy = Proxy::start(Some("agent:secret"));
    let host = Host::enrolled(3, &collector);
    let with_proxy = |words: &[&str]| {
        let mut command = host.command(words);
        command.env("MUSTER_PROXY", format!("http://{}", proxy.address()));
        command
    };
    let _running = host.start_as(&mut with_proxy(&["run"]));
    let status = delivered(&host, &collector);
    // The collector is next door, and the proxy is nobody's way to it.
    assert_eq!(status.connection.path, Some(over(Way::Tcp, Some(NotQuic::Refused))));
    drop(collector);
    let said =
        std::iter::repeat_with(|| problem(&host)).take(500).find(|said| said.contains("407"));
    assert!(said.is_some_and(|said| said.contains("proxy_password_file")));
}

#[test]
fn whoever_opens_tls_is_refused_and_named_and_hears_nothing() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    let interceptor = Middlebox::interceptor("Corporate Inspection");
    let running = host.start_as(
        host.command(&["run"]).env("MUSTER_COLLECTORS", interceptor.address().to_string()),
    );
    let said = problem(&host);
    for word in ["Corporate Inspection", "opens TLS", "nothing was sent"] {
        assert!(said.contains(word), "{said}");
    }
    running.stop();
    let text = host.status().to_string();
    assert!(!text.contains("connected    "), "{text}");
    // Nor is a token shown to it.
    let mut token = collector.token();
    token.addresses = vec![interceptor.address().to_string()];
    let output = Host::new(1).run_with(&["enroll"], &token.expose());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("Corporate Inspection"), "{said}");
    assert_eq!(interceptor.bytes_heard(), 0);
}

#[test]
fn a_captive_portal_is_known_for_one() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    let portal = Middlebox::portal();
    let _running = host
        .start_as(host.command(&["run"]).env("MUSTER_COLLECTORS", portal.address().to_string()));
    let said = problem(&host);
    assert!(said.contains("portal"), "{said}");
}

#[test]
fn a_clock_that_is_wrong_by_a_year_keeps_no_host_away_and_renews_no_certificate_early() {
    for ahead in [YEAR_S, -YEAR_S] {
        let collector = Collector::start_in(Wires::All, ahead);
        let host = Host::enrolled(5, &collector);
        let _running = host.start();
        delivered(&host, &collector);
        assert_eq!(collector.seen().renewals, 0, "collector ahead by {ahead} s");
    }
}

#[test]
fn a_certificate_is_renewed_when_the_collectors_clock_says_so_over_either_way() {
    for wires in [Wires::UdpAlone, Wires::UdpClosed] {
        let collector = Collector::start_in(wires, -YEAR_S);
        collector.set_certificate_age(Duration::from_secs(21 * 86_400));
        let host = Host::enrolled(5, &collector);
        let _running = host.start();
        collector.wait_for("a connection with the new certificate", |seen| {
            let renewed = seen.certificates.iter().any(|der| *der != seen.certificates[0]);
            renewed.then_some(())
        });
        assert_eq!(collector.seen().renewals, 1, "{wires:?}");
    }
}

#[test]
fn an_agent_that_leaves_says_so_and_deletes_what_it_was() {
    let collector = Collector::start_on(Wires::UdpClosed);
    let host = Host::enrolled(3, &collector);
    let running = host.start();
    delivered(&host, &collector);
    let output = host.run(&["unenroll"]);
    assert!(!output.status.success(), "an agent that runs is stopped first: {output:?}");
    running.stop();
    let output = host.run(&["unenroll"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(collector.seen().departures, 1);
    assert_eq!(host.status().state, State::NotEnrolled);
    assert!(!host.state_dir().join("spool.redb").exists());
    // Once more is no mistake.
    assert!(host.run(&["unenroll"]).status.success());
}

#[test]
fn an_agent_can_leave_without_a_network_and_says_that_nobody_knows() {
    let collector = Collector::start_on(Wires::UdpClosed);
    let host = Host::enrolled(3, &collector);
    drop(collector);
    let output = host.run(&["unenroll"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("was not told"), "{said}");
    assert_eq!(host.status().state, State::NotEnrolled);
}

#[test]
fn an_agent_whose_identity_is_on_several_machines_becomes_another_with_everything_it_has() {
    let collector = Collector::start_on(Wires::All);
    let host = Host::enrolled(30, &collector);
    let _running = host.start();
    let before = delivered(&host, &collector).enrolment.expect("enrolled").agent;
    let epoch = collector.seen().applied.epoch;
    collector.say(&CollectorMessage::Rekey);
    collector.wait_for("a session of another agent and its snapshot", |seen| {
        let is_other = seen.certificates.last() != seen.certificates.first();
        (is_other && seen.applied.epoch > epoch).then_some(())
    });
    let status = delivered(&host, &collector);
    assert_ne!(status.enrolment.expect("enrolled").agent, before);
    let processes: Vec<_> = collector
        .seen()
        .hellos
        .iter()
        .filter_map(|hello| Some(hello.presence()?.process))
        .collect();
    assert!(processes.windows(2).all(|pair| pair[0] == pair[1]), "{processes:?}");
}

#[test]
fn nobody_becomes_another_agent_by_an_answer_that_it_did_not_ask_for() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    let _running = host.start();
    let before = delivered(&host, &collector).enrolment;
    collector.say(&CollectorMessage::Rekeyed {
        agent: protocol::ids::AgentId(uuid::Uuid::from_u128(5)),
        chain: vec![vec![0x30]],
    });
    // Its snapshot comes again; its identity stays.
    host.scan();
    assert_eq!(host.status().enrolment, before);
    let leave = AgentMessage::Leave.encode();
    assert_eq!(AgentMessage::decode(&leave), Ok(AgentMessage::Leave));
}

#[expect(clippy::disallowed_methods, reason = "how long something takes is what is tested")]
fn now() -> Instant {
    Instant::now()
}
