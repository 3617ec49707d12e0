//! A summary: whose figures it adds, over which time, and when a fleet is good.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Parser as _;
use protocol::ids::TokenId;
use protocol::report::Lane;
use protocol::token::EnrolmentToken;
use uuid::Uuid;

use super::super::model::Settled;
use super::super::stats::Percentiles;
use super::super::tls::Tls;
use super::*;
use crate::cli::{Cli, Command};
use crate::clock::Clock;

fn percentiles(count: u64) -> Percentiles {
    Percentiles { count, p50: 1.0, p90: 2.0, p99: 3.0, p999: 4.0, max: 5.0 }
}

/// A fleet of two hosts that got through.
pub(crate) fn summary() -> Summary {
    Summary {
        agents: 2,
        apps: 300,
        seed: 1,
        enrolled: 2,
        enrol_seconds: 0.5,
        first_snapshots: 2,
        records_acked: 600,
        records_per_second: 300.0,
        snapshot_records_per_second: 600.0,
        reports_acked: 2,
        reports_resent: 0,
        reports_unanswered: 0,
        bytes_sent: 12_000,
        bytes_per_record: 20.0,
        changes: 0,
        changes_skipped: 0,
        sessions: 2,
        sessions_lost: 0,
        snapshots_asked: 0,
        visits: 0,
        second: None,
        scenario: "steady",
        played: None,
        collector: None,
        parts: Vec::new(),
        measured: Measured {
            welcome_ms: percentiles(2),
            ack_ms: percentiles(2),
            change_ack_ms: percentiles(0),
            end_to_end_ms: percentiles(0),
            unseen: 0,
            rejects: BTreeMap::new(),
            errors: BTreeMap::new(),
            snapshot_seconds: 1.0,
            seconds: 2.0,
        },
        commits: None,
        verify: None,
    }
}

#[test]
fn a_fleet_is_good_only_when_nothing_is_open() {
    assert!(summary().is_good());
    let changes: [fn(&mut Summary); 6] = [
        |summary| {
            summary.played = Some(Played {
                failures: vec!["one did not come back".to_owned()],
                ..Played::default()
            });
        },
        |summary| summary.enrolled = 1,
        |summary| summary.reports_unanswered = 1,
        |summary| {
            summary.commits = Some(Commits { missing: 1, ..Commits::default() });
        },
        |summary| {
            summary.verify = Some(Verdict { differing: 1, ..Verdict::default() });
        },
        |summary| {
            summary.verify =
                Some(Verdict { error: Some("the API is away".to_owned()), ..Verdict::default() });
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut summary = summary();
        change(&mut summary);
        assert!(!summary.is_good(), "change {number} goes unnoticed");
    }
}

/// The arguments of a command line.
fn args(words: &[&str]) -> FleetArgs {
    let line = ["muster-sim", "fleet"].iter().chain(words);
    let cli = Cli::try_parse_from(line).expect("arguments");
    let Command::Fleet(args) = cli.command else {
        panic!("another command");
    };
    args
}

/// What a crew shares, which sent its reports within so many seconds and had them acknowledged.
async fn crew(records: usize, seconds: u64) -> Context {
    let token = EnrolmentToken {
        id: TokenId(Uuid::nil()),
        secret: [0; 32],
        ca_sha256: [0; 32],
        addresses: vec!["127.0.0.1:9".to_owned()],
    };
    let tls = Tls::new(Duration::from_secs(1), false);
    let context = Context::open(Clock, &token, 1, tls).await.expect("open");
    let began = Clock.now();
    let ended = began + Duration::from_secs(seconds);
    context.stats.sent(records * 20, false, began);
    let settled = Settled { records, waited: vec![(Lane::Snapshot, Duration::from_millis(7))] };
    context.stats.settled(&settled, ended);
    context.stats.first_snapshot(ended);
    context
}

fn end(enrolled: u64) -> End {
    End { enrolled, ..End::default() }
}

const NOISY: [&str; 8] =
    ["--scenario", "noisy-neighbour", "--agents", "40", "--neighbour-agents", "3", "--apps", "100"];

#[tokio::test]
async fn a_rate_of_two_crews_is_by_the_time_of_the_one_that_took_longest() {
    // 1,000 records in 10 s, and 3,000 in 100 s: together 4,000 in 100 s, not in 10.
    let (fleet, beside) = (crew(1_000, 10).await, crew(3_000, 100).await);
    let summary = Summary::new(&args(&NOISY), &[&fleet, &beside], end(43));
    assert_eq!(summary.records_acked, 4_000);
    assert!((summary.records_per_second - 40.0).abs() < 1e-6, "{}", summary.records_per_second);
    // Two whole snapshots of 100 records, the last of them after 100 s.
    let rate = summary.snapshot_records_per_second;
    assert!((rate - 2.0).abs() < 1e-6, "{rate}");
    assert!((summary.bytes_per_record - 20.0).abs() < 1e-6);
    // The fleet's own time is still told as its own.
    assert!((summary.measured.seconds - 10.0).abs() < 1e-6);
    let second = summary.second.expect("those beside the fleet");
    assert!((second.seconds - 100.0).abs() < 1e-6);
}

#[tokio::test]
async fn an_agent_that_is_missing_in_the_fleet_is_not_made_up_for_by_its_neighbours() {
    let (fleet, beside) = (crew(1, 1).await, crew(1, 1).await);
    let args = args(&NOISY);
    let summary = |enrolled| Summary::new(&args, &[&fleet, &beside], end(enrolled));
    assert_eq!(summary(43).agents, 43);
    assert!(summary(43).is_good());
    assert!(!summary(42).is_good(), "one of 40 or one of 3 is missing");
}

#[tokio::test]
async fn hosts_with_slow_lines_are_some_of_the_fleet() {
    let words = ["--scenario", "slow-link", "--agents", "12"];
    let (fast, slow) = (crew(1, 1).await, crew(1, 1).await);
    let summary = Summary::new(&args(&words), &[&fast, &slow], end(12));
    assert_eq!(summary.agents, 12);
    assert!(summary.is_good());
}

#[tokio::test]
async fn a_fleet_that_never_sent_anything_has_no_rates() {
    let words = ["--agents", "1"];
    let summary = Summary::new(&args(&words), &[], End::default());
    for rate in
        [summary.records_per_second, summary.snapshot_records_per_second, summary.bytes_per_record]
    {
        assert!(rate.abs() < f64::EPSILON, "{rate}");
    }
    assert!(summary.second.is_none() && !summary.is_good());
    assert!(serde_json::to_string(&summary).expect("JSON").contains("\"enrolled\":0"));
}

#[test]
fn what_a_collector_refused_is_no_fault_of_a_fleet_that_got_through() {
    let mut summary = summary();
    summary.sessions_lost = 9;
    summary.reports_resent = 9;
    summary.snapshots_asked = 9;
    summary.changes_skipped = 9;
    summary.measured.rejects.insert("rate_limited", 9);
    summary.measured.errors.insert("reset".to_owned(), 9);
    assert!(summary.is_good());
    // More than were asked for came in the course of it, as in a churn.
    summary.enrolled += 1;
    assert!(summary.is_good());
}
