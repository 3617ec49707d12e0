//! What `status` tells people, line by line, and what programs read of it.

use protocol::software::Source;

use super::*;

fn status() -> Status {
    let source = |source, state, reason: &str| SourceStatus {
        source,
        state,
        reason: reason.to_owned(),
        records: 7,
        took_ms: 3,
    };
    Status {
        version: "1.2.3".to_owned(),
        state: State::Waiting,
        enrolment: Some(Enrolment {
            company: "c".to_owned(),
            agent: "a".to_owned(),
            trust_domain: "muster.example".to_owned(),
            certificate_expires_at: rfc3339(0),
        }),
        connection: Connection {
            last_problem: Some("the collector refuses: queue_full".to_owned()),
            ..Connection::default()
        },
        spool: SpoolStatus {
            problem: Some("no space left on device".to_owned()),
            waiting_reports: 3,
            ..SpoolStatus::default()
        },
        sources: vec![
            source(Source::Deb, SourceState::Ok, ""),
            source(Source::Rpm, SourceState::Absent, ""),
            source(Source::Npm, SourceState::TimedOut, "no answer\nwithin 20 s"),
        ],
        ..Status::default()
    }
}

#[test]
fn tells_people_everything_that_is_wrong() {
    let text = status().to_string();
    for word in ["waiting", "queue_full", "no space left", "3 reports", "timed_out"] {
        assert!(text.contains(word), "{word} is not in:\n{text}");
    }
}

#[test]
fn says_which_way_and_why() {
    let said = |way, not_quic| {
        let mut status = status();
        status.connection.path = Some(Path { way, not_quic });
        status.to_string()
    };
    assert!(said(Way::Quic, None).contains("way          QUIC\n"));
    let proxied = said(Way::Proxy, Some(NotQuic::Refused));
    assert!(proxied.contains("through the proxy, because the network refuses UDP"));
}

#[test]
fn leaves_out_sources_that_the_host_does_not_have() {
    let text = status().to_string();
    assert!(text.contains("deb") && !text.contains("rpm"), "{text}");
}

#[test]
fn keeps_a_reason_on_its_line() {
    assert!(status().to_string().contains("no answer\u{fffd}within"));
}

