//! What the agent costs, measured on the binary that ships: one JSON object a line.
//!
//! It builds the agent as packages carry it, enrols the agent of this very machine with a collector of the
//! tests' own, and lets it work. A figure with a budget names it; past a budget the run fails.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    dead_code,
    reason = "a measurement, with files that it shares with the tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::Duration;

use protocol::message::{CollectorMessage, Settings};

#[path = "../tests/agent/collector.rs"]
mod collector;
#[path = "../tests/agent/host.rs"]
mod host;
#[path = "../tests/agent/process.rs"]
mod process;

use collector::Collector;
use host::{Host, Running};

/// Heartbeats of a day with the default settings.
const HEARTBEATS_A_DAY: u64 = 288;
/// Scans of a day with the default settings.
const SCANS_A_DAY: u64 = 24;
/// Seconds of processor time in a day: 0.05 % of one core.
const CPU_A_DAY_S: f64 = 43.2;
/// Bytes of the headers of IPv4 and UDP, which the agent's own count leaves out.
const HEADER_BYTES: u64 = 28;

/// The agent that is measured: what the packages carry.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
        // Beside that of the profile of this build.
        let out = Path::new(env!("CARGO_BIN_EXE_muster-agent"))
            .ancestors()
            .nth(2)
            .expect("a target folder")
            .join("packages/measured/muster-agent");
        let status = Command::new(root.join("packaging/build-agent.sh"))
            .arg(format!("{}-unknown-linux-musl", std::env::consts::ARCH))
            .arg(&out)
            .current_dir(root)
            .status()
            .expect("packaging/build-agent.sh runs");
        assert!(
            status.success(),
            "the agent is not built: scripts/bootstrap.sh packages brings what that needs"
        );
        out
    })
}

/// The figures so far.
#[derive(Default)]
struct Figures {
    over: Vec<String>,
}

impl Figures {
    fn print(&mut self, name: &str, value: f64, unit: &str, budget: Option<f64>) {
        let mut line = serde_json::json!({
            "name": format!("agent_{name}"),
            "value": (value * 100.0).round() / 100.0,
            "unit": unit,
        });
        if let Some(budget) = budget {
            line["ratio"] = ((value / budget * 1_000.0).round() / 1_000.0).into();
            line["against"] = format!("budget of {budget} {unit}").into();
            if value > budget {
                self.over.push(format!("{name}: {value} {unit}, {budget} allowed"));
            }
        }
        println!("{line}");
    }
}

fn main() -> ExitCode {
    let mut figures = Figures::default();
    let bytes = std::fs::metadata(binary()).expect("built").len();
    figures.print("binary_bytes", float(bytes), "bytes", Some(4_000_000.0));
    let scan_ms = first_inventory(&mut figures);
    one_change(&mut figures);
    let beat_ms = idle_day(&mut figures);
    let day_ms = scan_ms * float(SCANS_A_DAY) + beat_ms * float(HEARTBEATS_A_DAY);
    figures.print("cpu_a_day", day_ms / 1_000.0, "s", Some(CPU_A_DAY_S));
    for over in &figures.over {
        eprintln!("over budget: {over}");
    }
    if figures.over.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).expect("a small number"))
}

/// UDP payload in both directions since the agent started.
fn traffic(host: &Host) -> u64 {
    let connection = host.status().connection;
    connection.sent_bytes + connection.received_bytes
}

