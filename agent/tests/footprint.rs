//! What the agent costs the machine that it runs on, with bounds wide enough for an unoptimised
//! build; `benches/footprint.rs` holds what ships to the budget.
#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    dead_code,
    reason = "this file and the two that it shares are tests and what tests need"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[path = "agent/collector.rs"]
mod collector;
#[path = "agent/host.rs"]
mod host;
#[path = "agent/process.rs"]
mod process;

use collector::Collector;
use host::Host;

/// The agent that is looked at.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_muster-agent"))
}

/// Crates that ship to endpoints, the agent's own and the protocol included. Whoever raises this
/// says in the commit what for.
const DEPENDENCIES_MAX: usize = 101;
/// What must never ship to an endpoint: servers, databases and what pulls them in.
const BANNED: [&str; 16] = [
    "anyhow",
    "aws-lc-rs",
    "axum",
    "clap",
    "collector",
    "enrichment",
    "hyper",
    "metrics",
    "native-tls",
    "openssl",
    "reqwest",
    "sled",
    "sqlx",
    "store",
    "tokio-util",
    "tracing-subscriber",
];

/// An agent that has delivered its first inventory and has nothing to do.
fn idle(packages: usize) -> (Collector, Host, host::Running) {
    let collector = Collector::start();
    let host = Host::enrolled(packages, &collector);
    let running = host.start();
    collector.wait_for("the inventory", |seen| (seen.held.len() == packages).then_some(()));
    // The last answer is on its way; a scan that finds nothing comes after it.
    host.scan();
    assert_eq!(host.status().spool.waiting_reports, 0, "{}", host.log());
    (collector, host, running)
}

#[test]
fn an_idle_agent_is_one_thread_with_little_memory() {
    let (_collector, _host, running) = idle(2_000);
    let costs = process::wait_for_threads(running.id(), 1);
    assert_eq!(costs.threads, 1);
    // Unoptimised, with debug information and every check: a multiple of what ships.
    assert!(costs.resident_kib < 32 * 1024, "{costs:?}");
    assert!(costs.peak_kib < 64 * 1024, "{costs:?}");
}

#[test]
fn nothing_wakes_an_idle_agent_between_heartbeats() {
    let (_collector, _host, running) = idle(50);
    process::wait_for_threads(running.id(), 1);
    // Whatever the last exchange still needs, such as the last acknowledgement's timer, is over
    // within the time that a dead path is given. The heartbeat is minutes away.
    std::thread::sleep(Duration::from_secs(11));
    let before = process::costs(running.id());
    // How long it is watched: nothing is waited for.
    std::thread::sleep(Duration::from_secs(5));
    let after = process::costs(running.id());
    assert_eq!(before.switches, after.switches, "it woke up");
    assert_eq!(before.cpu_ticks, after.cpu_ticks);
}

#[test]
fn ships_few_crates_and_none_of_the_collectors() {
    // What cargo resolves, and not the manifest: most of what ships comes along with something
    // else.
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "agent", "--edges", "normal", "--prefix", "none"])
        .args(["--target", "x86_64-unknown-linux-gnu", "--offline", "--locked"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{output:?}");
    let tree = String::from_utf8(output.stdout).expect("text");
    let crates: BTreeSet<_> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for banned in BANNED {
        assert!(!crates.contains(banned), "{banned} ships to endpoints");
    }
    assert!(crates.contains("quinn"), "the tree was not understood: {tree}");
    assert!(
        crates.len() <= DEPENDENCIES_MAX,
        "{} crates ship to endpoints: {crates:?}",
        crates.len()
    );
}
