//! What a process costs, as Linux counts it (proc(5)).

use std::time::Duration;

/// What a process has and has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Costs {
    /// Memory that is in main memory, in KiB.
    pub(crate) resident_kib: u64,
    /// The most that ever was, in KiB.
    pub(crate) peak_kib: u64,
    pub(crate) threads: u64,
    /// How often it went to sleep of its own accord, which is how often it woke up.
    pub(crate) switches: u64,
    /// Processor time, in ticks of ten milliseconds.
    pub(crate) cpu_ticks: u64,
}

/// What a running process costs now.
pub(crate) fn costs(id: u32) -> Costs {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let field = |name: &str| -> u64 {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .and_then(|value| value.split_whitespace().next()?.parse().ok())
            .unwrap_or_else(|| panic!("no {name} in {status}"))
    };
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    // The name before may hold spaces; the times are the 14th and 15th field.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let times = fields.split_whitespace().skip(11).take(2);
    Costs {
        resident_kib: field("VmRSS"),
        peak_kib: field("VmHWM"),
        threads: field("Threads"),
        switches: field("voluntary_ctxt_switches"),
        cpu_ticks: times.map(|time| time.parse::<u64>().expect("a number")).sum(),
    }
}

/// What it costs once it has no more than so many threads, which takes a moment after a scan.
pub(crate) fn wait_for_threads(id: u32, threads: u64) -> Costs {
    for _ in 0..2_000 {
        let costs = costs(id);
        if costs.threads <= threads {
            return costs;
        }
        // Between two looks at another process; the bound of the loop is what fails.
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("more than {threads} threads: {:?}", costs(id));
}