/// Waits until the spool is empty and the scan's thread is gone.
fn settle(host: &Host, running: &Running) -> process::Costs {
    for _ in 0..1_000 {
        if host.status().spool.waiting_reports == 0 {
            return process::wait_for_threads(running.id(), 1);
        }
        // Between two looks at another process, a thousand at most.
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the reports are not delivered: {}", host.log());
}

/// Gives the processor time of a scan, in milliseconds.
fn first_inventory(figures: &mut Figures) -> f64 {
    let collector = Collector::start();
    let host = Host::on(Some(PathBuf::from("/"))).enrol(&collector);
    let running = host.start();
    collector.wait_for("an inventory", |seen| {
        let last = seen.reports.last()?;
        last.digest.map(drop)
    });
    settle(&host, &running);
    let records = collector.seen().held.len();
    let records_f = float(u64::try_from(records).expect("small"));
    let frames: usize = collector.seen().frames.values().map(Vec::len).sum();
    let frames = float(u64::try_from(frames).expect("small"));
    let wire = float(traffic(&host));
    figures.print("inventory_records", records_f, "records", None);
    figures.print("first_inventory_bytes", wire, "bytes", None);
    figures.print("first_inventory_bytes_per_record", frames / records_f, "bytes", None);
    figures.print(
        "first_inventory_bytes_of_2000_records",
        frames / records_f * 2_000.0,
        "bytes",
        Some(40_000.0),
    );
    // Many scans, for the kernel counts processor time in ticks of ten milliseconds.
    let before = process::costs(running.id());
    let scans = 50_u32;
    for _ in 0..scans {
        host.scan();
    }
    let costs = settle(&host, &running);
    let ticks = costs.cpu_ticks - before.cpu_ticks;
    let scan_ms = float(ticks) * 10.0 / f64::from(scans);
    figures.print("scan_cpu_ms", scan_ms, "ms", None);
    let mib = |kib: u64| float(kib) / 1024.0;
    figures.print("idle_resident_mib", mib(costs.resident_kib), "MiB", Some(6.0));
    figures.print("peak_resident_mib", mib(costs.peak_kib), "MiB", Some(16.0));
    figures.print("idle_threads", float(costs.threads), "threads", Some(1.0));
    scan_ms
}

fn one_change(figures: &mut Figures) {
    let collector = Collector::start();
    let host = Host::enrolled(500, &collector);
    let running = host.start();
    collector.wait_for("the inventory", |seen| (seen.held.len() == 500).then_some(()));
    settle(&host, &running);
    let before = traffic(&host);
    host.install(0..501, "1.0-1");
    host.scan();
    collector.wait_for("the change", |seen| (seen.held.len() == 501).then_some(()));
    settle(&host, &running);
    // Four datagrams: the report, the answer and their acknowledgements.
    let bytes = traffic(&host) - before + 4 * HEADER_BYTES;
    figures.print("one_change_bytes", float(bytes), "bytes", Some(1_024.0));
}

/// Gives the processor time of a heartbeat, in milliseconds.
fn idle_day(figures: &mut Figures) -> f64 {
    let collector = Collector::start();
    let host = Host::enrolled(500, &collector);
    let running = host.start();
    collector.wait_for("the inventory", |seen| (seen.held.len() == 500).then_some(()));
    collector.say(&CollectorMessage::Settings(Settings {
        revision: 1,
        heartbeat_every_s: 10,
        ..Settings::default()
    }));
    let beats = || collector.seen().heartbeats.len();
    let wait_for_beats = |more: usize| {
        let wanted = beats() + more;
        collector.wait_for("heartbeats", |seen| (seen.heartbeats.len() >= wanted).then_some(()));
    };
    // The least interval there is, as often as patience allows.
    wait_for_beats(2);
    let costs = settle(&host, &running);
    let (bytes, first) = (traffic(&host), beats());
    wait_for_beats(2);
    wait_for_beats(2);
    let count = float(u64::try_from(beats() - first).expect("small"));
    // A heartbeat and its acknowledgement.
    let each = float(traffic(&host) - bytes) / count + float(2 * HEADER_BYTES);
    let after = process::costs(running.id());
    figures.print("heartbeat_bytes", each, "bytes", None);
    figures.print("idle_day_bytes", each * float(HEARTBEATS_A_DAY), "bytes", Some(100_000.0));
    // Asking for the status wakes it up as well, twice.
    let wakes = float(after.switches - costs.switches);
    figures.print("wakes_per_heartbeat", wakes / count, "wake-ups", None);
    // Ticks of ten milliseconds are counted when they are over: one more may have been taken.
    float(after.cpu_ticks - costs.cpu_ticks + 1) * 10.0 / count
}