#[test]
fn programs_read_what_was_written() {
    let json = serde_json::to_string(&status()).expect("JSON");
    assert!(json.contains(r#""state":"waiting""#), "{json}");
    let read: Status = serde_json::from_str(&json).expect("a status");
    assert_eq!(read, status());
}

#[test]
fn an_agent_that_waits_runs_and_one_that_is_not_enrolled_does_not() {
    assert!(status().is_running());
    assert!(!Status::default().is_running());
}

/// The document of an agent that is connected, with everything in it.
fn connected() -> Status {
    Status {
        version: "1.2.3".to_owned(),
        state: State::Connected,
        running_since: Some(rfc3339(0)),
        enrolment: status().enrolment,
        connection: Connection {
            collectors: vec!["one.example:7070".to_owned(), "[2001:db8::1]:7070".to_owned()],
            address: Some("192.0.2.1:7070".to_owned()),
            path: Some(Path::QUIC),
            since: Some("2024-07-01T13:15:06Z".to_owned()),
            ..Connection::default()
        },
        spool: SpoolStatus {
            acknowledged: "7.9".to_owned(),
            waiting_reports: 2,
            waiting_bytes: 300,
            bytes_max: 1000,
            records: 412,
            set_aside: Some("it was damaged; it is now /x".to_owned()),
            ..SpoolStatus::default()
        },
        is_scanning: true,
        last_scan: Some(LastScan {
            at: "2024-07-01T13:15:00Z".to_owned(),
            took_ms: 81,
            records: 412,
            upserts: 3,
            removes: 1,
            ..LastScan::default()
        }),
        next_scan_at: Some("2024-07-01T14:15:00Z".to_owned()),
        sources: status().sources,
        costs: Some(Costs { resident_kib: 5_120, peak_kib: 9_216, cpu_ms: 1_234 }),
        ..Status::default()
    }
}

#[test]
fn every_line_of_a_running_agent_stands_in_its_place() {
    let lines = [
        "agent        1.2.3 (connected)",
        "identity     a",
        "company      c (muster.example)",
        "certificate  until 1970-01-01T00:00:00Z",
        "collectors   one.example:7070, [2001:db8::1]:7070",
        "connected    192.0.2.1:7070 since 2024-07-01T13:15:06Z",
        "way          QUIC",
        "inventory    412 records reported, acknowledged up to report 7.9",
        "waiting      2 reports, 300 of 1000 bytes",
        "set aside    it was damaged; it is now /x",
        "last scan    2024-07-01T13:15:00Z: 412 records, 3 new or changed, 1 gone, in 81 ms",
        "scanning     now",
        "next scan    2024-07-01T14:15:00Z",
        "  deb        7 records",
        "  npm        7 records, timed_out: no answer\u{fffd}within 20 s",
        "costs        5120 KiB of memory, 9216 at most, 1234 ms of the processor",
    ];
    assert_eq!(connected().to_string(), lines.join("\n"));
}

#[test]
fn a_host_that_is_not_enrolled_has_one_line_and_no_spool() {
    let status = Status { version: "1.2.3".to_owned(), ..Status::default() };
    assert_eq!(status.to_string(), "agent        1.2.3 (not enrolled)");
}

#[test]
fn what_is_fine_has_no_line() {
    let quiet = Status {
        spool: SpoolStatus::default(),
        is_scanning: false,
        last_scan: None,
        next_scan_at: None,
        sources: Vec::new(),
        ..connected()
    };
    let text = quiet.to_string();
    for word in ["waiting  ", "set aside", "spool", "last", "scanning", "next", "visits"] {
        assert!(!text.contains(word), "{word} is in:\n{text}");
    }
}

#[test]
fn the_next_attempt_is_a_visit_for_an_agent_that_visits() {
    let at = |state, visits_every_s| {
        let mut status = connected();
        status.state = state;
        status.connection.next_attempt_at = Some("2024-07-01T14:00:00Z".to_owned());
        status.connection.visits_every_s = visits_every_s;
        status.to_string()
    };
    let away = at(State::Away, Some(900));
    assert!(away.contains("(between visits)\n"), "{away}");
    assert!(away.contains("visits       every 900 s, as the collector set it\n"), "{away}");
    assert!(away.contains("next visit   2024-07-01T14:00:00Z\n"), "{away}");
    let waiting = at(State::Waiting, None);
    assert!(waiting.contains("next attempt 2024-07-01T14:00:00Z\n"), "{waiting}");
    assert!(!waiting.contains("visit"), "{waiting}");
}

#[test]
fn a_connection_that_never_stood_has_no_line_of_its_own() {
    let mut status = connected();
    status.connection.since = None;
    assert!(!status.to_string().contains("connected    "));
    status.connection.collectors.clear();
    status.connection.path = None;
    let text = status.to_string();
    assert!(!text.contains("collectors") && !text.contains("way"), "{text}");
}

#[test]
fn every_reason_for_another_way_is_said_in_words() {
    for (way, not_quic, words) in [
        (Way::Quic, None, "QUIC"),
        (Way::Quic, Some(NotQuic::NoAnswer), "QUIC"),
        (Way::Tcp, None, "TLS over TCP"),
        (Way::Tcp, Some(NotQuic::NoAnswer), "TLS over TCP, because QUIC (UDP) gets no answer"),
        (Way::Tcp, Some(NotQuic::Refused), "TLS over TCP, because the network refuses UDP"),
        (
            Way::Tcp,
            Some(NotQuic::Handshake),
            "TLS over TCP, because QUIC's handshake does not succeed",
        ),
        (Way::Tcp, Some(NotQuic::Unavailable), "TLS over TCP, because this host cannot send UDP"),
        (Way::Tcp, Some(NotQuic::Configured), "TLS over TCP, because it is configured"),
        (Way::Proxy, None, "TLS over TCP through the proxy"),
        (
            Way::Proxy,
            Some(NotQuic::Configured),
            "TLS over TCP through the proxy, because it is configured",
        ),
    ] {
        let mut status = connected();
        status.connection.path = Some(Path { way, not_quic });
        let text = status.to_string();
        assert!(text.contains(&format!("\nway          {words}\n")), "{words}:\n{text}");
    }
}

#[test]
fn a_scan_that_could_not_be_recorded_says_why_and_no_numbers() {
    let mut status = connected();
    status.last_scan = Some(LastScan::failed(None, 0, "no space left on device".to_owned()));
    let text = status.to_string();
    let line = "last scan    1970-01-01T00:00:00Z: no space left on device\n";
    assert!(text.contains(line) && !text.contains("new or changed"), "{text}");
}

#[test]
fn a_source_says_how_it_went_in_a_line_of_its_own() {
    let line = |state, reason: &str| {
        let mut text = String::new();
        let source = SourceStatus {
            source: Source::FirefoxAddon,
            state,
            reason: reason.to_owned(),
            records: 0,
            took_ms: 1,
        };
        source_line(&mut text, &source).expect("written");
        text
    };
    assert_eq!(line(SourceState::Absent, "nothing"), "");
    assert_eq!(line(SourceState::Ok, "never shown"), "  firefox_addon 0 records\n");
    assert_eq!(
        line(SourceState::Partial, "2 unreadable"),
        "  firefox_addon 0 records, partial: 2 unreadable\n"
    );
    // What a file name brings does not move the cursor or forge another line.
    let hostile = line(SourceState::Failed, "/a\u{1b}[2J\r\nagent        9.9.9 (connected)");
    assert_eq!(hostile.lines().count(), 1, "{hostile:?}");
    assert!(!hostile.contains('\u{1b}'), "{hostile:?}");
}

#[test]
fn only_states_of_a_process_that_reports_count_as_running() {
    for (state, is_running, word) in [
        (State::NotEnrolled, false, "not_enrolled"),
        (State::Stopped, false, "stopped"),
        (State::Starting, false, "starting"),
        (State::Waiting, true, "waiting"),
        (State::Away, true, "away"),
        (State::Connecting, true, "connecting"),
        (State::Connected, true, "connected"),
    ] {
        let status = Status { state, ..Status::default() };
        assert_eq!(status.is_running(), is_running, "{state:?}");
        let json = serde_json::to_value(&status).expect("JSON");
        assert_eq!(json["state"], word, "programs of others wait for this word");
    }
}

#[test]
fn a_document_of_an_older_agent_is_read_and_one_that_is_none_is_not() {
    let mut json = serde_json::to_value(connected()).expect("JSON");
    let connection = json["connection"].as_object_mut().expect("an object");
    connection.remove("path");
    connection.remove("visits_every_s");
    let read: Status = serde_json::from_value(json.clone()).expect("a status");
    assert_eq!((read.connection.path, read.connection.visits_every_s), (None, None));
    json["state"] = "asleep".into();
    assert!(serde_json::from_value::<Status>(json).is_err());
}
