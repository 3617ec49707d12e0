//! Fleets against a stand-in for a collector that rejects, dies, comes back, or loses what it
//! acknowledged: the simulator has to survive the first three and to see the last.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a stand-in that cannot do its part has to stop the test"
)]

#[path = "fleet/collector.rs"]
mod collector;
#[path = "fleet/world.rs"]
mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use serde_json::Value;
use simulations::cli::{Cli, Command, FleetArgs};
use simulations::fleet;
use tokio::task::JoinSet;

use self::collector::{Site, serve_api};

/// A site with its API, and a directory for files.
struct Stage {
    site: Arc<Site>,
    directory: tempfile::TempDir,
    api: String,
    _tasks: JoinSet<()>,
}

impl Stage {
    async fn new(site: Arc<Site>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("key"), "msk_test\n").expect("writes");
        std::fs::write(directory.path().join("token"), site.token().expose()).expect("writes");
        let mut tasks = JoinSet::new();
        let api = serve_api(Arc::clone(&site), &mut tasks).await;
        Self { site, directory, api: format!("http://{api}"), _tasks: tasks }
    }

    fn path(&self, name: &str) -> String {
        let path: &Path = self.directory.path();
        path.join(name).display().to_string()
    }

    fn args(&self, more: &[&str]) -> FleetArgs {
        let (token, key) = (self.path("token"), self.path("key"));
        let own = [
            "muster-sim",
            "fleet",
            "--token-file",
            &token,
            "--api",
            &self.api,
            "--api-key-file",
            &key,
            "--verify",
            // A life that ends says nothing: after a second of silence its clients have to know.
            "--idle-s",
            "1",
        ];
        let cli = Cli::try_parse_from(own.into_iter().chain(more.iter().copied()));
        let Command::Fleet(args) = cli.expect("arguments").command else {
            panic!("another command");
        };
        args
    }
}

/// Runs a fleet on threads of its own, as the program does.
async fn run(args: FleetArgs) -> Value {
    let run = tokio::task::spawn_blocking(move || {
        let summary = fleet::run(&args).expect("a fleet");
        let mut value = serde_json::to_value(&summary).expect("JSON");
        value["is_good"] = summary.is_good().into();
        value
    });
    run.await.expect("a summary")
}

