//! What is measured, as lines of JSON; rates by the time that the thread had on a core.

use std::time::Instant;

use serde_json::json;

/// Seconds that each measurement lasts at least.
const LASTS_S: f64 = 1.0;

#[expect(clippy::print_stderr, reason = "what is measured, for people")]
pub(super) fn eprint(text: &str) {
    eprintln!("{text}");
}

pub(super) fn figure(name: &str, value: f64, unit: &str) {
    println!("{}", json!({"name": name, "value": rounded(value), "unit": unit}));
}

pub(super) fn figure_against(name: &str, value: f64, unit: &str, rival: f64, against: &str) {
    let ratio = rounded(value / rival);
    println!(
        "{}",
        json!({"name": name, "value": rounded(value), "unit": unit, "ratio": ratio, "against": against})
    );
}

/// Four digits say enough.
fn rounded(value: f64) -> f64 {
    if value >= 1000.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) const fn as_f64(number: u64) -> f64 {
    number as f64
}

/// Calls a second, over the questions again and again.
pub(super) fn rate(questions: usize, mut ask: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    let on_core = time_on_core_s();
    let mut asked = 0_u64;
    loop {
        // All of them in each round, so that a round's questions are the same however long it
        // takes.
        for at in 0..questions {
            ask(at);
        }
        asked += questions as u64;
        let took = start.elapsed().as_secs_f64();
        if took > LASTS_S {
            let used = time_on_core_s() - on_core;
            return as_f64(asked) / if used > 0.0 { used } else { took };
        }
    }
}

/// Seconds that this thread had on a core; 0 where the system does not tell.
fn time_on_core_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next();
    first.and_then(|ns| ns.parse::<u64>().ok()).map_or(0.0, as_f64) / 1e9
}

/// The most memory that this process had, where the system tells.
pub(super) fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| {
        let value = line.strip_prefix("VmHWM:")?.trim();
        value.strip_suffix(" kB")?.parse::<u64>().ok()
    });
    as_f64(peak.unwrap_or_default()) / 1024.0
}
