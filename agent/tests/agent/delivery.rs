//! From the host's packages to a collector that takes, rejects, falls silent and comes back.

use std::time::Duration;

use protocol::ids::Position;
use protocol::message::{Attendance, CollectorMessage, Settings};
use protocol::reject::RejectReason;
use protocol::report::ReportBody;

use super::collector::{Answer, Collector, Seen};
use super::host::Host;

/// Waits until the collector holds exactly what the host has.
#[track_caller]
fn wait_until_equal(collector: &Collector, host: &Host) {
    let expected = host.inventory();
    collector.wait_for("the host's inventory", |seen| {
        (seen.held == expected && seen.applied > Position::default()).then_some(())
    });
    let seen = collector.seen();
    assert_eq!(seen.faults, Vec::<String>::new(), "{}", host.log());
}

fn is_snapshot(seen: &Seen, number: usize) -> bool {
    matches!(seen.reports[number].body, ReportBody::Snapshot { .. })
}

#[test]
fn a_first_inventory_arrives_as_a_snapshot_and_a_change_as_a_delta() {
    let collector = Collector::start();
    let host = Host::enrolled(250, &collector);
    let _running = host.start();
    wait_until_equal(&collector, &host);
    {
        let seen = collector.seen();
        assert_eq!(seen.reports.len(), 3);
        assert!((0..3).all(|number| is_snapshot(&seen, number)));
        assert!(seen.reports[0].facts.is_some());
        assert!(seen.reports[0].sources.iter().any(|status| status.records == 250));
    }
    host.install(1..251, "1.0-1");
    host.scan();
    wait_until_equal(&collector, &host);
    let seen = collector.seen();
    assert_eq!(seen.reports.len(), 4);
    let ReportBody::Delta { upserts, removes } = &seen.reports[3].body else {
        panic!("a change is a delta");
    };
    assert_eq!((upserts.len(), removes.len()), (1, 1));
}

#[test]
fn an_unchanged_host_sends_nothing_after_a_restart() {
    let collector = Collector::start();
    let host = Host::enrolled(50, &collector);
    let running = host.start();
    wait_until_equal(&collector, &host);
    host.wait_until_delivered();
    running.stop();
    let _running = host.start();
    collector.wait_for("the second hello", |seen| (seen.hellos.len() == 2).then_some(()));
    host.scan();
    let seen = collector.seen();
    assert_eq!(seen.reports.len(), 1);
    assert_eq!(seen.hellos[1].acknowledged, seen.applied);
    assert!(
        seen.heartbeats.iter().any(|beat| beat.digest.is_some_and(|digest| digest.count == 50))
    );
}

#[test]
fn a_report_that_may_come_again_comes_again_with_the_same_bytes() {
    let collector = Collector::start();
    for reason in [RejectReason::RateLimited, RejectReason::QueueFull] {
        let host = Host::enrolled(350, &collector);
        *collector.seen() = Seen::default();
        // The collector compares the bytes of every position.
        collector.answer(move |_, count| match count {
            1 => Answer::Reject(reason, 50),
            2 | 3 => Answer::Reject(RejectReason::Gap, 0),
            _ => Answer::Ack,
        });
        let _running = host.start();
        wait_until_equal(&collector, &host);
        let seen = collector.seen();
        let epochs: std::collections::BTreeSet<_> =
            seen.reports.iter().map(|report| report.position.epoch).collect();
        assert_eq!(epochs.len(), 1, "{reason}: no new beginning");
        assert!(seen.reports.len() > 4);
    }
}

#[test]
fn a_report_that_can_never_be_taken_is_replaced_by_a_snapshot() {
    let collector = Collector::start();
    let host = Host::enrolled(120, &collector);
    collector.answer(|_, count| match count {
        0 => Answer::Reject(RejectReason::InvalidRecord, 0),
        1 => Answer::Reject(RejectReason::Gap, 0),
        _ => Answer::Ack,
    });
    let _running = host.start();
    wait_until_equal(&collector, &host);
    let seen = collector.seen();
    let (first, last) = (&seen.reports[0], &seen.reports[seen.reports.len() - 1]);
    assert!(last.position.epoch > first.position.epoch);
}

#[test]
fn what_was_taken_without_an_answer_is_sent_again_and_taken_once() {
    let collector = Collector::start();
    let host = Host::enrolled(450, &collector);
    collector.answer(|_, count| match count {
        2 => Answer::TakeAndClose,
        _ => Answer::Ack,
    });
    let _running = host.start();
    wait_until_equal(&collector, &host);
    let seen = collector.seen();
    assert!(seen.hellos.len() >= 2);
    assert!(seen.reports.len() > 5, "the unanswered one came again");
}

