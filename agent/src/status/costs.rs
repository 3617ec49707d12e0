//! What the agent's own process costs this machine, where the system says that in a line.

use serde::{Deserialize, Serialize};

/// What the process has and has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// Main memory that it has now, in KiB.
    pub resident_kib: u64,
    /// The most that it ever had, in KiB.
    pub peak_kib: u64,
    /// Time of the processor that it has used since it started, in milliseconds.
    pub cpu_ms: u64,
}

impl Costs {
    /// Those of this process; `None` where the system does not say.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn own() -> Option<Self> {
        use rustix::time::{ClockId, clock_gettime};

        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let kib = |name: &str| -> Option<u64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let (s, ns) = (u64::try_from(cpu.tv_sec).ok()?, u64::try_from(cpu.tv_nsec).ok()?);
        Some(Self {
            resident_kib: kib("VmRSS")?,
            peak_kib: kib("VmHWM")?,
            cpu_ms: s * 1_000 + ns / 1_000_000,
        })
    }

    /// Those of this process; `None` where the system does not say.
    #[cfg(not(target_os = "linux"))]
    #[must_use]
    pub const fn own() -> Option<Self> {
        None
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_some_memory_and_its_time_grows() {
        let before = Costs::own().expect("Linux says");
        assert!(before.resident_kib > 100 && before.peak_kib >= before.resident_kib);
        let mut after = before;
        while after.cpu_ms == before.cpu_ms {
            after = Costs::own().expect("Linux says");
        }
        assert!(after.cpu_ms > before.cpu_ms);
    }
}
