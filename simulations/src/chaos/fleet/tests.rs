//! A company's fleet in a chaos run: how it is started, and what is held against it.

use super::*;

fn shown() -> Shown {
    Shown {
        agents: 10,
        enrolled: 10,
        verify: Some(Compared { hosts: 10, ..Compared::default() }),
        ..Shown::default()
    }
}

#[test]
fn a_fleet_whose_sets_are_the_rows_is_good() {
    assert_eq!(shown().complaint(), None);
}

#[test]
fn one_lost_record_one_missing_host_and_no_comparison_are_complaints() {
    let mut lost = shown();
    lost.verify = Some(Compared { hosts: 10, differing: 1, lost: 1, ..Compared::default() });
    assert!(lost.complaint().is_some_and(|text| text.contains("1 records lost")));
    let fewer = Shown { enrolled: 9, ..shown() };
    assert!(fewer.complaint().is_some_and(|text| text.contains("9 of 10")));
    let blind = Shown { verify: None, ..shown() };
    assert!(blind.complaint().is_some());
    let unanswered = Shown { reports_unanswered: 1, ..shown() };
    assert!(unanswered.complaint().is_some());
}

#[test]
fn what_is_worst_is_said_first() {
    let compared = |compared: Compared| Shown {
        enrolled: 9,
        reports_unanswered: 3,
        verify: Some(compared),
        ..shown()
    };
    // Of hosts that could not be asked nobody knows whether they differ.
    let blind = compared(Compared {
        hosts: 10,
        differing: 2,
        error: Some("the API is away".to_owned()),
        ..Compared::default()
    });
    let text = blind.complaint().expect("a complaint");
    assert!(text.ends_with("compared with the rows: the API is away"), "{text}");
    let differing = compared(Compared {
        hosts: 10,
        differing: 2,
        lost: 3,
        unexpected: 4,
        twice: 5,
        ..Compared::default()
    });
    assert_eq!(
        differing.complaint().as_deref(),
        Some("2 of 10 hosts differ from the rows: 3 records lost, 4 unexpected, 5 twice")
    );
    let fewer = compared(Compared { hosts: 10, ..Compared::default() });
    assert_eq!(fewer.complaint().as_deref(), Some("9 of 10 agents enrolled"));
}

#[test]
fn a_host_that_was_not_compared_is_missed() {
    let mut fewer = shown();
    if let Some(compared) = &mut fewer.verify {
        compared.hosts = 9;
    }
    assert!(fewer.complaint().is_some());
}

#[test]
fn collectors_are_told_of_every_node_in_one_setting() {
    assert_eq!(addresses(1), "10.77.0.1:7070");
    assert_eq!(addresses(3), "10.77.0.1:7070,10.77.0.2:7070,10.77.0.3:7070");
}

#[test]
fn a_fleet_is_started_with_arguments_that_this_program_takes() {
    use clap::Parser as _;

    let size = Size { agents: 40, apps: 150, seconds: 420 };
    let api = "http://10.77.0.1:7080";
    // A folder with a space, which must stay one argument.
    let (token, key) = (Path::new("/run/of a test/token"), Path::new("/run/of a test/key"));
    let line = line(token, key, api, size).expect("a line");
    assert!(Path::new(&line[0]).is_absolute(), "{line:?}");
    let cli = crate::cli::Cli::try_parse_from(&line).expect("arguments");
    let crate::cli::Command::Fleet(args) = cli.command else {
        panic!("another command");
    };
    assert_eq!((args.agents, args.apps, args.seconds), (40, 150, 420));
    assert_eq!(args.token_file, [token]);
    assert_eq!(args.api_key_file.as_deref(), Some(key));
    assert_eq!(args.api.as_deref(), Some(api));
    assert!(args.verify && args.json, "it compares, and says so to a program");
    assert_eq!((args.change_every_s, args.settle_s), (1, SETTLE_S));
    assert!(args.token.is_none(), "others can read a process' arguments");
}

#[test]
fn the_heartbeat_that_is_set_is_one_that_agents_take() {
    assert!(protocol::limits::HEARTBEAT_EVERY_S.contains(&HEARTBEAT_S));
    let statement = heartbeats();
    assert!(statement.contains("heartbeat_every_s = 10"), "{statement}");
    // Agents keep a later revision than the one that they are told.
    assert!(statement.contains("settings_revision + 1"), "{statement}");
}

#[test]
fn what_a_fleet_prints_is_read_with_or_without_a_comparison() {
    let mut summary = crate::fleet::summary();
    let json = serde_json::to_string(&summary).expect("JSON");
    let shown: Shown = serde_json::from_str(&json).expect("a fleet's own words");
    assert_eq!((shown.agents, shown.records_acked), (2, 600));
    assert!(shown.verify.is_none());
    summary.reports_unanswered = 7;
    let json = serde_json::to_string(&summary).expect("JSON");
    let shown: Shown = serde_json::from_str(&json).expect("a fleet's own words");
    assert_eq!(shown.reports_unanswered, 7);
    // A fleet that was broken off has printed nothing.
    assert!(serde_json::from_str::<Shown>("").is_err());
}