async fn until_applied(site: &Site, reports: usize) {
    let applied = async {
        while site.world.lock().applied < reports {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), applied).await;
    in_time.unwrap_or_else(|_| panic!("{reports} reports do not come"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_stands_twice_when_the_collector_dies_again_and_again() {
    let stage = Stage::new(Site::new(0)).await;
    let args =
        stage.args(&["--agents", "20", "--apps", "950", "--seconds", "3", "--change-every-s", "1"]);
    // Beside this test, which kills the collector meanwhile.
    let mut fleet = JoinSet::new();
    fleet.spawn(run(args));
    // In the middle of the first snapshots, three times, and once among the changes.
    for reports in [5, 60, 120, 230] {
        let life = stage.site.start();
        until_applied(&stage.site, reports).await;
        drop(life);
    }
    let _life = stage.site.start();
    let summary = fleet.join_next().await.expect("a fleet").expect("a summary");
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert_eq!(summary["verify"]["hosts"], 20);
    assert!(summary["reports_resent"].as_u64() > Some(0), "{summary:#}");
    assert!(summary["sessions_lost"].as_u64() >= Some(20), "{summary:#}");
    assert!(summary["end_to_end_ms"]["count"].as_u64() > Some(0), "{summary:#}");
    let world = stage.site.world.lock();
    let agents: Vec<_> = world.certificates.values().copied().collect();
    assert!(agents.iter().all(|agent| world.agrees(*agent) == Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_are_waited_out_and_sent_again_in_order() {
    let stage = Stage::new(Site::new(5)).await;
    let _life = stage.site.start();
    let summary = run(stage.args(&[
        "--agents",
        "5",
        "--apps",
        "1500",
        "--seconds",
        "1",
        "--change-every-s",
        "0",
    ]))
    .await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert!(summary["rejects"]["rate_limited"].as_u64() >= Some(15), "{summary:#}");
    // A report that was rejected and sent again counts once.
    assert_eq!(summary["records_acked"], 7_500, "{summary:#}");
    assert_eq!(stage.site.world.lock().duplicates, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_lost_behind_its_ack_is_seen() {
    let stage = Stage::new(Site::new(0)).await;
    stage.site.world.lock().loses_every = 10;
    let _life = stage.site.start();
    let summary = run(stage.args(&[
        "--agents",
        "4",
        "--apps",
        "500",
        "--seconds",
        "1",
        "--change-every-s",
        "0",
        "--settle-s",
        "1",
    ]))
    .await;
    assert_eq!(summary["is_good"], false, "{summary:#}");
    // Twenty reports, of which the tenth and the twentieth lose one.
    assert_eq!(summary["verify"]["lost"], 2, "{summary:#}");
    assert_eq!(summary["verify"]["twice"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn says_when_all_acknowledged_records_are_in_the_rows() {
    let stage = Stage::new(Site::new(0)).await;
    let _life = stage.site.start();
    let quiet = ["--seconds", "1", "--change-every-s", "0", "--committed"];
    let fleet = ["--agents", "3", "--apps", "250"];
    let summary = run(stage.args(&[&fleet[..], &quiet[..]].concat())).await;
    assert_eq!(summary["is_good"], true, "{summary:#}");
    assert_eq!(summary["commits"]["records"], 750, "{summary:#}");
    // Only what came in this run counts.
    let summary = run(stage.args(&[&fleet[..], &quiet[..]].concat())).await;
    assert_eq!(summary["commits"]["records"], 750, "{summary:#}");
    assert!(summary["commits"]["seconds"].as_f64() >= summary["snapshot_seconds"].as_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_records_that_never_become_rows_fail_the_run() {
    let stage = Stage::new(Site::new(0)).await;
    let _life = stage.site.start();
    let args = stage.args(&[
        "--agents",
        "2",
        "--apps",
        "100",
        "--seconds",
        "1",
        "--change-every-s",
        "0",
        "--settle-s",
        "1",
        "--committed",
    ]);
    let mut fleet = JoinSet::new();
    fleet.spawn(run(args));
    // Behind the simulator's look at the counter, which is before the first report.
    until_applied(&stage.site, 1).await;
    stage.site.world.lock().uncounted = 5;
    let summary = fleet.join_next().await.expect("a fleet").expect("a summary");
    assert_eq!(summary["is_good"], false, "{summary:#}");
    assert_eq!(summary["commits"]["missing"], 5, "{summary:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_with_the_same_state_is_the_same_agents() {
    let stage = Stage::new(Site::new(0)).await;
    let _life = stage.site.start();
    let state = stage.path("state");
    let args = ["--agents", "3", "--apps", "120", "--seconds", "1", "--state", &state];
    for _ in 0..2 {
        let summary = run(stage.args(&args)).await;
        assert_eq!(summary["is_good"], true, "{summary:#}");
        // A host that enrolled again would be a fourth.
        assert_eq!(stage.site.world.lock().certificates.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_taken_ends_the_run_with_the_reason() {
    let stage = Stage::new(Site::new(0)).await;
    let _life = stage.site.start();
    let mut wrong = stage.site.token();
    wrong.secret = [8; 32];
    std::fs::write(stage.path("token"), wrong.expose()).expect("writes");
    let summary = run(stage.args(&["--agents", "2", "--seconds", "0"])).await;
    assert_eq!(summary["is_good"], false);
    assert_eq!(summary["enrolled"], 0);
    let errors = summary["errors"].to_string();
    assert!(errors.contains("token_unknown"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_of_another_authority_is_not_told_the_secret() {
    let stage = Stage::new(Site::new(0)).await;
    let _life = stage.site.start();
    let mut foreign = stage.site.token();
    foreign.ca_sha256 = [1; 32];
    std::fs::write(stage.path("token"), foreign.expose()).expect("writes");
    let summary = run(stage.args(&["--agents", "1", "--seconds", "0", "--enrol-s", "1"])).await;
    assert_eq!(summary["enrolled"], 0);
    assert!(summary["errors"].to_string().contains("UnknownIssuer"), "{summary:#}");
    // A secret that was heard would have been granted something.
    assert!(stage.site.world.lock().certificates.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_prints_its_figures_beside_their_rival() {
    let stage = Stage::new(Site::new(0)).await;
    let _life = stage.site.start();
    let figures = bench(&stage, &["--copy-rate", "1000"]).await;
    let figures = figures.expect("figures");
    let named = |name: &str| {
        let mut found = figures.iter().filter(|figure| figure["name"] == name);
        found.next().unwrap_or_else(|| panic!("{name}"))
    };
    for name in ["socket_to_durable_ack", "socket_to_committed_row"] {
        let figure = named(name);
        assert!(figure["value"].as_f64() > Some(0.0), "{figure}");
        assert!(figure["ratio"].as_f64() > Some(0.0), "{figure}");
    }
    for name in ["ack_p99", "change_to_row_p99"] {
        assert!(named(name)["value"].as_f64() > Some(0.0));
        assert_eq!(named(name)["unit"], "ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_of_a_fleet_that_does_not_get_through_prints_nothing() {
    let stage = Stage::new(Site::new(0)).await;
    let _life = stage.site.start();
    let mut wrong = stage.site.token();
    wrong.secret = [8; 32];
    std::fs::write(stage.path("token"), wrong.expose()).expect("writes");
    let error = bench(&stage, &[]).await.expect_err("no figures");
    assert!(format!("{error:#}").contains("token_unknown"), "{error:#}");
}

async fn bench(stage: &Stage, more: &[&str]) -> anyhow::Result<Vec<Value>> {
    let (token, key) = (stage.path("token"), stage.path("key"));
    let own = [
        "muster-sim",
        "bench",
        "--token-file",
        &token,
        "--api",
        &stage.api,
        "--api-key-file",
        &key,
        "--agents",
        "4",
        "--apps",
        "200",
        "--changing-agents",
        "4",
        "--changing-s",
        "3",
    ];
    let cli = Cli::try_parse_from(own.into_iter().chain(more.iter().copied()));
    let Command::Bench(args) = cli.expect("arguments").command else {
        panic!("another command");
    };
    let run = tokio::task::spawn_blocking(move || {
        let mut figures = Vec::new();
        simulations::bench::run(&args, &mut |figure| {
            figures.push(serde_json::to_value(figure)?);
            Ok(())
        })?;
        Ok(figures)
    });
    run.await.expect("ends")
}
