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
use std::path::{Path, PathBuf};
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
use protocol::message::{CollectorMessage, Settings};

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

/// Fills the end of a text with an entry until it has so many bytes.
fn filled(head: &str, entry: &str, tail: &str, bytes: usize) -> String {
    let count = (bytes - head.len() - tail.len()) / (entry.len() + 1);
    format!("{head}{}{tail}", vec![entry; count].join(","))
}

#[test]
fn lists_of_a_hostile_user_take_no_more_memory_than_the_service_has() {
    const MIB: usize = 1024 * 1024;
    let collector = Collector::start();
    let host = Host::enrolled(10, &collector);
    let write = |place: &str, text: &str| {
        let path = host.root().join("home/eve").join(place);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    let addons = |bytes| filled("{\"addons\":[", "{}", "]}", bytes);
    write(".mozilla/firefox/a/extensions.json", &addons(4 * MIB));
    // More than a list may have.
    write(".mozilla/firefox/b/extensions.json", &addons(16 * MIB));
    let one = r#"{"id":"a","version":"1","type":"extension"}"#;
    write(".thunderbird/c/extensions.json", &filled("{\"addons\":[", one, "]}", 4 * MIB));
    let listed = r#"{"identifier":{"id":"a.b"},"version":"1"}"#;
    write(".vscode/extensions/extensions.json", &filled("[", listed, "]", 4 * MIB));
    let installs: Vec<_> = (0..200_000).map(|number| format!("\"p{number} 1\":0")).collect();
    write(".cargo/.crates2.json", &format!("{{\"installs\":{{{}}}}}", installs.join(",")));
    let author = filled("{\"name\":\"p\",\"version\":\"1\",\"author\":[", "[]", "]}", MIB);
    write(".npm-global/lib/node_modules/p/package.json", &author);
    let extension = format!(".config/chromium/Default/Extensions/{}/1_0", "a".repeat(32));
    write(&format!("{extension}/manifest.json"), &author);
    let running = host.start();
    collector.wait_for("some of it", |seen| (seen.held.len() > 10).then_some(()));
    // The records of the scan before are there beside those of this one.
    host.scan();
    let costs = process::costs(running.id());
    // systemd slows it down at 24 MiB and ends it at 48; this unoptimised build takes more than what ships.
    assert!(costs.peak_kib < 40 * 1024, "{costs:?}");
}

/// Processor time that an agent may take in a day, in milliseconds: 0.05 % of one core.
const CPU_A_DAY_MS: u64 = 43_200;
/// Scans of a day with the default settings.
const SCANS_A_DAY: u64 = 24;
/// Heartbeats of a day with the default settings.
const HEARTBEATS_A_DAY: u64 = 288;

/// It is processor time that is held and no time on the wall, so a slow or a busy machine changes little. This build is
/// unoptimised: what ships takes about a tenth for a scan, which is the room that a machine with more
/// packages and a slower processor has.
#[test]
fn a_day_of_scans_and_heartbeats_takes_a_twentieth_of_a_percent_of_a_core() {
    const SCANS: u64 = 5;
    const BEATS: u64 = 2;
    let collector = Collector::start();
    // This machine's own packages.
    let host = Host::on(Some(PathBuf::from("/"))).enrol(&collector);
    let running = host.start();
    collector.wait_for("an inventory", |seen| seen.reports.last()?.digest.map(drop));
    host.wait_until_delivered();
    let before = process::wait_for_threads(running.id(), 1);
    for _ in 0..SCANS {
        host.scan();
    }
    host.wait_until_delivered();
    let scanned = process::wait_for_threads(running.id(), 1);
    let scan_ms = (scanned.cpu_ticks - before.cpu_ticks) * 10 / SCANS;

    // The least interval there is.
    let settings = Settings { revision: 1, heartbeat_every_s: 10, ..Settings::default() };
    collector.say(&CollectorMessage::Settings(settings));
    let wait_for_beats = |more: u64| {
        let wanted = collector.seen().heartbeats.len() + usize::try_from(more).expect("few");
        collector.wait_for("heartbeats", |seen| (seen.heartbeats.len() >= wanted).then_some(()));
        process::costs(running.id())
    };
    let begun = wait_for_beats(1);
    let beaten = wait_for_beats(BEATS);
    // Ticks are counted when they are over: one more may have been taken.
    let beat_ms = (beaten.cpu_ticks - begun.cpu_ticks + 1) * 10 / BEATS;

    let day_ms = SCANS_A_DAY * scan_ms + HEARTBEATS_A_DAY * beat_ms;
    assert!(scan_ms > 0, "a scan that costs nothing was none");
    assert!(
        day_ms <= CPU_A_DAY_MS,
        "{day_ms} ms a day: {scan_ms} ms a scan, {beat_ms} ms a heartbeat"
    );
}

/// Bytes of a day without news, in both directions and with all headers.
const DAY_BYTES: u64 = 100_000;
/// Bytes of the reports of a first inventory of 2,000 packages.
const INVENTORY_BYTES: usize = 40_000;
/// Bytes of one package more, in both directions and with all headers.
const CHANGE_BYTES: u64 = 1_024;
/// Bytes of the headers of IPv4 and UDP, which the agent's own count leaves out.
const HEADER_BYTES: u64 = 28;
/// How often the same is measured. What a busy machine makes a transport say twice is in some and not in all of them, so
/// that the least is what it takes.
const ROUNDS: usize = 2;

/// Bytes that went in both directions since the agent started, headers of IP and UDP aside.
fn traffic(host: &Host) -> u64 {
    let connection = host.status().connection;
    connection.sent_bytes + connection.received_bytes
}

#[test]
fn a_first_inventory_and_a_change_take_few_bytes() {
    const PACKAGES: usize = 2_000;
    let (collector, host, _running) = idle(PACKAGES);
    // As they came over the wire: packed, with their headers, each once.
    let reports: usize = collector.seen().frames.values().map(Vec::len).sum();
    assert!(reports <= INVENTORY_BYTES, "{reports} bytes");
    let one_more = |round: usize| {
        let before = traffic(&host);
        let wanted = PACKAGES + round;
        host.install(0..wanted, "1.0-1");
        host.scan();
        collector.wait_for("the change", |seen| (seen.held.len() == wanted).then_some(()));
        host.wait_until_delivered();
        // Four datagrams: the report, the answer and their acknowledgements.
        traffic(&host) - before + 4 * HEADER_BYTES
    };
    let least = (1..=ROUNDS).map(one_more).min().expect("measured");
    assert!(least <= CHANGE_BYTES, "{least} bytes");
}

#[test]
fn a_day_without_news_takes_few_bytes() {
    let (collector, host, _running) = idle(50);
    // The least interval there is.
    let settings = Settings { revision: 1, heartbeat_every_s: 10, ..Settings::default() };
    collector.say(&CollectorMessage::Settings(settings));
    let after_a_beat = || {
        let wanted = collector.seen().heartbeats.len() + 1;
        collector.wait_for("a heartbeat", |seen| (seen.heartbeats.len() >= wanted).then_some(()));
        traffic(&host)
    };
    let mut before = after_a_beat();
    let one = |_| {
        let now = after_a_beat();
        // A heartbeat and its acknowledgement, which may be counted with the next one.
        std::mem::replace(&mut before, now).abs_diff(now) + 2 * HEADER_BYTES
    };
    let least = (0..ROUNDS).map(one).min().expect("measured");
    assert!(least > 2 * HEADER_BYTES, "a heartbeat that takes nothing was none");
    let day = HEARTBEATS_A_DAY * least;
    assert!(day <= DAY_BYTES, "{day} bytes a day: {least} bytes a heartbeat");
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
