//! Every scenario in its short form, against a real collector with a real database: whether it does
//! what it is there for, and whether every host's rows are right in the end. How long anything takes
//! is no test's business.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a stage that cannot be set has to stop the test"
)]

#[path = "scenarios/site.rs"]
mod site;

use std::path::Path;

use clap::Parser as _;
use collector::config::Layers;
use serde_json::Value;
use simulations::cli::{Cli, Command, FleetArgs};
use simulations::fleet;
use tokio::task::JoinHandle;

use self::site::{DEADLINE, Site, text};

/// The words of a command line that hold no spaces themselves.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn args(site: &Site, tokens: &[&Path], more: &[&str]) -> FleetArgs {
    let (api, key) = (site.api(), text(&site.path("key")));
    let tokens: Vec<_> = tokens.iter().map(|path| text(path)).collect();
    let mut all = vec!["muster-sim", "fleet", "--api", &api, "--api-key-file", &key];
    for token in &tokens {
        all.extend(["--token-file", token]);
    }
    all.extend(words("--verify --settle-s 60 --idle-s 5 --apps 120"));
    all.extend(more);
    let Command::Fleet(args) = Cli::try_parse_from(all).expect("arguments").command else {
        panic!("another command");
    };
    args
}

/// Runs a fleet on threads of its own, as the program does.
fn start(args: FleetArgs) -> JoinHandle<Value> {
    tokio::task::spawn_blocking(move || {
        let summary = fleet::run(&args).expect("a fleet");
        let mut value = serde_json::to_value(&summary).expect("JSON");
        value["is_good"] = summary.is_good().into();
        value
    })
}

async fn run(args: FleetArgs) -> Value {
    let summary = tokio::time::timeout(DEADLINE, start(args)).await;
    summary.expect("an end").expect("a summary")
}