#[test]
fn a_collector_that_comes_back_from_a_power_cut_gets_what_it_missed() {
    let collector = Collector::start();
    collector.set_settings(Settings { heartbeat_every_s: 10, ..Settings::default() });
    let host = Host::enrolled(50, &collector);
    let _running = host.start();
    wait_until_equal(&collector, &host);
    let collector = collector.restart();
    host.install(0..70, "2.0-1");
    host.scan();
    wait_until_equal(&collector, &host);
}

#[test]
fn a_wish_for_a_snapshot_begins_an_epoch() {
    let collector = Collector::start();
    let host = Host::enrolled(120, &collector);
    let _running = host.start();
    wait_until_equal(&collector, &host);
    let epoch = collector.seen().applied.epoch;
    // What a database restored from an old copy would hold.
    collector.seen().held.clear();
    collector.say(&CollectorMessage::SendSnapshot);
    wait_until_equal(&collector, &host);
    assert!(collector.seen().applied.epoch > epoch);
}

#[test]
fn a_wish_for_a_scan_is_done_once_and_told() {
    let collector = Collector::start();
    let host = Host::enrolled(10, &collector);
    let _running = host.start();
    wait_until_equal(&collector, &host);
    host.install(0..12, "1.0-1");
    // Twice, as over two connections: a request is done once.
    collector.say(&CollectorMessage::ScanNow { request: 41 });
    collector.say(&CollectorMessage::ScanNow { request: 41 });
    collector.wait_for("word of the scan", |seen| {
        let last = seen.heartbeats.last()?;
        (last.scan_done == 41).then_some(())
    });
    wait_until_equal(&collector, &host);
    // What was done is known after a restart, too.
    collector.hang_up();
    collector
        .wait_for("a hello that knows", |seen| (seen.hellos.last()?.scan_done == 41).then_some(()));
}

#[test]
fn settings_are_kept_for_the_time_without_a_collector() {
    let collector = Collector::start();
    let host = Host::enrolled(10, &collector);
    let running = host.start();
    wait_until_equal(&collector, &host);
    collector.say(&CollectorMessage::Settings(Settings {
        revision: 3,
        heartbeat_every_s: 1,
        scan_every_s: 7_200,
        sources_off: Vec::new(),
    }));
    // Far below what an agent may be told, so the next heartbeat comes at the least interval.
    collector.wait_for("a heartbeat", |seen| (seen.heartbeats.len() > 2).then_some(()));
    running.stop();
    let status = host.status();
    assert_eq!(status.heartbeat_every_s, 10, "no less than an agent may be told");
    assert_eq!(status.scan_every_s, 7_200);
}

#[test]
fn a_source_that_the_company_does_not_want_leaves_the_inventory() {
    let collector = Collector::start();
    let host = Host::enrolled(10, &collector);
    let _running = host.start();
    wait_until_equal(&collector, &host);
    collector.say(&CollectorMessage::Settings(Settings {
        revision: 2,
        sources_off: vec![protocol::software::Source::Deb],
        ..Settings::default()
    }));
    collector.wait_for("an empty inventory", |seen| seen.held.is_empty().then_some(()));
}

#[test]
fn a_visitor_leaves_and_comes_back_at_once_with_a_change_and_a_ticket() {
    let collector = Collector::start();
    let host = Host::enrolled(10, &collector);
    let _running = host.start();
    wait_until_equal(&collector, &host);
    collector.say(&CollectorMessage::Attend(Attendance::Visit { every_s: 3_600 }));
    collector.wait_for("the end of the visit", |seen| (seen.connections == 0).then_some(()));
    let status = host.status();
    assert_eq!(status.state, agent::status::State::Away);
    assert_eq!(status.connection.visits_every_s, Some(3_600));
    assert_eq!(status.connection.last_problem, None);
    host.install(0..12, "1.0-1");
    host.scan();
    wait_until_equal(&collector, &host);
    assert_eq!(collector.resumed(), 1);
}

#[test]
fn a_refused_agent_waits_and_says_why() {
    let collector = Collector::start();
    let host = Host::enrolled(10, &collector);
    collector.refuse(Some((RejectReason::AgentRevoked, 0)));
    let _running = host.start();
    collector.wait_for("a hello", |seen| {
        (seen.connections == 0 && !seen.hellos.is_empty()).then_some(())
    });
    host.scan();
    let status = host.status();
    assert_eq!(status.state, agent::status::State::Waiting);
    let problem = status.connection.last_problem.expect("a problem");
    assert!(problem.contains("agent_revoked"), "{problem}");
    assert_eq!(status.spool.waiting_reports, 1, "nothing is lost");
    assert_eq!(collector.seen().hellos.len(), 1, "and nothing is hurried");
}

