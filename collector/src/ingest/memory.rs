//! How much memory this process has, as the system counts it.

/// Bytes of memory that are resident; `None` where the system does not say.
pub(super) fn resident_bytes() -> Option<u64> {
    // The kernel's own file, which is read without waiting for a disk.
    of_status(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn of_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let status = "Name:\tmuster\nVmHWM:\t  999 kB\nVmRSS:\t    2048 kB\nThreads:\t3\n";
        assert_eq!(of_status(status), Some(2_097_152));
        assert_eq!(of_status("VmRSS:\tmuch\n"), None);
        assert_eq!(of_status(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_has_some() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
    }
}
