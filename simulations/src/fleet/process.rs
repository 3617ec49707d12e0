//! What the collector's processes take of the machine, read from /proc while a fleet runs.
//!
//! A collector that is restarted is another process: the file that a running collector writes says
//! which one it is now, and the figures of all of them are added up.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Clock ticks of /proc a second: 100 on every Linux that has not been built otherwise (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// What collectors took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Usage {
    /// Processes that were seen: one more for each restart.
    pub(crate) processes: usize,
    /// The largest resident memory of any of them.
    pub(crate) peak_mib: f64,
    /// Processor time of all of them since the fleet began to look.
    pub(crate) cpu_seconds: f64,
}

/// What collectors took during a part of a run: what single things cost follows from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Part {
    /// Which part.
    pub(crate) name: &'static str,
    /// Seconds that it lasted.
    pub(crate) seconds: f64,
    /// Processor time of the collectors during it.
    pub(crate) cpu_seconds: f64,
    /// The largest resident memory of any of them until its end.
    pub(crate) peak_mib: f64,
}

/// The parts of a run until now.
#[derive(Debug)]
pub(crate) struct Parts {
    began_at: Instant,
    cpu_seconds: f64,
    parts: Vec<Part>,
}

impl Parts {
    /// The first part begins.
    pub(crate) const fn begin(now: Instant) -> Self {
        Self { began_at: now, cpu_seconds: 0.0, parts: Vec::new() }
    }

    /// A part has ended, and the next one begins.
    pub(crate) fn end(&mut self, name: &'static str, now: Instant, usage: &Usage) {
        self.parts.push(Part {
            name,
            seconds: (now - self.began_at).as_secs_f64(),
            cpu_seconds: usage.cpu_seconds - self.cpu_seconds,
            peak_mib: usage.peak_mib,
        });
        self.began_at = now;
        self.cpu_seconds = usage.cpu_seconds;
    }

    /// All of them.
    pub(crate) fn all(self) -> Vec<Part> {
        self.parts
    }
}

/// What a running collector says about itself; only its number is read.
#[derive(Debug, Deserialize)]
struct RunFile {
    pid: u32,
}

/// Looks at collectors.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    run_files: Vec<PathBuf>,
    seen: HashMap<u32, Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    ticks_before: u64,
    ticks: u64,
    peak_kib: u64,
}

impl Processes {
    /// Those whose files these are, from now on.
    pub(crate) fn new(run_files: &[PathBuf]) -> Self {
        let mut processes = Self { run_files: run_files.to_vec(), seen: HashMap::new() };
        processes.look();
        for seen in processes.seen.values_mut() {
            // Only of those that run now: what one takes that is started later is all of this
            // run's.
            seen.ticks_before = seen.ticks;
        }
        processes
    }

    /// Looks once. A process that is gone keeps what was seen last.
    pub(crate) fn look(&mut self) {
        for file in &self.run_files {
            let Some((pid, ticks, peak_kib)) = read(file) else {
                // Between two lives of a collector there is nothing to read.
                continue;
            };
            // By its number: a collector that was started again is another one, and its
            // predecessor's figures stay.
            let seen = self.seen.entry(pid).or_default();
            seen.ticks = ticks;
            seen.peak_kib = peak_kib;
        }
    }

    /// What they took until now.
    pub(crate) fn usage(&mut self) -> Usage {
        self.look();
        let ticks: u64 =
            self.seen.values().map(|seen| seen.ticks.saturating_sub(seen.ticks_before)).sum();
        let peak = self.seen.values().map(|seen| seen.peak_kib).max();
        Usage {
            processes: self.seen.len(),
            peak_mib: super::stats::float(peak.unwrap_or(0)) / 1_024.0,
            cpu_seconds: super::stats::float(ticks) / TICKS_PER_SECOND,
        }
    }
}

fn read(file: &PathBuf) -> Option<(u32, u64, u64)> {
    // Without an error in any case: a collector may end between the three files.
    let run: RunFile = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", run.pid)).ok()?;
    let status = fs::read_to_string(format!("/proc/{}/status", run.pid)).ok()?;
    Some((run.pid, ticks_of(&stat)?, peak_kib_of(&status)?))
}

/// User and system time of a process, as proc(5) describes its line.
fn ticks_of(stat: &str) -> Option<u64> {
    // The second field is a name in brackets that may hold anything, brackets included.
    let (_, after) = stat.rsplit_once(')')?;
    // Fields 14 and 15; the first one behind the bracket is the third.
    let mut fields = after.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn peak_kib_of(status: &str) -> Option<u64> {
    // The high-water mark, which the kernel keeps: a peak between two looks is in it.
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn reads_times_behind_any_name_and_the_peak() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100 1 1";
        assert_eq!(ticks_of(stat), Some(300));
        assert_eq!(ticks_of("7 (a) S 1"), None);
        let status = "Name:\ta\nVmPeak:\t  9 kB\nVmHWM:\t  2048 kB\n";
        assert_eq!(peak_kib_of(status), Some(2_048));
        assert_eq!(peak_kib_of("Name:\ta\n"), None);
    }

    #[test]
    fn a_part_is_what_was_taken_since_the_one_before() {
        let now = crate::clock::Clock.now();
        let usage = |cpu_seconds| Usage { cpu_seconds, peak_mib: 9.0, processes: 1 };
        let mut parts = Parts::begin(now);
        parts.end("one", now + Duration::from_secs(2), &usage(3.0));
        parts.end("two", now + Duration::from_secs(6), &usage(5.0));
        let parts = parts.all();
        let told: Vec<_> =
            parts.iter().map(|part| (part.name, part.seconds, part.cpu_seconds)).collect();
        assert_eq!(told, [("one", 2.0, 3.0), ("two", 4.0, 2.0)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn sees_a_running_process_and_bears_one_that_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("collector.json");
        let mut processes = Processes::new(std::slice::from_ref(&file));
        assert_eq!(processes.usage(), Usage::default());
        fs::write(&file, format!(r#"{{"pid":{}}}"#, std::process::id())).expect("writes");
        let usage = processes.usage();
        assert_eq!(usage.processes, 1);
        assert!(usage.peak_mib > 0.5, "{usage:?}");
        // Above the largest number that Linux gives (2^22), so surely nobody's.
        fs::write(&file, r#"{"pid":4294967295}"#).expect("writes");
        assert_eq!(processes.usage().processes, 1);
        assert!(processes.usage().peak_mib > 0.5);
    }
}