#[test]
fn a_collector_that_babbles_is_left_and_tried_again() {
    let collector = Collector::start();
    let host = Host::enrolled(10, &collector);
    let babble: [&[u8]; 5] = [
        // A length that no frame has, an unknown packing, a message that is none, a bomb's header,
        // and a frame that ends in its middle.
        &[0xff; 64],
        &[0, 0, 0, 2, 9, 0],
        &[0, 0, 0, 3, 0, 0xee, 0xee],
        &[0, 0, 0, 12, 1, 0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0xff, 0xff, 0xff, 0xff, 0, 0],
        &[0, 0, 0, 9, 0, 1],
    ];
    for (number, bytes) in babble.iter().enumerate() {
        collector.babble(bytes);
        let before = collector.seen().hellos.len();
        let running = host.start();
        // The one in the middle of a frame is waited for, as on a slow line, until the stop.
        let wanted = before + if number == 4 { 1 } else { 2 };
        collector.wait_for("another try", |seen| (seen.hellos.len() >= wanted).then_some(()));
        assert_eq!(running.stop().0, Some(0), "{}", host.log());
    }
    host.start_and_deliver(&collector);
}

#[test]
fn a_certificate_is_renewed_in_time_and_used() {
    let collector = Collector::start();
    // Older than two thirds of its thirty days.
    collector.set_certificate_age(Duration::from_secs(21 * 86_400));
    let host = Host::enrolled(10, &collector);
    let expires = host.status().enrolment.expect("enrolled").certificate_expires_at;
    let _running = host.start();
    collector.wait_for("the new certificate", |seen| {
        let (first, last) = (seen.certificates.first()?, seen.certificates.last()?);
        (first != last).then_some(())
    });
    wait_until_equal(&collector, &host);
    assert_eq!(collector.seen().renewals, 1);
    let enrolment = host.status().enrolment.expect("enrolled");
    assert!(enrolment.certificate_expires_at > expires);
}

#[test]
fn a_scan_without_a_running_agent_delivers_and_ends() {
    let collector = Collector::start();
    let host = Host::enrolled(30, &collector);
    let output = host.run(&["scan"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(collector.seen().held, host.inventory());
    assert_eq!(host.status().spool.waiting_reports, 0);
}

#[test]
fn a_scan_that_changes_nothing_ends_without_waiting_for_anybody() {
    let collector = Collector::start();
    let host = Host::enrolled(30, &collector);
    assert!(host.run(&["scan"]).status.success());
    drop(collector);
    assert!(host.run(&["scan"]).status.success(), "there is nothing to deliver");
}

#[test]
fn a_stop_is_quick_and_no_failure() {
    let collector = Collector::start();
    let host = Host::enrolled(30, &collector);
    let running = host.start();
    wait_until_equal(&collector, &host);
    let (code, took) = running.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
    collector.wait_for("the farewell", |seen| (seen.connections == 0).then_some(()));
}

#[test]
fn a_second_agent_on_the_same_state_is_refused() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    let _running = host.start();
    wait_until_equal(&collector, &host);
    let output = host.run(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("another muster-agent"), "{said}");
}

#[test]
fn a_damaged_spool_costs_a_snapshot_and_is_said() {
    let collector = Collector::start();
    let host = Host::enrolled(30, &collector);
    host.start_and_deliver(&collector);
    let epoch = collector.seen().applied.epoch;
    std::fs::write(host.state_dir().join("spool.redb"), b"damaged").expect("written");
    host.install(5..40, "3.0-1");
    let _running = host.start();
    wait_until_equal(&collector, &host);
    assert!(collector.seen().applied.epoch > epoch);
    let set_aside = host.status().spool.set_aside.expect("said");
    assert!(set_aside.contains("spool.damaged"), "{set_aside}");
}

#[test]
fn an_update_of_the_operating_system_begins_an_epoch() {
    let collector = Collector::start();
    let host = Host::enrolled(30, &collector);
    host.start_and_deliver(&collector);
    let epoch = collector.seen().applied.epoch;
    let release = host.root().join("etc/os-release");
    std::fs::write(release, "ID=debian\nVERSION_ID=\"13\"\n").expect("written");
    host.start_and_deliver(&collector);
    let seen = collector.seen();
    assert!(seen.applied.epoch > epoch);
    assert_eq!(seen.held.len(), 30, "the keys of before are gone");
}

impl Host {
    /// Runs until everything is delivered, then stops.
    #[track_caller]
    fn start_and_deliver(&self, collector: &Collector) {
        let before = collector.seen().hellos.len();
        let running = self.start();
        collector.wait_for("a hello", |seen| (seen.hellos.len() > before).then_some(()));
        wait_until_equal(collector, self);
        assert_eq!(running.stop().0, Some(0), "{}", self.log());
    }
}