fn number(summary: &Value, of: &[&str]) -> f64 {
    let found = of.iter().fold(summary, |value, name| &value[*name]);
    found.as_f64().unwrap_or_else(|| panic!("{of:?} is no number: {summary:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_of_several_companies_visit_and_every_row_is_right() {
    let mut site = Site::start().await;
    let (ours, theirs) = (site.company("ours").await, site.company("theirs").await);
    let state = text(&site.path("state"));
    let mut words =
        // At sixty times the speed a host changes every second, and every change brings a visit.
        words("--agents 30 --touch visit --speed 60 --seconds 4 --change-every-s 60 --committed");
    words.extend(["--state", &state]);
    let summary = run(args(&site, &[&ours, &theirs], &words)).await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert_eq!(summary["verify"]["hosts"], 30);
    let visits = number(&summary, &["visits"]);
    assert!(visits > 30.0, "every one came, and some again: {summary:#}");
    assert!(number(&summary, &["changes"]) > 0.0, "{summary:#}");
    // Again as the same agents, which the collector knows already.
    let summary = run(args(&site, &[&ours, &theirs], &words)).await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert_eq!(summary["verify"]["hosts"], 30);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_do_as_they_are_told_and_visit_until_they_are_told_to_hold() {
    for (connections, visits) in [("visit", true), ("hold", false)] {
        let settings = |layers: Layers| layers.with("ingest", "connections", connections);
        let mut site = Site::with(settings).await;
        let token = site.company("ours").await;
        let words = words("--agents 10 --speed 600 --seconds 4 --change-every-s 600");
        let summary = run(args(&site, &[&token], &words)).await;
        assert_eq!(summary["is_good"], true, "{connections}: {summary:#}");
        assert_eq!(number(&summary, &["visits"]) >= 10.0, visits, "{summary:#}");
        site.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_comes_back_after_the_network_was_away() {
    let mut site = Site::start().await;
    let token = site.company("ours").await;
    let words = words("--scenario herd --agents 40 --seconds 4 --change-every-s 2");
    let summary = run(args(&site, &[&token], &words)).await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert!(number(&summary, &["sessions_lost"]) >= 40.0, "{summary:#}");
    assert!(number(&summary, &["played", "back_all_seconds"]) > 0.0);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_comes_back_to_a_collector_that_was_restarted() {
    let mut site = Site::start().await;
    let token = site.company("ours").await;
    let (asked, done) = (site.path("asked"), site.path("done"));
    let (ask, wait) = (text(&asked), text(&done));
    // The fleet's shell asks and waits, and this test, which has the collector in it, restarts it.
    let command = format!("touch '{ask}'; until [ -e '{wait}' ]; do sleep 0.02; done");
    let mut words = words("--scenario herd --agents 20 --seconds 3 --change-every-s 1");
    words.extend(["--restart-command", &command]);
    let fleet = start(args(&site, &[&token], &words));
    let restart = async {
        while !asked.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        site.stop().await;
        site.start_again().await;
        std::fs::write(&done, "").expect("writes");
        fleet.await
    };
    let summary = tokio::time::timeout(DEADLINE, restart).await;
    let summary = summary.expect("an end").expect("a summary");
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert!(number(&summary, &["played", "restart_seconds"]) > 0.0);
    assert!(number(&summary, &["sessions"]) >= 40.0, "{summary:#}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_stays_as_it_was_and_what_comes_is_right() {
    let mut site = Site::start().await;
    let token = site.company("ours").await;
    let words =
        words("--scenario churn --agents 18 --share-percent 50 --seconds 3 --change-every-s 1");
    let summary = run(args(&site, &[&token], &words)).await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    for kind in ["left", "reinstalled", "joined"] {
        assert!((number(&summary, &["played", kind]) - 3.0).abs() < 0.1, "{summary:#}");
    }
    // Eighteen, three that were installed anew and three that joined; those that left keep their
    // rows.
    assert_eq!(summary["verify"]["hosts"], 24, "{summary:#}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_upgrade_day_every_host_gets_the_new_version() {
    let mut site = Site::start().await;
    let token = site.company("ours").await;
    let words = words("--scenario upgrade-day --agents 30 --seconds 1 --committed");
    let summary = run(args(&site, &[&token], &words)).await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert_eq!(summary["changes"], 30, "{summary:#}");
    assert!(number(&summary, &["played", "in_rows_after_the_first_seconds"]) > 0.0);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_hosts_disturb_nobody_but_their_originals() {
    let mut site = Site::start().await;
    let token = site.company("ours").await;
    let words =
        words("--scenario clone --agents 20 --share-percent 10 --seconds 3 --change-every-s 1");
    let summary = run(args(&site, &[&token], &words)).await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    // Without the two that share their rows with a copy.
    assert_eq!(summary["verify"]["hosts"], 18, "{summary:#}");
    let lost = ["played", "sessions_lost_per_clone_and_minute"];
    assert!(number(&summary, &lost) > 0.0, "they take each other's place: {summary:#}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_with_slow_lines_that_lose_packets_lose_nothing() {
    let mut site = Site::start().await;
    let token = site.company("ours").await;
    let words = words(
        "--scenario slow-link --agents 12 --share-percent 25 --seconds 3 --change-every-s 1 \
         --link-kbit-s 256 --link-loss-percent 5",
    );
    let summary = run(args(&site, &[&token], &words)).await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert_eq!(summary["verify"]["hosts"], 12);
    let slow = number(&summary, &["second", "welcome_ms", "p50"]);
    let fast = number(&summary, &["welcome_ms", "p50"]);
    assert!(slow > fast, "a handshake of kilobytes over a slow line: {summary:#}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_noisy_neighbour_is_measured_from_the_small_companys_side() {
    let mut site = Site::start().await;
    let (large, small) = (site.company("large").await, site.company("small").await);
    let small = text(&small);
    let mut words = words(
        "--scenario noisy-neighbour --agents 40 --neighbour-agents 3 --seconds 6 \
         --change-every-s 1",
    );
    words.extend(["--neighbour-token-file", &small]);
    let summary = run(args(&site, &[&large], &words)).await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert_eq!(summary["verify"]["hosts"], 43, "{summary:#}");
    assert!(number(&summary, &["played", "noise_changes_per_second"]) > 1.0);
    for half in ["quiet_ack_p50_ms", "noisy_ack_p50_ms"] {
        assert!(number(&summary, &["played", half]) > 0.0, "{summary:#}");
    }
    site.stop().await;
}
