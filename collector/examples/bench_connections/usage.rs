//! What this process has used, as the kernel counts it.

use anyhow::{Context as _, Result};

/// Clock ticks a second in `/proc/self/stat` (proc(5)); the same on every Linux that is not made for it.
const TICKS: f64 = 100.0;

/// What was used up to a moment.
pub(crate) struct Usage {
    /// Seconds of processor time.
    pub(crate) cpu_s: f64,
    /// Memory that is resident.
    pub(crate) resident_kib: f64,
}

impl Usage {
    pub(crate) fn now() -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        // Behind the name, which may hold anything: the 14th and 15th field are the 12th and 13th there.
        let (_, rest) = stat.rsplit_once(')').context("/proc/self/stat")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks =
            |at: usize| -> Result<f64> { Ok(fields.get(at).context("/proc/self/stat")?.parse()?) };
        let status = std::fs::read_to_string("/proc/self/status")?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|line| line.split_whitespace().next())
            .context("VmRSS")?;
        Ok(Self { cpu_s: (ticks(11)? + ticks(12)?) / TICKS, resident_kib: resident.parse()? })
    }
}
